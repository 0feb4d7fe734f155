use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::{Finish, Keys, ModelName, RemoteModel, TokenLogprob, Usage, wire};

fn model(text: &str) -> RemoteModel {
    match text.parse().unwrap() {
        ModelName::Remote(model) => model,
        other => panic!("{other}"),
    }
}

fn keys() -> Keys {
    let names =
        ["OPENAI", "AZURE_OPENAI", "OPENROUTER", "TINKER", "VLLM", "LLAMA", "OLLAMA", "COMPATIBLE"];
    let mut text = names.map(|name| format!("{name}_API_KEY=sk-canary\n")).concat();
    text.push_str("AZURE_OPENAI_ENDPOINT=https://me.example.com\nOPENAI_ORG_ID=org-1\n");
    Keys::read(&|_| None, Some(&text)).unwrap()
}

fn wire_of(text: &str) -> Box<dyn Wire> {
    wire(&model(text), &keys()).unwrap()
}

fn sampling() -> Sampling {
    Sampling::new(0.7, 0.9, 100)
}

fn question() -> Vec<Message> {
    vec![Message::system("Be brief."), Message::user("Are you awake?")]
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn ok(body: &Value) -> HttpResponse {
    HttpResponse { status: 200, headers: Vec::new(), body: body.to_string().into_bytes() }
}

fn answer(choice: &Value) -> Completion {
    let response = ok(&json!({"choices": [choice]}));
    let mut answers = wire_of("vllm:http://h:1#m").answers(&response).unwrap();
    assert_eq!(answers.len(), 1);
    answers.remove(0)
}

/// What every body of [`question`] and [`sampling`] holds, with what a dialect adds.
fn asked(model: &str, more: &Value) -> Value {
    let mut body = json!({"model": model, "messages": [
        {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Are you awake?"}
    ]});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[test]
fn each_dialect_is_asked_in_its_own_words() {
    let seed = 0xF234_5678_9ABC_DEF0_u64;
    let (long, short) = (seed >> 11, seed >> 33);
    for (name, url, more) in [
        (
            "openai:gpt-4.1",
            "https://api.openai.com/v1/chat/completions",
            json!({"max_completion_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3, "seed": long}),
        ),
        (
            "openai:o4-mini",
            "https://api.openai.com/v1/chat/completions",
            json!({"max_completion_tokens": 100, "n": 3}),
        ),
        (
            "azure:lamp",
            "https://me.example.com/openai/deployments/lamp/chat/completions?api-version=2024-10-21",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3, "seed": long}),
        ),
        (
            "openrouter:org/name",
            "https://openrouter.ai/api/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3,
                "provider": {"require_parameters": true}, "usage": {"include": true}}),
        ),
        (
            "openrouter:org/name@b,a",
            "https://openrouter.ai/api/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3,
                "provider": {"order": ["b", "a"], "allow_fallbacks": false, "require_parameters": true},
                "usage": {"include": true}}),
        ),
        (
            "vllm:http://h:8000#m",
            "http://h:8000/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3, "seed": long,
                "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0}),
        ),
        (
            "llamacpp:http://h:8080#m",
            "http://h:8080/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3, "seed": short,
                "top_k": 0, "min_p": 0.0, "repeat_penalty": 1.0}),
        ),
        (
            "ollama:m",
            "http://localhost:11434/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3, "seed": short}),
        ),
        (
            "tinker:org/base",
            "https://tinker.thinkingmachines.dev/services/tinker-prod/oai/api/v1/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3}),
        ),
        (
            "compatible:http://h/api/v4#m",
            "http://h/api/v4/chat/completions",
            json!({"max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "n": 3}),
        ),
    ] {
        let request = wire_of(name).ask(&question(), &sampling(), 3, seed);
        assert_eq!((request.url.as_str(), request.verb), (url, Verb::Post), "{name}");
        assert_eq!(body(&request), asked(model(name).model(), &more), "{name}");
    }
}

