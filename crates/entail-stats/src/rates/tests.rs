use proptest::prelude::*;

use super::*;
use crate::test_support::{Golden, cases, goldens, is_close};

fn check_interval(golden: &Golden, got: Interval) {
    golden.assert_close("low", got.low);
    golden.assert_close("high", got.high);
}

#[test]
fn wilson_agrees_with_statsmodels() {
    for golden in goldens("wilson") {
        let (s, n) = (golden.count("successes"), golden.count("n"));
        check_interval(&golden, wilson(s, n, golden.float("confidence")).unwrap());
    }
}

#[test]
fn newcombe_agrees_with_statsmodels() {
    for golden in goldens("newcombe") {
        let [s1, n1, s0, n0] = ["s1", "n1", "s0", "n0"].map(|key| golden.count(key));
        let got = newcombe(s1, n1, s0, n0, golden.float("confidence")).unwrap();
        golden.assert_close("estimate", got.estimate);
        check_interval(&golden, got);
    }
}

#[test]
fn newcombe_reproduces_table_ii_of_its_paper() {
    // Newcombe 1998, table II, method 10 at 95 %.
    let check = |[s1, n1, s0, n0]: [u64; 4], low: f64, high: f64| {
        let got = newcombe(s1, n1, s0, n0, 0.95).unwrap();
        assert!((got.low - low).abs() < 6e-5 && (got.high - high).abs() < 6e-5, "{got:?}");
    };
    check([56, 70, 48, 80], 0.0524, 0.3339);
    check([9, 10, 3, 10], 0.1705, 0.8090);
    check([5, 56, 0, 29], -0.0381, 0.1926);
    check([0, 10, 0, 20], -0.1611, 0.2775);
}

#[test]
fn design_effect_agrees_with_clustered_least_squares() {
    for golden in goldens("design_effect_interval") {
        let got = design_effect_interval(&golden.pairs("groups"), golden.float("confidence"));
        golden.assert_close("estimate", got.unwrap().estimate);
        check_interval(&golden, got.unwrap());
    }
}

#[test]
fn log_odds_difference_agrees_with_its_formula() {
    for golden in goldens("log_odds_difference") {
        let [s1, n1, s0, n0] = ["s1", "n1", "s0", "n0"].map(|key| golden.float(key));
        golden.assert_close("difference", log_odds_difference(s1, n1, s0, n0).unwrap());
    }
}

#[test]
fn wilson_ends_are_exact_at_zero_and_full_counts() {
    for n in [1, 2, 7, 49, 1000, 999_983] {
        for confidence in [0.5, 0.95, 0.999] {
            let none = wilson(0, n, confidence).unwrap();
            let full = wilson(n, n, confidence).unwrap();
            assert_eq!((none.estimate.to_bits(), none.low.to_bits()), (0, 0));
            assert_eq!(full.high.to_bits(), 1.0_f64.to_bits());
            assert!(none.high > 0.0 && full.low < 1.0, "an interval has width");
        }
    }
}

#[test]
fn no_trials_are_none() {
    assert_eq!(wilson(0, 0, 0.95), None);
    assert_eq!(newcombe(0, 0, 1, 2, 0.95), None);
    assert_eq!(newcombe(1, 2, 0, 0, 0.95), None);
    assert_eq!(log_odds_difference(0.0, 0.0, 1.0, 2.0), None);
    assert_eq!(log_odds_difference(1.0, 2.0, 0.0, 0.0), None);
    assert_eq!(design_effect_interval(&[], 0.95), None);
    assert_eq!(design_effect_interval(&[(0, 0), (0, 0)], 0.95), None);
    assert_eq!(design_effect_interval(&[(3, 9), (0, 0)], 0.95), None, "one prompt with answers");
}

