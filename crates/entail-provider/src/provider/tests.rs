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

#[test]
fn what_a_provider_lacks_is_named() {
    let warm = Sampling::new(0.5, 1.0, 4096);
    let plain = Sampling::new(1.0, 1.0, 4096);
    let thinking =
        |thinking, sampling: &Sampling| Sampling { thinking: Some(thinking), ..sampling.clone() };
    let on = |sampling: &Sampling| thinking(Thinking::On, sampling);
    let off = |sampling: &Sampling| thinking(Thinking::Off, sampling);
    let kept = Sampling { schema: Some(schema()), ..plain.clone() };
    let short = Sampling { max_tokens: 2047, ..on(&plain) };
    let user = question(Role::User);
    let prefilled = question(Role::Assistant);
    for (name, request, sampling, expected) in [
        ("openai:gpt-4.1", &user, off(&warm), None),
        (
            "openai:gpt-4.1",
            &user,
            on(&plain),
            Some("openai:gpt-4.1 does not offer answers with thinking turned on"),
        ),
        (
            "openai:o3",
            &user,
            off(&plain),
            Some("openai:o3 does not offer answers with thinking turned off"),
        ),
        ("openai:gpt-4.1", &user, kept.clone(), None),
        (
            "openai:gpt-4-turbo",
            &user,
            kept.clone(),
            Some("openai:gpt-4-turbo does not offer answers kept to a JSON schema"),
        ),
        (
            "tinker:b",
            &user,
            kept.clone(),
            Some("tinker:b does not offer answers kept to a JSON schema"),
        ),
        (
            "tinker:b",
            &user,
            on(&plain),
            Some("tinker:b does not offer answers with thinking turned on"),
        ),
        ("anthropic:claude-sonnet-4-5", &user, on(&plain), None),
        ("anthropic:claude-sonnet-4-5", &user, warm.clone(), None),
        ("anthropic:claude-sonnet-4-5", &prefilled, off(&warm), None),
        (
            "anthropic:claude-sonnet-4-5",
            &user,
            on(&warm),
            Some(
                "anthropic:claude-sonnet-4-5 with thinking turned on does not offer a temperature or top-p other than 1",
            ),
        ),
        (
            "anthropic:claude-sonnet-4-5",
            &prefilled,
            on(&plain),
            Some(
                "anthropic:claude-sonnet-4-5 with thinking turned on does not offer a continued turn of the assistant",
            ),
        ),
        (
            "anthropic:claude-sonnet-4-5",
            &user,
            short,
            Some(
                "anthropic:claude-sonnet-4-5 with thinking turned on does not offer answers of at most 2047 tokens",
            ),
        ),
        (
            "anthropic:claude-opus-4-7",
            &user,
            warm,
            Some("anthropic:claude-opus-4-7 does not offer a temperature or top-p other than 1"),
        ),
    ] {
        let found = capabilities(name).check(std::slice::from_ref(request), &sampling);
        assert_eq!(found.err().map(|e| e.to_string()).as_deref(), expected, "{name} {sampling:?}");
    }
}
