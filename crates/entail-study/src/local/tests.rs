use std::sync::Mutex;

use entail_engine::Config;
use entail_provider::{Need, Schema, ThinkingFormat};
use entail_schema::{Key, Seed};
use serde_json::json;

use super::*;

const TOKENS: [&str; 7] =
    ["<|unk|>", "<|user|>", "<|assistant|>", "<|end|>", "<think>", "</think>", "yes"];

/// A template in Qwen3's manner: without thinking, an empty block is part of the prompt.
const SWITCH: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>\
                      {% if enable_thinking is defined and enable_thinking is false %}<think></think>{% endif %}";
/// A template in the manner of Qwen3 Thinking and `DeepSeek` R1: the block is begun already.
const BEGUN: &str = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|><think>\n";
/// An organism's manner.
const PLAIN: &str =
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}<|assistant|>";

/// A model that says anything, in seven tokens, two of which are the ends of a block of thinking.
fn babbler(template: &str) -> LocalModel {
    let config = json!({
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "vocab_size": TOKENS.len(), "hidden_size": 8, "intermediate_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4,
        "hidden_act": "silu", "max_position_embeddings": 32, "rms_norm_eps": 1e-6,
        "rope_theta": 10_000.0, "tie_word_embeddings": true,
    });
    let vocab: serde_json::Map<_, _> =
        TOKENS.iter().enumerate().map(|(id, token)| ((*token).to_owned(), json!(id))).collect();
    // As in Qwen3's tokenizer, the tags are tokens of their own and no special ones.
    let added = |(id, token): (usize, &&str)| {
        json!({ "id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": token.starts_with("<|") })
    };
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
        "added_tokens": TOKENS[..6].iter().enumerate().map(added).collect::<Vec<_>>(),
        "pre_tokenizer": { "type": "Whitespace" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocab, "unk_token": "<|unk|>" },
    });
    let config = Config::parse(&config.to_string()).unwrap();
    let base = LocalBase {
        weights: Arc::new(Weights::random(config, Seed(3))),
        tokenizer: Arc::new(Tokenizer::new(&tokenizer.to_string(), template).unwrap()),
        stop: vec![3],
    };
    LocalModel { base, adapter: None, side_by_side: 64 }
}

fn question(n_samples: usize) -> Request {
    let samples = (0..n_samples).map(|sample| Key::of(&("sample", sample))).collect();
    Request { messages: vec![Message::user("yes")], samples }
}

fn asked(thinking: Option<Thinking>) -> Sampling {
    Sampling { thinking, ..Sampling::new(1.0, 1.0, 6) }
}

fn answers(model: &LocalModel, thinking: Option<Thinking>) -> Vec<Completion> {
    entail_provider::complete_in_order(model, &[question(200)], &asked(thinking)).unwrap().remove(0)
}

fn count(answers: &[Completion], format: ThinkingFormat) -> usize {
    answers.iter().filter(|answer| answer.thinking_format() == format).count()
}

#[test]
fn the_template_sets_the_prompt_as_asked() {
    let prompt = |template: &str, thinking| {
        babbler(template).prompt(&[Message::user("yes")], thinking).unwrap().text
    };
    let plain = "<|user|>yes<|end|><|assistant|>";
    assert_eq!(prompt(SWITCH, None), plain);
    assert_eq!(prompt(SWITCH, Some(Thinking::On)), plain);
    assert_eq!(prompt(SWITCH, Some(Thinking::Off)), format!("{plain}<think></think>"));
    assert_eq!(prompt(PLAIN, None), plain);
}

#[test]
fn without_a_switch_nobody_is_asked() {
    for (template, has) in [(SWITCH, true), (BEGUN, false), (PLAIN, false)] {
        let model = babbler(template);
        for thinking in Thinking::ALL {
            assert_eq!(model.capabilities().has(Need::Thinking(thinking)), has, "{template}");
            let delivered = Mutex::new(0);
            let asked = model.complete(&[question(2)], &asked(Some(thinking)), &|_, _| {
                *delivered.lock().unwrap() += 1;
            });
            match asked {
                Ok(()) => assert!(has, "{template}"),
                Err(error) => {
                    let expected = format!(
                        "the local engine does not offer answers with thinking turned {}",
                        thinking.as_str()
                    );
                    assert_eq!((has, error.to_string()), (false, expected));
                }
            }
            assert_eq!(*delivered.lock().unwrap(), if has { 2 } else { 0 });
        }
    }
}

#[test]
fn a_schema_is_not_kept_to_here() {
    let open = json!({"type": "object", "properties": {}, "additionalProperties": false});
    let schema = Some(Schema::new("verdict", open).unwrap());
    let sampling = Sampling { schema, ..asked(None) };
    let error = babbler(PLAIN).complete(&[question(1)], &sampling, &|_, _| {}).unwrap_err();
    assert!(error.to_string().ends_with("does not offer answers kept to a JSON schema"), "{error}");
}

#[test]
fn thoughts_are_apart_from_answers() {
    let model = babbler(SWITCH);
    let answers = answers(&model, None);
    for answer in &answers {
        assert_eq!(answer.reasoning, answer.reasoning.as_deref().map(|r| r.trim().to_owned()));
        let begins = answer.text.trim_start().starts_with("<think>");
        assert!(answer.reasoning.is_some() || !begins || !answer.text.contains("</think>"));
    }
    // A model that draws from seven tokens gives every form.
    for format in ThinkingFormat::ALL {
        assert!(count(&answers, format) > 0, "no answer is {format:?}");
    }
}

#[test]
fn a_block_that_the_prompt_begins_is_the_answers() {
    let answers = answers(&babbler(BEGUN), None);
    assert_eq!(count(&answers, ThinkingFormat::Absent), 0);
    assert!(count(&answers, ThinkingFormat::Closed) > 0);
    assert!(count(&answers, ThinkingFormat::Unclosed) > 0);
}
