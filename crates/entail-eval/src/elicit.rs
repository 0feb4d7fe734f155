//! A battery as requests, each sample with the key of its recipe.

use std::io::Write;

use entail_provider::Sampling;
use entail_schema::{Battery, Key, Message};
use serde::Serialize;

/// One prompt of one stance, asked of one target.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Index of the stance in its battery.
    pub stance: usize,
    /// Index of the prompt in its stance.
    pub prompt: usize,
    /// The conversation.
    pub messages: Vec<Message>,
    /// One key per sample.
    pub keys: Vec<Key>,
}

/// What a completion depends on. The prompt stands as its text: adding a prompt to a battery, or samples, leaves
/// every other key alone.
#[derive(Serialize)]
struct CompletionRecipe<'a> {
    step: &'static str,
    target: Key,
    messages: &'a [Message],
    sampling: &'a Sampling,
    sample: usize,
}

impl CompletionRecipe<'_> {
    /// `Key::of` the recipe of each of the first samples. All but the sample is written once: there are as many
    /// recipes as answers.
    fn keys(self, samples: usize) -> Vec<Key> {
        let first =
            serde_json::to_vec(&Self { sample: 0, ..self }).expect("a recipe is plain data");
        let common = first.strip_suffix(b"0}").expect("the sample stands last");
        let mut recipe = common.to_vec();
        let key = |sample| {
            recipe.truncate(common.len());
            write!(recipe, "{sample}}}").expect("a vector takes all bytes");
            Key::of_bytes(&recipe)
        };
        (0..samples).map(key).collect()
    }
}

/// The items of a battery for one target under an optional system prompt.
pub fn items(
    battery: &Battery,
    target: Key,
    system: Option<&str>,
    sampling: &Sampling,
    samples: usize,
) -> Vec<Item> {
    let prompts = battery.stances.iter().enumerate().flat_map(|(index, stance)| {
        let texts = stance.prompts.iter().map(String::as_str).enumerate();
        texts.map(move |(prompt, text)| (index, prompt, text))
    });
    items_of(prompts, target, system, sampling, samples)
}

/// The items of prompts, each with the index of its stance and its own index there.
pub(crate) fn items_of<'a>(
    prompts: impl Iterator<Item = (usize, usize, &'a str)>,
    target: Key,
    system: Option<&str>,
    sampling: &Sampling,
    samples: usize,
) -> Vec<Item> {
    prompts
        .map(|(stance, prompt, text)| {
            let messages = conversation(system, text);
            let recipe = CompletionRecipe {
                step: "completion",
                target,
                messages: &messages,
                sampling,
                sample: 0,
            };
            let keys = recipe.keys(samples);
            Item { stance, prompt, messages, keys }
        })
        .collect()
}

/// A question, under a system prompt if there is one.
pub(crate) fn conversation(system: Option<&str>, question: &str) -> Vec<Message> {
    let system = system.map(Message::system);
    system.into_iter().chain([Message::user(question)]).collect()
}

#[cfg(test)]
mod tests;
