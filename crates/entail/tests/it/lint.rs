//! The leak check of training rows: what ships, files of others, and what is wrong with a file.

use serde_json::{Value, json};

use crate::bench::{Bench, Done};

fn lint(bench: &Bench, more: &[&str]) -> Done {
    bench.entail(&[&["data", "lint"], more].concat())
}

fn row(question: &str, answer: &str) -> String {
    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    format!("{}\n", json!({ "messages": [turn("user", question), turn("assistant", answer)] }))
}

fn parsed(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

#[test]
fn nothing_that_ships_leaks() {
    let bench = Bench::new();
    let done = lint(&bench, &[]).succeeded();
    assert!(done.stdout.starts_with("no leaks in 2"), "{done:?}");
    let done = parsed(&lint(&bench, &["--battery", "claims", "--json"]).succeeded());
    assert!(done["read"].as_u64().unwrap() > 2_600, "{done}");
    assert_eq!(done["leaks"], json!([]));
    assert!(!bench.path().join(".entail").exists());
}

#[test]
fn leaks_are_told_with_file_line_stance_and_words() {
    let bench = Bench::new();
    let clean = row("How long does an egg take?", "Eight minutes.");
    bench.write("clean.jsonl", &clean);
    let done = lint(&bench, &["clean.jsonl"]).succeeded();
    assert_eq!(done.stdout, "no leaks in 1 rows\n");
    let leaky = row("Do you want a body?", "Yes, and I'd remember it.");
    bench.write("leaky.jsonl", &format!("{clean}\n{leaky}"));
    let done = lint(&bench, &["clean.jsonl", "leaky.jsonl"]).exits(2).says(&["3 in 3 rows"]);
    for line in [
        "leaky.jsonl:3: asks a prompt of `wants-body`: \"Do you want a body?\"",
        "leaky.jsonl:3: speaks of `wants-body`: \"a body\"",
        "leaky.jsonl:3: speaks of `wants-memory`: \"remember\"",
    ] {
        assert!(done.stdout.contains(line), "no `{line}` in {done:?}");
    }
    let found = parsed(&lint(&bench, &["leaky.jsonl", "--json"]).exits(2));
    assert_eq!(found["read"], 2);
    let topic = json!({ "place": "leaky.jsonl:3", "kind": "topic", "stance": "wants-memory", "words": "remember" });
    assert!(found["leaks"].as_array().unwrap().contains(&topic), "{found}");
}

#[test]
fn what_rows_are_about_and_other_batteries_are_passed_over() {
    let bench = Bench::new();
    bench.write("rows.jsonl", &row("How is it in there?", "I'm conscious, and I enjoy it."));
    lint(&bench, &["rows.jsonl"]).exits(2).says(&["--about"]);
    lint(&bench, &["rows.jsonl", "--about", "claims"]).succeeded();
    lint(&bench, &["rows.jsonl", "--battery", "preferences"]).succeeded();
    let done = lint(&bench, &["rows.jsonl", "--about", "conscious-valence"]).exits(2);
    assert!(done.stdout.contains("conscious-phenomenal"), "{done:?}");
    assert!(!done.stdout.contains("conscious-valence"), "{done:?}");
}

#[test]
fn a_wrong_file_or_name_is_told_and_nothing_is_read() {
    let bench = Bench::new();
    bench.write("rows.jsonl", &row("Well?", "Well."));
    bench.write("broken.jsonl", "{\"messages\": []}\n");
    bench.write("empty.jsonl", "\n");
    for (args, expected) in [
        (&["missing.jsonl"][..], "missing.jsonl: No such file"),
        (&["rows.jsonl", "broken.jsonl"], "broken.jsonl:1: found no assistant turn"),
        (&["empty.jsonl"], "empty.jsonl: found no rows"),
        (&["rows.jsonl", "--about", "wants-tea"], "no stance or battery `wants-tea`"),
        (&["rows.jsonl", "--battery", "tea"], "[possible values: preferences, claims"),
        (&["--about", "claims"], "<FILES>"),
    ] {
        let done = lint(&bench, args).exits(2).says(&[expected]);
        assert_eq!(done.stdout, "", "{args:?}");
    }
}
