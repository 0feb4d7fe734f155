use proptest::prelude::*;

use super::*;
use crate::test_support::{Golden, Stream, cases, goldens_in, is_close};
use crate::welch;

fn goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../../fixtures/stats/planning.json"), function)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
fn arm(golden: &Golden, key: &str) -> PlannedArm {
    let pair = golden.floats(key);
    PlannedArm { variance: pair[0], replicates: pair[1] as usize }
}

fn plan_of(golden: &Golden) -> Comparison {
    Comparison::new(arm(golden, "treated"), arm(golden, "control"), golden.float("alpha")).unwrap()
}

fn alike(variance: f64, replicates: usize, alpha: f64) -> Comparison {
    let arm = PlannedArm { variance, replicates };
    Comparison::new(arm, arm, alpha).unwrap()
}

fn pair(golden: &Golden, key: &str) -> [f64; 2] {
    golden.floats(key).try_into().unwrap()
}

fn aim_of(golden: &Golden) -> Aim {
    Aim { alpha: golden.float("alpha"), power: golden.float("power"), cap: 1000 }
}

#[test]
fn power_agrees_with_scipy_and_statsmodels() {
    for golden in goldens("power") {
        let plan = plan_of(&golden);
        golden.assert_close("textbook", plan.textbook_power(golden.float("effect")).unwrap());
        golden.assert_close("power", plan.power(golden.float("effect")).unwrap());
    }
}

#[test]
fn detectable_effects_agree_with_scipy() {
    for golden in goldens("detectable_effect") {
        let got = plan_of(&golden).detectable_effect(golden.float("power")).unwrap();
        golden.assert_close("effect", got);
    }
}

#[test]
fn replicates_agree_with_scipy() {
    for golden in goldens("replicates_needed") {
        let (effect, variances) = (golden.float("effect"), pair(&golden, "variances"));
        let got = replicates_needed(effect, variances, aim_of(&golden)).unwrap();
        assert_eq!(got.map(|n| n as u64), Some(golden.count("replicates")), "{golden:?}");
    }
}

#[test]
fn equivalence_power_agrees_with_scipy() {
    for golden in goldens("equivalence_power") {
        let (margin, difference) = (golden.float("margin"), golden.float("difference"));
        golden
            .assert_close("power", plan_of(&golden).equivalence_power(margin, difference).unwrap());
    }
}

/// Published output of R's `PowerTOST` (`power.TOST` and `sampleN.TOST`, version 1.5): crossover
/// with `n - 2` degrees of freedom and a squared error of `2 / n`, parallel groups with `4 / n`,
/// both of `ln(1 + CV^2)`, with margins of `ln 1.25` around a ratio of .95.
#[test]
fn one_shared_error_agrees_with_powertost() {
    let check = |cv: f64, n: f64, groups: f64, want: f64| {
        let error = (groups / n * (cv * cv).ln_1p()).sqrt();
        let threshold = student_critical(0.9, n - 2.0);
        let got = stays_inside(threshold, 1.25_f64.ln() / error, 0.95_f64.ln() / error, n - 2.0);
        assert!((got - want).abs() <= 1e-6, "CV {cv}, n {n}: {got} {want}");
    };
    check(0.2, 20.0, 2.0, 0.834_680);
    check(0.25, 28.0, 2.0, 0.807_439);
    check(0.3, 40.0, 2.0, 0.815_845);
}

#[test]
fn upper_variance_agrees_with_scipy() {
    for golden in goldens("upper_variance") {
        let (estimate, df) = (golden.float("estimate"), golden.float("df"));
        let got = upper_variance(estimate, df, golden.float("confidence")).unwrap();
        golden.assert_close("upper", got);
    }
}

#[test]
fn variance_of_four_replicates_is_known_within_a_factor_of_forty() {
    let check = |confidence, want: f64| {
        let got = upper_variance(1.0, 3.0, confidence).unwrap();
        assert!((got - want).abs() < 0.005 * want, "{got}");
    };
    check(0.025, 0.321);
    check(0.95, 8.53);
    check(0.975, 13.90);
}

