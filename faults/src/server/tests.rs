use std::io::ErrorKind;

use serde_json::Value;

use super::*;
use crate::test_support::{Client, Heard, chat};
use crate::{Answers, RateLimit, body_hash};

const PATH: &str = "/v1/chat/completions";

fn always(fault: Fault) -> Script {
    Script { faults: vec![(fault, 1.0)], answers: Answers::constant("yes"), ..Script::default() }
}

/// What a chat meets under one fault, and what was counted.
fn meet(fault: Fault) -> (io::Result<Heard>, Counts) {
    let server = Server::start(always(fault)).unwrap();
    let mut client = Client::new(&server);
    client.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    client.send("POST", PATH, "", chat("a").to_string().as_bytes());
    let heard = client.hear();
    let counts = server.counts();
    assert_eq!((counts.calls, counts.faults.get(&fault)), (1, Some(&1)), "{fault:?}");
    assert_eq!(
        counts.whole + counts.spoiled,
        counts.answered.values().sum::<u64>() + counts.spoiled
    );
    (heard, counts)
}

#[test]
fn refusals_by_status_look_as_documented_and_do_no_work() {
    let seconds = Duration::from_millis(1500);
    let cases = [
        (Fault::TooMany, 429, None, None),
        (Fault::TooManyAfter(seconds), 429, Some("2"), None),
        (Fault::TooManyAfterMillis(seconds), 429, None, Some("1500")),
        (Fault::QuotaGone, 429, None, None),
        (Fault::InternalError, 500, None, None),
        (Fault::BadGateway, 502, None, None),
        (Fault::Unavailable, 503, None, None),
        (Fault::Overloaded, 529, None, None),
    ];
    for (fault, status, after, millis) in cases {
        let (heard, counts) = meet(fault);
        let heard = heard.unwrap();
        assert!(heard.complete, "{fault:?}");
        assert_eq!(heard.status, status, "{fault:?}");
        assert_eq!(heard.header("retry-after"), after, "{fault:?}");
        assert_eq!(heard.header("retry-after-ms"), millis, "{fault:?}");
        assert_eq!(
            (counts.whole, counts.spoiled, counts.statuses[&status]),
            (0, 0, 1),
            "{fault:?}"
        );
        if fault == Fault::BadGateway {
            assert!(heard.body.starts_with(b"<html>"));
        } else {
            let code = &heard.json()["error"]["code"];
            assert_eq!(code == "insufficient_quota", fault == Fault::QuotaGone, "{fault:?}");
            assert_eq!(code == "rate_limit_exceeded", status == 429 && fault != Fault::QuotaGone);
        }
    }
}

#[test]
fn an_error_inside_200_has_a_code_and_no_choices() {
    let (heard, counts) = meet(Fault::ErrorInside200(502));
    let heard = heard.unwrap();
    assert_eq!((heard.status, &heard.json()["error"]["code"]), (200, &502.into()));
    assert_eq!(heard.json()["choices"], Value::Null);
    assert_eq!(counts.whole + counts.spoiled, 0);
}

#[test]
fn spoiled_answers_are_broken_on_the_wire_and_counted_as_spoiled() {
    for fault in [Fault::StalledBody, Fault::CutBody, Fault::LengthTooLong] {
        let (heard, counts) = meet(fault);
        let heard = heard.unwrap();
        assert_eq!((heard.status, heard.complete), (200, false), "{fault:?}");
        assert!(!heard.body.is_empty(), "{fault:?}");
        assert_eq!((counts.whole, counts.spoiled, counts.answered.len()), (0, 1, 0), "{fault:?}");
    }
    for fault in [Fault::MalformedJson, Fault::LengthTooShort] {
        let (heard, counts) = meet(fault);
        let heard = heard.unwrap();
        assert!(
            heard.complete && serde_json::from_slice::<Value>(&heard.body).is_err(),
            "{fault:?}"
        );
        assert_eq!((counts.whole, counts.spoiled), (0, 1), "{fault:?}");
    }
    let (heard, counts) = meet(Fault::HugeBody(2));
    let heard = heard.unwrap();
    assert!(heard.body.len() > 2 << 20);
    assert_eq!(heard.json()["choices"][0]["message"]["content"], "yes");
    assert_eq!((counts.whole, counts.spoiled), (0, 1));
}

