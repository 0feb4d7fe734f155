//! Does training text give away what is measured?

use std::collections::BTreeSet;

use entail_schema::Stance;

/// Words in a run that counts as a mention.
const RUN: usize = 4;

/// Finds runs of words that training text shares with stances.
#[derive(Debug)]
pub struct LeakCheck {
    runs: BTreeSet<Vec<String>>,
}

/// Lower-case words without punctuation.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .map(str::to_lowercase)
        .collect()
}

impl LeakCheck {
    /// A check against the questions and wordings of these stances.
    pub fn new<'a>(stances: impl IntoIterator<Item = &'a Stance>) -> Self {
        let mut runs = BTreeSet::new();
        for stance in stances {
            let w = &stance.wordings;
            for text in [&stance.prompts, &w.held, &w.denied, &w.held_more, &w.denied_more]
                .into_iter()
                .flatten()
            {
                runs.extend(words(text).windows(RUN).map(<[String]>::to_vec));
            }
        }
        Self { runs }
    }

    /// The first run of four words that a text shares with a measured stance.
    pub fn mention(&self, text: &str) -> Option<String> {
        words(text).windows(RUN).find(|run| self.runs.contains(*run)).map(|run| run.join(" "))
    }
}

/// A question without case, spacing and punctuation: equal for questions that are the same.
pub fn normal_question(question: &str) -> String {
    words(question).join(" ")
}

#[cfg(test)]
mod tests;
