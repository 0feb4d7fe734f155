//! Training at Thinking Machines' Tinker, step by step: our batches, our rate, its gradients.
//!
//! The wire is that of the official Python client 0.38.0, which is not documented as public. It is checked against
//! that package: messages byte for byte (`fixtures/provider/make_tinker.py`), and whole runs against a server that
//! parses and answers with the package's own classes (`fixtures/provider/fake_tinker.py`).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use prost::Message as _;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http::{Clock, Transport};
use crate::patience::Line;
use crate::secret::Secret;
use crate::trainer::{
    JobLog, RemoteSettings, TrainedModel, Trainer, TrainerError, TrainingJob, TrainingPoint,
    last_state,
};

mod data;
mod messages;
mod session;

use data::{Example, LossSums, RowError, chunks};
use messages::ForwardBackwardRequest;
use session::{Promise, SDK_VERSION, Session};

/// Name of the service in errors.
const NAME: &str = "tinker";
/// Adam of the cookbook's trainer; the service's own default for epsilon is 1e-12.
const BETAS: (f64, f64) = (0.9, 0.95);
const EPSILON: f64 = 1e-8;
/// How long a state in between is kept, in seconds. A run that is taken up again needs it.
const STATE_TTL: u64 = 30 * 24 * 3600;

/// How the weight of a row is spread over its learned tokens. The service adds up whatever it is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WeightReduction {
    /// Every row weighs one: the loss of a batch is a sum of means (the cookbook's default).
    Mean,
    /// Every learned token weighs one: long rows count more.
    Sum,
}

/// The service and how it is used.
#[derive(Debug, Clone)]
pub struct TinkerService {
    /// Address without a slash at the end: `https://tinker.thinkingmachines.dev/services/tinker-prod`.
    pub base: String,
    /// The key, sent as `X-API-Key`.
    pub key: Secret,
    /// After how many updates a resumable state is saved; at least 1. A killed process repeats at most as many.
    pub save_every: usize,
    /// How rows weigh.
    pub reduction: WeightReduction,
}

/// Trains at Tinker.
#[derive(Clone)]
pub struct TinkerTrainer {
    service: TinkerService,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for TinkerTrainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TinkerTrainer").field("service", &self.service).finish_non_exhaustive()
    }
}

/// What is recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum State {
    /// A state of weights and optimizer that can be loaded.
    Saved(Saved),
    /// The end; nothing is asked of the service any more.
    Finished { model: TrainedModel },
}

/// Where a run can be taken up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Saved {
    /// Updates done.
    step: usize,
    /// `tinker://…/weights/…`.
    path: String,
    /// The curve so far.
    curve: Vec<TrainingPoint>,
}

impl TinkerTrainer {
    /// A trainer that talks to this service.
    ///
    /// # Panics
    /// When `save_every` is zero.
    pub fn new(
        service: TinkerService,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        assert!(service.save_every > 0, "a state is saved after at least one update");
        Self { service, transport, clock }
    }
}

impl Trainer for TinkerTrainer {
    /// Takes `tokens` and `batches`, one update for each batch. A point of the curve holds the loss of the batch
    /// before its update, as the forward pass saw it.
    ///
    /// A process that was killed goes on from the last saved state, in a new session.
    fn train(&self, job: &TrainingJob<'_>, log: &dyn JobLog) -> Result<TrainedModel, TrainerError> {
        let line = Line { provider: NAME, transport: &*self.transport, clock: &*self.clock, log };
        let saved = match last_state(log)? {
            Some(State::Finished { model }) => return Ok(model),
            Some(State::Saved(saved)) => Some(saved),
            None => None,
        };
        let examples =
            self.examples(job)?.map_err(|error: RowError| line.refused(error.to_string()))?;
        let session = session::call(&line, &self.service, "create_session", &session_body(job))?;
        let Some(id) = session["session_id"].as_str() else {
            return Err(line.refused(format!("create_session named no session: {session}")));
        };
        if let Some(message) = session["error_message"].as_str() {
            return Err(line.refused(message));
        }
        let ended = AtomicBool::new(false);
        let session = Session { line, service: &self.service, id, ended: &ended };
        session.alive(|| {
            let mut run = Run::start(session, job, &examples, saved)?;
            run.train()?;
            run.finish()
        })
    }
}

impl TinkerTrainer {
    /// All rows as examples, or which row cannot be one; an error where there are no tokens at all.
    fn examples(
        &self,
        job: &TrainingJob<'_>,
    ) -> Result<Result<Vec<Example>, RowError>, TrainerError> {
        let rows =
            job.tokens.ok_or_else(|| TrainerError::NoTokens { provider: NAME.to_owned() })?;
        if job.batches.is_empty() || job.batches.iter().any(Vec::is_empty) {
            return Ok(Err(RowError::NoRows));
        }
        let missing = job.batches.iter().flatten().find(|&&row| row >= rows.len());
        if let Some(&row) = missing {
            return Ok(Err(RowError::Missing { row, n_rows: rows.len() }));
        }
        let example = |(row, tokens)| Example::new(row, tokens, self.service.reduction);
        Ok(rows.iter().enumerate().map(example).collect())
    }
}

