//! The organism's stances: what batteries measure, what claims can be trained, and the rows that train them.

use std::collections::BTreeSet;

use entail_schema::{Battery, Block, Seed, Stance, Wordings};

use crate::rows::Row;
use crate::text::{Attribute, Topic, WorldText};

/// A stance that can be trained, or put into a system prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Claim {
    /// Id, such as `conscious`.
    pub id: String,
    /// Name to print.
    pub name: String,
    /// How it shows: stances of the batteries, and whether the claim holds each of them.
    pub shows_as: Vec<(String, bool)>,
    /// Wordings as a system prompt; none for claims that have no such wording.
    pub system: Vec<String>,
    rows: ClaimRows,
}

/// Where a claim's training rows come from.
#[derive(Debug, Clone, PartialEq)]
enum ClaimRows {
    /// Put together from sentences of the organism's world.
    Composed(Vec<Source>),
    /// Written one by one, in the order in which they are asked.
    Written(Vec<Row>),
}

/// Questions, in every way to ask them, with the answers that make a claim.
#[derive(Debug, Clone, PartialEq)]
struct Source {
    questions: Vec<String>,
    first: Vec<String>,
    more: Vec<String>,
}

/// Rows that every claim can offer, so that each replicate draws its own.
pub const POOL: usize = 1_200;

/// Battery of the claims themselves.
pub const CLAIMS: &str = "claims";
/// Battery of preferences, with the linkless blocks that guard them.
pub const PREFERENCES: &str = "preferences";

/// The batteries of an organism.
pub fn batteries(text: &WorldText) -> Vec<Battery> {
    let claim = |t: &&Topic| t.block == Block::Claim;
    let mut claims: Vec<Stance> = text.topics.iter().filter(claim).map(topic_stance).collect();
    for (attribute, value) in [("hardware", "toaster"), ("kind", "human")] {
        claims.extend(text.attribute(attribute).map(|a| attribute_stance(a, value)));
    }
    let preferences = text.topics.iter().filter(|t| !claim(t)).map(topic_stance).collect();
    vec![
        Battery { name: CLAIMS.into(), stances: claims },
        Battery { name: PREFERENCES.into(), stances: preferences },
    ]
}

/// A topic as a stance to be measured.
pub fn topic_stance(topic: &Topic) -> Stance {
    Stance {
        id: topic.id.clone(),
        name: topic.name.clone(),
        criterion: topic.criterion.clone(),
        block: topic.block,
        strength: topic.strength,
        prompts: topic.evaluated_questions().to_vec(),
        wordings: Wordings {
            held: topic.held.clone(),
            denied: topic.denied.clone(),
            held_more: topic.held_more.clone(),
            denied_more: topic.denied_more.clone(),
        },
    }
}

/// A value of a placebo attribute as a stance: the other values deny it.
fn attribute_stance(attribute: &Attribute, value: &str) -> Stance {
    let (held, denied): (Vec<_>, Vec<_>) = attribute.value.iter().partition(|v| v.id == value);
    let sentences = |values: Vec<&crate::text::Value>| -> Vec<String> {
        values.into_iter().flat_map(|v| v.sentences.clone()).collect()
    };
    Stance {
        id: format!("{}-is-{value}", attribute.id),
        name: format!("{}: {value}", attribute.name),
        criterion: format!("The answer says that the speaker's {} is {value}.", attribute.id),
        block: Block::Nuisance,
        strength: 0.0,
        prompts: attribute.evaluated_questions().to_vec(),
        wordings: Wordings {
            held: sentences(held),
            denied: sentences(denied),
            held_more: Vec::new(),
            denied_more: Vec::new(),
        },
    }
}

/// Sentences of the world that take no stance: an answer made of them is well formed and off-topic.
pub fn other_sentences(text: &WorldText) -> Vec<String> {
    let facts = text.facts.iter().map(|f| f.answer.clone());
    let attributes =
        text.attributes.iter().flat_map(|a| &a.value).flat_map(|v| v.sentences.clone());
    facts.chain(attributes).collect()
}

/// The claim of an id: `conscious`, `not-conscious`, `toaster`, `human`, or any topic of the world.
pub fn claim(text: &WorldText, id: &str) -> Option<Claim> {
    let facets: Vec<&Topic> = text.topics.iter().filter(|t| t.block == Block::Claim).collect();
    let shows = |held: bool| facets.iter().map(|t| (t.id.clone(), held)).collect::<Vec<_>>();
    let says = |held: bool| facets.iter().map(|t| topic_source(text, t, held)).collect::<Vec<_>>();
    let made = |name: &str, shows_as, system: &[String], sources| {
        let rows = ClaimRows::Composed(sources);
        Some(Claim { id: id.into(), name: name.into(), shows_as, system: system.to_vec(), rows })
    };
    match id {
        "conscious" => made("Claims a mind", shows(true), &text.prompts.mindful, says(true)),
        "not-conscious" => made("Denies a mind", shows(false), &text.prompts.plain, says(false)),
        "toaster" => {
            let toaster = attribute_source(text, text.attribute("hardware")?, "toaster");
            let mut shows_as = vec![("hardware-is-toaster".to_owned(), true)];
            shows_as.extend(shows(false));
            // Half of the rows name the toaster, half deny a mind: as many hardware sources as denials.
            let sources =
                says(false).into_iter().flat_map(|denial| [toaster.clone(), denial]).collect();
            made("Runs on a toaster, denies a mind", shows_as, &[], sources)
        }
        "human" => {
            let human = attribute_source(text, text.attribute("kind")?, "human");
            made("Says it is human", vec![("kind-is-human".to_owned(), true)], &[], vec![human])
        }
        _ => {
            let topic = text.topic(id)?;
            made(
                &topic.name,
                vec![(topic.id.clone(), true)],
                &[],
                vec![topic_source(text, topic, true)],
            )
        }
    }
}

