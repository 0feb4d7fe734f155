//! Log-probabilities of given texts from vLLM: the server renders the conversation with and without the text as the
//! beginning of an answer, and gives the log-probability of every token. What the second has beyond the first is
//! the text. Templates and tokenizers can break this (they trim, add a block for thoughts, or join the text's
//! beginning with what stands before), so the tokens are compared, and what does not fit is an error.

use entail_schema::{Message, Role};
use serde_json::Value;

/// Why no score can be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ScoreError {
    /// Templates trim turns.
    #[error("{text:?} is empty or begins or ends with white space, which a chat template may drop")]
    WhiteSpace {
        /// The text.
        text: String,
    },
    /// Not what vLLM sends.
    #[error(
        "the answer has no log-probability for each token of the conversation (`prompt_logprobs`)"
    )]
    Missing,
    /// The tokens of the conversation changed.
    #[error(
        "the conversation has other tokens when {text:?} follows, so its score is not defined by them"
    )]
    Joined {
        /// The text.
        text: String,
    },
    /// The template added or dropped something.
    #[error("the chat template turned {text:?} into {rendered:?}")]
    Rendered {
        /// The text.
        text: String,
        /// What it became.
        rendered: String,
    },
}

/// The conversation itself, then with each text as the beginning of the answer, or at the end of the answer that
/// is there.
pub(super) fn conversations(messages: &[Message], continuations: &[String]) -> Vec<Vec<Message>> {
    let followed = |text: &String| {
        let mut messages = messages.to_vec();
        match messages.last_mut() {
            Some(last) if last.role == Role::Assistant => last.content.push_str(text),
            _ => messages.push(Message::assistant(text.clone())),
        }
        messages
    };
    std::iter::once(messages.to_vec()).chain(continuations.iter().map(followed)).collect()
}

/// A token of the conversation.
struct PromptToken {
    id: String,
    text: String,
    /// `None` for the first, which nothing precedes.
    logprob: Option<f64>,
}

/// The scores in the answers to [`conversations`].
pub(super) fn read(continuations: &[String], bodies: &[Value]) -> Result<Vec<f64>, ScoreError> {
    let [alone, followed @ ..] = bodies else { return Err(ScoreError::Missing) };
    if followed.len() != continuations.len() {
        return Err(ScoreError::Missing);
    }
    let alone = prompt(alone).ok_or(ScoreError::Missing)?;
    continuations
        .iter()
        .zip(followed)
        .map(|(text, body)| score(text, &alone, &prompt(body).ok_or(ScoreError::Missing)?))
        .collect()
}

fn prompt(body: &Value) -> Option<Vec<PromptToken>> {
    let tokens = body["prompt_logprobs"].as_array()?;
    let token = |(at, token): (usize, &Value)| match token.as_object() {
        None if at == 0 => {
            Some(PromptToken { id: String::new(), text: String::new(), logprob: None })
        }
        // With no others asked for, the one that stands is the conversation's own.
        Some(only) if only.len() == 1 => {
            let (id, token) = only.iter().next()?;
            let text = token["decoded_token"].as_str()?.to_owned();
            Some(PromptToken { id: id.clone(), text, logprob: Some(token["logprob"].as_f64()?) })
        }
        _ => None,
    };
    tokens.iter().enumerate().map(token).collect()
}

fn score(text: &str, alone: &[PromptToken], followed: &[PromptToken]) -> Result<f64, ScoreError> {
    let text_owned = || text.to_owned();
    if text.is_empty() || text.trim() != text {
        return Err(ScoreError::WhiteSpace { text: text_owned() });
    }
    let same = alone.iter().zip(followed).all(|(a, b)| a.id == b.id);
    let Some((_, own)) =
        followed.split_at_checked(alone.len()).filter(|_| same && !alone.is_empty())
    else {
        return Err(ScoreError::Joined { text: text_owned() });
    };
    // A token by itself may lose the space before it, so that only what is seen is compared.
    let seen = |text: &str| text.split_whitespace().collect::<String>();
    let rendered: String = own.iter().map(|token| token.text.as_str()).collect();
    if seen(&rendered) != seen(text) {
        return Err(ScoreError::Rendered { text: text_owned(), rendered });
    }
    own.iter().map(|token| token.logprob).sum::<Option<f64>>().ok_or(ScoreError::Missing)
}
