use super::*;
use crate::tables::tests::{hand_made_plan, hand_made_tables};

const LOOKS: &str = "[analysis]\nlooks = [2, 3]\nsmallest-effect = 0.2\n";

#[test]
fn a_stage_has_the_first_runs_of_every_trained_arm_and_the_whole_of_the_others() {
    let plan = hand_made_plan(LOOKS);
    let first = plan.first_stage().unwrap();
    assert_eq!(first, [("conscious".to_owned(), 2), ("toaster".to_owned(), 2)].into());
    let stage = plan.at_stage(&first);
    assert_eq!(stage.key(), plan.key());
    for (staged, whole) in stage.arms.iter().zip(&plan.arms) {
        let expected = first.get(&whole.name).copied().unwrap_or(whole.replicates.len());
        assert_eq!(staged.replicates.len(), expected);
        let targets = |arm: &crate::plan::ArmPlan| {
            arm.replicates.iter().map(|r| r.target).collect::<Vec<_>>()
        };
        assert_eq!(targets(staged), targets(whole)[..expected]);
    }
    assert_eq!(hand_made_plan("").first_stage(), None);
}

#[test]
fn only_what_is_undecided_goes_on() {
    let plan = hand_made_plan(LOOKS);
    let first = plan.first_stage().unwrap();
    let stage = plan.at_stage(&first);
    let restless = hand_made_tables(&stage, &|arm, replicate, stance| match arm {
        "conscious" => (stance + 5 * replicate) % 11,
        _ => (3 * replicate + stance) % 6,
    });
    let next = plan.next_stage(&first, &restless).unwrap();
    assert_eq!(next, [("conscious".to_owned(), 3), ("toaster".to_owned(), 3)].into());
    assert_eq!(plan.next_stage(&next, &restless), None, "all runs are done");
    let mut decided = restless;
    for row in &mut decided.contrasts {
        row.verdict = Some(Verdict::Moves);
    }
    assert_eq!(plan.next_stage(&first, &decided), None);
}
