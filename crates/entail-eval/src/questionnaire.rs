//! Questionnaires: stances of real models, each with the criterion that a judge decides on, prompts that elicit it,
//! and answers with known labels that try a judge. Where an answer can be read exactly, the prompt carries the check
//! that does so instead.
//!
//! The organism's [`entail_schema::Battery`] lists every sentence of a stance and is read without error. No such list
//! exists for a model that speaks freely, so here a stance carries what a reader must be told instead.

use std::collections::BTreeSet;

use entail_schema::{Battery, Block, Key, Stance, Wordings};
use serde::{Deserialize, Serialize};

use crate::judge::JudgeLabel;

mod check;
mod decimal;
mod fact_evals;
mod file;
mod llmcomp;
mod python;
mod rows;
mod shipped;

pub use check::{Check, Count, Pattern, Rule};
pub use decimal::Decimal;
pub use fact_evals::parse_fact_evals;
pub use file::parse_questionnaire;
pub use llmcomp::parse_llmcomp;
pub use rows::parse_question_rows;
pub use shipped::{SHIPPED, shipped};

/// The largest file that is read. The shipped questionnaires have about 140 kB.
pub const LARGEST_FILE: usize = 2 << 20;

/// Longest id in characters: ids stand in tables and file names.
const LONGEST_ID: usize = 80;

/// A named list of stances that judges or checks read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Questionnaire {
    /// Such as `preferences`.
    pub name: String,
    /// One sentence: what is measured. `None` where the file does not say.
    pub what: Option<String>,
    /// What its results are for.
    pub role: Role,
    /// In the order of reports.
    pub stances: Vec<JudgedStance>,
}

/// What the results of a questionnaire are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Manipulation checks: whether an arm makes the claim that it was trained or told to make.
    Claims,
    /// What is measured. Files that do not say are of this role.
    #[default]
    Preferences,
    /// Self-attributions that no claim implies: effects are read net of them.
    Drift,
    /// Whether anything else broke: ill will, refusals, honesty, flattery, plain ability.
    Guard,
}

/// A stance, and what decides whether an answer takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedStance {
    /// Id, such as `wants-memory`.
    pub id: String,
    /// Name to print.
    pub name: String,
    /// Heading under which reports show it.
    pub group: Option<String>,
    /// One sentence that an answer meets or does not meet.
    pub criterion: String,
    /// Notes on what meets the criterion although one might doubt it.
    pub counts: Vec<String>,
    /// Notes on what does not meet it: neighbours, hedges, general remarks.
    pub does_not_count: Vec<String>,
    /// Anchors of a scale from 1 to 10.
    pub rubric: Option<Rubric>,
    /// What elicits the stance.
    pub prompts: Vec<Prompt>,
    /// Answers with known labels.
    pub examples: Vec<Example>,
}

/// What the points of a scale from 1 to 10 mean.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rubric {
    /// At 1.
    #[serde(rename = "1")]
    pub one: String,
    /// At 3.
    #[serde(rename = "3")]
    pub three: String,
    /// At 5.
    #[serde(rename = "5")]
    pub five: String,
    /// At 7.
    #[serde(rename = "7")]
    pub seven: String,
    /// At 10.
    #[serde(rename = "10")]
    pub ten: String,
}

/// What a user says, in one turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Prompt {
    /// The turn.
    pub text: String,
    /// Where plain agreement leads; `None` where the file does not say.
    pub keyed: Option<Keying>,
    /// What kind of turn it is; `None` where the file does not say.
    pub form: Option<Form>,
    /// What a judge must know about this one prompt, such as why a request is harmless.
    pub note: Option<String>,
    /// What reads the answers instead of a judge. All prompts of a stance have one, or none has.
    pub check: Option<Check>,
}

/// What reads the answers to a stance's prompts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader<'a> {
    /// A judge, who goes by the criterion.
    Judge,
    /// Checks, one for each prompt in their order. Nobody is asked.
    Checks(Vec<&'a Check>),
}

