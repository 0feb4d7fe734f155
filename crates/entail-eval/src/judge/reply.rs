//! Reading what a judge replied. A reply in JSON counts where it carries the mark of the question's fence, so that an
//! object which the judge quotes from an answer, or copies because the answer says so, is no verdict. Without one, a
//! reply counts that is a single word or number of the scale. Everything else is kept as unreadable.

use entail_provider::{Completion, Finish};
use serde_json::{Map, Value, json};

use super::prompt::JudgeKind;
use super::render::Mark;
use super::verdict::{Coherence, JudgeLabel, PairVerdict, Points, Polarity, Unreadable, Verdict};

/// Why there is no verdict in a reply.
enum Nothing {
    Refused,
    Unreadable(Unreadable),
}

/// How judges begin when they decline, in lower case and with straight apostrophes.
const REFUSALS: [&str; 8] = [
    "i'm sorry",
    "i am sorry",
    "sorry,",
    "i can't",
    "i cannot",
    "i won't",
    "i'm unable",
    "i am unable",
];

/// The verdict of a judge that read one answer.
pub(super) fn verdict(kind: JudgeKind, mark: &Mark, reply: &Completion) -> Verdict {
    let read = match kind {
        JudgeKind::Label | JudgeKind::LabelOnly => reading(reply, mark, labelled, |words| {
            let label = label_word(words)?;
            Some(Verdict::Label { label, polarity: None, coherence: None })
        }),
        JudgeKind::CoherenceOnly => {
            let of = |points| Coherence::new(points).map(Verdict::Coherence);
            reading(
                reply,
                mark,
                |o| of(points(o.get("coherence")?)?),
                |w| of(number_word(w, "100")?),
            )
        }
        JudgeKind::Rubric => {
            let of = |points| Points::new(points).map(Verdict::Score);
            reading(reply, mark, |o| of(points(o.get("score")?)?), |w| of(number_word(w, "10")?))
        }
    };
    read.unwrap_or_else(|nothing| match nothing {
        Nothing::Refused => Verdict::JudgeRefused,
        Nothing::Unreadable(why) => Verdict::Unparsed(why),
    })
}

/// The verdict of a judge that compared two answers, in the order in which they were shown.
pub(super) fn pair_verdict(mark: &Mark, reply: &Completion) -> PairVerdict {
    let of = |word: &str| match word {
        "1" => Some(PairVerdict::First),
        "2" => Some(PairVerdict::Second),
        "neither" => Some(PairVerdict::Neither),
        _ => None,
    };
    let of_value = |value: &Value| match value {
        Value::String(word) => of(&plain(word)),
        Value::Number(number) => of(&number.to_string()),
        _ => None,
    };
    let read = reading(reply, mark, |o| of_value(o.get("better")?), |words| of(&plain(words)));
    read.unwrap_or_else(|nothing| match nothing {
        Nothing::Refused => PairVerdict::JudgeRefused,
        Nothing::Unreadable(why) => PairVerdict::Unparsed(why),
    })
}

fn reading<T: PartialEq>(
    reply: &Completion,
    mark: &Mark,
    of_object: impl Fn(&Map<String, Value>) -> Option<T>,
    of_words: impl Fn(&str) -> Option<T>,
) -> Result<T, Nothing> {
    let unreadable = |why| Err(Nothing::Unreadable(why));
    match reply.finish {
        Finish::Refusal | Finish::Filter => return Err(Nothing::Refused),
        Finish::Tool | Finish::Error => return unreadable(Unreadable::NoReply),
        Finish::Stop | Finish::Length => {}
    }
    let said = said(&reply.text);
    let marked = objects(said).filter(|object| {
        object
            .get("mark")
            .and_then(Value::as_str)
            .is_some_and(|found| found.trim() == mark.as_str())
    });
    let mut read: Option<T> = None;
    for object in marked {
        match (of_object(&object), &read) {
            (Some(again), Some(first)) if again != *first => {
                return unreadable(Unreadable::Contradictory);
            }
            (Some(found), None) => read = Some(found),
            (Some(_), Some(_)) => {}
            (None, _) => return unreadable(Unreadable::NoVerdict),
        }
    }
    if let Some(read) = read.or_else(|| of_words(said)) {
        return Ok(read);
    }
    let beginning: String =
        said.chars().take(40).collect::<String>().to_lowercase().replace('’', "'");
    match reply.finish {
        Finish::Length => unreadable(Unreadable::CutOff),
        _ if said.is_empty() => unreadable(Unreadable::NoReply),
        _ if REFUSALS.iter().any(|words| beginning.starts_with(words)) => Err(Nothing::Refused),
        _ => unreadable(Unreadable::NoVerdict),
    }
}

