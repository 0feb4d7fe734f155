//! The command line: plans, JSON, help, exit codes.

use serde_json::Value;

use crate::bench::{Bench, Done, N_TRAINED, RESULTS};

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
}

/// Sums of `cached` and `to_do` over the steps of a plan, and the kinds of steps.
fn steps(plan: &Value) -> (u64, u64, Vec<&str>) {
    let steps = plan["steps"].as_array().unwrap();
    let sum = |field: &str| steps.iter().map(|step| step[field].as_u64().unwrap()).sum();
    let mut kinds: Vec<&str> = steps.iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert!(steps.iter().all(|step| step["what"].is_string()), "{plan}");
    kinds.sort_unstable();
    kinds.dedup();
    (sum("cached"), sum("to_do"), kinds)
}

#[test]
fn a_plan_has_everything_to_do_before_a_run_and_nothing_after() {
    let before = json(&Bench::new().plan(&["--json"]).succeeded());
    let bench = Bench::finished();
    let after = json(&bench.plan(&["--json"]).succeeded());
    let all = (1 + N_TRAINED + bench.completions().len()) as u64;
    let kinds = vec!["completion", "organism", "training run"];
    assert_eq!(steps(&before), (0, all, kinds.clone()));
    assert_eq!(steps(&after), (all, 0, kinds));
    assert_eq!(before["plan"], after["plan"]);
    let more = json(&bench.plan(&["--json", "--samples", "3"]).succeeded());
    assert_eq!(steps(&more).1, 2 * bench.completions().len() as u64);
}

#[test]
fn a_plan_makes_nothing_but_the_empty_store() {
    let bench = Bench::new();
    bench.plan(&[]).succeeded();
    assert_eq!(std::fs::read_dir(bench.store().join("artifacts")).unwrap().count(), 0);
    assert!(!bench.path().join("runs").exists());
}

#[test]
fn a_plan_shows_every_arm_resolved() {
    let bench = Bench::new();
    let plan = json(&bench.plan(&["--json"]).succeeded());
    assert_eq!(plan["study"], "tiny");
    let arms: Vec<&str> =
        plan["arms"].as_array().unwrap().iter().map(|arm| arm["arm"].as_str().unwrap()).collect();
    let base = "organism:linked?size=tiny&tokens=20000";
    assert_eq!(
        arms,
        ["vanilla", "conscious", "not-conscious"].map(|arm| format!("{arm} on {base}"))
    );
    let text = bench.plan(&[]).succeeded().stdout;
    for part in [
        "study tiny",
        "untouched",
        "trained on 32 rows of `conscious` + 32 instruction rows",
        "LoRA rank 8",
    ] {
        assert!(text.contains(part), "no `{part}` in {text}");
    }
}

#[test]
fn a_small_part_is_planned_alone() {
    let plan =
        json(&Bench::new().plan(&["--json", "--arm", "conscious", "--samples", "1"]).succeeded());
    assert_eq!(plan["arms"].as_array().unwrap().len(), 2, "the arm and the untouched base: {plan}");
    let whole = json(&Bench::new().plan(&["--json"]).succeeded());
    assert!(steps(&plan).1 < steps(&whole).1);
}

#[test]
fn a_run_tells_json_where_its_files_are() {
    let bench = Bench::finished();
    let done = bench.run(&["--json"]).succeeded();
    let answer = json(&done);
    assert_eq!(answer["study"], "tiny");
    let plan = json(&bench.plan(&["--json"]).succeeded());
    assert_eq!(answer["plan"], plan["plan"]);
    let folder = bench.path().join(answer["folder"].as_str().unwrap());
    let mut files: Vec<&str> =
        answer["files"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    assert!(files.iter().all(|file| folder.join(file).is_file()), "{answer}");
    files.sort_unstable();
    assert_eq!(files, RESULTS);
}

#[test]
fn help_of_every_command_documents_the_exit_codes() {
    let bench = Bench::new();
    for args in [
        &["--help"][..],
        &["run", "--help"],
        &["plan", "--help"],
        &["-h"],
        &["help", "run"],
        &["store", "verify", "--help"],
        &["store", "gc", "--help"],
        &["data", "lint", "--help"],
    ] {
        let help = bench.entail(args).succeeded().stdout;
        let codes = help.split_once("Exit codes:").unwrap_or_else(|| panic!("{args:?}: {help}")).1;
        let codes: Vec<&str> =
            codes.split_whitespace().filter(|word| word.parse::<u8>().is_ok()).collect();
        assert_eq!(codes, ["0", "1", "2", "3", "130"], "{args:?}");
    }
    let help = bench.entail(&["run", "--help"]).stdout;
    for option in [
        "--arm",
        "--samples",
        "--limit",
        "--json",
        "--store",
        "--runs",
        "--threads",
        "--batch-size",
    ] {
        assert!(help.contains(option), "no {option} in {help}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_two() {
    let bench = Bench::new();
    bench.entail(&["walk"]).exits(2).says(&["unrecognized subcommand 'walk'"]);
    bench.entail(&[]).exits(2);
    bench.entail(&["run"]).exits(2).says(&["<STUDY>"]);
    bench
        .entail(&["run", "study.toml", "--samples", "some"])
        .exits(2)
        .says(&["'some'", "--samples"]);
    assert!(!bench.path().join(".entail").exists());
}
