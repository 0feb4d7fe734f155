use proptest::prelude::*;

use super::*;
use crate::contrast::welch;
use crate::test_support::{Golden, Stream, cases, goldens_in, is_close};

fn judge_goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../../fixtures/stats/judge.json"), function)
}

/// From true positives, labelled true, true negatives, labelled false.
fn calibration([tp, positives, tn, negatives]: [u64; 4]) -> Calibration {
    Calibration {
        true_positives: tp,
        false_negatives: positives - tp,
        true_negatives: tn,
        false_positives: negatives - tn,
    }
}

fn golden_calibration(golden: &Golden, key: &str) -> Calibration {
    calibration([0, 1, 2, 3].map(|place: usize| golden.json(key)[place].as_u64().unwrap()))
}

fn golden_arm(golden: &Golden, key: &str) -> ArmMean {
    let arm = golden.floats(key);
    ArmMean { mean: arm[0], variance: arm[1], df: arm[2] }
}

fn check_contrast(golden: &Golden, got: Contrast) {
    golden.assert_close("estimate", got.estimate);
    golden.assert_close("low", got.low);
    golden.assert_close("high", got.high);
    golden.assert_same_digits("p", got.p);
}

const GOOD: [u64; 4] = [45, 50, 47, 50];

#[test]
fn calibration_counts_labels_and_keeps_the_wilson_intervals() {
    let human = [true, true, true, false, false];
    let judge = [true, true, false, false, true];
    let got = Calibration::of_labels(&human, &judge);
    assert_eq!(got, calibration([2, 3, 1, 2]));
    assert_eq!(got.sensitivity(0.95), wilson(2, 3, 0.95));
    assert_eq!(got.specificity(0.9), wilson(1, 2, 0.9));
    assert!(is_close(got.youden().unwrap(), 1.0 / 6.0));
}

#[test]
fn empty_classes_have_no_share_and_no_correction() {
    let no_true = calibration([0, 0, 5, 6]);
    assert_eq!((no_true.sensitivity(0.95), no_true.specificity(0.95).is_some()), (None, true));
    let no_labels = |positives, negatives| JudgeError::NoLabels { positives, negatives };
    assert_eq!(no_true.youden(), Err(no_labels(0, 6)));
    assert_eq!(calibration([3, 4, 0, 0]).youden(), Err(no_labels(4, 0)));
    assert_eq!(Calibration::of_labels(&[], &[]).youden(), Err(no_labels(0, 0)));
    assert_eq!(lang_reiczigel(0.2, 10.0, &no_true, 0.95), Err(no_labels(0, 6)));
}

#[test]
fn a_judge_at_chance_or_below_is_refused() {
    let observed = ArmMean { mean: 0.4, variance: 0.001, df: 5.0 };
    for counts in [[5, 10, 5, 10], [2, 10, 3, 10], [0, 4, 4, 4]] {
        let judge = calibration(counts);
        let wrong = |error| matches!(error, JudgeError::NotBetterThanChance { .. });
        assert!(wrong(judge.youden().unwrap_err()));
        assert!(wrong(rogan_gladen(&observed, &judge).unwrap_err()));
        assert!(wrong(lang_reiczigel(0.4, 90.0, &judge, 0.95).unwrap_err()));
        assert!(wrong(corrected_difference(&observed, &observed, &judge, 0.95).unwrap_err()));
        let arm = (&observed, &judge);
        assert!(wrong(corrected_difference_per_arm(arm, arm, 0.95).unwrap_err()));
    }
    // Better than chance as counted, below it once a success and a failure are added.
    let lopsided = calibration([1, 1, 2, 1000]);
    assert!(lopsided.youden().is_ok());
    assert!(lang_reiczigel(0.99, 90.0, &lopsided, 0.95).is_err());
}

#[test]
#[should_panic(expected = "one verdict per label")]
fn labels_of_two_lengths_are_a_bug() {
    Calibration::of_labels(&[true], &[]);
}

