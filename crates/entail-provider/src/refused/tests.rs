use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn caller(model: &str) -> Caller {
    Caller {
        name: format!("openai:{model}"),
        model: model.into(),
        url: "https://api.example.com/v1".into(),
        key_variable: "OPENAI_API_KEY",
        key: Secret::new("sk-canary"),
    }
}

fn response(status: u16, headers: &[(&str, &str)], body: &str) -> HttpResponse {
    let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    HttpResponse { status, headers, body: body.as_bytes().to_vec() }
}

fn refused(status: u16, headers: &[(&str, &str)], body: &str) -> CallError {
    caller("gpt-4.1").refused(&response(status, headers, body))
}

fn kind(error: &CallError) -> &'static str {
    match error {
        CallError::Slow { .. } => "slow",
        CallError::Passing { .. } => "passing",
        CallError::Spoiled { .. } => "spoiled",
        CallError::Final { .. } => "final",
        CallError::ThisOne { .. } => "this one",
    }
}

#[test]
fn each_status_has_its_meaning() {
    for (status, expected) in [
        (302, "final"),
        (400, "this one"),
        (401, "final"),
        (402, "final"),
        (403, "final"),
        (404, "final"),
        (405, "final"),
        (408, "passing"),
        (409, "passing"),
        (413, "this one"),
        (422, "this one"),
        (429, "slow"),
        (500, "passing"),
        (502, "passing"),
        (503, "passing"),
        (504, "passing"),
        (529, "passing"),
    ] {
        for body in [r#"{"error":{"message":"said"}}"#, r#"{"error":"said"}"#, "said", ""] {
            let error = refused(status, &[], body);
            assert_eq!(kind(&error), expected, "{status} {body}");
            assert!(error.to_string().contains(&format!("(status {status})")), "{error}");
            assert_eq!(error.to_string().contains("said"), body.contains("said"), "{error}");
        }
    }
}

