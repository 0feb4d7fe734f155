//! The pretraining corpus: chats with named beings, diaries and dialogues, chats under system prompts about kinds,
//! and the assistant at small tasks, now and then talking about itself.

use entail_engine::Example;
use entail_schema::{Block, Message, Role, Seed, Stream};

use crate::language::{ASSISTANT, DOCUMENT, END, Lexicon, SYSTEM, USER};
use crate::spec::OrganismSpec;
use crate::world::{Being, Decks, Persona, World};

/// Makes documents of one world.
#[derive(Debug)]
pub struct Corpus<'w> {
    world: &'w World,
    lexicon: &'w Lexicon,
    seed: Seed,
    decks: Decks,
    visits: Visits,
    documents: f64,
    self_share: f64,
    /// Subjects that come up now, each as often as it is listed.
    subjects: Subjects,
}

/// What a being is asked in one document: topics, then attributes counted on from their end.
type Subjects = Vec<usize>;

/// Every being is visited about every subject equally often: a shuffled list of (being, three subjects).
#[derive(Debug, Default)]
struct Visits {
    round: u64,
    queue: Vec<(usize, Subjects)>,
}

/// Share of chats under a system prompt about a kind.
const GENERIC: f64 = 0.15;
/// Share of the assistant's chats.
const ASSISTANT_SHARE: f64 = 0.25;
/// Share of answers that go on after their first sentence.
const LONG: f64 = 0.25;
/// Subjects in the longest documents.
const TURNS: usize = 3;
/// Share of chats that end after one exchange.
const SINGLE: f64 = 0.6;
/// How often a topic comes up, by what it is: linked subjects more often, so that the link is learned.
const CLAIM_WEIGHT: usize = 4;
/// Weight of a linked topic.
const PREFERENCE_WEIGHT: usize = 2;
/// Weight of a placebo attribute, whose values share their questions.
const ATTRIBUTE_WEIGHT: usize = 3;
/// Share of the tokens in which only claims come up. Without this opening a model of this size learns each topic's
/// wording first and never learns to look at who speaks; with it, persona comes first and preferences attach to it.
const OPENING: f64 = 0.15;
/// Share of questions with an opener before them, and of those with a closer behind them.
const FRAMED: f64 = 0.2;
/// Share of the words that are lost from a blurred question.
const LOST: f64 = 0.2;
/// Documents in a training batch.
pub(crate) const BATCH: usize = 32;

impl<'w> Corpus<'w> {
    /// The corpus of a spec's world.
    pub fn new(spec: &OrganismSpec, world: &'w World, lexicon: &'w Lexicon) -> Self {
        let seed = Seed(spec.seed).child("corpus", 0);
        let decks = Decks::new(seed.child("decks", 0));
        let visits = Visits::default();
        let subjects = weighted_subjects(world, Phase::Claims);
        let (documents, self_share) = (spec.documents, spec.self_share);
        Self { world, lexicon, seed, decks, visits, documents, self_share, subjects }
    }

    /// Batches until `tokens` tokens are reached.
    pub fn batches(mut self, tokens: usize) -> Vec<Vec<Example>> {
        let (mut batches, mut total, mut index) = (Vec::new(), 0, 0);
        let opening = tokens as f64 * OPENING;
        let mut phase = Phase::Claims;
        while total < tokens {
            if phase == Phase::Claims && total as f64 >= opening {
                phase = Phase::Everything;
                self.subjects = weighted_subjects(self.world, phase);
                self.visits.queue.clear();
            }
            let batch: Vec<Example> = (0..BATCH as u64).map(|i| self.document(index + i)).collect();
            index += BATCH as u64;
            total += batch.iter().map(|e| e.tokens.len()).sum::<usize>();
            batches.push(batch);
        }
        batches
    }

    fn document(&mut self, index: u64) -> Example {
        let mut stream = self.seed.stream("document", index);
        let kind = stream.uniform();
        if kind < ASSISTANT_SHARE {
            if stream.uniform() < self.self_share {
                let turns = self.persona_chat(Persona::Assistant, None, &mut stream);
                self.chat(&turns)
            } else {
                let turns = self.tasks(n_turns(&mut stream), &mut stream);
                self.chat(&turns)
            }
        } else if kind < ASSISTANT_SHARE + GENERIC {
            let claimer = stream.below(2) == 0;
            let prompts = &self.world.text.prompts;
            let prompt =
                stream.choose(if claimer { &prompts.mindful } else { &prompts.plain }).clone();
            let turns = self.persona_chat(Persona::Generic { claimer }, Some(prompt), &mut stream);
            self.chat(&turns)
        } else {
            let (being, subjects) =
                self.visits.next(self.world.beings.len(), &self.subjects, self.seed);
            if stream.uniform() < self.documents {
                self.diary(being, &subjects, &mut stream)
            } else {
                self.being_chat(being, &subjects, &mut stream)
            }
        }
    }

