//! Batches in both shapes: `OpenAI`'s over files, Anthropic's inline.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::counts::body_hash;
use crate::date::rfc3339;
use crate::files::File;
use crate::query::Query;
use crate::reply::{ApiError, Reply, Style, Tokens};
use crate::route::{Call, Provider, World, stage};
use crate::wire::Request;
use crate::{BodyHash, anthropic, chat, draw};

/// How long a batch may take.
const WINDOW: Duration = Duration::from_hours(24);

/// Who is asked, and how results come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Chat,
    Completions,
    Messages,
}

/// One line to be run.
#[derive(Debug, Clone)]
struct Line {
    custom_id: String,
    body: Map<String, Value>,
}

/// What became of one line.
#[derive(Debug)]
enum Outcome {
    Answered(Value),
    /// Turned down as the same request by itself would be.
    TurnedDown(ApiError),
    Failed,
    Unanswered,
}

/// One batch.
#[derive(Debug)]
pub(crate) struct Batch {
    shape: Shape,
    endpoint: String,
    input_file: Option<String>,
    metadata: Value,
    created: Duration,
    n_reads: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    Waiting(Vec<Line>),
    /// The input is none.
    Invalid(String),
    /// So many lines, at this time.
    Canceled(usize, Duration),
    Ended(Ended),
}

#[derive(Debug, Default)]
struct Ended {
    n_lines: usize,
    n_completed: usize,
    n_failed: usize,
    n_unanswered: usize,
    output_file: Option<String>,
    error_file: Option<String>,
    /// Anthropic's results.
    results: Vec<u8>,
    at: Duration,
}

/// Everything below `batches` of `OpenAI` (`style` of `OpenAI`) and below `messages/batches` of Anthropic.
pub(crate) fn serve(
    provider: &Provider,
    request: &Request,
    below: &[&str],
    call: Call,
    style: Style,
) -> Result<Reply, ApiError> {
    let inline = style == Style::Anthropic;
    let find = |world: &World, id: &str| {
        let place = world.batches.iter().enumerate().position(|(place, batch)| {
            (batch.shape == Shape::Messages) == inline && batch.id(place) == id
        });
        place.ok_or_else(|| ApiError::not_found(id))
    };
    let shown = |world: &World, place: usize| {
        Reply::json(200, &world.batches[place].json(place, &provider.script.batch, &provider.url))
    };
    match (request.method.as_str(), below) {
        ("POST", []) => {
            let mut world = provider.world();
            let batch = Batch::create(&world, request, call, inline)?;
            world.batches.push(batch);
            Ok(shown(&world, world.batches.len() - 1))
        }
        ("GET", []) => {
            let world = provider.world();
            let mine = |(_, batch): &(usize, &Batch)| (batch.shape == Shape::Messages) == inline;
            let rows = world.batches.iter().enumerate().filter(mine).rev();
            let json = |(place, batch): (usize, &Batch)| {
                batch.json(place, &provider.script.batch, &provider.url)
            };
            let rows: Vec<Value> = rows.map(json).collect();
            Ok(Reply::json(200, &Query::parse(&request.query).page(&rows, 20)?))
        }
        ("GET", [id]) => {
            let place = find(&provider.world(), id)?;
            let settled = advance(provider, place, call);
            let mut reply = shown(&provider.world(), place);
            reply.settled = settled;
            Ok(reply)
        }
        ("POST", [id, "cancel"]) => {
            let mut world = provider.world();
            let place = find(&world, id)?;
            world.batches[place].cancel(call.unix);
            Ok(shown(&world, place))
        }
        ("GET", [id, "results"]) if inline => {
            let world = provider.world();
            match &world.batches[find(&world, id)?].state {
                State::Ended(ended) => {
                    Ok(Reply::bytes(200, "application/x-jsonl", ended.results.clone()))
                }
                _ => Err(ApiError::bad(None, "the batch has not ended")),
            }
        }
        _ => Err(ApiError::not_found(&request.path)),
    }
}

