use serde_json::Value;

use super::*;

#[test]
fn padding_keeps_objects_valid_and_their_fields() {
    for text in ["{}", "{\"a\":1}", "[1]"] {
        let mut body = text.as_bytes().to_vec();
        pad(&mut body, 1000);
        assert!(body.len() >= text.len() + 1000);
        let (before, after): (Value, Value) =
            (serde_json::from_str(text).unwrap(), serde_json::from_slice(&body).unwrap());
        match before.as_object() {
            Some(fields) => assert!(fields.iter().all(|(name, value)| after[name] == *value)),
            None => assert_eq!(before, after),
        }
    }
}

#[test]
fn waits_are_rounded_up_to_seconds() {
    for (millis, seconds) in [(0, 0), (1, 1), (1000, 1), (1001, 2)] {
        assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
    }
}

#[test]
fn a_gone_quota_can_be_told_from_a_rate_limit_in_every_style() {
    let text = |style, fault| {
        let reply = instead(fault, style).unwrap();
        assert_eq!(reply.status, 429);
        String::from_utf8(reply.body).unwrap()
    };
    for style in [Style::OpenAi, Style::Anthropic] {
        assert_ne!(text(style, Fault::QuotaGone), text(style, Fault::TooMany));
    }
    assert!(text(Style::OpenAi, Fault::QuotaGone).contains("insufficient_quota"));
    assert!(text(Style::Anthropic, Fault::QuotaGone).contains("enforced_spend_limit_reached"));
}
