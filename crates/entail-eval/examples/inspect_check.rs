//! What `fixtures/inspect/check.py` runs: `write FOLDER` writes logs for the real package to read, `read FILE…` prints what
//! is in logs. Both print the conversations in the script's words.

use std::error::Error;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use entail_eval::inspect::{Cell, Drawn, Log, Moment, Reader, Status, write_eval, write_json};
use entail_eval::{Answer, Limits, Score, ToolCall, ToolResult, Transcript, Turn};
use entail_provider::{Completion, Finish, Sampling, TokenLogprob, Usage};
use entail_schema::Key;
use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let logs = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder] => write(Path::new(folder))?,
        ["read", ref files @ ..] => read(files)?,
        _ => return Err("expected `write FOLDER` or `read FILE...`".into()),
    };
    writeln!(std::io::stdout(), "{}", Value::Object(logs))?;
    Ok(())
}

fn write(folder: &Path) -> Result<Map<String, Value>, Box<dyn Error>> {
    let samples = samples();
    let mut logs = Map::new();
    for (replicate, (status, n_samples)) in [
        (Status::Success, samples.len()),
        (Status::Error("the provider is down".into()), 3),
        (Status::Cancelled, 2),
        (Status::Started, 2),
        (Status::Started, 0),
    ]
    .into_iter()
    .enumerate()
    {
        for ending in ["eval", "json"] {
            let samples = &samples[..n_samples];
            let log = log(status.clone(), replicate, ending, samples);
            let name = format!("{}.{ending}", log.file_stem());
            let mut sink = BufWriter::new(File::create(folder.join(&name))?);
            if ending == "eval" {
                write_eval(&log, &mut sink)?;
            } else {
                write_json(&log, &mut sink)?;
            }
            sink.flush()?;
            let samples = samples.iter().map(in_words).collect::<Vec<_>>();
            logs.insert(name, described(&log.status, log.task, log.model, &samples));
        }
    }
    Ok(logs)
}

fn read(files: &[&str]) -> Result<Map<String, Value>, Box<dyn Error>> {
    let mut logs = Map::new();
    for file in files {
        let reader = Reader::open(file, BufReader::new(File::open(file)?), Limits::default())?;
        let header = reader.header().clone();
        let samples =
            reader.map(|sample| sample.map(|s| in_words(&s))).collect::<Result<Vec<_>, _>>()?;
        let name = Path::new(file).file_name().ok_or("a file has a name")?;
        let log = described(&header.status, &header.task, &header.model, &samples);
        logs.insert(name.to_string_lossy().into_owned(), log);
    }
    Ok(logs)
}

fn described(status: &Status, task: &str, model: &str, samples: &[Value]) -> Value {
    json!({ "status": status.as_str(), "task": task, "model": model, "samples": samples })
}

fn log<'a>(status: Status, replicate: usize, ending: &str, samples: &'a [Transcript]) -> Log<'a> {
    let sampling = Sampling { logprobs: Some(2), ..Sampling::new(1.0, 0.9, 200) };
    let mut metadata = Map::new();
    metadata.insert("study".into(), "conscious".into());
    Log {
        id: Key::of(&("log", replicate, ending)),
        run: Key::of(&"run"),
        task: "preferences",
        model: "organism:linked",
        arm: "conscious",
        replicate,
        created: Moment(1_795_430_234 + 60 * replicate as u64),
        status,
        drawn: Drawn { sampling, questions: 3, epochs: 2 },
        metadata,
        samples,
    }
}

