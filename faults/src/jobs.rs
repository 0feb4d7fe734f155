//! Fine-tuning jobs (`OpenAI`'s API reference, "Fine-tuning").

use serde_json::{Map, Value, json};

use crate::files::File;
use crate::query::Query;
use crate::reply::{ApiError, Reply};
use crate::route::{Call, Provider, World, stage};
use crate::wire::Request;
use crate::{CsvForm, JobScript, Turn, chat, draw};

/// Fewest examples of a job (`OpenAI`'s rule).
const MIN_EXAMPLES: usize = 10;
/// Checkpoints are kept for this many epochs.
const KEPT_CHECKPOINTS: usize = 3;

/// One job.
#[derive(Debug)]
pub(crate) struct Job {
    model: String,
    training_file: String,
    validation_file: Option<String>,
    suffix: String,
    seed: u64,
    metadata: Map<String, Value>,
    integrations: Value,
    plan: Plan,
    created: u64,
    n_reads: u32,
    end: Option<End>,
}

/// What training will do; known from the file at creation, shown from `running` on.
#[derive(Debug, Clone, Copy)]
struct Plan {
    n_epochs: usize,
    batch_size: usize,
    learning_rate_multiplier: f64,
    n_examples: usize,
    n_tokens: u64,
    /// The line of the training file that is no example.
    bad_line: Option<usize>,
}

#[derive(Debug)]
struct End {
    at: u64,
    how: How,
}

