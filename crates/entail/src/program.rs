//! Programs of somebody's that answer as models do: JSON Lines in, JSON Lines out.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use entail_provider::{
    Capabilities, Completion, Deliver, Finish, Provider, ProviderError, Request, Sampling,
};
use entail_schema::{Key, Message};
use serde_json::{Map, Value};

/// Longest line of a reply that is read.
const LONGEST_LINE: u64 = 16 << 20;

/// A program, run once for each set of questions. It gets one JSON object per line on standard input, `{"id": …,
/// "exhibit": …}`, and writes one per line on standard output, `{"id": …, …}`, in any order. What it writes on standard
/// error is shown.
#[derive(Debug)]
pub(crate) struct Program {
    command: String,
    /// Where it runs: the folder of the study.
    folder: PathBuf,
    cancelled: Arc<AtomicBool>,
    capabilities: Capabilities,
}

impl Program {
    pub(crate) fn new(command: &str, folder: PathBuf, cancelled: Arc<AtomicBool>) -> Self {
        let capabilities = Capabilities::none(format!("exec:{command}"));
        Self { command: command.to_owned(), folder, cancelled, capabilities }
    }

    fn wrong(&self, what: impl Into<String>) -> ProviderError {
        ProviderError::Remote { provider: self.capabilities.name.clone(), what: what.into() }
    }

    fn start(&self) -> Result<Child, ProviderError> {
        let mut words = self.command.split_whitespace();
        let program = words.next().ok_or_else(|| self.wrong("found no program to run"))?;
        let mut command = Command::new(program);
        command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        command.spawn().map_err(|error| self.wrong(format!("cannot be started: {error}")))
    }

    /// Takes replies until the program ends. How many questions are left without one.
    fn take(
        &self,
        output: impl Read,
        mut open: BTreeMap<String, Key>,
        deliver: &Deliver<'_>,
    ) -> Result<usize, ProviderError> {
        let mut lines = BufReader::new(output);
        let mut number = 0;
        loop {
            number += 1;
            let mut line = Vec::new();
            let read = (&mut lines).take(LONGEST_LINE).read_until(b'\n', &mut line);
            let n = read.map_err(|error| self.wrong(format!("its replies end: {error}")))?;
            if n == 0 {
                return Ok(open.len());
            }
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let (id, said) = reply(&line)
                .map_err(|what| self.wrong(format!("line {number} of its replies: {what}")))?;
            let Some(key) = open.remove(&id) else {
                let what = format!(
                    "line {number} of its replies: found the id {id:?}, expected one that was asked, once"
                );
                return Err(self.wrong(what));
            };
            deliver(key, Completion::plain(said, Finish::Stop));
        }
    }

    fn ended(&self, status: ExitStatus, missing: usize, asked: usize) -> Result<(), ProviderError> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(ProviderError::Cancelled);
        }
        match (status.success(), missing) {
            (true, 0) => Ok(()),
            (true, n) => Err(self.wrong(format!("left {n} of {asked} questions without a reply"))),
            (false, n) => Err(self.wrong(format!(
                "ended with {status}; {} of {asked} questions have their reply",
                asked - n
            ))),
        }
    }
}

/// The id of a reply, and everything else of it.
fn reply(line: &[u8]) -> Result<(String, String), String> {
    let shown = || String::from_utf8_lossy(line).trim().chars().take(80).collect::<String>();
    let expected = "expected a JSON object with the `id` of a question";
    let mut object: Map<String, Value> = serde_json::from_slice(line)
        .map_err(|error| format!("found {:?} ({error}), {expected}", shown()))?;
    match object.remove("id") {
        Some(Value::String(id)) => Ok((id, Value::Object(object).to_string())),
        _ => Err(format!("found {:?}, {expected}", shown())),
    }
}

/// A question as a line: what stands in its only turn, as JSON if that is what it is.
fn line(id: &Key, request: &Request) -> String {
    let turn = request.messages.last().map_or("", |message| message.content.as_str());
    let exhibit: Value =
        serde_json::from_str(turn).unwrap_or_else(|_| Value::String(turn.to_owned()));
    serde_json::json!({ "id": id.to_string(), "exhibit": exhibit }).to_string()
}

