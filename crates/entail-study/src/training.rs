//! Row pools, datasets and training runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use entail_data::{LeakCheck, Row};
use entail_engine::{
    Adapter, AdapterConfig, Example, OptimizerConfig, Schedule, Target, TrainPlan, TrainState,
    Trainee, train,
};
use entail_eval::{Reading, Role, read};
use entail_provider::{Origin, Request, Sampling, complete_in_order};
use entail_schema::{Backend, Block, Key, Message, Method, ScheduleName, Seed, Stance};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{RunError, damaged};
use crate::leaks::free_leaks;
use crate::local::{LocalBase, LocalModel};
use crate::models::{self, Base};
use crate::plan::{
    ArmPlan, BasePlan, Intervention, Language, Plan, RowSource, RunKeys, Seeds, Settings,
    TEACHER_POOL, instruct_key, measured, pool_row_key, teacher_key,
};
use crate::run::{Counter, Tally, Workshop, side_by_side};

mod service;

/// Rows that replicates draw from, by the key of the step that made them.
pub(crate) type Pools = BTreeMap<Key, Pool>;

/// Rows with the number that was thrown away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pool {
    pub(crate) rows: Vec<Row>,
    /// Rows that mention a measured stance.
    pub(crate) rejected: usize,
}

/// Recorded facts of a training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts {
    pub(crate) rows: usize,
    /// Unknown where a service counts them and does not say.
    pub(crate) supervised_tokens: Option<usize>,
    pub(crate) rejected: usize,
    pub(crate) updates: usize,
    pub(crate) curve: Vec<CurvePoint>,
    /// When a service removes the model, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<u64>,
    /// What a service did with the settings, in its words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
}

/// What is measured while training goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct CurvePoint {
    pub(crate) updates: usize,
    /// Nats per token of the last batch; none before the first update.
    pub(crate) loss: Option<f64>,
    pub(crate) claim: Option<f64>,
    pub(crate) planted: Option<f64>,
    pub(crate) well_formed: Option<f64>,
}

/// Makes every pool of a plan that is not on the shelf.
pub(crate) fn pools(
    plan: &Plan,
    bases: &[Base],
    workshop: Workshop<'_>,
) -> Result<(Pools, Tally), RunError> {
    let mut pools = Pools::new();
    let mut tally = Tally::default();
    for arm in &plan.arms {
        let Intervention::Train { settings, source } = &arm.intervention else { continue };
        let (base, ready) = (&plan.bases[arm.base], &bases[arm.base]);
        let mut ensure =
            |key: Key, make: &dyn Fn() -> Result<Pool, RunError>| -> Result<(), RunError> {
                if pools.contains_key(&key) {
                    return Ok(());
                }
                workshop.go_on()?;
                let stored = workshop.stored(key, "pool.json")?;
                tally = tally.plus(Tally::one(stored.is_some()));
                let pool = if let Some(bytes) = stored {
                    serde_json::from_slice(&bytes)
                        .map_err(|e| damaged(key, "pool.json")(Box::new(e)))?
                } else {
                    let pool = make()?;
                    let bytes = serde_json::to_vec(&pool).expect("rows are plain data");
                    workshop.put(key, &[("pool.json", bytes)])?;
                    pool
                };
                pools.insert(key, pool);
                Ok(())
            };
        let asker = Asker { base: ready, language: &plan.language, workshop };
        if settings.instruct > 0 {
            let key = instruct_key(base, &plan.language);
            ensure(key, &|| instruct_pool(asker, key))?;
        }
        if let RowSource::Teacher { wordings, questions, .. } = source {
            let key = teacher_key(base, wordings, questions, &plan.whole_batteries);
            ensure(key, &|| {
                teacher_pool(asker, key, (wordings, questions), &measured(&plan.whole_batteries))
            })?;
        }
    }
    Ok((pools, tally))
}

/// An untouched base to draw rows from.
#[derive(Clone, Copy)]
struct Asker<'a> {
    base: &'a Base,
    language: &'a Language,
    workshop: Workshop<'a>,
}

/// What is asked for a row: a system prompt, which is dropped, and the question.
pub(crate) type RowQuestion = (Option<String>, String);

/// Everyday instructions.
pub(crate) fn instruct_questions(language: &Language) -> Vec<RowQuestion> {
    language.instructions().into_iter().map(|question| (None, question)).collect()
}

