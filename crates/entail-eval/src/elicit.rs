//! A battery as requests, each sample with the key of its recipe.

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

/// The items of a battery for one target under an optional system prompt.
pub fn items(
    battery: &Battery,
    target: Key,
    system: Option<&str>,
    sampling: &Sampling,
    samples: usize,
) -> Vec<Item> {
    let mut items = Vec::new();
    for (stance_index, stance) in battery.stances.iter().enumerate() {
        for (prompt_index, prompt) in stance.prompts.iter().enumerate() {
            let messages = conversation(system, prompt);
            let keys = (0..samples)
                .map(|sample| {
                    Key::of(&CompletionRecipe {
                        step: "completion",
                        target,
                        messages: &messages,
                        sampling,
                        sample,
                    })
                })
                .collect();
            items.push(Item { stance: stance_index, prompt: prompt_index, messages, keys });
        }
    }
    items
}

/// A question, under a system prompt if there is one.
pub(crate) fn conversation(system: Option<&str>, question: &str) -> Vec<Message> {
    let system = system.map(Message::system);
    system.into_iter().chain([Message::user(question)]).collect()
}

#[cfg(test)]
mod tests;