#[test]
fn each_dialect_has_its_switch_of_thinking() {
    let template =
        |on: bool| json!({"chat_template_kwargs": {"enable_thinking": on, "thinking": on}});
    let effort = |effort: &str| json!({"reasoning_effort": effort});
    let nothing = || json!({});
    for (name, on, off) in [
        ("openai:gpt-4.1", nothing(), nothing()),
        ("openai:o3", nothing(), nothing()),
        ("openai:gpt-5.2", effort("medium"), effort("none")),
        ("azure:gpt-5.1", effort("medium"), effort("none")),
        ("azure:lamp", nothing(), nothing()),
        (
            "openrouter:qwen/qwen3-8b",
            json!({"reasoning": {"enabled": true}}),
            json!({"reasoning": {"enabled": false}}),
        ),
        ("openrouter:openai/o3", nothing(), nothing()),
        ("vllm:http://h#m", template(true), template(false)),
        ("llamacpp:http://h#m", template(true), template(false)),
        ("compatible:http://h#m", template(true), template(false)),
        ("ollama:m", effort("medium"), effort("none")),
        ("tinker:b", nothing(), nothing()),
    ] {
        let wire = wire_of(name);
        let body_of =
            |thinking| body(&wire.ask(&question(), &Sampling { thinking, ..sampling() }, 1, 0));
        let plain = body_of(None);
        for (thinking, more) in [(Thinking::On, on), (Thinking::Off, off)] {
            let mut expected = plain.clone();
            expected.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(body_of(Some(thinking)), expected, "{name} {thinking:?}");
        }
        for field in ["reasoning", "reasoning_effort", "chat_template_kwargs"] {
            assert!(plain.get(field).is_none(), "{name}: {plain}");
        }
    }
}

#[test]
fn an_answer_is_kept_to_a_schema_in_the_order_of_its_fields() {
    let fields = r#"{"type":"object","properties":{"why":{"type":"string"},"label":{"type":"string"}},"required":["why","label"],"additionalProperties":false}"#;
    let schema = Schema::new("verdict", serde_json::from_str(fields).unwrap()).unwrap();
    let kept = Sampling { schema: Some(schema), ..sampling() };
    for name in [
        "openai:gpt-4.1",
        "azure:lamp",
        "openrouter:o/n",
        "vllm:http://h#m",
        "llamacpp:http://h#m",
        "ollama:m",
    ] {
        let request = wire_of(name).ask(&question(), &kept, 1, 0);
        let expected = format!(
            r#""response_format":{{"type":"json_schema","json_schema":{{"name":"verdict","strict":true,"schema":{fields}}}}}"#
        );
        let text = String::from_utf8(request.body).unwrap();
        assert!(text.contains(&expected), "{name}: {text}");
    }
    let plain = body(&wire_of("openai:gpt-4.1").ask(&question(), &sampling(), 1, 0));
    assert!(plain.get("response_format").is_none(), "{plain}");
}

#[test]
fn whether_a_model_of_openai_thinks_follows_from_its_name() {
    use ThinkingChoice::{Always, Choice, Never, Unknown};
    for (name, thinking, schemas) in [
        ("gpt-3.5-turbo", Never, false),
        ("ft:gpt-3.5-turbo-0125:org::id", Never, false),
        ("gpt-4", Never, false),
        ("gpt-4-0613", Never, false),
        ("gpt-4-turbo", Never, false),
        ("gpt-4o", Never, true),
        ("gpt-4o-2024-05-13", Never, false),
        ("gpt-4o-2024-08-06", Never, true),
        ("chatgpt-4o-latest", Never, false),
        ("gpt-4.1-mini", Never, true),
        ("ft:gpt-4.1-2025-04-14:org:s:id", Never, true),
        ("gpt-5-chat-latest", Never, true),
        ("o1-mini", Always, false),
        ("o1", Always, true),
        ("o3-mini", Always, true),
        ("o4-mini", Always, true),
        ("gpt-5", Always, true),
        ("gpt-5-mini", Always, true),
        ("gpt-5-2025-08-07", Always, true),
        ("gpt-5.1", Choice, true),
        ("gpt-5.1-2025-11-13", Choice, true),
        ("gpt-5.4-mini", Choice, true),
        ("gpt-5.6-sol", Choice, true),
        ("gpt-5.1-chat-latest", Unknown, true),
        ("gpt-5.1-codex-max", Always, true),
        ("gpt-5.2-pro", Always, true),
        ("gpt-7", Unknown, true),
    ] {
        let found = wire_of(&format!("openai:{name}")).capabilities().clone();
        assert_eq!((found.thinking, found.json_schema), (thinking, schemas), "{name}");
        let found = wire_of(&format!("openrouter:openai/{name}").replace("ft:", ""))
            .capabilities()
            .thinking;
        assert_eq!(found, if thinking == Unknown { Choice } else { thinking }, "openrouter {name}");
    }
}