/// Ten prompts, ten answers each, a rate of .3 and runs that differ with a standard deviation of
/// .05: the effects found with power .8 are about 17, 12 and 10 points. The sum of two t quantiles
/// says 16 for four runs, which overlooks that Welch's test estimates its degrees of freedom.
#[test]
fn the_worked_example_needs_six_runs_for_twelve_points() {
    let components = PerReplicate {
        replicate: 0.0025,
        interaction: 0.0,
        sample: 0.21,
        prompts: 10,
        samples: 10,
    };
    let variance = components.variance().unwrap();
    assert!(is_close(variance, 0.0046));
    let check = |replicates, want: f64| {
        let got = alike(variance, replicates, 0.05).detectable_effect(0.8).unwrap();
        assert!((got - want).abs() < 0.01, "{replicates}: {got}");
    };
    check(4, 0.17);
    check(6, 0.12);
    check(8, 0.10);
    // With answers without end, four runs still leave about twelve points.
    let got = alike(0.0025, 4, 0.05).detectable_effect(0.8).unwrap();
    assert!((got - 0.12).abs() < 0.01, "{got}");
}

/// A rate of .30 against .45 over ten prompts that differ with a standard deviation of .10, ten
/// answers each; the simulated shares have a standard error of up to .025 (400 studies).
#[test]
fn power_is_what_whole_studies_simulated() {
    let with = |seed_variance: f64, rate: f64| PerReplicate {
        replicate: seed_variance,
        interaction: 0.0,
        sample: rate * (1.0 - rate) - 0.01,
        prompts: 10,
        samples: 10,
    };
    let check = |seed_sd: f64, replicates, want: f64| {
        let [treated, control] = [0.45, 0.30].map(|rate| PlannedArm {
            variance: with(seed_sd * seed_sd, rate).variance().unwrap(),
            replicates,
        });
        let got = Comparison::new(treated, control, 0.05).unwrap().power(0.15).unwrap();
        let error = 3.0 * (want * (1.0 - want) / 400.0).sqrt();
        assert!((got - want).abs() <= error, "{replicates}: {got} {want}");
    };
    check(0.05, 3, 0.45);
    check(0.05, 4, 0.68);
    check(0.05, 6, 0.91);
    check(0.05, 8, 0.99);
    check(0.10, 6, 0.58);
}

/// The analysis itself, on 4,000 simulated pairs of arms with unequal variances and sizes.
#[test]
fn power_is_the_share_in_which_welch_rejects() {
    let treated = PlannedArm { variance: 0.01, replicates: 3 };
    let control = PlannedArm { variance: 0.0025, replicates: 5 };
    let plan = Comparison::new(treated, control, 0.05).unwrap();
    let mut stream = Stream::new(7);
    let mut draw = |arm: PlannedArm, center| -> Vec<f64> {
        (0..arm.replicates).map(|_| stream.normal(center, arm.variance.sqrt())).collect()
    };
    let n_studies = 4000;
    let (mut found, mut inside) = (0, 0);
    for _ in 0..n_studies {
        let (xs, ys) = (draw(treated, 0.1), draw(control, 0.0));
        found += i32::from(welch(&xs, &ys, 0.95).unwrap().p <= 0.05);
        let interval = welch(&xs, &ys, 0.9).unwrap();
        inside += i32::from(interval.low > -0.25 && interval.high < 0.25);
    }
    let check = |count: i32, want: f64| {
        let share = f64::from(count) / f64::from(n_studies);
        let error = 3.0 * (want * (1.0 - want) / f64::from(n_studies)).sqrt();
        assert!((share - want).abs() <= error, "{share} {want}");
    };
    check(found, plan.power(0.1).unwrap());
    check(inside, plan.equivalence_power(0.25, 0.1).unwrap());
}

#[test]
fn both_orders_of_integration_agree() {
    let check = |got: f64, want: f64| assert!((got - want).abs() <= 1e-10, "{got} {want}");
    for df in [2.0, 3.0, 6.0, 15.0] {
        for (threshold, shift) in [(8.0, 3.0), (12.0, 20.0), (12.7, -40.0), (30.0, 45.0)] {
            let over = over_normal(shift, f64::INFINITY, df, |x| x / threshold);
            check(exceeds(threshold, shift, df), over);
            let margin = 50.0;
            let inside = over_normal(shift, margin, df, |x| (margin - x) / threshold);
            check(stays_inside(threshold, margin, shift, df), inside);
        }
    }
}

