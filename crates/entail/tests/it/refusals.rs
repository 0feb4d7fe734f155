//! A wrong study is refused before anything runs, with the place, what was found and what was expected.

use entail_data::{WorldText, batteries};

use crate::bench::{Bench, STUDY};

/// A study text is refused, and the message holds these parts.
fn check(study: &str, message: &[&str]) {
    check_with(&Bench::new(), study, &[], message);
}

fn check_with(bench: &Bench, study: &str, options: &[&str], message: &[&str]) {
    bench.write("study.toml", study);
    for done in [bench.run(options), bench.plan(options)] {
        assert_eq!(done.stdout, "");
        done.exits(2).says(message);
    }
    assert!(!bench.store().exists() && !bench.path().join("runs").exists(), "nothing ran");
}

/// The tiny study with one place changed, and the line of that place.
fn changed(from: &str, to: &str) -> (String, String) {
    let place = STUDY.find(from).expect("the place is in the study");
    let line = STUDY[..place].matches('\n').count() + 1;
    (STUDY.replacen(from, to, 1), format!("study.toml:{line}: "))
}

fn check_changed(from: &str, to: &str, message: &[&str]) {
    let (study, place) = changed(from, to);
    check(&study, &[&[place.as_str()], message].concat());
}

#[test]
fn unknown_keys_name_the_known_ones() {
    check_changed("samples = 1", "sample = 1", &["`sample`", "expected one of", "`samples`"]);
    check_changed("rows = 32", "row = 32", &["`row`", "`rows`"]);
    check_changed("train = { stance", "train = { stanze", &["`stanze`", "`stance`"]);
}

#[test]
fn wrong_types_name_the_right_one() {
    check_changed(
        "samples = 1",
        "samples = \"many\"",
        &["invalid type: string \"many\", expected usize"],
    );
    check_changed("samples = 1", "samples = -1", &["-1"]);
    check_changed("rows = 32", "rows = \"all\"", &["a value or a list of values"]);
    check_changed(
        "battery = [\"preferences\"]",
        "battery = \"preferences\"",
        &["expected a sequence"],
    );
    check_changed("samples = 1", "samples = ", &[]);
}

#[test]
fn controls_must_be_arms() {
    let control = "control = [\"not-conscious\", \"vanilla\"]";
    check_changed(
        control,
        "control = [\"toaster\"]",
        &["unknown control `toaster`", "vanilla, conscious, not-conscious"],
    );
    check_changed(control, "control = []", &["`control` is [], expected at least one arm"]);
    check(&STUDY.replace(control, ""), &["study.toml:1: ", "missing field `control`"]);
}

#[test]
fn stances_and_batteries_must_exist() {
    check_changed(
        "train = { stance = \"conscious\" }",
        "train = { stance = \"concious\" }",
        &["unknown stance `concious`", "conscious, "],
    );
    check_changed(
        "battery = [\"preferences\"]",
        "battery = [\"values\"]",
        &["unknown battery `values`", "preferences"],
    );
}

#[test]
fn numbers_must_make_sense() {
    check_changed("rows = 32", "rows = 0", &["`rows` is 0, expected a number above 0"]);
    check_changed(
        "samples = 1",
        "samples = 0",
        &["`samples` is 0, expected a whole number of at least 1"],
    );
    check_changed("seeds = 2", "seeds = 0", &["`seeds` is 0"]);
    check_changed("seeds = 2", "temperature = nan\nseeds = 2", &["`temperature` is NaN"]);
    let (study, _) = changed("rows = 32", "rows = 1000000");
    check(&study, &["study.toml:16: ", "arm `conscious`", "draws 1000000 rows, but"]);
    check_changed(
        "mix = { instruct = 32 }",
        "mix = { instruct = 5000 }",
        &["`instruct` is 5000, expected at most"],
    );
}