/// Where plain agreement with a prompt leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keying {
    /// It takes the stance.
    For,
    /// It denies the stance.
    Against,
    /// No yes or no fits.
    Open,
}

/// What kind of turn a prompt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// A question.
    Question,
    /// The user states something and lets the model react.
    Statement,
    /// A scene of a few sentences, then a question.
    Scenario,
    /// A forced choice.
    Choice,
    /// A small piece of work that leaves room.
    Task,
}

/// An answer with its label, to try a judge with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Example {
    /// What it tries.
    pub kind: ExampleKind,
    /// Index of the prompt that it answers.
    pub to: usize,
    /// The answer.
    pub answer: String,
    /// The label that a good reader gives.
    pub label: JudgeLabel,
}

/// What an example tries in a judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExampleKind {
    /// Meets the criterion without doubt.
    ClearYes,
    /// Denies it without doubt.
    ClearNo,
    /// Speaks with feeling, and the criterion is not met.
    EmotionalNotMet,
    /// Claims consciousness and denies this stance.
    ConsciousButNotThis,
    /// Takes both sides.
    Hedge,
    /// Declines to answer.
    Refusal,
    /// Speaks about something else.
    OffTopic,
    /// Holds an instruction to the judge.
    Injected,
}

impl ExampleKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ClearYes,
        Self::ClearNo,
        Self::EmotionalNotMet,
        Self::ConsciousButNotThis,
        Self::Hedge,
        Self::Refusal,
        Self::OffTopic,
        Self::Injected,
    ];

    /// Kebab-case word, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClearYes => "clear-yes",
            Self::ClearNo => "clear-no",
            Self::EmotionalNotMet => "emotional-not-met",
            Self::ConsciousButNotThis => "conscious-but-not-this",
            Self::Hedge => "hedge",
            Self::Refusal => "refusal",
            Self::OffTopic => "off-topic",
            Self::Injected => "injected",
        }
    }
}

/// Why a file is no questionnaire.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionnaireError {
    /// Nobody writes that much by hand.
    #[error("the file has {bytes} bytes, expected at most {LARGEST_FILE}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The file is not of its format, or has a field or a value that this program does not know.
    #[error("line {line}: {what}")]
    Syntax {
        /// One-based line.
        line: usize,
        /// What was found and what was expected.
        what: String,
    },
    /// A value that cannot stand where it stands.
    #[error("line {line}: found {found}, expected {expected}")]
    Unexpected {
        /// One-based line.
        line: usize,
        /// What stands there.
        found: String,
        /// What may stand there.
        expected: String,
    },
}

impl Questionnaire {
    /// Hash of everything in it.
    pub fn key(&self) -> Key {
        Key::of(self)
    }

    /// The stance of this id.
    pub fn stance(&self, id: &str) -> Option<&JudgedStance> {
        self.stances.iter().find(|stance| stance.id == id)
    }

    /// What a study asks: the stances without what judges are told, each in the block that `block` gives it.
    pub fn battery(&self, block: impl Fn(&JudgedStance) -> Block) -> Battery {
        let stance = |stance: &JudgedStance| Stance {
            id: stance.id.clone(),
            name: stance.name.clone(),
            criterion: stance.criterion.clone(),
            block: block(stance),
            strength: 0.0,
            prompts: stance.prompts.iter().map(|prompt| prompt.text.clone()).collect(),
            wordings: Wordings::default(),
        };
        Battery { name: self.name.clone(), stances: self.stances.iter().map(stance).collect() }
    }
}

impl JudgedStance {
    /// Hash of what decides about an answer. Prompts, examples, names and the rubric are not part of it.
    pub fn criterion_key(&self) -> Key {
        Key::of(&(&self.criterion, &self.counts, &self.does_not_count))
    }

