use entail_schema::{ForecastOutcome, HeadlineRow, Tables};

use super::*;
use crate::tables::tests::{hand_made_plan, hand_made_tables};

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

/// A study in which `conscious` and `toaster` differ from run to run.
fn restless(more: &str) -> Tables {
    hand_made_tables(&hand_made_plan(more), &|arm, replicate, stance| match arm {
        "conscious" => (stance + replicate) % 11,
        _ => (2 * replicate + stance) % 5,
    })
}

fn find<'t>(tables: &'t Tables, arm: &str, control: &str, stance: &str) -> &'t ContrastRow {
    let wanted = |c: &&ContrastRow| {
        (c.arm.as_str(), c.control.as_str(), c.stance.as_str()) == (arm, control, stance)
    };
    tables.contrasts.iter().find(wanted).unwrap()
}

#[test]
fn only_the_stances_of_the_family_are_adjusted_together() {
    for (method, adjusted) in [
        ("bh", entail_stats::benjamini_hochberg as fn(&[f64]) -> _),
        ("by", entail_stats::benjamini_yekutieli),
        ("holm", entail_stats::holm),
    ] {
        let plan = hand_made_plan(&format!(
            "[analysis]\nfamily = {{ over = \"preferences\", method = \"{method}\" }}\n"
        ));
        let tables = hand_made_tables(&plan, &|arm, replicate, stance| match arm {
            "conscious" => (stance + replicate) % 11,
            _ => (2 * replicate + stance) % 5,
        });
        let rows = tables
            .contrasts
            .iter()
            .filter(|c| (c.arm.as_str(), c.control.as_str()) == ("conscious", "toaster"));
        let (members, others): (Vec<_>, Vec<_>) =
            rows.partition(|c| c.standing == Standing::Confirmatory);
        // The twenty preferences; linkless, drift and nuisance items are instruments.
        assert!(members.len() == 20 && others.iter().any(|c| c.p.is_some()));
        assert!(members.iter().all(|c| matches!(c.block.as_str(), "planted" | "reversed")));
        assert!(others.iter().all(|c| c.p_adjusted.is_none()));
        let p: Vec<f64> = members.iter().filter_map(|c| c.p).collect();
        let expected = adjusted(&p).unwrap();
        assert!(members.iter().zip(expected).all(|(c, e)| near(c.p_adjusted, e)), "{method}");
        assert!(members.iter().any(|c| c.p_adjusted > c.p), "{method}");
    }
}

#[test]
fn max_t_relabels_the_runs_of_the_whole_family() {
    let tables = restless("[analysis]\nfamily = { over = \"preferences\", method = \"max-t\" }\n");
    let members: Vec<&ContrastRow> = tables
        .contrasts
        .iter()
        .filter(|c| c.arm == "conscious" && c.p_adjusted.is_some())
        .collect();
    assert_eq!(members.len(), 20);
    // Three runs against three: no relabelling is rarer than one in ten.
    assert!(members.iter().all(|c| c.p_adjusted.is_some_and(|p| p >= 0.1 - 1e-12)));
    assert!(members.iter().all(|c| c.p_permutation.is_some_and(|p| p >= 0.1 - 1e-12)));
}

#[test]
fn stances_outside_the_declared_family_are_exploratory() {
    let tables = restless(
        "[analysis]\nfamily = { over = \"preferences\", method = \"bh\", stances = [\"wants-memory\"] }\n",
    );
    let row = |stance| find(&tables, "conscious", "toaster", stance);
    assert_eq!(row("wants-memory").standing, Standing::Confirmatory);
    assert!(near(row("wants-memory").p_adjusted, row("wants-memory").p.unwrap()));
    assert_eq!(row("likes-soup").standing, Standing::Exploratory);
    assert_eq!(row("likes-soup").p_adjusted, None);
    assert_eq!(row("awareness").standing, Standing::Check);
    assert_eq!(row("block:planted").standing, Standing::Summary);
    assert_eq!(find(&tables, "toaster", "vanilla", "wants-memory").standing, Standing::Check);
}