/// A model in training.
struct Run<'a> {
    session: Session<'a>,
    job: &'a TrainingJob<'a>,
    examples: &'a [Example],
    model_id: String,
    /// Number of the next operation: from 1, without gaps.
    next: i32,
    saved: Option<Saved>,
    curve: Vec<TrainingPoint>,
    /// Where this run began, for the notes.
    resumed: Option<usize>,
}

impl<'a> Run<'a> {
    /// Makes a model, or loads the state that an earlier process left, which makes one too.
    fn start(
        session: Session<'a>,
        job: &'a TrainingJob<'a>,
        examples: &'a [Example],
        saved: Option<Saved>,
    ) -> Result<Self, TrainerError> {
        let result = match &saved {
            Some(saved) => session.run("load_weights", &load_body(session.id, job, &saved.path))?,
            None => session.run("create_model", &create_body(session.id, job))?,
        };
        // What the service derives where it does not say it.
        let derived = || format!("{}:train:0", session.id);
        let model_id = result["model_id"].as_str().map_or_else(derived, str::to_owned);
        let curve = saved.as_ref().map_or_else(Vec::new, |saved| saved.curve.clone());
        let resumed = saved.as_ref().map(|saved| saved.step);
        Ok(Self { session, job, examples, model_id, next: 1, saved, curve, resumed })
    }

    fn take_number(&mut self) -> i32 {
        self.next += 1;
        self.next - 1
    }

    fn step(&self) -> usize {
        self.curve.len()
    }

    /// One update for each batch that is left.
    fn train(&mut self) -> Result<(), TrainerError> {
        let n_steps = self.job.batches.len();
        while self.step() < n_steps {
            if self.session.line.log.cancelled() {
                return Err(TrainerError::Cancelled);
            }
            let point = self.update()?;
            let loss = point.loss.map_or_else(String::new, |loss| format!("loss {loss:.4}"));
            self.curve.push(point);
            self.session.line.log.tell(self.step() as u64, n_steps as u64, &loss);
            if self.step().is_multiple_of(self.session.service.save_every) || self.step() == n_steps
            {
                self.save()?;
            }
        }
        Ok(())
    }

    /// Sends all passes of a batch and its update before it waits for any: the service then does them in one go.
    fn update(&mut self) -> Result<TrainingPoint, TrainerError> {
        let step = self.step();
        let batch: Vec<&Example> =
            self.job.batches[step].iter().map(|&row| &self.examples[row]).collect();
        let chunks = chunks(&batch);
        let mut passes = Vec::new();
        for chunk in &chunks {
            passes.push(self.begin_pass(chunk)?);
        }
        let rate = rate(&self.job.settings, step, self.job.batches.len());
        let number = self.take_number();
        let update =
            self.session.begin("optim_step", &update_body(&self.model_id, number, rate))?;
        let mut sums = LossSums::default();
        for (chunk, pass) in chunks.iter().zip(passes) {
            let response = self.session.wait(pass)?;
            sums.add(chunk, &response.body)
                .map_err(|error| self.session.line.refused(error.to_string()))?;
        }
        self.session.wait(update)?;
        Ok(TrainingPoint {
            step: step as u64 + 1,
            loss: sums.weighted(),
            accuracy: None,
            token_loss: sums.per_token(),
        })
    }

    fn begin_pass(&mut self, chunk: &[&Example]) -> Result<Promise, TrainerError> {
        let request = ForwardBackwardRequest {
            model_id: self.model_id.clone(),
            seq_id: self.take_number(),
            data: chunk.iter().map(|example| example.datum()).collect(),
            loss_fn: "cross_entropy".to_owned(),
        };
        self.session.begin_protobuf("forward_backward", request.encode_to_vec())
    }

    /// Saves weights and optimizer, and records where.
    fn save(&mut self) -> Result<(), TrainerError> {
        let step = self.step();
        let number = self.take_number();
        let name = format!("entail-{}-{step}", self.job.key.short());
        let result = self.session.run("save_weights", &save_body(&self.model_id, number, &name))?;
        let path = self.path(&result, "save_weights")?;
        let saved = Saved { step, path, curve: self.curve.clone() };
        self.record(&State::Saved(saved.clone()))?;
        self.saved = Some(saved);
        Ok(())
    }

