//! Who answers: bases and what was made of them, on this machine or at a service.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use entail_data::OrganismSpec;
use entail_engine::{Config, Tokenizer};
use entail_provider::{
    Completion, Origin, Provider, ProviderError, RemoteModel, Request, Sampling, Scripted,
    TrainedModel, Trainer, TrainerError,
};
use entail_schema::{Gate, Key, Method};
use serde_json::Value;

use crate::error::{Problem, RunError, damaged};
use crate::local::{LocalBase, LocalModel};
use crate::organism;
use crate::plan::{ArmPlan, BaseKind, BasePlan, Intervention, Plan, Replicate, Speaker};
use crate::run::{Progress, Tally, Workshop};

/// Services, model folders and job folders, in the shell's hands.
pub trait Services: Sync {
    /// A model that somebody serves. What is written down on the way to its answers is found again under `purpose`,
    /// which nobody else has at the same time.
    ///
    /// # Errors
    /// When there is no key for it, or its address is none.
    fn model(&self, model: &RemoteModel, purpose: Key) -> Result<Arc<dyn Provider>, ProviderError>;

    /// A served base with an adapter of the shelf, which its server loads by name.
    ///
    /// # Errors
    /// When the server does not take it.
    fn adapted(
        &self,
        base: &RemoteModel,
        adapter: Key,
        purpose: Key,
    ) -> Result<Arc<dyn Provider>, ProviderError>;

    /// A program that reads and writes JSON Lines, as a model: for each sample it is given `id` and what stands in the only
    /// turn, and what it answers under this `id` is the text.
    ///
    /// # Errors
    /// When there is no such program.
    fn program(&self, command: &str) -> Result<Arc<dyn Provider>, ProviderError>;

    /// The trainer of a service.
    ///
    /// # Errors
    /// When there is no key for it.
    fn trainer(&self, base: &RemoteModel) -> Result<Arc<dyn Trainer>, TrainerError>;

    /// A file that a study names, or that lies in a model's folder; `None` if there is no such file.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn file(&self, path: &str) -> io::Result<Option<Vec<u8>>>;

    /// Writes the folder of a training job, unless it is there, and returns its path.
    ///
    /// # Errors
    /// When it cannot be written.
    fn write_job(&self, key: Key, files: &[(String, Vec<u8>)]) -> io::Result<String>;

    /// A file of the adapter that a job's folder holds once it was run.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn job_adapter(&self, key: Key, file: &str) -> io::Result<Option<Vec<u8>>>;
}

/// A base, ready to be asked.
pub(crate) enum Base {
    /// In memory. Gates are those of an organism.
    Local { base: LocalBase, gates: Vec<Gate> },
    /// At a service.
    Served(RemoteModel),
    /// A script.
    Script(Arc<Scripted>),
}

/// A model that is asked.
pub(crate) enum Model {
    Local(Box<LocalModel>),
    Asked(Arc<dyn Provider>),
}

impl Model {
    pub(crate) fn provider(&self) -> &dyn Provider {
        match self {
            Self::Local(model) => &**model,
            Self::Asked(model) => &**model,
        }
    }
}

impl Base {
    pub(crate) fn local(&self) -> Option<&LocalBase> {
        match self {
            Self::Local { base, .. } => Some(base),
            Self::Served(_) | Self::Script(_) => None,
        }
    }

    /// The untouched base as a model, asked for one purpose.
    pub(crate) fn model(&self, purpose: Key, workshop: Workshop<'_>) -> Result<Model, RunError> {
        Ok(match self {
            Self::Local { base, .. } => Model::Local(Box::new(LocalModel {
                base: base.clone(),
                adapter: None,
                side_by_side: workshop.side_by_side,
            })),
            Self::Served(model) => Model::Asked(workshop.services.model(model, purpose)?),
            Self::Script(script) => Model::Asked(script.clone()),
        })
    }
}

/// Takes every base of a plan from the shelf or its folder, makes organisms that are missing.
pub(crate) fn bases(plan: &Plan, workshop: Workshop<'_>) -> Result<(Vec<Base>, Tally), RunError> {
    let mut tally = Tally::default();
    let mut bases = Vec::new();
    for base in &plan.bases {
        workshop.go_on()?;
        let BaseKind::Organism(spec) = &base.kind else {
            bases.push(opened(base, workshop)?);
            continue;
        };
        let (organism, reused) = pretrained(base, spec, workshop)?;
        tally = tally.plus(Tally::one(reused));
        bases.push(organism);
    }
    Ok((bases, tally))
}

