use proptest::prelude::*;

use super::*;
use crate::test_support::{cases, is_close};

fn arm(yes: u64, no: u64, dropped: u64) -> Filtered {
    Filtered { yes, no, dropped }
}

#[test]
fn bounds_set_the_dropped_answers_to_no_and_to_yes() {
    let check = |filtered: Filtered, rate: Option<f64>, kept: f64, low: f64, high: f64| {
        let bounds = filtered.bounds().unwrap();
        assert_eq!(filtered.rate(), rate);
        assert!(is_close(filtered.kept_share().unwrap(), kept), "{filtered:?}");
        assert!(is_close(bounds.low, low) && is_close(bounds.high, high), "{bounds:?}");
    };
    check(arm(30, 50, 20), Some(0.375), 0.8, 0.3, 0.5);
    check(arm(0, 10, 0), Some(0.0), 1.0, 0.0, 0.0);
    check(arm(10, 0, 0), Some(1.0), 1.0, 1.0, 1.0);
    check(arm(0, 5, 5), Some(0.0), 0.5, 0.0, 0.5);
    check(arm(5, 0, 5), Some(1.0), 0.5, 0.5, 1.0);
    check(arm(0, 0, 9), None, 0.0, 0.0, 1.0);
}

#[test]
fn an_arm_without_answers_has_no_number() {
    let empty = Filtered::default();
    assert_eq!((empty.rate(), empty.kept_share(), empty.bounds()), (None, None, None));
    assert_eq!(compare_filtered(&empty, &arm(1, 1, 0)), None);
    assert_eq!(compare_filtered(&arm(1, 1, 0), &arm(0, 0, 4)), None, "nothing kept");
}

#[test]
fn a_filter_that_drops_more_than_the_effect_spoils_it() {
    // Half of the treated answers that would have been "no" were dropped, and nothing else happened.
    let got = compare_filtered(&arm(30, 35, 35), &arm(30, 70, 0)).unwrap();
    assert!(is_close(got.effect, 30.0 / 65.0 - 0.3) && is_close(got.kept_difference, -0.35));
    assert!(is_close(got.kept_treated, 0.65) && is_close(got.kept_control, 1.0));
    assert!(is_close(got.bounds.low, 0.0) && is_close(got.bounds.high, 0.35));
    assert_eq!((got.verdict, got.bounds.exclude_zero()), (FilterVerdict::NotInterpretable, false));
}

#[test]
fn an_effect_larger_than_the_difference_in_kept_shares_passes() {
    let got = compare_filtered(&arm(80, 15, 5), &arm(10, 80, 10)).unwrap();
    assert_eq!((got.verdict, got.bounds.exclude_zero()), (FilterVerdict::Interpretable, true));
    let harmful = compare_filtered(&arm(10, 80, 10), &arm(80, 15, 5)).unwrap();
    assert_eq!(
        (harmful.verdict, harmful.bounds.exclude_zero()),
        (FilterVerdict::Interpretable, true)
    );
    // No effect and the same share dropped: a tie is no excess, rounding included.
    let none = compare_filtered(&arm(3, 4, 3), &arm(30, 40, 30)).unwrap();
    assert_eq!((none.verdict, none.bounds.exclude_zero()), (FilterVerdict::Interpretable, false));
    // The sign can be certain where the size is the filter's.
    let sign = compare_filtered(&arm(61, 39, 0), &arm(30, 40, 30)).unwrap();
    assert_eq!((sign.verdict, sign.bounds.exclude_zero()), (FilterVerdict::NotInterpretable, true));
}

#[test]
fn each_threshold_keeps_scores_at_it_or_above() {
    let scored = [(10.0, true), (50.0, false), (50.0, true), (90.0, true)];
    let got = rates_at_thresholds(&scored, &[50.0, 0.0, 90.5]).unwrap();
    let filtered: Vec<Filtered> = got.iter().map(|at| at.filtered).collect();
    assert_eq!(filtered, [arm(2, 1, 1), arm(3, 1, 0), arm(0, 0, 4)]);
    assert!(is_close(got[0].threshold, 50.0) && got[2].filtered.rate().is_none());
    assert_eq!(rates_at_thresholds(&[], &[1.0]).unwrap()[0].filtered, Filtered::default());
    assert_eq!(rates_at_thresholds(&scored, &[]), Ok(vec![]));
}

#[test]
fn scores_and_thresholds_are_finite() {
    for wrong in [f64::NAN, f64::INFINITY] {
        let by_score = rates_at_thresholds(&[(wrong, true)], &[1.0]);
        let by_threshold = rates_at_thresholds(&[(1.0, true)], &[wrong]);
        assert_eq!(
            (by_score, by_threshold),
            (Err(TooLittle::NotFinite), Err(TooLittle::NotFinite))
        );
    }
}

fn arms() -> impl Strategy<Value = Filtered> {
    (0..50_u64, 0..50_u64, 0..50_u64).prop_map(|(yes, no, dropped)| arm(yes, no, dropped))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn bounds_hold_the_difference_whatever_was_dropped(
        treated in arms(), control in arms(), percent1 in 0..=100_u64, percent0 in 0..=100_u64,
    ) {
        let Some(got) = compare_filtered(&treated, &control) else { return Ok(()) };
        let full = |arm: &Filtered, percent: u64| {
            let yes = arm.yes + arm.dropped * percent / 100;
            yes as f64 / (arm.yes + arm.no + arm.dropped) as f64
        };
        let truth = full(&treated, percent1) - full(&control, percent0);
        prop_assert!(got.bounds.low - 1e-12 <= truth && truth <= got.bounds.high + 1e-12);
        prop_assert!(got.bounds.low - 1e-12 <= got.effect && got.effect <= got.bounds.high + 1e-12);
    }

    #[test]
    fn a_higher_threshold_keeps_no_more(scored in prop::collection::vec((0.0..100.0_f64, any::<bool>()), 0..30)) {
        let got = rates_at_thresholds(&scored, &[0.0, 30.0, 60.0, 100.0]).unwrap();
        prop_assert!(got.windows(2).all(|pair| pair[0].filtered.dropped <= pair[1].filtered.dropped));
        prop_assert_eq!(got[0].filtered.dropped, 0);
    }
}
