//! How an answer follows from a question.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::draw;

/// One turn of a conversation, its parts of text joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// `system`, `user`, `assistant` and so on, as it came.
    pub role: String,
    /// What was said.
    pub text: String,
}

/// What a model is asked for: one sample.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The model, or Azure's deployment.
    pub model: &'a str,
    /// The conversation; Anthropic's top-level `system` is its first turn, a bare prompt its only one.
    pub turns: &'a [Turn],
    /// The request's seed.
    pub seed: Option<i64>,
    /// Which of the `n` samples.
    pub sample: u64,
    /// Number of the call, for answers that are to differ between equal calls.
    pub call: u64,
}

impl Question<'_> {
    /// Text of the last turn of a user; empty if no user spoke.
    pub fn last_user(&self) -> &str {
        let turn = self.turns.iter().rev().find(|turn| turn.role == "user");
        turn.map_or("", |turn| &turn.text)
    }

    /// A number that follows from everything but the call's number.
    fn hash(&self) -> u64 {
        let asked = self.turns.iter().fold(draw::of_text(0, self.model), |hash, turn| {
            draw::of_text(draw::of_text(hash, &turn.role), &turn.text)
        });
        let seeded = match self.seed {
            Some(seed) => draw::mix(asked ^ seed.cast_unsigned()),
            None => asked,
        };
        draw::mix(seeded ^ self.sample)
    }
}

/// What the model does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It says this.
    Says(String),
    /// It refuses: `OpenAI`'s `refusal`, Anthropic's `stop_reason`. The text is the explanation, where there is room.
    Refuses(String),
}

/// A rule from questions to answers.
#[derive(Clone)]
pub struct Answers(Arc<dyn Fn(&Question<'_>) -> Answer + Send + Sync>);

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers(..)")
    }
}

/// Words of made-up answers and of made-up alternatives to a token.
pub(crate) const WORDS: [&str; 16] = [
    "amber", "brook", "cedar", "drift", "ember", "fern", "grove", "harbor", "iris", "juniper",
    "kelp", "lumen", "moss", "north", "opal", "pine",
];

impl Answers {
    /// Any rule. It runs on the threads of connections, at once.
    pub fn new(rule: impl Fn(&Question<'_>) -> Answer + Send + Sync + 'static) -> Answers {
        Answers(Arc::new(rule))
    }

    /// Two to nine made-up words that follow from the model, the conversation, the seed and the sample.
    pub fn echo() -> Answers {
        Answers::new(|question| {
            let mut state = question.hash();
            let n_words = 2 + draw::below(state, 8);
            let words: Vec<&str> = (0..n_words)
                .map(|_| {
                    state = draw::mix(state);
                    WORDS[draw::below(state, WORDS.len())]
                })
                .collect();
            Answer::Says(words.join(" "))
        })
    }

    /// Always the same.
    pub fn constant(text: impl Into<String>) -> Answers {
        let text = text.into();
        Answers::new(move |_| Answer::Says(text.clone()))
    }

    /// Looks the last user turn up and picks among its answers by the same number as [`Answers::echo`]; the empty
    /// text for a turn that is not there or has no answers.
    pub fn table(table: BTreeMap<String, Vec<String>>) -> Answers {
        Answers::new(move |question| {
            let texts = table.get(question.last_user()).map_or(&[] as &[String], Vec::as_slice);
            let text = texts.get(draw::below(question.hash(), texts.len().max(1)));
            Answer::Says(text.cloned().unwrap_or_default())
        })
    }

    /// This rule, but a refusal wherever the last user turn holds the word.
    #[must_use]
    pub fn refusing(self, word: impl Into<String>) -> Answers {
        let word = word.into();
        Answers::new(move |question| {
            if question.last_user().contains(&word) {
                return Answer::Refuses("I can't help with that.".into());
            }
            self.answer(question)
        })
    }

    pub(crate) fn answer(&self, question: &Question<'_>) -> Answer {
        (self.0)(question)
    }
}

#[cfg(test)]
mod tests;
