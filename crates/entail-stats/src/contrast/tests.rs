use proptest::prelude::*;

use super::*;
use crate::summary::mean_interval;
use crate::test_support::{Golden, Stream, cases, contrast_goldens, goldens, is_close, replicates};

fn check_contrast(golden: &Golden, got: Contrast) {
    golden.assert_close("estimate", got.estimate);
    golden.assert_close("low", got.low);
    golden.assert_close("high", got.high);
    golden.assert_same_digits("p", got.p);
}

#[test]
fn welch_agrees_with_scipy() {
    for golden in goldens("welch") {
        let (treated, control) = (golden.floats("treated"), golden.floats("control"));
        check_contrast(&golden, welch(&treated, &control, golden.float("confidence")).unwrap());
    }
}

#[test]
fn against_fixed_agrees_with_scipy() {
    for golden in goldens("against_fixed") {
        let (treated, fixed) = (golden.floats("treated"), golden.float("fixed"));
        let got = against_fixed(&treated, fixed, golden.float("confidence")).unwrap();
        check_contrast(&golden, got);
    }
}

#[test]
fn welch_says_why_there_is_no_contrast() {
    let check = |treated: &[f64], control: &[f64], why| {
        assert_eq!(welch(treated, control, 0.95), Err(why), "{treated:?} {control:?}");
    };
    check(&[], &[], TooLittle::Replicates { treated: 0, control: 0 });
    check(&[0.5], &[0.1, 0.2], TooLittle::Replicates { treated: 1, control: 2 });
    check(&[0.1, 0.2, 0.3], &[0.5], TooLittle::Replicates { treated: 3, control: 1 });
    check(&[0.5, 0.5], &[0.5, 0.5], TooLittle::NoSpread);
    check(&[0.9, 0.9, 0.9], &[0.1, 0.1], TooLittle::NoSpread);
    check(&[0.1 + 0.2, 0.3], &[0.0, 0.0], TooLittle::NoSpread);
    check(&[0.5, f64::NAN], &[0.1, 0.2], TooLittle::NotFinite);
    check(&[0.5, 0.6], &[f64::NEG_INFINITY, 0.2], TooLittle::NotFinite);
    check(&[f64::MAX, -f64::MAX], &[0.1, 0.2], TooLittle::NotFinite);
}

#[test]
fn against_fixed_says_why_there_is_no_contrast() {
    let check = |treated: &[f64], fixed, why| {
        assert_eq!(against_fixed(treated, fixed, 0.95), Err(why), "{treated:?} {fixed}");
    };
    check(&[], 0.1, TooLittle::Values { got: 0, need: 2 });
    check(&[0.5], 0.1, TooLittle::Values { got: 1, need: 2 });
    check(&[0.5, 0.5, 0.5], 0.1, TooLittle::NoSpread);
    check(&[0.5, 0.6], f64::NAN, TooLittle::NotFinite);
    check(&[0.5, f64::INFINITY], 0.1, TooLittle::NotFinite);
}

#[test]
fn reasons_read_as_fragments() {
    let check = |why: TooLittle, text: &str| assert_eq!(why.to_string(), text);
    check(
        TooLittle::Replicates { treated: 1, control: 6 },
        "1 treated and 6 control replicates, a contrast needs two or more of each",
    );
    check(TooLittle::Values { got: 2, need: 3 }, "2 values, needs 3 or more");
    check(TooLittle::NoSpread, "no spread to estimate an error from");
    check(TooLittle::NotFinite, "a value is not finite");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn swapping_arms_flips_welch(treated in replicates(), control in replicates()) {
        let there = welch(&treated, &control, 0.95).unwrap();
        let back = welch(&control, &treated, 0.95).unwrap();
        prop_assert!(is_close(there.estimate, -back.estimate) && is_close(there.p, back.p));
        prop_assert!(is_close(there.low, -back.high) && is_close(there.high, -back.low));
    }

    #[test]
    fn a_common_shift_changes_nothing(treated in replicates(), control in replicates(), by in -10.0..10.0_f64) {
        let moved = |xs: &[f64]| xs.iter().map(|x| x + by).collect::<Vec<_>>();
        let (a, b) = (
            welch(&treated, &control, 0.95).unwrap(),
            welch(&moved(&treated), &moved(&control), 0.95).unwrap(),
        );
        prop_assert!(is_close(a.estimate, b.estimate) && is_close(a.low, b.low));
        prop_assert!(is_close(a.high, b.high) && is_close(a.p, b.p));
    }

    #[test]
    fn a_unit_scales_all_but_p(treated in replicates(), control in replicates(), power in -100..100_i32) {
        let unit = 10.0_f64.powi(power);
        let scaled = |xs: &[f64]| xs.iter().map(|x| x * unit).collect::<Vec<_>>();
        let (a, b) = (
            welch(&treated, &control, 0.95).unwrap(),
            welch(&scaled(&treated), &scaled(&control), 0.95).unwrap(),
        );
        prop_assert!(is_close(a.low, b.low / unit) && is_close(a.high, b.high / unit));
        prop_assert!(is_close(a.estimate, b.estimate / unit) && is_close(a.p, b.p));
    }

    #[test]
    fn order_of_replicates_does_not_matter(treated in replicates(), control in replicates()) {
        let mut turned = treated.clone();
        turned.reverse();
        let (a, b) = (welch(&treated, &control, 0.95).unwrap(), welch(&turned, &control, 0.95).unwrap());
        prop_assert!(is_close(a.low, b.low) && is_close(a.high, b.high) && is_close(a.p, b.p));
    }

    #[test]
    fn interval_excludes_zero_exactly_when_p_is_small(treated in replicates(), control in replicates()) {
        let got = welch(&treated, &control, 0.95).unwrap();
        prop_assert_eq!(got.low > 0.0 || got.high < 0.0, got.p < 0.05);
    }

    #[test]
    fn fixed_contrast_is_the_mean_interval_moved(treated in replicates(), fixed in -5.0..5.0_f64) {
        let got = against_fixed(&treated, fixed, 0.9).unwrap();
        let of_mean = mean_interval(&treated, 0.9).unwrap();
        prop_assert!(is_close(got.low, of_mean.low - fixed) && is_close(got.high, of_mean.high - fixed));
    }
}