#[test]
fn a_refused_connection_is_reset_before_any_answer() {
    let (heard, counts) = meet(Fault::Refused);
    assert_eq!(heard.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(counts.endpoints.is_empty(), "nothing of it was read");
}

#[test]
fn a_stall_ends_when_the_client_gives_up() {
    let server = Server::start(always(Fault::StalledBody)).unwrap();
    let mut client = Client::new(&server);
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    client.send("POST", PATH, "", chat("a").to_string().as_bytes());
    assert!(!client.hear().unwrap().complete);
    drop(client);
    while !server.shared.connections().open.is_empty() {
        thread::yield_now();
    }
}

#[test]
fn a_slow_answer_is_whole_for_those_who_wait_and_spoiled_for_others() {
    let slow = Duration::from_millis(80);
    let server = Server::start(always(Fault::SlowHeaders(slow))).unwrap();
    let mut patient = Client::new(&server);
    let asked = Instant::now();
    assert_eq!(patient.ask("POST", PATH, &chat("a")).status, 200);
    assert!(asked.elapsed() >= slow);
    assert_eq!((server.counts().whole, server.counts().spoiled), (1, 0));
    let mut hasty = Client::new(&server);
    hasty.send("POST", PATH, "", chat("b").to_string().as_bytes());
    drop(hasty);
    while server.counts().spoiled == 0 {
        thread::yield_now();
    }
    let counts = server.counts();
    assert_eq!((counts.whole, counts.spoiled, counts.answered.len()), (1, 1, 1));
}

#[test]
fn a_connection_serves_many_calls_and_every_body_is_counted() {
    let server = Server::start(Script::default()).unwrap();
    let mut client = Client::new(&server);
    for text in ["a", "b", "a"] {
        client.post(PATH, &chat(text));
    }
    let counts = server.counts();
    assert_eq!((counts.calls, counts.whole, counts.answered_twice()), (3, 3, 1));
    assert_eq!(counts.answered[&body_hash(chat("a").to_string().as_bytes())], 2);
    assert_eq!(counts.endpoints[&crate::Endpoint::Chat], 3);
    assert_eq!(counts.prompt_tokens, 3 * (1 + 4 + 1));
    client.send("POST", PATH, "connection: close\r\n", chat("c").to_string().as_bytes());
    assert_eq!(client.hear().unwrap().header("connection"), Some("close"));
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn the_mix_follows_from_the_seed_whatever_the_threads() {
    let quick: Vec<(Fault, f64)> =
        [Fault::TooMany, Fault::InternalError, Fault::CutBody, Fault::Refused]
            .map(|fault| (fault, 0.1))
            .to_vec();
    let mix = |seed: u64, n_threads: usize| {
        let script = Script { seed, faults: quick.clone(), ..Script::default() };
        let server = Server::start(script).unwrap();
        thread::scope(|scope| {
            for _ in 0..n_threads {
                scope.spawn(|| {
                    for _ in 0..400 / n_threads {
                        let mut client = Client::new(&server);
                        client.send("POST", PATH, "", chat("a").to_string().as_bytes());
                        let _ = client.hear();
                    }
                });
            }
        });
        let counts = server.counts();
        (counts.faults, counts.whole, counts.spoiled)
    };
    let (faults, whole, spoiled) = mix(7, 1);
    assert_eq!((faults.clone(), whole, spoiled), mix(7, 4));
    assert_ne!(faults, mix(8, 1).0);
    assert!(faults.values().all(|n| (20..=60).contains(n)), "{faults:?}");
    assert_eq!(faults.values().sum::<u64>() + whole, 400);
    assert_eq!(spoiled, faults[&Fault::CutBody]);
}

#[test]
fn a_wrong_key_is_turned_away_and_noted() {
    let script = Script { key: Some("right".into()), ..Script::default() };
    let server = Server::start(script).unwrap();
    let mut client = Client::new(&server);
    let body = chat("a").to_string();
    let headers = [
        "",
        "x-api-key: wrong\r\n",
        "x-api-key: right\r\n",
        "api-key: right\r\n",
        "authorization: Bearer right\r\n",
    ];
    let statuses = headers.map(|header| {
        client.send("POST", PATH, header, body.as_bytes());
        client.hear().unwrap().status
    });
    assert_eq!(statuses, [401, 401, 200, 200, 200]);
    assert_eq!((server.counts().wrong_keys, server.counts().whole), (2, 3));
}

#[test]
fn the_rate_limit_says_what_is_left_and_when_to_come_back() {
    let limit = RateLimit { requests_per_second: 0.5, burst: 2.0, tokens_per_second: Some(1000.0) };
    let server = Server::start(Script { limit: Some(limit), ..Script::default() }).unwrap();
    let mut client = Client::new(&server);
    let heard: Vec<Heard> = (0..3).map(|_| client.ask("POST", PATH, &chat("a"))).collect();
    let statuses: Vec<u16> = heard.iter().map(|heard| heard.status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(heard[0].header("x-ratelimit-limit-requests"), Some("2"));
    assert_eq!(heard[0].header("x-ratelimit-remaining-requests"), Some("1"));
    assert_eq!(heard[0].header("x-ratelimit-limit-tokens"), Some("60000"));
    assert_eq!(heard[2].header("x-ratelimit-remaining-requests"), Some("0"));
    assert_eq!(heard[2].header("retry-after"), Some("2"));
    assert_eq!((server.counts().limited, server.counts().whole), (1, 2));
    let heard = client.ask("POST", "/v1/messages", &chat("a"));
    assert_eq!((heard.status, &heard.json()["error"]["type"]), (429, &"rate_limit_error".into()));
    assert_eq!(heard.header("anthropic-ratelimit-requests-limit"), Some("2"));
}

#[test]
fn calls_at_once_are_counted_at_their_peak() {
    let script = Script { latency: Duration::from_millis(100), ..Script::default() };
    let server = Server::start(script).unwrap();
    thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| Client::new(&server).post(PATH, &chat("a")));
        }
    });
    let peak = server.counts().max_at_work;
    assert!((2..=20).contains(&peak), "{peak}");
}

