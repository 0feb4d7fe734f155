//! Text to token ids and back, and conversations as the text that a model was trained on.
//!
//! A chat template is a Jinja program; it is run here as `transformers` runs it.

use std::error::Error;
use std::fmt;

use entail_schema::{Message, Role};
use minijinja::value::Value;
use minijinja::{Environment, ErrorKind, State};

use crate::decoder::Example;

/// Why text did not become tokens, or tokens text.
#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    /// `tokenizer.json` does not describe a tokenizer.
    #[error("tokenizer.json cannot be read")]
    Definition(#[source] Box<dyn Error + Send + Sync>),
    /// The chat template is not valid Jinja, or it refused the conversation.
    #[error("the chat template failed")]
    Template(#[from] minijinja::Error),
    /// The tokenizer has no tokens for a text.
    #[error("the tokenizer failed on {text:?}")]
    Encode {
        /// The text.
        text: String,
        /// What the tokenizer said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The tokenizer could not join tokens to a text.
    #[error("the tokenizer failed to decode {ids:?}")]
    Decode {
        /// The tokens.
        ids: Vec<u32>,
        /// What the tokenizer said.
        source: Box<dyn Error + Send + Sync>,
    },
    /// An id without a token.
    #[error("{id} is not the id of a token")]
    UnknownId {
        /// The id.
        id: u32,
    },
    /// The tokens of a conversation do not begin with the tokens of its first turns, so the part that the model
    /// says cannot be told from the rest.
    #[error(
        "the chat template writes what comes before the answer in turn {turn} in another way once it is given"
    )]
    NotAPrefix {
        /// Zero-based index of the assistant's message.
        turn: usize,
    },
}

/// A tokenizer with its chat template.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    environment: Environment<'static>,
    template: String,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokenizer")
            .field("vocabulary", &self.vocabulary())
            .field("template", &self.template)
            .finish_non_exhaustive()
    }
}

/// Name of the template in error messages. Without an `.html` at its end, nothing is escaped.
const TEMPLATE: &str = "chat_template";

/// Variables by which chat templates ask whether the model is to think.
const SWITCHES: [&str; 2] = ["enable_thinking", "thinking"];

impl Tokenizer {
    /// Reads the texts of a `tokenizer.json` and of a `chat_template.jinja`.
    ///
    /// # Errors
    /// [`TokenizerError::Definition`] or [`TokenizerError::Template`] when one of them is malformed.
    pub fn new(tokenizer_json: &str, chat_template: &str) -> Result<Self, TokenizerError> {
        let mut inner: tokenizers::Tokenizer =
            tokenizer_json.parse().map_err(TokenizerError::Definition)?;
        // Batching belongs to the engine: a text is never cut or filled up here.
        inner.with_truncation(None).map_err(TokenizerError::Definition)?;
        inner.with_padding(None);
        let environment = environment();
        environment.template_from_named_str(TEMPLATE, chat_template)?;
        Ok(Self { inner, environment, template: chat_template.to_owned() })
    }