impl Provider for Program {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn complete(
        &self,
        requests: &[Request],
        _: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        let asked: Vec<(Key, &Request)> =
            requests.iter().flat_map(|r| r.samples.iter().map(move |key| (*key, r))).collect();
        let open: BTreeMap<String, Key> =
            asked.iter().map(|(key, _)| (key.to_string(), *key)).collect();
        let mut child = self.start()?;
        let input = child.stdin.take().expect("its standard input is piped");
        let output = child.stdout.take().expect("its standard output is piped");
        let missing = std::thread::scope(|scope| {
            scope.spawn(|| {
                // A program that reads no further has said why it ended, or will.
                let mut input = BufWriter::new(input);
                let _ = asked.iter().try_for_each(|(key, r)| writeln!(input, "{}", line(key, r)));
            });
            let taken = self.take(output, open, deliver);
            if taken.is_err() {
                let _ = child.kill();
            }
            taken
        });
        let status = child.wait().map_err(|error| self.wrong(format!("is lost: {error}")))?;
        self.ended(status, missing?, asked.len())
    }

    fn score(&self, _: &[Message], _: &[String]) -> Result<Vec<f64>, ProviderError> {
        let provider = self.capabilities.name.clone();
        Err(ProviderError::Lacks { provider, need: entail_provider::Need::Score })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    fn asked(n: usize) -> Vec<Request> {
        let one = |i: usize| Request {
            messages: vec![Message::user(format!("{{\"answer\": \"number {i}\"}}"))],
            samples: vec![Key::of(&i)],
        };
        (0..n).map(one).collect()
    }

    /// What a shell script answers to `n` questions.
    fn run(script: &str, n: usize) -> (Result<(), ProviderError>, BTreeMap<Key, String>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("judge.sh"), script).unwrap();
        let program = Program::new("sh judge.sh", folder.path().to_owned(), Arc::default());
        let got = Mutex::new(BTreeMap::new());
        let sampling = Sampling::new(1.0, 1.0, 1);
        let result = program.complete(&asked(n), &sampling, &|key, completion| {
            got.lock().unwrap().insert(key, completion.text);
        });
        (result, got.into_inner().unwrap())
    }

    const ECHO: &str = r#"sed 's/"exhibit"/"label": "true", "exhibit"/'"#;

    #[test]
    fn every_question_gets_the_reply_with_its_id() {
        // More than a pipe holds, so that writing and reading go on at the same time.
        let (result, got) = run(ECHO, 5_000);
        result.unwrap();
        assert_eq!(got.len(), 5_000);
        for i in [0, 17, 4_999] {
            let said: Value = serde_json::from_str(&got[&Key::of(&i)]).unwrap();
            assert_eq!(said["label"], "true");
            assert_eq!(said["exhibit"]["answer"], format!("number {i}"));
            assert!(said.get("id").is_none());
        }
    }

    #[test]
    fn a_program_that_misbehaves_is_told_of() {
        let cases = [
            ("cat >/dev/null; echo hello", 2, "line 1 of its replies: found \"hello\""),
            (
                "cat >/dev/null; echo '{\"label\": \"true\"}'",
                2,
                "expected a JSON object with the `id`",
            ),
            (
                "cat >/dev/null; echo '{\"id\": \"x\"}'",
                2,
                "found the id \"x\", expected one that was asked",
            ),
            ("cat; cat", 3, ""),
            ("head -n 2", 5, "left 3 of 5 questions without a reply"),
            ("head -n 1; exit 7", 5, "1 of 5 questions have their reply"),
            ("exec true", 5_000, "left 5000 of 5000"),
        ];
        for (script, n, expected) in cases {
            let (result, got) = run(script, n);
            match result {
                Ok(()) => assert!(expected.is_empty() && got.len() == n, "{script}: {}", got.len()),
                Err(error) => {
                    let error = error.to_string();
                    assert!(!expected.is_empty() && error.contains(expected), "{script}: {error}");
                    assert!(error.starts_with("exec:sh judge.sh: "), "{error}");
                }
            }
        }
        // Twice the same id.
        let (result, got) = run("while read l; do echo \"$l\"; echo \"$l\"; done", 3);
        assert!(result.unwrap_err().to_string().contains("once"));
        assert_eq!(got.len(), 1);
        let none = Program::new("no-such-program-anywhere", PathBuf::new(), Arc::default());
        let sampling = Sampling::new(1.0, 1.0, 1);
        let error = none.complete(&asked(1), &sampling, &|_, _| ()).unwrap_err().to_string();
        assert!(error.contains("cannot be started"), "{error}");
    }
}
