//! Fine-tuning jobs as `OpenAI` and Azure run them: a file of conversations, a job, a model name.
//!
//! Nothing is made before it was looked for under its key, so a process that was killed at any point finds again
//! what it began: one file, one job.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Clock, Transport};
use crate::patience::{Line, Setback};
use crate::secret::Secret;
use crate::trainer::{
    Checkpoint, JobLog, RemoteSettings, TrainedModel, Trainer, TrainerError, TrainingJob,
    TrainingPoint, last_state,
};

mod api;
mod curve;
mod shutdown;

use api::{Api, text};

/// Fewest lines of a training file (`OpenAI`, fine-tuning guide; code `invalid_n_examples`).
const MIN_ROWS: usize = 10;
/// First wait between two looks at a file or job; it doubles up to [`JobService::poll`].
const FIRST_LOOK: Duration = Duration::from_secs(2);
/// How long a file may take to be processed.
const PROCESSING: Duration = Duration::from_mins(30);

/// Whose manners a service has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobFlavour {
    /// `OpenAI` and services that copy it: `Authorization: Bearer`, jobs carry metadata.
    OpenAi,
    /// Azure: an `api-key` header, the version of the API in every address, only fields that it knows.
    Azure {
        /// Such as `2024-10-21`.
        api_version: String,
    },
}

/// A service that runs fine-tuning jobs.
#[derive(Debug, Clone)]
pub struct JobService {
    /// What stands before the colon in names of its models, such as `openai`; also its name in errors.
    pub name: String,
    /// Address without a slash at the end: `https://api.openai.com/v1`, or `https://….openai.azure.com/openai`.
    pub base: String,
    /// Its manners.
    pub flavour: JobFlavour,
    /// The key.
    pub key: Secret,
    /// Longest wait between two looks at a job.
    pub poll: Duration,
}

/// Trains by fine-tuning jobs.
#[derive(Clone)]
pub struct JobTrainer {
    service: JobService,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for JobTrainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobTrainer").field("service", &self.service).finish_non_exhaustive()
    }
}

/// What is recorded. Steps that make something are recorded before and after.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    /// The file is about to be sent, or was.
    Uploading,
    /// The file is there.
    Uploaded { file: String },
    /// The job is about to be made, or was.
    Creating { file: String },
    /// The job is there.
    Created { file: String, job: String },
    /// The job ended without a model, and the caller was told: the next call may make another.
    Ended { job: String, status: String },
}

impl JobTrainer {
    /// A trainer that talks to this service.
    pub fn new(service: JobService, transport: Arc<dyn Transport>, clock: Arc<dyn Clock>) -> Self {
        Self { service, transport, clock }
    }
}

impl Trainer for JobTrainer {
    /// Order of rows and batches is the service's own: it takes `rows` and ignores `batches` and `tokens`.
    ///
    /// A job that ended without a model is reported once; calling again after that makes a new one.
    fn train(&self, job: &TrainingJob<'_>, log: &dyn JobLog) -> Result<TrainedModel, TrainerError> {
        let line = Line {
            provider: &self.service.name,
            transport: &*self.transport,
            clock: &*self.clock,
            log,
        };
        let run = Run { api: Api { service: &self.service, line }, line, job };
        run.check()?;
        let id = match last_state(log)? {
            Some(State::Created { job, .. }) => job,
            Some(State::Uploaded { file } | State::Creating { file }) => run.create(file)?,
            Some(State::Uploading | State::Ended { .. }) | None => run.create(run.upload()?)?,
        };
        let ended = run.follow(&id)?;
        run.collect(&id, &ended)
    }
}

/// One call of [`Trainer::train`].
struct Run<'a> {
    api: Api<'a>,
    line: Line<'a>,
    job: &'a TrainingJob<'a>,
}

