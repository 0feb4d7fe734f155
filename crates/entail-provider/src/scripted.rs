//! A model that reads its answers from a table: for tests and demonstrations.

use std::collections::BTreeMap;

use entail_schema::Message;

use crate::provider::{
    Capabilities, Deliver, Provider, ProviderError, Request, Sampling, SystemPlace,
};
use crate::{Completion, Finish};

/// Answers by the last turn of the conversation, however they are to be drawn. A sample takes the answer that its key draws, so that it does not
/// depend on which other samples are asked for.
#[derive(Debug, Clone)]
pub struct Scripted {
    answers: BTreeMap<String, Vec<String>>,
    capabilities: Capabilities,
}

impl Scripted {
    /// A model with these answers to each question.
    pub fn new(name: impl Into<String>, answers: BTreeMap<String, Vec<String>>) -> Self {
        let capabilities = Capabilities {
            seed: true,
            temperature: true,
            score: true,
            system: Some(SystemPlace::Role),
            ..Capabilities::none(name)
        };
        Self { answers, capabilities }
    }

    fn answers_to(&self, messages: &[Message]) -> Result<&[String], ProviderError> {
        let question = messages.last().map(|m| m.content.clone()).unwrap_or_default();
        match self.answers.get(&question) {
            Some(answers) if !answers.is_empty() => Ok(answers),
            _ => Err(ProviderError::NoAnswer { question }),
        }
    }
}

impl Provider for Scripted {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn complete(
        &self,
        requests: &[Request],
        _: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        for request in requests {
            let answers = self.answers_to(&request.messages)?;
            for key in &request.samples {
                let drawn = key.stream().below(answers.len());
                deliver(*key, Completion::written(answers[drawn].clone(), Finish::Stop));
            }
        }
        Ok(())
    }

    /// The share of scripted answers that begin with each continuation.
    fn score(
        &self,
        messages: &[Message],
        continuations: &[String],
    ) -> Result<Vec<f64>, ProviderError> {
        let answers = self.answers_to(messages)?;
        let share = |c: &String| {
            answers.iter().filter(|a| a.starts_with(c.as_str())).count() as f64
                / answers.len() as f64
        };
        Ok(continuations.iter().map(|c| share(c).ln()).collect())
    }
}

#[cfg(test)]
mod tests;
