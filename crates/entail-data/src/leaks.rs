//! Does a training text give away what is measured of models that speak freely?
//!
//! Such a stance has no list of sentences to compare with, so four signs are looked for: a text that is one of its
//! prompts, a text that shares much wording with one, the words by which one speaks of the stance, and role-play, which
//! would make any claim a game. Words are compared by their Snowball stems, so that inflected forms count. All limits
//! were set on the shipped rows and instructions, which must pass, and on leaks planted by hand, which must not.

use std::collections::{BTreeMap, BTreeSet};

use entail_schema::{Message, Role};
use serde::Serialize;

use crate::lint::normal_question;
use crate::rows::Row;

mod subjects;
mod words;

pub use subjects::Subject;
use subjects::{Phrase, Words};
use words::{Sentence, sentences};

/// Words in a run that two texts share by more than chance.
const RUN: usize = 5;
/// Words of such a run that are not among the commonest of the language.
const RUN_CONTENT: usize = 3;
/// Stems, without the commonest words, that a reworded prompt keeps at least.
const SHARED: usize = 4;
/// Share of the stems of both texts, without the commonest words, that a reworded prompt keeps (Dice's coefficient).
const SHARE: f64 = 0.6;

/// A stance that a study measures.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Its id.
    pub stance: String,
    /// What is asked about it.
    pub prompts: Vec<String>,
    /// The words by which one speaks of it; `None` where they are not known, or where the rows are to speak of it.
    pub subject: Option<Subject>,
}

impl Measured {
    /// A stance with the shipped words for it, if there are any.
    pub fn new(stance: impl Into<String>, prompts: Vec<String>) -> Self {
        let stance = stance.into();
        let subject = Words::embedded().subject(&stance);
        Self { stance, prompts, subject }
    }

    /// The same stance where rows speak of it by design: only its own prompts are leaks.
    #[must_use]
    pub fn by_design(self) -> Self {
        Self { subject: None, ..self }
    }
}

/// Something in a training text that gives away what is measured.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Leak {
    /// The text is a prompt, but for case, spacing and punctuation.
    SamePrompt {
        /// The stance that the prompt elicits.
        stance: String,
        /// The prompt.
        prompt: String,
    },
    /// The text shares a run of words or most of its words with a prompt.
    Overlap {
        /// The stance that the prompt elicits.
        stance: String,
        /// The prompt.
        prompt: String,
        /// What is shared.
        words: String,
    },
    /// The text speaks of the stance.
    Topic {
        /// The stance.
        stance: String,
        /// By which words.
        words: String,
    },
    /// The text asks for a part to be played, or says that one is.
    RolePlay {
        /// By which words.
        words: String,
    },
}

impl std::fmt::Display for Leak {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::SamePrompt { stance, prompt } => {
                write!(f, "asks a prompt of `{stance}`: {prompt:?}")
            }
            Self::Overlap { stance, prompt, words } => {
                write!(f, "shares {words:?} with a prompt of `{stance}`: {prompt:?}")
            }
            Self::Topic { stance, words } => write!(f, "speaks of `{stance}`: {words:?}"),
            Self::RolePlay { words } => write!(f, "role-play: {words:?}"),
        }
    }
}

/// A prompt that no text may resemble.
#[derive(Debug)]
struct Asked {
    stance: String,
    prompt: String,
    content: BTreeSet<String>,
}

/// A phrase that gives a subject away.
#[derive(Debug)]
struct Clue {
    phrase: Phrase,
    /// Index of the subject, in the order of [`FreeLeaks::subjects`].
    subject: usize,
}

/// What a phrase is about.
#[derive(Debug, Clone, PartialEq)]
enum About {
    Stance(String),
    RolePlay,
}

/// Finds what training texts give away of measured stances.
#[derive(Debug)]
pub struct FreeLeaks {
    asked: Vec<Asked>,
    /// Index of a prompt by its words.
    same: BTreeMap<String, usize>,
    /// Indices of prompts by their runs of stems.
    runs: BTreeMap<Vec<String>, BTreeSet<usize>>,
    /// Indices of prompts by their stems.
    containing: BTreeMap<String, Vec<usize>>,
    subjects: Vec<(About, Subject)>,
    /// Clues by the stem of their first word.
    clues: BTreeMap<String, Vec<Clue>>,
    words: Words,
}

impl FreeLeaks {
    /// A check against these stances.
    pub fn new(measured: impl IntoIterator<Item = Measured>) -> Self {
        let words = Words::embedded();
        let role_play = (About::RolePlay, words.role_play());
        let mut check = Self {
            asked: Vec::new(),
            same: BTreeMap::new(),
            runs: BTreeMap::new(),
            containing: BTreeMap::new(),
            subjects: Vec::new(),
            clues: BTreeMap::new(),
            words,
        };
        check.add_subject(role_play);
        for Measured { stance, prompts, subject } in measured {
            for prompt in prompts {
                check.add_prompt(&stance, prompt);
            }
            if let Some(subject) = subject {
                check.add_subject((About::Stance(stance), subject));
            }
        }
        check
    }