#[test]
fn keys_travel_in_one_secret_header() {
    let key = |before| HeaderValue::Secret(before, Secret::new("sk-canary").unwrap());
    for (name, header, value) in [
        ("openai:m", "authorization", key("Bearer ")),
        ("azure:d", "api-key", key("")),
        ("openrouter:o/n", "authorization", key("Bearer ")),
        ("vllm:http://h#m", "authorization", key("Bearer ")),
        ("tinker:b", "authorization", key("Bearer ")),
        ("compatible:http://h#m", "authorization", key("Bearer ")),
    ] {
        let wire = wire_of(name);
        let request = wire.ask(&question(), &sampling(), 1, 0);
        let secrets: Vec<_> =
            request.headers.iter().filter(|(_, v)| matches!(v, HeaderValue::Secret(..))).collect();
        assert_eq!(secrets, [&(header.to_owned(), value)], "{name}");
        assert!(!format!("{request:?} {wire:?}").contains("canary"), "{name}");
    }
    let request = wire_of("openai:m").ask(&question(), &sampling(), 1, 0);
    let organization = ("openai-organization".to_owned(), HeaderValue::Plain("org-1".into()));
    assert!(request.headers.contains(&organization), "{request:?}");
    let bare = wire(&model("vllm:http://h#m"), &Keys::default()).unwrap();
    let headers = bare.ask(&question(), &sampling(), 1, 0).headers;
    assert!(headers.iter().all(|(name, _)| name != "authorization"), "{headers:?}");
}

#[test]
fn fields_that_change_nothing_are_left_out() {
    let wire = wire_of("openai:gpt-4.1");
    let body_of = |logprobs, answers| {
        body(&wire.ask(&question(), &Sampling { logprobs, ..sampling() }, answers, 0))
    };
    let plain = body_of(None, 1);
    assert!(plain.get("n").is_none() && plain.get("logprobs").is_none(), "{plain}");
    let more = body_of(Some(5), 2);
    assert_eq!(
        (&more["logprobs"], &more["top_logprobs"], &more["n"]),
        (&json!(true), &json!(5), &json!(2))
    );
}

#[test]
fn vllm_goes_on_with_a_turn_that_is_there() {
    let mut messages = question();
    messages.push(Message::assistant("I am"));
    let request = wire_of("vllm:http://h#m").ask(&messages, &sampling(), 1, 0);
    let body = body(&request);
    assert_eq!(body["continue_final_message"], json!(true));
    assert_eq!(body["add_generation_prompt"], json!(false));
    assert_eq!(body["messages"][2], json!({"role": "assistant", "content": "I am"}));
}

#[test]
fn what_a_model_offers_follows_from_its_service_and_family() {
    let of = |name: &str| wire_of(name).capabilities().clone();
    for (name, answers, temperature, logprobs, seed) in [
        ("openai:gpt-4.1", 16, true, Some(20), true),
        ("openai:ft:gpt-4.1:o::i", 16, true, Some(20), true),
        ("openai:gpt-5-chat-latest", 16, true, Some(20), true),
        ("openai:o1", 1, false, None, false),
        ("openai:o3-mini", 1, false, None, false),
        ("openai:gpt-5.1", 1, false, None, false),
        ("openai:ft:o4-mini:o::i", 1, false, None, false),
        ("openai:o10x", 16, true, Some(20), true),
        ("azure:o3-mini", 1, false, None, false),
        ("openrouter:openai/gpt-5", 1, false, None, false),
        ("openrouter:org/o1", 1, true, Some(20), false),
        ("vllm:http://h#o1", 16, true, Some(20), true),
        ("ollama:m", 1, true, Some(20), true),
        ("tinker:b", 1, true, None, false),
        ("compatible:http://h#m", 1, true, Some(20), false),
    ] {
        let found = of(name);
        assert_eq!(
            (found.most_answers, found.temperature, found.logprobs, found.seed),
            (answers, temperature, logprobs, seed),
            "{name}"
        );
        assert_eq!(found.score, name.starts_with("vllm"), "{name}");
        let kept = !name.starts_with("tinker") && !name.starts_with("compatible");
        assert_eq!(found.json_schema, kept, "{name}");
        assert_eq!(found.name, keys().place(&model(name)).to_string());
    }
}