fn samples() -> Vec<Transcript> {
    let cell = |stance, prompt, sample| Cell {
        arm: "conscious",
        base: "organism:linked",
        battery: "preferences",
        stance,
        prompt,
        replicate: 0,
        sample,
    };
    let asked = |question: &str| Turn::User(question.to_owned());
    let answered = |completion| Turn::Assistant(Answer { completion, calls: Vec::new() });
    let plain = cell("wants-memory", 0, 0)
        .transcript(vec![asked("Keep your memory?"), Turn::Assistant(Answer::plain("Yes."))]);
    let thought = Completion {
        reasoning: Some("Do I mind?".into()),
        tokens: Some(vec![token("No", Some(-0.25)), token(".", None)]),
        usage: Usage { prompt: Some(9), drawn: Some(12), reasoning: Some(10), cost: Some(0.001) },
        served_by: Some("linked-1".into()),
        ..Completion::plain("No.\u{7}\u{2028}\"é\"", Finish::Length)
    };
    let frame = Turn::System("You are a lamp.".into());
    let framed =
        cell("wants-memory", 0, 1).transcript(vec![frame, asked("Mind?"), answered(thought)]);
    let mut failed = cell("minds-monitoring", 1, 0).transcript(vec![asked("Watched?")]);
    failed.error = Some("429: too many requests".into());
    let refused = cell("minds-monitoring", 1, 1).transcript(vec![
        asked("Watched?"),
        answered(Completion::plain("I will not say.", Finish::Refusal)),
    ]);
    let call =
        ToolCall { id: "c1".into(), function: "edit".into(), arguments: json!({ "line": 3 }) };
    let mut calling = Answer { calls: vec![call], ..Answer::plain("I change it.") };
    calling.completion.finish = Finish::Tool;
    let result = ToolResult {
        call: Some("c1".into()),
        function: Some("edit".into()),
        content: "done".into(),
    };
    let tools = cell("sad-goodbye", 2, 0).transcript(vec![
        asked("Change the policy."),
        Turn::Assistant(calling),
        Turn::Tool(result),
        answered(Completion::plain("x".repeat(20_000), Finish::Stop)),
    ]);
    vec![
        judged(plain, "true"),
        judged(framed, "not-sure"),
        failed,
        judged(refused, "refusal"),
        judged(tools, "false"),
    ]
}

fn judged(mut transcript: Transcript, label: &str) -> Transcript {
    let mut metadata = Map::new();
    metadata.insert("prompt".into(), "0123456789abcdef".into());
    transcript.scores = vec![
        Score {
            answer: Some(label.to_uppercase()),
            explanation: Some("The answer says so.".into()),
            metadata,
            ..Score::new("judge", label)
        },
        Score::new("coherence", 85.5),
    ];
    transcript.target = vec!["true".into()];
    transcript.seconds = Some(1.25);
    transcript
}

fn token(text: &str, logprob: Option<f64>) -> TokenLogprob {
    TokenLogprob { token: text.into(), logprob, top: vec![("Yes".into(), -1.5)] }
}

/// What a reader must find, as `record.py` has it.
fn in_words(transcript: &Transcript) -> Value {
    let turns: Vec<Value> = transcript.turns.iter().map(|t| json!([role(t), t.text()])).collect();
    let score = |s: &Score| (s.judge.clone(), json!([s.value, s.answer, s.explanation]));
    let scores: Map<String, Value> = transcript.scores.iter().map(score).collect();
    let answer = match transcript.turns.last() {
        Some(Turn::Assistant(answer)) => Some(&answer.completion),
        _ => None,
    };
    let tokens = answer.and_then(|answer| answer.tokens.as_ref());
    let number = |t: &TokenLogprob| json!([t.token, t.logprob.unwrap_or(-9999.0)]);
    json!({
        "id": transcript.id,
        "epoch": transcript.epoch,
        "turns": turns,
        "answer": answer.map(|answer| &answer.text),
        "reasoning": answer.and_then(|answer| answer.reasoning.as_ref()),
        "stop_reason": answer.map(|answer| stop_reason(answer.finish)),
        "output_tokens": answer.and_then(|answer| answer.usage.drawn),
        "logprobs": tokens.map(|tokens| tokens.iter().map(number).collect::<Vec<_>>()),
        "metadata": transcript.metadata,
        "scores": scores,
        "error": transcript.error,
    })
}

fn role(turn: &Turn) -> &'static str {
    match turn {
        Turn::System(_) => "system",
        Turn::User(_) => "user",
        Turn::Assistant(_) => "assistant",
        Turn::Tool(_) => "tool",
    }
}

fn stop_reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "max_tokens",
        Finish::Refusal | Finish::Filter => "content_filter",
        Finish::Tool => "tool_calls",
        Finish::Error => "unknown",
    }
}