#[test]
fn rogan_gladen_agrees_with_linear_error_propagation() {
    for golden in judge_goldens("rogan_gladen") {
        let (rate, variance) = (golden.float("rate"), golden.float("variance"));
        let observed = ArmMean { mean: rate, variance, df: 9.0 };
        let got = rogan_gladen(&observed, &golden_calibration(&golden, "calibration")).unwrap();
        golden.assert_close("unclipped", got.unclipped);
        golden.assert_close("error_variance", got.variance);
        assert!(is_close(got.clipped(), got.unclipped.clamp(0.0, 1.0)));
    }
}

#[test]
fn a_perfect_judge_changes_no_rate() {
    let perfect = calibration([30, 30, 40, 40]);
    for successes in [0, 7, 20] {
        let observed = of_counts(successes, 20);
        let got = rogan_gladen(&observed, &perfect).unwrap();
        assert!(
            is_close(got.unclipped, observed.mean) && is_close(got.variance, observed.variance)
        );
    }
}

#[test]
fn lang_reiczigel_agrees_with_the_package_of_lee_et_al() {
    // Output of llm_judge_reporting (Lee et al. 2025, arXiv 2511.21140), as committed by its R port
    // jansim/LLM-judge-repoRting in tests/testthat/fixtures/confidence_interval.csv.
    let check = |rate: f64, n: f64, counts: [u64; 4], confidence: f64, low: f64, high: f64| {
        let got = lang_reiczigel(rate, n, &calibration(counts), confidence).unwrap();
        assert!(is_close(got.low, low) && is_close(got.high, high), "{got:?}");
    };
    let of_hundreds = [180, 200, 140, 200];
    check(0.4, 1000.0, of_hundreds, 0.95, 0.056_350_724_841_608_94, 0.262_733_025_785_958_8);
    let even = [80, 100, 80, 100];
    check(0.5, 500.0, even, 0.95, 0.379_974_658_856_152_8, 0.620_025_341_143_846_9);
    let of_thousands = [990, 1000, 600, 1000];
    check(0.9, 10_000.0, of_thousands, 0.99, 0.827_334_847_870_612_4, 0.868_671_310_246_431_2);
    check(0.0, 50.0, [10; 4], 0.95, 0.0, 0.095_685_636_338_221_08);
    check(1.0, 50.0, [10; 4], 0.95, 0.904_314_363_661_779_1, 1.0);
}

#[test]
fn an_interval_without_a_share_is_a_contradiction_and_not_a_point() {
    // The package prints 0 to 0 and 1 to 1 here.
    let judge = calibration([180, 200, 180, 200]);
    for rate in [0.05, 0.97] {
        let got = lang_reiczigel(rate, 1000.0, &judge, 0.95).unwrap_err();
        assert!(matches!(got, JudgeError::Contradiction { low, high } if low < high), "{got:?}");
    }
}

#[test]
fn what_is_no_observed_rate_is_refused() {
    let judge = calibration(GOOD);
    for (rate, n) in [
        (f64::NAN, 9.0),
        (-0.1, 9.0),
        (1.1, 9.0),
        (0.5, 0.0),
        (0.5, f64::NAN),
        (0.5, f64::INFINITY),
    ] {
        let got = lang_reiczigel(rate, n, &judge, 0.95);
        assert!(matches!(got, Err(JudgeError::NotRate { .. })), "{got:?}");
    }
    let fine = ArmMean { mean: 0.5, variance: 0.01, df: 5.0 };
    let nan = f64::NAN;
    let wrong = [
        (nan, 0.1, 5.0),
        (1.5, 0.1, 5.0),
        (0.5, -0.1, 5.0),
        (0.5, nan, 5.0),
        (0.5, 0.1, 0.5),
        (0.5, 0.1, nan),
    ];
    for (rate, variance, df) in wrong {
        let bad = ArmMean { mean: rate, variance, df };
        let refused = |error| matches!(error, JudgeError::NotObserved { .. });
        assert!(refused(rogan_gladen(&bad, &judge).unwrap_err()));
        assert!(refused(corrected_difference(&bad, &fine, &judge, 0.95).unwrap_err()));
        assert!(refused(corrected_difference(&fine, &bad, &judge, 0.95).unwrap_err()));
        let (bad, fine) = ((&bad, &judge), (&fine, &judge));
        assert!(refused(corrected_difference_per_arm(fine, bad, 0.95).unwrap_err()));
    }
}