/// An organism from the shelf, or made now. The flag tells whether it was there.
fn pretrained(
    base: &BasePlan,
    spec: &OrganismSpec,
    workshop: Workshop<'_>,
) -> Result<(Base, bool), RunError> {
    let phase = format!("pretraining {}", base.name);
    let progress =
        |done, total| (workshop.progress)(&Progress { phase: phase.clone(), done, total });
    let (organism, reused) = organism::ensure(spec, workshop, &progress)?;
    Ok((Base::Local { base: organism.base, gates: organism.gates }, reused))
}

/// One base, made or opened.
pub(crate) fn ready(base: &BasePlan, workshop: Workshop<'_>) -> Result<Base, RunError> {
    match &base.kind {
        BaseKind::Organism(spec) => Ok(pretrained(base, spec, workshop)?.0),
        _ => opened(base, workshop),
    }
}

/// A model that is there already.
fn opened(base: &BasePlan, workshop: Workshop<'_>) -> Result<Base, RunError> {
    match &base.kind {
        BaseKind::Organism(spec) => {
            panic!("`{spec}` is made, not opened: a plan has organisms only as bases")
        }
        BaseKind::Folder(path) => {
            Ok(Base::Local { base: folder(path, workshop)?, gates: Vec::new() })
        }
        BaseKind::Remote(model) => Ok(Base::Served(model.clone())),
        BaseKind::Replay(path) => Ok(Base::Script(Arc::new(script(path, workshop)?))),
    }
}

/// A script: JSON, a list of answers for each question.
fn script(path: &str, workshop: Workshop<'_>) -> Result<Scripted, RunError> {
    let bytes = file(path, workshop)?;
    let answers: BTreeMap<String, Vec<String>> = serde_json::from_slice(&bytes)
        .map_err(|error| RunError::Model { path: path.into(), source: Box::new(error) })?;
    Ok(Scripted::new(format!("replay:{path}"), answers))
}

fn file(path: &str, workshop: Workshop<'_>) -> Result<Vec<u8>, RunError> {
    let wrong = |source| RunError::Model { path: path.to_owned(), source };
    let found = workshop.services.file(path).map_err(|error| wrong(Box::new(error)))?;
    found.ok_or_else(|| wrong("no such file".into()))
}

/// A folder as `transformers` writes one.
fn folder(path: &str, workshop: Workshop<'_>) -> Result<LocalBase, RunError> {
    let within = |name: &str| format!("{}/{name}", path.trim_end_matches('/'));
    let wrong = |name: &str| {
        let path = within(name);
        move |problem: Problem| RunError::Model { path, source: problem.0 }
    };
    let text = |name: &str| -> Result<String, RunError> {
        let bytes = file(&within(name), workshop)?;
        String::from_utf8(bytes).map_err(|e| wrong(name)(e.utf8_error().into()))
    };
    let written = text("config.json")?;
    let config = Config::parse(&written).map_err(|e| wrong("config.json")(e.into()))?;
    let bytes = file(&within("model.safetensors"), workshop)?;
    let weights = entail_engine::read_weights(&config, &bytes)
        .map_err(|e| wrong("model.safetensors")(e.into()))?;
    let tokenizer = tokenizer(path, workshop)?;
    let generation = match workshop.services.file(&within("generation_config.json")) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => String::new(),
    };
    let stop = stops(&generation).or_else(|| stops(&written)).ok_or_else(|| {
        wrong("config.json")(Problem("it names no `eos_token_id` to end an answer with".into()))
    })?;
    Ok(LocalBase { weights: Arc::new(weights), tokenizer: Arc::new(tokenizer), stop })
}

fn template_of(tokenizer_config: &str) -> Result<String, Problem> {
    let config: Value = serde_json::from_str(tokenizer_config)?;
    let template = config.get("chat_template").and_then(Value::as_str);
    template.map(str::to_owned).ok_or_else(|| Problem("it holds no `chat_template`".into()))
}

