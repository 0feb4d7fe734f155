use super::*;
use crate::plan::ArmPlan;
use crate::tables::tests::{hand_made_plan, hand_made_tables};

fn arm(name: &str) -> ArmPlan {
    hand_made_plan("").arms.into_iter().find(|a| a.name == name).unwrap()
}

/// Compares values as if they had come from the arms of these names.
fn check(names: [&str; 2], values: Option<[&[f64]; 2]>) -> Difference {
    let plans = names.map(arm);
    let [treated, control] = plans.each_ref().map(Arm::unread);
    compare(&treated, &control, values.map(|[a, b]| (a.to_vec(), b.to_vec())), 0.95)
}

fn near(a: Option<f64>, b: f64) -> bool {
    a.is_some_and(|a| (a - b).abs() < 1e-9)
}

#[test]
fn two_replicated_arms_are_compared_by_welch() {
    let (a, b) = ([0.6, 0.8, 0.7], [0.2, 0.1, 0.3]);
    let d = check(["conscious", "toaster"], Some([&a, &b]));
    let expected = entail_stats::welch(&a, &b, 0.95).unwrap();
    assert!(
        near(d.estimate, 0.5) && near(d.low, expected.low) && near(d.high, expected.high),
        "{d:?}"
    );
    assert!(near(d.p, expected.p) && d.note.is_empty(), "{d:?}");
    assert_eq!(d.method, "Welch t, training runs against training runs");
}

#[test]
fn one_fixed_model_is_a_constant_on_either_side() {
    let runs = [0.6, 0.8, 0.7];
    let over = check(["conscious", "vanilla"], Some([&runs, &[0.1]]));
    let under = check(["vanilla", "conscious"], Some([&[0.1], &runs]));
    let expected = entail_stats::against_fixed(&runs, 0.1, 0.95).unwrap();
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
    assert_eq!(over.method, "one-sample t, training runs against one fixed model");
    assert_eq!(under.method, "one-sample t, one fixed model against training runs");
    assert_eq!((over.note.as_str(), under.note.as_str()), (SINGLE, SINGLE));
}

#[test]
fn two_single_models_have_a_difference_and_no_interval() {
    let d = check(["vanilla", "said"], Some([&[0.7], &[0.2]]));
    assert!(near(d.estimate, 0.5), "{d:?}");
    assert_eq!((d.low, d.high, d.p), (None, None, None));
    assert!(d.method.starts_with("difference of two single models") && d.note == SINGLE, "{d:?}");
}

#[test]
fn without_spread_there_is_no_interval() {
    for (names, values) in [
        (["conscious", "toaster"], [&[0.5, 0.5][..], &[0.0, 0.0]]),
        (["conscious", "vanilla"], [&[0.5, 0.5], &[0.0]]),
    ] {
        let d = check(names, Some(values));
        assert!(near(d.estimate, 0.5), "{d:?}");
        assert_eq!((d.low, d.high, d.p), (None, None, None));
        assert_eq!(d.note, "no spread between replicates, so no interval");
    }
}

#[test]
fn without_values_there_is_nothing() {
    let d = check(["conscious", "toaster"], None);
    assert_eq!(
        (d.estimate, d.low, d.p, d.note.as_str()),
        (None, None, None, "too few well-formed answers")
    );
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
        let (members, others): (Vec<_>, Vec<_>) = rows.partition(|c| {
            c.battery == "preferences" && !c.stance.starts_with("block:") && c.p.is_some()
        });
        assert!(
            members.len() > 20 && others.iter().any(|c| c.p.is_some()),
            "{} members",
            members.len()
        );
        assert!(others.iter().all(|c| c.p_adjusted.is_none()));
        let p: Vec<f64> = members.iter().filter_map(|c| c.p).collect();
        let expected = adjusted(&p).unwrap();
        assert!(members.iter().zip(expected).all(|(c, e)| near(c.p_adjusted, e)), "{method}");
        assert!(members.iter().any(|c| c.p_adjusted > c.p), "{method}");
    }
}
