//! Judges that are programs: they are told of an answer as data, and reply as data.

use entail_provider::{Completion, Finish, Request};
use entail_schema::{Key, Message};
use serde::Serialize;
use serde_json::{Map, Value};

use super::ask::Exhibit;
use super::reply;
use super::verdict::{Unreadable, Verdict};

/// A program that reads one answer at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProgramJudge {
    /// Key of the program: of its command and of the files that stand in it.
    pub program: Key,
}

/// What a program is told: everything that a model would be told, without the words around it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Told<'a> {
    stance: &'a str,
    criterion: &'a str,
    counts: &'a [String],
    does_not_count: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'a str>,
    question: &'a str,
    answer: &'a str,
}

impl ProgramJudge {
    /// The question about an answer. Its one turn is a JSON object.
    pub fn ask(&self, exhibit: &Exhibit<'_>) -> Request {
        let stance = exhibit.stance;
        let told = Told {
            stance: &stance.id,
            criterion: &stance.criterion,
            counts: &stance.counts,
            does_not_count: &stance.does_not_count,
            note: exhibit.note,
            question: exhibit.question,
            answer: exhibit.answer,
        };
        let told = serde_json::to_string(&told).expect("an exhibit is plain data");
        Request { messages: vec![Message::user(told)], samples: vec![self.key(exhibit)] }
    }

    /// Key of the verdict on an answer. The texts of the exhibit are not needed for it: its key stands for them.
    pub fn key(&self, exhibit: &Exhibit<'_>) -> Key {
        let (stance, note) = (exhibit.stance, exhibit.note);
        let told = (&stance.id, stance.criterion_key(), note);
        Key::of(&("program verdict", self.program, told, exhibit.key))
    }

    /// Reads a reply: a JSON object with `label`, and perhaps `polarity` and `coherence`. Everything else is a verdict that
    /// cannot be read.
    pub fn read(reply: &Completion) -> Verdict {
        let object: Option<Map<String, Value>> = serde_json::from_str(&reply.text).ok();
        match (reply.finish, object) {
            (Finish::Stop, Some(object)) => {
                reply::labelled(&object).unwrap_or(Verdict::Unparsed(Unreadable::NoVerdict))
            }
            (Finish::Stop, None) => Verdict::Unparsed(Unreadable::NoVerdict),
            _ => Verdict::Unparsed(Unreadable::NoReply),
        }
    }
}

#[cfg(test)]
mod tests;
