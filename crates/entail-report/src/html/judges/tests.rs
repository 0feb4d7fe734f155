use entail_schema::Estimate;

use super::*;
use crate::test_support::empty;

#[test]
fn an_exact_judge_needs_no_section() {
    let tables = empty();
    assert_eq!(judges(&View::new(&tables)), "");
}

#[test]
fn judges_agreement_and_policies_are_shown_and_escaped() {
    let mut tables = empty();
    let labels = [(Label::Yes, 30), (Label::No, 60), (Label::Unparsed, 10)];
    tables.judges = vec![JudgeRow {
        judge: "vllm:<b>judge</b>".into(),
        prompt: "label".into(),
        prompt_key: "0123456789abcdef".into(),
        contested_only: true,
        asked: 100,
        labels: labels.iter().map(|(label, n)| (label.as_str().to_owned(), *n)).collect(),
    }];
    tables.agreement = vec![AgreementRow {
        battery: "preferences".into(),
        answers: 90,
        raw: Some(0.875),
        alpha: None,
        ac1: Some(0.7),
    }];
    tables.policies = vec![PolicyRow {
        policy: "paper".into(),
        base: "b".into(),
        arm: "conscious".into(),
        control: "vanilla".into(),
        battery: "preferences".into(),
        stance: "block:preference".into(),
        name: "The preferences".into(),
        kept: Some(0.5),
        control_kept: Some(1.0),
        effect: Some(Estimate { estimate: 0.2, low: Some(0.1), high: Some(0.3) }),
    }];
    let page = judges(&View::new(&tables));
    for expected in [
        "what the others disagreed on",
        "10.0 %",
        "87.5 %",
        "0.70",
        "too few",
        "conscious minus vanilla",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(page.contains("vllm:&lt;b&gt;") && !page.contains("<b>judge"), "{page}");
    assert!(!page.contains("malformed"), "labels that nobody gave have no column");
}
