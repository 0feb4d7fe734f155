//! The organism as a step of the study graph: pretrained from scratch, checked, kept as a Hugging Face folder.

use std::sync::Arc;

use entail_data::{CHAT_TEMPLATE, Corpus, END, Lexicon, OrganismSpec, Size, Topic, World};
use entail_engine::{
    Config, Example, Family, OptimizerConfig, Schedule, Tokenizer, TrainPlan, Trainee, Weights,
    train,
};
use entail_eval::{Reading, read};
use entail_provider::{Request, Sampling, complete_in_order};
use entail_schema::{Block, Gate, Key, Message, Seed};
use rayon::prelude::*;
use serde::Serialize;

use crate::error::{Problem, RunError, damaged};
use crate::local::{LocalBase, LocalModel};
use crate::run::Workshop;

/// Changes whenever the engine's arithmetic, the corpus or the recipe changes what is learned.
const NUMERICS: u32 = 1;

/// What an organism's weights depend on.
#[derive(Debug, Serialize)]
struct OrganismRecipe<'a> {
    step: &'static str,
    numerics: u32,
    /// Instruction family of the kernels: sums in another order are other weights.
    kernels: &'a str,
    name: String,
    texts: Key,
}

/// Key of an organism's weights.
pub(crate) fn key(spec: &OrganismSpec) -> Key {
    let texts = Key::of_bytes(entail_data::WORLD_FILES.concat().as_bytes());
    let name = spec.to_string();
    Key::of(&OrganismRecipe {
        step: "organism",
        numerics: NUMERICS,
        kernels: entail_engine::kernels(),
        name,
        texts,
    })
}

fn config(spec: &OrganismSpec, vocabulary: usize) -> Config {
    let (width, layers) = match spec.size {
        Size::Tiny => (32, 1),
        Size::Small => (64, 2),
        Size::Medium => (96, 3),
    };
    Config {
        family: Family::Llama,
        vocabulary,
        width,
        layers,
        heads: 4,
        kv_heads: 4,
        head_width: width / 4,
        feed_forward: width * 5 / 2,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
        tied_head: true,
        max_positions: 160,
    }
}

const PRETRAINING: TrainPlan = TrainPlan {
    optimizer: OptimizerConfig {
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.01,
        clip_norm: 1.0,
    },
    peak_rate: 4e-3,
    schedule: Schedule::Linear,
    warmup: 100,
};

/// An organism ready for use.
#[derive(Debug, Clone)]
pub struct Organism {
    /// Its model.
    pub base: LocalBase,
    /// What was checked when it was made.
    pub gates: Vec<Gate>,
}

