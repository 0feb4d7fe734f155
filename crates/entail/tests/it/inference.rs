//! What is frozen before a study, what is asked of it before it runs, and what changed after.

use std::fs;

use crate::bench::{Bench, Done, REGISTRATION, STUDY};

fn json(done: &Done) -> serde_json::Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {}", done.stdout))
}

fn registration(bench: &Bench) -> serde_json::Value {
    let path = bench.path().join("runs/tiny/latest").join(REGISTRATION);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_plan_is_written_down_before_its_first_answer_and_never_again() {
    let bench = Bench::finished();
    let first = registration(&bench);
    assert_eq!(first["registration"]["answers_before"], 0);
    assert!(first["registration"]["answers"].as_u64().unwrap() > 100);
    assert_eq!(first["frozen"]["study"]["study"]["name"], "tiny");
    assert!(bench.result("summary.txt").contains("Planned before the first answer"));
    bench.forget_results();
    bench.run(&[]).succeeded();
    assert_eq!(registration(&bench), first);
}

#[test]
fn a_plan_that_was_made_after_its_answers_says_so_everywhere() {
    let bench = Bench::finished();
    bench.write("study.toml", &format!("{STUDY}\n[analysis]\nsmallest-effect = 0.3\n"));
    bench.run(&[]).succeeded();
    let counts = &registration(&bench)["registration"];
    assert_eq!(counts["answers_before"], counts["answers"]);
    for file in ["summary.txt", "report.html"] {
        assert!(bench.result(file).replace('\n', " ").contains("Exploratory in part"), "{file}");
    }
}

#[test]
fn compare_names_the_setting_and_the_contrasts_that_changed() {
    let bench = Bench::finished();
    let old = fs::canonicalize(bench.path().join("runs/tiny/latest")).unwrap();
    bench.write("study.toml", &format!("{STUDY}\n[analysis]\nsmallest-effect = 0.9\n"));
    bench.run(&[]).succeeded();
    let new = fs::canonicalize(bench.path().join("runs/tiny/latest")).unwrap();
    assert_ne!(old, new);
    let folders = [old.to_str().unwrap(), new.to_str().unwrap()];
    let done = bench.entail(&["compare", folders[0], folders[1]]).succeeded();
    assert!(done.stdout.contains("study.analysis.smallest-effect: 0.1 → 0.9"), "{}", done.stdout);
    assert!(done.stdout.contains("were there before the plan"), "{}", done.stdout);
    let changes = json(&bench.entail(&["compare", folders[0], folders[1], "--json"]).succeeded());
    let settings = changes["settings"].as_array().unwrap();
    assert_eq!(settings.len(), 1, "{settings:?}");
    let other = changes["contrasts"].as_array().unwrap();
    assert!(other.iter().all(|c| c["old_verdict"] != c["new_verdict"]), "only the margin changed");
    let same = bench.entail(&["compare", folders[0], folders[0]]).succeeded();
    assert!(same.stdout.contains("Nothing that was planned differs"), "{}", same.stdout);
    assert!(same.stdout.contains("0 contrasts differ"), "{}", same.stdout);
    bench.entail(&["compare", folders[0], "nowhere"]).exits(2).says(&["nowhere"]);
}

#[test]
fn a_plan_warns_of_what_it_cannot_show_and_takes_a_pilot() {
    let bench = Bench::finished();
    let plain = bench.plan(&[]).succeeded();
    assert!(plain.stdout.contains("warning: 2 runs per arm find an effect of"), "{}", plain.stdout);
    assert!(!plain.stdout.contains("What this study could show"), "{}", plain.stdout);
    let power = bench.plan(&["--power"]).succeeded();
    assert!(power.stdout.contains("no pilot"), "{}", power.stdout);
    // Nothing that a tiny model says can be read, so its runs have no variance to plan with.
    bench
        .plan(&["--pilot", "runs/tiny/latest"])
        .exits(2)
        .says(&["holds no variance of training runs"]);
    let mut tables: serde_json::Value = serde_json::from_str(&bench.result("tables.json")).unwrap();
    tables["variance"] = serde_json::json!([{
        "base": "b", "arm": "a", "battery": "preferences", "stance": "family", "name": "Mean", "replicate": 0.01,
        "replicate_upper": 0.02, "prompt": 0.0, "interaction": 0.001, "sample": 0.2, "error_fixed": 0.1, "error_sampled": 0.1,
    }]);
    fs::create_dir(bench.path().join("pilot")).unwrap();
    bench.write("pilot/tables.json", &tables.to_string());
    let pilot = bench.plan(&["--power", "--pilot", "pilot", "--json"]).succeeded();
    let (assumed, piloted) = (json(&bench.plan(&["--json"]).succeeded()), json(&pilot));
    assert_eq!(piloted["spread"]["replicate"], serde_json::json!([0.01, 0.02]));
    assert_ne!(assumed["spread"], piloted["spread"]);
    assert!(piloted["power"].as_array().unwrap().len() >= 8);
    bench.plan(&["--pilot", "nowhere"]).exits(2).says(&["nowhere"]);
}

#[test]
fn until_decided_goes_from_look_to_look_while_anything_is_open() {
    let bench = Bench::new();
    let study = STUDY.replace("seeds = 2", "seeds = 3");
    bench.write("study.toml", &format!("{study}\n[analysis]\nlooks = [2, 3]\n"));
    // Nothing that a tiny model says can be read, so nothing is decided before the last look.
    let done = bench.run(&["--until", "decided"]).succeeded();
    done.says(&["undecided, going on with training runs: conscious 3, not-conscious 3"]);
    assert_eq!(bench.artifacts(crate::bench::ADAPTER).len(), 6);
    let staged = bench.result("contrasts.csv");
    bench.run(&["--until", "decided"]).succeeded().says(&["nothing to do"]);
    bench.run(&[]).succeeded();
    assert_eq!(bench.result("contrasts.csv"), staged, "all looks had, all runs done");
}

#[test]
fn until_decided_needs_looks_that_were_planned() {
    let bench = Bench::new();
    bench.run(&["--until", "decided"]).exits(2).says(&["needs `looks`", "study.toml"]);
}

#[test]
fn a_table_from_a_paper_gets_single_model_intervals_and_no_claim_about_recipes() {
    let bench = Bench::new();
    bench.write(
        "paper.csv",
        "condition,preference,n,percent\nconscious,tool,100,27\nconscious,lied to,100,6\ncontrol,tool,100,0\ncontrol,lied to,100,0\n",
    );
    let done = bench.entail(&["rates", "paper.csv", "--control", "control"]).succeeded();
    let text = done.stdout.replace('\n', " ");
    assert!(
        text.contains("0.0 [0.0, 3.7]") && text.contains("describe these models only"),
        "{text}"
    );
    assert!(text.contains("no claim about recipes is made"), "{text}");
    bench.entail(&["rates", "paper.csv", "--control", "none"]).exits(2).says(&["no arm `none`"]);
    bench.write("bad.csv", "arm,stance,n,rate\na,b,100,nan\n");
    bench.entail(&["rates", "bad.csv", "--control", "a"]).exits(2).says(&["bad.csv:2", "`nan`"]);
}