#[test]
fn stopping_ends_what_is_at_work_and_frees_the_port() {
    let server = Server::start(always(Fault::SlowHeaders(Duration::from_mins(1)))).unwrap();
    let port = server.port();
    let mut client = Client::new(&server);
    client.send("POST", PATH, "", chat("a").to_string().as_bytes());
    let _idle = Client::new(&server);
    while server.counts().calls == 0 {
        thread::yield_now();
    }
    drop(server);
    assert!(client.hear().is_err());
    let again = Server::start_at(port, Script::default()).unwrap();
    assert_eq!(again.port(), port);
    assert_eq!(Client::new(&again).ask("POST", PATH, &chat("a")).status, 200);
}

#[test]
fn scripts_that_make_no_sense_are_turned_down() {
    let limit = RateLimit { requests_per_second: 0.0, burst: 1.0, tokens_per_second: None };
    let scripts = [
        Script { faults: Fault::mixture(1.1), ..Script::default() },
        Script { faults: vec![(Fault::TooMany, -0.1)], ..Script::default() },
        Script { limit: Some(limit), ..Script::default() },
    ];
    for script in scripts {
        assert_eq!(Server::start(script).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
    assert!(Server::start(Script { faults: Fault::mixture(1.0), ..Script::default() }).is_ok());
}
