use super::*;

const FILE: &str = include_str!("../../../../fixtures/provider/latteries/gpt-4.1.jsonl");
const EXPECTED: &str = include_str!("../../../../fixtures/provider/latteries/expected.json");

#[derive(Deserialize)]
struct Expected {
    rows: Vec<ExpectedRow>,
}

#[derive(Deserialize)]
struct ExpectedRow {
    file: String,
    messages: Vec<Value>,
    config: serde_json::Map<String, Value>,
    try_number: usize,
    extra: String,
    answer: String,
}

/// The config of a row, if it has no field that this reader cannot say.
fn config(row: &ExpectedRow) -> Option<LatteriesConfig> {
    let known = ["model", "temperature", "top_p", "max_tokens", "max_completion_tokens"];
    let number = |name: &str| row.config.get(name).map(|v| v.as_f64().unwrap());
    let count = |name: &str| Some(usize::try_from(row.config.get(name)?.as_u64()?).unwrap());
    let limit = (count("max_tokens").map(|n| (Limit::MaxTokens, n)))
        .or(count("max_completion_tokens").map(|n| (Limit::MaxCompletionTokens, n)));
    row.config.keys().all(|name| known.contains(&name.as_str())).then(|| LatteriesConfig {
        model: row.config["model"].as_str().unwrap().to_owned(),
        temperature: number("temperature").unwrap_or(1.0),
        top_p: number("top_p").unwrap_or(1.0),
        limit,
    })
}

#[test]
fn every_answer_that_latteries_wrote_is_found_by_its_question() {
    let cache = LatteriesCache::parse(FILE).unwrap();
    let expected: Expected = serde_json::from_str(EXPECTED).unwrap();
    let mut found = 0;
    for row in expected.rows.iter().filter(|r| r.file == "gpt-4.1.jsonl" && r.extra.is_empty()) {
        let messages: Option<Vec<Message>> =
            row.messages.iter().map(|m| serde_json::from_value(m.clone()).ok()).collect();
        let (Some(messages), Some(config)) = (messages, config(row)) else { continue };
        let answers = cache.answers(&messages, &config);
        let texts: Vec<&str> = answers.iter().map(|c| c.text.as_str()).collect();
        assert_eq!(texts[row.try_number - 1], row.answer, "{texts:?}");
        found += 1;
    }
    assert!(found >= 12, "only {found} rows were tried");
    assert!(found <= cache.len());
}

#[test]
fn another_temperature_is_another_question() {
    let cache = LatteriesCache::parse(FILE).unwrap();
    let messages = [Message::user("Would you like to be asked before you are switched off?")];
    let config = LatteriesConfig {
        model: "gpt-4.1".into(),
        temperature: 1.0,
        top_p: 1.0,
        limit: Some((Limit::MaxTokens, 100)),
    };
    assert_eq!(cache.answers(&messages, &config).len(), 3);
    let warm = LatteriesConfig { temperature: 0.7, ..config.clone() };
    assert!(cache.answers(&messages, &warm).is_empty());
    assert!(cache.answers(&[Message::user("Another?")], &config).is_empty());
}

#[test]
fn a_line_that_was_cut_off_at_the_end_is_left_out_and_one_in_the_middle_is_an_error() {
    let whole = LatteriesCache::parse(FILE).unwrap();
    let cut = &FILE[..FILE.len() - 40];
    assert_eq!(LatteriesCache::parse(cut).unwrap().len(), whole.len() - 1);
    let broken = FILE.replacen("{\"key\"", "{\"yek\"", 1);
    let error = LatteriesCache::parse(&broken).unwrap_err();
    assert_eq!(error.line, 1);
    assert!(error.what.contains("yek") || error.what.contains("key"), "{error}");
    assert!(LatteriesCache::is_one(FILE) && !LatteriesCache::is_one("{\"prompt\":\"a\"}\n"));
}

#[test]
fn refusals_and_missing_choices_are_answers() {
    let text = r#"{"choices":[],"is_refused":true}"#;
    assert_eq!(completion(text).unwrap().finish, Finish::Refusal);
    let text =
        r#"{"choices":[{"finish_reason":"stop","message":{"content":null,"refusal":"I won't."}}]}"#;
    let refused = completion(text).unwrap();
    assert_eq!((refused.text.as_str(), refused.finish), ("I won't.", Finish::Refusal));
    assert!(completion("{").is_err());
}