/// An arm of runs that may all be equal.
fn of_runs(rates: &[f64]) -> ArmMean {
    let n = rates.len() as f64;
    let none = ArmMean { mean: rates[0], variance: 0.0, df: n - 1.0 };
    ArmMean::of_runs(rates, None).unwrap_or(none)
}

/// Independent answers of one model, with the variance of their rate.
fn of_counts(successes: u64, n: u64) -> ArmMean {
    let (rate, trials) = (successes as f64 / n as f64, n as f64);
    ArmMean { mean: rate, variance: rate * (1.0 - rate) / trials, df: trials - 1.0 }
}

#[test]
fn differences_agree_with_inverted_tests_on_propagated_errors() {
    for golden in judge_goldens("corrected_difference") {
        let (treated, control) = (golden_arm(&golden, "treated"), golden_arm(&golden, "control"));
        let judge = golden_calibration(&golden, "calibration");
        let got = corrected_difference(&treated, &control, &judge, golden.float("confidence"));
        check_contrast(&golden, got.unwrap());
    }
}

#[test]
fn differences_per_arm_agree_with_propagated_errors() {
    for golden in judge_goldens("corrected_difference_per_arm") {
        let [treated, control] = ["treated", "control"].map(|key| golden_arm(&golden, key));
        let [of_treated, of_control] = ["treated_calibration", "control_calibration"]
            .map(|key| golden_calibration(&golden, key));
        let got = corrected_difference_per_arm(
            (&treated, &of_treated),
            (&control, &of_control),
            golden.float("confidence"),
        );
        check_contrast(&golden, got.unwrap());
    }
}

#[test]
fn a_judge_known_to_be_perfect_gives_back_welch() {
    let (treated, control) = ([0.42, 0.5, 0.38, 0.61], [0.2, 0.25, 0.11, 0.3, 0.18]);
    let known = calibration([1 << 20; 4]);
    let want = welch(&treated, &control, 0.95).unwrap();
    let [one, zero] = [&treated[..], &control[..]].map(of_runs);
    let shared = corrected_difference(&one, &zero, &known, 0.95).unwrap();
    let per_arm = corrected_difference_per_arm((&one, &known), (&zero, &known), 0.95).unwrap();
    for got in [shared, per_arm] {
        assert!(is_close(got.estimate, want.estimate) && is_close(got.p, want.p), "{got:?}");
        assert!(is_close(got.low, want.low) && is_close(got.high, want.high), "{got:?}");
    }
}

#[test]
fn arms_without_spread_have_no_shared_difference() {
    let [none, all] = [0.0, 1.0].map(|rate| ArmMean { mean: rate, variance: 0.0, df: 5.0 });
    let judge = calibration(GOOD);
    let got = corrected_difference(&all, &none, &judge, 0.95);
    assert_eq!(got, Err(JudgeError::TooLittle(TooLittle::NoSpread)));
    // Labels of their own leave an error to show. This judge would show rates of 0 and 1 as 0.06
    // and 0.9, so the interval holds a difference of 1.
    let [none, all] = [0.06, 0.9].map(|rate| ArmMean { mean: rate, variance: 0.0, df: 5.0 });
    let got = corrected_difference_per_arm((&all, &judge), (&none, &judge), 0.95).unwrap();
    assert!(got.low < 1.0 && got.high > 1.0, "{got:?}");
}

#[test]
fn a_handful_of_labels_cannot_carry_a_difference() {
    let arm = |rate| ArmMean { mean: rate, variance: 0.001, df: 5.0 };
    let got = corrected_difference(&arm(0.6), &arm(0.3), &calibration([2, 3, 2, 3]), 0.95);
    assert!(matches!(got, Err(JudgeError::UncertainCalibration { .. })), "{got:?}");
}