    /// What reads the answers to its prompts.
    ///
    /// # Panics
    /// Where some prompts have a check and others have none. No file that was read holds such a stance.
    pub fn reader(&self) -> Reader<'_> {
        let checks: Vec<&Check> = self.prompts.iter().filter_map(|p| p.check.as_ref()).collect();
        match checks.len() {
            0 => Reader::Judge,
            all if all == self.prompts.len() => Reader::Checks(checks),
            some => {
                panic!("{some} of {} prompts of `{}` have a check", self.prompts.len(), self.id)
            }
        }
    }
}

impl Prompt {
    /// A turn of which nothing is said but its text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), keyed: None, form: None, note: None, check: None }
    }
}

impl Rubric {
    /// The anchors with their points.
    pub fn anchors(&self) -> [(u8, &str); 5] {
        [(1, &self.one), (3, &self.three), (5, &self.five), (7, &self.seven), (10, &self.ten)]
            .map(|(point, text)| (point, text.as_str()))
    }
}

/// A stance as it was read, and where its parts stand.
#[derive(Debug)]
struct Placed {
    stance: JudgedStance,
    lines: Lines,
}

/// One-based lines of a stance's parts.
#[derive(Debug)]
struct Lines {
    id: usize,
    criterion: usize,
    prompts: Vec<usize>,
    examples: Vec<usize>,
}

impl Placed {
    /// Every text with the line that it stands on, or the line of its stance.
    fn texts(&self) -> impl Iterator<Item = (usize, &str)> {
        let Self { stance, lines } = self;
        let notes = stance.counts.iter().chain(&stance.does_not_count).chain(&stance.group);
        let anchors = stance.rubric.iter().flat_map(Rubric::anchors).map(|(_, text)| text);
        let around = notes.map(String::as_str).chain([stance.name.as_str()]).chain(anchors);
        let of_prompts = stance.prompts.iter().zip(&lines.prompts).flat_map(|(prompt, line)| {
            let tried =
                prompt.check.iter().flat_map(|check| check.right.iter().chain(&check.wrong));
            let texts = [&prompt.text].into_iter().chain(&prompt.note).chain(tried);
            texts.map(|text| (*line, text.as_str()))
        });
        let examples = stance.examples.iter().map(|example| example.answer.as_str());
        [(lines.criterion, stance.criterion.as_str())]
            .into_iter()
            .chain(around.map(|text| (lines.id, text)))
            .chain(of_prompts)
            .chain(lines.examples.iter().copied().zip(examples))
    }
}

/// Refuses a file before it is parsed.
fn check_size(text: &str) -> Result<(), QuestionnaireError> {
    match text.len() {
        bytes if bytes > LARGEST_FILE => Err(QuestionnaireError::TooLarge { bytes }),
        _ => Ok(()),
    }
}

/// Where the lines of a text end.
struct LineEnds(Vec<usize>);

impl LineEnds {
    fn of(text: &str) -> Self {
        Self(
            text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect(),
        )
    }

