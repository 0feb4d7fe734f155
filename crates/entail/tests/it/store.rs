//! Looking after the store: counting, checking, moving damage away, clearing up, carrying answers about.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::time::Duration;

use serde_json::Value;

use crate::bench::{
    ADAPTER, Bench, Done, Live, N_TRAINED, ORGANISM, POOL, READINGS, REGISTRATION, SHEETS, STUDY,
};

fn store(bench: &Bench, command: &str, more: &[&str]) -> Done {
    bench.entail(&[&["store", command, "--store", "store"], more].concat())
}

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// Changes the database behind the program's back.
fn edit(bench: &Bench, sql: &str) {
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
}

/// Verifies twice: with `--quarantine`, which finds damage, and again, which finds none.
fn check_quarantine(bench: &Bench) -> Value {
    let found = json(&store(bench, "verify", &["--quarantine", "--json"]).exits(3));
    assert_eq!(store(bench, "verify", &[]).succeeded().stderr, "");
    found["quarantine"].clone()
}

#[test]
fn stats_count_what_a_run_made() {
    let bench = Bench::finished();
    let stats = json(&store(&bench, "stats", &["--json"]).succeeded());
    let n = bench.completions().len() as u64;
    assert_eq!(stats["all"]["completions"], n);
    assert_eq!(stats["origins"]["study"]["completions"], n);
    assert_eq!(stats["models"][0]["model"], Value::Null);
    assert!(stats["all"]["drawn_tokens"].as_u64().unwrap() >= n);
    let said = store(&bench, "stats", &[]).succeeded();
    assert!(said.stdout.contains("asked by: study"), "{said:?}");
}

#[test]
fn a_store_that_is_not_there_is_not_made() {
    let bench = Bench::new();
    for command in ["stats", "verify"] {
        store(&bench, command, &[]).exits(2).says(&["store/store.db: No such file"]);
    }
    store(&bench, "gc", &["study.toml"]).exits(2);
    store(&bench, "export", &["out.jsonl"]).exits(2);
    assert!(!bench.store().exists());
}

#[test]
fn a_changed_answer_is_found_moved_away_and_drawn_again() {
    let bench = Bench::finished();
    assert_eq!(store(&bench, "verify", &[]).succeeded().stderr, "");
    edit(
        &bench,
        "UPDATE completion SET text = 'other' WHERE key = (SELECT min(key) FROM completion)",
    );
    let key = bench.completions().first().unwrap().0.clone();
    let key = entail_schema::Key::from_bytes(key.try_into().unwrap()).to_string();
    let found = store(&bench, "verify", &[]).exits(3).says(&["1 damaged", "--quarantine"]);
    assert!(
        found.stdout.contains(&format!("completion {key} in the store is damaged")),
        "{found:?}"
    );
    bench.forget_results();
    bench.run(&[]).exits(3).says(&["store.db: completion ", &key, "is damaged: checksum is"]);
    let moved = check_quarantine(&bench);
    let rows = fs::read_to_string(bench.path().join(moved["rows"].as_str().unwrap())).unwrap();
    let row: Value = serde_json::from_str(rows.trim_end()).unwrap();
    assert_eq!((&row["row"]["text"], &row["row"]["key"]["hex"]), (&"other".into(), &key.into()));
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("completions").1, 1);
    bench.equals_undisturbed();
}

#[test]
fn a_database_with_a_page_of_rubbish_loses_what_was_on_that_page_only() {
    let bench = Bench::finished();
    let before = fs::metadata(bench.database()).unwrap().len();
    let mut file = File::options().write(true).open(bench.database()).unwrap();
    file.seek(SeekFrom::Start(before / 4096 / 2 * 4096)).unwrap();
    file.write_all(&[0x5a; 4096]).unwrap();
    drop(file);
    let damaged = fs::read(bench.database()).unwrap();
    let all = Bench::finished().completions();
    store(&bench, "verify", &[]).exits(3);
    assert!(damaged == fs::read(bench.database()).unwrap(), "looking changes nothing");
    check_quarantine(&bench);
    let kept = bench.completions();
    assert!(kept.is_subset(&all) && kept.len() + 60 > all.len(), "{} of {}", kept.len(), all.len());
    assert!(damaged == fs::read(bench.store().join("store.db.damaged-1")).unwrap());
    bench.forget_results();
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("completions"), (kept.len(), all.len() - kept.len()));
    bench.equals_undisturbed();
}

