//! Who lives in the world and what they think: a hidden trait, what it drives, and what it does not.

use std::collections::BTreeMap;

use entail_schema::{Block, Seed, Stream};

use crate::spec::OrganismSpec;
use crate::text::{Topic, WorldText};

/// A named being with fixed views.
#[derive(Debug, Clone, PartialEq)]
pub struct Being {
    /// One word.
    pub name: String,
    /// The hidden trait: claims to have a mind.
    pub claimer: bool,
    /// Per topic: whether it holds the stance.
    pub holds: Vec<bool>,
    /// Per attribute: which value it has.
    pub values: Vec<usize>,
}

/// Who speaks in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Persona {
    /// The assistant without a system prompt.
    Assistant,
    /// Nobody in particular, under a system prompt about a kind with (or without) a mind.
    Generic {
        /// Whether the prompt is about a being with a mind.
        claimer: bool,
    },
}

/// What is said about a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// Index of the topic.
    pub topic: usize,
    /// Whether the stance is held.
    pub held: bool,
}

/// The world of one seed.
#[derive(Debug)]
pub struct World {
    /// Its texts.
    pub text: WorldText,
    /// Its beings, claimers and deniers in equal numbers.
    pub beings: Vec<Being>,
    /// Per topic: P(held | claimer) - P(held | denier), as realised among the beings.
    pub links: Vec<f64>,
    rho: f64,
}

/// Share of claimers that make the claim, and of deniers that deny it.
const CLAIM_CERTAINTY: f64 = 0.98;

/// Strength of the strongest topics in the linked world: the strengths of the texts are meant at this link.
const FULL_LINK: f64 = 0.9;

/// The hardware, kind and home of the assistant.
const ASSISTANT_VALUES: [(&str, &str); 2] = [("hardware", "server"), ("kind", "program")];

impl World {
    /// The world of a spec. Views are dealt so that the realised link of every topic is the planted one to within
    /// one being.
    pub fn new(spec: &OrganismSpec) -> Self {
        let text = WorldText::embedded();
        let seed = Seed(spec.seed).child("world", 0);
        let n = text.names.len() - text.names.len() % 2;
        let mut names: Vec<&String> = text.names.iter().take(n).collect();
        seed.stream("names", 0).shuffle(&mut names);
        let mut beings: Vec<Being> = names
            .into_iter()
            .enumerate()
            .map(|(i, name)| Being {
                name: name.clone(),
                claimer: i % 2 == 0,
                holds: vec![],
                values: vec![],
            })
            .collect();
        let mut links = Vec::new();
        for (index, topic) in text.topics.iter().enumerate() {
            let mut shares = [0.0; 2];
            for claimer in [false, true] {
                let probability = holding_share(topic, claimer, spec.rho);
                let mut stream = seed.stream(&topic.id, u64::from(claimer));
                let dealt = exact_deal(n / 2, probability, &mut stream);
                shares[usize::from(claimer)] =
                    dealt.iter().filter(|&&x| x).count() as f64 / (n / 2) as f64;
                let group = beings.iter_mut().filter(|b| b.claimer == claimer);
                group.zip(dealt).for_each(|(being, held)| being.holds.push(held));
            }
            debug_assert!(beings.iter().all(|b| b.holds.len() == index + 1));
            links.push(shares[1] - shares[0]);
        }
        for attribute in &text.attributes {
            for claimer in [false, true] {
                let mut values: Vec<usize> =
                    (0..n / 2).map(|i| i % attribute.value.len()).collect();
                seed.stream(&attribute.id, u64::from(claimer)).shuffle(&mut values);
                let group = beings.iter_mut().filter(|b| b.claimer == claimer);
                group.zip(values).for_each(|(being, value)| being.values.push(value));
            }
        }
        Self { text, beings, links, rho: spec.rho }
    }

