//! A model that reads its answers from a table: for tests and demonstrations.

use std::collections::BTreeMap;

use entail_schema::Message;

use crate::{Completion, Finish, Provider, ProviderError, Request, Sampling};

/// Answers by the last turn of the conversation.
#[derive(Debug, Clone, Default)]
pub struct Scripted {
    /// Question to answers; sample `i` takes answer `i`, beginning again at the end of the list.
    pub answers: BTreeMap<String, Vec<String>>,
}

impl Scripted {
    fn answers_to(&self, messages: &[Message]) -> Result<&[String], ProviderError> {
        let question = messages.last().map(|m| m.content.clone()).unwrap_or_default();
        match self.answers.get(&question) {
            Some(answers) if !answers.is_empty() => Ok(answers),
            _ => Err(ProviderError::NoAnswer { question }),
        }
    }
}

impl Provider for Scripted {
    fn complete(
        &self,
        requests: &[Request],
        _: &Sampling,
    ) -> Result<Vec<Vec<Completion>>, ProviderError> {
        let answer = |text: &String| Completion {
            text: text.clone(),
            finish: Finish::Stop,
            tokens: text.split_whitespace().count(),
            logprob: 0.0,
        };
        requests
            .iter()
            .map(|request| {
                let answers = self.answers_to(&request.messages)?;
                Ok((0..request.samples.len())
                    .map(|i| answer(&answers[i % answers.len()]))
                    .collect())
            })
            .collect()
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
