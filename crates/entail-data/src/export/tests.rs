use serde_json::Value;

use super::*;

fn recipe() -> TrlRecipe {
    TrlRecipe {
        base: "Qwen/Qwen3-8B".into(),
        rank: 16,
        alpha: 32.0,
        batch: 2,
        rate: 1e-4,
        linear: true,
        weight_decay: 0.0,
        clip_norm: Some(1.0),
        init_seed: 0x5_0000_0003,
    }
}

fn rows(n: usize) -> Vec<Vec<Message>> {
    let row = |i| vec![Message::user(format!("who\nis {i}?")), Message::assistant("\"I\"")];
    (0..n).map(row).collect()
}

fn content(files: &[JobFile], name: &str) -> String {
    files.iter().find(|file| file.name == name).unwrap().content.clone()
}

#[test]
fn a_job_holds_all_that_its_script_reads() {
    let files = trl_job(&recipe(), &rows(3), &[vec![2, 0], vec![1], vec![0, 1], vec![2]]).unwrap();
    let script = content(&files, "train.py");
    for name in ["rows.jsonl", "batches.json", "config.json"] {
        assert!(script.contains(&format!("\"{name}\"")), "{name}");
    }
    let config: Value = serde_json::from_str(&content(&files, "config.json")).unwrap();
    for (key, _) in config.as_object().unwrap() {
        assert!(script.contains(&format!("config[\"{key}\"]")), "{key} is read by nobody");
    }
    assert_eq!(config["target_modules"].as_array().unwrap().len(), 7);
    assert_eq!((&config["init_seed"], &config["micro_batch"]), (&json!(3), &json!(2)));
    assert_eq!(content(&files, "batches.json"), "[[2,0],[1],[0,1],[2]]\n");
    let lines = content(&files, "rows.jsonl");
    let read: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), 3);
    assert_eq!(read[1]["messages"][0], json!({ "role": "user", "content": "who\nis 1?" }));
}

#[test]
fn no_clipping_and_a_constant_rate_are_said_as_the_script_takes_them() {
    let recipe = TrlRecipe { linear: false, clip_norm: None, ..recipe() };
    let files = trl_job(&recipe, &rows(1), &[vec![0]]).unwrap();
    let config: Value = serde_json::from_str(&content(&files, "config.json")).unwrap();
    assert_eq!((&config["schedule"], &config["clip_norm"]), (&json!("constant"), &json!(0.0)));
}

#[test]
fn every_package_is_pinned() {
    for line in REQUIREMENTS.lines() {
        assert_eq!(line.matches("==").count(), 1, "{line}");
    }
}

#[test]
fn jobs_that_cannot_be_trained_are_refused() {
    let cases: [(&[Vec<usize>], &str); 4] = [
        (&[], "there are no batches to train on"),
        (&[vec![0], vec![]], "batch 1 has 0 rows, expected 1 to 2"),
        (&[vec![0, 0, 0]], "batch 0 has 3 rows, expected 1 to 2"),
        (&[vec![0, 7]], "batch 0 names row 7, but there are 2"),
    ];
    for (batches, expected) in cases {
        assert_eq!(trl_job(&recipe(), &rows(2), batches).unwrap_err().to_string(), expected);
    }
    let silent = [vec![Message::user("hello")]];
    let error = trl_job(&recipe(), &silent, &[vec![0]]).unwrap_err();
    assert_eq!(error, ExportError::NoAnswer { row: 0 });
}