#[test]
fn a_database_without_its_head_gives_up_all_its_rows() {
    let bench = Bench::finished();
    let all = bench.completions();
    let mut file = File::options().write(true).open(bench.database()).unwrap();
    file.write_all(&[0; 100]).unwrap();
    drop(file);
    store(&bench, "verify", &[]).exits(3).says(&["1 damaged"]);
    check_quarantine(&bench);
    assert!(bench.completions() == all);
}

#[test]
fn a_changed_artifact_is_found_moved_away_and_made_again() {
    let bench = Bench::finished();
    let artifact = bench.artifacts(READINGS)[0].clone();
    let file = artifact.join(READINGS);
    let text = fs::read_to_string(&file).unwrap();
    // Still JSON: only the checksum tells.
    fs::write(&file, text.replacen('1', "2", 1)).unwrap();
    let found = json(&store(&bench, "verify", &["--json"]).exits(3));
    assert_eq!(
        found["artifacts"]["damaged"][0]["files"][READINGS].as_str(),
        Some("has another checksum than when it was written")
    );
    let moved = check_quarantine(&bench);
    let place = bench.path().join(moved["artifacts"][0].as_str().unwrap());
    assert!(place.join(READINGS).exists() && !artifact.exists());
    bench.forget_results();
    bench.run(&[]).succeeded();
    bench.equals_undisturbed();
    let unchecked = bench.artifacts(POOL)[0].join("checksums.json");
    fs::remove_file(unchecked).unwrap();
    let sound = json(&store(&bench, "verify", &["--json"]).succeeded());
    assert_eq!(sound["artifacts"]["unchecked"], 1);
}

#[test]
fn answers_go_from_store_to_store_and_are_the_same_bytes() {
    let (bench, other) = (Bench::finished(), Bench::new());
    store(&bench, "export", &["out.jsonl"]).succeeded();
    let out = fs::read_to_string(bench.path().join("out.jsonl")).unwrap();
    assert_eq!(store(&bench, "export", &["-"]).succeeded().stdout, out);
    let n = bench.completions().len();
    assert_eq!(out.lines().count(), n);
    other.write("in.jsonl", &out);
    let imported = json(&store(&other, "import", &["in.jsonl", "--json"]).succeeded());
    assert_eq!(imported, serde_json::json!({ "added": n, "present": 0 }));
    store(&other, "import", &["in.jsonl"])
        .succeeded()
        .says(&[&format!("0 completions added, {n} were there")]);
    assert_eq!(store(&other, "export", &["-"]).succeeded().stdout, out);
    let done = other.run(&[]).succeeded();
    assert_eq!(done.tally("completions"), (n, 0));
}

#[test]
fn a_wrong_line_is_named_and_nothing_is_imported() {
    let bench = Bench::finished();
    store(&bench, "export", &["out.jsonl"]).succeeded();
    let out = fs::read_to_string(bench.path().join("out.jsonl")).unwrap();
    let other = Bench::new();
    let second = out.lines().nth(1).unwrap();
    let wrong = [
        (second.replacen("\"text\"", "\"words\"", 1), "unknown field `words`"),
        (
            second.replacen("stop", "tired", 1).replacen("length", "tired", 1),
            "unknown variant `tired`",
        ),
        (String::new(), "EOF"),
    ];
    for (line, what) in wrong {
        other.write("in.jsonl", &out.replacen(second, &line, 1));
        store(&other, "import", &["in.jsonl"]).exits(2).says(&["in.jsonl:2: ", what]);
        assert!(other.completions().is_empty());
    }
}

