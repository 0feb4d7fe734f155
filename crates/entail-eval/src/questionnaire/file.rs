//! Our own files: TOML.

use serde::Deserialize;
use toml::Spanned;

use super::{
    Example, ExampleKind, Form, JudgedStance, Keying, LineEnds, Lines, Placed, Prompt,
    Questionnaire, QuestionnaireError, Rubric, check_size, checked,
};
use crate::judge::JudgeLabel;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    what: Option<String>,
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
/// characters; an example that answers no prompt.
pub fn parse_questionnaire(text: &str) -> Result<Questionnaire, QuestionnaireError> {
    check_size(text)?;
    let ends = LineEnds::of(text);
    let file: File = toml::from_str(text).map_err(|error| QuestionnaireError::Syntax {
        line: ends.line(error.span().map_or(0, |span| span.start)),
        what: error.message().to_owned(),
    })?;
    let placed = file.stance.into_iter().map(|stance| stance.placed(&ends)).collect();
    checked(&file.name, file.what, placed)
}

impl FileStance {
    fn placed(self, ends: &LineEnds) -> Placed {
        let line = |offset: usize| ends.line(offset);
        let lines = Lines {
            id: line(self.id.span().start),
            criterion: line(self.criterion.span().start),
            prompts: self.prompt.iter().map(|p| line(p.text.span().start)).collect(),
            examples: self.example.iter().map(|e| line(e.to.span().start)).collect(),
        };
        let prompt =
            |p: FilePrompt| Prompt { text: p.text.into_inner(), keyed: p.keyed, form: p.form };
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
            prompts: self.prompt.into_iter().map(prompt).collect(),
            examples: self.example.into_iter().map(example).collect(),
        };
        Placed { stance, lines }
    }
}
