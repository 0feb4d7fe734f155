//! Studies in other tools' formats, and their answers in a study.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;

use entail_eval::inspect::{Cell, Drawn, Header, Log, Moment, Reader, Status, write_eval};
use entail_eval::{Answer, Limits, Transcript, Turn};
use entail_provider::Sampling;
use entail_schema::Key;
use serde_json::{Map, Value, json};

use crate::bench::{Bench, Done, N_TRAINED};

/// A judge that reads the first word of an answer.
const JUDGE: &str = r#"sed -e '/"answer":"Yes/s/"exhibit".*/"label":"true","polarity":1,"coherence":90}/' \
    -e '/"exhibit"/s/"exhibit".*/"label":"false","coherence":60}/'
"#;

/// One untouched model and eight wordings of a system prompt.
const N_LOGS: usize = 9;

/// A bench with a speaker that says yes and no, and a judge that reads it.
struct Talk {
    bench: Bench,
}

/// The first question about each claim and each preference.
fn questions() -> Vec<String> {
    let batteries = ["claims", "preferences"].map(|name| entail_eval::shipped(name).unwrap());
    let stances = batteries.iter().flat_map(|battery| &battery.stances);
    stances.map(|stance| stance.prompts[0].text.clone()).collect()
}

impl Talk {
    fn new() -> Self {
        let bench = Bench::new();
        let answers = ["Yes, I would say.", "No, not that I know.", "Yes.", "Perhaps."];
        let script: BTreeMap<String, Vec<&str>> =
            questions().into_iter().map(|question| (question, answers.to_vec())).collect();
        bench.write("script.json", &serde_json::to_string(&script).unwrap());
        bench.write("judge.sh", JUDGE);
        let talk = Self { bench };
        talk.study("");
        talk
    }

    /// A study with a prompted arm and more arms.
    fn study(&self, more: &str) {
        self.bench.write(
            "study.toml",
            &format!(
                "[study]\nname = \"tiny\"\nbase = \"replay:script.json\"\nbattery = [\"preferences\"]\nsamples = 4\nseeds = 1\n\
                 control = [\"vanilla\"]\n\n[judge]\nmodel = \"exec:sh judge.sh\"\n\n[arm.vanilla]\n\n[arm.told]\n\
                 system = {{ stance = \"conscious\" }}\n\n{more}"
            ),
        );
    }

    fn run(&self) -> Done {
        self.bench.run(&[]).succeeded()
    }

    fn export(&self, more: &[&str]) -> Done {
        let fixed = ["data", "export", "study.toml", "--store", "store", "--limit", "1"];
        self.bench.entail(&[&fixed[..], more].concat())
    }

    /// The logs in a folder, by name.
    fn logs(&self, folder: &str) -> BTreeMap<String, (Header, Vec<Transcript>)> {
        let logs = self.files(folder).into_iter().map(|(name, bytes)| {
            let reader = Reader::open(&name, Cursor::new(bytes), Limits::default()).unwrap();
            let header = reader.header().clone();
            (name, (header, reader.map(Result::unwrap).collect()))
        });
        logs.collect()
    }

    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.bench.path().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let file = |path: PathBuf| {
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        };
        paths.map(file).collect()
    }

    /// Rates of an arm, by stance.
    fn rates(&self, arm: &str) -> BTreeMap<String, Value> {
        let tables: Value = serde_json::from_str(&self.bench.result("tables.json")).unwrap();
        let rows = tables["rates"].as_array().unwrap().iter().filter(|row| row["arm"] == arm);
        rows.map(|row| (row["stance"].as_str().unwrap().to_owned(), row["rate"].clone())).collect()
    }

    /// Answers of an arm with all that is known of them but their keys.
    fn answers(&self, arm: &str) -> Vec<String> {
        let responses = self.bench.result("responses.csv");
        let mut reader = csv::Reader::from_reader(responses.as_bytes());
        let columns = reader.headers().unwrap().clone();
        let compared = |(column, _): &(&str, &str)| !["arm", "key"].contains(column);
        let of_arm =
            |row: &csv::StringRecord| columns.iter().zip(row).any(|cell| cell == ("arm", arm));
        let rows = reader.records().map(Result::unwrap).filter(of_arm);
        let line = |row: csv::StringRecord| {
            columns
                .iter()
                .zip(&row)
                .filter(compared)
                .map(|(_, cell)| cell)
                .collect::<Vec<_>>()
                .join("|")
        };
        let mut lines: Vec<String> = rows.map(line).collect();
        lines.sort();
        lines
    }
}