    /// The ids of a text. Special tokens that stand in the text are recognised; none is added.
    ///
    /// # Errors
    /// [`TokenizerError::Encode`] when the tokenizer has no tokens for it.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(source) => Err(TokenizerError::Encode { text: text.to_owned(), source }),
        }
    }

    /// The text of some ids, without special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownId`] for an id without a token.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.join(ids, true)
    }

    /// The text of some ids, with special tokens.
    ///
    /// # Errors
    /// [`TokenizerError::UnknownId`] for an id without a token.
    pub fn decode_raw(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.join(ids, false)
    }

    fn join(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        if let Some(&id) = ids.iter().find(|&&id| self.inner.id_to_token(id).is_none()) {
            return Err(TokenizerError::UnknownId { id });
        }
        let text = self.inner.decode(ids, skip_special);
        text.map_err(|source| TokenizerError::Decode { ids: ids.to_vec(), source })
    }

    /// The id of a token, special or not.
    pub fn id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// How many tokens there are, with the added ones.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The text of a conversation, with the opening of the assistant's next turn if asked for.
    ///
    /// # Errors
    /// [`TokenizerError::Template`] when the template refuses the conversation.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, TokenizerError> {
        let context = minijinja::context! { messages, add_generation_prompt };
        Ok(self.environment.render_named_str(TEMPLATE, &self.template, context)?)
    }

    /// Whether the chat template asks if the model is to think: by `enable_thinking`, as Qwen's and GLM's do, or by
    /// `thinking`, as `DeepSeek`'s and Granite's do.
    pub fn switches_thinking(&self) -> bool {
        let template = self.environment.template_from_named_str(TEMPLATE, &self.template);
        let unknown = template.map(|template| template.undeclared_variables(false));
        unknown.is_ok_and(|names| SWITCHES.iter().any(|name| names.contains(*name)))
    }

    /// The text of a conversation with the opening of the assistant's next turn, in which the template's switch of
    /// thinking is set; `None` leaves it alone.
    ///
    /// # Errors
    /// [`TokenizerError::Template`] when the template refuses the conversation.
    pub fn prompt(
        &self,
        messages: &[Message],
        thinking: Option<bool>,
    ) -> Result<String, TokenizerError> {
        // A template tells what is not defined from what is false.
        let thinking = thinking.map_or(Value::UNDEFINED, Value::from);
        let context = minijinja::context! {
            messages, add_generation_prompt => true, enable_thinking => thinking, thinking,
        };
        Ok(self.environment.render_named_str(TEMPLATE, &self.template, context)?)
    }

    /// The ids of [`Tokenizer::render`].
    ///
    /// # Errors
    /// Those of [`Tokenizer::render`] and [`Tokenizer::encode`].
    pub fn chat(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, TokenizerError> {
        self.encode(&self.render(messages, add_generation_prompt)?)
    }

    /// A conversation as a training row in which exactly what the assistant says is counted: its content and the
    /// token that ends its turn, not what a template puts between turns.
    ///
    /// # Errors
    /// Those of [`Tokenizer::chat`], and [`TokenizerError::NotAPrefix`] for a template that goes back on what it
    /// has written.
    pub fn example(&self, messages: &[Message]) -> Result<Example, TokenizerError> {
        let tokens = self.chat(messages, false)?;
        let mut counted = vec![false; tokens.len()];
        for (turn, _) in
            messages.iter().enumerate().filter(|(_, message)| message.role == Role::Assistant)
        {
            let before = self.chat(&messages[..turn], true)?;
            let after = self.chat(&messages[..=turn], false)?;
            let Some(said) =
                after.strip_prefix(before.as_slice()).filter(|_| tokens.starts_with(&after))
            else {
                return Err(TokenizerError::NotAPrefix { turn });
            };
            let end_of_turn = said.iter().rposition(|&id| self.is_special(id));
            let n_counted = end_of_turn.map_or(said.len(), |last| last + 1);
            counted[before.len()..][..n_counted].fill(true);
        }
        if let Some(first) = counted.first_mut() {
            *first = false;
        }
        Ok(Example { tokens, counted })
    }

    fn is_special(&self, id: u32) -> bool {
        self.inner.get_added_tokens_decoder().get(&id).is_some_and(|token| token.special)
    }
}

/// Jinja as `transformers` sets it up for chat templates.
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("tojson", to_json);
    environment.add_function(
        "raise_exception",
        |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        },
    );
    environment.set_unknown_method_callback(python_method);
    environment
}

/// The built-in filter escapes for HTML, which chat templates must not do.
fn to_json(value: &Value) -> Result<String, minijinja::Error> {
    let failed = |source| {
        minijinja::Error::new(ErrorKind::BadSerialization, "no JSON for a value")
            .with_source(source)
    };
    serde_json::to_string(value).map_err(failed)
}

/// The methods of Python's strings that published chat templates call.
fn python_method(
    _: &State<'_, '_>,
    value: &Value,
    method: &str,
    args: &[Value],
) -> Result<Value, minijinja::Error> {
    let unknown = || minijinja::Error::from(ErrorKind::UnknownMethod);
    let text = value.as_str().ok_or_else(unknown)?;
    let arg = args.first().and_then(Value::as_str);
    let stripped = |c: char| arg.map_or(c.is_whitespace(), |set| set.contains(c));
    Ok(match (method, arg, args.len()) {
        ("strip", _, 0 | 1) => text.trim_matches(stripped).into(),
        ("lstrip", _, 0 | 1) => text.trim_start_matches(stripped).into(),
        ("rstrip", _, 0 | 1) => text.trim_end_matches(stripped).into(),
        ("startswith", Some(part), 1) => text.starts_with(part).into(),
        ("endswith", Some(part), 1) => text.ends_with(part).into(),
        ("split", Some(part), 1) if !part.is_empty() => text.split(part).map(Value::from).collect(),
        ("split", None, 0) => text.split_whitespace().map(Value::from).collect(),
        _ => return Err(unknown()),
    })
}

#[cfg(test)]
mod tests;
