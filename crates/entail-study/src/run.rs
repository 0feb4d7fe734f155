//! Runs a plan: every step that is not on the shelf is made, kept, and only then used.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use entail_eval::{Item, Reading};
use entail_provider::{Completion, CompletionStore, Finish, Origin, Request, Sampling};
use entail_schema::{Battery, Key, Tables};
use rayon::prelude::*;

use crate::error::{RunError, damaged};
use crate::judging::Source;
use crate::local::LocalModel;
use crate::models::{self, Base, Model, Services};
use crate::plan::{ArmPlan, BasePlan, Intervention, Plan, Recorded, Replicate, RowSource, Speaker};
use crate::shelf::{Lock, Shelf};
use crate::{judging, tables, training};

/// What a run works with. Everything with hands comes from the shell.
#[derive(Clone, Copy)]
pub struct Workshop<'a> {
    /// Artifacts.
    pub shelf: &'a dyn Shelf,
    /// Completions.
    pub completions: &'a CompletionStore,
    /// Models and trainers elsewhere, and folders of models.
    pub services: &'a dyn Services,
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
    /// Per battery, per item; none where the model gives no log-probabilities of a text.
    pub(crate) readings: Option<Vec<Vec<Reading>>>,
}

/// Runs a plan to its tables.
///
/// # Errors
/// [`RunError`]; whatever was finished before it is kept.
pub fn run(plan: &Plan, workshop: Workshop<'_>) -> Result<Outcome, RunError> {
    let (bases, base_tally) = models::bases(plan, workshop)?;
    let (pools, pool_tally) = training::pools(plan, &bases, workshop)?;
    let training_tally = training::all(plan, &bases, &pools, workshop)?;
    let sampled = sample_all(plan, &bases, workshop)?;
    let (mut completion_tally, mut reading_tally) = (Tally::default(), Tally::default());
    let mut answers = Vec::new();
    for (answer, completions, readings) in sampled {
        completion_tally = completion_tally.plus(completions);
        reading_tally = reading_tally.plus(readings);
        answers.push(answer);
    }
    let (verdicts, verdict_tally) =
        judging::judge(plan, &answers, Source::Asked(Origin::Study), workshop)?;
    let facts = training::facts(plan, workshop)?;
    let tables = tables::tables(plan, &bases, &answers, &verdicts, &facts);
    // A hundred thousand answers take a while to be given back.
    answers.into_par_iter().for_each(drop);
    let tallies = vec![
        ("organisms", base_tally),
        ("row pools", pool_tally),
        ("training runs", training_tally),
        ("completions", completion_tally),
        if plan.is_exact() { ("readings", reading_tally) } else { ("verdicts", verdict_tally) },
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

    /// Waits until nobody else makes what this key stands for, and keeps it so.
    pub(crate) fn hold(&self, key: Key) -> Result<Lock, RunError> {
        self.shelf.lock(&key).map_err(|source| RunError::Shelf { key, source })
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

type Sampled = (Answers, Tally, Tally);

/// The answers of every replicate: what this machine computes on its cores, what others compute side by side.
fn sample_all(
    plan: &Plan,
    bases: &[Base],
    workshop: Workshop<'_>,
) -> Result<Vec<Sampled>, RunError> {
    let targets: Vec<(&ArmPlan, &Replicate)> =
        plan.arms.iter().flat_map(|arm| arm.replicates.iter().map(move |r| (arm, r))).collect();
    let counter = Counter::new("sampling", targets.len(), workshop);
    let sample = |&(arm, replicate): &(&ArmPlan, &Replicate)| -> Result<Sampled, RunError> {
        workshop.go_on()?;
        let sampled = answers(plan, arm, replicate, bases, workshop)?;
        counter.step();
        Ok(sampled)
    };
    let (here, elsewhere): (Vec<usize>, Vec<usize>) =
        (0..targets.len()).partition(|&i| is_here(&bases[targets[i].0.base], targets[i].1));
    let (there, local) = side_by_side(
        &elsewhere,
        |&i| sample(&targets[i]),
        || here.par_iter().map(|&i| sample(&targets[i])).collect::<Result<Vec<_>, _>>(),
    );
    let mut all: Vec<(usize, Sampled)> =
        elsewhere.into_iter().zip(there?).chain(here.into_iter().zip(local?)).collect();
    all.sort_by_key(|(index, _)| *index);
    Ok(all.into_iter().map(|(_, sampled)| sampled).collect())
}

/// Whether a replicate's answers are computed on this machine's cores, or are there.
fn is_here(base: &Base, replicate: &Replicate) -> bool {
    match &replicate.speaker {
        Speaker::Recorded(_) => true,
        Speaker::Existing(model) => model.is_local(),
        Speaker::Base | Speaker::Trained(_) => base.local().is_some(),
    }
}

/// All of them, or why not: that some were stopped follows from another's failure where there is one.
fn all_or_cause<T>(results: Vec<Result<T, RunError>>) -> Result<Vec<T>, RunError> {
    let mut all = Vec::new();
    let mut stopped = None;
    for result in results {
        match result {
            Ok(one) => all.push(one),
            Err(error) if error.is_stop() => stopped = stopped.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    stopped.map_or(Ok(all), Err)
}

/// Threads that wait for others need little.
const WAITING_STACK: usize = 1 << 20;

/// Runs `wait` for each item on a thread of its own, as these wait for somebody else, and `meanwhile` on this one.
pub(crate) fn side_by_side<I: Sync, T: Send, R>(
    items: &[I],
    wait: impl Fn(&I) -> Result<T, RunError> + Sync,
    meanwhile: impl FnOnce() -> R,
) -> (Result<Vec<T>, RunError>, R) {
    std::thread::scope(|scope| {
        let wait = &wait;
        let threads: Vec<_> = items
            .iter()
            .map(|item| {
                let builder = std::thread::Builder::new().stack_size(WAITING_STACK);
                builder.spawn_scoped(scope, move || wait(item)).map_err(RunError::Threads)
            })
            .collect();
        let here = meanwhile();
        let all: Vec<Result<T, RunError>> = threads
            .into_iter()
            .map(|thread| thread?.join().expect("a thread that panics has said why"))
            .collect();
        (all_or_cause(all), here)
    })
}

/// All answers and readings of one replicate, from the store where they are there.
fn answers(
    plan: &Plan,
    arm: &ArmPlan,
    replicate: &Replicate,
    bases: &[Base],
    workshop: Workshop<'_>,
) -> Result<Sampled, RunError> {
    if let Speaker::Recorded(recorded) = &replicate.speaker {
        return Ok(recorded_answers(plan, replicate, recorded));
    }
    let (items, sampling) = (plan.items(replicate), plan.sampling_of(replicate));
    let requests: Vec<Request> = items
        .iter()
        .flatten()
        .map(|i| Request { messages: i.messages.clone(), samples: i.keys.clone() })
        .collect();
    let here = is_here(&bases[arm.base], replicate);
    // Nobody else asks the same of a model that is paid for, in this process or another.
    let held = if here { None } else { Some(workshop.hold(replicate.target)?) };
    let model = || {
        let model = models::model(plan, bases, arm, replicate, workshop)?;
        Ok(model.expect("only recorded answers have no model"))
    };
    let (answers, tally) = models::ask(&requests, &sampling, Origin::Study, workshop, model)?;
    drop(held);
    // Only the world lists a stance's sentences, whose probabilities could be read.
    let (readings, had_readings) = if here && plan.is_exact() {
        let (readings, had) = readings(plan, replicate, workshop, model)?;
        (Some(readings), Tally::one(had))
    } else {
        (None, Tally::default())
    };
    let mut answers = answers.into_iter();
    let completions = items.iter().map(|items| answers.by_ref().take(items.len()).collect());
    let completions = completions.collect();
    Ok((Answers { items, completions, readings }, tally, had_readings))
}

/// What is there of a plan's answers, by replicate, and how many are not: nobody is asked.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn kept_answers(
    plan: &Plan,
    workshop: Workshop<'_>,
) -> Result<(Vec<Answers>, usize), RunError> {
    let (mut all, mut missing) = (Vec::new(), 0);
    for replicate in plan.arms.iter().flat_map(|arm| &arm.replicates) {
        if let Speaker::Recorded(recorded) = &replicate.speaker {
            all.push(recorded_answers(plan, replicate, recorded).0);
            continue;
        }
        let mut items = plan.items(replicate);
        let mut completions = Vec::new();
        for battery in &mut items {
            let mut of_battery = Vec::new();
            for item in battery {
                let found = workshop.completions.said(&item.keys)?;
                missing += found.iter().filter(|completion| completion.is_none()).count();
                let there = item.keys.iter().zip(&found).filter(|(_, found)| found.is_some());
                item.keys = there.map(|(key, _)| *key).collect();
                of_battery.push(found.into_iter().flatten().collect());
            }
            completions.push(of_battery);
        }
        all.push(Answers { items, completions, readings: None });
    }
    Ok((all, missing))
}

/// Answers that were there before the study.
fn recorded_answers(plan: &Plan, replicate: &Replicate, recorded: &Recorded) -> Sampled {
    let items = plan.items(replicate);
    let given = |(battery, item): (&Battery, &Item)| {
        recorded.to(&battery.stances[item.stance].prompts[item.prompt]).to_vec()
    };
    let of = |(battery, items): (&Battery, &Vec<Item>)| {
        items.iter().map(|item| given((battery, item))).collect()
    };
    let completions = plan.batteries.iter().zip(&items).map(of).collect();
    (Answers { items, completions, readings: None }, Tally::default(), Tally::default())
}

impl Plan {
    /// How a replicate's answers are drawn.
    pub(crate) fn sampling_of(&self, replicate: &Replicate) -> Sampling {
        Sampling { thinking: replicate.thinking, ..self.sampling.clone() }
    }

    /// Everything that a replicate is asked, per battery; of recorded answers, what they are answers to.
    pub(crate) fn items(&self, replicate: &Replicate) -> Vec<Vec<Item>> {
        let (target, system) = (replicate.target, replicate.system.as_deref());
        let sampling = self.sampling_of(replicate);
        let of = |battery: &Battery| match &replicate.speaker {
            Speaker::Recorded(recorded) => {
                let mut items = entail_eval::items(battery, target, None, &sampling, 0);
                for item in &mut items {
                    let question = &battery.stances[item.stance].prompts[item.prompt];
                    let key = |index| Key::of(&("recorded answer", target, question, index));
                    item.keys = (0..recorded.to(question).len()).map(key).collect();
                }
                items
            }
            _ => entail_eval::items(battery, target, system, &sampling, self.samples),
        };
        self.batteries.iter().map(of).collect()
    }
}

/// Readings by log-probability, from the shelf where they are there.
fn readings(
    plan: &Plan,
    replicate: &Replicate,
    workshop: Workshop<'_>,
    model: impl FnOnce() -> Result<Model, RunError>,
) -> Result<(Vec<Vec<Reading>>, bool), RunError> {
    let system = replicate.system.as_deref();
    let key = Key::of(&("readings", replicate.target, system, &plan.batteries));
    if let Some(bytes) = workshop.stored(key, "readings.json")? {
        let parsed = serde_json::from_slice(&bytes);
        return Ok((parsed.map_err(|e| damaged(key, "readings.json")(Box::new(e)))?, true));
    }
    let Model::Local(model) = model()? else { panic!("readings are made of local models only") };
    let readings = read_all(plan, &model, system)?;
    let bytes = serde_json::to_vec(&readings).expect("readings are plain data");
    workshop.put(key, &[("readings.json", bytes)])?;
    Ok((readings, false))
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
    for base in plan.bases.iter().filter(|base| base.organism().is_some()) {
        add("organism", base.name.clone(), usize::from(workshop.has(base.key)?), 1);
    }
    for arm in &plan.arms {
        let base: &BasePlan = &plan.bases[arm.base];
        let label = format!("{} on {}", arm.name, base.name);
        let runs: Vec<Key> =
            arm.replicates.iter().filter_map(|r| r.run().map(|run| run.adapter)).collect();
        let mut cached = 0;
        for key in &runs {
            cached += usize::from(workshop.has(*key)?);
        }
        if !runs.is_empty() {
            add("training run", label.clone(), cached, runs.len());
        }
        let mut keys = Vec::new();
        let asked = |r: &&Replicate| !matches!(r.speaker, Speaker::Recorded(_));
        for replicate in arm.replicates.iter().filter(asked) {
            keys.extend(plan.items(replicate).into_iter().flatten().flat_map(|item| item.keys));
        }
        add("completion", label, workshop.completions.count_present(&keys)?, keys.len());
    }
    for expected in plan.expected(&|_| None, &Completion::plain("", Finish::Stop)) {
        let keys: Vec<Key> =
            expected.exhibits.iter().flat_map(|exhibit| expected.judge.keys(exhibit)).collect();
        let at_most = if expected.at_most { " (at most: where the others disagree)" } else { "" };
        let what = format!("{}{at_most}", expected.judge.name);
        add("verdict", what, workshop.completions.count_present(&keys)?, keys.len());
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
        Intervention::Models { models } => {
            let names: Vec<&str> = models.iter().map(|m| m.name.as_str()).collect();
            format!(
                "models that were there already, their training unknown here: {}",
                names.join(", ")
            )
        }
        Intervention::Recorded { answers, passed_over } => {
            let names: Vec<&str> = answers.iter().map(|a| a.label.as_str()).collect();
            let left = if passed_over.is_empty() {
                String::new()
            } else {
                format!("; passed over: {passed_over}")
            };
            let names = names.join(", ");
            format!("answers collected elsewhere, of models unknown here: {names}{left}")
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
