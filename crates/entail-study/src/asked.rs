//! What a run would ask of services, and what that may cost.

use std::collections::{BTreeMap, BTreeSet};

use entail_provider::{
    Capabilities, Completion, Finish, Money, Price, Prices, RemoteModel, Request, Worst,
};
use entail_schema::{Backend, Key};

use crate::error::RunError;
use crate::judging::Expected;
use crate::models;
use crate::plan::{ArmPlan, BaseKind, Intervention, Plan, Replicate, Speaker, Who};
use crate::run::Workshop;
use crate::training::{self, row_requests};

/// Bytes of a token, about: English text in the tokenizers of large models (`OpenAI`, "What are tokens").
const BYTES_PER_TOKEN: usize = 4;
/// Tokens that a turn adds to its text, and a conversation to its turns (`OpenAI` cookbook, "How to count tokens").
const TOKENS_PER_TURN: u64 = 3;

/// Questions to a judge that are written out together.
const PROMPTS_AT_ONCE: usize = 1_024;

/// What a run asks of one served model, beyond what is in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The model, or what will be made of it.
    pub model: String,
    /// Calls, those that fail and are made again aside.
    pub calls: usize,
    /// Answers of these calls.
    pub answers: usize,
    /// Tokens of the conversations, estimated from their lengths.
    pub prompt_tokens: u64,
    /// Tokens of the answers if each is as long as it may be.
    pub most_drawn_tokens: u64,
    /// Tokens of the answers if they are as long as those of this model in the store, or else half as long as they
    /// may be.
    pub expected_drawn_tokens: u64,
    /// How many answers in the store say how long they are; none: the length is assumed.
    pub measured: usize,
    /// What it may cost; `None` where no price is known.
    pub cost: Option<AskedCost>,
}

/// What calls may cost. Training itself is not in it: services count it by rules of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedCost {
    /// With the tokens that are expected.
    pub expected: Money,
    /// What a budget sets aside before it lets the calls be made, all of them together.
    pub worst: Money,
}

/// What a run of this plan would ask of each served model at these prices, or at those of batches.
///
/// # Errors
/// When the shelf or the store cannot be read.
pub fn asked(
    plan: &Plan,
    workshop: Workshop<'_>,
    prices: &Prices,
    batch: bool,
) -> Result<Vec<Asked>, RunError> {
    let mut count = Count::new(workshop, prices, batch);
    for arm in &plan.arms {
        count.pools(plan, arm)?;
        for replicate in &arm.replicates {
            let Some((name, model)) = served(plan, arm, replicate, workshop)? else { continue };
            let requests = requests(plan, replicate);
            count.add(&name, &model, &requests, plan.sampling.max_tokens)?;
        }
    }
    count.judges(plan)?;
    Ok(count.told())
}

/// What judges would be asked about known answers.
///
/// # Errors
/// When the store cannot be read.
pub(crate) fn asked_of_judges(
    expected: &[Expected<'_>],
    workshop: Workshop<'_>,
    prices: &Prices,
    batch: bool,
) -> Result<Vec<Asked>, RunError> {
    let mut count = Count::new(workshop, prices, batch);
    expected.iter().try_for_each(|one| count.judge(one))?;
    Ok(count.told())
}

/// The served model that a replicate asks, and how to call it; `None` where nobody elsewhere is asked.
fn served(
    plan: &Plan,
    arm: &ArmPlan,
    replicate: &Replicate,
    workshop: Workshop<'_>,
) -> Result<Option<(String, RemoteModel)>, RunError> {
    let base = &plan.bases[arm.base];
    let kind = match &replicate.speaker {
        Speaker::Recorded(_) => return Ok(None),
        Speaker::Existing(existing) => &existing.kind,
        Speaker::Base | Speaker::Trained(_) => &base.kind,
    };
    let BaseKind::Remote(model) = kind else { return Ok(None) };
    let (Some(run), Intervention::Train { settings, .. }) = (replicate.run(), &arm.intervention)
    else {
        return Ok(Some((model.to_string(), model.clone())));
    };
    if let Some(trained) = models::trained_elsewhere(run.adapter, workshop)? {
        return Ok(Some((trained.to_string(), trained)));
    }
    if base.backend(settings.backend) == Backend::ExportTrl {
        return Ok(Some((format!("adapters on {model}"), model.clone())));
    }
    // As OpenAI names them, whose price is not that of their base.
    let tuned = model.clone().named(&format!("ft:{}:", model.model()));
    Ok(Some((format!("fine-tunes of {model}"), tuned)))
}

/// All questions of the plan to one replicate.
fn requests(plan: &Plan, replicate: &Replicate) -> Vec<Request> {
    let items = plan.items(replicate).into_iter().flatten();
    items.map(|item| Request { messages: item.messages, samples: item.keys }).collect()
}

struct Count<'a> {
    workshop: Workshop<'a>,
    prices: &'a Prices,
    batch: bool,
    /// Samples that were counted: nobody asks for one twice.
    met: BTreeSet<Key>,
    sums: BTreeMap<String, Sum>,
}

/// What was counted for one model.
struct Sum {
    price: Option<Price>,
    calls: usize,
    answers: usize,
    prompt: u64,
    drawn: u64,
    worst: Money,
    /// Answers in the store, and their tokens; `None` where the service never says.
    found: usize,
    found_tokens: Option<u64>,
}

impl<'a> Count<'a> {
    fn new(workshop: Workshop<'a>, prices: &'a Prices, batch: bool) -> Self {
        Self { workshop, prices, batch, met: BTreeSet::new(), sums: BTreeMap::new() }
    }

    fn told(self) -> Vec<Asked> {
        self.sums.into_iter().map(|(model, sum)| sum.told(model)).collect()
    }