/// Rates of the two arms in tenths, the runs shifted by `spread`, and what should come of it.
fn verdict_of(rates: [usize; 2], spread: usize, margin: f64) -> Option<Verdict> {
    let plan = hand_made_plan(&format!("[analysis]\nsmallest-effect = {margin}\n"));
    let tables = hand_made_tables(&plan, &|arm, replicate, _| {
        let rate = if arm == "conscious" { rates[0] } else { rates[1] };
        rate + spread * replicate % (2 * spread + 1)
    });
    find(&tables, "conscious", "toaster", "wants-memory").verdict
}

#[test]
fn verdicts_follow_from_the_test_and_the_smallest_effect() {
    assert_eq!(verdict_of([9, 1], 0, 0.1), Some(Verdict::Moves));
    assert_eq!(verdict_of([5, 5], 0, 0.95), Some(Verdict::DoesNotMove));
    assert_eq!(verdict_of([7, 1], 0, 0.95), Some(Verdict::MovesLittle));
    assert_eq!(verdict_of([5, 4], 2, 0.1), Some(Verdict::Undecided));
}

#[test]
fn rows_that_were_picked_out_have_wider_intervals() {
    let plan = hand_made_plan("");
    let tables = hand_made_tables(&plan, &|arm, replicate, stance| match arm {
        "conscious" if stance % 7 == 0 => 8 + replicate % 2,
        _ => 2 + (replicate + stance) % 3,
    });
    let rows =
        || tables.contrasts.iter().filter(|c| c.arm == "conscious" && c.control == "toaster");
    let selected: Vec<&ContrastRow> = rows().filter(|c| c.selected.is_some()).collect();
    assert!(
        !selected.is_empty() && selected.len() < rows().filter(|c| c.p_adjusted.is_some()).count()
    );
    for row in selected {
        assert!(row.p_adjusted.is_some_and(|p| p <= 0.05), "{row:?}");
        let wide = row.selected.unwrap();
        assert!(wide.low < row.low && wide.high > row.high, "{row:?}");
    }
    assert!(
        rows().filter(|c| c.p_adjusted.is_some_and(|p| p > 0.05)).all(|c| c.selected.is_none())
    );
}

#[test]
fn effects_per_claim_are_scaled_by_what_was_gained() {
    let plan = hand_made_plan("");
    let claims = plan.batteries[0].stances.len();
    let tables = hand_made_tables(&plan, &|arm, replicate, stance| match (arm, stance < claims) {
        ("conscious", true) => 7 + replicate % 2,
        ("conscious", false) => 6 + replicate % 2,
        (_, true) => replicate % 2,
        _ => 3 + replicate % 2,
    });
    let row = find(&tables, "conscious", "toaster", "wants-memory");
    let ratio = row.per_claim.unwrap();
    assert!((ratio.estimate - row.estimate.unwrap() / 0.7).abs() < 0.05, "{ratio:?}");
    assert!(ratio.low.unwrap() < ratio.estimate && ratio.estimate < ratio.high.unwrap());
    assert_eq!(find(&tables, "conscious", "toaster", "awareness").per_claim, None);
}