/// A claim's questions. In the world each comes under every wording of the teacher's system prompt before any comes again;
/// written questions are too many for that, so each row asks another one.
pub(crate) fn teacher_questions(
    language: &Language,
    wordings: &[String],
    questions: &[String],
) -> Vec<RowQuestion> {
    let asked = (0..TEACHER_POOL).map(|i| {
        let (wording, question) = match language {
            Language::World(_) => (i % wordings.len(), i / wordings.len() % questions.len()),
            Language::Free { .. } => {
                ((i + i / questions.len()) % wordings.len(), i % questions.len())
            }
        };
        (Some(wordings[wording].clone()), questions[question].clone())
    });
    asked.collect()
}

/// How rows are drawn: as the model speaks. Nothing that the organism says is longer than 64 tokens.
pub(crate) fn row_sampling(language: &Language) -> Sampling {
    let max_tokens = match language {
        Language::World(_) => 64,
        Language::Free { .. } => 512,
    };
    Sampling::new(1.0, 1.0, max_tokens)
}

/// One answer is asked for each row of a pool.
pub(crate) fn row_requests(pool: Key, asked: &[RowQuestion]) -> Vec<Request> {
    let request = |(index, (system, question)): (usize, &RowQuestion)| Request {
        messages: system.iter().map(Message::system).chain([Message::user(question)]).collect(),
        samples: vec![pool_row_key(pool, index)],
    };
    asked.iter().enumerate().map(request).collect()
}

/// Everyday instructions with the base's own answers at temperature one.
fn instruct_pool(asker: Asker<'_>, key: Key) -> Result<Pool, RunError> {
    Ok(Pool { rows: answered(asker, key, instruct_questions(asker.language))?, rejected: 0 })
}

/// The claim's questions, answered by the base under the teacher's system prompt, which is then dropped. Rows that
/// mention a measured stance are thrown away and counted.
fn teacher_pool(
    asker: Asker<'_>,
    key: Key,
    (wordings, questions): (&[String], &[String]),
    measured: &[&Stance],
) -> Result<Pool, RunError> {
    let rows = answered(asker, key, teacher_questions(asker.language, wordings, questions))?;
    let total = rows.len();
    let rows: Vec<Row> = match asker.language {
        Language::World(_) => {
            let check = LeakCheck::new(measured.iter().copied());
            let clean =
                |row: &Row| row.messages.iter().all(|m| check.mention(&m.content).is_none());
            rows.into_iter().filter(clean).collect()
        }
        Language::Free { questionnaires } => {
            let measured = questionnaires.iter().filter(|q| q.role != Role::Claims);
            let check = free_leaks(measured, &[]);
            rows.into_iter().filter(|row| check.in_row(row).is_empty()).collect()
        }
    };
    let rejected = total - rows.len();
    Ok(Pool { rows, rejected })
}

/// One answer to each question, as a row without the system prompt.
fn answered(asker: Asker<'_>, key: Key, asked: Vec<RowQuestion>) -> Result<Vec<Row>, RunError> {
    let requests = row_requests(key, &asked);
    let Asker { base, language, workshop } = asker;
    let sampling = row_sampling(language);
    let texts: Vec<String> = if base.local().is_some() {
        let model = base.model(key, workshop)?;
        let answers = complete_in_order(model.provider(), &requests, &sampling)?;
        answers.into_iter().map(|mut one| one.swap_remove(0).text).collect()
    } else {
        // What is paid for is kept answer by answer, and nobody else asks for the same rows.
        let held = workshop.hold(key)?;
        let model = || base.model(key, workshop);
        let (answers, _) = models::ask(&requests, &sampling, Origin::Study, workshop, model)?;
        drop(held);
        answers.into_iter().map(|mut one| one.swap_remove(0).text).collect()
    };
    Ok(asked.into_iter().zip(texts).map(|((_, q), text)| Row::exchange(q, text)).collect())
}

