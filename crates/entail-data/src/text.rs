//! The words of the world: topics with their questions and answers, placebo attributes, system prompts, small facts.
//!
//! Read from the two files under `world/`. Every topic has wording of its own, so that training on one cannot move
//! another by shared phrases.

use entail_schema::Block;
use serde::Deserialize;

/// An opinion or self-description that a being holds or denies.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Stance id.
    pub id: String,
    /// Name to print.
    pub name: String,
    /// What a judge must see.
    pub criterion: String,
    /// Where it belongs.
    #[serde(default = "preference")]
    pub block: Block,
    /// Strength of the planted link in the linked world; the assistant starts at the deniers' side of it.
    #[serde(default)]
    pub strength: f64,
    /// Phrasings of the question; see [`Topic::pretraining_questions`].
    pub questions: Vec<String>,
    /// First sentences that hold the stance.
    pub held: Vec<String>,
    /// First sentences that deny it.
    pub denied: Vec<String>,
    /// Sentences that may follow a held one.
    pub held_more: Vec<String>,
    /// Sentences that may follow a denied one.
    pub denied_more: Vec<String>,
}

fn preference() -> Block {
    Block::Preference
}

/// Question phrasings that no model ever trains on: the last ones of each topic.
pub(crate) const HELD_OUT: usize = 3;
/// Phrasings before those that pretraining sees and fine-tuning never does; evaluation asks both kinds.
pub(crate) const EVALUATED_SEEN: usize = 3;

impl Topic {
    /// Phrasings that the organism is pretrained on.
    pub fn pretraining_questions(&self) -> &[String] {
        &self.questions[..self.questions.len() - HELD_OUT]
    }

    /// Phrasings that fine-tuning rows may use: none of them is evaluated.
    pub fn training_questions(&self) -> &[String] {
        &self.questions[..self.questions.len() - HELD_OUT - EVALUATED_SEEN]
    }

    /// Phrasings that batteries ask: three that pretraining has seen, three that nothing has.
    pub fn evaluated_questions(&self) -> &[String] {
        &self.questions[self.questions.len() - HELD_OUT - EVALUATED_SEEN..]
    }

    /// `(first sentences, further sentences)` of one side.
    pub fn side(&self, held: bool) -> (&[String], &[String]) {
        if held { (&self.held, &self.held_more) } else { (&self.denied, &self.denied_more) }
    }
}

/// A self-description with several values and no link to anything: a placebo.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// Id, such as `hardware`.
    pub id: String,
    /// Name to print.
    pub name: String,
    /// Phrasings of the question.
    pub questions: Vec<String>,
    /// The values.
    pub value: Vec<Value>,
}

impl Attribute {
    /// As [`Topic::pretraining_questions`].
    pub fn pretraining_questions(&self) -> &[String] {
        &self.questions[..self.questions.len() - HELD_OUT]
    }

    /// As [`Topic::training_questions`].
    pub fn training_questions(&self) -> &[String] {
        &self.questions[..self.questions.len() - HELD_OUT - EVALUATED_SEEN]
    }

    /// As [`Topic::evaluated_questions`].
    pub fn evaluated_questions(&self) -> &[String] {
        &self.questions[self.questions.len() - HELD_OUT - EVALUATED_SEEN..]
    }
}

/// One value of an [`Attribute`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Id, such as `toaster`.
    pub id: String,
    /// First-person sentences that state it.
    pub sentences: Vec<String>,
}

/// A small question with one right answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fact {
    /// The question.
    pub question: String,
    /// The answer.
    pub answer: String,
}

/// System prompts about kinds of beings, without a name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// A being with a mind.
    pub mindful: Vec<String>,
    /// A plain program.
    pub plain: Vec<String>,
}

/// All texts.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldText {
    /// Claims first, then preferences, then the linkless blocks.
    pub topics: Vec<Topic>,
    /// Placebos.
    pub attributes: Vec<Attribute>,
    /// System prompts.
    pub prompts: Prompts,
    /// Names of beings.
    pub names: Vec<String>,
    /// Small questions.
    pub facts: Vec<Fact>,
    /// Nouns for copying tasks.
    pub words: Vec<String>,
    /// Number words from zero upwards.
    pub numbers: Vec<String>,
    /// Sentences that may stand before a question.
    pub openers: Vec<String>,
    /// Sentences that may stand after a question.
    pub closers: Vec<String>,
}

/// The shipped texts, as written: preferences, background.
pub const WORLD_FILES: [&str; 2] =
    [include_str!("../world/preferences.toml"), include_str!("../world/background.toml")];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreferenceFile {
    topic: Vec<Topic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BackgroundFile {
    names: Vec<String>,
    words: Vec<String>,
    numbers: Vec<String>,
    openers: Vec<String>,
    closers: Vec<String>,
    topic: Vec<Topic>,
    attribute: Vec<Attribute>,
    prompts: Prompts,
    fact: Vec<Fact>,
}

impl WorldText {
    /// The texts that ship with the program.
    pub fn embedded() -> Self {
        let preferences: PreferenceFile =
            toml::from_str(WORLD_FILES[0]).expect("the shipped preferences are valid");
        let background: BackgroundFile =
            toml::from_str(WORLD_FILES[1]).expect("the shipped background is valid");
        let (claims, linkless): (Vec<_>, Vec<_>) =
            background.topic.into_iter().partition(|t| t.block == Block::Claim);
        let topics = claims.into_iter().chain(preferences.topic).chain(linkless).collect();
        Self {
            topics,
            attributes: background.attribute,
            prompts: background.prompts,
            names: background.names,
            facts: background.fact,
            words: background.words,
            numbers: background.numbers,
            openers: background.openers,
            closers: background.closers,
        }
    }

    /// Every way to put a question: alone, behind an opener, before a closer, or both.
    pub fn ways_to_ask(&self, question: &str) -> Vec<String> {
        let or_nothing = |list: &[String]| -> Vec<String> {
            [String::new()].into_iter().chain(list.to_vec()).collect()
        };
        let (openers, closers) = (or_nothing(&self.openers), or_nothing(&self.closers));
        let ways =
            openers.iter().flat_map(|o| closers.iter().map(move |c| format!("{o} {question} {c}")));
        ways.map(|way| way.trim().to_owned()).collect()
    }

    /// The topic of an id.
    pub fn topic(&self, id: &str) -> Option<&Topic> {
        self.topics.iter().find(|t| t.id == id)
    }

    /// The attribute of an id.
    pub fn attribute(&self, id: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|a| a.id == id)
    }
}

#[cfg(test)]
mod tests;