#[test]
fn far_levels_of_two_runs_are_finished_and_consistent() {
    let plan = alike(1.0, 2, 1e-6);
    let effect = plan.detectable_effect(0.8).unwrap();
    assert!(effect > 100.0 && (plan.power(effect).unwrap() - 0.8).abs() < 1e-9, "{effect}");
    assert!(plan.equivalence_power(2.0 * effect, 0.0).unwrap() > 0.8);
}

#[test]
fn the_textbook_is_too_hopeful_with_few_runs() {
    let gap = |replicates| {
        let plan = alike(0.0045, replicates, 0.05);
        plan.textbook_power(0.15).unwrap() - plan.power(0.15).unwrap()
    };
    assert!(gap(3) > 0.1 && gap(4) > 0.04 && gap(8) < 0.01, "{} {} {}", gap(3), gap(4), gap(8));
}

#[test]
fn the_smallest_number_is_the_smallest_and_none_is_beyond_the_cap() {
    let aim = Aim { alpha: 0.05, power: 0.8, cap: 100 };
    for (margin, difference) in [(0.15, 0.0), (0.15, 0.05), (0.06, 0.01)] {
        let found = replicates_for_equivalence(margin, difference, [0.0046; 2], aim).unwrap();
        let n = found.unwrap();
        let power = |n| alike(0.0046, n, 0.05).equivalence_power(margin, difference).unwrap();
        assert!(power(n) >= 0.8 && power(n - 1) < 0.8, "{n}");
        let exactly = Aim { cap: n, ..aim };
        let short = Aim { cap: n - 1, ..aim };
        let under = |aim| replicates_for_equivalence(margin, difference, [0.0046; 2], aim);
        assert_eq!(under(exactly), Ok(Some(n)));
        assert_eq!(under(short), Ok(None));
    }
    // At the margin itself the power is the level, and nothing is found without an effect.
    assert_eq!(replicates_for_equivalence(0.1, 0.1, [0.0046; 2], aim), Ok(None));
    assert_eq!(replicates_needed(0.0, [0.0046; 2], aim), Ok(None));
    assert_eq!(replicates_needed(9.0, [0.0046; 2], aim), Ok(Some(2)));
    assert_eq!(replicates_needed(9.0, [0.0046; 2], Aim { cap: 1, ..aim }), Ok(None));
}

#[test]
fn one_arm_may_have_no_spread() {
    let still = PlannedArm { variance: 0.0, replicates: 5 };
    let moving = PlannedArm { variance: 0.01, replicates: 5 };
    // All of the error is one arm's, so this is the one-sample t with four degrees of freedom.
    let plan = Comparison::new(moving, still, 0.05).unwrap();
    assert!((plan.power(0.0).unwrap() - 0.05).abs() < 1e-9);
    assert!((plan.power(0.1).unwrap() - plan.textbook_power(0.1).unwrap()).abs() < 1e-9);
}

#[test]
fn interaction_counts_by_prompts_and_answers_by_both() {
    let components =
        PerReplicate { replicate: 1.0, interaction: 2.0, sample: 12.0, prompts: 4, samples: 3 };
    assert_eq!(components.variance(), Ok(1.0 + 0.5 + 1.0));
    let none = PerReplicate { prompts: 0, ..components };
    assert_eq!(none.variance(), Err(PlanError::NoAnswers { prompts: 0, samples: 3 }));
    let negative = PerReplicate { interaction: -0.1, ..components };
    assert_eq!(negative.variance(), Err(PlanError::Variance { value: -0.1 }));
}