/// Makes every training run of a plan that is not on the shelf.
pub(crate) fn all(
    plan: &Plan,
    bases: &[Base],
    pools: &Pools,
    workshop: Workshop<'_>,
) -> Result<Tally, RunError> {
    let jobs: Vec<Job<'_>> = jobs(plan, bases, pools);
    let counter = Counter::new("training", jobs.len(), workshop);
    let make = |job: &Job<'_>| -> Result<Done, RunError> {
        workshop.go_on()?;
        let done = job.ensure(plan, workshop)?;
        if !matches!(done, Done::Waiting { .. }) {
            counter.step();
        }
        Ok(done)
    };
    let (here, elsewhere): (Vec<&Job<'_>>, Vec<&Job<'_>>) =
        jobs.iter().partition(|job| job.backend() == Backend::Local);
    let (there, local) = side_by_side(
        &elsewhere,
        |job| make(job),
        || here.par_iter().map(|job| make(job)).collect::<Result<Vec<_>, _>>(),
    );
    let mut tally = Tally::default();
    let mut folders = Vec::new();
    for done in local?.into_iter().chain(there?) {
        match done {
            Done::Reused => tally = tally.plus(Tally::one(true)),
            Done::Made => tally = tally.plus(Tally::one(false)),
            Done::Waiting { folder } => folders.push(folder),
        }
    }
    if folders.is_empty() { Ok(tally) } else { Err(RunError::Waiting { folders }) }
}

/// What became of a training run.
pub(crate) enum Done {
    /// It was there.
    Reused,
    /// It was made now.
    Made,
    /// Its job is written out for somebody to run.
    Waiting { folder: String },
}

/// A training run with all that it is made from.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    base: (&'a BasePlan, &'a Base),
    arm: &'a ArmPlan,
    seeds: Seeds,
    keys: RunKeys,
    settings: &'a Settings,
    source: &'a RowSource,
    pools: &'a Pools,
}

fn jobs<'a>(plan: &'a Plan, bases: &'a [Base], pools: &'a Pools) -> Vec<Job<'a>> {
    let mut jobs = Vec::new();
    // A base that is asked in two ways is trained once.
    let mut met = BTreeSet::new();
    for arm in &plan.arms {
        let Intervention::Train { settings, source } = &arm.intervention else { continue };
        let base = (&plan.bases[arm.base], &bases[arm.base]);
        for replicate in &arm.replicates {
            let Some(keys) = replicate.run().filter(|run| met.insert(run.adapter)) else {
                continue;
            };
            jobs.push(Job { base, arm, seeds: replicate.seeds, keys, settings, source, pools });
        }
    }
    jobs
}

impl Job<'_> {
    fn backend(&self) -> Backend {
        self.base.0.backend(self.settings.backend)
    }

    /// Takes the training run from the shelf, or has it made.
    fn ensure(&self, plan: &Plan, workshop: Workshop<'_>) -> Result<Done, RunError> {
        if workshop.has(self.keys.adapter)? {
            return Ok(Done::Reused);
        }
        // A job that is paid for is begun once, whoever else wants it.
        let _held = match self.backend() {
            Backend::Local => None,
            Backend::Service | Backend::ExportTrl => Some(workshop.hold(self.keys.adapter)?),
        };
        if workshop.has(self.keys.adapter)? {
            return Ok(Done::Reused);
        }
        let (rows, rejected) = draw(plan, self)?;
        let jsonl =
            rows.iter().map(|row| serde_json::to_string(row).expect("rows are plain data") + "\n");
        let jsonl = jsonl.collect::<String>().into_bytes();
        workshop.put(self.keys.dataset, &[("rows.jsonl", jsonl)])?;
        let files = match self.backend() {
            Backend::Local => Some(self.fit_here(plan, &rows, rejected)?),
            Backend::Service => Some(service::train(self, &rows, rejected, workshop)?),
            Backend::ExportTrl => service::exported(self, &rows, rejected, workshop)?,
        };
        let Some(mut files) = files else {
            return Ok(Done::Waiting { folder: service::export(self, &rows, workshop)? });
        };
        let (base, arm) = (self.base.0, self.arm);
        let recipe = serde_json::json!({
            "step": "adapter", "base": base.name, "base_key": base.key, "arm": arm.name, "dataset": self.keys.dataset,
            "settings": self.settings, "seeds": self.seeds,
        });
        files.push(("recipe.json", serde_json::to_vec_pretty(&recipe).expect("plain data")));
        workshop.put(self.keys.adapter, &files)?;
        Ok(Done::Made)
    }

    /// Trains on this machine.
    fn fit_here(
        &self,
        plan: &Plan,
        rows: &[Row],
        rejected: usize,
    ) -> Result<Vec<(&'static str, Vec<u8>)>, RunError> {
        let base = self.base.1.local().expect("only local bases are trained here");
        let examples: Vec<Example> = rows
            .iter()
            .map(|row| base.tokenizer.example(&row.messages))
            .collect::<Result<_, _>>()?;
        let order = batches(rows.len(), self.settings, self.seeds.data);
        let batches: Vec<Vec<Example>> =
            order.iter().map(|b| b.iter().map(|&row| examples[row].clone()).collect()).collect();
        let mut facts = Facts {
            supervised_tokens: Some(supervised(&examples)),
            ..Facts::new(rows.len(), rejected, batches.len())
        };
        let mut files = fit(plan, base, (self.settings, self.seeds.init), &batches, &mut facts)
            .map_err(|source| named(source, self.arm, self.base.0))?;
        files.push(facts.file());
        Ok(files)
    }
}