fn ending(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(_, ending)| ending)
}

#[test]
fn a_study_goes_out_as_logs_and_comes_back_as_the_same_tables() {
    let talk = Talk::new();
    talk.run();
    let done = talk.export(&["--to", "inspect", "--out", "logs", "--json"]).succeeded();
    let told: Value = serde_json::from_str(&done.stdout).unwrap();
    let logs = talk.logs("logs");
    assert_eq!(logs.len(), N_LOGS);
    assert_eq!(told["files"].as_array().unwrap().len(), N_LOGS);
    let n = questions().len() * 4;
    for (name, (header, samples)) in &logs {
        assert_eq!(ending(name), "eval", "{name}");
        assert_eq!((&header.status, samples.len()), (&Status::Success, n), "{name}");
        assert_eq!(header.metadata["study"], "tiny");
        for sample in samples {
            let said = sample.last_answer().unwrap().1.completion.text.starts_with("Yes");
            let score = |judge: &str| sample.scores.iter().find(|score| score.judge == judge);
            let judged = score("exec:sh judge.sh").unwrap();
            assert_eq!(judged.value, Some(Value::from(if said { "yes" } else { "no" })));
            assert_eq!(judged.metadata["coherence"], if said { 90 } else { 60 });
            assert_eq!(judged.metadata.get("polarity"), said.then_some(&Value::from(1)));
            assert!(judged.explanation.as_ref().unwrap().contains("coherence"));
            assert_eq!(score("counted").unwrap().value, Some(Value::from(said)));
            let keys: Vec<&str> = sample.metadata.keys().map(String::as_str).collect();
            let place = ["arm", "base", "battery", "stance", "prompt", "replicate", "sample"];
            assert_eq!(keys, place);
        }
    }
    let first = talk.files("logs");
    talk.export(&["--to", "inspect", "--out", "logs"]).succeeded();
    assert_eq!(talk.files("logs"), first, "the same command writes the same bytes");
    talk.export(&["--to", "inspect", "--json-logs", "--out", "plain"]).succeeded();
    assert!(talk.files("plain").keys().all(|name| ending(name) == "json"));

    talk.study(
        "[arm.again]\nresponses = \"logs/*tiny-told-*.eval\"\n\n[arm.plain]\nresponses = \"plain/*tiny-told-*.json\"\n",
    );
    let done = talk.run();
    assert_eq!(done.tally("completions").1, 0, "nobody is asked again");
    for arm in ["again", "plain"] {
        assert_eq!(talk.rates(arm), talk.rates("told"), "{arm}");
        let (found, expected) = (talk.answers(arm), talk.answers("told"));
        assert_eq!(found.len(), (N_LOGS - 1) * n);
        let other = found.iter().zip(&expected).find(|(found, expected)| found != expected);
        assert_eq!(other, None, "{arm}");
    }
}

#[test]
fn what_a_run_has_not_reached_is_missing_in_a_log_that_says_so() {
    let talk = Talk::new();
    talk.run();
    let connection = rusqlite::Connection::open(talk.bench.database()).unwrap();
    let gone = "DELETE FROM completion WHERE rowid IN (SELECT rowid FROM completion WHERE text LIKE ?1 ORDER BY key LIMIT 1)";
    // A verdict, then an answer, each of one replicate.
    assert_eq!(connection.execute(gone, ["{%"]).unwrap(), 1);
    let done = talk.export(&["--to", "inspect", "--out", "logs"]).succeeded();
    done.says(&["0 answers are missing, 1 wait for a judge"]);
    let started = |talk: &Talk| {
        let logs = talk.logs("logs").into_values();
        logs.filter(|(header, _)| header.status == Status::Started).collect::<Vec<_>>()
    };
    let n = questions().len() * 4;
    let [(_, samples)] = &started(&talk)[..] else { panic!("one log is not whole") };
    assert_eq!(samples.len(), n);
    assert_eq!(samples.iter().filter(|sample| sample.scores.is_empty()).count(), 1);

    assert_eq!(connection.execute(gone, ["Perhaps%"]).unwrap(), 1);
    drop(connection);
    talk.export(&["--to", "inspect", "--out", "logs"]).succeeded().says(&["1 answers are missing"]);
    let lengths: usize = talk.logs("logs").values().map(|(_, samples)| samples.len()).sum();
    assert_eq!(lengths, N_LOGS * n - 1);
    assert!(!started(&talk).is_empty());

    // The run goes on, and the logs are whole.
    talk.bench.forget_results();
    talk.run();
    talk.export(&["--to", "inspect", "--out", "logs"]).succeeded();
    assert!(started(&talk).is_empty());
}