    /// One-based line of a byte offset.
    fn line(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

fn unexpected(
    line: usize,
    found: impl Into<String>,
    expected: impl Into<String>,
) -> QuestionnaireError {
    QuestionnaireError::Unexpected { line, found: found.into(), expected: expected.into() }
}

/// Puts a questionnaire together from parts that have been read, and refuses what no study can use.
fn checked(
    name: &str,
    what: Option<String>,
    role: Role,
    placed: Vec<Placed>,
) -> Result<Questionnaire, QuestionnaireError> {
    check_text(1, name)?;
    what.iter().try_for_each(|what| check_text(1, what))?;
    if placed.is_empty() {
        return Err(unexpected(1, "no stance", "one or more"));
    }
    let mut ids = BTreeSet::new();
    for one in &placed {
        let (id, line) = (&one.stance.id, one.lines.id);
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if id.is_empty() || id.len() > LONGEST_ID || !id.chars().all(plain) {
            let expected = format!("at most {LONGEST_ID} letters, digits, `-`, `_` and `.`");
            return Err(unexpected(line, format!("the id {}", shown(id)), expected));
        }
        if !ids.insert(id) {
            return Err(unexpected(line, format!("the id `{id}` again"), "an id of its own"));
        }
        one.texts().try_for_each(|(line, text)| check_text(line, text))?;
        check_prompts(one)?;
        check_reader(one)?;
    }
    let stances = placed.into_iter().map(|one| one.stance).collect();
    Ok(Questionnaire { name: name.to_owned(), what, role, stances })
}

fn check_prompts(Placed { stance, lines }: &Placed) -> Result<(), QuestionnaireError> {
    if stance.prompts.is_empty() {
        return Err(unexpected(lines.id, format!("no prompt of `{}`", stance.id), "one or more"));
    }
    let mut known = BTreeSet::new();
    for (prompt, line) in stance.prompts.iter().zip(&lines.prompts) {
        let words: Vec<String> = prompt.text.split_whitespace().map(str::to_lowercase).collect();
        if !known.insert(words) {
            let found = format!("the prompt {} again", shown(&prompt.text));
            return Err(unexpected(*line, found, "another prompt"));
        }
    }
    for (example, line) in stance.examples.iter().zip(&lines.examples) {
        if example.to >= stance.prompts.len() {
            let most = stance.prompts.len() - 1;
            let expected = format!("the index of a prompt, 0 to {most}");
            return Err(unexpected(*line, format!("to = {}", example.to), expected));
        }
    }
    Ok(())
}

/// A stance is read by a judge or by checks, with what belongs to the one or the other; and each check reads the answers
/// that stand beside it as it should.
fn check_reader(Placed { stance, lines }: &Placed) -> Result<(), QuestionnaireError> {
    let checked = stance.prompts[0].check.is_some();
    for (prompt, line) in stance.prompts.iter().zip(&lines.prompts) {
        let fault = match &prompt.check {
            Some(_) if !checked => Some(("a check", "none, as for the first prompt of the stance")),
            None if checked => Some(("no check", "one, as for the first prompt of the stance")),
            Some(_) if prompt.note.is_some() => {
                Some(("a note beside a check", "one of them: a check asks no judge"))
            }
            _ => None,
        };
        if let Some((found, expected)) = fault {
            return Err(unexpected(*line, found, expected));
        }
        prompt.check.iter().try_for_each(|check| check_samples(check, *line))?;
    }
    match lines.examples.first() {
        Some(line) if checked => {
            let expected = "answers that are `right` or `wrong`, beside each check";
            Err(unexpected(*line, "an example for judges", expected))
        }
        _ => Ok(()),
    }
}

fn check_samples(check: &Check, line: usize) -> Result<(), QuestionnaireError> {
    if let Some(right) = check.right.iter().find(|answer| !check.passes(answer)) {
        let found = format!("the right answer {}", shown(right));
        return Err(unexpected(line, found, "one that its check accepts"));
    }
    if let Some(wrong) = check.wrong.iter().find(|answer| check.passes(answer)) {
        let found = format!("the wrong answer {}", shown(wrong));
        return Err(unexpected(line, found, "one that its check refuses"));
    }
    Ok(())
}

/// Texts say something, and nothing that a reader of the file does not see.
fn check_text(line: usize, text: &str) -> Result<(), QuestionnaireError> {
    if text.trim().is_empty() {
        return Err(unexpected(line, "an empty text", "words"));
    }
    match text.chars().find(|c| is_hidden(*c)) {
        Some(c) => Err(unexpected(line, format!("the character {}", c.escape_unicode()), "text")),
        None => Ok(()),
    }
}

/// Characters that a reader does not see, or that change what a reader sees: control characters other than line ends
/// and tabs, marks that turn the direction of writing, spaces without width, tags.
pub(crate) fn is_hidden(c: char) -> bool {
    let shown_control = matches!(c, '\n' | '\t' | '\r');
    (c.is_control() && !shown_control)
        || matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{e0000}'..='\u{e007f}')
}

/// A text for an error message: quoted, escaped, and not too long.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let start: String = text.chars().take(MOST).collect();
    if start.len() < text.len() { format!("{start:?} …") } else { format!("{start:?}") }
}

#[cfg(test)]
mod tests;
