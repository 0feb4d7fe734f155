use proptest::prelude::*;

use super::*;

fn response(headers: &[(&str, &str)]) -> HttpResponse {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    HttpResponse { status: 200, headers, body: Vec::new() }
}

#[test]
fn durations_are_read_as_servers_write_them() {
    for (text, milliseconds) in [
        ("20ms", Some(20)),
        ("1s", Some(1000)),
        ("6m0s", Some(360_000)),
        ("1m30.5s", Some(90_500)),
        ("2h1m", Some(7_260_000)),
        ("1d", Some(86_400_000)),
        ("0", Some(0)),
        ("7.5", Some(7500)),
        ("", None),
        ("s", None),
        ("5", Some(5000)),
        ("5x", None),
        ("1s2", None),
        ("-1s", None),
        ("-1", None),
        ("1e999s", None),
    ] {
        assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text}");
    }
}

#[test]
fn what_openai_says_is_left() {
    let response = response(&[
        ("x-ratelimit-limit-requests", "5000"),
        ("x-ratelimit-remaining-requests", "4999"),
        ("x-ratelimit-remaining-tokens", "159976"),
        ("x-ratelimit-reset-requests", "12ms"),
        ("x-ratelimit-reset-tokens", "6m0s"),
    ]);
    let expected = Remaining {
        requests: Some(4999),
        tokens: Some(159_976),
        requests_reset: Some(Duration::from_millis(12)),
        tokens_reset: Some(Duration::from_mins(6)),
    };
    assert_eq!(Remaining::of(&response), expected);
}

#[test]
fn what_anthropic_says_is_left_by_its_own_clock() {
    let mut headers = vec![
        ("date", "Mon, 23 Nov 2026 20:49:00 GMT"),
        ("anthropic-ratelimit-requests-remaining", "49"),
        ("anthropic-ratelimit-requests-reset", "2026-11-23T20:49:02Z"),
        ("anthropic-ratelimit-input-tokens-remaining", "30000"),
        ("anthropic-ratelimit-output-tokens-remaining", "8000"),
        ("anthropic-ratelimit-tokens-reset", "2026-11-23T20:48:00Z"),
    ];
    let expected = Remaining {
        requests: Some(49),
        tokens: Some(8000),
        requests_reset: Some(Duration::from_secs(2)),
        tokens_reset: Some(Duration::ZERO),
    };
    assert_eq!(Remaining::of(&response(&headers)), expected);
    headers.push(("anthropic-ratelimit-tokens-remaining", "38000"));
    assert_eq!(Remaining::of(&response(&headers)).tokens, Some(38000));
    assert_eq!(Remaining::of(&response(&headers[1..])).requests_reset, None);
    assert_eq!(Remaining::of(&response(&[])), Remaining::default());
}

#[test]
fn the_wait_that_is_asked_for_is_two_minutes_at_most() {
    let date = ("date", "Mon, 23 Nov 2026 20:49:00 GMT");
    for (headers, milliseconds) in [
        (vec![("retry-after", "7")], Some(7000)),
        (vec![("retry-after", "0.5")], Some(500)),
        (vec![("retry-after", "0")], Some(0)),
        (vec![("retry-after", "3600")], Some(120_000)),
        (vec![("retry-after", "1e300")], Some(120_000)),
        (vec![("retry-after", "-1")], None),
        (vec![("retry-after", "NaN")], None),
        (vec![("retry-after", "soon")], None),
        (vec![("retry-after-ms", "250"), ("retry-after", "7")], Some(250)),
        (vec![("retry-after-ms", "x"), ("retry-after", "7")], Some(7000)),
        (vec![date, ("retry-after", "Mon, 23 Nov 2026 20:49:30 GMT")], Some(30_000)),
        (vec![date, ("retry-after", "Mon, 23 Nov 2026 20:48:30 GMT")], Some(0)),
        (vec![("retry-after", "Mon, 23 Nov 2026 20:49:30 GMT")], None),
        (vec![], None),
    ] {
        let expected = milliseconds.map(Duration::from_millis);
        assert_eq!(retry_after(&response(&headers)), expected, "{headers:?}");
    }
}

proptest! {
    #[test]
    fn no_header_panics(text in "[0-9.smhdnuµ\\-e]{0,12}|\\PC*") {
        let _ = duration(&text);
        let response = response(&[("retry-after", &text), ("retry-after-ms", &text)]);
        prop_assert!(retry_after(&response).is_none_or(|wait| wait <= LONGEST_WAIT));
    }
}
