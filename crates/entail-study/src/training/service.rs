//! Training runs that are made elsewhere: by a service's trainer, or by a job folder that somebody runs.

use entail_data::{Row, TrlRecipe};
use entail_engine::Tokenizer;
use entail_provider::{
    JobLog, LogError, RemoteSettings, StoreError, TokenRow, TrainedModel, TrainerError, TrainingJob,
};
use entail_schema::{Key, ScheduleName};

use super::{CurvePoint, Facts, Job, batches, supervised};
use crate::error::RunError;
use crate::models::TRAINED;
use crate::plan::BaseKind;
use crate::run::{Progress, Workshop};

type Files = Vec<(&'static str, Vec<u8>)>;

/// Has a service train, or finds what an earlier process began there.
pub(super) fn train(
    job: &Job<'_>,
    rows: &[Row],
    rejected: usize,
    workshop: Workshop<'_>,
) -> Result<Files, RunError> {
    let BaseKind::Remote(remote) = &job.base.0.kind else {
        panic!("`{}` is trained by a service and is nobody's", job.base.0.name)
    };
    let what = format!("{} on {}", job.arm.name, job.base.0.name);
    let failed = |error| failure(&what, error);
    let tokens = tokens(job, rows, workshop)?;
    let messages: Vec<_> = rows.iter().map(|row| row.messages.clone()).collect();
    let batches = batches(rows.len(), job.settings, job.seeds.data);
    let trainer = workshop.services.trainer(remote).map_err(failed)?;
    let log = Log { key: job.keys.adapter, what: &what, workshop };
    let trained = trainer
        .train(
            &TrainingJob {
                key: job.keys.adapter,
                label: &job.arm.name,
                base: remote.model(),
                rows: &messages,
                batches: &batches,
                tokens: tokens.as_deref(),
                settings: settings(job),
            },
            &log,
        )
        .map_err(failed)?;
    let learned = tokens.map(|rows| rows.iter().flat_map(|r| &r.learned).filter(|l| **l).count());
    let facts = Facts {
        supervised_tokens: learned,
        curve: curve(&trained),
        expires: trained.expires,
        notes: trained.notes.clone(),
        ..Facts::new(rows.len(), rejected, batches.len())
    };
    let bytes = serde_json::to_vec_pretty(&trained).expect("plain data");
    Ok(vec![(TRAINED, bytes), facts.file()])
}

/// A log that fails is the store that fails.
fn failure(what: &str, error: TrainerError) -> RunError {
    let service = |source| RunError::Service { what: what.to_owned(), source };
    match error {
        TrainerError::Log(error) => match error.downcast::<StoreError>() {
            Ok(error) => RunError::Store(*error),
            Err(error) => service(TrainerError::Log(error)),
        },
        other => service(other),
    }
}

fn settings(job: &Job<'_>) -> RemoteSettings {
    let s = job.settings;
    RemoteSettings {
        epochs: s.epochs,
        batch: s.batch,
        rate: s.rate,
        rate_multiplier: s.rate_multiplier,
        rank: s.rank,
        linear: s.schedule == ScheduleName::Linear,
        init_seed: job.seeds.init.0,
    }
}

/// The rows as tokens, where the study names a tokenizer.
fn tokens(
    job: &Job<'_>,
    rows: &[Row],
    workshop: Workshop<'_>,
) -> Result<Option<Vec<TokenRow>>, RunError> {
    let Some(folder) = &job.settings.tokenizer else { return Ok(None) };
    let tokenizer: Tokenizer = crate::models::tokenizer(folder, workshop)?;
    let row = |row: &Row| {
        let example = tokenizer.example(&row.messages)?;
        Ok(TokenRow { tokens: example.tokens, learned: example.counted })
    };
    rows.iter().map(row).collect::<Result<_, RunError>>().map(Some)
}

fn curve(trained: &TrainedModel) -> Vec<CurvePoint> {
    let point = |p: &entail_provider::TrainingPoint| CurvePoint {
        updates: usize::try_from(p.step).unwrap_or(usize::MAX),
        loss: p.loss,
        claim: None,
        planted: None,
        well_formed: None,
    };
    trained.curve.iter().map(point).collect()
}

/// A trainer's log in the store's list of jobs.
struct Log<'a> {
    key: Key,
    what: &'a str,
    workshop: Workshop<'a>,
}

impl JobLog for Log<'_> {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        Ok(self.workshop.completions.recorded(&self.key)?)
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        Ok(self.workshop.completions.record(&self.key, state)?)
    }

    fn tell(&self, done: u64, total: u64, what: &str) {
        let count = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let phase = format!("training {}: {what}", self.what);
        (self.workshop.progress)(&Progress { phase, done: count(done), total: count(total) });
    }

    fn cancelled(&self) -> bool {
        self.workshop.go_on().is_err()
    }
}

/// Files of the adapter in a job's folder.
const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// The adapter that a job's folder holds, once somebody has run it.
pub(super) fn exported(
    job: &Job<'_>,
    rows: &[Row],
    rejected: usize,
    workshop: Workshop<'_>,
) -> Result<Option<Files>, RunError> {
    let key = job.keys.adapter;
    let mut files = Files::new();
    for name in ADAPTER {
        let found = workshop.services.job_adapter(key, name);
        match found.map_err(|source| RunError::Shelf { key, source })? {
            Some(bytes) => files.push((name, bytes)),
            None => return Ok(None),
        }
    }
    let updates = batches(rows.len(), job.settings, job.seeds.data).len();
    let mut facts = Facts::new(rows.len(), rejected, updates);
    if let Some(base) = job.base.1.local() {
        let config = String::from_utf8_lossy(&files[0].1).into_owned();
        let checked = entail_engine::read_adapter(&base.weights.config, &config, &files[1].1);
        checked.map_err(|e| RunError::Model {
            path: format!("the adapter of job {}", key.short()),
            source: Box::new(e),
        })?;
        let examples: Result<Vec<_>, _> =
            rows.iter().map(|row| base.tokenizer.example(&row.messages)).collect();
        facts.supervised_tokens = Some(supervised(&examples?));
    }
    files.push(facts.file());
    Ok(Some(files))
}

/// Writes the job's folder and returns its path.
pub(super) fn export(
    job: &Job<'_>,
    rows: &[Row],
    workshop: Workshop<'_>,
) -> Result<String, RunError> {
    let key = job.keys.adapter;
    let order = batches(rows.len(), job.settings, job.seeds.data);
    let s = job.settings;
    let recipe = TrlRecipe {
        base: match &job.base.0.kind {
            BaseKind::Folder(path) => path.clone(),
            BaseKind::Remote(remote) => remote.model().to_owned(),
            BaseKind::Organism(_) | BaseKind::Replay(_) => {
                panic!("`{}` is not trained elsewhere", job.base.0.name)
            }
        },
        rank: s.rank,
        alpha: s.alpha,
        batch: s.batch,
        rate: s.rate,
        linear: s.schedule == ScheduleName::Linear,
        weight_decay: s.weight_decay,
        clip_norm: Some(s.clip),
        init_seed: job.seeds.init.0,
    };
    let messages: Vec<_> = rows.iter().map(|row| row.messages.clone()).collect();
    let made = entail_data::trl_job(&recipe, &messages, &order);
    let made = made.expect("a plan's batches are drawn from its rows");
    let files: Vec<(String, Vec<u8>)> =
        made.into_iter().map(|f| (f.name.to_owned(), f.content.into_bytes())).collect();
    workshop.services.write_job(key, &files).map_err(|source| RunError::Shelf { key, source })
}
