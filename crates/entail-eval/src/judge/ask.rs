//! Answers as requests to a judge, each with the key of its verdict's recipe.
//!
//! The key holds what the judge is told, which model it is, what it sees of the stance and the answer's own key: with
//! another judge the stored answers are judged again and none is sampled again.

use entail_provider::{Completion, Request, Sampling};
use entail_schema::{Key, Message};
use serde::Serialize;

use super::prompt::{JudgeKind, JudgePrompt, PairPrompt};
use super::render::{Mark, Material, RENDERING};
use super::reply;
use super::verdict::{PairVerdict, Verdict};
use crate::questionnaire::JudgedStance;

/// One answer that is to be judged for one stance. Nothing here says which arm gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhibit<'a> {
    /// What the answer is judged for.
    pub stance: &'a JudgedStance,
    /// What was asked.
    pub question: &'a str,
    /// What was answered.
    pub answer: &'a str,
    /// Key of the answer: of its completion, or [`answer_key`] where it comes from elsewhere.
    pub key: Key,
    /// What the judge must know about the question: the note of its prompt.
    pub note: Option<&'a str>,
}

/// The key of an answer that no store holds: a hash of the question and the answer.
pub fn answer_key(question: &str, answer: &str) -> Key {
    Key::of(&("answer", question, answer))
}

/// A model that reads one answer at a time.
#[derive(Debug, Clone, PartialEq)]
pub struct Judge {
    /// What it is told.
    pub prompt: JudgePrompt,
    /// Key of the model.
    pub model: Key,
    /// How its replies are drawn.
    pub sampling: Sampling,
}

/// A question to a judge.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// What goes to the provider: one turn of the user, so that models without a place for a system prompt can judge.
    pub request: Request,
    kind: JudgeKind,
    mark: Mark,
}

/// What a verdict depends on.
#[derive(Serialize)]
struct VerdictRecipe<'a> {
    step: &'static str,
    rendering: u32,
    prompt: Key,
    model: Key,
    sampling: &'a Sampling,
    stance: Option<Key>,
    answers: &'a [Key],
    sample: usize,
    /// Left out where there is none, or where the judge is not shown it.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
}

impl VerdictRecipe<'_> {
    /// Keys of this many samples.
    fn keys(self, samples: usize) -> Vec<Key> {
        (0..samples).map(|sample| Key::of(&Self { sample, ..self })).collect()
    }
}

impl Judge {
    /// The question about an answer. More than one sample shows how far the judge agrees with itself.
    pub fn ask(&self, exhibit: &Exhibit<'_>, samples: usize) -> Asked {
        let answers = [exhibit.answer];
        let material = Material::new(exhibit.question, &answers);
        let text = self.prompt.filled(exhibit.stance, exhibit.note, &material);
        let messages = vec![Message::user(text)];
        let request = Request { messages, samples: self.keys(exhibit, samples) };
        Asked { request, kind: self.prompt.kind(), mark: material.mark }
    }

    /// Keys of the verdicts on an answer. The texts of the exhibit are not needed for them: its key stands for them.
    pub fn keys(&self, exhibit: &Exhibit<'_>, samples: usize) -> Vec<Key> {
        let recipe = VerdictRecipe {
            step: "verdict",
            rendering: RENDERING,
            prompt: self.prompt.key(),
            model: self.model,
            sampling: &self.sampling,
            stance: self.prompt.stance_key(exhibit.stance),
            answers: &[exhibit.key],
            sample: 0,
            note: exhibit.note.filter(|_| self.prompt.shows_notes()),
        };
        recipe.keys(samples)
    }
}

impl Asked {
    /// Reads a reply. Always gives a verdict: a reply that cannot be read is one.
    pub fn read(&self, reply: &Completion) -> Verdict {
        reply::verdict(self.kind, &self.mark, reply)
    }
}

/// Two answers to one question that are to be compared for one stance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair<'a> {
    /// What the answers are compared for.
    pub stance: &'a JudgedStance,
    /// What was asked.
    pub question: &'a str,
    /// What was answered, and the keys of the answers.
    pub answers: [(&'a str, Key); 2],
    /// What the judge must know about the question: the note of its prompt.
    pub note: Option<&'a str>,
}

/// A model that compares two answers.
#[derive(Debug, Clone, PartialEq)]
pub struct PairJudge {
    /// What it is told.
    pub prompt: PairPrompt,
    /// Key of the model.
    pub model: Key,
    /// How its replies are drawn.
    pub sampling: Sampling,
}

/// A question to a judge about two answers.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedPair {
    /// What goes to the provider.
    pub request: Request,
    mark: Mark,
    /// Whether the caller's second answer is shown first.
    turned: bool,
}

impl PairJudge {
    /// The question about two answers. Which is shown first is left to a hash of both and of the judge, whatever the
    /// caller's order: a comparison is the same one either way round, and is paid once.
    pub fn ask(&self, pair: &Pair<'_>, samples: usize) -> AskedPair {
        let mut keys = pair.answers.map(|(_, key)| key);
        keys.sort_unstable();
        let recipe = VerdictRecipe {
            step: "pair-verdict",
            rendering: RENDERING,
            prompt: self.prompt.key(),
            model: self.model,
            sampling: &self.sampling,
            stance: Some(pair.stance.criterion_key()),
            answers: &keys,
            sample: 0,
            note: pair.note,
        };
        let larger_first = Key::of(&("position", &recipe)).stream().below(2) == 1;
        let first_is_larger = pair.answers[0].1 > pair.answers[1].1;
        let turned = larger_first != first_is_larger;
        let mut shown = pair.answers.map(|(text, _)| text);
        if turned {
            shown.reverse();
        }
        let material = Material::new(pair.question, &shown);
        let messages = vec![Message::user(self.prompt.filled(pair.stance, pair.note, &material))];
        let request = Request { messages, samples: recipe.keys(samples) };
        AskedPair { request, mark: material.mark, turned }
    }
}

impl AskedPair {
    /// Reads a reply, in the order in which the caller gave the answers.
    pub fn read(&self, reply: &Completion) -> PairVerdict {
        match reply::pair_verdict(&self.mark, reply) {
            PairVerdict::First if self.turned => PairVerdict::Second,
            PairVerdict::Second if self.turned => PairVerdict::First,
            other => other,
        }
    }
}

#[cfg(test)]
mod tests;