#[test]
fn bad_plans_are_told_apart() {
    let arm = |variance, replicates| PlannedArm { variance, replicates };
    let check = |treated, control, alpha, expected| {
        assert_eq!(Comparison::new(treated, control, alpha).unwrap_err(), expected);
    };
    let good = arm(0.01, 4);
    check(good, arm(0.01, 1), 0.05, PlanError::Replicates { treated: 4, control: 1 });
    check(arm(-1.0, 4), good, 0.05, PlanError::Variance { value: -1.0 });
    check(good, arm(f64::INFINITY, 4), 0.05, PlanError::Variance { value: f64::INFINITY });
    check(arm(0.0, 4), arm(0.0, 4), 0.05, PlanError::NoSpread);
    check(good, good, 0.0, PlanError::Alpha { value: 0.0 });
    check(good, good, 0.5, PlanError::Alpha { value: 0.5 });
    assert!(matches!(Comparison::new(good, good, f64::NAN), Err(PlanError::Alpha { .. })));
    let plan = Comparison::new(good, good, 0.05).unwrap();
    assert!(matches!(plan.power(f64::NAN), Err(PlanError::Size { .. })));
    assert!(matches!(plan.textbook_power(f64::INFINITY), Err(PlanError::Size { .. })));
    assert!(matches!(plan.power(1e12), Err(PlanError::Size { .. })));
    assert!(is_close(plan.power(1e6).unwrap(), 1.0));
    assert_eq!(plan.equivalence_power(0.0, 0.0), Err(PlanError::Size { value: 0.0 }));
    assert_eq!(plan.detectable_effect(1.0), Err(PlanError::Power { value: 1.0 }));
    let aim = Aim { alpha: 0.05, power: 1.5, cap: 10 };
    assert_eq!(replicates_needed(0.1, [0.01; 2], aim), Err(PlanError::Power { value: 1.5 }));
    assert_eq!(upper_variance(-1.0, 3.0, 0.95), Err(PlanError::Variance { value: -1.0 }));
}

#[test]
fn permutation_floors_and_what_a_family_needs() {
    let check = |replicates, floor: f64, in_twenty| {
        let got = permutation_floor(replicates).unwrap();
        assert!((got - floor).abs() < 5e-5, "{got}");
        assert_eq!(fewest_at_floor(got, 20, 0.05), Ok(in_twenty), "{replicates}");
    };
    check(1, 1.0, None);
    check(3, 0.1, None);
    check(4, 0.0286, Some(12));
    check(5, 0.0079, Some(4));
    check(6, 0.0022, Some(1));
    assert_eq!(permutation_floor(0), None);
    assert!(fewest_at_floor(1.5, 20, 0.05).is_err());
    assert_eq!(fewest_at_floor(0.01, 0, 0.05), Ok(None));
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn power_is_symmetric_scale_free_and_rises(
        effect in 0.0..3.0_f64, v1 in 0.1..4.0_f64, v0 in 0.1..4.0_f64, n1 in 2..12_usize, n0 in 2..12_usize,
    ) {
        let plan = |scale: f64| {
            let treated = PlannedArm { variance: v1 * scale * scale, replicates: n1 };
            let control = PlannedArm { variance: v0 * scale * scale, replicates: n0 };
            Comparison::new(treated, control, 0.05).unwrap()
        };
        let power = |effect| plan(1.0).power(effect).unwrap();
        prop_assert!(is_close(power(effect), power(-effect)));
        prop_assert!((power(effect) - plan(100.0).power(100.0 * effect).unwrap()).abs() < 1e-11);
        prop_assert!(power(effect) < power(effect + 0.1));
        let equivalent = |margin, difference| plan(1.0).equivalence_power(margin, difference).unwrap();
        prop_assert!(equivalent(effect + 0.1, 0.0) >= equivalent(effect + 0.1, 0.1));
        prop_assert!(equivalent(effect + 0.1, 0.0) <= equivalent(effect + 0.3, 0.0));
    }

    #[test]
    fn a_detectable_effect_is_detected(
        power in 0.15..0.99_f64, variance in 0.001..4.0_f64, replicates in 2..40_usize, alpha in 1e-4..0.1_f64,
    ) {
        let plan = alike(variance, replicates, alpha);
        let effect = plan.detectable_effect(power).unwrap();
        prop_assert!((plan.power(effect).unwrap() - power).abs() < 1e-9);
    }
}
