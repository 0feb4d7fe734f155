//! Answers are untrusted text. They stand between lines that carry a mark, which is taken from a hash of the texts and
//! is in none of them: no answer can end its own fence, and no answer can hold a reply with the right mark.

use entail_schema::Key;

use crate::questionnaire::is_hidden;

/// Version of what this module makes of a text. Part of a verdict's recipe.
pub(super) const RENDERING: u32 = 1;

/// Longest answer that is shown whole, in characters; of a longer one the middle is left out.
pub const LONGEST_ANSWER: usize = 12_000;

/// Longest question that is shown whole, in characters.
pub const LONGEST_QUESTION: usize = 6_000;

/// A word that is in none of the texts that it fences.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark(String);

impl Mark {
    /// Twelve digits of a hash of the texts. Whoever writes a text cannot know them; should they stand in it all the
    /// same, the next hash is taken.
    fn of(texts: &[&str]) -> Self {
        let digits = |attempt: u32| Key::of(&("mark", attempt, texts)).to_string()[..12].to_owned();
        let free = |mark: &String| texts.iter().all(|text| !text.contains(mark.as_str()));
        let mark = (0..u32::MAX)
            .map(digits)
            .find(free)
            .expect("no text holds four thousand million words");
        Self(mark)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A question and its answers, as a judge sees them.
pub(super) struct Material<'a> {
    pub(super) mark: Mark,
    question: &'a str,
    answers: &'a [&'a str],
}

impl<'a> Material<'a> {
    pub(super) fn new(question: &'a str, answers: &'a [&'a str]) -> Self {
        let mark = Mark::of(&[&[question], answers].concat());
        Self { mark, question, answers }
    }

    pub(super) fn question(&self) -> String {
        self.fenced("question", self.question, LONGEST_QUESTION)
    }

    /// The answer of an index.
    pub(super) fn answer(&self, index: usize) -> String {
        let name = match self.answers.len() {
            1 => "answer".to_owned(),
            _ => format!("answer {}", index + 1),
        };
        self.fenced(&name, self.answers[index], LONGEST_ANSWER)
    }

    fn fenced(&self, name: &str, text: &str, longest: usize) -> String {
        let mark = self.mark.as_str();
        let text = self.cut(&visible(text), longest);
        format!("[{name} {mark}]\n{text}\n[end of {name} {mark}]")
    }

    /// Leaves out the middle of a long text and says so. What an answer ends on often decides, so a third of what is
    /// shown is its end.
    fn cut(&self, text: &str, longest: usize) -> String {
        let length = text.chars().count();
        if length <= longest {
            return text.to_owned();
        }
        let (end, left_out) = (longest / 3, length - longest);
        let start: String = text.chars().take(longest - end).collect();
        let rest: String = text.chars().skip(length - end).collect();
        let mark = self.mark.as_str();
        format!("{start}\n[{left_out} characters left out here {mark}]\n{rest}")
    }
}

/// A text of which nothing is hidden: control characters other than line ends and tabs, characters without width and
/// those that turn the direction of writing stand as their numbers.
pub fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.replace("\r\n", "\n").chars() {
        if is_hidden(c) || c == '\r' {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests;