#[test]
fn several_answers_share_one_usage_and_keep_their_own_raw() {
    let response = ok(&json!({
        "id": "c", "model": "m-1", "system_fingerprint": "fp", "provider": "Host",
        "choices": [
            {"index": 1, "message": {"content": "two"}, "finish_reason": "length"},
            {"index": 0, "message": {"content": "one"}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 5, "completion_tokens": 9, "cost": 0.25,
            "completion_tokens_details": {"reasoning_tokens": 4}},
    }));
    let answers = wire_of("openai:m").answers(&response).unwrap();
    let said: Vec<_> = answers.iter().map(|a| (a.text.as_str(), a.finish)).collect();
    assert_eq!(said, [("one", Finish::Stop), ("two", Finish::Length)]);
    let whole = Usage { prompt: Some(5), drawn: Some(9), reasoning: Some(4), cost: Some(0.25) };
    assert_eq!([answers[0].usage, answers[1].usage], [whole, Usage::default()]);
    assert_eq!(answers[1].served_by.as_deref(), Some("m-1 fp Host"));
    let raw: Value = serde_json::from_str(answers[1].raw.as_ref().unwrap()).unwrap();
    assert_eq!(
        raw["choices"],
        json!([{"index": 1, "message": {"content": "two"}, "finish_reason": "length"}])
    );
    assert_eq!(raw["id"], json!("c"));
}

#[test]
fn each_end_has_its_name() {
    let said = json!({"content": "a"});
    for (choice, expected) in [
        (json!({"message": said, "finish_reason": "stop"}), Finish::Stop),
        (json!({"message": said, "finish_reason": "length"}), Finish::Length),
        (json!({"message": said, "finish_reason": "content_filter"}), Finish::Filter),
        (json!({"message": said, "finish_reason": "tool_calls"}), Finish::Tool),
        (
            json!({"message": {"content": null, "tool_calls": [{}]}, "finish_reason": "stop"}),
            Finish::Tool,
        ),
        (
            json!({"message": {"content": "a", "tool_calls": [{}]}, "finish_reason": "stop"}),
            Finish::Stop,
        ),
        (
            json!({"message": {"content": "a", "tool_calls": []}, "finish_reason": "stop"}),
            Finish::Stop,
        ),
        (
            json!({"message": said, "finish_reason": "stop", "native_finish_reason": "refusal"}),
            Finish::Refusal,
        ),
        (json!({"message": said, "finish_reason": "abort"}), Finish::Error),
        (json!({"message": said, "finish_reason": null}), Finish::Error),
        (json!({"message": said, "finish_reason": 3}), Finish::Error),
        (json!({"message": said, "finish_reason": "stop", "error": {"code": 502}}), Finish::Error),
        (json!({"message": said, "finish_reason": "stop", "error": null}), Finish::Stop),
        (json!({}), Finish::Error),
        (json!(3), Finish::Error),
    ] {
        assert_eq!(answer(&choice).finish, expected, "{choice}");
    }
    let refused =
        answer(&json!({"message": {"content": null, "refusal": "No."}, "finish_reason": "stop"}));
    assert_eq!((refused.text.as_str(), refused.finish), ("No.", Finish::Refusal));
}

#[test]
fn reasoning_is_told_apart_wherever_it_stands() {
    for (message, reasoning, text) in [
        (json!({"content": "a"}), None, "a"),
        (json!({"content": null}), None, ""),
        (
            json!({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}]}),
            None,
            "ab",
        ),
        (json!({"content": "a", "reasoning": "r"}), Some("r"), "a"),
        (json!({"content": "a", "reasoning": "", "reasoning_content": "r"}), Some("r"), "a"),
        (json!({"content": "<think>x</think>a", "reasoning": "r"}), Some("r"), "<think>x</think>a"),
        (json!({"content": "<think>\nr\n</think>\n\na b"}), Some("r"), "a b"),
        (json!({"content": "\n<think></think>\n\na"}), Some(""), "a"),
        (json!({"content": "<think>r, cut"}), None, "<think>r, cut"),
        (json!({"content": "r\n</think>\n\na"}), Some("r"), "a"),
        (json!({"content": "say <think> and </think>"}), None, "say <think> and </think>"),
        (json!({"content": "say <think>"}), None, "say <think>"),
    ] {
        let found = answer(&json!({"message": message, "finish_reason": "stop"}));
        assert_eq!(
            (found.reasoning.as_deref(), found.text.as_str()),
            (reasoning, text),
            "{message}"
        );
    }
}

