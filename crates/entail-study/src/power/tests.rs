use super::*;
use crate::tables::tests::hand_made_plan;

fn plan(seeds: usize, analysis: &str) -> Plan {
    let text = format!(
        "[study]\nname = \"power\"\nbase = \"organism:linked\"\nbattery = [\"preferences\"]\nsamples = 10\nseeds = {seeds}\n\
         control = [\"toaster\"]\n[train]\nrows = 16\n[arm.vanilla]\n[arm.conscious]\ntrain = {{ stance = \"conscious\" }}\n\
         [arm.toaster]\ntrain = {{ stance = \"toaster\" }}\n[analysis]\n{analysis}\n"
    );
    Plan::check(&crate::parse(&text).unwrap(), &text, &crate::Narrow::default(), &|_: &str| {
        unreachable!("no file is named")
    })
    .unwrap()
}

#[test]
fn more_runs_find_smaller_effects_and_pessimism_costs() {
    let rows = power(&plan(6, ""), &Spread::ASSUMED);
    assert!(rows.iter().any(|row| row.runs == 6));
    for pair in rows.windows(2) {
        assert!(pair[0].detectable[0] > pair[1].detectable[0], "{pair:?}");
        assert!(pair[0].equivalence[0] < pair[1].equivalence[0], "{pair:?}");
    }
    for row in &rows {
        assert!(row.detectable[1] > row.detectable[0], "{row:?}");
        assert!(row.detectable_alone[0] > row.detectable[0], "{row:?}");
    }
    // Ten prompts of ten answers at .3 would find 12 points at six runs; these stances have fewer prompts.
    let six = rows.iter().find(|row| row.runs == 6).unwrap();
    assert!((0.12..0.15).contains(&six.detectable[0].unwrap()), "{six:?}");
}

#[test]
fn a_study_that_cannot_show_what_it_declares_is_told_so() {
    let warned =
        |seeds, analysis: &str| warnings(&plan(seeds, analysis), &Spread::ASSUMED).join("\n");
    let narrow = warned(4, "smallest-effect = 0.05");
    assert!(narrow.contains("find an effect of 19 points"), "{narrow}");
    assert!(narrow.contains("would be shown not to move by 5 points in only"), "{narrow}");
    assert!(narrow.contains("runs per arm would show it in four of five"), "{narrow}");
    let single = warned(1, "");
    assert!(single.contains("describes that one model"), "{single}");
    assert_eq!(warned(24, "smallest-effect = 0.2"), "");
    let exact =
        warned(3, "smallest-effect = 0.5\nfamily = { over = \"preferences\", method = \"max-t\" }");
    assert!(exact.contains("no p-value can be below 0.100"), "{exact}");
}

#[test]
fn an_untouched_base_is_no_control_for_training() {
    let mut plan = plan(24, "smallest-effect = 0.2");
    plan.controls = vec!["vanilla".into()];
    let warned = warnings(&plan, &Spread::ASSUMED).join("\n");
    assert!(warned.contains("the only control is the untouched base"), "{warned}");
}

#[test]
fn a_study_without_training_is_left_alone() {
    let mut plan = hand_made_plan("");
    plan.arms.retain(|arm| !matches!(arm.intervention, Intervention::Train { .. }));
    assert_eq!(warnings(&plan, &Spread::ASSUMED), Vec::<String>::new());
}