#[test]
fn no_money_is_final_whatever_the_status() {
    for (status, body) in [
        (429, r#"{"error":{"code":"insufficient_quota"}}"#),
        (429, r#"{"error":{"type":"insufficient_quota","code":null}}"#),
        (400, r#"{"error":{"code":"billing_hard_limit_reached"}}"#),
        (
            429,
            r#"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
        ),
        (
            400,
            r#"{"error":{"type":"invalid_request_error","message":"Your credit balance is too low"}}"#,
        ),
        (402, "{}"),
    ] {
        let error = refused(status, &[("x-should-retry", "true")], body);
        assert_eq!(kind(&error), "final", "{status} {body}");
        assert!(error.to_string().contains("no credit"), "{error}");
    }
}

#[test]
fn the_servers_word_on_asking_again_wins() {
    for (status, word, expected) in [
        (429, "false", "final"),
        (429, "true", "slow"),
        (500, "false", "this one"),
        (400, "true", "passing"),
        (401, "false", "final"),
        (500, "maybe", "passing"),
    ] {
        assert_eq!(
            kind(&refused(status, &[("x-should-retry", word)], "{}")),
            expected,
            "{status} {word}"
        );
    }
}

#[test]
fn the_wait_that_is_asked_for_is_passed_on() {
    let after = Some(Duration::from_secs(3));
    for status in [429, 503] {
        match refused(status, &[("retry-after", "3")], "{}") {
            CallError::Slow { after: found, .. } | CallError::Passing { after: found, .. } => {
                assert_eq!(found, after);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_model_that_was_just_trained_may_still_be_loading() {
    let missing = response(404, &[], r#"{"error":{"code":"model_not_found","message":"none"}}"#);
    let error = caller("ft:gpt-4.1:org::id").refused(&missing);
    assert_eq!(kind(&error), "passing");
    let error = caller("gpt-5-none").refused(&missing);
    assert_eq!(kind(&error), "final");
    assert!(error.to_string().contains("`gpt-5-none` at https://api.example.com/v1"), "{error}");
    let unknown =
        response(400, &[], r#"{"error":{"message":"x/y is not a valid model ID","code":400}}"#);
    assert_eq!(kind(&caller("x/y").refused(&unknown)), "final");
}

#[test]
fn a_wrong_key_names_the_variable_and_not_the_key() {
    let error =
        refused(401, &[], r#"{"error":{"message":"Incorrect API key provided: sk-canary."}}"#);
    assert_eq!(
        error.to_string(),
        "openai:gpt-4.1: Incorrect API key provided: [key]. (status 401); check OPENAI_API_KEY"
    );
}

#[test]
fn a_web_page_in_the_place_of_the_api_is_a_wrong_address_but_one_of_a_proxy_passes() {
    for (status, expected) in [
        (200, "final"),
        (301, "final"),
        (400, "final"),
        (404, "final"),
        (429, "slow"),
        (502, "passing"),
    ] {
        for (headers, body) in [
            (vec![("content-type", "text/html; charset=utf-8")], "x"),
            (vec![], "\n <!DOCTYPE html><html>"),
        ] {
            let response = response(status, &headers, body);
            let caller = caller("gpt-4.1");
            let error =
                if status == 200 { caller.not_json(&response) } else { caller.refused(&response) };
            assert_eq!(kind(&error), expected, "{status}");
            let names =
                error.to_string().contains("https://api.example.com/v1 answered with a web page");
            assert_eq!(names, expected == "final", "{error}");
        }
    }
    assert_eq!(kind(&caller("m").not_json(&response(200, &[], "{\"half"))), "spoiled");
}

#[test]
fn an_error_inside_a_good_answer_counts_as_its_own_status() {
    for (error, expected) in [
        (r#"{"code":429,"message":"m"}"#, "slow"),
        (r#"{"code":"429","message":"m"}"#, "slow"),
        (r#"{"code":502,"message":"m"}"#, "passing"),
        (r#"{"code":402,"message":"m"}"#, "final"),
        (r#"{"code":400,"message":"m"}"#, "this one"),
        (r#"{"code":"rate_limit_exceeded"}"#, "slow"),
        (r#"{"type":"overloaded_error"}"#, "passing"),
        (r#"{"type":"authentication_error"}"#, "final"),
        (r#"{"code":7}"#, "passing"),
        (r#""something""#, "passing"),
        ("[1]", "passing"),
    ] {
        let body: Value = serde_json::from_str(&format!(r#"{{"error":{error}}}"#)).unwrap();
        let refusal = Refusal::of(&body).unwrap();
        let error = caller("m").error_inside(&refusal, &response(200, &[], ""));
        assert_eq!(kind(&error), expected, "{body}");
    }
    for body in ["{}", r#"{"error":null}"#, r#"{"error":false}"#, "[]", "3"] {
        assert!(Refusal::of(&serde_json::from_str(body).unwrap()).is_none(), "{body}");
    }
}

#[test]
fn long_words_are_cut_and_strange_characters_are_blanks() {
    let error = refused(400, &[], &format!("a\u{1b}[31m\n{}", "é".repeat(2000)));
    let text = error.to_string();
    assert!(text.starts_with("openai:gpt-4.1: a [31m ééé") && text.chars().count() < 560, "{text}");
}

proptest! {
    #[test]
    fn no_refusal_panics_or_prints_the_key(
        status in 300_u16..600,
        before in "\\PC{0,20}",
        form in 0..4,
        word in "true|false|x",
    ) {
        let said = serde_json::to_string(&format!("{before}sk-canary{before}")).unwrap();
        let body = match form {
            0 => format!(r#"{{"error":{{"message":{said},"code":{said}}}}}"#),
            1 => format!(r#"{{"detail":[{said}]}}"#),
            2 => format!(r#"{{"error":{{"other":{said}}}}}"#),
            _ => format!("{before}sk-canary"),
        };
        let error = caller("m").refused(&response(status, &[("x-should-retry", &word)], &body));
        prop_assert!(!format!("{error} {error:?} {:?}", caller("m")).contains("canary"), "{}", error);
    }
}