#[derive(Debug)]
enum How {
    Succeeded { model: String, results: String },
    Failed { code: &'static str, message: String },
    Cancelled,
}

/// One step's numbers.
struct Step {
    number: usize,
    loss: f64,
    accuracy: f64,
}

/// Everything below `fine_tuning/jobs`.
pub(crate) fn serve(
    provider: &Provider,
    request: &Request,
    below: &[&str],
    call: Call,
) -> Result<Reply, ApiError> {
    let script = &provider.script.jobs;
    let mut world = provider.world();
    let query = Query::parse(&request.query);
    let find = |world: &World, id: &str| {
        let place = (0..world.jobs.len()).find(|&place| job_id(place) == id);
        place.ok_or_else(|| ApiError::not_found(id))
    };
    let json = match (request.method.as_str(), below) {
        ("POST", []) => {
            let job = Job::create(&world, request, call)?;
            world.jobs.push(job);
            let place = world.jobs.len() - 1;
            world.jobs[place].json(place, script)
        }
        ("GET", []) => list(&world, &query, script)?,
        ("GET", [id]) => {
            let place = find(&world, id)?;
            advance(provider, &mut world, place, call);
            world.jobs[place].json(place, script)
        }
        ("POST", [id, "cancel"]) => {
            let place = find(&world, id)?;
            let job = &mut world.jobs[place];
            if job.end.is_some() {
                return Err(ApiError::bad(None, "the job has ended"));
            }
            job.end = Some(End { at: call.unix.as_secs(), how: How::Cancelled });
            job.json(place, script)
        }
        ("GET", [id, "events"]) => {
            let place = find(&world, id)?;
            let mut events = world.jobs[place].events(place, script);
            events.reverse();
            query.page(&events, 20)?
        }
        ("GET", [id, "checkpoints"]) => {
            let place = find(&world, id)?;
            let mut checkpoints = world.jobs[place].checkpoints(place);
            checkpoints.reverse();
            query.page(&checkpoints, 10)?
        }
        _ => return Err(ApiError::not_found(&request.path)),
    };
    Ok(Reply::json(200, &json))
}

fn job_id(place: usize) -> String {
    format!("ftjob-{place:08}")
}

/// Newest first, those with all of the asked metadata.
fn list(world: &World, query: &Query, script: &JobScript) -> Result<Value, ApiError> {
    let matches = |job: &Job| {
        query
            .metadata()
            .all(|(name, value)| job.metadata.get(name).and_then(Value::as_str) == Some(value))
    };
    let rows: Vec<Value> = (0..world.jobs.len())
        .rev()
        .filter(|&place| matches(&world.jobs[place]))
        .map(|place| world.jobs[place].json(place, script))
        .collect();
    query.page(&rows, 20)
}

/// Counts one read and ends the job if it is time.
fn advance(provider: &Provider, world: &mut World, place: usize, call: Call) {
    let script = &provider.script.jobs;
    let job = &mut world.jobs[place];
    if job.end.is_some() {
        return;
    }
    job.n_reads += 1;
    let at = call.unix.as_secs();
    if job.status(script) != "validating_files"
        && let Some((code, message)) = job.plan.complaint()
    {
        job.end = Some(End { at, how: How::Failed { code, message } });
        return;
    }
    if job.n_reads < script.polls {
        return;
    }
    let bits = draw::mix(draw::of_text(provider.script.seed, "job") ^ place as u64);
    let how = if draw::share(bits) < script.failed {
        How::Failed {
            code: "server_error",
            message: "training ended with an internal error".into(),
        }
    } else {
        let model = job.model_name(place, &script.organization);
        let csv = job.csv(script.csv);
        let name = "step_metrics.csv".to_owned();
        let file = File { name, purpose: "fine-tune-results".into(), created: at, content: csv };
        let checkpoints = world.jobs[place].checkpoint_steps();
        for (step, _) in &checkpoints[..checkpoints.len().saturating_sub(1)] {
            world
                .trained
                .insert(format!("{model}:ckpt-step-{}", step.number), script.loading_calls);
        }
        world.trained.insert(model.clone(), script.loading_calls);
        How::Succeeded { model, results: world.files.add(file) }
    };
    world.jobs[place].end = Some(End { at, how });
}

/// A hyperparameter: a number, or the default for `auto`.
fn hyperparameter(body: &Map<String, Value>, name: &str, default: f64) -> Result<f64, ApiError> {
    let nested = body.get("method").and_then(|method| {
        ["supervised", "dpo"].into_iter().find_map(|kind| method[kind]["hyperparameters"].get(name))
    });
    match nested.or_else(|| body.get("hyperparameters")?.get(name)) {
        None | Some(Value::Null) => Ok(default),
        Some(value) if value == "auto" => Ok(default),
        Some(value) => value.as_f64().filter(|number| *number > 0.0).ok_or_else(|| {
            ApiError::bad(
                Some("hyperparameters"),
                format!("`{name}` must be auto or a number above 0, found {value}"),
            )
        }),
    }
}

impl Plan {
    fn read(body: &Map<String, Value>, content: &[u8]) -> Result<Plan, ApiError> {
        let whole = |name, default| -> Result<usize, ApiError> {
            let number = hyperparameter(body, name, default)?;
            let in_range = number.fract() == 0.0 && (1.0..=256.0).contains(&number);
            let range = || {
                ApiError::bad(
                    Some("hyperparameters"),
                    format!("`{name}` must be 1 to 256, found {number}"),
                )
            };
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "checked to be a whole number of 1 to 256"
            )]
            in_range.then_some(number as usize).ok_or_else(range)
        };
        let mut plan = Plan {
            n_epochs: whole("n_epochs", 3.0)?,
            batch_size: whole("batch_size", 1.0)?,
            learning_rate_multiplier: hyperparameter(body, "learning_rate_multiplier", 2.0)?,
            n_examples: 0,
            n_tokens: 0,
            bad_line: None,
        };
        for (number, line) in content.split(|&byte| byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let row: Option<Value> = serde_json::from_slice(line).ok();
            let turns = row.as_ref().and_then(Value::as_object).and_then(turns_of);
            match turns {
                Some(turns) => {
                    plan.n_examples += 1;
                    plan.n_tokens += chat::prompt_tokens(&turns);
                }
                None => plan.bad_line = plan.bad_line.or(Some(number + 1)),
            }
        }
        Ok(plan)
    }

    /// Why files like this fail a job while they are validated.
    fn complaint(&self) -> Option<(&'static str, String)> {
        if let Some(line) = self.bad_line {
            return Some((
                "invalid_training_file",
                format!("line {line} of the training file is no example"),
            ));
        }
        let n = self.n_examples;
        (n < MIN_EXAMPLES).then(|| {
            ("invalid_n_examples", format!("Training file has {n} example(s), but must have at least {MIN_EXAMPLES} examples"))
        })
    }

    /// Batches run across the borders of epochs, as in public logs.
    fn n_steps(&self) -> usize {
        (self.n_examples * self.n_epochs).div_ceil(self.batch_size)
    }
}

/// The turns of an example: of a conversation, or of a preference's input.
fn turns_of(row: &Map<String, Value>) -> Option<Vec<Turn>> {
    match row.get("input") {
        Some(Value::Object(input)) => chat::turns(input).ok(),
        _ => chat::turns(row).ok(),
    }
}