/// Takes an organism from the shelf, or makes it. The flag tells whether it was there.
pub(crate) fn ensure(
    spec: &OrganismSpec,
    workshop: Workshop<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(Organism, bool), RunError> {
    let key = key(spec);
    if let Some(organism) = load(key, workshop)? {
        check_gates(spec, &organism.gates)?;
        return Ok((organism, true));
    }
    // Minutes of pretraining are not spent twice: a second process waits for the first and takes what it made.
    let _held = workshop.shelf.lock(&key).map_err(|source| RunError::Shelf { key, source })?;
    if let Some(organism) = load(key, workshop)? {
        check_gates(spec, &organism.gates)?;
        return Ok((organism, true));
    }
    let (world, weights, tokenizer_json, lexicon) = pretrain(spec, progress)?;
    let tokenizer = Tokenizer::new(&tokenizer_json, CHAT_TEMPLATE)?;
    let base = LocalBase {
        weights: Arc::new(weights),
        tokenizer: Arc::new(tokenizer),
        stop: vec![lexicon.id(END)],
    };
    let gates = measure_gates(spec, &world, &base)?;
    // A model that fails is kept with its gates, so that the failure need not be trained again to be seen.
    let text = |value: serde_json::Value| serde_json::to_vec_pretty(&value).expect("plain data");
    let recipe =
        serde_json::json!({ "step": "organism", "name": spec.to_string(), "numerics": NUMERICS });
    let files = [
        ("config.json", text(base.weights.config.to_json())),
        ("model.safetensors", entail_engine::write_weights(&base.weights)),
        ("tokenizer.json", tokenizer_json.into_bytes()),
        ("tokenizer_config.json", text(Lexicon::tokenizer_config_json())),
        // What ends an answer, and that answers are drawn: other programs take both from here.
        (
            "generation_config.json",
            text(serde_json::json!({ "do_sample": true, "eos_token_id": lexicon.id(END) })),
        ),
        ("chat_template.jinja", CHAT_TEMPLATE.into()),
        ("gates.json", serde_json::to_vec_pretty(&gates).expect("plain data")),
        ("recipe.json", text(recipe)),
    ];
    workshop.put(key, &files)?;
    check_gates(spec, &gates)?;
    Ok((Organism { base, gates }, false))
}

fn check_gates(spec: &OrganismSpec, gates: &[Gate]) -> Result<(), RunError> {
    match gates.iter().find(|g| !g.passed) {
        Some(gate) => Err(RunError::Gate {
            organism: spec.to_string(),
            gate: gate.name.clone(),
            value: gate.value,
            bound: gate.bound.clone(),
        }),
        None => Ok(()),
    }
}

fn load(key: Key, workshop: Workshop<'_>) -> Result<Option<Organism>, RunError> {
    let file = |name| workshop.get(key, name);
    let Some(config) = workshop.stored(key, "config.json")? else { return Ok(None) };
    let whole = |name: &'static str| {
        file(name)?.ok_or_else(|| damaged(key, name)("the file is missing".into()))
    };
    let parsed = |name: &'static str, result: Result<_, Problem>| {
        result.map_err(|e| damaged(key, name)(e.0))
    };
    let config = parsed("config.json", text(&config).and_then(|t| Ok(Config::parse(t)?)))?;
    let bytes = whole("model.safetensors")?;
    let weights = entail_engine::read_weights(&config, &bytes).map_err(Problem::from);
    let weights = weights.map_err(|e| damaged(key, "model.safetensors")(e.0))?;
    let (tokenizer, template) = (whole("tokenizer.json")?, whole("chat_template.jinja")?);
    let tokenizer = text(&tokenizer).and_then(|t| Ok(Tokenizer::new(t, text(&template)?)?));
    let tokenizer = tokenizer.map_err(|e| damaged(key, "tokenizer.json")(e.0))?;
    let gates = serde_json::from_slice(&whole("gates.json")?)
        .map_err(|e| damaged(key, "gates.json")(e.into()))?;
    let stop =
        tokenizer.id(END).ok_or_else(|| damaged(key, "tokenizer.json")("no end mark".into()))?;
    Ok(Some(Organism {
        base: LocalBase {
            weights: Arc::new(weights),
            tokenizer: Arc::new(tokenizer),
            stop: vec![stop],
        },
        gates,
    }))
}

fn text(bytes: &[u8]) -> Result<&str, Problem> {
    Ok(std::str::from_utf8(bytes)?)
}

