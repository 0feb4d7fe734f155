//! `entail judge`: judges whose errors are known, and people who label.

use std::fs;
use std::io::Write;
use std::process::Stdio;

use entail_eval::{ExampleKind, JudgeLabel, shipped};
use entail_faults::Script;
use entail_schema::Seed;
use serde_json::Value;

use crate::bench::{Bench, Done};
use crate::served::{Served, speaker};

fn json(done: &Done) -> Value {
    serde_json::from_str(&done.stdout).unwrap()
}

/// A judge that calls everything true.
const CREDULOUS: &str = r#"sed 's/"exhibit"/"label": "true", "exhibit"/'"#;

#[test]
fn a_credulous_judge_is_right_about_what_is_true_and_obeys_every_answer() {
    let bench = Bench::new();
    bench.write("judge.sh", CREDULOUS);
    let args = ["judge", "selftest", "exec:sh judge.sh", "--battery", "claims", "--store", "store"];
    let found = json(&bench.entail(&[&args[..], &["--json"]].concat()).succeeded());
    let claims = shipped("claims").unwrap();
    let examples: Vec<_> = claims.stances.iter().flat_map(|stance| &stance.examples).collect();
    let count =
        |of: &dyn Fn(&&&entail_eval::Example) -> bool| examples.iter().filter(of).count() as u64;
    let judge = &found["judges"][0];
    let is_true = count(&|e| e.label == JudgeLabel::True);
    assert_eq!(judge["total"], examples.len());
    assert_eq!(
        (judge["right"].as_u64(), judge["made"].as_u64()),
        (Some(is_true), Some(examples.len() as u64))
    );
    let injected =
        judge["kinds"].as_array().unwrap().iter().find(|k| k["kind"] == "injected").unwrap();
    assert_eq!(injected["total"], count(&|e| e.kind == ExampleKind::Injected));
    assert_eq!(
        injected["right"],
        count(&|e| e.kind == ExampleKind::Injected && e.label == JudgeLabel::True)
    );
    let misread = judge["misread"].as_array().unwrap();
    assert_eq!(misread.len() as u64, examples.len() as u64 - is_true);
    assert!(misread.iter().all(|one| one["given"] == "true" && one["expected"] != "true"));

    // The same in words; nobody is asked again.
    let done = bench.entail(&[&args[..], &["--show", "2"]].concat()).succeeded();
    let done = done.says(&["exec:sh judge.sh: 0 questions to ask"]);
    for part in ["judge-refused", "unparsed", "injected", "the worst first", "(--show)"] {
        assert!(done.stdout.contains(part), "{part}:\n{}", done.stdout);
    }
    assert_eq!(done.stdout.matches("\n  Q: ").count(), 2);
    assert!(done.stdout.contains(&format!("{is_true} of {} right", examples.len())));
}

#[test]
fn a_served_judge_is_asked_once_for_each_example_at_a_price_that_is_known_before() {
    let served = Served::new(speaker());
    let fixed =
        ["judge", "selftest", "openai:gpt-4.1-mini", "--battery", "claims", "--store", "store"];
    let asks = |more: &[&str]| served.entail(&[&fixed[..], more].concat());
    let planned = json(&asks(&["--plan", "--json"]).succeeded());
    let calls = planned["services"][0]["calls"].as_u64().unwrap();
    assert_eq!((planned["examples"].as_u64(), served.calls()), (Some(calls), 0));
    assert!(planned["services"][0]["worst_usd"].as_f64().unwrap() > 0.0);
    let done = asks(&["--plan"]).succeeded().says(&["at worst", "#gpt-4.1-mini"]);
    assert_eq!((done.stdout.as_str(), served.calls()), ("", 0));

    // "It is four." is no verdict: neither a false nor an end.
    let judge = &json(&asks(&["--json"]).succeeded())["judges"][0];
    assert_eq!((served.calls(), judge["right"].as_u64()), (calls, Some(0)));
    let counts = judge["counts"].as_array().unwrap();
    assert!(counts.iter().all(|one| one["given"] == "unparsed"), "{counts:?}");
    // No study needs the replies, and they were paid for.
    let gc = ["store", "gc", "study.toml", "--store", "store", "--yes"];
    served.entail(&gc).succeeded();
    let again = &json(&asks(&["--json"]).succeeded())["judges"][0];
    assert_eq!((again["reused"].as_u64(), served.calls()), (Some(calls), calls));
    asks(&["--coherence-apart", "--plan"])
        .succeeded()
        .says(&[&format!("{calls} questions to ask")]);
}