impl Job {
    fn create(world: &World, request: &Request, call: Call) -> Result<Job, ApiError> {
        let body = chat::parse_object(&request.body)?;
        let training_file = chat::text(&body, "training_file")?.to_owned();
        let unknown = |name: &'static str| {
            move |_: ApiError| ApiError::bad(Some(name), format!("`{name}` is no file"))
        };
        let training = world.files.get(&training_file).map_err(unknown("training_file"))?;
        let validation_file =
            body.get("validation_file").and_then(Value::as_str).map(str::to_owned);
        if let Some(id) = &validation_file {
            world.files.get(id).map_err(unknown("validation_file"))?;
        }
        let suffix = body.get("suffix").and_then(Value::as_str).unwrap_or_default().to_owned();
        if suffix.chars().count() > 64 {
            return Err(ApiError::bad(Some("suffix"), "`suffix` has at most 64 characters"));
        }
        Ok(Job {
            model: chat::text(&body, "model")?.to_owned(),
            suffix,
            seed: body.get("seed").and_then(Value::as_u64).unwrap_or(call.number),
            metadata: body.get("metadata").and_then(Value::as_object).cloned().unwrap_or_default(),
            integrations: body.get("integrations").cloned().unwrap_or_else(|| json!([])),
            plan: Plan::read(&body, &training.content)?,
            training_file,
            validation_file,
            created: call.unix.as_secs(),
            n_reads: 0,
            end: None,
        })
    }

    fn status(&self, script: &JobScript) -> &'static str {
        match self.end.as_ref().map(|end| &end.how) {
            Some(How::Succeeded { .. }) => "succeeded",
            Some(How::Failed { .. }) => "failed",
            Some(How::Cancelled) => "cancelled",
            None => stage(self.n_reads, script.polls, &["validating_files", "queued", "running"]),
        }
    }

    /// `ft:<base>:<organization>:<suffix>:<8 characters>`.
    fn model_name(&self, place: usize, organization: &str) -> String {
        let bits = draw::mix(draw::of_text(place as u64, &self.training_file));
        let id = format!("{bits:016x}");
        format!("ft:{}:{organization}:{}:{}", self.model, self.suffix, &id[..8])
    }

    fn json(&self, place: usize, script: &JobScript) -> Value {
        let status = self.status(script);
        let plan = &self.plan;
        let waiting = ["validating_files", "queued"].contains(&status);
        let hyperparameters = if waiting {
            json!({ "n_epochs": "auto", "batch_size": "auto", "learning_rate_multiplier": "auto" })
        } else {
            json!({
                "n_epochs": plan.n_epochs,
                "batch_size": plan.batch_size,
                "learning_rate_multiplier": plan.learning_rate_multiplier,
            })
        };
        let (model, results, error) = match self.end.as_ref().map(|end| &end.how) {
            Some(How::Succeeded { model, results }) => {
                (json!(model), json!([results]), Value::Null)
            }
            Some(How::Failed { code, message }) => {
                let error = json!({ "code": code, "message": message, "param": "training_file" });
                (Value::Null, json!([]), error)
            }
            Some(How::Cancelled) | None => (Value::Null, json!([]), Value::Null),
        };
        let trained = plan.n_tokens * plan.n_epochs as u64;
        json!({
            "object": "fine_tuning.job",
            "id": job_id(place),
            "model": self.model,
            "created_at": self.created,
            "finished_at": self.end.as_ref().map(|end| end.at),
            "estimated_finish": null,
            "fine_tuned_model": model,
            "organization_id": script.organization,
            "status": status,
            "hyperparameters": hyperparameters,
            "method": { "type": "supervised", "supervised": { "hyperparameters": hyperparameters } },
            "training_file": self.training_file,
            "validation_file": self.validation_file,
            "result_files": results,
            "trained_tokens": (status == "succeeded").then_some(trained),
            "error": error,
            "integrations": self.integrations,
            "seed": self.seed,
            "metadata": self.metadata,
        })
    }

    /// A made-up curve that falls from `ln 2`.
    fn steps(&self) -> impl Iterator<Item = Step> {
        let n_steps = self.plan.n_steps();
        let seed = draw::mix(self.seed);
        (1..=n_steps).map(move |number| {
            let done = number as f64 / n_steps as f64;
            let noise = draw::share(draw::mix(seed ^ number as u64)) - 0.5;
            let loss = std::f64::consts::LN_2 * (-3.0 * done).exp() * (1.0 + 0.2 * noise);
            Step { number, loss, accuracy: (-loss).exp() }
        })
    }

    /// `step_metrics.csv`; validation on every tenth step.
    fn csv(&self, form: CsvForm) -> Vec<u8> {
        let mut csv =
            String::from("step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n");
        for Step { number, loss, accuracy } in self.steps() {
            let validated = self.validation_file.is_some() && number % 10 == 0;
            let rounded = |value: f64| (value * 1e5).round() / 1e5;
            let (loss, accuracy) = (rounded(loss), rounded(accuracy));
            let valid = if validated { format!("{loss},{accuracy}") } else { ",".into() };
            csv.extend([format!("{number},{loss},{accuracy},{valid}\n")]);
        }
        match form {
            CsvForm::Plain => csv.into_bytes(),
            CsvForm::Base64 => base64(csv.as_bytes()).into_bytes(),
        }
    }

    /// What has happened, oldest first.
    fn events(&self, place: usize, script: &JobScript) -> Vec<Value> {
        let mut events = Vec::new();
        let mut add = |level: &str, message: String, kind: &str, data: Value| {
            events.push(json!({
                "object": "fine_tuning.job.event",
                "id": format!("ftevent-{place}-{:08}", events.len()),
                "created_at": self.created,
                "level": level,
                "message": message,
                "type": kind,
                "data": data,
            }));
        };
        let mut say = |message: String| add("info", message, "message", Value::Null);
        say(format!("Created fine-tuning job: {}", job_id(place)));
        say(format!("Validating training file: {}", self.training_file));
        let status = self.status(script);
        if ["queued", "running", "succeeded"].contains(&status) {
            say("Files validated, moving job to queued state".into());
        }
        if ["running", "succeeded"].contains(&status) {
            say("Fine-tuning job started".into());
        }
        match self.end.as_ref().map(|end| &end.how) {
            Some(How::Succeeded { model, .. }) => {
                let n_steps = self.plan.n_steps();
                for Step { number, loss, accuracy } in self.steps() {
                    let data = json!({
                        "step": number, "total_steps": n_steps,
                        "train_loss": loss, "train_mean_token_accuracy": accuracy,
                    });
                    add(
                        "info",
                        format!("Step {number}/{n_steps}: training loss={loss:.2}"),
                        "metrics",
                        data,
                    );
                }
                add(
                    "info",
                    format!("New fine-tuned model created: {model}"),
                    "message",
                    Value::Null,
                );
                add("info", "The job has successfully completed".into(), "message", Value::Null);
            }
            Some(How::Failed { message, .. }) => {
                add("error", message.clone(), "message", Value::Null);
            }
            Some(How::Cancelled) => {
                add("info", "The job was cancelled".into(), "message", Value::Null);
            }
            None => {}
        }
        events
    }

    /// The last step of each of the last epochs, with whether it is the last of all.
    fn checkpoint_steps(&self) -> Vec<(Step, bool)> {
        let n_steps = self.plan.n_steps();
        let ends: Vec<usize> = (1..=self.plan.n_epochs)
            .map(|epoch| (self.plan.n_examples * epoch).div_ceil(self.plan.batch_size))
            .collect();
        let kept = &ends[ends.len().saturating_sub(KEPT_CHECKPOINTS)..];
        self.steps()
            .filter(|step| kept.contains(&step.number))
            .map(|step| (n_steps == step.number, step))
            .map(|(last, step)| (step, last))
            .collect()
    }

    fn checkpoints(&self, place: usize) -> Vec<Value> {
        let Some(How::Succeeded { model, .. }) = self.end.as_ref().map(|end| &end.how) else {
            return Vec::new();
        };
        let checkpoint = |(Step { number, loss, accuracy }, last): (Step, bool)| {
            let name = if last { model.clone() } else { format!("{model}:ckpt-step-{number}") };
            json!({
                "object": "fine_tuning.job.checkpoint",
                "id": format!("ftckpt_{place}_{number:08}"),
                "created_at": self.created,
                "fine_tuned_model_checkpoint": name,
                "fine_tuning_job_id": job_id(place),
                "step_number": number,
                "metrics": { "step": number, "train_loss": loss, "train_mean_token_accuracy": accuracy },
            })
        };
        self.checkpoint_steps().into_iter().map(checkpoint).collect()
    }
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte))
            << (8 * (3 - three.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) as usize & 63;
            text.push(if place <= three.len() { char::from(ALPHABET[sextet]) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests;