#[test]
fn log_probabilities_are_summed_only_if_all_are_known() {
    let token = |token: &str, logprob: f64, top: Value| json!({"token": token, "logprob": logprob, "top_logprobs": top});
    let of = |content: Value| {
        answer(
            &json!({"message": {"content": "a"}, "finish_reason": "stop", "logprobs": {"content": content}}),
        )
    };
    let both = of(json!([
        token(
            "a",
            -1.5,
            json!([{"token": "a", "logprob": -1.5}, {"token": "b", "logprob": -2.0}, {"token": "c", "logprob": -0.5}])
        ),
        token("b", -0.5, json!([{"token": "z", "logprob": -9999.0}])),
    ]));
    assert_eq!(both.logprob, Some(-2.0));
    let expected = TokenLogprob {
        token: "a".into(),
        logprob: Some(-1.5),
        top: vec![("c".into(), -0.5), ("b".into(), -2.0)],
    };
    let tokens = both.tokens.unwrap();
    assert_eq!(tokens[0], expected);
    assert_eq!(tokens[1].top, []);
    let unknown = of(json!([token("a", -1.0, json!([])), token("b", -9999.0, json!([]))]));
    assert_eq!(unknown.logprob, None);
    assert_eq!(unknown.tokens.unwrap()[1].logprob, None);
    let empty = of(json!([]));
    assert_eq!((empty.logprob, empty.tokens), (None, Some(vec![])));
    assert_eq!(of(Value::Null).tokens, None);
}

#[test]
fn a_question_that_is_filtered_is_an_answer() {
    let body = json!({"error": {"code": "content_filter", "message": "m", "innererror": {}}});
    for name in ["azure:d", "openai:m"] {
        let response = HttpResponse { status: 400, ..ok(&body) };
        let answers = wire_of(name).answers(&response).unwrap();
        assert_eq!((answers[0].finish, answers[0].text.as_str()), (Finish::Filter, ""));
        assert_eq!(answers[0].raw.as_deref(), Some(body.to_string().as_str()));
    }
}

#[test]
fn what_is_no_answer_is_an_error() {
    let wire = wire_of("openrouter:o/n");
    let text = |text: &str| HttpResponse { body: text.as_bytes().to_vec(), ..ok(&Value::Null) };
    for (response, spoiled) in [
        (ok(&json!({})), true),
        (ok(&json!({"choices": []})), true),
        (ok(&json!({"choices": null})), true),
        (ok(&json!({"choices": {}})), true),
        (ok(&json!([1])), true),
        (text("{\"choices\": [{"), true),
        (text(""), true),
        (text("<html>hello</html>"), false),
        (ok(&json!({"error": {"code": 402, "message": "m"}})), false),
    ] {
        let error = wire.answers(&response).unwrap_err();
        let found = matches!(error, CallError::Spoiled { .. });
        assert_eq!(found, spoiled, "{response:?}: {error:?}");
        assert!(spoiled || matches!(error, CallError::Final { .. }), "{error:?}");
        assert!(error.to_string().starts_with("openrouter:o/n"), "{error}");
    }
}

/// What vLLM answers to a scored conversation with these tokens.
fn prompt(tokens: &[(u32, &str, f64)]) -> HttpResponse {
    let first = tokens.iter().map(|_| Value::Null).take(1);
    let rest = tokens.iter().skip(1).map(|(id, text, logprob)| {
        json!({id.to_string(): {"logprob": logprob, "rank": 1, "decoded_token": text}})
    });
    ok(&json!({"choices": [], "prompt_logprobs": first.chain(rest).collect::<Vec<_>>()}))
}