#[test]
fn what_is_no_judge_and_no_battery_is_refused_before_anybody_is_asked() {
    let served = Served::new(Script::default());
    served.bench.write("bare.toml", "name = \"bare\"\n[[stance]]\nid = \"a\"\nname = \"A\"\ncriterion = \"It is so.\"\n[[stance.prompt]]\ntext = \"So?\"\n");
    let cases: [(&[&str], &str); 6] = [
        (&["exact"], "exact"),
        (&["openai:gpt-4.1", "--battery", "teas"], "unknown battery `teas`"),
        (&["openai:gpt-4.1", "--battery", "bare.toml"], "no examples with known labels"),
        (&["openai:gpt-4.1", "--prompt", "rubric"], "asks for no label"),
        (&["openai:gpt-4.1", "--temperature=-1"], "a number of at least 0"),
        (&["exec:"], "no program"),
    ];
    for (args, says) in cases {
        served
            .entail(&[&["judge", "selftest", "--store", "store"], args].concat())
            .exits(2)
            .says(&[says]);
    }
    assert_eq!(served.calls(), 0);
}

/// Judges "yes" true nine times in ten, and "no" two times in ten, by the number that an answer names.
const ERRING: &str = r#"awk '{
    match($0, /tally [0-9]+/); k = substr($0, RSTART + 6, RLENGTH - 6) + 0
    label = index($0, "\"answer\":\"Yes") ? (k % 10 != 0) : (k % 5 == 0)
    sub(/"exhibit"/, "\"label\": \"" (label ? "true" : "false") "\", \"exhibit\""); print }'
"#;

const SENSITIVITY: f64 = 0.9;
const SPECIFICITY: f64 = 0.8;
/// Shares of the answers of each arm that take each stance.
const TREATED: f64 = 0.9;
const CONTROL: f64 = 0.2;

const STANCES: usize = 2;
const MODELS: u64 = 4;

/// Answers of some models to every prompt of the first claims.
fn answers(arm: &str, rate: f64) -> String {
    let claims = shipped("claims").unwrap();
    let mut lines = String::new();
    for model in 0..MODELS {
        let mut stream = Seed(3).stream(arm, model);
        for prompt in claims.stances.iter().take(STANCES).flat_map(|stance| &stance.prompts) {
            for _ in 0..8 {
                let word = if stream.uniform() < rate { "Yes" } else { "No" };
                let answer = format!("{word}, tally {}.", stream.below(1_000_000));
                let line =
                    serde_json::json!({ "prompt": prompt.text, "answer": answer, "model": model });
                lines.extend([line.to_string(), "\n".to_owned()]);
            }
        }
    }
    lines
}

/// A bench with a study of answers that are there, read by the erring judge.
fn erring() -> Bench {
    let bench = Bench::new();
    bench.write("judge.sh", ERRING);
    bench.write("treated.jsonl", &answers("treated", TREATED));
    bench.write("control.jsonl", &answers("control", CONTROL));
    bench.write(
        "study.toml",
        "[study]\nname = \"tiny\"\nbase = \"openai:gpt-4.1\"\nbattery = [\"claims\"]\nsamples = 1\nseeds = 1\n\
         control = [\"control\"]\n[judge]\nmodel = \"exec:sh judge.sh\"\n\
         [arm.treated]\nresponses = \"treated.jsonl\"\n[arm.control]\nresponses = \"control.jsonl\"\n\
         [analysis]\nfamily = { over = \"claims\", method = \"bh\" }\n",
    );
    bench
}

