//! Damaged and foreign stores are named, left alone, and heal when what is damaged is removed.

use std::fs;
use std::path::Path;

use crate::bench::{ADAPTER, Bench, Done, ORGANISM, POOL, READINGS, SHEETS};

fn truncate(file: &Path) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
}

/// Damages one file of an artifact; the run with these options names both, keeps every completion, and a run after
/// the folder is removed arrives where an undisturbed one does.
fn check(kind: &str, file: &str, damage: impl Fn(&Path), options: &[&str]) {
    let bench = Bench::finished();
    if kind != SHEETS {
        bench.forget_results();
    }
    let before = bench.completions();
    let artifact = bench.artifacts(kind)[0].clone();
    damage(&artifact.join(file));
    let key = artifact.file_name().unwrap().to_str().unwrap();
    let refused: Done = bench.run(options).exits(3);
    let key = &key[..16];
    let refused =
        refused.says(&[&format!("the artifact {key} is damaged at `{file}`"), "remove its folder"]);
    assert_eq!(refused.stdout, "");
    assert!(before.is_subset(&bench.completions()), "completions are lost");
    fs::remove_dir_all(&artifact).unwrap();
    bench.run(options).succeeded();
    if !options.is_empty() {
        bench.run(&[]).succeeded();
    }
    bench.equals_undisturbed();
}

#[test]
fn truncated_weights_are_damaged() {
    check(ORGANISM, "model.safetensors", truncate, &[]);
}

#[test]
fn a_header_longer_than_any_memory_is_damaged() {
    for length in [u64::MAX, 1 << 40, 1 << 63] {
        let bench = Bench::finished();
        bench.forget_results();
        let file = bench.artifacts(ORGANISM)[0].join("model.safetensors");
        let mut bytes = fs::read(&file).unwrap();
        bytes[..8].copy_from_slice(&length.to_le_bytes());
        fs::write(&file, bytes).unwrap();
        bench.run(&[]).exits(3).says(&["is damaged at `model.safetensors`"]);
        assert_eq!(bench.completions(), Bench::finished().completions());
    }
}

#[test]
fn truncated_adapters_are_damaged() {
    // A second sample needs the model, which answers in the store do not.
    check(ADAPTER, ADAPTER, truncate, &["--samples", "2"]);
}

#[test]
fn truncated_readings_are_damaged() {
    check(READINGS, READINGS, truncate, &[]);
}

#[test]
fn truncated_pools_are_damaged() {
    check(POOL, POOL, truncate, &[]);
}

#[test]
fn results_without_one_of_their_files_are_damaged() {
    check(SHEETS, "rates.csv", |file| fs::remove_file(file).unwrap(), &[]);
}

#[test]
fn a_store_from_a_newer_version_is_left_alone() {
    let bench = Bench::finished();
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    connection.execute_batch("PRAGMA user_version = 99").unwrap();
    connection.close().unwrap();
    let before = fs::read(bench.database()).unwrap();
    for done in [bench.run(&[]), bench.run(&["--samples", "2"]), bench.plan(&[])] {
        done.exits(3).says(&["store.db: the store has layout 99", "use a newer entail"]);
    }
    assert!(before == fs::read(bench.database()).unwrap(), "the file is changed");
}

#[test]
fn a_file_that_is_no_database_is_left_alone() {
    let bench = Bench::finished();
    let text = "not a database ".repeat(1000);
    fs::write(bench.database(), &text).unwrap();
    bench.run(&[]).exits(3).says(&["store.db: ", "file is not a database"]);
    assert_eq!(fs::read_to_string(bench.database()).unwrap(), text);
}

#[test]
fn a_stored_answer_that_ends_in_no_known_way_is_damaged() {
    let bench = Bench::finished();
    bench.forget_results();
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    connection
        .execute(
            "UPDATE completion SET finish = 'tired' WHERE key = (SELECT min(key) FROM completion)",
            [],
        )
        .unwrap();
    connection.close().unwrap();
    bench.run(&[]).exits(3).says(&["store.db: ", "is damaged", "finish is \"tired\""]);
}
