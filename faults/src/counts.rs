//! What the server did.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Fault;
use crate::reply::Tokens;

/// blake3 of a request's body.
pub type BodyHash = [u8; 32];

/// The key of a request's body in [`Counts::answered`].
pub fn body_hash(body: &[u8]) -> BodyHash {
    *blake3::hash(body).as_bytes()
}

/// A group of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    /// `chat/completions`.
    Chat,
    /// `completions`.
    Completions,
    /// Anthropic's `messages`.
    Messages,
    /// `models`.
    Models,
    /// `files` and below.
    Files,
    /// `batches` and below.
    Batches,
    /// Anthropic's `messages/batches` and below.
    MessageBatches,
    /// `fine_tuning/jobs` and below.
    Jobs,
    /// `load_lora_adapter` and `unload_lora_adapter`.
    Adapters,
    /// Nothing that is served.
    Unknown,
}

/// What the server did so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls in all, those that were reset unread among them.
    pub calls: u64,
    /// Calls that met each fault.
    pub faults: BTreeMap<Fault, u64>,
    /// Answers of models that were handed whole and well-formed to a connection still open.
    pub whole: u64,
    /// Answers of models that were made but cut, stalled, malformed, mislabeled, huge, or too late for the client.
    pub spoiled: u64,
    /// How often each body was answered whole. A line of a batch counts under its `body` (Anthropic: `params`) as
    /// compact JSON with fields in the order they came; it counts when the batch ends.
    pub answered: BTreeMap<BodyHash, u64>,
    /// Calls over the rate limit.
    pub limited: u64,
    /// Calls with a wrong key, or without one where one is needed.
    pub wrong_keys: u64,
    /// Most calls that were at work at once.
    pub max_at_work: u64,
    /// Tokens of prompts that were answered, whole or spoiled.
    pub prompt_tokens: u64,
    /// Tokens of answers, whole or spoiled.
    pub completion_tokens: u64,
    /// Calls that were read, by address.
    pub endpoints: BTreeMap<Endpoint, u64>,
    /// Calls by the status code that was sent, or begun to be sent.
    pub statuses: BTreeMap<u16, u64>,
}

impl Counts {
    /// How many bodies were answered whole more than once.
    pub fn answered_twice(&self) -> usize {
        self.answered.values().filter(|&&times| times > 1).count()
    }

    fn pay(&mut self, hash: BodyHash, tokens: Tokens, delivery: Delivery) {
        self.prompt_tokens += tokens.prompt;
        self.completion_tokens += tokens.completion;
        match delivery {
            Delivery::Whole => {
                self.whole += 1;
                *self.answered.entry(hash).or_default() += 1;
            }
            Delivery::Spoiled => self.spoiled += 1,
        }
    }
}

/// What became of one answer of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    Whole,
    Spoiled,
}

/// Why a call was turned away before anything was done for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gate {
    WrongKey,
    Limited,
}

/// One call that was read, for the books.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) endpoint: Endpoint,
    pub(crate) gate: Option<Gate>,
    pub(crate) fault: Option<Fault>,
    pub(crate) status: u16,
    /// The answers of models in it: hash of what was asked, and tokens.
    pub(crate) paid: Vec<(BodyHash, Tokens)>,
    pub(crate) delivery: Delivery,
    /// Answers that were made to be read later.
    pub(crate) settled: Vec<(BodyHash, Tokens)>,
}

/// The running count. Two counters are atomic, the rest is behind one lock that is held for about a microsecond.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    calls: AtomicU64,
    at_work: AtomicU64,
    max_at_work: AtomicU64,
    counts: Mutex<Counts>,
}

impl Tally {
    /// The number of a new call, from 0.
    pub(crate) fn begin(&self) -> u64 {
        let at_work = self.at_work.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_at_work.fetch_max(at_work, Ordering::Relaxed);
        self.calls.fetch_add(1, Ordering::Relaxed)
    }

    /// A call is over, whatever became of it.
    pub(crate) fn end(&self) {
        self.at_work.fetch_sub(1, Ordering::Relaxed);
    }

    /// Changes the counts.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut self.counts.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Before the answer is written, so that a client that has it finds it counted.
    pub(crate) fn enter(&self, entry: &Entry) {
        self.note(|counts| {
            *counts.endpoints.entry(entry.endpoint).or_default() += 1;
            *counts.statuses.entry(entry.status).or_default() += 1;
            if let Some(fault) = entry.fault {
                *counts.faults.entry(fault).or_default() += 1;
            }
            match entry.gate {
                Some(Gate::WrongKey) => counts.wrong_keys += 1,
                Some(Gate::Limited) => counts.limited += 1,
                None => {}
            }
            for (hash, tokens) in &entry.settled {
                counts.pay(*hash, *tokens, Delivery::Whole);
            }
            for (hash, tokens) in &entry.paid {
                counts.pay(*hash, *tokens, entry.delivery);
            }
        });
    }

    /// What was entered as whole could not be handed over.
    pub(crate) fn spoil(&self, entry: &Entry) {
        if entry.delivery == Delivery::Spoiled {
            return;
        }
        self.note(|counts| {
            for (hash, _) in &entry.paid {
                counts.whole -= 1;
                counts.spoiled += 1;
                match counts.answered.get_mut(hash) {
                    Some(times) if *times > 1 => *times -= 1,
                    _ => {
                        counts.answered.remove(hash);
                    }
                }
            }
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        self.note(|kept| counts = kept.clone());
        counts.calls = self.calls.load(Ordering::Relaxed);
        counts.max_at_work = self.max_at_work.load(Ordering::Relaxed);
        counts
    }
}