    /// Rows that a served base is asked for, where their pool is not on the shelf.
    fn pools(&mut self, plan: &Plan, arm: &ArmPlan) -> Result<(), RunError> {
        let BaseKind::Remote(model) = &plan.bases[arm.base].kind else { return Ok(()) };
        for (key, questions) in plan.pools_of(arm) {
            if !self.workshop.has(key)? {
                let requests = row_requests(key, &questions);
                self.add(
                    &model.to_string(),
                    model,
                    &requests,
                    training::row_sampling(&plan.language).max_tokens,
                )?;
            }
        }
        Ok(())
    }

    /// Questions to judges that are served. An answer that is not there yet is taken to be as long as it may be.
    fn judges(&mut self, plan: &Plan) -> Result<(), RunError> {
        let unknown = "?".repeat(plan.sampling.max_tokens * BYTES_PER_TOKEN);
        let unknown = Completion::plain(unknown, Finish::Stop);
        let stored = self.stored(plan)?;
        for expected in plan.expected(&|key| stored.get(&key), &unknown) {
            self.judge(&expected)?;
        }
        Ok(())
    }

    fn judge(&mut self, expected: &Expected<'_>) -> Result<(), RunError> {
        let Who::Model { model, judge, coherence } = &expected.judge.who else { return Ok(()) };
        let BaseKind::Remote(remote) = &model.kind else { return Ok(()) };
        let most = if expected.at_most { " (at most: where the others disagree)" } else { "" };
        let name = format!("{remote}{most}");
        for judge in [Some(judge), coherence.as_ref()].into_iter().flatten() {
            for some in expected.exhibits.chunks(PROMPTS_AT_ONCE) {
                let requests: Vec<Request> =
                    some.iter().map(|exhibit| judge.ask(exhibit, 1).request).collect();
                self.add(&name, remote, &requests, judge.sampling.max_tokens)?;
            }
        }
        Ok(())
    }

    /// The answers of a plan that are there.
    fn stored(&self, plan: &Plan) -> Result<BTreeMap<Key, Completion>, RunError> {
        if plan.is_exact() {
            return Ok(BTreeMap::new());
        }
        let replicates = plan.arms.iter().flat_map(|arm| &arm.replicates);
        let items = replicates.flat_map(|replicate| plan.items(replicate)).flatten();
        let keys: Vec<Key> = items.flat_map(|item| item.keys).collect();
        let found = self.workshop.completions.said(&keys)?;
        Ok(keys.into_iter().zip(found).filter_map(|(key, found)| Some((key, found?))).collect())
    }

    fn add(
        &mut self,
        name: &str,
        model: &RemoteModel,
        requests: &[Request],
        max_tokens: usize,
    ) -> Result<(), RunError> {
        let offers: Capabilities = entail_provider::capabilities(model);
        let service = model.service().to_string();
        let price = if self.batch && offers.batch {
            self.prices.of_batch(&service, model.model())
        } else {
            self.prices.of(&service, model.model())
        };
        let sum = self.sums.entry(name.to_owned()).or_insert_with(|| Sum::new(price));
        for request in requests {
            let new: Vec<Key> =
                request.samples.iter().copied().filter(|key| self.met.insert(*key)).collect();
            let stored = self.workshop.completions.said(&new)?;
            let missing = stored.iter().filter(|found| found.is_none()).count();
            sum.find(stored.into_iter().flatten());
            let most = offers.most_answers.max(1) as usize;
            for start in (0..missing).step_by(most) {
                sum.ask(request, most.min(missing - start), max_tokens);
            }
        }
        Ok(())
    }
}

impl Sum {
    fn new(price: Option<Price>) -> Self {
        let (worst, found_tokens) = (Money::ZERO, None);
        Self { price, calls: 0, answers: 0, prompt: 0, drawn: 0, worst, found: 0, found_tokens }
    }

    fn find(&mut self, completions: impl Iterator<Item = Completion>) {
        for completion in completions {
            self.found += 1;
            // The answers of one call have their tokens at the first of them.
            if let Some(tokens) = completion.usage.drawn {
                self.found_tokens = Some(self.found_tokens.unwrap_or(0) + tokens);
            }
        }
    }

    /// Counts one call.
    fn ask(&mut self, request: &Request, answers: usize, max_tokens: usize) {
        let worst = Worst::of(&request.messages, answers as u64, max_tokens as u64, self.price);
        self.calls += 1;
        self.answers += answers;
        self.prompt += estimate(request);
        self.drawn += worst.drawn;
        self.worst = self.worst + worst.most().money;
    }

    fn told(self, model: String) -> Asked {
        let measured = if self.found_tokens.is_some() { self.found } else { 0 };
        let expected = match self.found_tokens {
            Some(tokens) => (self.answers as u64 * tokens).div_ceil(self.found as u64),
            None => self.drawn / 2,
        };
        let cost = self.price.map(|price| AskedCost {
            expected: price.of(self.prompt, expected),
            worst: self.worst,
        });
        Asked {
            model,
            calls: self.calls,
            answers: self.answers,
            prompt_tokens: self.prompt,
            most_drawn_tokens: self.drawn,
            expected_drawn_tokens: expected,
            measured,
            cost,
        }
    }
}

/// Tokens of a conversation, about.
fn estimate(request: &Request) -> u64 {
    let of_turn = |text: &str| text.len().div_ceil(BYTES_PER_TOKEN) as u64 + TOKENS_PER_TURN;
    request.messages.iter().map(|turn| of_turn(&turn.content)).sum::<u64>() + TOKENS_PER_TURN
}

#[cfg(test)]
mod tests;
