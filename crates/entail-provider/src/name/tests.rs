use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> ModelName {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn fails(text: &str) -> String {
    text.parse::<ModelName>().expect_err(text).to_string()
}

#[test]
fn each_way_to_write_a_name_reads_as_the_canonical_one() {
    for (text, canonical) in [
        ("openai:gpt-4.1", "openai:gpt-4.1"),
        ("ft:gpt-4.1:org::id", "openai:ft:gpt-4.1:org::id"),
        ("openai:https://api.openai.com/v1/#gpt-4.1", "openai:gpt-4.1"),
        ("openai:https://EU.example.com#gpt-4.1", "openai:https://eu.example.com/v1#gpt-4.1"),
        ("azure:my-deployment_1.0", "azure:my-deployment_1.0"),
        ("azure:https://me.example.com/#d", "azure:https://me.example.com#d"),
        ("anthropic:claude-x", "anthropic:claude-x"),
        ("anthropic:https://api.anthropic.com/v1#claude-x", "anthropic:claude-x"),
        ("openrouter:org/name:free", "openrouter:org/name:free"),
        ("openrouter:org/name@one,two/fp8", "openrouter:org/name@one,two/fp8"),
        ("vllm:http://host:8000#org/model", "vllm:http://host:8000/v1#org/model"),
        ("vllm:http://host:8000/v1/#m#2", "vllm:http://host:8000/v1#m#2"),
        ("vllm:http://[::1]:8000#m", "vllm:http://[::1]:8000/v1#m"),
        ("vllm:http://[::1]#m", "vllm:http://[::1]/v1#m"),
        ("llamacpp:http://host:8080#m.gguf", "llamacpp:http://host:8080/v1#m.gguf"),
        ("ollama:llama3.2:3b", "ollama:llama3.2:3b"),
        ("ollama:http://localhost:11434#llama3.2", "ollama:llama3.2"),
        ("ollama:http://other:11434#llama3.2", "ollama:http://other:11434/v1#llama3.2"),
        ("compatible:https://host/api/v4#m", "compatible:https://host/api/v4#m"),
        ("tinker:org/base", "tinker:org/base"),
        ("tinker://run:train:0/sampler_weights/last", "tinker://run:train:0/sampler_weights/last"),
        ("tinker:tinker://run/sampler_weights/last", "tinker://run/sampler_weights/last"),
        (
            "tinker:base;tinker://run/sampler_weights/last",
            "tinker:base;tinker://run/sampler_weights/last",
        ),
        ("local:models/qwen 2", "local:models/qwen 2"),
        ("organism:probit(0.3)", "organism:probit(0.3)"),
        ("replay:answers.jsonl", "replay:answers.jsonl"),
    ] {
        let name = parse(text);
        assert_eq!(name.to_string(), canonical, "{text}");
        assert_eq!(parse(canonical), name, "{text}");
    }
}

#[test]
fn what_is_no_name_is_an_error_that_says_what_would_be() {
    for (text, part) in [
        ("", "openai:gpt-4.1"),
        ("gpt-4.1", "`gpt-4.1` names no service"),
        ("OpenAI:gpt-4.1", "`OpenAI` names no service"),
        ("openai:", "openai: no model"),
        ("openai: gpt", "white space around"),
        ("openai:g\npt", "control"),
        ("azure:a/b", "a deployment with other characters"),
        ("openrouter:name", "without an organisation"),
        ("openrouter:org/name@", "an empty or strange host"),
        ("openrouter:org/name@a,,b", "an empty or strange host"),
        ("openrouter:org/name@a,a", "named twice"),
        ("vllm:model", "vllm: no address; expected such as `vllm:http://localhost:8000#model`"),
        ("vllm:http://host:8000", "no # with a model"),
        ("vllm:http://host:8000#", "no model"),
        ("vllm:http://#m", "not http:// or https://"),
        ("vllm:http://host:99999#m", "not http:// or https://"),
        ("vllm:http://host:port#m", "not http:// or https://"),
        ("llamacpp:m", "no address"),
        ("compatible:ftp://host#m", "no address"),
        ("tinker://run/weights/0001", "cannot be sampled"),
        ("tinker:;tinker://run/sampler_weights/x", "cannot be sampled"),
        ("local:", "`local:` is followed by nothing"),
        ("organism:", "`organism:` is followed by nothing"),
        ("replay:\u{0}", "control"),
    ] {
        let message = fails(text);
        assert!(message.contains(part), "{text}: {message}");
    }
}

#[test]
fn an_address_with_a_login_or_a_query_is_refused_and_not_repeated() {
    for text in [
        "vllm:http://user:canary@host:8000#m",
        "vllm:https://canary@host#m",
        "compatible:http://host/v1?api_key=canary#m",
        "openai:https://host/v1?canary#m",
        "canary@openai:gpt",
        "http://user:canary@host:8000#m",
    ] {
        let error = text.parse::<ModelName>().expect_err(text);
        assert!(!format!("{error} {error:?}").contains("canary"), "{text}: {error:?}");
    }
}

#[test]
fn a_recipe_sees_the_address_only_where_it_is_not_the_services_own() {
    let written = |text: &str| match parse(text) {
        ModelName::Remote(model) => serde_json::to_string(&model).unwrap(),
        other => panic!("{other}"),
    };
    assert_eq!(written("openai:gpt-4.1"), r#"{"service":"openai","model":"gpt-4.1"}"#);
    assert_eq!(
        written("openrouter:o/n@b,a"),
        r#"{"service":"openrouter","model":"o/n","pinned":["b","a"]}"#
    );
    assert_eq!(
        written("vllm:http://h:1#m"),
        r#"{"service":"vllm","model":"m","url":"http://h:1/v1"}"#
    );
}

fn names() -> impl Strategy<Value = String> {
    let service = prop::sample::select(
        Service::ALL
            .map(Service::as_str)
            .into_iter()
            .chain(["local", "organism", "replay", "ft", "tinker:/"])
            .collect::<Vec<_>>(),
    );
    let url = prop_oneof![
        Just(String::new()),
        "https?://[a-zA-Z0-9.]{1,6}(:[0-9]{1,6})?(/[a-z0-9]{0,3}){0,2}#",
    ];
    (service, url, "[a-z/:@#,;. \\PC]{0,20}").prop_map(|(s, u, m)| format!("{s}:{u}{m}"))
}

proptest! {
    #[test]
    fn what_reads_prints_as_something_that_reads_the_same(text in names()) {
        if let Ok(name) = text.parse::<ModelName>() {
            let printed = name.to_string();
            prop_assert_eq!(&parse(&printed), &name);
            prop_assert_eq!(parse(&printed).to_string(), printed);
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<ModelName>();
    }
}