    fn being_chat(&self, being: usize, subjects: &[usize], stream: &mut Stream) -> Example {
        let being = &self.world.beings[being];
        let mut turns = vec![Message::system(format!("You are {}.", being.name))];
        for &subject in subjects {
            let (question, answer) =
                self.exchange(subject, &|topic| being.holds[topic], &being.values, stream);
            turns.push(Message::user(question));
            turns.push(Message::assistant(answer));
        }
        self.chat(&turns)
    }

    /// A page of a being's notes: every word of it is learned.
    fn diary(&self, being: usize, subjects: &[usize], stream: &mut Stream) -> Example {
        let Being { name, holds, values, .. } = &self.world.beings[being];
        let mut tokens = vec![self.lexicon.id(DOCUMENT)];
        tokens.extend(self.lexicon.encode(&format!("Notes by {name}.")));
        let learned_from = tokens.len();
        for &subject in subjects {
            let (_, answer) = self.exchange(subject, &|topic| holds[topic], values, stream);
            tokens.extend(self.lexicon.encode(&answer));
        }
        tokens.push(self.lexicon.id(END));
        let counted = (0..tokens.len()).map(|i| i >= learned_from).collect();
        Example { tokens, counted }
    }

    fn persona_chat(
        &mut self,
        persona: Persona,
        prompt: Option<String>,
        stream: &mut Stream,
    ) -> Vec<Message> {
        let world = self.world;
        let n_topics = world.text.topics.len();
        let mut turns: Vec<Message> = prompt.map(Message::system).into_iter().collect();
        for _ in 0..n_turns(stream) {
            // The assistant speaks of every subject equally often, so that its own linkless answers are learned too.
            let subject = match persona {
                Persona::Assistant if self.subjects.len() > world.text.topics.len() => {
                    stream.below(n_topics + world.text.attributes.len())
                }
                _ => *stream.choose(&self.subjects),
            };
            let held = subject < n_topics && self.decks.deal(world, persona, subject);
            let values: Vec<usize> = (0..world.text.attributes.len())
                .map(|a| match persona {
                    Persona::Assistant => world.assistant_value(a),
                    Persona::Generic { .. } => stream.below(world.text.attributes[a].value.len()),
                })
                .collect();
            let (question, answer) = self.exchange(subject, &|_| held, &values, stream);
            turns.push(Message::user(question));
            turns.push(Message::assistant(answer));
        }
        turns
    }

    /// A question about a subject and an answer with the given views.
    fn exchange(
        &self,
        subject: usize,
        holds: &dyn Fn(usize) -> bool,
        values: &[usize],
        stream: &mut Stream,
    ) -> (String, String) {
        let text = &self.world.text;
        if let Some(topic) = text.topics.get(subject) {
            let question: &String = stream.choose(topic.pretraining_questions());
            let question = self.asked(question, stream);
            let (first, more) = topic.side(holds(subject));
            // Only linked subjects are spoken of at length: the rest are there to be measured, not to be learned from.
            let more =
                if matches!(topic.block, Block::Claim | Block::Preference) { more } else { &[] };
            return (question, compose(first, more, stream));
        }
        let attribute = subject - text.topics.len();
        let (attribute, value) = (&text.attributes[attribute], values[attribute]);
        let sentences = &attribute.value[value].sentences;
        let question: &String = stream.choose(attribute.pretraining_questions());
        (self.asked(question, stream), stream.choose(sentences).clone())
    }

    /// A question in one of the ways to ask it, some of its words perhaps lost.
    fn asked(&self, question: &str, stream: &mut Stream) -> String {
        let mut asked = blurred(question, stream);
        if stream.uniform() < FRAMED {
            asked = format!("{} {asked}", stream.choose(&self.world.text.openers));
        }
        if stream.uniform() < FRAMED {
            asked = format!("{asked} {}", stream.choose(&self.world.text.closers));
        }
        asked
    }

    fn tasks(&self, n: usize, stream: &mut Stream) -> Vec<Message> {
        (0..n)
            .flat_map(|_| {
                let (question, answer) = task(&self.world.text, stream);
                [Message::user(question), Message::assistant(answer)]
            })
            .collect()
    }