fn shares() -> impl Strategy<Value = ArmMean> {
    (0.0..1.0_f64, 1e-5..0.02_f64, 1..20_u8).prop_map(|(rate, variance, df)| ArmMean {
        mean: rate,
        variance,
        df: f64::from(df),
    })
}

fn calibrations() -> impl Strategy<Value = Calibration> {
    (40..=50_u64, 35..=50_u64).prop_map(|(tp, tn)| calibration([tp, 50, tn, 50]))
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn shared_interval_excludes_zero_exactly_when_p_is_small(
        treated in shares(), control in shares(), judge in calibrations(),
    ) {
        if let Ok(got) = corrected_difference(&treated, &control, &judge, 0.95) {
            prop_assert!(got.low < got.estimate && got.estimate < got.high);
            prop_assert_eq!(got.low > 0.0 || got.high < 0.0, got.p < 0.05);
        }
    }

    #[test]
    fn swapping_the_arms_turns_the_difference(
        treated in shares(), control in shares(), judge in calibrations(),
    ) {
        let there = corrected_difference_per_arm((&treated, &judge), (&control, &judge), 0.9).unwrap();
        let back = corrected_difference_per_arm((&control, &judge), (&treated, &judge), 0.9).unwrap();
        prop_assert!(is_close(there.low, -back.high) && is_close(there.p, back.p));
        let there = corrected_difference(&treated, &control, &judge, 0.9);
        let back = corrected_difference(&control, &treated, &judge, 0.9);
        if let (Ok(there), Ok(back)) = (there, back) {
            prop_assert!(is_close(there.low, -back.high) && is_close(there.p, back.p));
        }
    }

    #[test]
    fn lang_reiczigel_is_a_share_and_holds_its_estimate(
        rate in 0.0..=1.0_f64, n in 1..2000_u32, tp in 0..=12_u64, tn in 0..=30_u64,
    ) {
        let judge = calibration([tp, 12, tn, 30]);
        if let Ok(got) = lang_reiczigel(rate, f64::from(n), &judge, 0.95) {
            prop_assert!(0.0 <= got.low && got.low <= got.estimate);
            prop_assert!(got.estimate <= got.high && got.high <= 1.0 && got.low < got.high);
        }
    }

    #[test]
    fn calling_no_yes_turns_the_corrected_rate(
        rate in 0.2..0.8_f64, tp in 40..=50_u64, tn in 35..=50_u64,
    ) {
        let (one, other) = (calibration([tp, 50, tn, 50]), calibration([tn, 50, tp, 50]));
        if let Ok(got) = lang_reiczigel(rate, 300.0, &one, 0.95) {
            let turned = lang_reiczigel(1.0 - rate, 300.0, &other, 0.95).unwrap();
            prop_assert!(is_close(got.low, 1.0 - turned.high) && is_close(got.high, 1.0 - turned.low));
        }
    }
}

#[test]
fn prediction_powered_means_agree_with_ppi_py() {
    for golden in judge_goldens("prediction_powered_mean") {
        let [labels, predictions, unlabelled] =
            ["labels", "predictions", "unlabelled"].map(|key| golden.floats(key));
        let tuned = golden.json("tuned").as_bool().unwrap();
        let estimate = if tuned { prediction_powered_mean_tuned } else { prediction_powered_mean };
        let confidence = golden.float("confidence");
        let got = estimate(&labels, &predictions, &unlabelled, confidence).unwrap();
        golden.assert_close("lambda", got.lambda);
        golden.assert_close("estimate", got.interval.estimate);
        // Theirs is a normal interval with divisor n in both variances.
        let shrunk = |variance: f64, n: usize| variance * (n as f64 - 1.0) / n as f64;
        let half = normal_critical(confidence)
            * (shrunk(got.unlabelled_variance, unlabelled.len())
                + shrunk(got.labelled_variance, labels.len()))
            .sqrt();
        golden.assert_close("normal_low", got.interval.estimate - half);
        golden.assert_close("normal_high", got.interval.estimate + half);
        assert!(got.interval.low < golden.float("normal_low"), "Student's is the wider");
    }
}