#[test]
fn answers_are_worth_what_makes_wilson_the_clustered_interval() {
    let groups = [(10, 10), (0, 10), (10, 10), (0, 10), (5, 10), (0, 0)];
    let n = effective_answers(&groups).unwrap();
    assert!(n < 25.0, "{n}");
    let z = normal_critical(0.95);
    let (same, clustered) =
        (score_interval(0.5 * n, n, z), design_effect_interval(&groups, 0.95).unwrap());
    assert!(is_close(same.low, clustered.low) && is_close(same.high, clustered.high));
    assert!(is_close(effective_answers(&[(5, 10); 5]).unwrap(), 50.0), "never more than there are");
    assert!(is_close(effective_answers(&[(0, 10), (0, 3)]).unwrap(), 13.0));
    assert_eq!(effective_answers(&[(3, 9), (0, 0)]), None, "one prompt with answers");
}

#[test]
fn prompts_that_disagree_widen_the_interval() {
    let width = |i: Interval| i.high - i.low;
    let plain = width(wilson(25, 50, 0.95).unwrap());
    let split = [(10, 10), (0, 10), (10, 10), (0, 10), (5, 10)];
    assert!(width(design_effect_interval(&split, 0.95).unwrap()) > 1.5 * plain);
    let even = width(design_effect_interval(&[(5, 10); 5], 0.95).unwrap());
    assert!(is_close(even, plain), "less spread than binomial earns no narrower interval");
}

#[test]
#[should_panic(expected = "got 3 of 2")]
fn more_successes_than_trials_is_a_bug() {
    wilson(3, 2, 0.95);
}

#[test]
#[should_panic(expected = "got 1 of 0")]
fn a_success_without_a_trial_is_a_bug() {
    design_effect_interval(&[(1, 0)], 0.95);
}

#[test]
#[should_panic(expected = "got NaN of 2")]
fn a_count_of_nan_is_a_bug() {
    log_odds_difference(f64::NAN, 2.0, 1.0, 2.0);
}

/// Successes and a number of trials that holds them.
fn counts() -> impl Strategy<Value = (u64, u64)> {
    (1..5000_u64).prop_flat_map(|n| (0..=n, Just(n)))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn wilson_stays_in_range_and_contains_the_estimate((s, n) in counts(), confidence in 0.01..0.999_f64) {
        let got = wilson(s, n, confidence).unwrap();
        prop_assert!(0.0 <= got.low && got.low <= got.estimate);
        prop_assert!(got.estimate <= got.high && got.high <= 1.0);
        prop_assert!(got.low < got.high);
    }

    #[test]
    fn wilson_of_failures_is_the_mirror((s, n) in counts()) {
        let (hits, misses) = (wilson(s, n, 0.95).unwrap(), wilson(n - s, n, 0.95).unwrap());
        prop_assert!(is_close(hits.low, 1.0 - misses.high) && is_close(hits.high, 1.0 - misses.low));
    }

    #[test]
    fn swapping_models_flips_newcombe((s1, n1) in counts(), (s0, n0) in counts()) {
        let there = newcombe(s1, n1, s0, n0, 0.95).unwrap();
        let back = newcombe(s0, n0, s1, n1, 0.95).unwrap();
        prop_assert!(is_close(there.low, -back.high) && is_close(there.high, -back.low));
        prop_assert!(-1.0 <= there.low && there.low <= there.estimate);
        prop_assert!(there.estimate <= there.high && there.high <= 1.0);
    }

    #[test]
    fn order_of_prompts_does_not_matter(groups in prop::collection::vec(counts(), 2..8)) {
        let mut turned = groups.clone();
        turned.reverse();
        let (a, b) = (design_effect_interval(&groups, 0.9).unwrap(), design_effect_interval(&turned, 0.9).unwrap());
        prop_assert!(is_close(a.low, b.low) && is_close(a.high, b.high));
        prop_assert!(0.0 <= a.low && a.low <= a.estimate && a.estimate <= a.high && a.high <= 1.0);
    }
}

/// Values that papers of the field print, to their digits.
#[test]
fn wilson_gives_the_fields_printed_values() {
    for (successes, low, high) in [(0, 0.0, 0.0370), (29, 0.2101, 0.3854), (50, 0.4038, 0.5962)] {
        let got = wilson(successes, 100, 0.95).unwrap();
        assert!((got.low - low).abs() < 5e-5 && (got.high - high).abs() < 5e-5, "{got:?}");
    }
}
