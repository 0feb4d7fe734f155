//! The commands of `docs/services.md`, as written there, against the scripted server.

use std::path::Path;

use entail_faults::{BatchScript, JobScript, Script};

use crate::bench::finish;
use crate::served::{KEYS, Served, speaker};

/// A block between fences: its language and its lines.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(&str, Vec<&str>)> = None;
    for line in text.lines() {
        match (line.strip_prefix("```"), open.as_mut()) {
            (Some(language), None) => open = Some((language, Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (None, Some((_, lines))) => lines.push(line),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    blocks
}

#[test]
fn every_command_about_services_does_what_the_page_says() {
    let quick = Script {
        key: None,
        batch: BatchScript { polls: 1, ..Script::default().batch },
        jobs: JobScript { polls: 1, ..Script::default().jobs },
        ..speaker()
    };
    let served = Served::new(quick);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/services.md");
    let text = std::fs::read_to_string(page).unwrap();
    let here = format!("127.0.0.1:{}", served.server.port());
    let text = text.replace("localhost:8000", &here);
    let (mut files, mut commands) = (0, 0);
    for (language, lines) in blocks(&text) {
        if language == "console" {
            for line in lines {
                let line = line.strip_prefix("$ entail ").expect("a command of ours");
                let (line, comment) = line.split_once("  #").unwrap_or((line, ""));
                let code =
                    comment.rsplit("exit code ").next().and_then(|code| code.trim().parse().ok());
                let args: Vec<&str> = line.split_whitespace().collect();
                let mut command = served.command(&args);
                // Keys and addresses are those of the page's own `.env`.
                for (variable, _) in crate::served::ADDRESSES {
                    command.env_remove(variable);
                }
                for variable in KEYS {
                    command.env_remove(variable);
                }
                let done = finish(&mut command);
                assert_eq!(done.code, Some(code.unwrap_or(0)), "{line}:\n{done:?}");
                commands += 1;
            }
        } else if let Some(name) = lines.first().and_then(|line| line.strip_prefix("# ")) {
            served.bench.write(name, &lines.join("\n"));
            files += 1;
        }
    }
    assert!(files >= 6 && commands >= 15, "{files} files and {commands} commands");
    assert_eq!(served.listed("fine_tuning/jobs").len(), 4);
    assert_eq!(served.listed("batches").len(), 3, "one for each replicate");
}
