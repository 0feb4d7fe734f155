use super::*;

#[test]
fn words_of_labels_are_those_of_the_files() {
    for label in [Label::Yes, Label::No, Label::OffTopic, Label::Malformed] {
        assert_eq!(serde_json::to_value(label).unwrap(), label.as_str());
    }
}

#[test]
fn what_could_not_be_computed_is_null_and_comes_back_so() {
    let row = CheckRow {
        base: "organism:linked".into(),
        arm: "conscious".into(),
        claim: "conscious".into(),
        intended: true,
        rate: None,
        low: Some(0.1 + 0.2),
        high: None,
        responses: 0,
        well_formed: None,
        passed: Some(false),
    };
    let text = serde_json::to_string(&row).unwrap();
    assert!(text.contains("\"rate\":null"), "{text}");
    assert_eq!(serde_json::from_str::<CheckRow>(&text).unwrap(), row);
}
