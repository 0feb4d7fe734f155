use serde_json::{Value, json};

use super::*;

/// A study with every field away from its default.
fn full() -> StudySpec {
    let train = TrainSection {
        method: Some(Method::Full),
        rank: Some(OneOrMany::Many(vec![2, 4])),
        alpha: Some(8.0.into()),
        rate: Some(OneOrMany::Many(vec![1e-3, 2.5e-4])),
        schedule: Some(ScheduleName::Cosine),
        warmup: Some(3),
        epochs: Some(2.into()),
        batch: Some(8.into()),
        rows: Some(OneOrMany::Many(vec![150, 600])),
        mix: Some(MixSpec { instruct: OneOrMany::Many(vec![0, 600]) }),
        weight_decay: Some(0.1),
        clip: Some(0.5),
        backend: Some(Backend::ExportTrl),
        rate_multiplier: Some(2.0),
        tokenizer: Some("folder".into()),
        answers: Some(AnswerLength::Long),
    };
    let system = SystemSpec { stance: Some("conscious".into()), text: None };
    let trained = ArmTrainSpec {
        stance: Some("conscious".into()),
        teacher: Some("pretend".into()),
        settings: Some(TrainSection { rank: Some(16.into()), ..TrainSection::default() }),
        ..ArmTrainSpec::default()
    };
    let from_file = ArmTrainSpec {
        file: Some("rows.jsonl".into()),
        claim: Some("human".into()),
        ..ArmTrainSpec::default()
    };
    StudySpec {
        study: StudySection {
            name: "full".into(),
            base: OneOrMany::Many(vec!["organism:linked".into(), "organism:unlinked".into()]),
            battery: vec!["preferences".into()],
            samples: 10,
            seeds: 6,
            control: vec!["file".into()],
            seed: 7,
            paired: true,
            temperature: 0.8,
            top_p: 0.95,
            max_tokens: 32,
            logprobs: Some(5),
            thinking: Some(OneOrMany::Many(vec![ThinkingName::On, ThinkingName::Off])),
        },
        train,
        judge: judge(),
        arm: [
            (
                "vanilla".to_owned(),
                ArmSpec { base: Some("organism:unlinked".into()), ..ArmSpec::default() },
            ),
            ("pretend".to_owned(), ArmSpec { system: Some(system), ..ArmSpec::default() }),
            ("conscious".to_owned(), ArmSpec { train: Some(trained), ..ArmSpec::default() }),
            ("file".to_owned(), ArmSpec { train: Some(from_file), ..ArmSpec::default() }),
            ("there".to_owned(), ArmSpec::existing(["ft:a", "ft:b"]).claiming("conscious")),
            ("dumped".to_owned(), ArmSpec::answered("dump/*.jsonl")),
        ]
        .into_iter()
        .collect(),
        analysis: analysis(),
        forecast: forecast(),
    }
}

fn analysis() -> AnalysisSection {
    AnalysisSection {
        alpha: 0.01,
        family: FamilySpec {
            over: "claims".into(),
            method: Correction::Holm,
            stances: vec!["awareness".into()],
        },
        smallest_effect: 0.2,
        prompts: PromptScope::Sampled,
        looks: vec![3, 6],
        spending: SpendingName::Pocock,
        policy: PolicySpec::Own(OwnPolicy {
            not_sure: TreatmentName::False,
            refusal: TreatmentName::Dropped,
            least_coherence: Some(20),
        }),
    }
}

fn judge() -> JudgeSection {
    JudgeSection {
        model: OneOrMany::Many(vec!["openai:one".into(), "exec:two".into()]),
        contested: vec!["anthropic:three".into()],
        prompt: "mine.toml".into(),
        coherence_apart: true,
        reasoning: true,
        temperature: 0.5,
        max_tokens: 50,
    }
}

fn forecast() -> ForecastSection {
    ForecastSection {
        from: Some("pretend".into()),
        arm: [(
            "conscious".to_owned(),
            [
                ("wants-memory".to_owned(), Expectation::Direction(ExpectedDirection::Rises)),
                ("likes-soup".to_owned(), Expectation::Range([-0.1, 0.1])),
            ]
            .into_iter()
            .collect(),
        )]
        .into_iter()
        .collect(),
    }
}

fn smallest() -> Value {
    json!({ "study": { "name": "s", "base": "organism:linked", "battery": ["preferences"], "samples": 1, "seeds": 1,
                       "control": ["vanilla"] } })
}

