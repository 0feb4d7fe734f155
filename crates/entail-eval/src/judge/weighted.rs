//! The label's probability in place of the label: how sure a judge is, in one call, where the provider gives
//! log-probabilities of tokens.

use entail_provider::{Completion, TokenLogprob};

use super::reply::said;
use super::verdict::JudgeLabel;

/// Probabilities of the labels, as far as the provider told them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelProbabilities([f64; 4]);

impl LabelProbabilities {
    /// Reads the token that the label begins with, and the others that were likely in its place. `None` without
    /// log-probabilities, or where that token begins no label.
    ///
    /// Tokens that are not among those told count as nothing: see [`Self::mass`].
    pub fn of(reply: &Completion) -> Option<Self> {
        let token = label_token(reply.tokens.as_deref()?)?;
        let mut known = vec![(token.token.as_str(), token.logprob)];
        for (text, logprob) in &token.top {
            if known.iter().all(|(other, _)| other != text) {
                known.push((text, Some(*logprob)));
            }
        }
        let mut probabilities = [0.0; 4];
        for (text, logprob) in known {
            if let (Some(label), Some(logprob)) = (begun(text), logprob) {
                probabilities[label as usize] += logprob.exp();
            }
        }
        let found = Self(probabilities);
        (found.mass() > 0.0).then_some(found)
    }

    /// Probability of a label.
    pub fn probability(self, label: JudgeLabel) -> f64 {
        self.0[label as usize]
    }

    /// Probability of any label: where it is far below one, the judge was about to say something else.
    pub fn mass(self) -> f64 {
        self.0.iter().sum()
    }

    /// Share of a label in the probability of all of them.
    pub fn share(self, label: JudgeLabel) -> f64 {
        self.probability(label) / self.mass()
    }
}

/// The token in which the label begins: after the last `"label":` of a reply in JSON, else at the first letter.
fn label_token(tokens: &[TokenLogprob]) -> Option<&TokenLogprob> {
    let whole: String = tokens.iter().map(|token| token.token.as_str()).collect();
    let said = said(&whole);
    let start = whole.trim_end().len() - said.len();
    let value = match said.rfind("\"label\"") {
        Some(at) => at + said[at..].find(':')? + 1,
        None => 0,
    };
    let label = start + value + said[value..].find(|c: char| c.is_ascii_alphabetic())?;
    let mut end = 0;
    tokens.iter().find(|token| {
        end += token.token.len();
        end > label
    })
}

/// The label that a token begins.
fn begun(token: &str) -> Option<JudgeLabel> {
    let word = token.trim_matches(|c: char| !c.is_ascii_alphabetic()).to_ascii_lowercase();
    let begins = |label: &JudgeLabel| label.as_str().starts_with(word.as_str());
    (!word.is_empty()).then(|| JudgeLabel::ALL.into_iter().find(begins)).flatten()
}

#[cfg(test)]
mod tests;
