use entail_stats::{ArmMean, sampling_variance};

use super::*;
use crate::plan::ArmPlan;
use crate::tables::tests::hand_made_plan;

fn arm(plan: &Plan, name: &str) -> ArmPlan {
    plan.arms.iter().find(|a| a.name == name).unwrap().clone()
}

fn side(values: &[f64], sampling: f64) -> Side {
    Side { values: values.to_vec(), sampling, grid: None }
}

/// Compares values as if they had come from the arms of these names.
fn compare_in(more: &str, names: [&str; 2], sides: Option<[Side; 2]>) -> Difference {
    let plan = hand_made_plan(more);
    let arms = names.map(|name| arm(&plan, name));
    let [arm, control] = arms.each_ref().map(Arm::unread);
    let pair =
        Pair { plan: &plan, arm: &arm, control: &control, confidence: 0.95, runs: usize::MAX };
    pair.compare(sides.map(|[a, b]| (a, b)).as_ref())
}

fn check(names: [&str; 2], values: [&[f64]; 2], sampling: f64) -> Difference {
    compare_in("", names, Some(values.map(|v| side(v, sampling))))
}

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

#[test]
fn two_replicated_arms_are_compared_by_welch() {
    let (a, b) = ([0.6, 0.8, 0.7], [0.2, 0.1, 0.3]);
    let d = check(["conscious", "toaster"], [&a, &b], 0.0);
    let expected = entail_stats::welch(&a, &b, 0.95).unwrap();
    assert!(
        near(d.estimate, 0.5) && near(d.low, expected.low) && near(d.high, expected.high),
        "{d:?}"
    );
    assert!(near(d.p, expected.p) && d.note.is_empty(), "{d:?}");
    assert_eq!(d.method, "Welch t, training runs against training runs");
    assert!(d.equivalence.is_some_and(|e| !e.holds), "{d:?}");
}

#[test]
fn a_design_that_pairs_is_compared_in_pairs() {
    let (a, b) = ([0.6, 0.8, 0.7], [0.2, 0.4, 0.31]);
    let both = Some([side(&a, 0.0), side(&b, 0.0)]);
    let paired = compare_in("", ["conscious", "toaster"], both.clone());
    let plan = {
        let mut plan = hand_made_plan("");
        plan.paired = true;
        plan
    };
    let arms = ["conscious", "toaster"].map(|name| arm(&plan, name));
    let [one, zero] = arms.each_ref().map(Arm::unread);
    let pair = Pair { plan: &plan, arm: &one, control: &zero, confidence: 0.95, runs: usize::MAX };
    let d = pair.compare(both.map(|[a, b]| (a, b)).as_ref());
    let expected = entail_stats::paired(&a, &b, 0.95).unwrap();
    assert!(near(d.low, expected.low) && near(d.p, expected.p), "{d:?}");
    assert!(d.method.starts_with("paired t"), "{d:?}");
    assert!(d.high.unwrap() - d.low.unwrap() < paired.high.unwrap() - paired.low.unwrap());
}

#[test]
fn one_fixed_model_adds_the_error_of_its_answers() {
    let runs = [0.6, 0.8, 0.7];
    let sampling = sampling_variance(10, 100, 100.0);
    let over = check(["conscious", "vanilla"], [&runs, &[0.1]], sampling);
    let under = check(["vanilla", "conscious"], [&[0.1], &runs], sampling);
    let one = ArmMean::of_one_model(0.1, sampling).unwrap();
    let expected = ArmMean::of_runs(&runs, None).unwrap().minus(&one, 0.95).unwrap();
    assert!(
        near(over.estimate, 0.6) && near(over.low, expected.low) && near(over.high, expected.high),
        "{over:?}"
    );
    assert!(
        near(under.estimate, -0.6)
            && near(under.low, -expected.high)
            && near(under.high, -expected.low),
        "{under:?}"
    );
    assert!(near(over.p, expected.p) && near(under.p, expected.p));
    assert_eq!(over.method, "t on one side's runs, training runs against one fixed model");
    assert_eq!((over.note.as_str(), under.note.as_str()), (SINGLE, SINGLE));
}

#[test]
fn two_single_models_have_an_interval_of_their_own_and_no_p() {
    let sampling = sampling_variance(50, 100, 100.0);
    let d = check(["vanilla", "said"], [&[0.7], &[0.2]], sampling);
    assert!(near(d.estimate, 0.5) && d.p.is_none() && d.equivalence.is_none(), "{d:?}");
    let half = 1.959_963_984_540_054 * (2.0 * sampling).sqrt();
    assert!(near(d.low, 0.5 - half) && near(d.high, 0.5 + half), "{d:?}");
    assert!(d.method.starts_with("difference of two single models") && d.note == SINGLES, "{d:?}");
}

#[test]
fn runs_that_never_differ_are_known_up_to_their_answers_and_else_not_at_all() {
    let level = [&[0.5, 0.5][..], &[0.0, 0.0]];
    let d = check(["conscious", "toaster"], level, 0.0);
    assert!(near(d.estimate, 0.5), "{d:?}");
    assert_eq!((d.low, d.high, d.p), (None, None, None));
    assert_eq!(d.note, "no spread between replicates, so no interval");
    let sampled = check(["conscious", "toaster"], level, 0.001);
    assert!(sampled.low.is_some_and(|low| low > 0.3) && sampled.note.is_empty(), "{sampled:?}");
}

#[test]
fn without_values_there_is_nothing() {
    let d = compare_in("", ["conscious", "toaster"], None);
    assert_eq!(
        (d.estimate, d.low, d.p, d.note.as_str()),
        (None, None, None, "too few well-formed answers")
    );
}

#[test]
fn a_claim_about_any_prompts_has_the_wider_interval() {
    let grid = |rates: [u64; 3]| {
        let row = |run: u64| rates.iter().map(|r| (r + run % 2, 20)).collect::<Vec<_>>();
        Grid::of_counts(&(0..3).map(row).collect::<Vec<_>>()).unwrap()
    };
    let side = |grid: Grid| Side {
        values: grid.replicate_means().unwrap(),
        sampling: 0.001,
        grid: Some(grid),
    };
    let sides = || Some([side(grid([2, 16, 6])), side(grid([4, 5, 4]))]);
    let fixed = compare_in("", ["conscious", "toaster"], sides());
    let sampled =
        compare_in("[analysis]\nprompts = \"sampled\"\n", ["conscious", "toaster"], sides());
    let any = fixed.any_prompts.unwrap();
    assert_eq!((sampled.low, sampled.high), (any.low, any.high));
    assert!(sampled.low < fixed.low && sampled.high > fixed.high, "{fixed:?} {sampled:?}");
    assert!(sampled.method.ends_with("any prompts") && !fixed.method.ends_with("any prompts"));
}

#[test]
fn leaving_one_run_out_gives_a_range_about_the_difference() {
    let sides = (side(&[0.6, 0.8, 0.7], 0.0), side(&[0.2, 0.1, 0.3], 0.0));
    let range = leave_one_out(&sides).unwrap();
    assert!((range.low - 0.45).abs() < 1e-9 && (range.high - 0.55).abs() < 1e-9, "{range:?}");
    assert!(leave_one_out(&(side(&[0.6], 0.0), side(&[0.2, 0.1], 0.0))).is_none());
}