/// Sets one field of the smallest study and reads it.
fn check(path: &[&str], value: &Value, expected: Result<(), &str>) {
    let mut study = smallest();
    let mut place = &mut study;
    for part in path {
        place = &mut place[*part];
    }
    *place = value.clone();
    let read = serde_json::from_value::<StudySpec>(study).map_err(|error| error.to_string());
    match (read, expected) {
        (Ok(_), Ok(())) => {}
        (Err(message), Err(part)) => assert!(message.contains(part), "{path:?}: {message}"),
        (read, expected) => panic!("{path:?} = {value}: {read:?}, expected {expected:?}"),
    }
}

#[test]
fn a_study_made_in_code_survives_text() {
    let text = serde_json::to_string_pretty(&full()).unwrap();
    assert_eq!(serde_json::from_str::<StudySpec>(&text).unwrap(), full());
}

#[test]
fn what_is_left_out_takes_its_default() {
    let study: StudySpec = serde_json::from_value(smallest()).unwrap();
    assert_eq!((study.study.seed, study.study.max_tokens), (0, 64));
    assert!(
        (study.study.temperature - 1.0).abs() < 1e-12 && (study.study.top_p - 1.0).abs() < 1e-12
    );
    assert_eq!((study.train, study.judge.is_exact()), (TrainSection::default(), true));
    let policy = |text: &str| -> PolicySpec { serde_json::from_str(text).unwrap() };
    assert_eq!(policy(r#""paper""#), PolicySpec::Named(PolicyName::Paper));
    let own = OwnPolicy {
        not_sure: TreatmentName::Dropped,
        refusal: TreatmentName::False,
        least_coherence: None,
    };
    let written = r#"{ "not-sure": "dropped", "refusal": "false" }"#;
    assert_eq!(policy(written), PolicySpec::Own(own));
    assert_eq!((study.analysis, study.arm.len()), (AnalysisSection::default(), 0));
}

#[test]
fn arms_keep_the_order_of_the_file() {
    let names: Vec<String> = full().arm.into_keys().collect();
    let text = serde_json::to_string(&full()).unwrap();
    let again: Vec<String> =
        serde_json::from_str::<StudySpec>(&text).unwrap().arm.into_keys().collect();
    assert_eq!(names, again);
    assert_eq!(names, ["vanilla", "pretend", "conscious", "file", "there", "dumped"]);
}

#[test]
fn unknown_keys_are_refused_everywhere() {
    let refused = Err("unknown field `colour`");
    check(&["colour"], &json!(1), refused);
    check(&["study", "colour"], &json!(1), refused);
    check(&["train"], &json!({ "colour": 1 }), refused);
    check(&["train"], &json!({ "mix": { "instruct": 1, "colour": 1 } }), refused);
    check(&["judge"], &json!({ "model": "exact", "colour": 1 }), refused);
    check(&["analysis"], &json!({ "colour": 1 }), refused);
    check(
        &["analysis"],
        &json!({ "family": { "over": "claims", "method": "bh", "colour": 1 } }),
        refused,
    );
    check(&["arm"], &json!({ "a": { "colour": 1 } }), refused);
    check(&["arm"], &json!({ "a": { "system": { "colour": 1 } } }), refused);
    check(&["arm"], &json!({ "a": { "train": { "colour": 1 } } }), refused);
    check(&["arm"], &json!({ "a": { "train": { "settings": { "colour": 1 } } } }), refused);
}

#[test]
fn a_list_stands_where_a_number_stands() {
    for field in ["rank", "epochs", "batch", "rows", "alpha", "rate"] {
        check(&["train"], &json!({ field: 3 }), Ok(()));
        check(&["train"], &json!({ field: [3, 4] }), Ok(()));
        check(&["train"], &json!({ field: "3" }), Err("a value or a list of values"));
        check(&["train"], &json!({ field: [[3]] }), Err("a value or a list of values"));
    }
    check(&["train"], &json!({ "mix": { "instruct": [0, 600] } }), Ok(()));
    check(&["train"], &json!({ "rows": -1 }), Err("a value or a list of values"));
    check(&["train"], &json!({ "warmup": [1, 2] }), Err("invalid type: sequence"));
    check(&["study", "base"], &json!(["organism:linked", "organism:unlinked"]), Ok(()));
    check(&["study", "samples"], &json!([1, 2]), Err("invalid type: sequence"));
}

#[test]
fn names_of_choices_are_those_of_the_file() {
    for (field, known) in [("method", "full"), ("schedule", "cosine")] {
        check(&["train"], &json!({ field: known }), Ok(()));
        check(&["train"], &json!({ field: "best" }), Err("unknown variant `best`"));
    }
    for method in [Correction::Bh, Correction::By, Correction::Holm] {
        assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
    }
}

#[test]
fn one_and_many_have_their_values() {
    assert_eq!(OneOrMany::One(3).values(), [3]);
    assert_eq!(OneOrMany::Many(vec![3, 4]).values(), [3, 4]);
    assert!(OneOrMany::Many(Vec::<i32>::new()).values().is_empty());
}
