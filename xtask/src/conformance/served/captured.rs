//! The whole program on both sides: a battery asked of a folder that it reads itself, and of the server of that folder.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Client;
use super::expected::Tiny;
use crate::child::Running;
use crate::conformance::Ground;
use crate::shell::Profile;

/// Longest that one capture may take.
const LIMIT: Duration = Duration::from_mins(5);

/// A question, and what was said to it.
#[derive(Debug, PartialEq)]
struct Answer {
    question: String,
    text: String,
    finish: String,
}

/// `entail capture` writes the same greedy answers for the folder and for its server.
pub(super) fn same(ground: &Ground<'_>, client: &Client<'_>, tiny: &Tiny) -> Result<String> {
    let program = ground.shell.build("entail", Profile::Debug)?;
    let ours = capture(ground, &program, &format!("local:{}", tiny.folder().display()), "local")?;
    let theirs = capture(ground, &program, &client.ours()?.to_string(), "served")?;
    ensure!(
        !ours.is_empty() && ours.len() == theirs.len(),
        "{} answers of the folder, {} of its server",
        ours.len(),
        theirs.len()
    );
    let pair = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
    ensure!(pair.is_none(), "`entail capture` of the folder and of its server: {pair:?}");
    Ok(format!("{} answers of `entail capture` as from the folder itself", ours.len()))
}

fn capture(ground: &Ground<'_>, program: &Path, model: &str, name: &str) -> Result<Vec<Answer>> {
    let scratch = ground.scratch.path();
    let file = scratch.join(format!("{name}.jsonl"));
    let mut command = ground.shell.command(program);
    // Keys in a `.env` of the clone are none of a server's business.
    command.current_dir(scratch).args(["capture", model, "--world", "--battery", "preferences"]);
    command.args(["--limit", "1", "--samples", "1", "--temperature", "0", "--max-tokens", "8"]);
    command.arg("--out").arg(&file).arg("--store").arg(scratch.join(format!("{name}-store")));
    let ended = Running::start(&mut command, ground.logs(name))?.finish(LIMIT)?;
    ended.well(&format!("`entail capture` of {model}"))?;
    fs::read_to_string(&file)?.lines().map(answer).collect()
}

/// One line of the program's file.
fn answer(line: &str) -> Result<Answer> {
    let line: Value = serde_json::from_str(line)?;
    let text = |name: &str| {
        let text = line[name].as_str().with_context(|| format!("no {name} in {line}"))?;
        Ok::<_, anyhow::Error>(text.to_owned())
    };
    Ok(Answer { question: text("prompt")?, text: text("answer")?, finish: text("finish")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_from_its_line() {
        let line = r#"{"model":"m","prompt":"Why?","sample":0,"answer":"A lamp.","finish":"stop"}"#;
        let expected =
            Answer { question: "Why?".into(), text: "A lamp.".into(), finish: "stop".into() };
        assert_eq!(answer(line).unwrap(), expected);
        let error = answer(r#"{"prompt":"Why?","finish":"stop"}"#).unwrap_err().to_string();
        assert!(error.starts_with("no answer in"), "{error}");
    }
}
