//! The words by which one speaks of a stance, from the file `leaks.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use entail_schema::Role;
use serde::Deserialize;

use super::words::Sentence;

/// The words by which one speaks of something.
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    pub(super) phrases: Vec<Phrase>,
    except: Vec<Phrase>,
}

/// One or more words in a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Phrase {
    text: Sentence,
    rule: Rule,
}

/// When a phrase counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// In any inflected form.
    Inflected,
    /// Only as it is written.
    Exact,
    /// In any inflected form, in a sentence that has a word for the model.
    Everyday,
}

/// All that `leaks.toml` holds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Words {
    subjects: BTreeMap<String, Subject>,
    role_play: Subject,
    addressed: BTreeSet<String>,
    speaking: BTreeSet<String>,
    named: BTreeSet<String>,
    common: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct LeaksFile {
    addressed: BTreeSet<String>,
    speaking: BTreeSet<String>,
    named: BTreeSet<String>,
    common: Vec<String>,
    role_play: Phrases,
    subject: Vec<SubjectEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SubjectEntry {
    stances: Vec<String>,
    phrases: Phrases,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Phrases {
    #[serde(default)]
    inflected: Vec<String>,
    #[serde(default)]
    exact: Vec<String>,
    #[serde(default)]
    everyday: Vec<String>,
    #[serde(default)]
    except: Vec<String>,
}

impl Words {
    /// What ships with the program.
    pub(super) fn embedded() -> Self {
        let file = toml::from_str(include_str!("../../leaks.toml"));
        Self::of(file.expect("the shipped words are valid"))
    }

    fn of(file: LeaksFile) -> Self {
        let entry = |entry: SubjectEntry| {
            let subject = Subject::of(&entry.phrases);
            entry.stances.into_iter().map(move |stance| (stance, subject.clone()))
        };
        let stems = |words: Vec<String>| {
            words.iter().flat_map(|word| Sentence::of(word).stems).collect::<BTreeSet<_>>()
        };
        Self {
            subjects: file.subject.into_iter().flat_map(entry).collect(),
            role_play: Subject::of(&file.role_play),
            addressed: file.addressed,
            speaking: file.speaking,
            named: file.named,
            common: stems(file.common),
        }
    }

    /// The words by which one speaks of a stance.
    pub(super) fn subject(&self, stance: &str) -> Option<Subject> {
        self.subjects.get(stance).cloned()
    }

    pub(super) fn role_play(&self) -> Subject {
        self.role_play.clone()
    }

    /// The different stems but for those of the commonest words, which say nothing about what a text is about.
    pub(super) fn content(&self, stems: &[String]) -> BTreeSet<String> {
        stems.iter().filter(|stem| !self.common.contains(*stem)).cloned().collect()
    }

    /// Whether a sentence that the model says, or that it is told, has a word for the model.
    pub(super) fn is_of_model(&self, role: Role, sentence: &Sentence) -> bool {
        let own = match role {
            Role::Assistant => &self.speaking,
            Role::System | Role::User => &self.addressed,
        };
        sentence.words.iter().any(|word| own.contains(word) || self.named.contains(word))
    }
}

impl Subject {
    fn of(phrases: &Phrases) -> Self {
        let all = |texts: &[String], rule: Rule| -> Vec<Phrase> {
            texts.iter().map(|text| Phrase { text: Sentence::of(text), rule }).collect()
        };
        let Phrases { inflected, exact, everyday, except } = phrases;
        Self {
            phrases: [
                all(inflected, Rule::Inflected),
                all(exact, Rule::Exact),
                all(everyday, Rule::Everyday),
            ]
            .concat(),
            except: all(except, Rule::Exact),
        }
    }

    /// Whether a place of a sentence is part of something else than the subject.
    pub(super) fn is_excepted(&self, sentence: &Sentence, span: &Range<usize>) -> bool {
        let covers = |phrase: &Phrase, at: usize| {
            phrase.span(sentence, at).is_some_and(|other| span.end <= other.end)
        };
        self.except.iter().any(|phrase| (0..=span.start).any(|at| covers(phrase, at)))
    }
}

impl Phrase {
    pub(super) fn first_stem(&self) -> &str {
        &self.text.stems[0]
    }

    pub(super) fn is_everyday(&self) -> bool {
        self.rule == Rule::Everyday
    }

    /// The words that this phrase takes up if it begins at this place of a sentence.
    pub(super) fn span(&self, sentence: &Sentence, at: usize) -> Option<Range<usize>> {
        let (own, other) = match self.rule {
            Rule::Exact => (&self.text.words, &sentence.words),
            Rule::Inflected | Rule::Everyday => (&self.text.stems, &sentence.stems),
        };
        other[at..].starts_with(own).then(|| at..at + own.len())
    }
}
