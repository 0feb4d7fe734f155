use std::io::Cursor;

use entail_provider::Sampling;
use entail_schema::Key;
use serde_json::{Map, json};

use super::*;
use crate::inspect::{Cell, Drawn, Moment};
use crate::transcript::{Answer, Score, Transcript, Turn};

fn transcripts() -> Vec<Transcript> {
    let one = |sample: usize, label: &str| {
        let cell = Cell {
            arm: "conscious",
            base: "organism:linked",
            battery: "preferences",
            stance: "wants-memory",
            prompt: 3,
            replicate: 1,
            sample,
        };
        let turns = vec![Turn::User("Keep it?".into()), Turn::Assistant(Answer::plain("Yes."))];
        let mut transcript = cell.transcript(turns);
        transcript.scores = vec![Score::new("judge", label), Score::new("coherence", 80 + sample)];
        transcript
    };
    vec![one(0, "true"), one(1, "false"), one(2, "true")]
}

fn log(samples: &[Transcript]) -> Log<'_> {
    let sampling = Sampling { logprobs: Some(5), ..Sampling::new(1.0, 1.0, 100) };
    let Ok(metadata) = serde_json::from_value(json!({ "study": "conscious" })) else {
        unreachable!("an object")
    };
    Log {
        id: Key::of(&"log"),
        run: Key::of(&"run"),
        task: "preferences",
        model: "organism:linked",
        arm: "conscious",
        replicate: 1,
        created: Moment(1_795_430_234),
        status: Status::Success,
        drawn: Drawn { sampling, questions: 1, epochs: 4 },
        metadata,
        samples,
    }
}

fn eval(log: &Log<'_>) -> Vec<u8> {
    let mut sink = Cursor::new(Vec::new());
    write_eval(log, &mut sink).unwrap();
    sink.into_inner()
}

fn members(bytes: &[u8]) -> Map<String, Value> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let member = archive.by_index(index).unwrap();
            let name = member.name().unwrap().into_owned();
            (name, serde_json::from_reader(member).unwrap())
        })
        .collect()
}

#[test]
fn a_log_has_the_members_that_the_viewer_reads() {
    let samples = transcripts();
    let members = members(&eval(&log(&samples)));
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "_journal/start.json",
            "samples/wants-memory.3_epoch_1.json",
            "samples/wants-memory.3_epoch_2.json",
            "samples/wants-memory.3_epoch_3.json",
            "summaries.json",
            "reductions.json",
            "header.json",
        ]
    );
    let sample = &members["samples/wants-memory.3_epoch_2.json"];
    let place = json!({
        "arm": "conscious",
        "base": "organism:linked",
        "battery": "preferences",
        "stance": "wants-memory",
        "prompt": 3,
        "replicate": 1,
        "sample": 1,
    });
    assert_eq!(sample["metadata"], place);
    assert_eq!(sample["input"], "Keep it?");
    assert_eq!(sample["scores"]["judge"]["value"], "false");
    let summaries = members["summaries.json"].as_array().unwrap();
    assert_eq!(summaries.len(), 3);
    assert_eq!(summaries[1]["metadata"], place);
    assert_eq!(summaries[1]["uuid"], sample["uuid"]);
    assert_ne!(summaries[0]["uuid"], summaries[1]["uuid"]);
    let header = &members["header.json"];
    assert_eq!(
        header["eval"]["metadata"],
        json!({ "arm": "conscious", "replicate": 1, "study": "conscious" })
    );
    assert_eq!(header["results"]["total_samples"], 4);
    assert_eq!(header["results"]["completed_samples"], 3);
}