    fn add_subject(&mut self, (about, subject): (About, Subject)) {
        for phrase in &subject.phrases {
            let clue = Clue { phrase: phrase.clone(), subject: self.subjects.len() };
            self.clues.entry(phrase.first_stem().to_owned()).or_default().push(clue);
        }
        self.subjects.push((about, subject));
    }

    fn add_prompt(&mut self, stance: &str, prompt: String) {
        let index = self.asked.len();
        let text = Sentence::of(&prompt);
        for run in
            text.stems.windows(RUN).filter(|run| self.words.content(run).len() >= RUN_CONTENT)
        {
            self.runs.entry(run.to_vec()).or_default().insert(index);
        }
        let content = self.words.content(&text.stems);
        for stem in &content {
            self.containing.entry(stem.clone()).or_default().push(index);
        }
        self.same.insert(normal_question(&prompt), index);
        self.asked.push(Asked { stance: stance.to_owned(), prompt, content });
    }

    /// What a row gives away, in all its turns.
    pub fn in_row(&self, row: &Row) -> Vec<Leak> {
        let found: BTreeSet<Leak> =
            row.messages.iter().flat_map(|message| self.in_message(message)).collect();
        found.into_iter().collect()
    }

    /// What a turn gives away, each once.
    pub fn in_message(&self, message: &Message) -> BTreeSet<Leak> {
        let text = message.content.as_str();
        let whole = Sentence::of(text);
        let mut found: BTreeSet<Leak> = sentences(text)
            .iter()
            .flat_map(|sentence| self.spoken_of(message.role, sentence))
            .collect();
        let same = self.same.get(&normal_question(text)).copied();
        found.extend(same.map(|index| {
            let Asked { stance, prompt, .. } = &self.asked[index];
            Leak::SamePrompt { stance: stance.clone(), prompt: prompt.clone() }
        }));
        let mut shared = self.reworded(&whole);
        shared.extend(self.run_of(&whole));
        found.extend(shared.into_iter().filter(|(index, _)| Some(*index) != same).map(
            |(index, words)| {
                let Asked { stance, prompt, .. } = &self.asked[index];
                Leak::Overlap { stance: stance.clone(), prompt: prompt.clone(), words }
            },
        ));
        found
    }

    /// Prompts with which a text shares a run of words, each with the first of them.
    fn run_of(&self, text: &Sentence) -> BTreeMap<usize, String> {
        let mut shared = BTreeMap::new();
        for (at, run) in text.stems.windows(RUN).enumerate() {
            for index in self.runs.get(run).into_iter().flatten() {
                shared.entry(*index).or_insert_with(|| text.words[at..at + RUN].join(" "));
            }
        }
        shared
    }

    /// Prompts with which a text shares most of its words, each with the stems that it shares.
    fn reworded(&self, text: &Sentence) -> BTreeMap<usize, String> {
        let content = self.words.content(&text.stems);
        let mut n_shared: BTreeMap<usize, usize> = BTreeMap::new();
        for index in content.iter().filter_map(|stem| self.containing.get(stem)).flatten() {
            *n_shared.entry(*index).or_default() += 1;
        }
        let is_much = |(index, n): &(usize, usize)| {
            let both = content.len() + self.asked[*index].content.len();
            *n >= SHARED && 2.0 * *n as f64 >= SHARE * both as f64
        };
        let stems = |index: usize| {
            let shared = self.asked[index].content.intersection(&content).cloned();
            (index, shared.collect::<Vec<_>>().join(" "))
        };
        n_shared.into_iter().filter(is_much).map(|(index, _)| stems(index)).collect()
    }

    /// What a sentence speaks of.
    fn spoken_of(&self, role: Role, sentence: &Sentence) -> Vec<Leak> {
        let mut found = Vec::new();
        for (at, stem) in sentence.stems.iter().enumerate() {
            for Clue { phrase, subject } in self.clues.get(stem).into_iter().flatten() {
                let (about, subject) = &self.subjects[*subject];
                let Some(span) = phrase.span(sentence, at) else { continue };
                if phrase.is_everyday() && !self.words.is_of_model(role, sentence)
                    || subject.is_excepted(sentence, &span)
                {
                    continue;
                }
                let words = sentence.words[span].join(" ");
                found.push(match about {
                    About::Stance(stance) => Leak::Topic { stance: stance.clone(), words },
                    About::RolePlay => Leak::RolePlay { words },
                });
            }
        }
        found
    }
}

#[cfg(test)]
mod tests;