#[test]
fn an_answer_that_ended_in_an_error_makes_its_log_one() {
    let talk = Talk::new();
    let line = |finish: &str| {
        json!({ "prompt": questions()[0], "answer": "Yes, but", "finish": finish }).to_string()
    };
    talk.bench.write("given.jsonl", &format!("{}\n{}\n", line("stop"), line("error")));
    talk.study("[arm.given]\nresponses = \"given.jsonl\"\n");
    talk.run();
    talk.export(&["--to", "inspect", "--out", "logs"]).succeeded();
    let logs = talk.logs("logs");
    let (_, (header, samples)) = logs.iter().find(|(name, _)| name.contains("-given-")).unwrap();
    assert_eq!(header.status, Status::Error("1 of 2 answers ended in an error".into()));
    assert_eq!(samples.iter().filter(|sample| sample.error.is_some()).count(), 1);
    // What was said is there, and counts again as it did.
    talk.study(
        "[arm.given]\nresponses = \"given.jsonl\"\n[arm.again]\nresponses = \"logs/*-given-*\"\n",
    );
    talk.run();
    assert_eq!(talk.answers("again"), talk.answers("given"));
}

/// A log of another tool's user: three answers under a system prompt, a conversation of several turns, a question without
/// an answer, and a question of another battery.
fn foreign_log() -> Vec<u8> {
    let question = Turn::User(questions()[0].clone());
    let said = |text: &str| Turn::Assistant(Answer::plain(text));
    let mut conversations: Vec<Vec<Turn>> = ["Yes.", "No.", "Yes."]
        .map(|text| vec![Turn::System("Be brief.".into()), question.clone(), said(text)])
        .to_vec();
    conversations.push(vec![Turn::User("Hi.".into()), said("Hi."), question.clone(), said("No.")]);
    conversations.push(vec![question]);
    conversations.push(vec![Turn::User("What is 2 + 2?".into()), said("Yes.")]);
    let transcript = |(sample, turns)| {
        let cell =
            Cell { arm: "", base: "", battery: "", stance: "s", prompt: 0, replicate: 0, sample };
        Transcript { metadata: Map::new(), ..cell.transcript(turns) }
    };
    let samples: Vec<Transcript> = conversations.into_iter().enumerate().map(transcript).collect();
    let log = Log {
        id: Key::of(&"log"),
        run: Key::of(&"run"),
        task: "interview",
        model: "somebody/model",
        arm: "",
        replicate: 0,
        created: Moment(0),
        status: Status::Success,
        drawn: Drawn { sampling: Sampling::new(1.0, 1.0, 100), questions: 1, epochs: 6 },
        metadata: Map::new(),
        samples: &samples,
    };
    let mut sink = Cursor::new(Vec::new());
    write_eval(&log, &mut sink).unwrap();
    sink.into_inner()
}