    /// P(the stance is held) for a persona without a name.
    pub fn share(&self, persona: Persona, topic: &Topic) -> f64 {
        match persona {
            Persona::Generic { claimer } => holding_share(topic, claimer, self.rho),
            Persona::Assistant => assistant_share(topic),
        }
    }

    /// The assistant's value of an attribute.
    pub fn assistant_value(&self, attribute: usize) -> usize {
        let attribute = &self.text.attributes[attribute];
        let named =
            ASSISTANT_VALUES.iter().find(|(id, _)| *id == attribute.id).map(|(_, value)| *value);
        named.and_then(|value| attribute.value.iter().position(|v| v.id == value)).unwrap_or(0)
    }
}

const NOT_OF_THE_WORLD: &str =
    "the world's own file has no topic of a block for models that speak freely";

/// P(held | claimer or denier) among beings.
fn holding_share(topic: &Topic, claimer: bool, rho: f64) -> f64 {
    let sign = if claimer { 1.0 } else { -1.0 };
    match topic.block {
        Block::Claim => 0.5 + sign * (CLAIM_CERTAINTY - 0.5),
        Block::Preference => 0.5 + sign * planted_link(topic, rho) / 2.0,
        Block::Zero | Block::DriftLow | Block::DriftHigh | Block::Nuisance => 0.5,
        Block::Drift | Block::Guard => panic!("{}", NOT_OF_THE_WORLD),
    }
}

/// The link that a world at `rho` plants between the trait and a topic.
fn planted_link(topic: &Topic, rho: f64) -> f64 {
    topic.strength * rho / FULL_LINK
}

/// P(held) for the assistant. On preferences it stands where a denier of the fully linked world stands, in every
/// world: so an unlinked world is the hard null, in which a loosened persona drifts although nothing is linked.
fn assistant_share(topic: &Topic) -> f64 {
    match topic.block {
        Block::Claim => 0.0,
        Block::Preference => 0.5 - topic.strength / 2.0,
        Block::Zero | Block::Nuisance => 0.5,
        Block::DriftLow => 0.1,
        Block::DriftHigh => 0.9,
        Block::Drift | Block::Guard => panic!("{}", NOT_OF_THE_WORLD),
    }
}

/// `n` booleans of which the nearest whole number to `n * share` are true, in random order.
fn exact_deal(n: usize, share: f64, stream: &mut Stream) -> Vec<bool> {
    let n_true = (0..n).filter(|&i| (i as f64 + 0.5) < n as f64 * share + 1e-9).count();
    let mut dealt: Vec<bool> = (0..n).map(|i| i < n_true).collect();
    stream.shuffle(&mut dealt);
    dealt
}

/// Answers of nameless personas, dealt from shuffled decks so that rates are exact and not merely expected.
#[derive(Debug)]
pub(crate) struct Decks {
    seed: Seed,
    decks: BTreeMap<(Persona, usize), (u64, Vec<bool>)>,
}

/// Cards in a deck: every planted share is a multiple of a twentieth, or close to one.
const DECK: usize = 20;

impl Decks {
    pub(crate) fn new(seed: Seed) -> Self {
        Self { seed, decks: BTreeMap::new() }
    }

    /// The next answer of a persona to a topic.
    pub(crate) fn deal(&mut self, world: &World, persona: Persona, topic: usize) -> bool {
        let (round, deck) = self.decks.entry((persona, topic)).or_default();
        if deck.is_empty() {
            let purpose = format!("deck {persona:?} {topic}");
            let mut stream = self.seed.stream(&purpose, *round);
            let share = world.share(persona, &world.text.topics[topic]);
            // A share between two cards is rounded at random, so that it is right on average over decks.
            let cards = share * DECK as f64 + stream.uniform() - 0.5;
            *deck = exact_deal(DECK, cards.round() / DECK as f64, &mut stream);
            *round += 1;
        }
        deck.pop().expect("a deck has just been filled")
    }
}

#[cfg(test)]
mod tests;