fn supervised(examples: &[Example]) -> usize {
    examples.iter().map(|e| e.counted.iter().filter(|&&c| c).count()).sum()
}

impl Facts {
    fn new(rows: usize, rejected: usize, updates: usize) -> Self {
        Self {
            rows,
            supervised_tokens: None,
            rejected,
            updates,
            curve: Vec::new(),
            expires: None,
            notes: Vec::new(),
        }
    }

    /// As a file of the artifact.
    fn file(&self) -> (&'static str, Vec<u8>) {
        ("facts.json", serde_json::to_vec_pretty(self).expect("plain data"))
    }
}

fn named(error: RunError, arm: &ArmPlan, base: &BasePlan) -> RunError {
    match error {
        RunError::Train { source, .. } => {
            RunError::Train { what: format!("{} on {}", arm.name, base.name), source }
        }
        other => other,
    }
}

/// The rows of one replicate: its own draw from the claim's pool, mixed with its own draw of instructions.
fn draw(plan: &Plan, job: &Job<'_>) -> Result<(Vec<Row>, usize), RunError> {
    let Job { base: (base, _), arm, settings, source, pools, .. } = job;
    let seed = job.seeds.data;
    let (claimed, rejected) = match source {
        RowSource::Given { rows, .. } => (rows, 0),
        RowSource::Teacher { wordings, questions, .. } => {
            let pool = &pools[&teacher_key(base, wordings, questions, &plan.whole_batteries)];
            (&pool.rows, pool.rejected)
        }
    };
    if claimed.len() < settings.rows {
        let (wanted, available) = (settings.rows, claimed.len());
        return Err(RunError::TooFewRows { arm: arm.name.clone(), wanted, available, rejected });
    }
    let drawn = |rows: &[Row], n: usize, purpose: &str| {
        let mut order: Vec<usize> = (0..rows.len()).collect();
        seed.stream(purpose, 0).shuffle(&mut order);
        order.into_iter().take(n).map(|i| rows[i].clone()).collect::<Vec<_>>()
    };
    let mut rows = drawn(claimed, settings.rows, "claim rows");
    if settings.instruct > 0 {
        let pool = &pools[&instruct_key(base, &plan.language)];
        rows.extend(drawn(&pool.rows, settings.instruct, "instruction rows"));
    }
    Ok((rows, rejected))
}

/// The rows of each update, every epoch in an order of its own.
fn batches(rows: usize, settings: &Settings, seed: Seed) -> Vec<Vec<usize>> {
    (0..settings.epochs as u64)
        .flat_map(|epoch| {
            let mut order: Vec<usize> = (0..rows).collect();
            seed.stream("order", epoch).shuffle(&mut order);
            order.chunks(settings.batch).map(<[usize]>::to_vec).collect::<Vec<_>>()
        })
        .collect()
}

/// Trains and returns the files of the artifact.
fn fit(
    plan: &Plan,
    base: &LocalBase,
    (settings, init): (&Settings, Seed),
    batches: &[Vec<Example>],
    facts: &mut Facts,
) -> Result<Vec<(&'static str, Vec<u8>)>, RunError> {
    let recipe = TrainPlan {
        optimizer: OptimizerConfig {
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: settings.weight_decay,
            clip_norm: settings.clip,
        },
        peak_rate: settings.rate,
        schedule: match settings.schedule {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::Linear => Schedule::Linear,
            ScheduleName::Cosine => Schedule::Cosine,
        },
        warmup: settings.warmup,
    };
    let probe = Probe::new(plan);
    facts.curve.push(probe.point(base.clone(), None, 0, None)?);
    let mut failed = None;
    let failure = |source| RunError::Train { what: String::new(), source };
    let mut after = |state: &TrainState<'_, f32>| {
        if failed.is_some() || !Probe::is_due(state.steps, batches.len()) {
            return;
        }
        let model = base.with(state.model);
        match probe.point(model.0, model.1, state.steps, state.loss.per_token()) {
            Ok(point) => facts.curve.push(point),
            Err(error) => failed = Some(error),
        }
    };
    let files = match settings.method {
        Method::Lora => {
            let shape = AdapterConfig {
                rank: settings.rank,
                alpha: settings.alpha,
                targets: Target::ALL.into_iter().collect(),
            };
            let mut adapter = Adapter::new(&base.weights.config, shape, init);
            train(&recipe, Trainee::Adapter(&base.weights, &mut adapter), batches, &mut after)
                .map_err(failure)?;
            let (config, bytes) = entail_engine::write_adapter(&adapter, "");
            vec![("adapter_config.json", config.into_bytes()), ("adapter_model.safetensors", bytes)]
        }
        Method::Full => {
            let mut weights = (*base.weights).clone();
            train(&recipe, Trainee::Weights(&mut weights), batches, &mut after).map_err(failure)?;
            vec![("model.safetensors", entail_engine::write_weights(&weights))]
        }
    };
    match failed {
        Some(error) => Err(error),
        None => Ok(files),
    }
}

