use proptest::prelude::*;

use super::*;
use crate::Family;
use crate::test_support::{random_adapter, random_weights, shapes, tiny};

/// A file from the text of its header and its bytes.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    file_of_length(header.len() as u64, header, data)
}

fn file_of_length(header_len: u64, header: &str, data: &[u8]) -> Vec<u8> {
    [&header_len.to_le_bytes(), header.as_bytes(), data].concat()
}

/// Tries to read a file as the weights of the smallest shape.
fn read(bytes: &[u8]) -> Result<Weights<f32>, LoadError> {
    read_weights(&tiny(Family::Llama, false), bytes)
}

fn refusal(bytes: &[u8]) -> String {
    read(bytes).unwrap_err().to_string()
}

/// The file of the smallest shape with one change to its weights.
fn written(change: impl FnOnce(&mut Weights<f32>)) -> Vec<u8> {
    let mut weights = random_weights(&tiny(Family::Llama, false));
    change(&mut weights);
    write_weights(&weights)
}

/// A one-tensor header.
fn tensor(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#""{name}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}"#)
}

fn adapter_refusal(change: impl FnOnce(&mut Value)) -> String {
    let base = tiny(Family::Llama, false);
    let (text, bytes) = write_adapter(&random_adapter(&base, &Target::ALL), "base");
    let mut config: Value = serde_json::from_str(&text).unwrap();
    change(&mut config);
    read_adapter(&base, &config.to_string(), &bytes).unwrap_err().to_string()
}

#[test]
fn weights_come_back_bit_for_bit() {
    for config in shapes() {
        let weights = random_weights(&config);
        let bytes = write_weights(&weights);
        let back = read_weights(&config, &bytes).unwrap();
        assert_eq!(
            (back.config, back.layout, back.data),
            (weights.config.clone(), weights.layout.clone(), weights.data.clone())
        );
        assert_eq!(write_weights(&weights), bytes);
    }
}

#[test]
fn adapters_come_back_bit_for_bit() {
    for config in shapes() {
        for targets in [&Target::ALL[..], &[Target::Key, Target::Down]] {
            let adapter = random_adapter(&config, targets);
            let (text, bytes) = write_adapter(&adapter, "base");
            let back = read_adapter(&config, &text, &bytes).unwrap();
            assert_eq!(
                (&back.config, &back.tensors, &back.data),
                (&adapter.config, &adapter.tensors, &adapter.data)
            );
            assert_eq!(write_adapter(&back, "base"), (text, bytes));
        }
    }
}

#[test]
fn an_adapter_config_says_what_peft_reads() {
    let adapter = random_adapter(&tiny(Family::Llama, false), &[Target::Value, Target::Gate]);
    let value: Value = serde_json::from_str(&write_adapter(&adapter, "org/base").0).unwrap();
    assert_eq!(value["peft_type"], "LORA");
    assert_eq!(value["base_model_name_or_path"], "org/base");
    assert_eq!((&value["r"], &value["lora_alpha"]), (&json!(3), &json!(4)));
    assert_eq!(value["target_modules"], json!(["gate_proj", "v_proj"]));
    assert_eq!(whole_or_fraction(0.5), json!(0.5));
}

#[test]
fn a_tied_head_is_not_written_and_is_read_only_where_it_is_the_embedding() {
    let untied = tiny(Family::Llama, false);
    let tied = tiny(Family::Llama, true);
    let mut weights = random_weights(&untied);
    assert!(!String::from_utf8_lossy(&write_weights(&random_weights(&tied))).contains(HEAD));
    assert!(matches!(read_weights(&tied, &write_weights(&weights)), Err(LoadError::HeadNotTied)));
    let embedding = weights.layout.embedding.clone();
    let head = weights.layout.head.start;
    weights.data.copy_within(embedding, head);
    assert_eq!(read_weights(&tied, &write_weights(&weights)).unwrap().data, weights.data[..head]);
}

#[test]
fn hostile_headers_are_errors() {
    let good = written(|_| {});
    let one = |dtype, shape, offsets| format!("{{{}}}", tensor("a", dtype, shape, offsets));
    let overlap = format!(
        "{{{},{}}}",
        tensor("a", "F32", "[2]", "[0,8]"),
        tensor("b", "F32", "[2]", "[4,12]")
    );
    let twice = format!(
        "{{{},{}}}",
        tensor("a", "F32", "[1]", "[0,4]"),
        tensor("a", "F32", "[1]", "[0,4]")
    );
    let huge = one("F32", "[4294967296,4294967296,4294967296]", "[0,4]");
    let cases: [(&str, Vec<u8>); 14] = [
        ("empty", Vec::new()),
        ("shorter than a length", good[..7].to_vec()),
        ("cut in the header", good[..100].to_vec()),
        ("cut in the data", good[..good.len() - 1].to_vec()),
        ("a byte too many", [&good[..], &[0]].concat()),
        ("header longer than the file", file_of_length(1000, "{}", &[])),
        ("header of a length beyond any file", file_of_length(u64::MAX, "{}", &[])),
        ("not JSON", file("{\"a\":", &[])),
        ("not UTF-8", [&1_u64.to_le_bytes()[..], &[0xFF]].concat()),
        ("overlapping offsets", file(&overlap, &[0; 12])),
        ("offsets that run backwards", file(&one("F32", "[1]", "[4,0]"), &[0; 4])),
        (
            "offsets beyond any file",
            file(&one("F32", "[1]", "[18446744073709551612,18446744073709551615]"), &[0; 4]),
        ),
        ("a shape beyond any memory", file(&huge, &[0; 4])),
        ("a name that stands twice", file(&twice, &[0; 4])),
    ];
    for (what, bytes) in cases {
        let error = read(&bytes).expect_err(what);
        assert!(matches!(error, LoadError::Format(_) | LoadError::Header(_)), "{what}: {error}");
    }
}

