use super::*;
use crate::test_support::shapes;

const LLAMA: &str = include_str!("../../../../fixtures/engine/llama/config.json");
const QWEN3: &str = include_str!("../../../../fixtures/engine/qwen3/config.json");

/// The text with some fields changed.
fn with(text: &str, changes: &[(&str, Value)]) -> String {
    let mut value: Value = serde_json::from_str(text).unwrap();
    for (field, change) in changes {
        value[field] = change.clone();
    }
    value.to_string()
}

fn parsed(text: &str, changes: &[(&str, Value)]) -> Config {
    Config::parse(&with(text, changes)).unwrap()
}

fn refusal(text: &str, field: &str, change: &Value) -> String {
    Config::parse(&with(text, &[(field, change.clone())])).expect_err(field).to_string()
}

#[test]
fn configs_written_by_transformers_are_read() {
    let want = Config {
        family: Family::Llama,
        vocabulary: 40,
        width: 16,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_width: 4,
        feed_forward: 24,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
        tied_head: false,
        max_positions: 64,
    };
    assert_eq!(parsed(LLAMA, &[]), want);
    let want = Config {
        family: Family::Qwen3,
        head_width: 8,
        rope_theta: 1_000_000.0,
        norm_eps: 1e-6,
        tied_head: true,
        ..want
    };
    assert_eq!(parsed(QWEN3, &[]), want);
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for config in shapes() {
        assert_eq!(Config::parse(&config.to_json().to_string()).unwrap(), config);
    }
}

#[test]
fn what_older_versions_leave_out_is_filled_as_they_do() {
    let older = [
        ("rope_parameters", Value::Null),
        ("rope_theta", json!(500.0)),
        ("rope_scaling", Value::Null),
    ];
    assert_eq!(parsed(LLAMA, &older).rope_theta.to_bits(), 500.0_f64.to_bits());
    assert_eq!(parsed(LLAMA, &[("num_key_value_heads", Value::Null)]).kv_heads, 4);
    assert_eq!(parsed(LLAMA, &[("head_dim", Value::Null)]).head_width, 4);
    assert!(!parsed(QWEN3, &[("tie_word_embeddings", Value::Null)]).tied_head);
    assert_eq!(
        parsed(LLAMA, &[("rope_scaling", json!({ "type": "default" }))]),
        parsed(LLAMA, &[])
    );
}

#[test]
fn what_is_not_implemented_is_refused_by_name() {
    let table = [
        ("architectures", json!(["GPT2LMHeadModel"])),
        ("architectures", Value::Null),
        ("hidden_act", json!("gelu")),
        ("attention_bias", json!(true)),
        ("mlp_bias", json!(true)),
        ("use_sliding_window", json!(true)),
        ("layer_types", json!(["full_attention", "sliding_attention"])),
        ("rope_scaling", json!({ "rope_type": "llama3", "factor": 8.0 })),
        ("rope_scaling", json!({ "type": "linear", "factor": 2.0 })),
        ("rope_parameters", json!({ "rope_type": "yarn", "rope_theta": 1e4 })),
        ("rope_parameters", json!({ "rope_theta": 1e4, "partial_rotary_factor": 0.5 })),
    ];
    for (field, change) in table {
        let message = refusal(LLAMA, field, &change);
        assert!(message.contains(&format!("`{field}` is {change}")), "{field}: {message}");
    }
}

#[test]
fn fields_that_make_no_sense_are_refused_by_name() {
    let table = [
        ("vocab_size", json!(0)),
        ("vocab_size", json!(-3)),
        ("vocab_size", json!("40")),
        ("hidden_size", json!(16.5)),
        ("num_hidden_layers", Value::Null),
        ("num_attention_heads", json!(1_u64 << 40)),
        ("intermediate_size", json!([24])),
        ("max_position_embeddings", Value::Null),
        ("rms_norm_eps", json!("1e-5")),
        ("rms_norm_eps", json!(-1.0)),
        ("rope_theta", Value::Null),
        ("tie_word_embeddings", json!("true")),
        ("head_dim", json!(5)),
        ("head_dim", json!(0)),
    ];
    for (field, change) in table {
        let text = with(LLAMA, &[("rope_parameters", Value::Null), ("rope_theta", json!(1e4))]);
        let message = refusal(&text, field, &change);
        assert!(message.contains(&format!("`{field}` is {change}")), "{field}: {message}");
    }
    assert!(refusal(QWEN3, "head_dim", &Value::Null).contains("`head_dim` is null"));
    assert!(
        refusal(QWEN3, "num_key_value_heads", &Value::Null)
            .contains("`num_key_value_heads` is null")
    );
}

#[test]
fn dimensions_that_contradict_one_another_are_refused() {
    assert_eq!(
        refusal(LLAMA, "num_key_value_heads", &json!(3)),
        "config.json: 4 query heads cannot share 3 key-value heads"
    );
    let more_heads_than_width = with(
        LLAMA,
        &[
            ("head_dim", Value::Null),
            ("num_attention_heads", json!(32)),
            ("hidden_size", json!(16)),
        ],
    );
    assert!(Config::parse(&more_heads_than_width).is_err());
}

#[test]
fn sizes_beyond_any_memory_are_refused() {
    let huge = json!(1 << 24);
    let most: Vec<(&str, Value)> = [
        "vocab_size",
        "hidden_size",
        "num_attention_heads",
        "num_key_value_heads",
        "head_dim",
        "intermediate_size",
    ]
    .map(|field| (field, huge.clone()))
    .to_vec();
    assert!(matches!(Config::parse(&with(LLAMA, &most)), Err(ConfigError::TooLarge { .. })));
    assert!(refusal(LLAMA, "num_hidden_layers", &huge).contains("16777216 layers"));
}

#[test]
fn text_that_is_not_an_object_is_refused() {
    for text in ["", "{", "[]", "null", "3"] {
        assert!(Config::parse(text).is_err(), "{text}");
    }
}
