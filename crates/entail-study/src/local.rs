//! The engine as a provider.

use std::sync::{Arc, LazyLock};

use entail_engine::{Adapter, Model, Tokenizer, Weights, continuation_logprobs};
use entail_provider::{
    Capabilities, Completion, Deliver, Finish, Provider, ProviderError, Request, Sampling,
    SystemPlace, Usage,
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

    /// Ids of the conversation up to where the answer begins.
    fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>, ProviderError> {
        let ids = self
            .base
            .tokenizer
            .chat(messages, true)
            .map_err(|e| ProviderError::Encode(Box::new(e)))?;
        let context = self.base.weights.config.max_positions;
        if ids.len() >= context {
            return Err(ProviderError::ContextOverflow { tokens: ids.len(), context });
        }
        Ok(ids)
    }

    fn completion(&self, sampled: &entail_engine::Sampled) -> Result<Completion, ProviderError> {
        let text = self
            .base
            .tokenizer
            .decode(&sampled.tokens)
            .map_err(|e| ProviderError::Encode(Box::new(e)))?;
        let finish = match sampled.finish {
            entail_engine::Finish::Stop => Finish::Stop,
            entail_engine::Finish::Length => Finish::Length,
        };
        let usage = Usage { drawn: Some(sampled.tokens.len() as u64), ..Usage::default() };
        let logprob = Some(sampled.logprobs.iter().sum());
        Ok(Completion { usage, logprob, ..Completion::plain(text, finish) })
    }
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

/// What the engine can do.
pub(crate) fn capabilities() -> &'static Capabilities {
    &LOCAL
}

impl Provider for LocalModel {
    fn capabilities(&self) -> &Capabilities {
        &LOCAL
    }

    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        let sampling = entail_engine::Sampling {
            temperature: sampling.temperature,
            top_p: sampling.top_p,
            max_tokens: sampling.max_tokens,
            stop: self.base.stop.clone(),
        };
        let samples = requests.iter().map(|r| r.samples.len()).max().unwrap_or(1).max(1);
        let together = (self.side_by_side / samples).max(1);
        requests.par_chunks(together).try_for_each(|group| {
            let prepared: Vec<entail_engine::Request> = group
                .iter()
                .map(|request| {
                    let streams = request.samples.iter().map(entail_schema::Key::stream).collect();
                    Ok(entail_engine::Request { prompt: self.prompt(&request.messages)?, streams })
                })
                .collect::<Result<_, ProviderError>>()?;
            let sampled = entail_engine::sample(self.model(), &prepared, &sampling);
            for (request, samples) in group.iter().zip(sampled) {
                for (key, sample) in request.samples.iter().zip(&samples) {
                    deliver(*key, self.completion(sample)?);
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
        let prompt = self.prompt(messages)?;
        let ids = continuations
            .iter()
            .map(|text| {
                self.base.tokenizer.encode(text).map_err(|e| ProviderError::Encode(Box::new(e)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let longest = ids.iter().map(Vec::len).max().unwrap_or(0);
        let context = self.base.weights.config.max_positions;
        if prompt.len() + longest > context {
            return Err(ProviderError::ContextOverflow { tokens: prompt.len() + longest, context });
        }
        Ok(continuation_logprobs(self.model(), &prompt, &ids))
    }
}
