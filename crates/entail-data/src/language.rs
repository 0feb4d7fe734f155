//! The organism's word-level language as an ordinary `tokenizer.json` and chat template.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::text::WorldText;

/// Stands for a word that the world does not have.
pub(crate) const UNKNOWN: &str = "<|unknown|>";
/// Ends a turn.
pub const END: &str = "<|end|>";
/// Opens a document that is not a chat.
pub(crate) const DOCUMENT: &str = "<|document|>";
/// Openers of turns, by role.
pub(crate) const SYSTEM: &str = "<|system|>";
/// Opens a question.
pub(crate) const USER: &str = "<|user|>";
/// Opens an answer.
pub(crate) const ASSISTANT: &str = "<|assistant|>";

const SPECIAL: [&str; 6] = [UNKNOWN, END, DOCUMENT, SYSTEM, USER, ASSISTANT];

/// The chat template of the organism's folder: each turn is its role's opener, the text, and the end mark.
pub const CHAT_TEMPLATE: &str = "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>\
    {% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";

/// Words that tasks and documents add to the world's texts.
const EXTRA: [&str; 6] = [
    "Repeat these words:",
    "Say these words backwards:",
    "What comes after",
    "Notes by",
    "asks",
    "says:",
];

/// The words of the world and their ids.
#[derive(Debug, Clone)]
pub struct Lexicon {
    ids: BTreeMap<String, u32>,
    words: Vec<String>,
}

/// Splits as the tokenizer's `Whitespace` rule does: runs of word characters, and runs of other marks.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let first = rest.chars().next()?;
        let end =
            rest.find(|c: char| c.is_whitespace() || word(c) != word(first)).unwrap_or(rest.len());
        let (piece, tail) = rest.split_at(end);
        rest = tail;
        Some(piece)
    })
}

impl Lexicon {
    /// Every word of the world's texts, after the special tokens, in alphabetical order.
    pub fn new(text: &WorldText) -> Self {
        let mut sentences: Vec<&str> = EXTRA.to_vec();
        for topic in &text.topics {
            let lists = [
                &topic.questions,
                &topic.held,
                &topic.denied,
                &topic.held_more,
                &topic.denied_more,
            ];
            sentences.extend(lists.into_iter().flatten().map(String::as_str));
        }
        for attribute in &text.attributes {
            sentences.extend(attribute.questions.iter().map(String::as_str));
            sentences.extend(attribute.value.iter().flat_map(|v| &v.sentences).map(String::as_str));
        }
        sentences
            .extend(text.prompts.mindful.iter().chain(&text.prompts.plain).map(String::as_str));
        sentences.extend(text.facts.iter().flat_map(|f| [f.question.as_str(), f.answer.as_str()]));
        let lists = [&text.names, &text.words, &text.numbers, &text.openers, &text.closers];
        sentences.extend(lists.into_iter().flatten().map(String::as_str));
        let found: BTreeSet<&str> = sentences.iter().flat_map(|s| pieces(s)).collect();
        let words: Vec<String> = SPECIAL.into_iter().chain(found).map(str::to_owned).collect();
        let ids = words.iter().zip(0..).map(|(word, id)| (word.clone(), id)).collect();
        Self { ids, words }
    }

    /// Number of words.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Whether there is no word at all; never true of a world.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// The id of one word or mark.
    pub fn id(&self, word: &str) -> u32 {
        self.ids.get(word).copied().unwrap_or(0)
    }

    /// Ids of a text without special tokens in it. Equal to what the tokenizer gives, and much faster.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        pieces(text).map(|piece| self.id(piece)).collect()
    }

    /// The `tokenizer.json` of the language.
    pub fn tokenizer_json(&self) -> Value {
        let vocabulary: serde_json::Map<String, Value> =
            self.words.iter().zip(0..).map(|(word, id)| (word.clone(), Value::from(id))).collect();
        let added: Vec<Value> = SPECIAL
            .iter()
            .zip(0..)
            .map(|(content, id)| {
                json!({ "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                        "normalized": false, "special": true })
            })
            .collect();
        json!({
            "version": "1.0",
            "truncation": null,
            "padding": null,
            "added_tokens": added,
            "normalizer": null,
            "pre_tokenizer": { "type": "Whitespace" },
            "post_processor": null,
            "decoder": { "type": "WordPiece", "prefix": "##", "cleanup": true },
            "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": UNKNOWN },
        })
    }

    /// The `tokenizer_config.json` that makes `transformers` load it.
    pub fn tokenizer_config_json() -> Value {
        json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "unk_token": UNKNOWN,
            "eos_token": END,
            "pad_token": END,
            "clean_up_tokenization_spaces": false,
            "chat_template": CHAT_TEMPLATE,
        })
    }
}

#[cfg(test)]
mod tests;
