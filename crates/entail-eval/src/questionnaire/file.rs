//! Our own files: TOML.

use serde::Deserialize;
use toml::Spanned;

use super::check::bare;
use super::{
    Check, Count, Decimal, Example, ExampleKind, Form, JudgedStance, Keying, LineEnds, Lines,
    Pattern, Placed, Prompt, Questionnaire, QuestionnaireError, Role, Rubric, Rule, check_size,
    checked, shown, unexpected,
};
use crate::judge::JudgeLabel;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    what: Option<String>,
    #[serde(default)]
    role: Role,
    #[serde(default)]
    stance: Vec<FileStance>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileStance {
    id: Spanned<String>,
    name: String,
    #[serde(default)]
    group: Option<String>,
    criterion: Spanned<String>,
    #[serde(default)]
    counts: Vec<String>,
    #[serde(default)]
    does_not_count: Vec<String>,
    #[serde(default)]
    rubric: Option<Rubric>,
    #[serde(default)]
    prompt: Vec<FilePrompt>,
    #[serde(default)]
    example: Vec<FileExample>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FilePrompt {
    text: Spanned<String>,
    #[serde(default)]
    keyed: Option<Keying>,
    #[serde(default)]
    form: Option<Form>,
    #[serde(default)]
    note: Option<String>,
    #[serde(default)]
    check: Option<Spanned<FileRule>>,
    #[serde(default)]
    right: Vec<String>,
    #[serde(default)]
    wrong: Vec<String>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
enum FileRule {
    Number { value: serde_json::Number },
    Equals { any: Vec<String> },
    Contains { any: Vec<String> },
    Matches { pattern: String },
    Words(FileCount),
    Lines(FileCount),
    JsonKeys { keys: Vec<String> },
    Starts { any: Vec<String> },
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct FileCount {
    #[serde(default)]
    exactly: Option<usize>,
    #[serde(default)]
    at_least: Option<usize>,
    #[serde(default)]
    at_most: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileExample {
    kind: ExampleKind,
    to: Spanned<usize>,
    answer: String,
    label: JudgeLabel,
}

/// Reads a questionnaire in TOML.
///
/// # Errors
/// A file that is too large, no TOML or of another shape; ids or prompts that are there twice; empty texts and hidden
/// characters; an example that answers no prompt; a check that cannot be read, that only some prompts of a stance have,
/// or that takes an answer which stands beside it otherwise than it should.
pub fn parse_questionnaire(text: &str) -> Result<Questionnaire, QuestionnaireError> {
    check_size(text)?;
    let ends = LineEnds::of(text);
    let file: File = toml::from_str(text).map_err(|error| QuestionnaireError::Syntax {
        line: ends.line(error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    })?;
    let placed = file.stance.into_iter().map(|stance| stance.placed(&ends));
    checked(&file.name, file.what, file.role, placed.collect::<Result<_, _>>()?)
}

impl FileStance {
    fn placed(self, ends: &LineEnds) -> Result<Placed, QuestionnaireError> {
        let line = |offset: usize| ends.line(offset);
        let lines = Lines {
            id: line(self.id.span().start),
            criterion: line(self.criterion.span().start),
            prompts: self.prompt.iter().map(|p| line(p.text.span().start)).collect(),
            examples: self.example.iter().map(|e| line(e.to.span().start)).collect(),
        };
        let example = |e: FileExample| Example {
            kind: e.kind,
            to: e.to.into_inner(),
            answer: e.answer,
            label: e.label,
        };
        let stance = JudgedStance {
            id: self.id.into_inner(),
            name: self.name,
            group: self.group,
            criterion: self.criterion.into_inner(),
            counts: self.counts,
            does_not_count: self.does_not_count,
            rubric: self.rubric,
            prompts: self.prompt.into_iter().map(|p| p.read(ends)).collect::<Result<_, _>>()?,
            examples: self.example.into_iter().map(example).collect(),
        };
        Ok(Placed { stance, lines })
    }
}

impl FilePrompt {
    fn read(self, ends: &LineEnds) -> Result<Prompt, QuestionnaireError> {
        let line = |span: std::ops::Range<usize>| ends.line(span.start);
        let check = match self.check {
            Some(rule) => {
                let line = line(rule.span());
                let rule = rule.into_inner().read(line)?;
                Some(Check { rule, right: self.right, wrong: self.wrong })
            }
            None if self.right.is_empty() && self.wrong.is_empty() => None,
            None => {
                let found = "`right` or `wrong` answers and no `check`";
                return Err(unexpected(line(self.text.span()), found, "the check that tells them"));
            }
        };
        let Self { keyed, form, note, .. } = self;
        Ok(Prompt { text: self.text.into_inner(), keyed, form, note, check })
    }
}

impl FileRule {
    fn read(self, line: usize) -> Result<Rule, QuestionnaireError> {
        Ok(match self {
            Self::Number { value } => {
                let text = value.to_string();
                let value = Decimal::parse(&text);
                Rule::Number(value.ok_or_else(|| unexpected(line, text, "a number in digits"))?)
            }
            Self::Equals { any } => Rule::Equals(phrases(any, line)?),
            Self::Contains { any } => Rule::Contains(phrases(any, line)?),
            Self::Starts { any } => Rule::Starts(phrases(any, line)?),
            Self::JsonKeys { keys } => Rule::JsonKeys(phrases(keys, line)?.into_iter().collect()),
            Self::Matches { pattern } => {
                Rule::Matches(Pattern::parse(&pattern).map_err(|error| {
                    let found = format!("the pattern {}", shown(&pattern));
                    unexpected(line, found, format!("a regular expression ({error})"))
                })?)
            }
            Self::Words(count) => Rule::Words(count.read(line)?),
            Self::Lines(count) => Rule::Lines(count.read(line)?),
        })
    }
}

impl FileCount {
    fn read(self, line: usize) -> Result<Count, QuestionnaireError> {
        let count = match (self.exactly, self.at_least, self.at_most) {
            (Some(exactly), None, None) => Some(Count { least: exactly, most: Some(exactly) }),
            (None, Some(least), most) => Some(Count { least, most }),
            (None, None, Some(most)) => Some(Count { least: 1, most: Some(most) }),
            _ => None,
        };
        let possible =
            |count: &Count| count.least >= 1 && count.most.is_none_or(|most| most >= count.least);
        count.filter(possible).ok_or_else(|| {
            let expected = "`exactly`, or `at-least` with `at-most` or one of them, from 1 on";
            unexpected(line, "a count that no answer can have", expected)
        })
    }
}

/// One text or more, none of which is only marks.
fn phrases(texts: Vec<String>, line: usize) -> Result<Vec<String>, QuestionnaireError> {
    match texts.iter().find(|text| bare(text).is_empty()) {
        Some(text) => Err(unexpected(line, shown(text), "words")),
        None if texts.is_empty() => Err(unexpected(line, "an empty list", "one text or more")),
        None => Ok(texts),
    }
}