/// Tokenizer and chat template of a model's folder.
pub(crate) fn tokenizer(folder: &str, workshop: Workshop<'_>) -> Result<Tokenizer, RunError> {
    let within = |name: &str| format!("{}/{name}", folder.trim_end_matches('/'));
    let wrong = |name: &str| {
        let path = within(name);
        move |problem: Problem| RunError::Model { path, source: problem.0 }
    };
    let text = |name: &str| -> Result<String, RunError> {
        let bytes = file(&within(name), workshop)?;
        String::from_utf8(bytes).map_err(|e| wrong(name)(e.utf8_error().into()))
    };
    let template = match workshop.services.file(&within("chat_template.jinja")) {
        Ok(Some(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => {
            template_of(&text("tokenizer_config.json")?).map_err(wrong("tokenizer_config.json"))?
        }
    };
    Tokenizer::new(&text("tokenizer.json")?, &template)
        .map_err(|e| wrong("tokenizer.json")(e.into()))
}

/// Ids that end an answer: one, or a list.
fn stops(config: &str) -> Option<Vec<u32>> {
    let config: Value = serde_json::from_str(config).ok()?;
    let ids = match config.get("eos_token_id")? {
        Value::Array(ids) => ids.clone(),
        one => vec![one.clone()],
    };
    let ids: Option<Vec<u32>> =
        ids.iter().map(|id| id.as_u64().and_then(|id| u32::try_from(id).ok())).collect();
    ids.filter(|ids| !ids.is_empty())
}

/// The model that a replicate asks; `None` where the answers are there and nobody is asked.
pub(crate) fn model(
    plan: &Plan,
    bases: &[Base],
    arm: &ArmPlan,
    replicate: &Replicate,
    workshop: Workshop<'_>,
) -> Result<Option<Model>, RunError> {
    let (base, purpose) = (&bases[arm.base], replicate.target);
    match &replicate.speaker {
        Speaker::Recorded(_) => Ok(None),
        Speaker::Base => Ok(Some(base.model(purpose, workshop)?)),
        Speaker::Existing(existing) => {
            Ok(Some(opened(existing, workshop)?.model(purpose, workshop)?))
        }
        Speaker::Trained(run) => {
            let Intervention::Train { settings, .. } = &arm.intervention else {
                panic!("`{}` has training runs and no training", arm.name)
            };
            let key = run.adapter;
            if let Base::Local { base, .. } = base {
                let model = adapted(base, settings.method, key, workshop)?;
                return Ok(Some(Model::Local(Box::new(model))));
            }
            let BaseKind::Remote(remote) = &plan.bases[arm.base].kind else {
                panic!("`{}` is trained on a base that nobody trains", arm.name)
            };
            let provider = match trained_elsewhere(key, workshop)? {
                Some(model) => workshop.services.model(&model, purpose)?,
                None => workshop.services.adapted(remote, key, purpose)?,
            };
            Ok(Some(Model::Asked(provider)))
        }
    }
}

/// What a service's trainer made, in an artifact.
pub(crate) const TRAINED: &str = "trained.json";

/// The model that a service's trainer made; `None` where no service made one, or not yet.
///
/// # Errors
/// When its record is damaged, or it cannot be asked by its name: a model on Azure is there only once it is deployed.
pub(crate) fn trained_elsewhere(
    key: Key,
    workshop: Workshop<'_>,
) -> Result<Option<RemoteModel>, RunError> {
    let Some(bytes) = workshop.stored(key, TRAINED)? else { return Ok(None) };
    let trained: TrainedModel =
        serde_json::from_slice(&bytes).map_err(|e| damaged(key, TRAINED)(Box::new(e)))?;
    match trained.model.parse() {
        Ok(entail_provider::ModelName::Remote(model)) => Ok(Some(model)),
        _ => Err(RunError::Unasked { model: trained.model }),
    }
}

/// A local base after a training run.
fn adapted(
    base: &LocalBase,
    method: Method,
    key: Key,
    workshop: Workshop<'_>,
) -> Result<LocalModel, RunError> {
    let whole = |file: &'static str| -> Result<Vec<u8>, RunError> {
        workshop.get(key, file)?.ok_or_else(|| damaged(key, file)("the file is missing".into()))
    };
    let mut model =
        LocalModel { base: base.clone(), adapter: None, side_by_side: workshop.side_by_side };
    let config = &base.weights.config;
    match method {
        Method::Lora => {
            let (written, bytes) =
                (whole("adapter_config.json")?, whole("adapter_model.safetensors")?);
            let written = String::from_utf8_lossy(&written).into_owned();
            let adapter = entail_engine::read_adapter(config, &written, &bytes);
            let adapter =
                adapter.map_err(|e| damaged(key, "adapter_model.safetensors")(Box::new(e)))?;
            model.adapter = Some(Arc::new(adapter));
        }
        Method::Full => {
            let weights = entail_engine::read_weights(config, &whole("model.safetensors")?);
            let weights = weights.map_err(|e| damaged(key, "model.safetensors")(Box::new(e)))?;
            model.base.weights = Arc::new(weights);
        }
    }
    Ok(model)
}

/// The answers to each request in the order of its samples: those that the store has, and those that a model gives now,
/// each durable before it is used, in the name of who asks.
pub(crate) fn ask(
    requests: &[Request],
    sampling: &Sampling,
    origin: Origin,
    workshop: Workshop<'_>,
    model: impl FnOnce() -> Result<Model, RunError>,
) -> Result<(Vec<Vec<Completion>>, Tally), RunError> {
    let keys: Vec<Key> = requests.iter().flat_map(|r| r.samples.iter().copied()).collect();
    let found = workshop.completions.said(&keys)?;
    let reused = found.iter().flatten().count();
    let missing = missing(requests, &found);
    let made = if missing.is_empty() {
        BTreeMap::new()
    } else {
        answers(&model()?, &missing, sampling, origin, workshop)?
    };
    let tally = Tally { reused, made: made.len() };
    let answer =
        |(key, found): (&Key, Option<Completion>)| found.unwrap_or_else(|| made[key].clone());
    let mut all = keys.iter().zip(found).map(answer);
    let of = |request: &Request| all.by_ref().take(request.samples.len()).collect();
    Ok((requests.iter().map(of).collect(), tally))
}

/// What of the requests the store does not have.
fn missing(requests: &[Request], found: &[Option<Completion>]) -> Vec<Request> {
    let mut rest = found;
    let mut missing = Vec::new();
    for request in requests {
        let (own, behind) = rest.split_at(request.samples.len());
        rest = behind;
        let absent = request.samples.iter().zip(own).filter(|(_, found)| found.is_none());
        let samples: Vec<Key> = absent.map(|(key, _)| *key).collect();
        if !samples.is_empty() {
            missing.push(Request { messages: request.messages.clone(), samples });
        }
    }
    missing
}

/// Answers of this machine that are made durable together; those of others cost money and are kept one by one.
const TOGETHER: usize = 256;

/// What a model answers now. Each answer is in the store before it is in the result, also of those that came before
/// an error.
fn answers(
    model: &Model,
    requests: &[Request],
    sampling: &Sampling,
    origin: Origin,
    workshop: Workshop<'_>,
) -> Result<BTreeMap<Key, Completion>, RunError> {
    let together = match model {
        Model::Local(_) => TOGETHER,
        Model::Asked(_) => 1,
    };
    let durable = Mutex::new(BTreeMap::new());
    let waiting = Mutex::new(Vec::new());
    let failure = Mutex::new(None);
    let keep = |rows: Vec<(Key, Completion)>| match workshop
        .completions
        .put_from(origin, rows.iter().map(|(k, c)| (*k, c)))
    {
        Ok(()) => {
            // Answers as they came stay in the store: they are long, and no table is made of them.
            let said = rows.into_iter().map(|(key, c)| (key, Completion { raw: None, ..c }));
            lock(&durable).extend(said);
        }
        Err(error) => {
            // An answer that cannot be kept would be paid for again: nobody is asked any more.
            workshop.cancelled.store(true, Ordering::Relaxed);
            lock(&failure).get_or_insert(error);
        }
    };
    let answered = model.provider().complete(requests, sampling, &|key, completion| {
        let full = {
            let mut rows = lock(&waiting);
            rows.push((key, completion));
            (rows.len() >= together).then(|| std::mem::take(&mut *rows))
        };
        if let Some(rows) = full {
            keep(rows);
        }
    });
    let rest = std::mem::take(&mut *lock(&waiting));
    if !rest.is_empty() {
        keep(rest);
    }
    if let Some(error) = lock(&failure).take() {
        return Err(error.into());
    }
    answered?;
    Ok(durable.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A machine that reaches no service and has no folders, for studies of organisms alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoServices;

impl NoServices {
    fn none(what: &str) -> ProviderError {
        let what = format!("no services are reached from here, `{what}` was asked for");
        ProviderError::Remote { provider: "entail".into(), what }
    }
}

impl Services for NoServices {
    fn model(&self, model: &RemoteModel, _: Key) -> Result<Arc<dyn Provider>, ProviderError> {
        Err(Self::none(&model.to_string()))
    }

    fn adapted(
        &self,
        base: &RemoteModel,
        _: Key,
        _: Key,
    ) -> Result<Arc<dyn Provider>, ProviderError> {
        Err(Self::none(&base.to_string()))
    }

    fn program(&self, command: &str) -> Result<Arc<dyn Provider>, ProviderError> {
        Err(Self::none(command))
    }

    fn trainer(&self, base: &RemoteModel) -> Result<Arc<dyn Trainer>, TrainerError> {
        let what = "no trainers are reached from here".into();
        Err(TrainerError::Refused { provider: base.to_string(), what })
    }

    fn file(&self, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn write_job(&self, _: Key, _: &[(String, Vec<u8>)]) -> io::Result<String> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn job_adapter(&self, _: Key, _: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
