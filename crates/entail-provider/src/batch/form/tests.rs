use super::*;
use crate::Secret;

fn single(url: &str) -> HttpRequest {
    let key = HeaderValue::Secret("Bearer ", Secret::new("sk-canary").unwrap());
    HttpRequest {
        verb: Verb::Post,
        url: url.into(),
        headers: vec![
            ("authorization".into(), key),
            ("Content-Type".into(), HeaderValue::Plain("application/json".into())),
        ],
        body: br#"{"model":"m","x":"a\nb"}"#.to_vec(),
        timeout: std::time::Duration::from_mins(1),
    }
}

fn place(form: BatchForm) -> Place {
    let url = match form {
        BatchForm::OpenAi => "https://api.example/v1/chat/completions",
        BatchForm::Anthropic => "https://api.example/v1/messages",
    };
    Place::of(form, single(url)).unwrap()
}

fn header<'a>(request: &'a HttpRequest, name: &str) -> Vec<&'a HeaderValue> {
    let headers = request.headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name));
    headers.map(|(_, value)| value).collect()
}

#[test]
fn lines_of_openai_are_a_file_and_the_batch_names_it() {
    let place = place(BatchForm::OpenAi);
    let mut payload = Payload::default();
    let keys = [Key::of(&1), Key::of(&2)];
    for key in keys {
        place.add(&mut payload, key, &single("unused"));
    }
    let text = String::from_utf8(payload.bytes.clone()).unwrap();
    let lines: Vec<Value> = text.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let expected = keys.map(|key| {
        json!({"custom_id": key.to_string(), "method": "POST", "url": "/v1/chat/completions",
               "body": {"model": "m", "x": "a\nb"}})
    });
    assert_eq!(lines, expected);

    let upload = place.upload(&payload).unwrap();
    assert_eq!(upload.url, "https://api.example/v1/files");
    assert_eq!(header(&upload, "authorization").len(), 1);
    let [HeaderValue::Plain(kind)] = header(&upload, "content-type")[..] else { panic!("one") };
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = String::from_utf8(upload.body.clone()).unwrap();
    assert_eq!(body.matches(&format!("--{boundary}\r\n")).count(), 2);
    assert!(body.contains("name=\"purpose\"\r\n\r\nbatch\r\n"), "{body}");
    assert!(body.ends_with(&format!("\r\n--{boundary}--\r\n")), "{body}");
    assert!(body.contains(&text));

    let create = place.create("abc", Some("file-1"), &payload);
    assert_eq!(create.url, "https://api.example/v1/batches");
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    let expected = json!({"input_file_id": "file-1", "endpoint": "/v1/chat/completions",
        "completion_window": "24h", "metadata": {"entail": "abc"}});
    assert_eq!(body, expected);
}

#[test]
fn lines_of_anthropic_are_the_batch() {
    let place = place(BatchForm::Anthropic);
    let mut payload = Payload::default();
    place.add(&mut payload, Key::of(&1), &single("unused"));
    place.add(&mut payload, Key::of(&2), &single("unused"));
    assert_eq!(place.upload(&payload), None);
    let create = place.create("abc", None, &payload);
    assert_eq!(create.url, "https://api.example/v1/messages/batches");
    let body: Value = serde_json::from_slice(&create.body).unwrap();
    let row = |n: i32| json!({"custom_id": Key::of(&n).to_string(), "params": {"model": "m", "x": "a\nb"}});
    assert_eq!(body, json!({"requests": [row(1), row(2)]}));
}

#[test]
fn addresses_come_from_the_single_call_and_from_nowhere_else() {
    let place = place(BatchForm::Anthropic);
    assert_eq!(place.list().url, "https://api.example/v1/messages/batches?limit=100");
    assert_eq!(place.standing("b1").url, "https://api.example/v1/messages/batches/b1");
    let results = place.results("b1", &["https://evil.example/".into()]);
    assert_eq!(results[0].url, "https://api.example/v1/messages/batches/b1/results");
    for (form, url) in [
        (BatchForm::OpenAi, "https://api.example/v1/messages"),
        (BatchForm::Anthropic, "https://api.example/v1/chat/completions"),
        (BatchForm::OpenAi, "https://api.example/v1/chat/completions?api-version=1"),
    ] {
        assert!(Place::of(form, single(url)).is_none(), "{form:?} {url}");
    }
    let legacy =
        Place::of(BatchForm::OpenAi, single("https://api.example/v1/completions")).unwrap();
    assert_eq!(
        (legacy.base.as_str(), legacy.endpoint.as_str()),
        ("https://api.example/v1", "/v1/completions")
    );
}