impl Run<'_> {
    /// What the service would only say after the file was sent.
    fn check(&self) -> Result<(), TrainerError> {
        let RemoteSettings { epochs, batch, .. } = self.job.settings;
        let n_rows = self.job.rows.len();
        let complaint = if n_rows < MIN_ROWS {
            format!("{n_rows} rows, but a training file needs at least {MIN_ROWS}")
        } else if !(1..=50).contains(&epochs) {
            format!("{epochs} epochs, expected 1 to 50")
        } else if !(1..=256).contains(&batch) {
            format!("batches of {batch} rows, expected 1 to 256")
        } else {
            return Ok(());
        };
        Err(self.line.refused(complaint))
    }

    fn record(&self, state: &State) -> Result<(), TrainerError> {
        let text = serde_json::to_string(state).expect("a state is plain data");
        self.line.log.record(&text).map_err(TrainerError::Log)
    }

    /// Finds the file of this key or sends it. Before every try the service is asked, since a try whose answer was
    /// lost may have arrived.
    fn upload(&self) -> Result<String, TrainerError> {
        self.record(&State::Uploading)?;
        let name = format!("entail-{}.jsonl", self.job.key);
        let content = jsonl(self.job);
        let file = self.line.persist(|| {
            let usable = |file: &Value| {
                file["filename"] == name.as_str() && !is_spoiled(text(file, "status"))
            };
            let found = self.api.find("files", &self.api.files_query(), usable)?;
            let file = match found {
                Some(file) => file,
                None => self.api.upload(&name, &content)?,
            };
            api::id(&file)
        })?;
        self.record(&State::Uploaded { file: file.clone() })?;
        Ok(file)
    }

    /// Finds the job of this key or makes it, once its file is processed.
    fn create(&self, file: String) -> Result<String, TrainerError> {
        self.wait_for_file(&file)?;
        self.record(&State::Creating { file: file.clone() })?;
        let key = self.job.key.to_string();
        let ours = |job: &Value| {
            let status = text(job, "status");
            (job["metadata"]["entail"] == key.as_str() || job["training_file"] == file.as_str())
                && status != "failed"
                && status != "cancelled"
        };
        let body = self.api.job_body(self.job, &file);
        let id = self.line.persist(|| {
            let found = self.api.find("fine_tuning/jobs", &self.api.jobs_query(&key), ours)?;
            let job = match found {
                Some(job) => job,
                None => self.api.post("fine_tuning/jobs", &body)?,
            };
            api::id(&job)
        })?;
        self.record(&State::Created { file, job: id.clone() })?;
        Ok(id)
    }

    /// Services that name no status process a file while it is sent.
    fn wait_for_file(&self, file: &str) -> Result<(), TrainerError> {
        let start = self.line.clock.now();
        let mut wait = FIRST_LOOK;
        loop {
            let state = self.get(&format!("files/{file}"))?;
            let status = text(&state, "status");
            if is_spoiled(status) {
                let what = format!("file {file} is `{status}`: {}", text(&state, "status_details"));
                return Err(self.line.refused(what));
            }
            if ["processed", ""].contains(&status) {
                return Ok(());
            }
            if self.line.clock.now().saturating_sub(start) > PROCESSING {
                let what = format!(
                    "file {file} is still `{status}` after {} minutes, expected `processed`",
                    PROCESSING.as_secs() / 60
                );
                return Err(self.line.refused(what));
            }
            self.line.log.tell(0, 0, &format!("file {status}"));
            self.line.pause(wait)?;
            wait = (wait * 2).min(self.api.service.poll);
        }
    }

    /// Waits for the job's end; its last state.
    fn follow(&self, id: &str) -> Result<Value, TrainerError> {
        let mut wait = FIRST_LOOK.min(self.api.service.poll);
        loop {
            let job = self.get(&format!("fine_tuning/jobs/{id}"))?;
            let status = text(&job, "status");
            match status {
                "succeeded" => return Ok(job),
                "failed" | "cancelled" => return Err(self.failed(id, status, &job["error"])?),
                _ => {}
            }
            self.tell(id, status);
            self.line.pause(wait)?;
            wait = (wait * 2).min(self.api.service.poll);
        }
    }

    /// The error of a job that ended without a model, once that is recorded.
    fn failed(&self, id: &str, status: &str, error: &Value) -> Result<TrainerError, TrainerError> {
        self.record(&State::Ended { job: id.to_owned(), status: status.to_owned() })?;
        let words: Vec<&str> = ["code", "message"]
            .map(|name| text(error, name))
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let what =
            if words.is_empty() { "no reason was given".to_owned() } else { words.join(": ") };
        Ok(TrainerError::Failed {
            provider: self.line.provider.to_owned(),
            job: id.to_owned(),
            status: status.to_owned(),
            what,
        })
    }

    /// Progress is a courtesy: when it cannot be read, the status is told alone.
    fn tell(&self, id: &str, status: &str) {
        let events =
            self.api.page(&format!("fine_tuning/jobs/{id}/events"), &[("limit", "20".into())]);
        let (done, total) =
            events.ok().and_then(|events| curve::progress(&events)).unwrap_or((0, 0));
        self.line.log.tell(done, total, status);
    }

    fn get(&self, path: &str) -> Result<Value, TrainerError> {
        self.line.persist(|| self.api.get(path, &[]))
    }

    /// Something that a service may not have: nothing when it says no.
    fn optional<T: Default>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Setback>,
    ) -> Result<T, TrainerError> {
        self.line.persist(|| match attempt() {
            Err(Setback::Final(TrainerError::Refused { .. })) => Ok(T::default()),
            other => other,
        })
    }

    /// All that the service says about a job that succeeded.
    fn collect(&self, id: &str, job: &Value) -> Result<TrainedModel, TrainerError> {
        let name = text(job, "fine_tuned_model");
        if name.is_empty() {
            return Err(self.failed(
                id,
                "succeeded",
                &json!({ "message": "the job names no model" }),
            )?);
        }
        let mut notes = self.notes(job);
        let checkpoints = self.checkpoints(id)?;
        let curve = self.curve(id, job, &mut notes)?;
        let shutdown = match self.api.service.flavour {
            JobFlavour::OpenAi => shutdown::of(text(job, "model")),
            JobFlavour::Azure { .. } => None,
        };
        notes.extend(shutdown.map(shutdown::Shutdown::note));
        Ok(TrainedModel {
            model: format!("{}:{name}", self.api.service.name),
            job: id.to_owned(),
            checkpoints,
            curve,
            trained_tokens: job["trained_tokens"].as_u64(),
            expires: shutdown.map(|shutdown| shutdown.unix),
            notes,
        })
    }

    fn checkpoints(&self, id: &str) -> Result<Vec<Checkpoint>, TrainerError> {
        let path = format!("fine_tuning/jobs/{id}/checkpoints");
        let all = self.optional(|| self.api.all(&path))?;
        let mut checkpoints: Vec<Checkpoint> = all
            .iter()
            .filter_map(|checkpoint| {
                let name = checkpoint["fine_tuned_model_checkpoint"].as_str()?;
                let model = format!("{}:{name}", self.api.service.name);
                Some(Checkpoint { step: checkpoint["step_number"].as_u64()?, model })
            })
            .collect();
        checkpoints.sort_by_key(|checkpoint| checkpoint.step);
        Ok(checkpoints)
    }

    /// Metrics of events, which have all digits, or else the file of results. A job without either is still a model.
    fn curve(
        &self,
        id: &str,
        job: &Value,
        notes: &mut Vec<String>,
    ) -> Result<Vec<TrainingPoint>, TrainerError> {
        let path = format!("fine_tuning/jobs/{id}/events");
        let events = self.optional(|| self.api.all(&path))?;
        let points = curve::of_events(&events);
        if !points.is_empty() {
            return Ok(points);
        }
        let Some(file) = job["result_files"].get(0).and_then(Value::as_str) else {
            notes.push("the service gave no curve".into());
            return Ok(Vec::new());
        };
        let path = format!("files/{file}/content");
        let content = self.optional(|| self.api.bytes(&path))?;
        Ok(curve::of_results(&content).unwrap_or_else(|error| {
            notes.push(format!("the file of results {file} could not be read: {error}"));
            Vec::new()
        }))
    }

    /// Settings as the service resolved them, and what it ignored.
    fn notes(&self, job: &Value) -> Vec<String> {
        let settings = &self.job.settings;
        let nested = &job["method"]["supervised"]["hyperparameters"];
        let resolved = if nested.is_object() { nested } else { &job["hyperparameters"] };
        let mut notes = vec![
            format!("settings as the service resolved them: {resolved}"),
            format!(
                "ignored, because the service takes no such setting: rate {}, rank {}, {} rate, the drawn order of rows",
                settings.rate,
                settings.rank,
                if settings.linear { "linear" } else { "constant" }
            ),
            format!("seed {}, asked for {}", job["seed"], api::seed(settings)),
        ];
        if matches!(self.api.service.flavour, JobFlavour::Azure { .. }) {
            notes.push(format!(
                "Azure serves a model only once it is deployed: deploy {} by hand and name the deployment in the study",
                text(job, "fine_tuned_model")
            ));
        }
        notes
    }
}

fn is_spoiled(status: &str) -> bool {
    ["error", "deleted", "deleting"].contains(&status)
}

/// One conversation per line.
fn jsonl(job: &TrainingJob<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    for row in job.rows {
        serde_json::to_writer(&mut content, &json!({ "messages": row }))
            .expect("a vector takes all bytes");
        content.push(b'\n');
    }
    content
}

#[cfg(test)]
mod tests;
