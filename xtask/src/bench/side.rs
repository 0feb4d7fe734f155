//! A process that does something whenever it is told to: one side of a comparison, or the server of programs. Its protocol is told in `bench/src/main.rs`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::answers;

pub(super) struct Side {
    child: Child,
    requests: Option<ChildStdin>,
    replies: BufReader<ChildStdout>,
    /// What it says when it is ready: its version, or where it listens.
    pub(super) ready: String,
}

impl Side {
    /// Starts it and waits until it has read its input.
    pub(super) fn start(command: &mut Command) -> Result<Self> {
        let started = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = started.with_context(|| format!("{command:?} cannot be started"))?;
        let requests = child.stdin.take();
        let replies = BufReader::new(child.stdout.take().context("standard output is a pipe")?);
        let mut side = Self { child, requests, replies, ready: String::new() };
        let ready = side.reply().with_context(|| format!("{command:?}"))?;
        ready["ready"].as_str().context("not ready")?.clone_into(&mut side.ready);
        Ok(side)
    }

    /// Seconds of one run.
    pub(super) fn run(&mut self) -> Result<f64> {
        let reply = self.ask("run")?;
        reply["seconds"].as_f64().with_context(|| format!("no time in {reply}"))
    }

    /// What the last run computed.
    pub(super) fn answers(&mut self, file: &Path) -> Result<Vec<f64>> {
        let reply = self.ask(&format!("answers {}", file.display()))?;
        let answers = answers::floats(&std::fs::read(file)?);
        let count = reply["answers"].as_u64();
        ensure!(count == Some(answers.len() as u64), "{} answers, said {reply}", answers.len());
        Ok(answers)
    }

    /// The reply to any request.
    pub(super) fn ask(&mut self, request: &str) -> Result<Value> {
        let requests = self.requests.as_mut().context("standard input is a pipe")?;
        writeln!(requests, "{request}")?;
        requests.flush()?;
        self.reply()
    }

    fn reply(&mut self) -> Result<Value> {
        let mut line = String::new();
        ensure!(self.replies.read_line(&mut line)? > 0, "it ended without a reply");
        serde_json::from_str(&line).with_context(|| line.clone())
    }
}

impl Drop for Side {
    /// It ends when there are no more requests.
    fn drop(&mut self) {
        self.requests = None;
        // Nothing can be done about a process that cannot be waited for.
        let _ = self.child.wait();
    }
}
