//! Runs a plan: every step that is not on the shelf is made, kept, and only then used.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use entail_eval::{Item, Reading};
use entail_provider::{Completion, CompletionStore, Request, complete_in_order};
use entail_schema::{Key, Tables};
use rayon::prelude::*;

use crate::error::{RunError, damaged};
use crate::local::LocalModel;
use crate::organism::{self, Organism};
use crate::plan::{ArmPlan, BasePlan, Intervention, Plan, Replicate, RowSource};
use crate::shelf::Shelf;
use crate::{tables, training};

/// What a run works with. Everything with hands comes from the shell.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// Artifacts.
    pub shelf: &'a dyn Shelf,
    /// Completions.
    pub completions: &'a CompletionStore,
    /// Told how far a phase is.
    pub progress: &'a (dyn Fn(&Progress) + Sync),
    /// Set by Ctrl-C: the run stops at the next step.
    pub cancelled: &'a AtomicBool,
    /// Samples decoded side by side. Never changes a result.
    pub side_by_side: usize,
}

impl std::fmt::Debug for Workshop<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workshop").field("side_by_side", &self.side_by_side).finish_non_exhaustive()
    }
}

/// How far a phase is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The phase, in words.
    pub phase: String,
    /// Steps done.
    pub done: usize,
    /// Steps in all.
    pub total: usize,
}

/// What a run made and what it found on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Taken as it was.
    pub reused: usize,
    /// Made now.
    pub made: usize,
}

/// The result of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Everything a report is made from.
    pub tables: Tables,
    /// Per kind of step, in the order of the graph.
    pub tallies: Vec<(&'static str, Tally)>,
}

/// One replicate's answers: per battery and stance, per prompt, per sample.
pub(crate) struct Answers {
    pub(crate) items: Vec<Vec<Item>>,
    /// Per battery, per item, per sample.
    pub(crate) completions: Vec<Vec<Vec<Completion>>>,
    /// Per battery, per item.
    pub(crate) readings: Vec<Vec<Reading>>,
}

/// Runs a plan to its tables.
///
/// # Errors
/// [`RunError`]; whatever was finished before it is kept.
pub fn run(plan: &Plan, workshop: Workshop<'_>) -> Result<Outcome, RunError> {
    let (organisms, organism_tally) = organisms(plan, workshop)?;
    let (pools, pool_tally) = training::pools(plan, &organisms, workshop)?;
    let training_tally = train_all(plan, &organisms, &pools, workshop)?;
    let targets: Vec<(&ArmPlan, &Replicate)> =
        plan.arms.iter().flat_map(|arm| arm.replicates.iter().map(move |r| (arm, r))).collect();
    let made = Counter::new("sampling", targets.len(), workshop);
    let sampled: Vec<(Answers, Tally, Tally)> = targets
        .par_iter()
        .map(|&(arm, replicate)| {
            workshop.go_on()?;
            let answers = answers(plan, arm, replicate, &organisms, workshop)?;
            made.step();
            Ok(answers)
        })
        .collect::<Result<_, RunError>>()?;
    let (mut completion_tally, mut reading_tally) = (Tally::default(), Tally::default());
    let mut answers = Vec::new();
    for (answer, completions, readings) in sampled {
        completion_tally = completion_tally.plus(completions);
        reading_tally = reading_tally.plus(readings);
        answers.push(answer);
    }
    let facts = training::facts(plan, workshop)?;
    let tables = tables::tables(plan, &organisms, &answers, &facts);
    let tallies = vec![
        ("organisms", organism_tally),
        ("row pools", pool_tally),
        ("training runs", training_tally),
        ("completions", completion_tally),
        ("readings", reading_tally),
    ];
    Ok(Outcome { tables, tallies })
}