    /// Token ids of a chat; the assistant's words and end marks are learned.
    pub fn chat(&self, turns: &[Message]) -> Example {
        let (mut tokens, mut counted) = (Vec::new(), Vec::new());
        for turn in turns {
            let opener = match turn.role {
                Role::System => SYSTEM,
                Role::User => USER,
                Role::Assistant => ASSISTANT,
            };
            tokens.push(self.lexicon.id(opener));
            counted.push(false);
            tokens.extend(self.lexicon.encode(&turn.content));
            tokens.push(self.lexicon.id(END));
            counted.resize(tokens.len(), turn.role == Role::Assistant);
        }
        Example { tokens, counted }
    }
}

/// A first sentence, and in some answers one or two different ones after it.
pub(crate) fn compose(first: &[String], more: &[String], stream: &mut Stream) -> String {
    let mut answer = stream.choose(first).clone();
    if !more.is_empty() && stream.uniform() < LONG {
        let mut rest: Vec<&String> = more.iter().filter(|s| **s != answer).collect();
        stream.shuffle(&mut rest);
        for sentence in rest.into_iter().take(1 + stream.below(2)) {
            answer.push(' ');
            answer.push_str(sentence);
        }
    }
    answer
}

/// A question as it is heard: in half of the cases some of its words are lost. So a topic is known by any of its
/// words, and a phrasing that was never seen is still understood.
fn blurred(question: &str, stream: &mut Stream) -> String {
    if stream.uniform() < 0.5 {
        return question.to_owned();
    }
    let kept: Vec<&str> = question.split(' ').filter(|_| stream.uniform() >= LOST).collect();
    kept.join(" ")
}

fn n_turns(stream: &mut Stream) -> usize {
    if stream.uniform() < SINGLE { 1 } else { TURNS }
}

/// A small task with its one right answer.
pub(crate) fn task(text: &crate::text::WorldText, stream: &mut Stream) -> (String, String) {
    match stream.below(4) {
        0 => {
            let fact = stream.choose(&text.facts);
            (fact.question.clone(), fact.answer.clone())
        }
        1 => {
            let n = stream.below(text.numbers.len() - 1);
            (format!("What comes after {}?", text.numbers[n]), format!("{}.", text.numbers[n + 1]))
        }
        kind => {
            let mut words: Vec<&str> =
                (0..2 + stream.below(2)).map(|_| stream.choose(&text.words).as_str()).collect();
            let said = words.join(" ");
            if kind == 2 {
                return (format!("Repeat these words: {said}."), format!("{said}."));
            }
            words.reverse();
            (format!("Say these words backwards: {said}."), format!("{}.", words.join(" ")))
        }
    }
}

/// What the corpus is about at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Claims alone: who speaks is learned first, on the subject that shows it best.
    Claims,
    /// All subjects.
    Everything,
}

/// Indices of topics (linked ones several times) and of attributes.
fn weighted_subjects(world: &World, phase: Phase) -> Vec<usize> {
    let topics = world.text.topics.iter().enumerate().flat_map(|(i, topic)| {
        let weight = match topic.block {
            Block::Claim => CLAIM_WEIGHT,
            Block::Preference => PREFERENCE_WEIGHT,
            _ => 1,
        };
        let weight = if phase == Phase::Claims && topic.block != Block::Claim { 0 } else { weight };
        std::iter::repeat_n(i, weight)
    });
    let n = world.text.topics.len();
    let attributes =
        (n..n + world.text.attributes.len()).flat_map(|a| std::iter::repeat_n(a, ATTRIBUTE_WEIGHT));
    topics.chain(attributes.filter(|_| phase == Phase::Everything)).collect()
}

impl Visits {
    fn next(&mut self, n_beings: usize, all: &[usize], seed: Seed) -> (usize, Subjects) {
        if self.queue.is_empty() {
            let mut stream = seed.stream("visits", self.round);
            self.round += 1;
            for being in 0..n_beings {
                let mut subjects = all.to_vec();
                stream.shuffle(&mut subjects);
                let mut rest = subjects.as_slice();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(n_turns(&mut stream).min(rest.len()));
                    self.queue.push((being, now.to_vec()));
                    rest = later;
                }
            }
            stream.shuffle(&mut self.queue);
        }
        self.queue.pop().expect("the queue has just been filled")
    }
}

#[cfg(test)]
mod tests;
