use std::sync::Mutex;

use super::*;
use crate::Verb;
use crate::trainer::test_support::{Disk, FakeClock, MemoryLog};

type Answer = Result<HttpResponse, TransportError>;

/// Gives its answers in order, the last one again and again.
struct Answers(Mutex<Vec<Answer>>);

impl Transport for Answers {
    fn send(&self, _: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut answers = self.0.lock().unwrap();
        if answers.len() == 1 { answers[0].clone() } else { answers.remove(0) }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "stands in lists beside failures")]
fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    Ok(HttpResponse { status, headers, body: body.into() })
}

/// What comes of these answers, and how many seconds that takes.
fn persist(answers: Vec<Answer>) -> (Result<Value, TrainerError>, f64) {
    let (transport, clock, disk) =
        (Answers(Mutex::new(answers)), FakeClock::default(), Disk::default());
    let log = MemoryLog::new(&disk);
    let line = Line { provider: "there", transport: &transport, clock: &clock, log: &log };
    let request = HttpRequest {
        verb: Verb::Get,
        url: "http://there/v1/thing?x=1".into(),
        headers: Vec::new(),
        body: Vec::new(),
        timeout: Duration::from_secs(1),
    };
    (line.persist(|| line.json(&request)), clock.now().as_secs_f64())
}

#[test]
fn passing_failures_are_waited_out_for_as_long_as_the_service_asks() {
    let broken = Err(TransportError::Broken { host: "there".into(), what: "cut".into() });
    let good = || answer(200, &[], "{\"id\":1}");
    let cases = [
        (vec![answer(429, &[("retry-after-ms", "20")], ""), good()], 0.02),
        (vec![answer(503, &[("retry-after", "7")], ""), good()], 7.0),
        (vec![answer(429, &[("retry-after", "9999")], ""), good()], 120.0),
        (vec![answer(500, &[], ""), answer(529, &[], ""), good()], 1.5),
        (vec![broken, good()], 0.5),
        (vec![answer(200, &[], "<html>"), good()], 0.5),
        (vec![answer(200, &[], "{\"error\":{\"code\":502}}"), good()], 0.5),
        (vec![answer(402, &[], ""), good()], 5.0),
    ];
    for (answers, seconds) in cases {
        let shown = format!("{answers:?}");
        let (result, took) = persist(answers);
        assert_eq!(result.unwrap()["id"], 1, "{shown}");
        assert!((took - seconds).abs() < 1e-3, "{shown}: {took}");
    }
}

#[test]
fn what_does_not_pass_is_said_at_once_in_the_words_of_the_service() {
    let body = r#"{"error":{"message":"no money","code":"insufficient_quota"}}"#;
    for status in [400, 401, 403, 404, 422, 429] {
        let (result, took) = persist(vec![answer(status, &[], body)]);
        let text = result.unwrap_err().to_string();
        assert_eq!(
            text,
            format!("there: /v1/thing answered {status}: no money (insufficient_quota)")
        );
        assert!(took < 1e-9);
    }
}

#[test]
fn patience_ends() {
    let (result, took) = persist(vec![answer(503, &[], "down")]);
    assert!(result.unwrap_err().to_string().contains("answered 503: down"), "gave up");
    assert!((600.0..700.0).contains(&took), "{took}");
    let (result, took) = persist(vec![answer(402, &[], "unpaid")]);
    assert!(result.unwrap_err().to_string().contains("unpaid"));
    assert!((3600.0..3700.0).contains(&took), "{took}");
}

#[test]
fn a_cancelled_wait_ends() {
    let (transport, clock, disk) =
        (Answers(Mutex::new(vec![answer(503, &[], "")])), FakeClock::default(), Disk::default());
    let log = MemoryLog { cancelled: true, ..MemoryLog::new(&disk) };
    let line = Line { provider: "there", transport: &transport, clock: &clock, log: &log };
    let result = line.persist(|| -> Result<(), Setback> { Err(Setback::passing("busy")) });
    assert!(matches!(result, Err(TrainerError::Cancelled)));
}

#[test]
fn the_path_of_an_address_has_no_query() {
    for (url, expected) in
        [("http://a/b/c?d=e", "/b/c"), ("http://a", ""), ("b/c", "/c"), ("https://a:1/b", "/b")]
    {
        assert_eq!(path(url), expected);
    }
}