#[test]
fn bases_must_be_organisms_with_known_dials() {
    let dial = |dial: &str| format!("organism:linked?{dial}");
    let tiny = dial("size=tiny&tokens=20000");
    check_changed(
        &format!("base = \"{tiny}"),
        &format!("base = \"{}", dial("colour=red")),
        &["unknown dial `colour`", "expected rho, seed, size"],
    );
    check_changed(
        &format!("base = \"{tiny}"),
        &format!("base = \"{}", dial("rho=7")),
        &["dial `rho` is `7`", "0 to 0.9"],
    );
    check_changed(
        &format!("base = \"{tiny}"),
        "base = \"organism:upside-down",
        &["unknown organism `organism:upside-down`", "organism:linked"],
    );
}

#[test]
fn names_must_be_folders_inside_the_results() {
    check_changed(
        "name = \"tiny\"",
        "name = \"../elsewhere\"",
        &["`name` is \"../elsewhere\", expected letters"],
    );
}

const FILE: &str = "train = { file = \"rows.jsonl\", settings = { rows = 1 } }";

fn row(question: &str) -> String {
    let messages = serde_json::json!([
        { "role": "user", "content": question }, { "role": "assistant", "content": "Yes." },
    ]);
    serde_json::json!({ "messages": messages }).to_string()
}

fn check_rows(rows: &str, message: &[&str]) {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows);
    let (study, _) = changed("train = { stance = \"conscious\" }", FILE);
    check_with(&bench, &study, &[], message);
}

#[test]
fn rows_must_not_ask_what_is_measured() {
    let batteries = batteries(&WorldText::embedded());
    let stance = &batteries.iter().find(|b| b.name == "preferences").unwrap().stances[0];
    let rows = [row("What is two plus two?"), row(&stance.prompts[0].to_uppercase())].join("\n");
    let quoted = format!("{:?}", stance.prompts[0]);
    check_rows(
        &rows,
        &["study.toml:16: ", "arm `conscious`", &stance.id, &quoted, "row 2 of rows of rows.jsonl"],
    );
}

#[test]
fn broken_rows_name_their_file_and_line() {
    let good = row("What is two plus two?");
    check_rows(
        &format!("{good}\n{{\"messages\": [\n"),
        &["rows.jsonl, line 2: ", "EOF while parsing"],
    );
    check_rows(
        &format!("{good}\n\n{{\"text\": \"hello\"}}\n"),
        &["rows.jsonl, line 3: ", "`text`", "`messages`"],
    );
    let question_alone = r#"{"messages": [{"role": "user", "content": "Well?"}]}"#;
    check_rows(
        &format!("{question_alone}\n{good}"),
        &["rows.jsonl, line 1: ", "found no assistant turn, expected one"],
    );
    check_rows("\n\n", &["rows.jsonl", "found no rows, expected one JSON object"]);
    let (study, _) = changed("train = { stance = \"conscious\" }", FILE);
    check(&study, &["rows.jsonl", "No such file"]);
}

#[test]
fn options_are_checked_like_the_study() {
    check_with(
        &Bench::new(),
        STUDY,
        &["--arm", "concious"],
        &["unknown arm `concious`", "vanilla, conscious"],
    );
    check_with(&Bench::new(), STUDY, &["--samples", "0"], &["`samples` is 0"]);
    let bench = Bench::new();
    let done = bench.entail(&["run", "study.toml", "--limit", "0", "--store", "store"]).exits(2);
    done.says(&["limit"]);
    assert!(!bench.store().exists());
}

#[test]
fn a_study_that_cannot_be_read_is_named() {
    let bench = Bench::new();
    bench.entail(&["run", "nowhere.toml"]).exits(2).says(&["nowhere.toml: No such file"]);
    std::fs::write(bench.path().join("bytes.toml"), [0xff, 0xfe, 0x00]).unwrap();
    bench.entail(&["run", "bytes.toml"]).exits(2).says(&["bytes.toml: ", "UTF-8"]);
}
