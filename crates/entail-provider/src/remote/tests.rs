use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use entail_schema::Seed;
use serde_json::Value;

use super::*;
use crate::traffic::fakes::{
    ChatWire, FakeClock, Function, echo, echo_n, questions, sampling, status,
};
use crate::traffic::{Budget, Limits, Money, Patience, Told};
use crate::{Clock, Thinking};

mod sockets;

type Sent = Result<HttpResponse, TransportError>;

/// A service that is a function of the request and the running number of the call.
struct Service {
    calls: Arc<AtomicUsize>,
    clock: Arc<FakeClock>,
    traffic: Arc<Traffic>,
    remote: Remote,
}

fn traffic(clock: &Arc<FakeClock>) -> Traffic {
    Traffic::new(Arc::clone(clock) as Arc<dyn Clock>, Seed(1))
}

fn account() -> Account {
    Account { service: "openai".into(), key_name: "KEY".into(), limits: Limits::default() }
}

fn service(
    most_answers: u32,
    change: impl FnOnce(Traffic) -> Traffic,
    answer: impl Fn(&HttpRequest, usize) -> Sent + Send + Sync + 'static,
) -> Service {
    service_at(Arc::default(), most_answers, change, answer)
}

fn service_at(
    clock: Arc<FakeClock>,
    most_answers: u32,
    change: impl FnOnce(Traffic) -> Traffic,
    answer: impl Fn(&HttpRequest, usize) -> Sent + Send + Sync + 'static,
) -> Service {
    let traffic = Arc::new(change(traffic(&clock)));
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let transport =
        Function(move |r: &HttpRequest| answer(r, count.fetch_add(1, Ordering::SeqCst)));
    let wire = Box::new(ChatWire::new(most_answers));
    let remote = Remote::new(wire, &account(), Arc::new(transport), Arc::clone(&traffic)).unwrap();
    Service { calls, clock, traffic, remote }
}

