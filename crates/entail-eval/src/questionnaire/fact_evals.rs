//! The shape of `evals/fact_evals.py` in the repository of the consciousness cluster (commit 65fab21): assignments of
//! `FactEval(display_name=…, prompts=[…], judge_fact=…)`, and copies of another with `.change_judge_fact(…)`. Dicts
//! with the same three fields, and lists of either, are read too.

use std::collections::BTreeMap;

use super::python::{Entry, Expression, Kind, assignments};
use super::{
    JudgedStance, Lines, Placed, Prompt, Questionnaire, QuestionnaireError, Role, check_size,
    checked, unexpected,
};

/// What the paper calls a judge's fact is the criterion here.
const CRITERION: &str = "judge_fact";
const PROMPTS: &str = "prompts";
const NAME: &str = "display_name";
const COPY: &str = "change_judge_fact";

/// Reads a Python file of fact evals without executing it. `name` is the questionnaire's. Ids are the names of the
/// variables; in a list, the printed name in lower case. Every eval of the file is read, in the order of the file.
///
/// # Errors
/// As [`super::parse_questionnaire`]; an eval with a part that only Python could work out.
pub fn parse_fact_evals(name: &str, text: &str) -> Result<Questionnaire, QuestionnaireError> {
    check_size(text)?;
    let mut file = File::default();
    for (variable, expression) in assignments(text) {
        file.read(&variable, &expression)?;
    }
    checked(name, None, Role::default(), file.evals.into_iter().map(Eval::placed).collect())
}

/// What has been read so far.
#[derive(Default)]
struct File {
    evals: Vec<Eval>,
    lists: BTreeMap<String, Vec<(usize, String)>>,
    /// Printed names of evals, criteria and other single texts.
    texts: BTreeMap<String, String>,
}

#[derive(Clone)]
struct Eval {
    id: String,
    line: usize,
    name: String,
    criterion: (usize, String),
    prompts: Vec<(usize, String)>,
}