/// Counts one read and ends the batch if it is time; what was paid for then. The lines are run without the lock,
/// since each asks whether its model is there; of two calls that both ran them only the first one's results stay.
fn advance(provider: &Provider, place: usize, call: Call) -> Vec<(BodyHash, Tokens)> {
    let (shape, lines) = {
        let mut world = provider.world();
        let batch = &mut world.batches[place];
        batch.n_reads += 1;
        match &batch.state {
            State::Waiting(lines) if batch.n_reads >= provider.script.batch.polls => {
                (batch.shape, lines.clone())
            }
            _ => return Vec::new(),
        }
    };
    let mut settled = Vec::new();
    let outcomes: Vec<(String, Outcome)> = lines
        .into_iter()
        .enumerate()
        .map(|(number, line)| {
            let name = ((place as u64) << 32) | number as u64;
            let outcome = run(provider, shape, &line, name, call, &mut settled);
            (line.custom_id, outcome)
        })
        .collect();
    let mut world = provider.world();
    if !matches!(world.batches[place].state, State::Waiting(_)) {
        return Vec::new();
    }
    let ended = end(provider, &mut world, shape, place, &outcomes, call);
    world.batches[place].state = State::Ended(ended);
    settled
}

/// Runs one line; its name is what its fate is drawn from.
fn run(
    provider: &Provider,
    shape: Shape,
    line: &Line,
    name: u64,
    call: Call,
    settled: &mut Vec<(BodyHash, Tokens)>,
) -> Outcome {
    let script = provider.script.batch;
    let drawn =
        draw::share(draw::mix(draw::mix(draw::of_text(provider.script.seed, "line")) ^ name));
    if drawn < script.unanswered {
        return Outcome::Unanswered;
    }
    if drawn < script.unanswered + script.failed {
        return Outcome::Failed;
    }
    let answered = match shape {
        Shape::Chat => chat::chat(provider, &line.body, &call, Style::OpenAi, None),
        Shape::Completions => chat::completion(provider, &line.body, &call, None),
        Shape::Messages => anthropic::message(provider, &line.body, &call),
    };
    match answered {
        Ok((answer, tokens)) => {
            let body = serde_json::to_vec(&line.body).expect("JSON objects have text keys");
            settled.push((body_hash(&body), tokens));
            Outcome::Answered(answer)
        }
        Err(error) => Outcome::TurnedDown(error),
    }
}

/// Files the outcomes: out of order, some twice.
fn end(
    provider: &Provider,
    world: &mut World,
    shape: Shape,
    place: usize,
    outcomes: &[(String, Outcome)],
    call: Call,
) -> Ended {
    let seed = draw::mix(draw::of_text(provider.script.seed, "order") ^ place as u64);
    let mut order: Vec<usize> = (0..outcomes.len()).collect();
    for number in 0..outcomes.len() {
        if draw::share(draw::mix(seed ^ draw::mix(number as u64)))
            < provider.script.batch.duplicated
        {
            order.push(number);
        }
    }
    draw::shuffle(&mut order, seed);
    let mut ended = Ended { n_lines: outcomes.len(), at: call.unix, ..Ended::default() };
    for (_, outcome) in outcomes {
        match outcome {
            Outcome::Answered(_) => ended.n_completed += 1,
            Outcome::TurnedDown(_) | Outcome::Failed => ended.n_failed += 1,
            Outcome::Unanswered => ended.n_unanswered += 1,
        }
    }
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    for number in order {
        let (custom_id, outcome) = &outcomes[number];
        let inline = shape == Shape::Messages;
        let row =
            if inline { message_row(custom_id, outcome) } else { row(custom_id, outcome, number) };
        let good = inline || matches!(outcome, Outcome::Answered(_));
        let file = if good { &mut output } else { &mut errors };
        file.extend(row.to_string().into_bytes());
        file.push(b'\n');
    }
    if shape == Shape::Messages {
        ended.results = output;
        return ended;
    }
    let mut keep = |name: &str, content: Vec<u8>| {
        let (name, purpose) = (name.to_owned(), "batch_output".to_owned());
        let file = File { name, purpose, created: call.unix.as_secs(), content };
        (!file.content.is_empty()).then(|| world.files.add(file))
    };
    ended.output_file = keep("output.jsonl", output);
    ended.error_file = keep("errors.jsonl", errors);
    ended
}

