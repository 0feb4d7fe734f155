use serde_json::json;

use super::*;
use crate::ModelName;

fn capabilities(name: &str) -> Capabilities {
    match name.parse().unwrap() {
        ModelName::Remote(model) => crate::capabilities(&model),
        other => panic!("{other}"),
    }
}

fn schema() -> Schema {
    let verdict = json!({"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"],
        "additionalProperties": false});
    Schema::new("verdict", verdict).unwrap()
}

fn question(role: Role) -> Request {
    let messages = vec![Message { role, content: "a".into() }];
    Request { messages, samples: vec![Key::of(&"sample")] }
}

#[test]
fn what_is_left_to_the_model_is_not_in_a_recipe() {
    let plain = Sampling::new(0.7, 0.9, 64);
    let text = r#"{"temperature":0.7,"top_p":0.9,"max_tokens":64}"#;
    assert_eq!(serde_json::to_string(&plain).unwrap(), text);
    assert_eq!(serde_json::from_str::<Sampling>(text).unwrap(), plain);
    // The key that completions drawn like this have been stored under.
    assert_eq!(
        Key::of(&plain).to_string(),
        "3aea07b62cb8d0c535e19abe19186354b93bc771ea9dbadf3c7be1bf8803b141"
    );
    let logprobs = Sampling { logprobs: Some(5), ..Sampling::new(1.0, 1.0, 100) };
    assert_eq!(
        Key::of(&logprobs).to_string(),
        "7e58b91974adc5a9c14c18e295b5a8501ebfaa0992d05a73a1ca3ea832eced24"
    );
}

#[test]
fn what_is_asked_for_is_in_a_recipe() {
    let plain = Sampling::new(1.0, 1.0, 64);
    let on = Sampling { thinking: Some(Thinking::On), ..plain.clone() };
    let off = Sampling { thinking: Some(Thinking::Off), ..plain.clone() };
    let kept = Sampling { schema: Some(schema()), ..plain.clone() };
    let keys: std::collections::BTreeSet<Key> =
        [&plain, &on, &off, &kept].into_iter().map(Key::of).collect();
    assert_eq!(keys.len(), 4);
    for sampling in [plain, on, off, kept] {
        let text = serde_json::to_string(&sampling).unwrap();
        assert_eq!(serde_json::from_str::<Sampling>(&text).unwrap(), sampling);
    }
    assert!(
        serde_json::from_value::<Sampling>(
            json!({"temperature": 1, "top_p": 1, "max_tokens": 9, "thinking": "maybe"})
        )
        .is_err()
    );
}

#[test]
fn a_choice_answers_for_what_is_asked() {
    for (thinking, on, off) in [
        (ThinkingChoice::Unknown, false, false),
        (ThinkingChoice::Never, false, true),
        (ThinkingChoice::Always, true, false),
        (ThinkingChoice::Choice, true, true),
        (ThinkingChoice::Budget, true, true),
    ] {
        let offers = Capabilities { thinking, ..Capabilities::none("m") };
        let found = Thinking::ALL.map(|asked| offers.has(Need::Thinking(asked)));
        assert_eq!(found, [on, off], "{thinking:?}");
    }
}

/// How the check of one request by this model ends: `None` where it passes.
fn lacking(name: &str, role: Role, sampling: &Sampling) -> Option<String> {
    let found = capabilities(name).check(&[question(role)], sampling);
    found.err().map(|error| error.to_string())
}

fn thinking(thinking: Thinking, temperature: f64, max_tokens: usize) -> Sampling {
    Sampling { thinking: Some(thinking), ..Sampling::new(temperature, 1.0, max_tokens) }
}

#[test]
fn what_a_provider_lacks_is_named() {
    let on = thinking(Thinking::On, 1.0, 4096);
    let off = thinking(Thinking::Off, 1.0, 4096);
    let kept = Sampling { schema: Some(schema()), ..Sampling::new(1.0, 1.0, 4096) };
    for (name, sampling, lacks) in [
        ("openai:gpt-4.1", &off, None),
        ("openai:gpt-4.1", &on, Some("answers with thinking turned on")),
        ("openai:o3", &on, None),
        ("openai:o3", &off, Some("answers with thinking turned off")),
        ("openai:gpt-5.1", &off, None),
        ("openai:gpt-4.1", &kept, None),
        ("openai:gpt-4-turbo", &kept, Some("answers kept to a JSON schema")),
        ("tinker:b", &kept, Some("answers kept to a JSON schema")),
        ("tinker:b", &on, Some("answers with thinking turned on")),
    ] {
        let expected = lacks.map(|need| format!("{name} does not offer {need}"));
        assert_eq!(lacking(name, Role::User, sampling), expected, "{sampling:?}");
    }
}

#[test]
fn a_model_that_thinks_within_a_budget_takes_less_meanwhile() {
    let name = "anthropic:claude-sonnet-4-5";
    for (role, sampling, lacks) in [
        (Role::User, thinking(Thinking::On, 1.0, 2048), None),
        (Role::User, thinking(Thinking::On, 1.0, 2047), Some("answers of at most 2047 tokens")),
        (
            Role::User,
            thinking(Thinking::On, 0.5, 4096),
            Some("a temperature or top-p other than 1"),
        ),
        (
            Role::Assistant,
            thinking(Thinking::On, 1.0, 4096),
            Some("a continued turn of the assistant"),
        ),
        (Role::Assistant, thinking(Thinking::Off, 0.5, 16), None),
        (Role::Assistant, Sampling::new(0.5, 1.0, 16), None),
    ] {
        let expected =
            lacks.map(|need| format!("{name} with thinking turned on does not offer {need}"));
        assert_eq!(lacking(name, role, &sampling), expected, "{role:?} {sampling:?}");
    }
}
