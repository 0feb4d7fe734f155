use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use entail_faults::{Answer, Answers, BatchScript, Question, Script, Server};
use entail_schema::Seed;

use super::*;
use crate::http::{HttpResponse, TransportError, Verb};
use crate::traffic::fakes::{ChatWire, FakeClock, Function, questions, sampling};
use crate::traffic::lane::lock;
use crate::traffic::{Budget, Limits};
use crate::{Completion, Connections, LogError, Transport};

type Sent = Result<HttpResponse, TransportError>;

/// A log in memory, and a wish to stop after so many looks.
#[derive(Default)]
struct Memory {
    text: Mutex<Option<String>>,
    looks: AtomicUsize,
    stop_after: Option<usize>,
    broken: AtomicBool,
    unreadable: AtomicBool,
}

impl JobLog for Memory {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        if self.unreadable.load(Ordering::SeqCst) {
            return Err("no such disk".into());
        }
        Ok(lock(&self.text).clone())
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err("disk full".into());
        }
        *lock(&self.text) = Some(state.to_owned());
        Ok(())
    }

    fn tell(&self, _: u64, _: u64, _: &str) {
        self.looks.fetch_add(1, Ordering::SeqCst);
    }

    fn cancelled(&self) -> bool {
        self.stop_after.is_some_and(|n| self.looks.load(Ordering::SeqCst) >= n)
    }
}

fn script(batch: BatchScript) -> Script {
    let echo = |question: &Question<'_>| Answer::Says(question.last_user().into());
    Script { answers: Answers::new(echo), batch, ..Script::default() }
}

const GOOD: BatchScript = BatchScript { polls: 3, duplicated: 0.0, failed: 0.0, unanswered: 0.0 };

/// What is between the client and the server.
type Between = dyn Fn(&HttpRequest, &dyn Transport) -> Sent + Send + Sync;

fn batch_remote(
    server: &Server,
    log: &Arc<Memory>,
    budget: &str,
    between: Box<Between>,
) -> (BatchRemote, Arc<Traffic>) {
    let budget = Budget::new(budget.parse().unwrap());
    let clock = Arc::new(FakeClock::default());
    let traffic = Arc::new(Traffic::new(clock, Seed(1)).with_budget(budget));
    let account =
        Account { service: "openai".into(), key_name: "KEY".into(), limits: Limits::default() };
    let url = format!("{}/v1/chat/completions", server.url());
    let wire = Box::new(ChatWire { url, ..ChatWire::new(2) });
    let connections = Connections::new(4, 10_000_000);
    let transport = Arc::new(Function(move |r: &HttpRequest| between(r, &connections)));
    let single = Remote::new(wire, &account, transport, Arc::clone(&traffic)).unwrap();
    let log = Arc::clone(log) as BatchLog;
    let interval = Duration::from_mins(1);
    (BatchRemote::new(single, BatchForm::OpenAi, &account, log, interval), traffic)
}

fn straight() -> Box<Between> {
    Box::new(|request, connections| connections.send(request))
}

/// Counts batches that are made.
fn counting(made: &Arc<AtomicUsize>) -> Box<Between> {
    let made = Arc::clone(made);
    Box::new(move |request, connections| {
        if request.verb == Verb::Post && request.url.ends_with("/batches") {
            made.fetch_add(1, Ordering::SeqCst);
        }
        connections.send(request)
    })
}

fn ask(
    remote: &BatchRemote,
    requests: &[Request],
) -> (BTreeMap<Key, Vec<String>>, Result<(), ProviderError>) {
    let delivered = Mutex::new(BTreeMap::<Key, Vec<String>>::new());
    let result = remote.complete(requests, &sampling(), &|key, completion: Completion| {
        lock(&delivered).entry(key).or_default().push(completion.text);
    });
    (delivered.into_inner().unwrap(), result)
}

fn assert_each_once(delivered: &BTreeMap<Key, Vec<String>>, requests: &[Request]) {
    let mut expected = BTreeMap::new();
    for request in requests {
        for key in &request.samples {
            expected.insert(*key, vec![request.messages.last().unwrap().content.clone()]);
        }
    }
    assert_eq!(delivered, &expected);
}