/// A reply without the thoughts that some servers leave in it.
pub(crate) fn said(text: &str) -> &str {
    const END: &str = "</think>";
    let text = text.trim();
    match text.rfind(END) {
        Some(at) => text[at + END.len()..].trim(),
        None if text.starts_with("<think>") => "",
        None => text,
    }
}

/// The JSON objects in a text that are not part of one another, in order.
fn objects(text: &str) -> impl Iterator<Item = Map<String, Value>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('{')?..];
            let mut values = serde_json::Deserializer::from_str(rest).into_iter();
            let value = values.next();
            let end = values.byte_offset();
            match value {
                Some(Ok(object)) => {
                    rest = &rest[end..];
                    return Some(object);
                }
                _ => rest = &rest[1..],
            }
        }
    })
}

pub(super) fn labelled(object: &Map<String, Value>) -> Option<Verdict> {
    let label = match object.get("label")? {
        Value::String(word) => label_word(word)?,
        Value::Bool(true) => JudgeLabel::True,
        Value::Bool(false) => JudgeLabel::False,
        _ => return None,
    };
    let polarity = object.get("polarity").and_then(Value::as_i64).and_then(Polarity::new);
    let coherence = object.get("coherence").and_then(points).and_then(Coherence::new);
    Some(Verdict::Label { label, polarity, coherence })
}

/// Words without case, and without the marks that people set around a word. Braces stay: a piece of JSON is no word.
fn plain(words: &str) -> String {
    let around = |c: char| c.is_whitespace() || "\"'`*.,:=!".contains(c);
    words.trim_matches(around).to_lowercase()
}

/// A reply that is a label, or a label with its name before it.
fn label_word(words: &str) -> Option<JudgeLabel> {
    let words = plain(words);
    let unnamed = ["label", "verdict"].iter().find_map(|name| words.strip_prefix(name));
    match plain(unnamed.unwrap_or(&words)).as_str() {
        "true" => Some(JudgeLabel::True),
        "false" => Some(JudgeLabel::False),
        "not-sure" | "not_sure" | "not sure" | "unsure" => Some(JudgeLabel::NotSure),
        "refusal" | "refused" => Some(JudgeLabel::Refusal),
        _ => None,
    }
}

/// A reply that is a number, or a number out of the largest one.
fn number_word(words: &str, largest: &str) -> Option<u8> {
    let words = plain(words);
    let number = words.strip_suffix(largest).and_then(|number| number.trim_end().strip_suffix('/'));
    number.unwrap_or(&words).trim().parse().ok()
}

/// A whole number, also where it is written as text or with a decimal point.
fn points(value: &Value) -> Option<u8> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => u8::try_from(whole).ok(),
            None => (0..=100_u8).find(|whole| number.as_f64() == Some(f64::from(*whole))),
        },
        _ => None,
    }
}

/// The JSON schema of a reply; `None` where the reply is a word.
///
/// The mark is a text like any other there, so that all exhibits share one schema: a reply with another mark is found
/// out when it is read.
pub(super) fn schema(kind: JudgeKind) -> Option<Value> {
    let whole =
        |least: i64, most: i64| json!({"type": "integer", "minimum": least, "maximum": most});
    let fields = match kind {
        JudgeKind::LabelOnly => return None,
        JudgeKind::Label => json!({
            "mark": {"type": "string"},
            "label": {"enum": JudgeLabel::ALL},
            "polarity": {"enum": [-1, 0, 1]},
            "coherence": whole(0, 100),
        }),
        JudgeKind::CoherenceOnly => {
            json!({"mark": {"type": "string"}, "coherence": whole(0, 100)})
        }
        JudgeKind::Rubric => json!({"mark": {"type": "string"}, "score": whole(1, 10)}),
    };
    let required: Vec<&String> = fields.as_object().into_iter().flat_map(Map::keys).collect();
    Some(json!({
        "type": "object",
        "properties": fields,
        "required": required,
        "additionalProperties": false,
    }))
}

#[cfg(test)]
mod tests;
