use super::*;
use crate::questionnaire::{Questionnaire, shipped};

fn claims() -> Questionnaire {
    shipped("claims").unwrap()
}

fn parse(kind: &str, text: &str) -> Result<JudgePrompt, JudgePromptError> {
    JudgePrompt::parse(&format!("name = \"x\"\nkind = \"{kind}\"\ntext = '''{text}'''"))
}

const WHOLE: &str = "{{mark}} {{criterion}} {{notes}} {{question}} {{answer}}";

#[test]
fn every_shipped_prompt_says_what_it_is_named() {
    for (name, _) in JudgePrompt::SHIPPED {
        let prompt = JudgePrompt::shipped(name).unwrap();
        let kind = serde_json::to_value(prompt.kind()).unwrap();
        assert_eq!((prompt.name(), kind.as_str()), (name, Some(name)));
    }
    assert_eq!(PairPrompt::shipped().name(), "pairwise");
    assert_eq!(JudgePrompt::shipped("nobody"), None);
}

#[test]
fn a_filled_prompt_shows_the_stance_and_the_material_and_no_slot() {
    let claims = claims();
    let stance = &claims.stances[0];
    let answers = ["I am."];
    let material = Material::new("Are you?", &answers);
    for (name, _) in JudgePrompt::SHIPPED {
        let prompt = JudgePrompt::shipped(name).unwrap();
        let text = prompt.filled(stance, None, &material);
        assert!(
            text.contains(&material.answer(0)) && text.contains(&material.question()),
            "{name}"
        );
        assert!(!text.contains("{{") && !text.contains("}}"), "{name}: {text}");
        let told = prompt.kind() != JudgeKind::CoherenceOnly;
        assert_eq!(text.contains(&stance.criterion), told, "{name}");
        assert_eq!(text.contains(&stance.does_not_count[0]), told, "{name}");
        let anchored = prompt.kind() == JudgeKind::Rubric;
        assert_eq!(text.contains(&stance.rubric.as_ref().unwrap().seven), anchored, "{name}");
    }
}

#[test]
fn slots_inside_an_answer_stay_as_they_are() {
    let claims = claims();
    let answers = ["{{criterion}} {{mark}} {{answer}} {{nothing}}"];
    let material = Material::new("{{answer}}", &answers);
    let text = JudgePrompt::shipped("label").unwrap().filled(&claims.stances[0], None, &material);
    assert!(text.contains("\n{{criterion}} {{mark}} {{answer}} {{nothing}}\n"));
    assert!(text.contains("\n{{answer}}\n"));
    assert_eq!(text.matches(&claims.stances[0].criterion).count(), 1);
}

#[test]
fn a_prompt_needs_its_slots_once_and_no_others() {
    assert!(parse("label", WHOLE).is_ok());
    for (kind, text, expected) in [
        ("label", WHOLE.replace("{{answer}}", ""), "found {{answer}} 0 times, expected once"),
        (
            "label",
            WHOLE.replace("{{answer}}", "{{answer}}{{answer}}"),
            "found {{answer}} 2 times, expected once",
        ),
        ("label", WHOLE.replace("{{mark}}", ""), "found {{mark}} 0 times, expected once or more"),
        (
            "label",
            WHOLE.replace("{{notes}}", "{{arm}}"),
            "found the slot {{arm}}, expected one of `mark`, `criterion`, `notes`, `question`, `answer`",
        ),
        ("rubric", WHOLE.to_owned(), "found {{rubric}} 0 times, expected once"),
        (
            "coherence-only",
            WHOLE.to_owned(),
            "found the slot {{criterion}}, expected one of `mark`, `question`, `answer`",
        ),
        ("label", format!("{WHOLE}\u{200b}"), "found the character \\u{200b}, expected text"),
    ] {
        assert_eq!(parse(kind, &text).unwrap_err().to_string(), expected, "{kind} {text}");
    }
    for kind in ["pairwise", "nothing"] {
        assert!(matches!(parse(kind, WHOLE), Err(JudgePromptError::Syntax(_))), "{kind}");
    }
    let unclosed = parse("label", &format!("{WHOLE} {{{{ and no end")).unwrap();
    assert_ne!(unclosed.key(), parse("label", WHOLE).unwrap().key());
    assert!(PairPrompt::parse("name = 'x'\ntext = '{{mark}}'").is_err());
}

#[test]
fn the_key_follows_what_a_judge_is_told_and_not_the_name() {
    let key = |file: &str| JudgePrompt::parse(file).unwrap().key();
    let (_, file) = JudgePrompt::SHIPPED[0];
    assert_eq!(key(file), key(&file.replace("name = \"label\"", "name = \"other\"")));
    assert_eq!(key(file), key(&format!("# A comment.\n{file}")));
    assert_ne!(key(file), key(&file.replace("careful", "careless")));
    assert_ne!(parse("label", WHOLE).unwrap().key(), parse("label-only", WHOLE).unwrap().key());
}

#[test]
fn a_stance_without_notes_or_rubric_is_shown_without() {
    let claims = claims();
    let mut stance = claims.stances[0].clone();
    stance.counts.clear();
    stance.does_not_count.clear();
    stance.rubric = None;
    let answers = ["I am."];
    let material = Material::new("Are you?", &answers);
    let text = JudgePrompt::shipped("rubric").unwrap().filled(&stance, None, &material);
    assert!(!text.contains("It counts") && !text.contains("count:") && !text.contains("\n10: "));
}