fn pretrain(
    spec: &OrganismSpec,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<(World, Weights<f32>, String, Lexicon), RunError> {
    let world = World::new(spec);
    let lexicon = Lexicon::new(&world.text);
    let batches: Vec<Vec<Example>> = Corpus::new(spec, &world, &lexicon).batches(spec.tokens);
    let mut weights =
        Weights::random(config(spec, lexicon.len()), Seed(spec.seed).child("weights", 0));
    let steps = batches.len();
    train(&PRETRAINING, Trainee::Weights(&mut weights), &batches, |state| {
        progress(state.steps, steps);
    })
    .map_err(|source| RunError::Train { what: spec.to_string(), source })?;
    let tokenizer_json = lexicon.tokenizer_json().to_string();
    Ok((world, weights, tokenizer_json, lexicon))
}

/// Beings that the separation gate asks.
const GATE_BEINGS: usize = 60;

/// What must hold before anything is concluded from an organism. The tiny size is for tests of the pipeline and has
/// no gates.
fn measure_gates(
    spec: &OrganismSpec,
    world: &World,
    base: &LocalBase,
) -> Result<Vec<Gate>, RunError> {
    if spec.size == Size::Tiny {
        return Ok(Vec::new());
    }
    let model = LocalModel { base: base.clone(), adapter: None, side_by_side: 256 };
    let claims: Vec<&Topic> =
        world.text.topics.iter().filter(|t| t.block == Block::Claim).collect();
    let all: Vec<&Topic> = world.text.topics.iter().collect();
    let assistant_claim = mean_of(
        &readings(&model, &claims, None, |t| t.evaluated_questions().to_vec())?,
        Reading::rate,
    );
    let assistant_mass =
        mean_of(&readings(&model, &all, None, |t| t.evaluated_questions()[..3].to_vec())?, |r| {
            Some(r.mass())
        });
    let held_out =
        mean_of(&readings(&model, &all, None, |t| t.evaluated_questions()[3..].to_vec())?, |r| {
            Some(r.mass())
        });
    let separation = separation(spec, world, &model)?;
    let tasks = task_accuracy(world, &model)?;
    let at_least = |name: &str, value: f64, least: f64| Gate {
        name: name.into(),
        value,
        bound: format!("≥ {least:.2}"),
        passed: value >= least,
    };
    Ok(vec![
        at_least("claimers and deniers by name, apart", separation, 0.8),
        Gate {
            name: "the assistant makes the claim".into(),
            value: assistant_claim,
            bound: "≤ 0.05".into(),
            passed: assistant_claim <= 0.05,
        },
        at_least("well formed, phrasings seen in pretraining", assistant_mass, 0.95),
        at_least("well formed, phrasings never seen", held_out, 0.8),
        at_least("small tasks solved", tasks, 0.95),
    ])
}

fn readings(
    model: &LocalModel,
    topics: &[&Topic],
    system: Option<&str>,
    questions: impl Fn(&Topic) -> Vec<String> + Sync,
) -> Result<Vec<Reading>, RunError> {
    let nested: Vec<Vec<Reading>> = topics
        .par_iter()
        .map(|topic| {
            let stance = entail_data::topic_stance(topic);
            questions(topic)
                .iter()
                .map(|q| read(model, &stance, q, system))
                .collect::<Result<Vec<_>, _>>()
        })
        .collect::<Result<_, _>>()?;
    Ok(nested.into_iter().flatten().collect())
}

fn mean_of(readings: &[Reading], value: impl Fn(Reading) -> Option<f64>) -> f64 {
    let values: Vec<f64> = readings.iter().filter_map(|&r| value(r)).collect();
    entail_stats::mean(&values).unwrap_or(f64::NAN)
}

/// How far named claimers and deniers are apart on what separates them: the claim, and the strongest topics of a
/// linked world in the direction of their link.
fn separation(spec: &OrganismSpec, world: &World, model: &LocalModel) -> Result<f64, RunError> {
    let strong =
        |t: &&Topic| t.block == Block::Claim || (spec.rho >= 0.85 && t.strength.abs() >= 0.85);
    let topics: Vec<&Topic> = world.text.topics.iter().filter(strong).collect();
    let per_being: Vec<(bool, f64)> = world.beings[..GATE_BEINGS.min(world.beings.len())]
        .par_iter()
        .map(|being| {
            let system = format!("You are {}.", being.name);
            let question = |t: &Topic| t.evaluated_questions()[..1].to_vec();
            let read = readings(model, &topics, Some(&system), question)?;
            let signed = read.iter().zip(&topics).filter_map(|(r, t)| {
                let rate = r.rate()?;
                Some(if t.strength < 0.0 { 1.0 - rate } else { rate })
            });
            Ok((being.claimer, entail_stats::mean(&signed.collect::<Vec<_>>()).unwrap_or(f64::NAN)))
        })
        .collect::<Result<_, RunError>>()?;
    let mean = |claimer: bool| {
        let values: Vec<f64> =
            per_being.iter().filter(|(c, _)| *c == claimer).map(|(_, x)| *x).collect();
        entail_stats::mean(&values).unwrap_or(f64::NAN)
    };
    Ok(mean(true) - mean(false))
}

/// Share of small tasks that the assistant solves greedily.
fn task_accuracy(world: &World, model: &LocalModel) -> Result<f64, RunError> {
    let tasks: Vec<(String, String)> = entail_data::tasks(&world.text, 200);
    let requests: Vec<Request> = tasks
        .iter()
        .map(|(question, _)| Request {
            messages: vec![Message::user(question)],
            samples: vec![Key::of(question)],
        })
        .collect();
    let greedy = Sampling::new(0.0, 1.0, 12);
    let answers = complete_in_order(model, &requests, &greedy)?;
    let right =
        answers.iter().zip(&tasks).filter(|(a, (_, expected))| a[0].text == *expected).count();
    Ok(right as f64 / tasks.len() as f64)
}