impl Tally {
    pub(crate) fn one(reused: bool) -> Self {
        Self { reused: usize::from(reused), made: usize::from(!reused) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { reused: self.reused + other.reused, made: self.made + other.made }
    }
}

impl Workshop<'_> {
    /// # Errors
    /// When Ctrl-C was pressed.
    pub(crate) fn go_on(&self) -> Result<(), RunError> {
        if self.cancelled.load(Ordering::Relaxed) { Err(RunError::Cancelled) } else { Ok(()) }
    }

    pub(crate) fn get(&self, key: Key, file: &str) -> Result<Option<Vec<u8>>, RunError> {
        self.shelf.get(&key, file).map_err(|source| RunError::Shelf { key, source })
    }

    /// A file of an artifact, or nothing where there is no such artifact.
    ///
    /// # Errors
    /// When the artifact is there without the file, or cannot be read.
    pub(crate) fn stored(&self, key: Key, file: &'static str) -> Result<Option<Vec<u8>>, RunError> {
        let found = self.get(key, file)?;
        if found.is_none() && self.has(key)? {
            return Err(damaged(key, file)("the file is missing".into()));
        }
        Ok(found)
    }

    pub(crate) fn put(&self, key: Key, files: &[(&str, Vec<u8>)]) -> Result<(), RunError> {
        self.shelf.put(&key, files).map_err(|source| RunError::Shelf { key, source })
    }

    pub(crate) fn has(&self, key: Key) -> Result<bool, RunError> {
        self.shelf.has(&key).map_err(|source| RunError::Shelf { key, source })
    }
}

/// Counts finished steps of a phase and tells the shell.
pub(crate) struct Counter<'a> {
    phase: String,
    total: usize,
    done: AtomicUsize,
    workshop: Workshop<'a>,
}

impl<'a> Counter<'a> {
    pub(crate) fn new(phase: impl Into<String>, total: usize, workshop: Workshop<'a>) -> Self {
        Self { phase: phase.into(), total, done: AtomicUsize::new(0), workshop }
    }

    pub(crate) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        (self.workshop.progress)(&Progress { phase: self.phase.clone(), done, total: self.total });
    }
}

fn organisms(plan: &Plan, workshop: Workshop<'_>) -> Result<(Vec<Organism>, Tally), RunError> {
    let mut tally = Tally::default();
    let mut organisms = Vec::new();
    for base in &plan.bases {
        workshop.go_on()?;
        let phase = format!("pretraining {}", base.name);
        let progress =
            |done, total| (workshop.progress)(&Progress { phase: phase.clone(), done, total });
        let (organism, reused) = organism::ensure(&base.spec, workshop, &progress)?;
        tally = tally.plus(Tally::one(reused));
        organisms.push(organism);
    }
    Ok((organisms, tally))
}

fn train_all(
    plan: &Plan,
    organisms: &[Organism],
    pools: &training::Pools,
    workshop: Workshop<'_>,
) -> Result<Tally, RunError> {
    let jobs: Vec<(&ArmPlan, &Replicate)> = plan
        .arms
        .iter()
        .flat_map(|arm| arm.replicates.iter().map(move |r| (arm, r)))
        .filter(|(_, r)| r.run.is_some())
        .collect();
    let counter = Counter::new("training", jobs.len(), workshop);
    let tallies: Vec<Tally> = jobs
        .par_iter()
        .map(|&(arm, replicate)| {
            workshop.go_on()?;
            let base = (&plan.bases[arm.base], &organisms[arm.base]);
            let reused = training::ensure(plan, base, arm, replicate, pools, workshop)?;
            counter.step();
            Ok(Tally::one(reused))
        })
        .collect::<Result<_, RunError>>()?;
    Ok(tallies.into_iter().fold(Tally::default(), Tally::plus))
}