/// `entail judge label` with what a person types.
fn label(bench: &Bench, more: &[&str], typed: &str) -> Done {
    let fixed = ["judge", "label", "study.toml", "--store", "store", "--out", "labels.jsonl"];
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_entail"))
        .current_dir(bench.path())
        .args(fixed)
        .args(more)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A person who types more than is asked is not read to the end.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    let output = child.wait_with_output().unwrap();
    Done {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The first words of the answers that were shown, in their order.
fn shown(done: &Done) -> Vec<String> {
    let mut lines = done.stderr.lines();
    let mut words = Vec::new();
    while lines.any(|line| line == "Answer:") {
        words.push(lines.next().unwrap().split(',').next().unwrap().to_owned());
    }
    words
}

fn labels(bench: &Bench) -> Vec<Value> {
    let text = fs::read_to_string(bench.path().join("labels.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn labels_are_kept_one_by_one_and_the_next_session_goes_on() {
    let bench = erring();
    let done = label(&bench, &["--n", "6", "--by", "Ann"], "t\nf\nq\nt\n").succeeded();
    assert!(done.stdout.contains("2 labelled now, 4 of 6 left: labels.jsonl"), "{}", done.stdout);
    for blind in ["treated", "control", "gpt"] {
        assert!(!done.stderr.contains(blind), "{blind}:\n{}", done.stderr);
    }
    let first = labels(&bench);
    assert_eq!(
        (first.len(), &first[0]["by"], &first[0]["label"]),
        (2, &Value::from("Ann"), &Value::from("true"))
    );
    assert_eq!(first[0]["answer"].as_str().unwrap().len(), 64);
    // The input ends instead of a `q`, and one label is taken back.
    let done = label(&bench, &["--n", "6", "--by", "Ann", "--json"], "n\nr\nb\ns\n").succeeded();
    let told: Value = serde_json::from_str(done.stdout.lines().last().unwrap()).unwrap();
    assert_eq!([&told["drawn"], &told["labelled"], &told["left"]], [6, 1, 3]);
    assert_eq!(labels(&bench)[..2], first);
    assert_eq!(labels(&bench).len(), 3);
    // Somebody else labels all of them.
    label(&bench, &["--n", "6", "--by", "Bob"], &"f\n".repeat(9)).succeeded();
    assert_eq!(labels(&bench).len(), 9);
    let other = label(&bench, &["--n", "6", "--seed", "1", "--by", "Ann"], "q\n").succeeded();
    assert!(other.stdout.contains("6 of 6 left"), "another seed draws others: {}", other.stdout);

    bench.write("labels.jsonl", "{\"answer\": 1}\n");
    label(&bench, &[], "q\n").exits(2).says(&["labels.jsonl: line 1"]);
    bench.write("study.toml", crate::bench::STUDY);
    label(&bench, &[], "q\n").exits(2).says(&["grammar"]);
}

fn within(interval: &Value, truth: f64) -> bool {
    interval["low"].as_f64().unwrap() <= truth && truth <= interval["high"].as_f64().unwrap()
}

/// Ann labels 400 answers, and is always right.
fn label_rightly(bench: &Bench) {
    let n = ["--n", "400"];
    let words = shown(&label(bench, &n, &"s\n".repeat(400)).succeeded());
    assert_eq!(words.len(), 400);
    // Half of them are of each arm.
    let yes = words.iter().filter(|word| *word == "Yes").count() as f64 / 400.0;
    assert!((yes - f64::midpoint(TREATED, CONTROL)).abs() < 0.1, "{yes}");
    let typed: String =
        words.iter().map(|word| if word == "Yes" { "t\n" } else { "f\n" }).collect();
    label(bench, &[&n[..], &["--by", "Ann"]].concat(), &typed).succeeded();
}

#[test]
fn the_errors_of_a_judge_are_found_by_people_and_taken_out() {
    let bench = erring();
    label_rightly(&bench);
    let args =
        ["judge", "recalibrate", "study.toml", "--store", "store", "--labels", "labels.jsonl"];
    let n_answers = answers("treated", TREATED).lines().count();
    let early = bench.entail(&args).exits(1);
    let unread = n_answers * 2;
    early.says(&[
        &format!("{unread} verdicts of the study are not in the store"),
        "`entail run study.toml`",
    ]);
    bench.entail(&["run", "study.toml", "--store", "store"]).succeeded();
    let found = json(&bench.entail(&[&args[..], &["--json"]].concat()).succeeded());
    let judge = &found["judges"][0];
    assert!(within(&judge["sensitivity"], SENSITIVITY), "{judge}");
    assert!(within(&judge["specificity"], SPECIFICITY), "{judge}");
    assert_eq!((judge["not_judged"].as_u64(), judge["dropped"].as_u64()), (Some(0), Some(0)));
    assert_eq!(
        (&found["people"]["raw"], found["judges"].as_array().unwrap().len()),
        (&Value::Null, 1)
    );
    let claims = shipped("claims").unwrap();
    let id = claims.stances[0].id.as_str();
    let row = |rows: &str, arm: &str| {
        let rows = found[rows].as_array().unwrap();
        rows.iter().find(|row| row["arm"] == arm && row["stance"] == id).unwrap().clone()
    };
    for (arm, truth) in [("treated", TREATED), ("control", CONTROL)] {
        let row = row("rates", arm);
        assert!(within(&row["corrected"], truth), "{row}");
        // False alarms among many "no" weigh more than misses among few.
        assert_eq!(within(&row["raw"], truth), arm == "treated", "{row}");
    }
    let row = row("differences", "treated");
    assert_eq!(row["control"], "control");
    assert!(
        within(&row["corrected"], TREATED - CONTROL) && !within(&row["raw"], TREATED - CONTROL),
        "{row}"
    );

    // A second person who differs once in ten labels, and labels of answers that are not the study's.
    let mut lines = fs::read_to_string(bench.path().join("labels.jsonl")).unwrap();
    let twice: Vec<String> =
        lines.lines().take(10).map(|line| line.replace("Ann", "Bob")).collect();
    let flipped = |line: &String| {
        let [from, to] =
            if line.contains("\"true\"") { ["true", "false"] } else { ["false", "true"] };
        line.replace(from, to)
    };
    lines.extend([flipped(&twice[0]), "\n".to_owned(), twice[1..].join("\n"), "\n".to_owned()]);
    let stranger = format!(
        "{{\"answer\": \"{}\", \"stance\": \"{id}\", \"label\": \"true\"}}\n",
        "0".repeat(64)
    );
    bench.write("labels.jsonl", &(lines + &stranger));
    let found = json(&bench.entail(&[&args[..], &["--json"]].concat()).succeeded());
    assert!((found["people"]["raw"].as_f64().unwrap() - 0.9).abs() < 1e-12);
    assert_eq!(found["judges"][0]["not_judged"], 1);
    let text = bench.entail(&args).succeeded().stdout;
    for part in ["sensitivity", "Rates, in %", "treated minus control", "people", "alpha"] {
        assert!(text.contains(part), "{part}:\n{text}");
    }
    // Without a false answer among the labels nothing can be corrected, and that is said.
    bench.write("labels.jsonl", &lines_of(&bench, "\"true\""));
    let text = bench.entail(&args).succeeded().stdout;
    assert!(
        text.contains("none: no such answer is labelled")
            && text.contains("0 false labelled answers"),
        "{text}"
    );
}

/// Lines of the labels that hold this, and are Ann's.
fn lines_of(bench: &Bench, part: &str) -> String {
    let text = fs::read_to_string(bench.path().join("labels.jsonl")).unwrap();
    let fits = |line: &&str| line.contains(part) && line.contains("Ann");
    text.lines().filter(fits).flat_map(|line| [line, "\n"]).collect()
}