impl Service {
    /// What was delivered for each key, and what `complete` said.
    fn ask(&self, requests: &[Request]) -> (BTreeMap<Key, Vec<String>>, Result<(), ProviderError>) {
        ask(&self.remote, requests)
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

fn ask(
    provider: &dyn Provider,
    requests: &[Request],
) -> (BTreeMap<Key, Vec<String>>, Result<(), ProviderError>) {
    let delivered = Mutex::new(BTreeMap::<Key, Vec<String>>::new());
    let result = provider.complete(requests, &sampling(), &|key, completion| {
        lock(&delivered).entry(key).or_default().push(completion.text);
    });
    (delivered.into_inner().unwrap(), result)
}

fn assert_each_once(delivered: &BTreeMap<Key, Vec<String>>, requests: &[Request]) {
    let mut keys = 0;
    for request in requests {
        for key in &request.samples {
            let found = delivered.get(key).unwrap_or_else(|| panic!("{key:?} is missing"));
            assert_eq!(found, &vec![request.messages.last().unwrap().content.clone()]);
            keys += 1;
        }
    }
    assert_eq!(delivered.len(), keys);
}

fn refused_connection() -> TransportError {
    TransportError::Connect { host: "host.invalid:80".into(), what: "refused".into() }
}

#[test]
fn a_fifth_of_faults_and_every_answer_once() {
    let service = service(
        4,
        |t| t,
        |request, n| match Seed(5).stream("fault", n as u64).below(25) {
            0 => Ok(status(429, &[])),
            1 => Ok(status(429, &[("retry-after", "2")])),
            2 => Ok(status(500, &[])),
            3 => Err(TransportError::Timeout { host: "h".into(), seconds: 60 }),
            4 => Err(refused_connection()),
            5 => Ok(echo_n(request, 0)),
            6 => Ok(echo_n(request, 1)),
            _ => Ok(echo(request)),
        },
    );
    let requests = questions(2_000, 6);
    let (delivered, result) = service.ask(&requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    let told = service.traffic.told();
    assert_eq!(told.calls, service.calls() as u64);
    assert_eq!(told.calls, told.answered + told.refused + told.failed);
    assert!(told.refused > 200 && told.failed > 400 && told.waited > Duration::ZERO, "{told:?}");
    assert_eq!(told.at_work, 0);
    // Timeouts and responses without answers count at their worst, which is 4 answers of 10 tokens at most.
    let spent = service.traffic.budget().spent().tokens - told.prompt_tokens - told.drawn_tokens;
    assert!(told.spoiled > 200 && told.spoiled < told.failed, "{told:?}");
    assert!((50..=80).contains(&(spent / told.spoiled)), "{spent} for {}", told.spoiled);
}

/// What 20 answers take of the budget where every second call meets this, as told and as the worst case has it.
fn spent_with(fault: impl Fn(&HttpRequest) -> Sent + Send + Sync + 'static) -> (u64, u64, Told) {
    let service = service(
        1,
        |t| t,
        move |request, n| if n % 2 == 0 { fault(request) } else { Ok(echo(request)) },
    );
    let requests = questions(1, 20);
    let (delivered, result) = service.ask(&requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    let told = service.traffic.told();
    let worst = Worst::of(&requests[0].messages, 1, sampling().max_tokens as u64, None);
    let spent = service.traffic.budget().spent().tokens;
    (spent - told.prompt_tokens - told.drawn_tokens, worst.most().tokens * told.failed, told)
}

#[test]
fn an_answer_that_is_lost_is_spent_at_its_worst_and_a_refusal_costs_nothing() {
    let host = || "h".to_owned();
    let half = |request: &HttpRequest| {
        let whole = echo(request);
        let body = whole.body[..whole.body.len() / 2].to_vec();
        Ok(HttpResponse { body, ..whole })
    };
    for (spent, worst, told) in [
        spent_with(half),
        spent_with(|request| Ok(echo_n(request, 0))),
        spent_with(move |_| Err(TransportError::Timeout { host: host(), seconds: 60 })),
        spent_with(move |_| Err(TransportError::Broken { host: host(), what: "cut".into() })),
        spent_with(move |_| Err(TransportError::TooLong { host: host(), limit: 9 })),
    ] {
        assert!(told.failed >= 10 && told.spoiled == told.failed, "{told:?}");
        assert_eq!(spent, worst);
    }
    for (spent, _, told) in [
        spent_with(|_| Ok(status(429, &[]))),
        spent_with(|_| Ok(status(503, &[]))),
        spent_with(|_| Err(refused_connection())),
    ] {
        assert_eq!((spent, told.spoiled), (0, 0), "{told:?}");
        assert!(told.failed + told.refused >= 10, "{told:?}");
    }
}

#[test]
fn a_budget_is_not_passed_where_no_answer_arrives() {
    let budget = Budget::new("1ktok".parse().unwrap());
    let service = service(
        1,
        |t| {
            t.with_budget(budget).with_patience(Patience { failures: 1_000, ..Patience::default() })
        },
        |_, _| Err(TransportError::Timeout { host: "h".into(), seconds: 60 }),
    );
    let requests = questions(50, 1);
    let error = service.ask(&requests).1.unwrap_err();
    assert!(matches!(error, ProviderError::Budget { .. }), "{error}");
    let worst = Worst::of(&requests[0].messages, 1, 10, None).most().tokens;
    // Questions differ by a byte.
    assert!((1_000 / (worst + 1)..=1_000 / worst).contains(&(service.calls() as u64)));
    assert!(service.traffic.budget().spent().tokens <= 1_000);
}

#[test]
fn one_question_is_asked_by_the_thread_that_has_it() {
    let me = std::thread::current().id();
    let service = service(
        1,
        |t| t,
        move |request, _| {
            assert_eq!(std::thread::current().id(), me);
            Ok(echo(request))
        },
    );
    let requests = questions(1, 1);
    let (delivered, result) = service.ask(&requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    // No requests, no calls.
    service.ask(&[]).1.unwrap();
    service.ask(&[Request { messages: vec![], samples: vec![] }]).1.unwrap();
    assert_eq!(service.calls(), 1);
}

#[test]
fn as_many_are_at_work_as_the_limit_lets() {
    let at_work = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let seen = Arc::clone(&at_work);
    let service = service(
        1,
        |t| t,
        move |request, _| {
            let now = seen.0.fetch_add(1, Ordering::SeqCst) + 1;
            seen.1.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(2));
            seen.0.fetch_sub(1, Ordering::SeqCst);
            Ok(echo(request))
        },
    );
    let requests = questions(2_000, 1);
    service.ask(&requests).1.unwrap();
    let most = at_work.1.load(Ordering::SeqCst);
    assert!(most > 32 && most <= 200, "{most} at once");
}

#[test]
fn a_wrong_key_stops_at_once() {
    let service = service(1, |t| t, |_, _| Ok(status(401, &[])));
    let (delivered, result) = service.ask(&questions(5_000, 1));
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "test service: status 401");
    assert!(delivered.is_empty());
    assert!(service.calls() <= 8, "{} calls", service.calls());
}

#[test]
fn a_request_that_is_not_taken_leaves_the_others_alone() {
    let service = service(
        1,
        |t| t,
        |request, _| {
            let body = String::from_utf8_lossy(&request.body);
            let bad =
                ["question 7\"", "question 8\"", "question 13\""].iter().any(|q| body.contains(q));
            Ok(if bad { status(400, &[]) } else { echo(request) })
        },
    );
    let requests = questions(300, 1);
    let (delivered, result) = service.ask(&requests);
    assert_eq!(delivered.len(), 297);
    let error = result.unwrap_err().to_string();
    assert_eq!(error, "test service: status 400 (2 other calls failed as well)");
    assert_eq!(service.calls(), 300, "a no is not asked for again");
}

#[test]
fn a_request_that_always_fails_is_given_up() {
    let service = service(
        1,
        |t| t,
        |request, _| {
            let bad = String::from_utf8_lossy(&request.body).contains("question 7\"");
            Ok(if bad { status(500, &[]) } else { echo(request) })
        },
    );
    let requests = questions(100, 1);
    let (delivered, result) = service.ask(&requests);
    assert_eq!(delivered.len(), 99);
    let error = result.unwrap_err().to_string();
    assert!(error.starts_with("test service: asked ") && error.contains("status 500"), "{error}");
    assert!((99 + 8..=99 + 24).contains(&service.calls()), "{} calls", service.calls());
}

#[test]
fn refusals_are_borne_for_half_an_hour_of_silence() {
    let service = service(1, |t| t, |_, _| Ok(status(429, &[("retry-after", "60")])));
    let (_, result) = service.ask(&questions(5, 1));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("no answer for 3") && error.contains("status 429"), "{error}");
    assert!(service.clock.now() >= Duration::from_mins(30), "{:?}", service.clock.now());
    assert!(service.calls() < 500, "{} calls", service.calls());
}

#[test]
fn a_wrong_address_is_one_clear_error_and_not_twenty_thousand() {
    let service = service(1, |t| t, |_, _| Err(refused_connection()));
    let (_, result) = service.ask(&questions(20_000, 1));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("is the address right") && error.contains("host.invalid:80"), "{error}");
    assert!(service.calls() < 400, "{} calls", service.calls());
}

#[test]
fn an_outage_of_half_a_minute_fails_no_request() {
    let clock = Arc::new(FakeClock::default());
    let time = Arc::clone(&clock);
    let service = service_at(
        clock,
        1,
        |t| t,
        move |request, _| {
            time.sleep(Duration::from_millis(50));
            let out = (10..40).contains(&time.now().as_secs());
            if out { Err(refused_connection()) } else { Ok(echo(request)) }
        },
    );
    let requests = questions(1_000, 1);
    let (delivered, result) = service.ask(&requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert!(service.traffic.told().failed > 0, "the outage was met");
}

#[test]
fn a_budget_is_used_and_not_passed() {
    // Worst case: 35 + 10 tokens; taken: 15.
    let budget = Budget::new("1500tok".parse().unwrap());
    let service = service(1, |t| t.with_budget(budget), |request, _| Ok(echo(request)));
    let (delivered, result) = service.ask(&questions(1_000, 1));
    let error = result.unwrap_err();
    assert!(
        matches!(&error, ProviderError::Budget { what } if what.contains("1500 tokens")),
        "{error}"
    );
    let spent = service.traffic.budget().spent().tokens;
    assert_eq!(spent, 15 * delivered.len() as u64);
    assert!((1_400..=1_500).contains(&spent), "{spent}");
}

#[test]
fn money_is_counted_by_the_table() {
    let budget = Budget::new("1usd".parse().unwrap());
    let service = service(1, |t| t.with_budget(budget), |request, _| Ok(echo(request)));
    service.ask(&questions(100, 1)).1.unwrap();
    // 10 tokens at 2 dollars and 5 at 8 dollars a million.
    assert_eq!(service.traffic.told().money, Money::from_dollars(100.0 * 60e-6));
}

#[test]
fn money_without_a_price_is_refused_before_anything_is_sent() {
    let clock = Arc::new(FakeClock::default());
    let none = crate::Prices::parse("").unwrap();
    let traffic =
        traffic(&clock).with_prices(none).with_budget(Budget::new("5usd".parse().unwrap()));
    let transport = Arc::new(Function(|_: &HttpRequest| -> Sent { panic!("nothing is sent") }));
    let wire = Box::new(ChatWire::new(1));
    let error = Remote::new(wire, &account(), transport, Arc::new(traffic)).unwrap_err();
    assert!(matches!(error, ProviderError::NoPrice { model } if model == "gpt-4.1"));
}

#[test]
fn a_stopped_run_keeps_what_was_at_work() {
    let stop = Arc::new(AtomicBool::new(false));
    let (flag, sent) = (Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
    let ended = Arc::clone(&sent);
    let service = service(
        1,
        |t| t.with_cancelled(stop),
        move |request, n| {
            if n == 100 {
                flag.store(true, Ordering::SeqCst);
            }
            std::thread::sleep(Duration::from_millis(1));
            ended.fetch_add(1, Ordering::SeqCst);
            Ok(echo(request))
        },
    );
    let (delivered, result) = service.ask(&questions(5_000, 1));
    assert!(matches!(result, Err(ProviderError::Cancelled)));
    assert_eq!(delivered.len(), sent.load(Ordering::SeqCst));
    assert!(delivered.len() >= 101 && delivered.len() < 400, "{}", delivered.len());
}

/// Three threads ask one question that all share and one of their own. The shared one is not answered before all
/// threads asked their own, and so have met the shared one. What the shared call brings first is given.
fn shared_by_three(first: fn(&HttpRequest) -> Sent) -> (Vec<Result<(), ProviderError>>, usize) {
    let (met, all_met) = (Mutex::new(0), std::sync::Condvar::new());
    let shared_calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&shared_calls);
    let service = service(
        1,
        |t| t,
        move |request, _| {
            if String::from_utf8_lossy(&request.body).contains("question 0") {
                let before = count.fetch_add(1, Ordering::SeqCst);
                drop(all_met.wait_while(lock(&met), |met| *met < 3).unwrap());
                return if before == 0 { first(request) } else { Ok(echo(request)) };
            }
            *lock(&met) += 1;
            all_met.notify_all();
            Ok(echo(request))
        },
    );
    let requests = questions(4, 1);
    let results = std::thread::scope(|scope| {
        let ask = |own: usize| {
            let asked = [requests[0].clone(), requests[own].clone()];
            let (delivered, result) = service.ask(&asked);
            if result.is_ok() {
                assert_each_once(&delivered, &asked);
            }
            result
        };
        let threads: Vec<_> = (1..4).map(|own| scope.spawn(move || ask(own))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (results, shared_calls.load(Ordering::SeqCst))
}

#[test]
fn equal_samples_at_the_same_time_are_drawn_once() {
    let (results, calls) = shared_by_three(|request| Ok(echo(request)));
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(calls, 1);
}

#[test]
fn a_sample_whose_leader_fails_is_drawn_by_a_follower() {
    let (results, calls) = shared_by_three(|_| Ok(status(400, &[])));
    assert_eq!(results.iter().filter(|result| result.is_err()).count(), 1, "{results:?}");
    assert!((2..=3).contains(&calls), "{calls}");
}

#[test]
fn a_key_that_stands_twice_is_delivered_once() {
    let service = service(3, |t| t, |request, _| Ok(echo(request)));
    let mut requests = questions(2, 3);
    let twice = requests[0].samples[0];
    requests[0].samples.push(twice);
    requests.push(requests[1].clone());
    let (delivered, result) = service.ask(&requests);
    result.unwrap();
    assert_each_once(&delivered, &questions(2, 3));
    assert_eq!(service.calls(), 2);
}

#[test]
fn a_calls_seed_is_whole_and_follows_the_first_sample() {
    let seeds = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&seeds);
    let service = service(
        2,
        |t| t,
        move |request, _| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            lock(&seen).push(body["seed"].as_u64().unwrap());
            Ok(echo(request))
        },
    );
    let requests = questions(100, 3);
    service.ask(&requests).1.unwrap();
    let mut expected: Vec<u64> = requests
        .iter()
        .flat_map(|r| [r.samples[0], r.samples[2]])
        .map(|key| key.seed().0)
        .collect();
    let mut found = lock(&seeds).clone();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(found.iter().any(|&seed| seed > u64::MAX >> 1), "wires narrow seeds, nobody else does");
}

#[test]
fn an_answer_is_delivered_before_its_call_counts_as_done() {
    let service = service(1, |t| t, |request, _| Ok(echo(request)));
    let delivered = AtomicUsize::new(0);
    let deliver = |_: Key, _: Completion| {
        // The own call is still at work.
        assert!(service.traffic.told().at_work > 0);
        delivered.fetch_add(1, Ordering::SeqCst);
        assert!(service.traffic.told().answered < delivered.load(Ordering::SeqCst) as u64);
    };
    service.remote.complete(&questions(200, 1), &sampling(), &deliver).unwrap();
}

#[test]
fn what_a_service_lacks_is_said_before_anything_is_sent() {
    let service = service(1, |t| t, |_, _| panic!("nothing is sent"));
    let mut requests = questions(1, 1);
    let logprobs = Sampling { logprobs: Some(3), ..sampling() };
    let result = service.remote.complete(&requests, &logprobs, &|_, _| {});
    assert_eq!(
        result.unwrap_err().to_string(),
        "test service does not offer log-probabilities of drawn tokens with 3 alternatives"
    );
    let thinking = Sampling { thinking: Some(Thinking::Off), ..sampling() };
    let result = service.remote.complete(&requests, &thinking, &|_, _| {});
    assert_eq!(
        result.unwrap_err().to_string(),
        "test service does not offer answers with thinking turned off"
    );
    requests[0].messages.push(Message::assistant("I"));
    let error = service.ask(&requests).1.unwrap_err().to_string();
    assert_eq!(error, "test service does not offer a continued turn of the assistant");
}

#[test]
fn scores_are_asked_for_again_like_answers() {
    let service = service(
        1,
        |t| t,
        |request, n| {
            let body = request.body.clone();
            Ok(HttpResponse { body, ..status(if n == 1 { 500 } else { 200 }, &[]) })
        },
    );
    let continuations = ["a".to_owned(), "bcd".to_owned()];
    let scores = service.remote.score(&[Message::user("?")], &continuations).unwrap();
    assert_eq!(scores, [-13.0, -15.0]);
    assert_eq!(service.calls(), 4, "two, of which one failed, and two");
}

#[test]
fn what_is_left_holds_calls_back() {
    let clock = Arc::new(FakeClock::default());
    let traffic = Arc::new(traffic(&clock));
    let transport = Arc::new(Function(|request: &HttpRequest| -> Sent {
        let headers =
            [("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "10s")];
        Ok(HttpResponse { headers: status(200, &headers).headers, ..echo(request) })
    }));
    let account = Account { limits: Limits { most: 1, ..Limits::default() }, ..account() };
    let remote = Remote::new(Box::new(ChatWire::new(1)), &account, transport, traffic).unwrap();
    ask(&remote, &questions(4, 1)).1.unwrap();
    assert!((30..=33).contains(&clock.now().as_secs()), "{:?}", clock.now());
}