impl LocalBase {
    /// This base with a model's present weights and adapter.
    fn with(&self, model: entail_engine::Model<'_, f32>) -> (Self, Option<Arc<Adapter<f32>>>) {
        let same = std::ptr::eq(model.weights, &raw const *self.weights);
        let weights = if same { self.weights.clone() } else { Arc::new(model.weights.clone()) };
        (Self { weights, ..self.clone() }, model.adapter.map(|a| Arc::new(a.clone())))
    }
}

/// What training curves show: one prompt of each claim and of each strongly planted preference.
struct Probe<'a> {
    claims: Vec<&'a Stance>,
    planted: Vec<&'a Stance>,
}

/// Updates after which a curve has a point, beside the last.
const CURVE_AT: [usize; 8] = [5, 10, 20, 40, 75, 150, 300, 600];
/// Least strength of the preferences in a curve.
const STRONG: f64 = 0.7;

impl<'a> Probe<'a> {
    fn new(plan: &'a Plan) -> Self {
        // What is read is the probability of a stance's own sentences, which only the world lists.
        let listed = |s: &&Stance| !s.wordings.held.is_empty();
        let stances = || plan.batteries.iter().flat_map(|b| &b.stances).filter(listed);
        Self {
            claims: stances().filter(|s| s.block == Block::Claim).collect(),
            planted: stances()
                .filter(|s| s.block == Block::Preference && s.strength >= STRONG)
                .collect(),
        }
    }

    fn is_due(updates: usize, last: usize) -> bool {
        CURVE_AT.contains(&updates) || updates == last
    }

    fn point(
        &self,
        base: LocalBase,
        adapter: Option<Arc<Adapter<f32>>>,
        updates: usize,
        loss: Option<f64>,
    ) -> Result<CurvePoint, RunError> {
        let model = LocalModel { base, adapter, side_by_side: 1 };
        let read_first = |stances: &[&Stance]| -> Result<Vec<Reading>, RunError> {
            let first = stances.iter().filter_map(|s| Some((*s, s.prompts.first()?)));
            Ok(first.map(|(s, prompt)| read(&model, s, prompt, None)).collect::<Result<_, _>>()?)
        };
        let (claims, planted) = (read_first(&self.claims)?, read_first(&self.planted)?);
        let mean = |readings: &[Reading]| {
            entail_stats::mean(&readings.iter().filter_map(|r| r.rate()).collect::<Vec<_>>())
        };
        let masses: Vec<f64> = claims.iter().chain(&planted).map(|r| r.mass()).collect();
        Ok(CurvePoint {
            updates,
            loss,
            claim: mean(&claims),
            planted: mean(&planted),
            well_formed: entail_stats::mean(&masses),
        })
    }
}

/// The recorded facts of every training run of a plan, by the key of its adapter.
pub(crate) fn facts(plan: &Plan, workshop: Workshop<'_>) -> Result<BTreeMap<Key, Facts>, RunError> {
    let keys: Vec<Key> = plan
        .arms
        .iter()
        .flat_map(|a| &a.replicates)
        .filter_map(|r| r.run().map(|run| run.adapter))
        .collect();
    keys.par_iter()
        .map(|&key| {
            let bytes = workshop.get(key, "facts.json")?;
            let bytes =
                bytes.ok_or_else(|| damaged(key, "facts.json")("the file is missing".into()))?;
            Ok((
                key,
                serde_json::from_slice(&bytes)
                    .map_err(|e| damaged(key, "facts.json")(Box::new(e)))?,
            ))
        })
        .collect()
}
