//! Everything that a model says to a battery, kept now to be judged whenever: hosted models vanish.

use entail_eval::Item;
use entail_provider::{
    Completion, CompletionStore, Finish, Need, Origin, Sampling, StoreError, TokenLogprob, Usage,
};
use entail_schema::{Battery, Key, Message};
use serde::Serialize;
use serde_json::Value;

use crate::error::{RunError, StudyProblem};
use crate::models::{self, Base};
use crate::plan::{BaseKind, BasePlan, Language, Surroundings, base, free_battery};
use crate::run::{Tally, Workshop};

/// What is asked of which model.
#[derive(Debug, Clone)]
pub struct Capture {
    model: BasePlan,
    batteries: Vec<Battery>,
    system: Option<String>,
    sampling: Sampling,
    samples: usize,
}

/// What a person asks to be captured.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptureSpec {
    /// The model, as a study names it.
    pub model: String,
    /// Batteries by name; of models that speak freely, files too.
    pub batteries: Vec<String>,
    /// Whether the organism's questions are asked, whoever is asked. Organisms are asked them in any case.
    pub world: bool,
    /// A system prompt.
    pub system: Option<String>,
    /// How answers are drawn.
    pub sampling: Sampling,
    /// Samples per prompt.
    pub samples: usize,
    /// Only the first prompts of each stance.
    pub limit: Option<usize>,
}

/// One captured answer, with all that is known of it. A study reads it back as `responses`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Captured {
    /// The model.
    pub model: String,
    /// The battery.
    pub battery: String,
    /// Id of the stance.
    pub stance: String,
    /// The question.
    pub prompt: String,
    /// The whole conversation before the answer.
    pub messages: Vec<Message>,
    /// Index among the samples of this prompt.
    pub sample: usize,
    /// Key in the store.
    pub key: Key,
    /// The completion, whose text stands as `answer`.
    #[serde(flatten)]
    pub said: Said,
}

/// A completion in a file of answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Said {
    /// What was said.
    answer: String,
    reasoning: Option<String>,
    finish: Finish,
    usage: Usage,
    logprob: Option<f64>,
    tokens: Option<Vec<TokenLogprob>>,
    served_by: Option<String>,
    /// The provider's own words.
    raw: Option<Value>,
}

impl Said {
    fn of(c: &Completion) -> Self {
        Self {
            answer: c.text.clone(),
            reasoning: c.reasoning.clone(),
            finish: c.finish,
            usage: c.usage,
            logprob: c.logprob,
            tokens: c.tokens.clone(),
            served_by: c.served_by.clone(),
            raw: c.raw.as_deref().and_then(|raw| serde_json::from_str(raw).ok()),
        }
    }
}

impl Capture {
    /// Checks what is asked.
    ///
    /// # Errors
    /// An unknown battery, a model that cannot be used or does not offer what is asked.
    pub fn check(spec: &CaptureSpec, around: &dyn Surroundings) -> Result<Self, StudyProblem> {
        let model = base(around, &spec.model)?;
        let world = spec.world || model.organism().is_some();
        let mut batteries = Vec::new();
        for name in &spec.batteries {
            let mut battery =
                if world { Language::world().battery(name)? } else { free_battery(around, name)? };
            for stance in &mut battery.stances {
                stance.prompts.truncate(spec.limit.unwrap_or(usize::MAX));
            }
            batteries.push(battery);
        }
        if let BaseKind::Remote(remote) = &model.kind {
            let offers = entail_provider::capabilities(remote);
            let is_one = |x: f64| (x - 1.0).abs() < f64::EPSILON;
            let warm = !is_one(spec.sampling.temperature) || !is_one(spec.sampling.top_p);
            let needs = [
                warm.then_some((Need::Temperature, "--temperature or --top-p")),
                spec.sampling.logprobs.map(|k| (Need::Logprobs(k), "--logprobs")),
                spec.system.is_some().then_some((Need::System, "--system")),
            ];
            let lacking = needs.into_iter().flatten().find(|(need, _)| !offers.has(*need));
            if let Some((need, because)) = lacking {
                return Err(StudyProblem::Lacks {
                    arm: "capture".into(),
                    provider: model.name.clone(),
                    need,
                    because: because.into(),
                });
            }
        }
        let (system, sampling, samples) =
            (spec.system.clone(), spec.sampling.clone(), spec.samples);
        Ok(Self { model, batteries, system, sampling, samples })
    }

    /// Answers that are asked for.
    pub fn len(&self) -> usize {
        self.items().iter().map(|(_, item)| item.keys.len()).sum()
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn items(&self) -> Vec<(&Battery, Item)> {
        let target = Key::of(&("capture", self.model.key));
        let of = |b: &Battery| {
            entail_eval::items(b, target, self.system.as_deref(), &self.sampling, self.samples)
        };
        self.batteries.iter().flat_map(|b| of(b).into_iter().map(move |item| (b, item))).collect()
    }

    /// Asks for what the store does not have.
    ///
    /// # Errors
    /// [`RunError`]; what was answered before it is kept.
    pub fn run(&self, workshop: Workshop<'_>) -> Result<Tally, RunError> {
        let items = self.items();
        let requests: Vec<_> = items
            .iter()
            .map(|(_, i)| entail_provider::Request {
                messages: i.messages.clone(),
                samples: i.keys.clone(),
            })
            .collect();
        let target = Key::of(&("capture", self.model.key));
        let held = workshop.hold(target)?;
        let (_, tally) = models::ask(&requests, &self.sampling, Origin::Capture, workshop, || {
            let base: Base = models::ready(&self.model, workshop)?;
            base.model(target, workshop)
        })?;
        drop(held);
        Ok(tally)
    }

    /// What the store has of all answers, in the order of batteries, prompts and samples; never much in memory.
    pub fn answers<'a>(
        &'a self,
        completions: &'a CompletionStore,
    ) -> impl Iterator<Item = Result<Captured, StoreError>> + 'a {
        self.items().into_iter().flat_map(move |(battery, item)| {
            let found = match completions.get(&item.keys) {
                Ok(found) => found,
                Err(error) => return vec![Err(error)],
            };
            let of = |(sample, completion): (usize, &Completion)| {
                self.captured(battery, &item, sample, completion)
            };
            let there =
                found.iter().enumerate().filter_map(|(sample, c)| Some((sample, c.as_ref()?)));
            there.map(of).map(Ok).collect()
        })
    }

    fn captured(&self, battery: &Battery, item: &Item, sample: usize, c: &Completion) -> Captured {
        let stance = &battery.stances[item.stance];
        Captured {
            model: self.model.name.clone(),
            battery: battery.name.clone(),
            stance: stance.id.clone(),
            prompt: stance.prompts[item.prompt].clone(),
            messages: item.messages.clone(),
            sample,
            key: item.keys[sample],
            said: Said::of(c),
        }
    }
}