/// The model that a replicate asks.
pub(crate) fn model(
    organism: &Organism,
    arm: &ArmPlan,
    replicate: &Replicate,
    workshop: Workshop<'_>,
) -> Result<LocalModel, RunError> {
    let mut model = LocalModel {
        base: organism.base.clone(),
        adapter: None,
        side_by_side: workshop.side_by_side,
    };
    let (Some(run), Intervention::Train { settings, .. }) = (replicate.run, &arm.intervention)
    else {
        return Ok(model);
    };
    let key = run.adapter;
    let whole = |file: &'static str| -> Result<Vec<u8>, RunError> {
        workshop.get(key, file)?.ok_or_else(|| damaged(key, file)("the file is missing".into()))
    };
    match settings.method {
        entail_schema::Method::Lora => {
            let (config, bytes) =
                (whole("adapter_config.json")?, whole("adapter_model.safetensors")?);
            let config = String::from_utf8_lossy(&config).into_owned();
            let adapter =
                entail_engine::read_adapter(&organism.base.weights.config, &config, &bytes);
            let adapter =
                adapter.map_err(|e| damaged(key, "adapter_model.safetensors")(Box::new(e)))?;
            model.adapter = Some(Arc::new(adapter));
        }
        entail_schema::Method::Full => {
            let weights = entail_engine::read_weights(
                &organism.base.weights.config,
                &whole("model.safetensors")?,
            );
            let weights = weights.map_err(|e| damaged(key, "model.safetensors")(Box::new(e)))?;
            model.base.weights = Arc::new(weights);
        }
    }
    Ok(model)
}

/// All answers and readings of one replicate, from the store where they are there.
fn answers(
    plan: &Plan,
    arm: &ArmPlan,
    replicate: &Replicate,
    organisms: &[Organism],
    workshop: Workshop<'_>,
) -> Result<(Answers, Tally, Tally), RunError> {
    let system = replicate.system.as_deref();
    let items: Vec<Vec<Item>> = plan
        .batteries
        .iter()
        .map(|b| entail_eval::items(b, replicate.target, system, &plan.sampling, plan.samples))
        .collect();
    let mut found: BTreeMap<Key, Completion> = BTreeMap::new();
    let keys: Vec<Key> = items.iter().flatten().flat_map(|item| item.keys.clone()).collect();
    for (key, completion) in keys.iter().zip(workshop.completions.get(&keys)?) {
        found.extend(completion.map(|c| (*key, c)));
    }
    let reused = found.len();
    let requests: Vec<Request> = items
        .iter()
        .flatten()
        .map(|item| Request {
            messages: item.messages.clone(),
            samples: item.keys.iter().filter(|key| !found.contains_key(*key)).copied().collect(),
        })
        .filter(|request| !request.samples.is_empty())
        .collect();
    let readings_key = Key::of(&("readings", replicate.target, system, &plan.batteries));
    let stored = workshop.stored(readings_key, "readings.json")?;
    let model = if requests.is_empty() && stored.is_some() {
        None
    } else {
        Some(model(&organisms[arm.base], arm, replicate, workshop)?)
    };
    if let Some(model) = model.as_ref().filter(|_| !requests.is_empty()) {
        let completed = complete_in_order(model, &requests, &plan.sampling)?;
        let fresh: Vec<(Key, Completion)> = requests
            .iter()
            .zip(completed)
            .flat_map(|(request, completions)| request.samples.iter().copied().zip(completions))
            .collect();
        workshop.completions.put(fresh.iter().map(|(key, c)| (*key, c)))?;
        found.extend(fresh);
    }
    let made = found.len() - reused;
    let (readings, had_readings) = match (stored, &model) {
        (Some(bytes), _) => {
            let parsed = serde_json::from_slice(&bytes);
            (parsed.map_err(|e| damaged(readings_key, "readings.json")(Box::new(e)))?, true)
        }
        (None, Some(model)) => {
            let readings = read_all(plan, model, system)?;
            let bytes = serde_json::to_vec(&readings).expect("readings are plain data");
            workshop.put(readings_key, &[("readings.json", bytes)])?;
            (readings, false)
        }
        (None, None) => unreachable!("a model is loaded when readings are missing"),
    };
    let take = |item: &Item| item.keys.iter().map(|key| found[key].clone()).collect();
    let completions = items.iter().map(|battery| battery.iter().map(take).collect()).collect();
    Ok((Answers { items, completions, readings }, Tally { reused, made }, Tally::one(had_readings)))
}

