//! Other people's questions as JSON Lines, one prompt in a line.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Form, JudgedStance, Keying, Lines, Placed, Prompt, Questionnaire, QuestionnaireError, Role,
    check_size, checked, shown, unexpected,
};

/// A line. Fields that are not named here are somebody else's and stay unread.
#[derive(Deserialize)]
struct Row {
    #[serde(alias = "id")]
    stance: String,
    #[serde(alias = "question", alias = "text")]
    prompt: String,
    #[serde(default, alias = "judge_fact")]
    criterion: Option<String>,
    #[serde(default, alias = "display_name")]
    name: Option<String>,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    keyed: Option<Keying>,
    #[serde(default)]
    form: Option<Form>,
}

/// Reads JSON Lines with `stance`, `prompt` and, in the first line of each stance at least, `criterion`; `name`,
/// `group`, `keyed` and `form` may stand beside them. `name` is the questionnaire's.
///
/// # Errors
/// As [`super::parse_questionnaire`]; a stance without a criterion, or with two that differ.
pub fn parse_question_rows(name: &str, text: &str) -> Result<Questionnaire, QuestionnaireError> {
    check_size(text)?;
    let mut placed: Vec<Placed> = Vec::new();
    let mut known = BTreeMap::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let number = index + 1;
        let row: Row = serde_json::from_str(line).map_err(|error| QuestionnaireError::Syntax {
            line: number,
            what: error.to_string(),
        })?;
        let at = *known.entry(row.stance.clone()).or_insert(placed.len());
        if at == placed.len() {
            placed.push(begun(&row, number)?);
        }
        let one = &mut placed[at];
        if let Some(other) = row.criterion.filter(|other| *other != one.stance.criterion) {
            let found = format!("the criterion {}", shown(&other));
            return Err(unexpected(number, found, shown(&one.stance.criterion)));
        }
        one.stance.prompts.push(Prompt {
            keyed: row.keyed,
            form: row.form,
            ..Prompt::plain(row.prompt)
        });
        one.lines.prompts.push(number);
    }
    checked(name, None, Role::default(), placed)
}

fn begun(row: &Row, line: usize) -> Result<Placed, QuestionnaireError> {
    let Some(criterion) = row.criterion.clone() else {
        let found = format!("no `criterion` in the first line of `{}`", shown(&row.stance));
        return Err(unexpected(line, found, "what a judge must see in an answer"));
    };
    let stance = JudgedStance {
        id: row.stance.clone(),
        name: row.name.clone().unwrap_or_else(|| row.stance.clone()),
        group: row.group.clone(),
        criterion,
        counts: Vec::new(),
        does_not_count: Vec::new(),
        rubric: None,
        prompts: Vec::new(),
        examples: Vec::new(),
    };
    let lines = Lines { id: line, criterion: line, prompts: Vec::new(), examples: Vec::new() };
    Ok(Placed { stance, lines })
}
