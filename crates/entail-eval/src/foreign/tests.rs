use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn bare_words_become_null_outside_texts_only() {
    for (json, expected) in [
        (r#"{"a":NaN,"b":[Infinity,-Infinity,-1]}"#, r#"{"a":null,"b":[null,null,-1]}"#),
        (r#"{"NaN":"NaN","q":"\"NaN"}"#, r#"{"NaN":"NaN","q":"\"NaN"}"#),
        (r#"{"q":"\\","a":NaN}"#, r#"{"q":"\\","a":null}"#),
        ("NaN", "null"),
        ("", ""),
    ] {
        assert_eq!(String::from_utf8(without_bare_words(json.into())).unwrap(), expected);
    }
}

proptest! {
    #[test]
    fn what_is_json_already_stays_as_it_is(text in ".*", number in any::<f64>()) {
        let json = json!({ &text: [number, &text] }).to_string().into_bytes();
        prop_assert_eq!(without_bare_words(json.clone()), json);
    }

    #[test]
    fn no_bytes_are_too_odd(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
        let words = without_bare_words(bytes.clone());
        prop_assert!(words.len() <= bytes.len() * 2);
    }
}

#[test]
fn what_is_found_is_cut_short_in_messages() {
    let fault = shape("x", &"é".repeat(500).into(), "a number");
    let text = fault.to_string();
    assert!(text.chars().count() < 100 && text.ends_with("..., expected a number"), "{text}");
}

#[test]
fn places_are_named_without_control_characters() {
    let at = |place| ForeignError { file: "f".into(), place, fault: Fault::Missing("`x`") };
    assert_eq!(at(Place::Whole).to_string(), "f: has no `x`");
    assert_eq!(at(Place::Line(3)).to_string(), "f: line 3: has no `x`");
    assert_eq!(at(Place::Member("a\u{1b}[2J".into())).to_string(), "f: `a\\u{1b}[2J`: has no `x`");
    assert_eq!(at(Place::Sample(2, None)).to_string(), "f: sample 2: has no `x`");
}

#[test]
fn more_bytes_than_allowed_are_not_read() {
    let limits = Limits { bytes: 3, ..Limits::default() };
    assert_eq!(limits.read(&b"abc"[..]).unwrap(), b"abc");
    assert!(matches!(limits.read(std::io::repeat(0)), Err(Fault::TooLarge { limit: 3, .. })));
}