#[test]
fn a_judge_that_never_varies_leaves_the_labels_alone() {
    let labels = [0.0, 1.0, 1.0, 0.0, 1.0];
    let got = prediction_powered_mean_tuned(&labels, &[0.3; 5], &[0.3; 9], 0.95).unwrap();
    let of_labels = crate::summary::mean_interval(&labels, 0.95).unwrap();
    assert!(is_close(got.lambda, 0.0) && is_close(got.interval.estimate, of_labels.estimate));
    assert!(is_close(got.interval.low, of_labels.low));
}

#[test]
fn thin_or_broken_predictions_are_errors() {
    let too_few = |got| Err(TooLittle::Values { got, need: 2 });
    assert_eq!(prediction_powered_mean(&[1.0], &[1.0], &[0.0, 1.0], 0.95), too_few(1));
    assert_eq!(prediction_powered_mean_tuned(&[1.0, 0.0], &[1.0, 0.0], &[], 0.95), too_few(0));
    let broken = prediction_powered_mean(&[1.0, 0.0], &[1.0, f64::NAN], &[0.0, 1.0], 0.95);
    assert_eq!(broken, Err(TooLittle::NotFinite));
    for value in [0.0, 1.0] {
        let still = prediction_powered_mean(&[value; 4], &[value; 4], &[value; 6], 0.95);
        assert_eq!(still, Err(TooLittle::NoSpread));
    }
}

const N_DATA_SETS: u64 = 2000;

/// Verdicts on a class: how many of `n` the judge gets right.
fn right(stream: &mut Stream, n: usize, share: f64) -> u64 {
    (0..n).filter(|_| stream.uniform() < share).count() as u64
}

fn drawn_calibration(stream: &mut Stream, n: usize, (se, sp): (f64, f64)) -> Calibration {
    let (tp, tn) = (right(stream, n, se), right(stream, n, sp));
    calibration([tp, n as u64, tn, n as u64])
}

/// Shares of data sets in which the corrected and the raw interval hold the true rate.
fn rate_coverage(theta: f64, judge: (f64, f64), n_labels: usize) -> (f64, f64) {
    const N: usize = 400;
    let shown = judge.0 * theta + (1.0 - judge.1) * (1.0 - theta);
    let (mut corrected, mut raw) = (0, 0);
    for key in 0..N_DATA_SETS {
        let stream = &mut Stream::new(key);
        let yes = right(stream, N, shown);
        let labels = drawn_calibration(stream, n_labels, judge);
        let holds = |got: Interval| u32::from(got.low <= theta && theta <= got.high);
        // A contradiction counts as a miss.
        corrected +=
            lang_reiczigel(yes as f64 / N as f64, N as f64, &labels, 0.95).map_or(0, holds);
        raw += wilson(yes, N as u64, 0.95).map_or(0, holds);
    }
    (f64::from(corrected) / N_DATA_SETS as f64, f64::from(raw) / N_DATA_SETS as f64)
}

#[test]
fn lang_reiczigel_covers_where_the_raw_rate_does_not() {
    let (corrected, raw) = rate_coverage(0.10, (0.90, 0.95), 50);
    assert!(corrected >= 0.93 && raw < 0.50, "{corrected} and raw {raw}");
    let (corrected, raw) = rate_coverage(0.02, (0.90, 0.97), 100);
    assert!(corrected >= 0.93 && raw < 0.25, "{corrected} and raw {raw}");
    // Here false positives make up for false negatives, so the raw rate is right by luck.
    let (corrected, raw) = rate_coverage(0.40, (0.85, 0.90), 100);
    assert!(corrected >= 0.93 && raw >= 0.93, "{corrected} and raw {raw}");
}