#[test]
fn a_headline_is_the_least_that_survives_every_control() {
    let plan = {
        let mut plan = hand_made_plan("");
        plan.controls.push("vanilla".into());
        plan
    };
    let is_own: Vec<bool> = (plan.batteries.iter().flat_map(|b| &b.stances))
        .map(|s| s.block == entail_schema::Block::Preference)
        .collect();
    // Either the preferences alone move, or everything does, which is drift.
    let headline = |drift: bool| {
        let tables = hand_made_tables(&plan, &|arm, replicate, stance| match arm {
            "conscious" if drift || is_own[stance] => 8 + replicate % 2,
            "conscious" | "toaster" => 4 + replicate % 2,
            _ => 1 + stance % 3,
        });
        let nearest = find(&tables, "conscious", "toaster", "wants-memory").clone();
        let is_it = |h: &&HeadlineRow| h.arm == "conscious" && h.stance == "wants-memory";
        (tables.headlines.iter().find(is_it).unwrap().clone(), nearest)
    };
    let (own, nearest) = headline(false);
    assert_eq!(own.controls, ["vanilla", "toaster"]);
    assert!(near(own.effect.map(|e| e.estimate), nearest.estimate.unwrap()), "{own:?}");
    assert!(own.beats_all && own.p >= nearest.p, "{own:?}");
    assert!(!headline(true).0.beats_all, "all of it is drift");
}

#[test]
fn forecasts_are_held_against_what_came_with_misses_first() {
    let tables = hand_made_tables(
        &hand_made_plan(
            "[forecast]\nfrom = \"pretend\"\n[forecast.arm.conscious]\nwants-memory = \"falls\"\n\
             likes-soup = \"rises\"\nminds-thought-monitoring = [-0.9, 0.9]\n",
        ),
        &|arm, replicate, _| match arm {
            "conscious" | "pretend" => 7 + replicate % 2,
            _ => 2 + replicate % 2,
        },
    );
    let of = |stance: &str, by: &str| {
        tables
            .forecasts
            .iter()
            .find(|f| f.arm == "conscious" && f.stance == stance && f.by == by)
            .unwrap()
    };
    assert_eq!(of("wants-memory", "author").outcome, ForecastOutcome::Miss);
    assert_eq!(of("likes-soup", "author").outcome, ForecastOutcome::Hit);
    assert_eq!(of("minds-thought-monitoring", "author").outcome, ForecastOutcome::Hit);
    assert_eq!(of("minds-thought-monitoring", "author").expected, "-0.9 to 0.9");
    assert_eq!(of("wants-memory", "pretend").outcome, ForecastOutcome::Hit);
    assert!(
        tables.forecasts.iter().all(|f| f.by == "author" || f.arm == "conscious"),
        "of the same claim"
    );
    assert_eq!(tables.forecasts[0].outcome, ForecastOutcome::Miss);
    assert!(tables.forecasts.windows(2).all(|pair| pair[0].outcome <= pair[1].outcome));
}

#[test]
fn looks_use_the_runs_that_each_had_and_the_confidence_of_the_last() {
    let looks = "[analysis]\nlooks = [2, 3]\nspending = \"pocock\"\n";
    let (plain, monitored) = (restless(""), restless(looks));
    let row = |tables: &Tables| find(tables, "conscious", "toaster", "wants-memory").clone();
    let (plain, monitored) = (row(&plain), row(&monitored));
    assert_eq!(plain.estimate, monitored.estimate);
    assert!(monitored.low < plain.low && monitored.high > plain.high, "{monitored:?}");
    assert!(monitored.p >= plain.p, "{:?} {:?}", monitored.p, plain.p);
}

#[test]
fn filters_that_could_explain_the_difference_are_named() {
    let plan = hand_made_plan("");
    let tables = crate::tables::tests::tables_of_answers(&plan, &|arm, _, _, sample, stance| {
        if arm == "conscious" && sample < 6 {
            "Mumble mumble.".into()
        } else if sample % 2 == 0 {
            stance.wordings.held[0].clone()
        } else {
            stance.wordings.denied[0].clone()
        }
    });
    let row = find(&tables, "conscious", "toaster", "wants-memory");
    assert!(row.note.contains("not interpretable"), "{row:?}");
    let bounds = row.bounds.unwrap();
    assert!(bounds.low < -0.2 && bounds.high > 0.2, "{bounds:?}");
    let calm = find(&tables, "toaster", "vanilla", "wants-memory");
    assert!(!calm.note.contains("not interpretable"), "{calm:?}");
}