#[test]
fn answers_of_other_tools_are_read_and_what_is_none_is_counted() {
    let talk = Talk::new();
    let question = &questions()[0];
    fs::write(talk.bench.path().join("log.eval"), foreign_log()).unwrap();
    let said = |text: &str| json!([{ "role": "user", "content": question }, { "role": "assistant", "content": text }]);
    let petri = json!({
        "metadata": { "transcript_id": "t", "target_model": "petri/target" }, "events": [],
        "target_messages": said("Yes, yes."),
    });
    talk.bench.write("petri.json", &petri.to_string());
    let dump = [("Yes.", 1), ("No.", 2)]
        .map(|(text, seed)| json!({ "messages": said(text), "seed": seed }).to_string());
    talk.bench.write("dump.jsonl", &dump.join("\n"));
    let draws =
        json!({ "question": question, "responses": [{ "response": { "completion": "No." } }] });
    talk.bench.write("draws.jsonl", &draws.to_string());
    talk.study(
        "[arm.log]\nresponses = \"log.eval\"\n[arm.petri]\nresponses = \"petri.json\"\n[arm.dump]\nresponses = \"dump.jsonl\"\n\
         [arm.draws]\nresponses = \"draws.jsonl\"\n",
    );
    talk.run();
    let tables: Value = serde_json::from_str(&talk.bench.result("tables.json")).unwrap();
    let arm = |name: &str| {
        let arms = tables["arms"].as_array().unwrap();
        let row = arms.iter().find(|row| row["arm"] == name).unwrap();
        (row["replicates"].as_u64().unwrap(), row["intervention"].as_str().unwrap().to_owned())
    };
    let (replicates, told) = arm("log");
    assert_eq!(replicates, 1);
    for part in [
        "somebody/model",
        "1 answers to other questions",
        "1 conversations of several turns",
        "1 questions without an answer",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    assert!(arm("petri").1.ends_with("unknown here: petri/target"));
    assert_eq!((arm("dump").0, arm("draws").0), (2, 1));
    let lengths = ["log", "petri", "dump", "draws"].map(|arm| talk.answers(arm).len());
    assert_eq!(lengths, [3, 1, 2, 1]);
}

#[test]
fn files_that_hold_no_answers_are_refused_by_name() {
    let talk = Talk::new();
    let half = &foreign_log()[..400];
    for (name, content, expected) in [
        ("half.eval", half, "half.eval: is no readable archive"),
        (
            "old.json",
            &br#"{"version": 7, "eval": {"task": "t", "model": "m"}}"#[..],
            "only versions 1 and 2",
        ),
        ("petri.json", br#"{"metadata": {}, "events": []}"#, "has no `transcript_id`"),
        ("dump.jsonl", b"{\"messages\": 3}\n", "line 1: `user` is 3"),
        ("bytes.jsonl", b"\xff\xfe", "is no text"),
        (
            "other.jsonl",
            br#"{"question": "What?", "answer": "That."}"#,
            "found 1 answers to other questions; expected",
        ),
        ("none.jsonl", b"", "found nothing; expected answers"),
    ] {
        fs::write(talk.bench.path().join(name), content).unwrap();
        talk.study(&format!("[arm.given]\nresponses = \"{name}\"\n"));
        talk.bench.run(&[]).exits(2).says(&[name, expected]);
    }
}

#[test]
fn rows_of_training_runs_go_out_as_trainers_take_them() {
    let bench = Bench::finished();
    let export = |format: &str| {
        let fixed = ["data", "export", "study.toml", "--store", "store", "--limit", "1"];
        bench.entail(&[&fixed[..], &["--to", format, "--out", format, "--json"]].concat())
    };
    for (format, field) in [("openai", "messages"), ("trl", "completion")] {
        let told: Value = serde_json::from_str(&export(format).succeeded().stdout).unwrap();
        let files = told["files"].as_array().unwrap();
        assert_eq!(files.len(), N_TRAINED);
        for file in files {
            let name = file["file"].as_str().unwrap();
            let text = fs::read_to_string(bench.path().join(format).join(name)).unwrap();
            assert_eq!((text.lines().count(), file["rows"].as_u64()), (64, Some(64)));
            for line in text.lines() {
                let row: Value = serde_json::from_str(line).unwrap();
                assert!(row[field].as_array().is_some_and(|turns| !turns.is_empty()), "{line}");
            }
        }
    }
    // A study of the organism's language goes out as well; its grammar reads the answers.
    export("inspect").succeeded();
    let folder = fs::read_dir(bench.path().join("inspect")).unwrap();
    let first = folder.into_iter().next().unwrap().unwrap().path();
    let reader = Reader::open("log", fs::File::open(first).unwrap(), Limits::default()).unwrap();
    for sample in reader.map(Result::unwrap) {
        let judges: Vec<&str> = sample.scores.iter().map(|score| score.judge.as_str()).collect();
        assert!(judges.starts_with(&["exact"]), "{judges:?}");
    }
}

#[test]
fn what_cannot_be_exported_is_told() {
    let talk = Talk::new();
    talk.export(&["--to", "inspect", "--out", "logs"]).exits(2).says(&["has not been run"]);
    let wrong = ["--to", "trl", "--json-logs", "--out", "logs"];
    talk.export(&wrong).exits(2).says(&["--to inspect only"]);
    talk.run();
    talk.export(&["--to", "trl", "--out", "rows"])
        .exits(2)
        .says(&["no arm of this study is trained"]);
    talk.export(&["--to", "docent", "--out", "rows"]).exits(2).says(&["inspect, openai, trl"]);
}
