//! OpenAI's chat completions as they stand on the wire. Reading is tolerant: a field that is missing, null or of
//! another type than documented is `None`, since every server that calls itself compatible differs somewhere.

use entail_schema::Message;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The value if it has the expected form.
fn lenient<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: serde::de::DeserializeOwned,
{
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

/// A request. Only what is `Some` is sent.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct ChatRequest<'a> {
    pub(crate) model: &'a str,
    pub(crate) messages: &'a [Message],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max_completion_tokens: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) n: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) logprobs: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_logprobs: Option<u8>,
    /// vLLM and llama.cpp: draw from all tokens (−1 and 0 mean that).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) top_k: Option<i32>,
    /// vLLM and llama.cpp: drop no unlikely token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) min_p: Option<f64>,
    /// vLLM: change no probability of a token that was there before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repetition_penalty: Option<f64>,
    /// llama.cpp's name of the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) repeat_penalty: Option<f64>,
    /// vLLM: whether the beginning of an answer is added after the last turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) add_generation_prompt: Option<bool>,
    /// vLLM: whether the last turn goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) continue_final_message: Option<bool>,
    /// vLLM: log-probabilities of the conversation's own tokens, and of this many others in the place of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prompt_logprobs: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) response_format: Option<ResponseFormat<'a>>,
    /// `OpenAI` and Ollama: how much is thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning_effort: Option<Effort>,
    /// OpenRouter: whether anything is thought.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<Reasoning>,
    /// vLLM, `SGLang` and llama.cpp: variables of the chat template.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) chat_template_kwargs: Option<TemplateSwitch>,
    /// OpenRouter: which hosts may answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<Hosts<'a>>,
    /// OpenRouter: whether the answer tells its price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) usage: Option<Include>,
}

/// What an answer is kept to.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ResponseFormat<'a> {
    JsonSchema { json_schema: JsonSchema<'a> },
}

/// A schema that is kept to the letter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JsonSchema<'a> {
    pub(crate) name: &'a str,
    pub(crate) strict: bool,
    pub(crate) schema: &'a Value,
}

/// How much is thought: nothing, or what models that always think do by default.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Effort {
    None,
    Medium,
}

/// OpenRouter's way to ask for thoughts.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reasoning {
    pub(crate) enabled: bool,
}

/// The variable that turns thinking on and off in the chat template: `enable_thinking` in Qwen's and GLM's, `thinking`
/// in `DeepSeek`'s and Granite's. A template ignores a variable that it does not use.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct TemplateSwitch {
    pub(crate) enable_thinking: bool,
    pub(crate) thinking: bool,
}

/// Which hosts of OpenRouter may answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Hosts<'a> {
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub(crate) order: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) allow_fallbacks: Option<bool>,
    /// Without it, parameters that a host does not take are dropped in silence.
    pub(crate) require_parameters: bool,
}

/// OpenRouter's way to ask for the price.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Include {
    pub(crate) include: bool,
}

/// What stands beside the answers of a response.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatResponse {
    #[serde(deserialize_with = "lenient")]
    pub(crate) model: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) system_fingerprint: Option<String>,
    /// OpenRouter: the host that answered.
    #[serde(deserialize_with = "lenient")]
    pub(crate) provider: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) usage: Option<ChatUsage>,
}

/// What an answer took.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChatUsage {
    #[serde(deserialize_with = "lenient")]
    pub(crate) prompt_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) completion_tokens: Option<u64>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) completion_tokens_details: Option<UsageDetails>,
    /// OpenRouter: in US dollars.
    #[serde(deserialize_with = "lenient")]
    pub(crate) cost: Option<f64>,
}

/// Parts of the drawn tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct UsageDetails {
    #[serde(deserialize_with = "lenient")]
    pub(crate) reasoning_tokens: Option<u64>,
}

/// One answer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Choice {
    #[serde(deserialize_with = "lenient")]
    pub(crate) message: Option<ChoiceMessage>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) finish_reason: Option<String>,
    /// OpenRouter: the reason in the words of the host.
    #[serde(deserialize_with = "lenient")]
    pub(crate) native_finish_reason: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) logprobs: Option<ChoiceLogprobs>,
    /// OpenRouter: what went wrong with this answer.
    pub(crate) error: Option<Value>,
}

/// What was said.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChoiceMessage {
    #[serde(deserialize_with = "lenient")]
    pub(crate) content: Option<Content>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) refusal: Option<String>,
    /// OpenRouter, newer vLLM, Ollama.
    #[serde(deserialize_with = "lenient")]
    pub(crate) reasoning: Option<String>,
    /// llama.cpp, older vLLM, `DeepSeek`.
    #[serde(deserialize_with = "lenient")]
    pub(crate) reasoning_content: Option<String>,
    #[serde(deserialize_with = "lenient")]
    pub(crate) tool_calls: Option<Vec<Value>>,
    pub(crate) function_call: Option<Value>,
}

/// A text, or the parts of one.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// A part of a text; other parts have no `text`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Part {
    #[serde(deserialize_with = "lenient")]
    pub(crate) text: Option<String>,
}

/// The drawn tokens.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ChoiceLogprobs {
    #[serde(deserialize_with = "lenient")]
    pub(crate) content: Option<Vec<ChoiceToken>>,
}

/// A drawn token, or another in its place.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ChoiceToken {
    pub(crate) token: String,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) logprob: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    pub(crate) top_logprobs: Option<Vec<ChoiceToken>>,
}