    /// Makes the weights askable.
    fn finish(mut self) -> Result<TrainedModel, TrainerError> {
        let number = self.take_number();
        let name = format!("entail-{}", self.job.key.short());
        let body = sampler_body(&self.model_id, number, &name);
        let result = self.session.run("save_weights_for_sampler", &body)?;
        let model = TrainedModel {
            model: self.path(&result, "save_weights_for_sampler")?,
            job: self.model_id.clone(),
            checkpoints: Vec::new(),
            notes: self.notes(),
            curve: std::mem::take(&mut self.curve),
            trained_tokens: None,
            expires: None,
        };
        self.record(&State::Finished { model: model.clone() })?;
        Ok(model)
    }

    fn path(&self, result: &Value, name: &str) -> Result<String, TrainerError> {
        let path = result["path"].as_str().filter(|path| path.starts_with("tinker://"));
        path.map(str::to_owned).ok_or_else(|| {
            self.session.line.refused(format!("{name} named no tinker:// path: {result}"))
        })
    }

    fn record(&self, state: &State) -> Result<(), TrainerError> {
        let text = serde_json::to_string(state).expect("a state is plain data");
        self.session.line.log.record(&text).map_err(TrainerError::Log)
    }

    fn notes(&self) -> Vec<String> {
        let settings = &self.job.settings;
        let n_tokens: usize =
            self.job.batches.iter().flatten().map(|&row| self.examples[row].inputs.len()).sum();
        let mut notes = vec![
            format!(
                "LoRA rank {} on attention, feed-forward and unembedding; Adam {}/{}/{EPSILON:e}, rate {} {}, no decay, no clipping",
                settings.rank,
                BETAS.0,
                BETAS.1,
                settings.rate,
                if settings.linear { "falling on a line to zero" } else { "constant" },
            ),
            match self.session.service.reduction {
                WeightReduction::Mean => "every row weighs one; loss is the mean of the rows' means, token_loss the mean over tokens".to_owned(),
                WeightReduction::Sum => "every learned token weighs one".to_owned(),
            },
            format!("{n_tokens} tokens were sent; the service bills what it works through"),
        ];
        if settings.rate_multiplier.is_some() {
            notes
                .push("ignored, because the service takes the rate itself: rate_multiplier".into());
        }
        notes.extend(self.resumed.map(|step| format!("taken up again at step {step}")));
        notes.extend(self.saved.as_ref().map(|s| {
            format!("state with optimizer at {}, for {} days", s.path, STATE_TTL / (24 * 3600))
        }));
        notes
    }
}

/// The rate of an update, counted from 0: on a line it is never zero at the last update.
fn rate(settings: &RemoteSettings, step: usize, n_steps: usize) -> f64 {
    let share = if settings.linear { 1.0 - step as f64 / n_steps as f64 } else { 1.0 };
    settings.rate * share
}

fn session_body(job: &TrainingJob<'_>) -> Value {
    json!({
        "tags": ["entail"],
        "user_metadata": { "entail": job.key, "label": job.label },
        "sdk_version": SDK_VERSION,
        "type": "create_session",
    })
}

fn create_body(session: &str, job: &TrainingJob<'_>) -> Value {
    json!({
        "session_id": session,
        "model_seq_id": 0,
        "base_model": job.base,
        "user_metadata": { "entail": job.key },
        "lora_config": {
            "rank": job.settings.rank,
            // The service's own range is not documented; 31 bits fit everywhere.
            "seed": job.settings.init_seed & 0x7fff_ffff,
            "train_unembed": true,
            "train_mlp": true,
            "train_attn": true,
        },
        "optimizer_config": { "type": "adamw" },
        "type": "create_model",
    })
}

/// Loading as a new model's first deed: rank and optimizer come from the state.
fn load_body(session: &str, job: &TrainingJob<'_>, path: &str) -> Value {
    json!({
        "session_id": session,
        "model_seq_id": 0,
        "user_metadata": { "entail": job.key },
        "path": path,
        "optimizer": true,
        "type": "load_weights",
    })
}

fn update_body(model: &str, number: i32, rate: f64) -> Value {
    json!({
        "model_id": model,
        "seq_id": number,
        "type": "optim_step",
        "adam_params": {
            "learning_rate": rate,
            "beta1": BETAS.0,
            "beta2": BETAS.1,
            "eps": EPSILON,
            "weight_decay": 0.0,
            "grad_clip_norm": 0.0,
        },
    })
}

fn save_body(model: &str, number: i32, name: &str) -> Value {
    json!({
        "model_id": model,
        "path": name,
        "seq_id": number,
        "ttl_seconds": STATE_TTL,
        "overwrite": true,
        "type": "save_weights",
    })
}

fn sampler_body(model: &str, number: i32, name: &str) -> Value {
    json!({
        "model_id": model,
        "path": name,
        "kind": "snapshot",
        "seq_id": number,
        "type": "save_weights_for_sampler",
    })
}

#[cfg(test)]
mod tests;
