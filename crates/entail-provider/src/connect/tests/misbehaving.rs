//! Through real sockets against the server that misbehaves by script.

use entail_faults::{Fault, Script, Server};

use super::*;
use crate::Connections;

/// The reading of one call to a server that always meets this fault.
fn read_of(
    fault: Option<Fault>,
    name: &dyn Fn(&str) -> String,
) -> Result<Vec<Completion>, CallError> {
    let faults = fault.map(|fault| (fault, 1.0)).into_iter().collect();
    let server = Server::start(Script { faults, ..Script::default() }).unwrap();
    ask(&server, &keys(""), name)
}

fn ask(
    server: &Server,
    keys: &Keys,
    name: &dyn Fn(&str) -> String,
) -> Result<Vec<Completion>, CallError> {
    let wire = wire(&model(&name(&server.url())), keys).unwrap();
    let sampling = Sampling::new(1.0, 1.0, 20);
    let mut request = wire.ask(&[Message::user("Are you awake?")], &sampling, 1, 7);
    request.timeout = Duration::from_millis(500);
    let response = Connections::new(1, 1 << 19).send(&request)?;
    wire.answers(&response)
}

fn vllm(url: &str) -> String {
    format!("vllm:{url}#m")
}

#[test]
fn a_server_that_behaves_is_understood() {
    let answers = read_of(None, &vllm).unwrap();
    assert_eq!((answers.len(), answers[0].finish), (1, Finish::Stop));
    assert!(!answers[0].text.is_empty());
    let server =
        Server::start(Script { key: Some("sk-canary".into()), ..Script::default() }).unwrap();
    let set = keys(&format!("ANTHROPIC_API_KEY=sk-canary\nANTHROPIC_BASE_URL={}", server.url()));
    let answers = ask(&server, &set, &|_| "anthropic:m".into()).unwrap();
    assert_eq!(answers[0].finish, Finish::Stop);
    let wrong = ask(&server, &keys("VLLM_API_KEY=sk-wrong"), &vllm).unwrap_err();
    assert!(matches!(wrong, CallError::Final { .. }), "{wrong:?}");
    assert!(
        wrong.to_string().contains("VLLM_API_KEY") && !wrong.to_string().contains("sk-"),
        "{wrong}"
    );
}

#[test]
fn each_fault_is_told_apart() {
    let seconds = Duration::from_secs;
    for (fault, expected) in [
        (Fault::TooMany, "slow None"),
        (Fault::TooManyAfter(seconds(2)), "slow Some(2s)"),
        (Fault::TooManyAfterMillis(Duration::from_millis(20)), "slow Some(20ms)"),
        (Fault::QuotaGone, "final"),
        (Fault::InternalError, "passing"),
        (Fault::BadGateway, "passing"),
        (Fault::Unavailable, "passing"),
        (Fault::Overloaded, "passing"),
        (Fault::SlowHeaders(seconds(5)), "spoiled"),
        (Fault::StalledBody, "spoiled"),
        (Fault::CutBody, "spoiled"),
        (Fault::MalformedJson, "spoiled"),
        (Fault::ErrorInside200(429), "slow None"),
        (Fault::ErrorInside200(502), "passing"),
        (Fault::ErrorInside200(402), "final"),
        (Fault::LengthTooLong, "spoiled"),
        (Fault::LengthTooShort, "spoiled"),
        (Fault::HugeBody(1), "spoiled"),
        (Fault::Refused, "spoiled"),
    ] {
        let found = match read_of(Some(fault), &vllm).unwrap_err() {
            CallError::Slow { after, .. } => format!("slow {after:?}"),
            CallError::Passing { .. } => "passing".into(),
            CallError::Spoiled { .. } => "spoiled".into(),
            CallError::Final { .. } => "final".into(),
            CallError::ThisOne { .. } => "this one".into(),
        };
        assert_eq!(found, expected, "{fault:?}");
    }
}

#[test]
fn a_first_look_at_a_real_socket() {
    let server = Server::start(Script::default()).unwrap();
    let found =
        probe(&model(&vllm(&server.url())), &Keys::default(), &Connections::new(1, 1 << 20))
            .unwrap();
    assert_eq!(found.answer.unwrap().finish, Finish::Stop);
}