#[test]
fn answers_come_once_each_though_lines_come_twice_fail_or_expire() {
    let bad = BatchScript { polls: 3, duplicated: 0.3, failed: 0.02, unanswered: 0.05 };
    let server = Server::start(script(bad)).unwrap();
    let log = Arc::new(Memory::default());
    let (remote, traffic) = batch_remote(&server, &log, "10usd", straight());
    let requests = questions(100, 3);
    let (delivered, result) = ask(&remote, &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert_eq!(server.counts().answered_twice(), 0);
    assert_eq!(lock(&log.text).as_deref(), Some(r#"{"batches":[]}"#));
    // Half of 2 and 8 dollars a million.
    let told = traffic.told();
    let dollars = (told.prompt_tokens as f64 + 4.0 * told.drawn_tokens as f64) / 1e6;
    assert!((told.money.dollars() - dollars).abs() < 1e-9, "{told:?}");
}

#[test]
fn a_stopped_process_finds_its_batch_again() {
    let server = Server::start(script(BatchScript { polls: 5, ..GOOD })).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let first = Arc::new(Memory { stop_after: Some(2), ..Memory::default() });
    let requests = questions(20, 1);
    let (delivered, result) =
        ask(&batch_remote(&server, &first, "10usd", counting(&made)).0, &requests);
    assert!(matches!(result, Err(ProviderError::Cancelled)), "{result:?}");
    assert!(delivered.is_empty());

    let second =
        Arc::new(Memory { text: Mutex::new(first.recorded().unwrap()), ..Memory::default() });
    let (remote, traffic) = batch_remote(&server, &second, "10usd", counting(&made));
    // One question more than before: only that one is asked.
    let more = questions(21, 1);
    let (delivered, result) = ask(&remote, &more);
    result.unwrap();
    assert_each_once(&delivered, &more);
    assert_eq!(made.load(Ordering::SeqCst), 2);
    assert_eq!(server.counts().answered_twice(), 0);
    let told = traffic.told();
    assert_eq!(told.drawn_tokens, server.counts().completion_tokens, "all is paid for here");
}

#[test]
fn a_process_killed_between_making_and_writing_finds_its_batch_by_name() {
    let server = Server::start(script(GOOD)).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let log = Arc::new(Memory { stop_after: Some(1), ..Memory::default() });
    let requests = questions(20, 1);
    ask(&batch_remote(&server, &log, "10usd", counting(&made)).0, &requests).1.unwrap_err();
    let mut record: Record = serde_json::from_str(&log.recorded().unwrap().unwrap()).unwrap();
    record.batches[0].id = None;
    // And one that was written down and never made.
    record.batches.push(Begun { name: "none".into(), lines: 3, id: None });
    let text = Mutex::new(Some(serde_json::to_string(&record).unwrap()));
    let log = Arc::new(Memory { text, ..Memory::default() });
    let (delivered, result) =
        ask(&batch_remote(&server, &log, "10usd", counting(&made)).0, &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn a_batch_whose_confirmation_is_lost_is_not_made_twice() {
    let server = Server::start(script(GOOD)).unwrap();
    let log = Arc::new(Memory::default());
    let lost = AtomicUsize::new(0);
    let between: Box<Between> = Box::new(move |request, connections| {
        let sent = connections.send(request);
        let creates = request.verb == Verb::Post && request.url.ends_with("/batches");
        if creates && lost.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(TransportError::Timeout { host: "h".into(), seconds: 60 });
        }
        sent
    });
    let requests = questions(10, 1);
    let (delivered, result) = ask(&batch_remote(&server, &log, "10usd", between).0, &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert_eq!(server.counts().answered_twice(), 0);
}

#[test]
fn large_work_is_split_by_lines_and_by_bytes() {
    for limits in [
        BatchLimits { lines: 30, ..BatchLimits::default() },
        BatchLimits { lines: 1_000, bytes: 9_000 },
    ] {
        let server = Server::start(script(GOOD)).unwrap();
        let made = Arc::new(AtomicUsize::new(0));
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let (seen, count) = (Arc::clone(&sizes), Arc::clone(&made));
        let between: Box<Between> = Box::new(move |request, connections| {
            if request.url.ends_with("/files") {
                lock(&seen).push(request.body.len());
                count.fetch_add(1, Ordering::SeqCst);
            }
            connections.send(request)
        });
        let (remote, _) = batch_remote(&server, &Arc::default(), "10usd", between);
        let requests = questions(100, 1);
        let (delivered, result) = ask(&remote.with_limits(limits), &requests);
        result.unwrap();
        assert_each_once(&delivered, &requests);
        let made = made.load(Ordering::SeqCst);
        assert!((3..=5).contains(&made), "{made} parts for {limits:?}");
        // The frame of an upload is some 300 bytes.
        assert!(lock(&sizes).iter().all(|size| *size <= limits.bytes + 400));
    }
}

#[test]
fn nothing_is_made_that_the_budget_does_not_hold_or_the_log_does_not_take() {
    let server = Server::start(script(GOOD)).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let log = Arc::new(Memory::default());
    let (remote, traffic) = batch_remote(&server, &log, "100tok", counting(&made));
    let error = ask(&remote, &questions(20, 1)).1.unwrap_err();
    assert!(matches!(error, ProviderError::Budget { .. }), "{error}");
    assert_eq!(traffic.budget().spent().tokens, 0);

    log.broken.store(true, Ordering::SeqCst);
    let (remote, _) = batch_remote(&server, &log, "10usd", counting(&made));
    let error = ask(&remote, &questions(20, 1)).1.unwrap_err().to_string();
    assert!(error.contains("log of batches cannot be written: disk full"), "{error}");
    assert_eq!(made.load(Ordering::SeqCst), 0);

    let log = Arc::new(Memory { text: Mutex::new(Some("{".into())), ..Memory::default() });
    let (remote, _) = batch_remote(&server, &log, "10usd", counting(&made));
    let error = ask(&remote, &questions(20, 1)).1.unwrap_err().to_string();
    assert!(error.contains("log of batches cannot be read"), "{error}");
}

#[test]
fn a_log_that_cannot_be_read_never_leads_to_a_second_batch() {
    let server = Server::start(script(BatchScript { polls: 5, ..GOOD })).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let first = Arc::new(Memory { stop_after: Some(1), ..Memory::default() });
    let requests = questions(20, 1);
    let stopped = ask(&batch_remote(&server, &first, "10usd", counting(&made)).0, &requests).1;
    assert!(matches!(stopped, Err(ProviderError::Cancelled)), "{stopped:?}");
    let text = Mutex::new(first.recorded().unwrap());
    let log = Arc::new(Memory { text, unreadable: true.into(), ..Memory::default() });
    let (remote, _) = batch_remote(&server, &log, "10usd", counting(&made));
    let error = ask(&remote, &requests).1.unwrap_err().to_string();
    assert!(error.contains("log of batches cannot be read: no such disk"), "{error}");
    log.unreadable.store(false, Ordering::SeqCst);
    let (delivered, result) = ask(&remote, &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
    assert_eq!(made.load(Ordering::SeqCst), 1);
}

#[test]
fn a_batch_that_the_service_does_not_begin_is_told_and_does_not_stand_in_the_way() {
    let server = Server::start(script(GOOD)).unwrap();
    let log = Arc::new(Memory::default());
    let looks = AtomicUsize::new(0);
    let between: Box<Between> = Box::new(move |request, connections| {
        let sent = connections.send(request)?;
        let looked = request.verb == Verb::Get && request.url.contains("/batches/batch");
        if looked && looks.fetch_add(1, Ordering::SeqCst) == 0 {
            let mut body: Value = serde_json::from_slice(&sent.body).unwrap();
            body["status"] = "failed".into();
            body["errors"] = serde_json::json!({"data": [{"message": "too many tokens wait"}]});
            return Ok(HttpResponse { body: body.to_string().into_bytes(), ..sent });
        }
        Ok(sent)
    });
    let requests = questions(20, 1);
    let (remote, traffic) = batch_remote(&server, &log, "10usd", between);
    let error = ask(&remote, &requests).1.unwrap_err().to_string();
    assert!(error.contains("was not begun: too many tokens wait"), "{error}");
    assert_eq!(traffic.budget().spent().tokens, 0);
    let (delivered, result) = ask(&remote, &requests);
    result.unwrap();
    assert_each_once(&delivered, &requests);
}

#[test]
fn a_service_that_answers_nothing_is_asked_three_times() {
    let server = Server::start(script(BatchScript { unanswered: 1.0, ..GOOD })).unwrap();
    let made = Arc::new(AtomicUsize::new(0));
    let (remote, _) = batch_remote(&server, &Arc::default(), "10usd", counting(&made));
    let error = ask(&remote, &questions(20, 1)).1.unwrap_err().to_string();
    assert!(error.contains("20 calls had no answer in 3 batches"), "{error}");
    assert_eq!(made.load(Ordering::SeqCst), 3);
}