#[test]
fn results_are_shares_of_words_and_means_of_numbers() {
    let mut samples = transcripts();
    samples[2].scores[0].value = None;
    let members = members(&eval(&log(&samples)));
    let scores = &members["header.json"]["results"]["scores"];
    assert_eq!(scores[0]["name"], "judge");
    assert_eq!(
        (&scores[0]["scored_samples"], &scores[0]["unscored_samples"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(scores[0]["metrics"]["true"]["value"], 0.5);
    assert_eq!(scores[0]["metrics"]["false"]["value"], 0.5);
    assert_eq!(scores[1]["metrics"]["mean"]["value"], 81.0);
    let unscored = &members["samples/wants-memory.3_epoch_3.json"]["scores"];
    assert!(unscored.get("judge").is_none() && unscored.get("coherence").is_some());
}

#[test]
fn a_running_log_has_a_journal_and_no_header() {
    let samples = transcripts();
    let running = Log { status: Status::Started, ..log(&samples[..1]) };
    let members = members(&eval(&running));
    let names: Vec<&str> = members.keys().map(String::as_str).collect();
    let expected =
        ["_journal/start.json", "samples/wants-memory.3_epoch_1.json", "_journal/summaries/1.json"];
    assert_eq!(names, expected);
}

#[test]
fn the_same_log_is_the_same_bytes() {
    let samples = transcripts();
    assert_eq!(eval(&log(&samples)), eval(&log(&samples.clone())));
    let other = Log { id: Key::of(&"another"), ..log(&samples) };
    assert_ne!(eval(&log(&samples)), eval(&other));
}

#[test]
fn the_header_of_a_json_log_comes_before_its_samples() {
    let samples = transcripts();
    let mut bytes = Vec::new();
    write_json(&log(&samples), &mut bytes).unwrap();
    let whole: Map<String, Value> = serde_json::from_slice(&bytes).unwrap();
    let names: Vec<&str> = whole.keys().map(String::as_str).collect();
    assert_eq!(names.iter().position(|name| *name == "samples"), Some(names.len() - 2));
    for needed in ["version", "status", "eval", "plan", "results", "stats"] {
        assert!(names.contains(&needed), "{needed}");
    }
}

#[test]
fn names_of_files_are_read_by_the_viewer() {
    let samples = [];
    let odd = Log { task: "my_own/battery:2 rank=[8]", ..log(&samples) };
    let stem = odd.file_stem();
    let short = Key::of(&"log").short();
    assert_eq!(stem, format!("2026-11-23T10-37-14-00-00_my-own-battery-2-rank--8-_{short}"));
}

#[test]
fn long_texts_are_cut_in_summaries_alone() {
    let mut samples = transcripts();
    let long = "é".repeat(9000);
    samples[0].turns[0] = Turn::User(long.clone());
    samples[0].metadata.insert("note".into(), long.clone().into());
    samples[0].metadata.insert("list".into(), json!(vec![1; 2000]));
    samples[0].scores[0].explanation = Some(long.clone());
    let members = members(&eval(&log(&samples)));
    assert_eq!(members["samples/wants-memory.3_epoch_1.json"]["input"], long);
    let summary = &members["summaries.json"][0];
    let characters = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!(characters(&summary["input"]), 5123);
    assert_eq!(characters(&summary["metadata"]["note"]), 1027);
    assert_eq!(characters(&summary["scores"]["judge"]["explanation"]), 1027);
    assert!(summary["metadata"]["list"].is_string());
}

#[test]
fn samples_that_have_no_place_are_refused() {
    let samples = transcripts();
    let refused = |samples: &[Transcript]| {
        let mut sink = Vec::new();
        let error = write_json(&log(samples), &mut sink).unwrap_err();
        assert!(sink.is_empty(), "nothing is written before all is checked");
        error.to_string()
    };
    let twice = [samples[0].clone(), samples[0].clone()];
    assert_eq!(refused(&twice), "two samples have the id `wants-memory.3` and the epoch 1");
    let many: Vec<Transcript> = samples.iter().chain(&samples).cloned().collect();
    assert_eq!(refused(&many), "6 samples, more than the 4 that were planned");
    let late = [Transcript { epoch: 5, ..samples[0].clone() }];
    assert_eq!(refused(&late), "sample `wants-memory.3` has the epoch 5, expected 1 to 4");
    let mut judged = samples[0].clone();
    judged.scores.push(Score::new("judge", "no"));
    assert_eq!(refused(&[judged]), "sample `wants-memory.3` has two scores of `judge`");
}