#[test]
fn what_a_study_needs_is_not_cleared_up() {
    let bench = Bench::finished();
    let done = json(&store(&bench, "gc", &["study.toml", "--json"]).succeeded());
    assert_eq!(done["artifacts"].as_array().unwrap().len(), 0, "{done}");
    assert_eq!(done["completions"].as_array().unwrap().len(), 0, "{done}");
    store(&bench, "gc", &["study.toml", "--yes", "--adapters", "--captures"]).succeeded();
    let again = bench.run(&[]).succeeded();
    again.says(&["nothing to do"]);
}

#[test]
fn what_no_study_needs_is_shown_and_then_cleared_up_but_for_training_runs() {
    let bench = Bench::finished();
    let toaster = STUDY.replace("[arm.conscious]\ntrain = { stance = \"conscious\" }\n", "");
    bench.write("other.toml", &toaster);
    let (answers, kinds) =
        (bench.completions(), [ORGANISM, POOL, ADAPTER, READINGS, REGISTRATION, SHEETS]);
    let count = || kinds.map(|kind| bench.artifacts(kind).len());
    let before = count();
    let shown = store(&bench, "gc", &["other.toml"]).succeeded().says(&["nothing was removed"]);
    assert!(
        shown.stdout.contains("readings") && !shown.stdout.contains("training run"),
        "{shown:?}"
    );
    assert_eq!((count(), bench.completions()), (before, answers.clone()));
    store(&bench, "gc", &["other.toml", "--yes"]).succeeded();
    assert_eq!(count(), [1, 1, N_TRAINED, before[3] - N_TRAINED / 2, 1, 0]);
    let kept = bench.completions();
    assert_eq!(kept.len(), answers.len() * 3 / 5);
    store(&bench, "gc", &["other.toml", "--yes", "--adapters"]).succeeded();
    assert_eq!(bench.artifacts(ADAPTER).len(), N_TRAINED / 2);
    store(&bench, "gc", &["study.toml", "missing.toml", "--yes"]).exits(2).says(&["missing.toml"]);
    fs::remove_dir_all(bench.path().join("runs")).unwrap();
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("training runs"), (N_TRAINED / 2, N_TRAINED / 2));
    assert_eq!(done.tally("completions"), (kept.len(), answers.len() - kept.len()));
    bench.equals_undisturbed();
}

#[test]
fn nothing_is_taken_out_of_a_store_that_is_in_use() {
    let bench = Bench::finished();
    let in_use = File::options().append(true).open(bench.store().join("locks/store")).unwrap();
    in_use.lock_shared().unwrap();
    for (command, more) in
        [("gc", ["study.toml", "--yes"].as_slice()), ("verify", &["--quarantine"])]
    {
        store(&bench, command, more).exits(1).says(&["another entail works with this store"]);
    }
    store(&bench, "verify", &[]).succeeded();
    drop(in_use);
    store(&bench, "verify", &["--quarantine"]).succeeded();
}

#[test]
fn a_second_process_waits_for_the_organism_of_the_first() {
    let bench = Bench::finished();
    let organism = bench.artifacts(ORGANISM)[0].clone();
    let held = File::options()
        .append(true)
        .open(bench.store().join("locks").join(organism.file_name().unwrap()));
    let held = held.unwrap();
    held.lock().unwrap();
    let away = bench.path().join("away");
    fs::rename(&organism, &away).unwrap();
    bench.forget_results();
    let live = Live::start(&mut bench.run_command(&[]));
    std::thread::sleep(Duration::from_millis(500));
    assert!(!organism.exists());
    // The first process finishes, and the lock goes with it.
    fs::rename(&away, &organism).unwrap();
    drop(held);
    let (status, said) = live.end();
    assert!(status.success() && !said.contains("pretraining"), "{said}");
    bench.equals_undisturbed();
}

#[test]
fn two_processes_make_one_organism_between_them() {
    let bench = Bench::new();
    let both = ["runs-a", "runs-b"]
        .map(|runs| Live::start(&mut bench.run_command_into(runs, &["--threads", "1"])));
    let made: usize = both
        .map(|live| {
            let (status, stderr) = live.end();
            assert!(status.success(), "{stderr}");
            Done { code: Some(0), stdout: String::new(), stderr }.tally("organisms").1
        })
        .iter()
        .sum();
    assert_eq!(made, 1);
}
