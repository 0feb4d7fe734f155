//! What a service offers for a model, by its name. Of `OpenAI`'s models: its pages on reasoning and on structured
//! outputs, and the type of `reasoning_effort` in `openai` 3.54.0.

use super::Dialect;
use crate::refused::Caller;
use crate::{Capabilities, SystemPlace, ThinkingChoice};

/// Most alternatives per token, with everybody who gives any.
const MOST_LOGPROBS: u8 = 20;

pub(super) fn capabilities(dialect: Dialect, caller: &Caller) -> Capabilities {
    use Dialect::{Azure, Compatible, LlamaCpp, Ollama, OpenAi, OpenRouter, Tinker, Vllm};
    let thinks = matches!(dialect, OpenAi | Azure | OpenRouter) && thinks(&caller.model);
    let of_openai = matches!(dialect, OpenAi | Azure);
    Capabilities {
        name: caller.name.clone(),
        most_answers: if (of_openai && !thinks) || dialect == Vllm { 16 } else { 1 },
        seed: (of_openai && !thinks) || matches!(dialect, Vllm | LlamaCpp | Ollama),
        temperature: !thinks,
        // What Tinker's endpoint takes beyond the basic fields is not documented.
        logprobs: (!thinks && dialect != Tinker).then_some(MOST_LOGPROBS),
        score: dialect == Vllm,
        prefill: dialect == Vllm,
        system: Some(SystemPlace::Role),
        json_schema: match dialect {
            OpenAi | Azure => keeps_to_schemas(&caller.model),
            OpenRouter | Vllm | LlamaCpp | Ollama => true,
            Tinker | Compatible => false,
        },
        thinking: thinking(dialect, &caller.model),
        least_tokens: 1,
        batch: of_openai,
        files: of_openai,
        // Of Tinker's models the bases; what was trained there is no base of another.
        fine_tune: of_openai || (dialect == Tinker && !caller.model.contains("tinker://")),
    }
}

/// Whether a model reasons first and so has no temperature, no log-probabilities and one answer per call. (On Azure a
/// deployment can have any name; one that is named after its model is recognised.)
fn thinks(model: &str) -> bool {
    let model = own_name(model);
    ["o1", "o3", "o4", "gpt-5"].into_iter().any(|family| rest_of(model, family).is_some())
        && !model.starts_with("gpt-5-chat")
}

/// The name of one of `OpenAI`'s models without what stands before it for a fine-tune or on OpenRouter.
fn own_name(model: &str) -> &str {
    let model = model.strip_prefix("ft:").unwrap_or(model);
    model.strip_prefix("openai/").unwrap_or(model)
}

/// What follows a family in the name of a model: nothing, or something that begins with a mark. `None` for others.
fn rest_of<'a>(model: &'a str, family: &str) -> Option<&'a str> {
    model.strip_prefix(family).filter(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric()))
}

fn thinking(dialect: Dialect, model: &str) -> ThinkingChoice {
    match dialect {
        Dialect::OpenAi | Dialect::Azure => thinking_of_openai(model),
        Dialect::OpenRouter => match thinking_of_openai(model) {
            // A host that takes no such field is not asked, and one whose model always thinks says so.
            ThinkingChoice::Unknown => ThinkingChoice::Choice,
            known => known,
        },
        Dialect::Vllm | Dialect::LlamaCpp | Dialect::Ollama | Dialect::Compatible => {
            ThinkingChoice::Choice
        }
        Dialect::Tinker => ThinkingChoice::Unknown,
    }
}

/// From gpt-5.1 on there is an effort of `none`; before, and in the variants for code and for long thought, there is
/// not.
fn thinking_of_openai(model: &str) -> ThinkingChoice {
    let model = own_name(model);
    if !thinks(model) {
        let speaks_at_once = ["gpt-3.5", "gpt-4", "gpt-4o", "chatgpt-4o", "gpt-5-chat"];
        let is_one = speaks_at_once.into_iter().any(|family| rest_of(model, family).is_some());
        return if is_one { ThinkingChoice::Never } else { ThinkingChoice::Unknown };
    }
    let Some(newer) = model.strip_prefix("gpt-5.") else { return ThinkingChoice::Always };
    let variant = newer.trim_start_matches(|c: char| c.is_ascii_digit());
    if variant.starts_with("-pro") || variant.starts_with("-codex") {
        ThinkingChoice::Always
    } else if variant.starts_with("-chat") {
        ThinkingChoice::Unknown
    } else {
        ThinkingChoice::Choice
    }
}

/// Whether a model of `OpenAI` keeps to schemas: all do but those from before August 2024.
fn keeps_to_schemas(model: &str) -> bool {
    let model = own_name(model);
    let older = ["gpt-3.5", "gpt-4o-2024-05-13", "chatgpt-4o", "o1-mini", "o1-preview"];
    let of_gpt_4 = rest_of(model, "gpt-4").is_some_and(|rest| !rest.starts_with('.'));
    !of_gpt_4 && older.into_iter().all(|family| rest_of(model, family).is_none())
}