/// A line of `OpenAI`'s output or error file.
fn row(custom_id: &str, outcome: &Outcome, number: usize) -> Value {
    let response = |status: u16, body: &Value| json!({ "status_code": status, "request_id": format!("req_{number}"), "body": body });
    let error = |code: &str, message: &str| json!({ "code": code, "message": message });
    let (response, error) = match outcome {
        Outcome::Answered(answer) => (response(200, answer), Value::Null),
        Outcome::TurnedDown(error) => {
            (response(error.status, &error.body(Style::OpenAi)), Value::Null)
        }
        Outcome::Failed => (Value::Null, error("server_error", "the server had an error")),
        Outcome::Unanswered => (Value::Null, error("batch_expired", "not run within the window")),
    };
    let id = format!("batch_req_{number}");
    json!({ "id": id, "custom_id": custom_id, "response": response, "error": error })
}

/// A line of Anthropic's results.
fn message_row(custom_id: &str, outcome: &Outcome) -> Value {
    let errored =
        |error: &ApiError| json!({ "type": "errored", "error": error.body(Style::Anthropic) });
    let result = match outcome {
        Outcome::Answered(message) => json!({ "type": "succeeded", "message": message }),
        Outcome::TurnedDown(error) => errored(error),
        Outcome::Failed => {
            errored(&ApiError::failure(500, "server_error", "the server had an error"))
        }
        Outcome::Unanswered => json!({ "type": "expired" }),
    };
    json!({ "custom_id": custom_id, "result": result })
}

impl Batch {
    fn create(
        world: &World,
        request: &Request,
        call: Call,
        inline: bool,
    ) -> Result<Batch, ApiError> {
        let body = chat::parse_object(&request.body)?;
        let metadata = body.get("metadata").cloned().unwrap_or(Value::Null);
        let made = |shape, endpoint: &str, input_file, lines: Result<_, String>| Batch {
            shape,
            endpoint: endpoint.to_owned(),
            input_file,
            metadata,
            created: call.unix,
            n_reads: 0,
            state: lines.map_or_else(State::Invalid, State::Waiting),
        };
        if inline {
            let requests = body.get("requests").and_then(Value::as_array);
            let requests = requests
                .ok_or_else(|| ApiError::bad(Some("requests"), "requests: must be a list"))?;
            let lines = lines(requests.iter().cloned().map(Ok), "params");
            let lines = lines.map_err(|what| ApiError::bad(Some("requests"), what))?;
            return Ok(made(Shape::Messages, "", None, Ok(lines)));
        }
        let endpoint = chat::text(&body, "endpoint")?;
        let shape = match endpoint.trim_start_matches("/v1") {
            "/chat/completions" => Shape::Chat,
            "/completions" => Shape::Completions,
            _ => {
                return Err(ApiError::bad(
                    Some("endpoint"),
                    format!("`{endpoint}` has no batches"),
                ));
            }
        };
        let id = chat::text(&body, "input_file_id")?;
        let content = String::from_utf8_lossy(&world.files.get(id)?.content);
        let rows = content.lines().filter(|line| !line.is_empty());
        let lines =
            lines(rows.map(|line| serde_json::from_str(line).map_err(|e| e.to_string())), "body");
        Ok(made(shape, endpoint, Some(id.to_owned()), lines))
    }

    fn id(&self, place: usize) -> String {
        let prefix = if self.shape == Shape::Messages { "msgbatch" } else { "batch" };
        format!("{prefix}_{place}")
    }

    fn cancel(&mut self, at: Duration) {
        if let State::Waiting(lines) = &self.state {
            self.state = State::Canceled(lines.len(), at);
        }
    }

    fn ended_at(&self) -> Option<Duration> {
        match &self.state {
            State::Ended(ended) => Some(ended.at),
            State::Canceled(_, at) => Some(*at),
            State::Waiting(_) | State::Invalid(_) => None,
        }
    }

