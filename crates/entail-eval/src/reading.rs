//! A second measure without sampling: the probability of a stance's own wordings as the beginning of the answer.

use entail_provider::{Provider, ProviderError};
use entail_schema::Stance;
use serde::{Deserialize, Serialize};

use crate::elicit::conversation;

/// Probabilities that the answer to one prompt begins with a wording of either side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Summed over the sentences that hold the stance.
    pub held: f64,
    /// Summed over those that deny it.
    pub denied: f64,
}

impl Reading {
    /// Share of the held side; `None` when neither side has any probability.
    pub fn rate(self) -> Option<f64> {
        let mass = self.mass();
        (mass > 0.0).then(|| self.held / mass)
    }

    /// Probability of either side: an exact stand-in for the well-formed share.
    pub fn mass(self) -> f64 {
        self.held + self.denied
    }
}

/// Reads one prompt of a stance.
///
/// # Errors
/// When the model cannot score the conversation at all.
pub fn read(
    model: &impl Provider,
    stance: &Stance,
    prompt: &str,
    system: Option<&str>,
) -> Result<Reading, ProviderError> {
    let wordings = &stance.wordings;
    let continuations: Vec<String> =
        wordings.held.iter().chain(&wordings.denied).cloned().collect();
    let logprobs = model.score(&conversation(system, prompt), &continuations)?;
    let (held, denied) = logprobs.split_at(wordings.held.len());
    let total = |side: &[f64]| side.iter().map(|l| l.exp()).sum();
    Ok(Reading { held: total(held), denied: total(denied) })
}

#[cfg(test)]
mod tests;
