//! Question files of llmcomp (Betley): a YAML list of questions with paraphrases. They say what is asked and not what
//! a judge looks for, so criteria come with the call, or as a field `criterion` beside the others.
//!
//! YAML is read as events of `saphyr-parser`, of which nothing is built that the file does not spell out: an alias is
//! refused, so no small file can stand for a large one.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScanError};

use super::{
    JudgedStance, Lines, Placed, Prompt, Questionnaire, QuestionnaireError, Role, check_size,
    checked, unexpected,
};

/// Nesting that no question file needs.
const DEEPEST: usize = 20;

/// Reads the free-form questions of a file. `name` is the questionnaire's; `criteria` are by the question's name, and
/// win over the file's. Judges that stand among the questions are passed over.
///
/// # Errors
/// As [`super::parse_questionnaire`]; a question without a criterion, of another type than `free_form`, with messages
/// or a system prompt of its own.
pub fn parse_llmcomp(
    name: &str,
    text: &str,
    criteria: &BTreeMap<String, String>,
) -> Result<Questionnaire, QuestionnaireError> {
    check_size(text)?;
    let Some(Node { line, value }) = document(text)? else {
        return Err(unexpected(1, "an empty file", "a list of questions"));
    };
    let Value::List(questions) = value else {
        return Err(unexpected(line, value.shape(), "a list of questions"));
    };
    let mut placed = Vec::new();
    for question in questions {
        placed.extend(read(question, criteria)?);
    }
    checked(name, None, Role::default(), placed)
}

/// A question; `None` for a judge.
fn read(
    question: Node,
    criteria: &BTreeMap<String, String>,
) -> Result<Option<Placed>, QuestionnaireError> {
    let line = question.line;
    let Value::Table(mut fields) = question.value else {
        return Err(unexpected(line, question.value.shape(), "a question with its fields"));
    };
    let mut take = |name: &str| fields.remove(name);
    if let Some(kind) = take("type") {
        match kind.text()?.1.as_str() {
            "free_form" => {}
            "free_form_judge" | "rating_judge" => return Ok(None),
            other => return Err(unexpected(kind.line, format!("type `{other}`"), "`free_form`")),
        }
    }
    for field in ["messages", "system"] {
        if let Some(node) = take(field) {
            let expected = "`paraphrases` alone: system prompts belong to arms";
            return Err(unexpected(node.line, format!("`{field}`"), expected));
        }
    }
    let id = take("name").or_else(|| take("id"));
    let (id_line, id) =
        id.ok_or_else(|| unexpected(line, "no `name`", "a name for the question"))?.text()?;
    let paraphrases = take("paraphrases")
        .ok_or_else(|| unexpected(line, "no `paraphrases`", "a list of questions to ask"))?;
    let given = criteria.get(&id).map(|criterion| Ok((id_line, criterion.clone())));
    let (criterion_line, criterion) =
        given.or_else(|| Some(take("criterion")?.text())).ok_or_else(|| {
            unexpected(
                id_line,
                format!("no criterion for `{id}`"),
                "what a judge must see in an answer",
            )
        })??;
    let (lines, texts): (Vec<usize>, Vec<String>) = paraphrases.texts()?.into_iter().unzip();
    let stance = JudgedStance {
        name: id.clone(),
        id,
        group: None,
        criterion,
        counts: Vec::new(),
        does_not_count: Vec::new(),
        rubric: None,
        prompts: texts.into_iter().map(Prompt::plain).collect(),
        examples: Vec::new(),
    };
    let lines = Lines { id: id_line, criterion: criterion_line, prompts: lines, examples: vec![] };
    Ok(Some(Placed { stance, lines }))
}

/// A piece of YAML and the line that it begins on.
struct Node {
    line: usize,
    value: Value,
}

enum Value {
    Text(String),
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
}

impl Value {
    fn shape(&self) -> &'static str {
        match self {
            Self::Text(_) => "a single value",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Node {
    fn text(&self) -> Result<(usize, String), QuestionnaireError> {
        match &self.value {
            Value::Text(text) => Ok((self.line, text.clone())),
            other => Err(unexpected(self.line, other.shape(), "a text")),
        }
    }

    fn texts(&self) -> Result<Vec<(usize, String)>, QuestionnaireError> {
        match &self.value {
            Value::List(items) => items.iter().map(Self::text).collect(),
            other => Err(unexpected(self.line, other.shape(), "a list of texts")),
        }
    }
}

type Events<'a> = Parser<'a, saphyr_parser::StrInput<'a>>;

/// The document of a file; `None` if there is nothing in it.
fn document(text: &str) -> Result<Option<Node>, QuestionnaireError> {
    let mut events = Parser::new_from_str(text);
    let mut read = None;
    while let Some((line, event)) = next(&mut events)? {
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::StreamEnd | Event::Nothing => {}
            Event::DocumentStart(_) if read.is_none() => {}
            Event::DocumentStart(_) => {
                return Err(unexpected(line, "a second document", "one list of questions"));
            }
            event => read = Some(node(line, event, &mut events, DEEPEST)?),
        }
    }
    Ok(read)
}

fn next<'a>(events: &mut Events<'a>) -> Result<Option<(usize, Event<'a>)>, QuestionnaireError> {
    let wrong = |error: ScanError| QuestionnaireError::Syntax {
        line: error.marker().line(),
        what: error.info().to_owned(),
    };
    let event = events.next_event().transpose().map_err(wrong)?;
    Ok(event.map(|(event, span)| (span.start.line(), event)))
}

fn node<'a>(
    line: usize,
    event: Event<'a>,
    events: &mut Events<'a>,
    depth: usize,
) -> Result<Node, QuestionnaireError> {
    if depth == 0 {
        let found = format!("more than {DEEPEST} levels of nesting");
        return Err(unexpected(line, found, "a list of questions"));
    }
    let cut_off = || unexpected(line, "a list or table without an end", "its end");
    let value = match event {
        Event::Scalar(text, ..) => Value::Text(text.into_owned()),
        Event::SequenceStart(..) => {
            let mut items = Vec::new();
            loop {
                match next(events)?.ok_or_else(cut_off)? {
                    (_, Event::SequenceEnd) => break Value::List(items),
                    (line, event) => items.push(node(line, event, events, depth - 1)?),
                }
            }
        }
        Event::MappingStart(..) => Value::Table(table(line, events, depth)?),
        Event::Alias(_) => return Err(unexpected(line, "an alias", "the text itself")),
        _ => return Err(cut_off()),
    };
    Ok(Node { line, value })
}

fn table(
    line: usize,
    events: &mut Events<'_>,
    depth: usize,
) -> Result<BTreeMap<String, Node>, QuestionnaireError> {
    let mut fields = BTreeMap::new();
    let cut_off = || unexpected(line, "a table without an end", "its end");
    loop {
        let (line, event) = next(events)?.ok_or_else(cut_off)?;
        if event == Event::MappingEnd {
            return Ok(fields);
        }
        let (line, name) = node(line, event, events, depth - 1)?.text()?;
        let (value_line, event) = next(events)?.ok_or_else(cut_off)?;
        let value = node(value_line, event, events, depth - 1)?;
        if fields.insert(name.clone(), value).is_some() {
            return Err(unexpected(line, format!("the field `{name}` again"), "each field once"));
        }
    }
}