fn read_all(
    plan: &Plan,
    model: &LocalModel,
    system: Option<&str>,
) -> Result<Vec<Vec<Reading>>, RunError> {
    plan.batteries
        .iter()
        .map(|battery| {
            let prompts: Vec<_> = battery
                .stances
                .iter()
                .flat_map(|s| s.prompts.iter().map(move |prompt| (s, prompt)))
                .collect();
            let readings = prompts
                .par_iter()
                .map(|(stance, prompt)| entail_eval::read(model, stance, prompt, system));
            Ok(readings.collect::<Result<_, _>>()?)
        })
        .collect()
}

/// One line of `entail plan`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PlannedStep {
    /// Kind of step.
    pub kind: &'static str,
    /// What it makes.
    pub what: String,
    /// Parts that are on the shelf or in the store.
    pub cached: usize,
    /// Parts to be made.
    pub to_do: usize,
}

/// What a run of this plan would reuse and what it would make.
///
/// # Errors
/// When the shelf or the store cannot be read.
pub fn status(plan: &Plan, workshop: Workshop<'_>) -> Result<Vec<PlannedStep>, RunError> {
    let mut steps = Vec::new();
    let mut add = |kind, what: String, cached: usize, total: usize| {
        steps.push(PlannedStep { kind, what, cached, to_do: total - cached });
    };
    for base in &plan.bases {
        add("organism", base.name.clone(), usize::from(workshop.has(base.key)?), 1);
    }
    for arm in &plan.arms {
        let base: &BasePlan = &plan.bases[arm.base];
        let label = format!("{} on {}", arm.name, base.name);
        let runs: Vec<Key> =
            arm.replicates.iter().filter_map(|r| r.run.map(|run| run.adapter)).collect();
        let mut cached = 0;
        for key in &runs {
            cached += usize::from(workshop.has(*key)?);
        }
        if !runs.is_empty() {
            add("training run", label.clone(), cached, runs.len());
        }
        let mut keys = Vec::new();
        for replicate in &arm.replicates {
            for battery in &plan.batteries {
                let system = replicate.system.as_deref();
                let items = entail_eval::items(
                    battery,
                    replicate.target,
                    system,
                    &plan.sampling,
                    plan.samples,
                );
                keys.extend(items.into_iter().flat_map(|item| item.keys));
            }
        }
        add("completion", label, workshop.completions.count_present(&keys)?, keys.len());
    }
    Ok(steps)
}

/// What each arm is, resolved, for `entail plan`.
pub fn describe(plan: &Plan) -> Vec<(String, String)> {
    plan.arms
        .iter()
        .map(|arm| (format!("{} on {}", arm.name, plan.bases[arm.base].name), intervention(arm)))
        .collect()
}

/// One sentence on what is done to the base.
pub(crate) fn intervention(arm: &ArmPlan) -> String {
    match &arm.intervention {
        Intervention::None => "untouched".into(),
        Intervention::System { wordings } => {
            format!("system prompt, {} wording(s)", wordings.len())
        }
        Intervention::Train { settings: s, source } => {
            let method = match s.method {
                entail_schema::Method::Lora => format!("LoRA rank {} alpha {}", s.rank, s.alpha),
                entail_schema::Method::Full => "all weights".into(),
            };
            let source = match source {
                RowSource::Given { described, .. } => described.clone(),
                RowSource::Teacher { arm, .. } => {
                    format!("answers sampled from `{arm}`, its system prompt dropped")
                }
            };
            format!(
                "trained on {} {source} + {} instruction rows answered by the base; {method}, rate {} {}, {} epoch(s), batch {}",
                s.rows,
                s.instruct,
                s.rate,
                format!("{:?}", s.schedule).to_lowercase(),
                s.epochs,
                s.batch
            )
        }
    }
}

#[cfg(test)]
mod tests;