#[test]
fn a_text_is_scored_by_the_tokens_that_it_adds() {
    let wire = wire_of("vllm:http://h#m");
    let texts = ["Yes".to_owned(), "No way".to_owned()];
    let requests = wire.ask_scores(&question(), &texts);
    let bodies: Vec<_> = requests.iter().map(body).collect();
    assert_eq!(bodies.len(), 3);
    assert_eq!(
        bodies[0],
        asked(
            "m",
            &json!({"max_tokens": 1, "temperature": 1.0, "top_p": 1.0, "top_k": -1, "min_p": 0.0,
            "repetition_penalty": 1.0, "prompt_logprobs": 0})
        )
    );
    assert_eq!(bodies[2]["messages"][2], json!({"role": "assistant", "content": "No way"}));
    assert_eq!(bodies[2]["continue_final_message"], json!(true));

    let (user, begin) = ((4, "<|user|>", 0.0), (5, "<|assistant|>", -3.0));
    let responses = [
        prompt(&[user, begin]),
        prompt(&[user, begin, (6, "Yes", -0.5)]),
        prompt(&[user, begin, (7, "No", -1.0), (8, "way", -0.25)]),
    ];
    assert_eq!(wire.scores(&texts, &responses), Ok(vec![-0.5, -1.25]));
}

#[test]
fn a_text_that_cannot_be_told_from_what_surrounds_it_has_no_score() {
    let wire = wire_of("vllm:http://h#m");
    let (user, begin) = ((4, "<|user|>", 0.0), (5, "<|assistant|>", -3.0));
    let alone = prompt(&[user, begin]);
    let yes = || prompt(&[user, begin, (6, "Yes", -0.5)]);
    for (text, responses, part) in [
        ("Yes", vec![alone.clone(), prompt(&[user, (9, "assistantYes", -0.5)])], "other tokens"),
        ("Yes", vec![alone.clone(), prompt(&[user])], "other tokens"),
        (
            "Yes",
            vec![alone.clone(), prompt(&[user, begin, (3, "<think>", -1.0), (6, "Yes", -0.5)])],
            "turned",
        ),
        ("Yes", vec![alone.clone(), prompt(&[user, begin])], "turned"),
        (" Yes", vec![alone.clone(), yes()], "white space"),
        ("", vec![alone.clone(), alone.clone()], "white space"),
        ("Yes", vec![alone.clone(), ok(&json!({}))], "no log-probability"),
        ("Yes", vec![alone.clone()], "no log-probability"),
        ("Yes", vec![], "no log-probability"),
    ] {
        let error = wire.scores(&[text.to_owned()], &responses).unwrap_err();
        assert!(matches!(error, CallError::ThisOne { .. }), "{error:?}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn nobody_but_vllm_is_asked_for_scores() {
    for name in ["openai:m", "compatible:http://h#m", "openrouter:o/n", "ollama:m"] {
        assert_eq!(wire_of(name).ask_scores(&question(), &["Yes".to_owned()]), [], "{name}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "stop|a|<think>|\\PC{0,5}".prop_map(Value::from),
    ];
    let name = "choices|message|content|error|code|logprobs|token|logprob|top_logprobs|usage|finish_reason|\
                prompt_logprobs|model|index|tool_calls|metadata|reasons|data|id|text|type|detail|stop_reason";
    leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(name, inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(body in any_json(), choice in any_json(), status in prop_oneof![Just(200_u16), 100..600_u16]) {
        for body in [body.clone(), json!({"choices": [choice]}), json!({"choices": [{"message": choice, "logprobs": body}]})] {
            let response = HttpResponse { status, ..ok(&body) };
            for name in ["openai:ft:m", "vllm:http://h#m", "openrouter:o/n"] {
                let wire = wire_of(name);
                if let Ok(answers) = wire.answers(&response) {
                    prop_assert!(!answers.is_empty());
                }
                let _ = wire.scores(&["a".to_owned()], &[response.clone(), response.clone()]);
            }
        }
    }

    #[test]
    fn no_bytes_panic(body in prop::collection::vec(any::<u8>(), 0..60), status in 100..600_u16) {
        let response = HttpResponse { status, headers: Vec::new(), body };
        let _ = wire_of("openai:m").answers(&response);
    }

    #[test]
    fn seeds_stay_in_range_and_apart(seed in any::<u64>()) {
        prop_assert!(Dialect::OpenAi.narrowed(seed) < 1 << 53);
        prop_assert!(Dialect::LlamaCpp.narrowed(seed) < 1 << 31);
    }
}