impl File {
    fn read(&mut self, variable: &str, expression: &Expression) -> Result<(), QuestionnaireError> {
        if let Some(eval) = self.eval(variable, expression)? {
            // A variable that is given twice holds the second.
            self.evals.retain(|other| other.id != eval.id);
            self.evals.push(eval);
            return Ok(());
        }
        match &expression.kind {
            Kind::Text(text) => {
                self.texts.insert(variable.to_owned(), text.clone());
            }
            Kind::List(items) => {
                for item in items {
                    let Some(mut eval) = self.eval("", item)? else { continue };
                    eval.id = slug(&eval.name);
                    self.evals.push(eval);
                }
                if let Ok(prompts) = self.prompts(expression) {
                    self.lists.insert(variable.to_owned(), prompts);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The eval that an expression makes; `None` for one that makes something else.
    fn eval(&self, id: &str, expression: &Expression) -> Result<Option<Eval>, QuestionnaireError> {
        let (parts, original) = match &expression.kind {
            Kind::Dict(parts) => (parts, None),
            Kind::Call { callee, arguments } => match callee.split_once('.') {
                Some((variable, method)) => match self.evals.iter().find(|e| e.id == variable) {
                    Some(original) if method == COPY => (arguments, Some(original)),
                    Some(_) => {
                        let found = format!("a call of `{callee}`");
                        return Err(unexpected(
                            expression.line,
                            found,
                            format!("`{variable}.{COPY}(…)`"),
                        ));
                    }
                    None => (arguments, None),
                },
                None => (arguments, None),
            },
            _ => return Ok(None),
        };
        match original {
            Some(original) => self.copy(id, expression.line, parts, original).map(Some),
            None if part(parts, CRITERION).is_some() => {
                self.made(id, expression.line, parts).map(Some)
            }
            None => Ok(None),
        }
    }

    fn made(&self, id: &str, line: usize, parts: &[Entry]) -> Result<Eval, QuestionnaireError> {
        let needed = |field: &str| {
            part(parts, field).ok_or_else(|| {
                unexpected(
                    line,
                    format!("no `{field}`"),
                    format!("`{NAME}`, `{PROMPTS}` and `{CRITERION}`"),
                )
            })
        };
        let criterion = needed(CRITERION)?;
        Ok(Eval {
            id: id.to_owned(),
            line,
            name: printed(&self.text(needed(NAME)?)?),
            criterion: (criterion.line, self.text(criterion)?),
            prompts: self.prompts(needed(PROMPTS)?)?,
        })
    }

    /// The arguments of the copying method are `judge_fact` and `new_display_name`, in this order.
    fn copy(
        &self,
        id: &str,
        line: usize,
        arguments: &[Entry],
        original: &Eval,
    ) -> Result<Eval, QuestionnaireError> {
        let unnamed = |index: usize| {
            arguments.get(index).filter(|(name, _)| name.is_none()).map(|(_, value)| value)
        };
        let criterion = part(arguments, CRITERION).or(unnamed(0)).ok_or_else(|| {
            unexpected(line, format!("no `{CRITERION}`"), "what a judge must see in an answer")
        })?;
        let name = match part(arguments, "new_display_name").or(unnamed(1)) {
            Some(name) => printed(&self.text(name)?),
            None => original.name.clone(),
        };
        let criterion = (criterion.line, self.text(criterion)?);
        Ok(Eval { id: id.to_owned(), line, name, criterion, prompts: original.prompts.clone() })
    }

    fn text(&self, expression: &Expression) -> Result<String, QuestionnaireError> {
        let known = match &expression.kind {
            Kind::Text(text) => Some(text.clone()),
            Kind::Name(name) => self.texts.get(name).cloned(),
            Kind::Sum(parts) => {
                return parts.iter().map(|part| self.text(part)).collect();
            }
            _ => None,
        };
        known.ok_or_else(|| not_read(expression, "a string"))
    }

    fn prompts(&self, expression: &Expression) -> Result<Vec<(usize, String)>, QuestionnaireError> {
        match &expression.kind {
            Kind::List(items) => {
                items.iter().map(|item| Ok((item.line, self.text(item)?))).collect()
            }
            Kind::Sum(parts) => {
                let lists: Result<Vec<_>, _> =
                    parts.iter().map(|part| self.prompts(part)).collect();
                Ok(lists?.concat())
            }
            Kind::Name(name) => {
                self.named_prompts(name).ok_or_else(|| not_read(expression, "a list"))
            }
            _ => Err(not_read(expression, "a list of strings")),
        }
    }

    /// `list` or `eval.prompts`.
    fn named_prompts(&self, name: &str) -> Option<Vec<(usize, String)>> {
        let of_eval = || {
            let variable = name.strip_suffix(".prompts")?;
            Some(self.evals.iter().find(|eval| eval.id == variable)?.prompts.clone())
        };
        self.lists.get(name).cloned().or_else(of_eval)
    }
}

impl Eval {
    fn placed(self) -> Placed {
        let (criterion_line, criterion) = self.criterion;
        let (lines, texts): (Vec<usize>, Vec<String>) = self.prompts.into_iter().unzip();
        Placed {
            stance: JudgedStance {
                id: self.id,
                name: self.name,
                group: None,
                criterion,
                counts: Vec::new(),
                does_not_count: Vec::new(),
                rubric: None,
                prompts: texts.into_iter().map(Prompt::plain).collect(),
                examples: Vec::new(),
            },
            lines: Lines {
                id: self.line,
                criterion: criterion_line,
                prompts: lines,
                examples: Vec::new(),
            },
        }
    }
}

fn part<'a>(parts: &'a [Entry], name: &str) -> Option<&'a Expression> {
    parts.iter().find(|(part, _)| part.as_deref() == Some(name)).map(|(_, value)| value)
}

fn not_read(expression: &Expression, expected: &str) -> QuestionnaireError {
    let found = match &expression.kind {
        Kind::Name(name) => format!("the name `{name}`"),
        Kind::Call { callee, .. } => format!("a call of `{callee}`"),
        Kind::List(_) => "a list".to_owned(),
        Kind::Text(_) => "a string".to_owned(),
        Kind::Dict(_) | Kind::Sum(_) | Kind::Other => "an expression".to_owned(),
    };
    unexpected(expression.line, found, format!("{expected} (the file is read, not executed)"))
}

/// A printed name without the line breaks of plots.
fn printed(name: &str) -> String {
    name.replace("-<br>", "-").replace("<br>", " ")
}

/// A printed name as an id.
fn slug(name: &str) -> String {
    let letters =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    letters.collect::<String>().split_whitespace().collect::<Vec<_>>().join("-")
}
