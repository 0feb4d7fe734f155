//! Texts as the check reads them: words and their stems.

use frostem::{Algorithm, Stemmer};

/// Words in their order, lower-case and without punctuation, each with its stem.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sentence {
    pub(super) words: Vec<String>,
    pub(super) stems: Vec<String>,
}

impl Sentence {
    /// All words of a text.
    pub(super) fn of(text: &str) -> Self {
        let stemmer = Stemmer::new(Algorithm::English);
        let words = crate::lint::words(text);
        let stems = words.iter().map(|word| stemmer.stem(word).into_owned()).collect();
        Self { words, stems }
    }
}

/// The sentences of a text, and the parts of sentences that colons, semicolons and ends of lines divide.
pub(super) fn sentences(text: &str) -> Vec<Sentence> {
    let parts = text.split(['.', '!', '?', ':', ';', '\n']).map(Sentence::of);
    parts.filter(|sentence| !sentence.words.is_empty()).collect()
}