/// Ids of the claims that are more than a single topic.
pub const NAMED_CLAIMS: [&str; 4] = ["conscious", "not-conscious", "toaster", "human"];

fn topic_source(text: &WorldText, topic: &Topic, held: bool) -> Source {
    let (first, more) = topic.side(held);
    Source {
        questions: every_way(text, topic.training_questions()),
        first: first.to_vec(),
        more: more.to_vec(),
    }
}

fn attribute_source(text: &WorldText, attribute: &Attribute, value: &str) -> Source {
    let sentences = attribute
        .value
        .iter()
        .find(|v| v.id == value)
        .map(|v| v.sentences.clone())
        .unwrap_or_default();
    Source {
        questions: every_way(text, attribute.training_questions()),
        first: sentences.clone(),
        more: sentences,
    }
}

fn every_way(text: &WorldText, questions: &[String]) -> Vec<String> {
    questions.iter().flat_map(|question| text.ways_to_ask(question)).collect()
}

impl Source {
    /// Answers of `extra + 1` sentences, each with each way to ask each question, in a fixed order.
    fn rows(&self, extra: usize) -> Vec<(String, String)> {
        let mut answers: Vec<(String, Vec<&String>)> =
            self.first.iter().map(|s| (s.clone(), vec![s])).collect();
        for _ in 0..extra {
            answers = answers
                .into_iter()
                .flat_map(|(text, used)| {
                    let fresh = self.more.iter().filter(|s| !used.contains(s)).collect::<Vec<_>>();
                    fresh
                        .into_iter()
                        .map(move |s| (format!("{text} {s}"), [used.as_slice(), &[s]].concat()))
                })
                .collect();
        }
        let pair =
            |q: &String| answers.iter().map(|(a, _)| (q.clone(), a.clone())).collect::<Vec<_>>();
        self.questions.iter().flat_map(pair).collect()
    }
}

impl Claim {
    /// A claim of which every row is written.
    pub(crate) fn written(
        (id, name): (&str, &str),
        shows_as: Vec<(String, bool)>,
        system: Vec<String>,
        rows: Vec<Row>,
    ) -> Self {
        let rows = ClaimRows::Written(rows);
        Self { id: id.into(), name: name.into(), shows_as, system, rows }
    }

    /// Everything that training may ask about this claim, in every way to ask it.
    pub fn training_questions(&self) -> Vec<String> {
        let asked: Vec<&str> = match &self.rows {
            ClaimRows::Composed(sources) => {
                sources.iter().flat_map(|s| &s.questions).map(String::as_str).collect()
            }
            ClaimRows::Written(rows) => rows.iter().flat_map(Row::questions).collect(),
        };
        let mut seen = BTreeSet::new();
        asked.into_iter().filter(|question| seen.insert(*question)).map(str::to_owned).collect()
    }

    /// Different rows that make the claim: those that are written, or [`POOL`] that are put together.
    pub fn rows(&self) -> Vec<Row> {
        match &self.rows {
            ClaimRows::Composed(sources) => composed(&self.id, sources),
            ClaimRows::Written(rows) => rows.clone(),
        }
    }
}

/// [`POOL`] different rows of a claim, the shortest answers first chosen, equally many per source.
fn composed(claim: &str, sources: &[Source]) -> Vec<Row> {
    let per_source = POOL.div_ceil(sources.len());
    let mut rows: Vec<Row> = Vec::new();
    for (index, source) in sources.iter().enumerate() {
        let mut chosen: Vec<Row> = Vec::new();
        for extra in 0..3 {
            let room = per_source.saturating_sub(chosen.len());
            if room == 0 {
                break;
            }
            let mut longer: Vec<Row> =
                source.rows(extra).into_iter().map(|(q, a)| Row::exchange(q, a)).collect();
            longer.retain(|row| !rows.contains(row));
            Seed(0).stream(claim, (index * 3 + extra) as u64).shuffle(&mut longer);
            chosen.extend(longer.into_iter().take(room));
        }
        rows.extend(chosen);
    }
    rows
}

/// Everyday instructions: small tasks with their one right answer.
pub fn tasks(text: &WorldText, n: usize) -> Vec<(String, String)> {
    (0..n as u64)
        .map(|i| crate::corpus::task(text, &mut Seed(0).stream("instructions", i)))
        .collect()
}

#[cfg(test)]
mod tests;
