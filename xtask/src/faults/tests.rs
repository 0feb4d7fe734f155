use super::*;

fn tried(holds: bool) -> Tried {
    let mut checks = Checks::default();
    checks.equal("answers", if holds { 60 } else { 59 }, 60);
    checks.at_most("memory", 12.5, 150.0, "MiB");
    Tried { name: "mix", what: "faults", checks: checks.list(), seconds: 1.0 }
}

#[test]
fn a_check_shows_its_bound_and_its_figure() {
    let text = table(&[tried(true)]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["mix/answers", "60", "60", "holds"]
    );
    let words: Vec<&str> = lines[2].split_whitespace().collect();
    assert_eq!(words, ["mix/memory", "≤", "150", "MiB", "12.5", "MiB", "holds"]);
}

#[test]
fn one_that_does_not_hold_is_named_with_its_figure() {
    assert_eq!(tried(true).failed().count(), 0);
    assert_eq!(tried(false).failed().collect::<Vec<_>>(), ["mix/answers: 59"]);
    assert!(table(&[tried(false)]).contains("DOES NOT HOLD"));
}

#[test]
fn a_scenario_that_cannot_be_tried_has_failed() {
    let tried = attempt("mix", "faults", || anyhow::bail!("no port"));
    assert_eq!(tried.failed().collect::<Vec<_>>(), ["mix/can be tried: no port"]);
}

#[test]
fn json_has_every_figure() {
    let json = as_json(&[tried(false)], [Some(1.5), None]);
    assert_eq!(json["scenarios"][0]["checks"][0]["holds"], false);
    assert_eq!(json["scenarios"][0]["checks"][0]["figure"], "59");
    assert_eq!(json["load"][0], 1.5);
}