const N_DATA_SETS: u64 = 2000;
const N_RUNS: usize = 6;
const N_ANSWERS: usize = 100;

/// Two binomial standard errors of a 95 % share in 2,000 data sets are 1 %; Welch at six a side is
/// itself within half a percent of nominal.
const NOMINAL_COVERAGE: std::ops::RangeInclusive<f64> = 0.935..=0.965;

/// Share of data sets whose interval holds the true difference.
fn coverage(truth: f64, interval: impl Fn(&mut Stream) -> (f64, f64)) -> f64 {
    let holds = |key: &u64| {
        let (low, high) = interval(&mut Stream::new(*key));
        low <= truth && truth <= high
    };
    (0..N_DATA_SETS).filter(holds).count() as f64 / N_DATA_SETS as f64
}

#[test]
fn welch_covers_its_stated_share_of_normal_replicates() {
    let covered = coverage(0.15, |stream| {
        let treated: Vec<f64> = (0..N_RUNS).map(|_| stream.normal(0.45, 0.10)).collect();
        let control: Vec<f64> = (0..N_RUNS).map(|_| stream.normal(0.30, 0.04)).collect();
        let got = welch(&treated, &control, 0.95).unwrap();
        (got.low, got.high)
    });
    assert!(NOMINAL_COVERAGE.contains(&covered), "covers {covered}");
}

/// Successes of each run of an arm whose runs differ in their rate.
fn hierarchical_arm(stream: &mut Stream, rate: f64, run_sd: f64) -> Vec<f64> {
    let mut run = || {
        let prob = stream.normal(rate, run_sd).clamp(0.0, 1.0);
        stream.binomial(N_ANSWERS, prob)
    };
    (0..N_RUNS).map(|_| run()).collect()
}

fn hierarchical_arms(stream: &mut Stream) -> (Vec<f64>, Vec<f64>) {
    (hierarchical_arm(stream, 0.45, 0.10), hierarchical_arm(stream, 0.30, 0.05))
}

#[test]
fn welch_on_run_rates_covers_its_stated_share() {
    let covered = coverage(0.15, |stream| {
        let (treated, control) = hierarchical_arms(stream);
        let rates = |arm: &[f64]| arm.iter().map(|s| s / N_ANSWERS as f64).collect::<Vec<_>>();
        let got = welch(&rates(&treated), &rates(&control), 0.95).unwrap();
        (got.low, got.high)
    });
    assert!(NOMINAL_COVERAGE.contains(&covered), "covers {covered}");
}

/// The mistake this crate exists to prevent, on the same data: with answers as the unit of
/// replication the interval is far too narrow, so the check above can fail.
#[test]
fn pooled_answers_cover_far_less_than_they_state() {
    let n = (N_RUNS * N_ANSWERS) as f64;
    let pooled_z = coverage(0.15, |stream| {
        let (treated, control) = hierarchical_arms(stream);
        let rate = |arm: &[f64]| arm.iter().sum::<f64>() / n;
        let (p1, p0) = (rate(&treated), rate(&control));
        let half = 1.96 * ((p1 * (1.0 - p1) + p0 * (1.0 - p0)) / n).sqrt();
        (p1 - p0 - half, p1 - p0 + half)
    });
    assert!(pooled_z < 0.90, "pooled z covers {pooled_z}");
}