#[test]
fn a_deeply_nested_header_is_an_error() {
    let deep = format!(r#"{{"__metadata__":{}"#, "[".repeat(100_000));
    assert!(read(&file(&deep, &[])).is_err());
}

#[test]
fn tensors_that_do_not_fit_the_configuration_are_named() {
    let missing = refusal(&file(&format!("{{{}}}", tensor("a", "F32", "[1]", "[0,4]")), &[0; 4]));
    assert_eq!(missing, "tensor `model.embed_tokens.weight` is missing");
    let embedding = "model.embed_tokens.weight";
    let half = refusal(&file(
        &format!("{{{}}}", tensor(embedding, "F16", "[11,8]", "[0,176]")),
        &[0; 176],
    ));
    assert_eq!(half, "tensor `model.embed_tokens.weight` has type F16, expected F32");
    let turned = refusal(&file(
        &format!("{{{}}}", tensor(embedding, "F32", "[8,11]", "[0,352]")),
        &[0; 352],
    ));
    assert_eq!(turned, "tensor `model.embed_tokens.weight` has shape [8, 11], expected [11, 8]");
    let deeper = Config { layers: 3, ..tiny(Family::Llama, false) };
    assert_eq!(
        refusal(&write_weights(&random_weights(&deeper))),
        "tensor `model.layers.2.input_layernorm.weight` is not part of this model"
    );
}

#[test]
fn entries_that_are_not_finite_are_named() {
    let at = |weights: &Weights<f32>| weights.layout.norm.start + 3;
    let message = refusal(&written(|w| {
        let at = at(w);
        w.data[at] = f32::INFINITY;
    }));
    assert_eq!(message, "tensor `model.norm.weight` holds inf at entry 3");
    assert!(refusal(&written(|w| w.data[0] = f32::NAN)).contains("holds NaN at entry 0"));
}

#[test]
fn adapter_settings_that_are_not_implemented_are_named() {
    let cases = [
        ("peft_type", json!("IA3")),
        ("r", json!(0)),
        ("r", json!(1_u64 << 40)),
        ("r", json!(2.5)),
        ("lora_alpha", json!("8")),
        ("target_modules", json!("all-linear")),
        ("target_modules", json!([])),
        ("target_modules", json!(["q_proj", "lm_head"])),
        ("bias", json!("all")),
        ("task_type", json!("SEQ_CLS")),
        ("use_rslora", json!(true)),
        ("use_dora", json!(true)),
        ("fan_in_fan_out", json!(true)),
        ("modules_to_save", json!(["lm_head"])),
        ("rank_pattern", json!({ "q_proj": 2 })),
        ("layers_to_transform", json!([0])),
        ("init_lora_weights", json!("pissa")),
        ("a_setting_of_the_future", json!(true)),
    ];
    for (setting, value) in cases {
        let message = adapter_refusal(|config| config[setting] = value.clone());
        assert!(
            message.contains(&format!("`{setting}` is {value}")),
            "{setting} {value}: {message}"
        );
    }
    assert!(adapter_refusal(|config| *config = json!([])).contains("peft_type"));
}

#[test]
fn an_adapter_of_another_shape_is_refused() {
    assert!(
        adapter_refusal(|config| config["r"] = json!(2)).contains("shape [3, 8], expected [2, 8]")
    );
    assert!(adapter_refusal(|config| config["r"] = json!(65536)).contains("shape"));
    assert!(
        adapter_refusal(|config| config["target_modules"] = json!(["q_proj"]))
            .contains("not part of this model")
    );
}

#[test]
fn adapter_configs_written_by_peft_are_read() {
    let text = include_str!("../../../../fixtures/engine/llama/adapter/adapter_config.json");
    let config = parse_adapter_config(text).unwrap();
    assert_eq!(config, AdapterConfig { rank: 4, alpha: 8.0, targets: Target::ALL.into() });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn flipped_bytes_never_panic(flips in prop::collection::vec((0_usize..2000, any::<u8>()), 1..8)) {
        let base = Config { layers: 1, ..tiny(Family::Llama, true) };
        let (config, adapter) = write_adapter(&random_adapter(&base, &[Target::Query]), "base");
        for original in [write_weights(&random_weights(&base)), adapter] {
            let mut bytes = original;
            for &(at, mask) in &flips {
                let at = at % bytes.len();
                bytes[at] ^= mask;
            }
            let _ = read_weights(&base, &bytes);
            let _ = read_adapter(&base, &config, &bytes);
        }
        let mut text = config.into_bytes();
        for (at, mask) in flips {
            let at = at % text.len();
            text[at] ^= mask;
        }
        let _ = read_adapter(&base, &String::from_utf8_lossy(&text), &[]);
    }
}