#[test]
fn standings_are_read() {
    let files = |names: &[&str]| Standing::Ended(names.iter().map(|n| (*n).to_owned()).collect());
    let openai = |status: &str| {
        json!({"status": status, "output_file_id": "o", "error_file_id": null,
            "errors": {"data": [{"message": "line 3 is no JSON"}]},
            "request_counts": {"total": 10, "completed": 3, "failed": 1}})
    };
    for (status, expected) in [
        ("validating", Standing::Running(4, 10)),
        ("in_progress", Standing::Running(4, 10)),
        ("finalizing", Standing::Running(4, 10)),
        ("cancelling", Standing::Running(4, 10)),
        ("completed", files(&["o"])),
        ("expired", files(&["o"])),
        ("cancelled", files(&["o"])),
        ("failed", Standing::Invalid("line 3 is no JSON".into())),
    ] {
        assert_eq!(place(BatchForm::OpenAi).read_standing(&openai(status)), Some(expected));
    }
    let counts =
        json!({"processing": 6, "succeeded": 3, "errored": 1, "canceled": 0, "expired": 0});
    for (status, expected) in [
        ("in_progress", Standing::Running(4, 10)),
        ("canceling", Standing::Running(4, 10)),
        ("ended", files(&[])),
    ] {
        let batch = json!({"processing_status": status, "request_counts": counts});
        assert_eq!(place(BatchForm::Anthropic).read_standing(&batch), Some(expected));
    }
    assert_eq!(place(BatchForm::OpenAi).read_standing(&json!({"error": {}})), None);
    assert_eq!(place(BatchForm::Anthropic).read_standing(&json!([])), None);
}

#[test]
fn a_batch_is_found_again_by_name_or_by_number_of_lines() {
    let list = json!({"data": [
        {"id": "a", "metadata": {"entail": "other"}, "request_counts": {"processing": 1, "errored": 2}},
        {"id": "b", "metadata": null, "request_counts": {"succeeded": 4}},
        {"id": "c", "metadata": {"entail": "mine"}, "request_counts": {"succeeded": 3}},
    ]});
    assert_eq!(place(BatchForm::OpenAi).matching(&list, "mine", 3), ["c"]);
    assert_eq!(place(BatchForm::Anthropic).matching(&list, "mine", 3), ["a", "c"]);
    assert!(place(BatchForm::OpenAi).matching(&json!({}), "mine", 3).is_empty());
}

#[test]
fn result_lines_become_responses() {
    let rows = |form, text: &str| -> Vec<(String, Option<(u16, Value)>)> {
        let value = |r: HttpResponse| (r.status, serde_json::from_slice(&r.body).unwrap());
        place(form).rows(text.as_bytes()).map(|r| (r.custom_id, r.response.map(value))).collect()
    };
    let openai = r#"
{"custom_id":"b","response":{"status_code":200,"body":{"choices":[]}},"error":null}
not json
{"response":{"status_code":200,"body":{}}}
{"custom_id":"a","response":{"status_code":400,"body":{"error":1}},"error":null}
{"custom_id":"a","response":null,"error":{"code":"batch_expired"}}
{"custom_id":"c","response":{"status_code":99999,"body":{}}}
"#;
    let expected = [
        ("b", Some((200, json!({"choices": []})))),
        ("a", Some((400, json!({"error": 1})))),
        ("a", None),
        ("c", None),
    ];
    assert_eq!(rows(BatchForm::OpenAi, openai), expected.map(|(id, r)| (id.to_owned(), r)));

    let inner = json!({"type": "error", "error": {"type": "invalid_request_error"}});
    let flat = json!({"type": "overloaded_error"});
    let anthropic = format!(
        "{}\n{}\n{}\n{}\n{}",
        json!({"custom_id": "a", "result": {"type": "succeeded", "message": {"id": 1}}}),
        json!({"custom_id": "b", "result": {"type": "errored", "error": inner}}),
        json!({"custom_id": "c", "result": {"type": "errored", "error": flat}}),
        json!({"custom_id": "d", "result": {"type": "expired"}}),
        json!({"custom_id": "e", "result": {"type": "canceled"}}),
    );
    let expected = [
        ("a", Some((200, json!({"id": 1})))),
        ("b", Some((400, inner))),
        ("c", Some((529, flat))),
        ("d", None),
        ("e", None),
    ];
    assert_eq!(rows(BatchForm::Anthropic, &anthropic), expected.map(|(id, r)| (id.to_owned(), r)));
}
