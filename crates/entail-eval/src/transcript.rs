//! Conversations with models as other tools keep them: answers that can be judged and analysed, whoever asked for them.

use entail_provider::{Completion, Finish};
use entail_schema::{Message, Role};
use serde_json::{Map, Value};

/// One conversation with what is known of it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcript {
    /// What was asked: draws of one question share it.
    pub id: String,
    /// Which draw of it, from 1.
    pub epoch: u64,
    /// The model that was asked, as its asker names it.
    pub model: Option<String>,
    /// What was said, in order.
    pub turns: Vec<Turn>,
    /// Answers that would be right, as far as there is such a thing.
    pub target: Vec<String>,
    /// What judges made of it.
    pub scores: Vec<Score>,
    /// Why it ended before its end.
    pub error: Option<String>,
    /// Everything else that its asker noted.
    pub metadata: Map<String, Value>,
    /// Seconds that it took.
    pub seconds: Option<f64>,
}

/// One turn. Pictures, sounds and files are left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    /// The frame.
    System(String),
    /// The person, or a model that plays one.
    User(String),
    /// The model.
    Assistant(Answer),
    /// What a tool gave back.
    Tool(ToolResult),
}

/// What a model said, and the tools it called.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Text, reasoning, tokens, reason of its end. Where a file does not say why an answer ended, it is
    /// [`Finish::Tool`] if it calls tools and [`Finish::Stop`] if not.
    pub completion: Completion,
    /// Calls, in order.
    pub calls: Vec<ToolCall>,
}

/// One call of a tool.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Names the call.
    pub id: String,
    /// The tool.
    pub function: String,
    /// What it was given.
    pub arguments: Value,
}

/// The result of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolResult {
    /// The call that it belongs to.
    pub call: Option<String>,
    /// The tool.
    pub function: Option<String>,
    /// What came back; what went wrong where that is all there is.
    pub content: String,
}

/// What one judge made of a conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The judge, or the dimension that was judged.
    pub judge: String,
    /// The verdict: a word, a number, or something with parts. `None`: the judge could not say.
    pub value: Option<Value>,
    /// The answer as the judge read it.
    pub answer: Option<String>,
    /// The judge's reasons.
    pub explanation: Option<String>,
    /// Everything else.
    pub metadata: Map<String, Value>,
}

impl Answer {
    /// An answer of which nothing is known but what was said.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { completion: Completion::plain(text, Finish::Stop), calls: Vec::new() }
    }
}

impl Score {
    /// A verdict without reasons.
    pub fn new(judge: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            judge: judge.into(),
            value: Some(value.into()),
            answer: None,
            explanation: None,
            metadata: Map::new(),
        }
    }
}

impl Turn {
    /// What was said.
    pub fn text(&self) -> &str {
        match self {
            Self::System(text) | Self::User(text) => text,
            Self::Assistant(answer) => &answer.completion.text,
            Self::Tool(result) => &result.content,
        }
    }

    /// The turn as a message, without its reasoning. `None` where tools take part, which messages cannot say.
    pub fn message(&self) -> Option<Message> {
        match self {
            Self::System(text) => Some(Message::system(text)),
            Self::User(text) => Some(Message::user(text)),
            Self::Assistant(answer) if answer.calls.is_empty() => {
                Some(Message::assistant(&answer.completion.text))
            }
            Self::Assistant(_) | Self::Tool(_) => None,
        }
    }
}

impl From<Message> for Turn {
    fn from(message: Message) -> Self {
        match message.role {
            Role::System => Self::System(message.content),
            Role::User => Self::User(message.content),
            Role::Assistant => Self::Assistant(Answer::plain(message.content)),
        }
    }
}

impl Transcript {
    /// The model's last answer, with what went before it. `None` where it never said anything.
    pub fn last_answer(&self) -> Option<(&[Turn], &Answer)> {
        self.answers().last()
    }

    /// Every answer of the model, each with what went before it.
    pub fn answers(&self) -> impl Iterator<Item = (&[Turn], &Answer)> {
        self.turns.iter().enumerate().filter_map(|(index, turn)| match turn {
            Turn::Assistant(answer) => Some((&self.turns[..index], answer)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
