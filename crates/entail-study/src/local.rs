//! The engine as a provider.

use std::sync::{Arc, LazyLock};

use entail_engine::{Adapter, Model, Tokenizer, TokenizerError, Weights, continuation_logprobs};
use entail_provider::{
    Capabilities, Completion, Deliver, Finish, Provider, ProviderError, Request, Sampling,
    SystemPlace, Thinking, ThinkingChoice, Usage,
};
use entail_schema::Message;
use rayon::prelude::*;

/// A base in memory with its tokenizer.
#[derive(Debug, Clone)]
pub struct LocalBase {
    /// Parameters.
    pub weights: Arc<Weights<f32>>,
    /// Tokenizer and chat template.
    pub tokenizer: Arc<Tokenizer>,
    /// Ids that end an answer.
    pub stop: Vec<u32>,
}

/// A base with or without an adapter, answering.
#[derive(Debug, Clone)]
pub struct LocalModel {
    /// The base.
    pub base: LocalBase,
    /// What was trained.
    pub adapter: Option<Arc<Adapter<f32>>>,
    /// Samples that are decoded side by side. Never changes a result.
    pub side_by_side: usize,
}

impl LocalModel {
    fn model(&self) -> Model<'_, f32> {
        Model { weights: &self.base.weights, adapter: self.adapter.as_deref(), edits: &[] }
    }

    /// The conversation up to where the answer begins.
    fn prompt(
        &self,
        messages: &[Message],
        thinking: Option<Thinking>,
    ) -> Result<Prompt, ProviderError> {
        let tokenizer = &self.base.tokenizer;
        let thinking = thinking.map(|thinking| thinking == Thinking::On);
        let text = tokenizer.prompt(messages, thinking).map_err(encode)?;
        let ids = tokenizer.encode(&text).map_err(encode)?;
        let context = self.base.weights.config.max_positions;
        if ids.len() >= context {
            return Err(ProviderError::ContextOverflow { tokens: ids.len(), context });
        }
        Ok(Prompt { text, ids })
    }

    /// Requests as the engine takes them, with their prompts as text.
    fn prepared(
        &self,
        group: &[Request],
        thinking: Option<Thinking>,
    ) -> Result<(Vec<String>, Vec<entail_engine::Request>), ProviderError> {
        let prepared = group.iter().map(|request| {
            let Prompt { text, ids } = self.prompt(&request.messages, thinking)?;
            let streams = request.samples.iter().map(entail_schema::Key::stream).collect();
            Ok((text, entail_engine::Request { prompt: ids, streams }))
        });
        prepared.collect()
    }

    fn completion(
        &self,
        prompt: &str,
        sampled: &entail_engine::Sampled,
    ) -> Result<Completion, ProviderError> {
        let answer = self.base.tokenizer.decode(&sampled.tokens).map_err(encode)?;
        let finish = match sampled.finish {
            entail_engine::Finish::Stop => Finish::Stop,
            entail_engine::Finish::Length => Finish::Length,
        };
        let usage = Usage { drawn: Some(sampled.tokens.len() as u64), ..Usage::default() };
        let logprob = Some(sampled.logprobs.iter().sum());
        Ok(Completion { usage, logprob, ..Completion::written_after(prompt, answer, finish) })
    }
}

/// A conversation up to where the answer begins, as text and as ids.
struct Prompt {
    text: String,
    ids: Vec<u32>,
}

fn encode(error: TokenizerError) -> ProviderError {
    ProviderError::Encode(Box::new(error))
}

static LOCAL: LazyLock<Capabilities> = LazyLock::new(|| Capabilities {
    most_answers: u32::MAX,
    seed: true,
    temperature: true,
    score: true,
    system: Some(SystemPlace::Role),
    fine_tune: true,
    ..Capabilities::none("the local engine")
});

static SWITCHED: LazyLock<Capabilities> =
    LazyLock::new(|| Capabilities { thinking: ThinkingChoice::Choice, ..LOCAL.clone() });

/// What the engine can do with an organism, whose chat template has no switch of thinking.
pub(crate) fn organism_capabilities() -> &'static Capabilities {
    &LOCAL
}

/// What the engine may do with the model of a folder: whether its chat template has a switch of thinking shows when it
/// is opened.
pub(crate) fn folder_capabilities() -> &'static Capabilities {
    &SWITCHED
}

impl Provider for LocalModel {
    fn capabilities(&self) -> &Capabilities {
        if self.base.tokenizer.switches_thinking() { &SWITCHED } else { &LOCAL }
    }

    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        self.capabilities().check(requests, sampling)?;
        let thinking = sampling.thinking;
        let sampling = entail_engine::Sampling {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            max_tokens: sampling.max_tokens,
            stop: self.base.stop.clone(),
        };
        let samples = requests.iter().map(|r| r.samples.len()).max().unwrap_or(1).max(1);
        let together = (self.side_by_side / samples).max(1);
        requests.par_chunks(together).try_for_each(|group| {
            let (texts, prepared) = self.prepared(group, thinking)?;
            let sampled = entail_engine::sample(self.model(), &prepared, &sampling);
            for ((request, text), samples) in group.iter().zip(&texts).zip(sampled) {
                for (key, sample) in request.samples.iter().zip(&samples) {
                    deliver(*key, self.completion(text, sample)?);
                }
            }
            Ok(())
        })
    }

    fn score(
        &self,
        messages: &[Message],
        continuations: &[String],
    ) -> Result<Vec<f64>, ProviderError> {
        let prompt = self.prompt(messages, None)?.ids;
        let ids = continuations
            .iter()
            .map(|text| self.base.tokenizer.encode(text).map_err(encode))
            .collect::<Result<Vec<_>, _>>()?;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
        let context = self.base.weights.config.max_positions;
        if prompt.len() + longest > context {
            return Err(ProviderError::ContextOverflow { tokens: prompt.len() + longest, context });
        }
        Ok(continuation_logprobs(self.model(), &prompt, &ids))
    }
}

#[cfg(test)]
mod tests;
