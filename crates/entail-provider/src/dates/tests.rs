use proptest::prelude::*;

use super::*;

/// Expected values from GNU `date -ud … +%s`.
#[test]
fn moments_are_those_of_another_program() {
    for (text, seconds) in [
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
        ("Mon, 23 Nov 2026 20:49:00 GMT", 1_795_466_940),
    ] {
        assert_eq!(http_date(text), Some(Duration::from_secs(seconds)), "{text}");
    }
    for (text, milliseconds) in [
        ("1994-11-06T08:49:37Z", 784_111_777_000),
        ("2026-11-23T20:49:00.25Z", 1_795_466_940_250),
        ("2026-11-23t21:49:00+01:00", 1_795_466_940_000),
        ("2026-11-23T15:19:00-05:30", 1_795_466_940_000),
    ] {
        assert_eq!(rfc3339(text), Some(Duration::from_millis(milliseconds)), "{text}");
    }
}

#[test]
fn what_is_no_moment_is_none() {
    for text in [
        "",
        "120",
        "Sun, 06 Nov 1994",
        "Sun, 06 Foo 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 25:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49 GMT",
    ] {
        assert_eq!(http_date(text), None, "{text}");
    }
    for text in [
        "2026-11-23",
        "2026-13-23T00:00:00Z",
        "2026-11-23T00:00:00",
        "2026-11-23T00:00:00.xZ",
        "1-1-1T0:0:0+é:1",
    ] {
        assert_eq!(rfc3339(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_day_is_one_after_the_day_before(day in 0_u64..100_000) {
        // Walks a calendar from 1970 on by the plain rules.
        let (mut year, mut rest) = (1970, day);
        let leap = |y: u64| (y.is_multiple_of(4) && !y.is_multiple_of(100)) || y.is_multiple_of(400);
        while rest >= 365 + u64::from(leap(year)) {
            rest -= 365 + u64::from(leap(year));
            year += 1;
        }
        let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut month = 0;
        while rest >= lengths[month] {
            rest -= lengths[month];
            month += 1;
        }
        prop_assert_eq!(days(year, month as u64 + 1, rest + 1), day);
    }

    #[test]
    fn no_text_panics(text in "[0-9TZ:,. +\\-GMTNov\\PC]{0,40}") {
        let _ = (http_date(&text), rfc3339(&text));
    }
}