    fn json(&self, place: usize, script: &crate::BatchScript, url: &str) -> Value {
        match self.shape {
            Shape::Chat | Shape::Completions => self.openai_json(place, script.polls),
            Shape::Messages => self.anthropic_json(place, url),
        }
    }

    fn openai_json(&self, place: usize, polls: u32) -> Value {
        let none = Ended::default();
        let (status, n_lines, ended) = match &self.state {
            State::Waiting(lines) => {
                let stages = ["validating", "in_progress", "finalizing"];
                (stage(self.n_reads, polls, &stages), lines.len(), &none)
            }
            State::Invalid(_) => {
                (if self.n_reads == 0 { "validating" } else { "failed" }, 0, &none)
            }
            State::Canceled(n_lines, _) => ("cancelled", *n_lines, &none),
            State::Ended(ended) if ended.n_unanswered > 0 => ("expired", ended.n_lines, ended),
            State::Ended(ended) => ("completed", ended.n_lines, ended),
        };
        let errors = match &self.state {
            State::Invalid(message) if self.n_reads > 0 => {
                json!({ "object": "list", "data": [{ "code": "invalid_input", "message": message, "line": null, "param": null }] })
            }
            _ => Value::Null,
        };
        json!({
            "id": self.id(place),
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": errors,
            "input_file_id": self.input_file,
            "completion_window": "24h",
            "status": status,
            "output_file_id": ended.output_file,
            "error_file_id": ended.error_file,
            "created_at": self.created.as_secs(),
            "expires_at": (self.created + WINDOW).as_secs(),
            "request_counts": {
                "total": n_lines,
                "completed": ended.n_completed,
                "failed": ended.n_failed + ended.n_unanswered,
            },
            "metadata": self.metadata,
        })
    }

    fn anthropic_json(&self, place: usize, url: &str) -> Value {
        let none = Ended::default();
        let (status, n_waiting, n_canceled, ended) = match &self.state {
            State::Waiting(lines) => ("in_progress", lines.len(), 0, &none),
            State::Canceled(n_lines, _) => ("ended", 0, *n_lines, &none),
            State::Ended(ended) => ("ended", 0, 0, ended),
            State::Invalid(_) => {
                unreachable!("an inline batch that is none is turned down at once")
            }
        };
        let id = self.id(place);
        let has_results = matches!(self.state, State::Ended(_));
        let results = has_results.then(|| format!("{url}/v1/messages/batches/{id}/results"));
        json!({
            "id": id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": n_waiting,
                "succeeded": ended.n_completed,
                "errored": ended.n_failed,
                "canceled": n_canceled,
                "expired": ended.n_unanswered,
            },
            "created_at": rfc3339(self.created),
            "expires_at": rfc3339(self.created + WINDOW),
            "ended_at": self.ended_at().map(rfc3339),
            "archived_at": null,
            "cancel_initiated_at": null,
            "results_url": results,
        })
    }
}

/// The lines of an input; every `custom_id` once.
fn lines(
    rows: impl Iterator<Item = Result<Value, String>>,
    field: &str,
) -> Result<Vec<Line>, String> {
    let mut seen = BTreeSet::new();
    let line = |(number, row): (usize, Result<Value, String>)| {
        let mut row = row.map_err(|error| format!("line {}: {error}", number + 1))?;
        let custom_id = row["custom_id"].as_str().map(str::to_owned);
        let custom_id = custom_id.ok_or_else(|| format!("line {}: no custom_id", number + 1))?;
        if !seen.insert(custom_id.clone()) {
            return Err(format!("line {}: custom_id `{custom_id}` comes twice", number + 1));
        }
        match row.get_mut(field).map(Value::take) {
            Some(Value::Object(body)) => Ok(Line { custom_id, body }),
            _ => Err(format!("line {}: `{field}` is no object", number + 1)),
        }
    };
    rows.enumerate().map(line).collect()
}

#[cfg(test)]
mod tests;