#[test]
fn paired_and_equivalence_agree_with_scipy_and_statsmodels() {
    for golden in contrast_goldens("paired") {
        let got = paired(&golden.floats("treated"), &golden.floats("control"), 0.95).unwrap();
        check_contrast(&golden, got);
    }
    let mut held = 0;
    for golden in contrast_goldens("equivalence") {
        let arm = |key: &str| ArmMean::of_runs(&golden.floats(key), None).unwrap();
        let (margin, alpha) = (golden.float("margin"), golden.float("alpha"));
        let got = equivalence(&arm("treated"), &arm("control"), margin, alpha).unwrap();
        golden.assert_close("low", got.low);
        golden.assert_close("high", got.high);
        golden.assert_same_digits("p", got.p);
        assert_eq!(got.holds, golden.float("p") < alpha, "{golden:?}");
        held += usize::from(got.holds);
    }
    assert!(held > 0 && held < 4, "the cases fall on both sides: {held} of 4");
}

#[test]
fn runs_that_never_differ_are_known_up_to_the_answers_that_were_read() {
    let variance = sampling_variance(0, 600, 100.0);
    let p = 2.0 / 604.0;
    assert!(is_close(variance, p * (1.0 - p) / 100.0));
    let never = ArmMean::of_runs(&[0.0; 6], Some(variance)).unwrap();
    assert!(is_close(never.variance, variance / 6.0));
    let none = never.minus(&never, 0.95).unwrap();
    assert!(none.estimate.abs() < 1e-15 && none.p > 0.99);
    assert!(none.high > 0.004 && none.high < 0.01, "{none:?}");
    assert_eq!(ArmMean::of_runs(&[0.0; 6], None), Err(TooLittle::NoSpread));
    // Where runs do differ, their scatter alone counts, however small.
    let differ = ArmMean::of_runs(&[0.0, 0.0, 0.001], Some(variance)).unwrap();
    assert!(differ.variance < variance / 50.0);
}

#[test]
fn one_model_adds_the_error_of_its_answers_and_no_degrees_of_freedom() {
    let runs = ArmMean::of_runs(&[0.5, 0.51, 0.52, 0.505], None).unwrap();
    let exact = runs.minus(&ArmMean::of_one_model(0.2, 0.0).unwrap(), 0.95).unwrap();
    let sampled = runs.minus(&ArmMean::of_one_model(0.2, 0.0016).unwrap(), 0.95).unwrap();
    assert!(sampled.low < exact.low && sampled.high > exact.high, "{exact:?} {sampled:?}");
    let one = ArmMean::of_one_model(0.5, 0.01).unwrap();
    let two = one.minus(&ArmMean::of_one_model(0.3, 0.0).unwrap(), 0.95).unwrap();
    assert!(is_close(two.high, 0.2 + 1.959_963_984_540_054 * 0.1), "{two:?}");
    assert_eq!(ArmMean::of_one_model(f64::NAN, 0.0), Err(TooLittle::NotFinite));
    assert_eq!(ArmMean::of_runs(&[0.5], Some(0.1)), Err(TooLittle::Values { got: 1, need: 2 }));
}

#[test]
fn counts_make_runs_of_several_models_and_one_model_of_one() {
    let runs = ArmMean::of_counts(&[(2, 10), (4, 10), (3, 10)]).unwrap();
    assert_eq!(Ok(runs), ArmMean::of_runs(&[0.2, 0.4, 0.3], None));
    let never = ArmMean::of_counts(&[(0, 10); 4]).unwrap();
    assert!(is_close(never.variance, sampling_variance(0, 40, 10.0) / 4.0));
    let one = ArmMean::of_counts(&[(2, 10)]).unwrap();
    assert_eq!(Ok(one), ArmMean::of_one_model(0.2, sampling_variance(2, 10, 10.0)));
    assert_eq!(ArmMean::of_counts(&[]), Err(TooLittle::Values { got: 0, need: 1 }));
    let silent = ArmMean::of_counts(&[(1, 10), (0, 0)]);
    assert_eq!(silent, Err(TooLittle::Values { got: 1, need: 2 }));
}

#[test]
fn a_headline_is_the_weakest_of_its_contrasts() {
    let contrast = |estimate: f64, half: f64, p: f64| Contrast {
        estimate,
        low: estimate - half,
        high: estimate + half,
        p,
    };
    let all = against_all(&[contrast(0.5, 0.1, 0.001), contrast(0.3, 0.05, 0.01)]).unwrap();
    assert_eq!(all, Contrast { estimate: 0.3, low: 0.25, high: 0.6, p: 0.01 });
    let wide = against_all(&[contrast(-0.3, 0.05, 0.01), contrast(-0.5, 0.4, 0.2)]).unwrap();
    assert!(is_close(wide.high, -0.1) && is_close(wide.estimate, -0.3) && is_close(wide.p, 0.2));
    assert_eq!(against_all(&[contrast(0.3, 0.1, 0.1), contrast(-0.1, 0.1, 0.5)]), None);
    assert_eq!(against_all(&[]), None);
}

#[test]
#[should_panic(expected = "a margin is above zero")]
fn a_margin_of_nothing_is_a_bug() {
    let arm = ArmMean::of_runs(&[0.1, 0.2], None).unwrap();
    let _ = equivalence(&arm, &arm, 0.0, 0.05);
}