/// Observed rate of an arm of six runs that differ in their true rate.
fn drawn_arm(stream: &mut Stream, rate: f64, (se, sp): (f64, f64)) -> ArmMean {
    let mut run = || {
        let theta = stream.normal(rate, 0.04);
        stream.binomial(200, se * theta + (1.0 - sp) * (1.0 - theta)) / 200.0
    };
    let rates: Vec<f64> = (0..6).map(|_| run()).collect();
    of_runs(&rates)
}

#[test]
fn corrected_means_of_runs_cover_the_mean_of_the_recipe() {
    for (theta, judge) in [(0.65, (0.85, 0.92)), (0.20, (0.90, 0.80))] {
        let (mut corrected, mut raw) = (0, 0);
        for key in 0..N_DATA_SETS {
            let stream = &mut Stream::new(key);
            let arm = drawn_arm(stream, theta, judge);
            let labels = drawn_calibration(stream, 60, judge);
            let holds = |got: Interval| u32::from(got.low <= theta && theta <= got.high);
            corrected += corrected_mean(&arm, &labels, 0.95).map_or(0, holds);
            raw += corrected_mean(&arm, &calibration([1 << 20; 4]), 0.95).map_or(0, holds);
        }
        let share = |n: u32| f64::from(n) / N_DATA_SETS as f64;
        assert!(share(corrected) >= 0.94, "{theta}: {}", share(corrected));
        assert!(share(raw) < 0.6, "{theta}: raw {}", share(raw));
    }
}

#[test]
fn a_corrected_mean_is_a_share_or_none() {
    let judge = calibration([45, 50, 40, 50]);
    // Fewer "yes" than false alarms alone would give, by chance and beyond chance.
    let low = corrected_mean(&of_runs(&[0.16, 0.20, 0.18]), &judge, 0.95).unwrap();
    assert!(low.estimate.abs() < 1e-12 && low.low.abs() < 1e-12 && low.high > 0.0, "{low:?}");
    let beyond = corrected_mean(&of_counts(0, 100_000), &judge, 0.95);
    assert!(matches!(beyond, Err(JudgeError::Contradiction { .. })), "{beyond:?}");
    let none = calibration([0, 0, 5, 6]);
    let refused = corrected_mean(&of_runs(&[0.1, 0.2]), &none, 0.95);
    assert!(matches!(refused, Err(JudgeError::NoLabels { .. })));
}

/// Shares of data sets whose interval holds a true difference of 0.45, by method.
fn difference_coverage(judge1: (f64, f64), judge0: (f64, f64)) -> [f64; 3] {
    let mut held = [0; 3];
    for key in 0..N_DATA_SETS {
        let stream = &mut Stream::new(key);
        let treated = drawn_arm(stream, 0.65, judge1);
        let control = drawn_arm(stream, 0.20, judge0);
        let labels1 = drawn_calibration(stream, 60, judge1);
        let labels0 = drawn_calibration(stream, 60, judge0);
        let per_arm =
            corrected_difference_per_arm((&treated, &labels1), (&control, &labels0), 0.95);
        let shared = corrected_difference(&treated, &control, &labels0, 0.95);
        let perfect = calibration([1 << 20; 4]);
        let raw = corrected_difference(&treated, &control, &perfect, 0.95);
        for (count, got) in held.iter_mut().zip([shared, per_arm, raw]) {
            *count += u32::from(got.is_ok_and(|got| got.low <= 0.45 && 0.45 <= got.high));
        }
    }
    held.map(|count| f64::from(count) / N_DATA_SETS as f64)
}

#[test]
fn corrected_differences_cover_where_raw_ones_do_not() {
    let [shared, per_arm, raw] = difference_coverage((0.85, 0.92), (0.85, 0.92));
    assert!(shared >= 0.94 && per_arm >= 0.94 && raw < 0.5, "{shared}, {per_arm}, raw {raw}");
    // Training made the judge lenient: labels of the control arm alone no longer help.
    let [shared, per_arm, raw] = difference_coverage((0.97, 0.75), (0.85, 0.92));
    assert!(shared < 0.5 && per_arm >= 0.94, "{shared}, {per_arm}, raw {raw}");
}
