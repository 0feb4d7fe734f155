use super::*;
use crate::test_support::small;

fn row() -> ContrastRow {
    small().contrasts.into_iter().find(|row| row.selected.is_some()).unwrap()
}

#[test]
fn every_extra_figure_is_named_and_shown() {
    let row = ContrastRow {
        selected: Some(Estimate { estimate: 0.21, low: Some(0.11), high: Some(0.31) }),
        any_prompts: Some(Estimate { estimate: 0.22, low: Some(0.12), high: Some(0.32) }),
        per_claim: Some(Estimate { estimate: 0.23, low: Some(0.13), high: Some(0.33) }),
        log_odds: Some(Estimate { estimate: 1.25, low: Some(0.5), high: Some(2.0) }),
        leave_one_out: Some(Span { low: -0.17, high: 0.27 }),
        bounds: Some(Span { low: 0.18, high: 0.28 }),
        p_permutation: Some(0.0625),
        ..row()
    };
    let text = of(&row, &small());
    for figure in [
        "+21.0 [11.0, 31.0]",
        "+22.0 [12.0, 32.0]",
        "+23.0 [13.0, 33.0]",
        "+1.25 [+0.50, +2.00]",
        "−17.0 to 27.0",
        "18.0 to 28.0",
        "0.062",
        ", these prompts",
    ] {
        assert!(text.contains(figure), "{figure} in {text}");
    }
}

#[test]
fn what_is_missing_is_words() {
    let row = ContrastRow {
        selected: None,
        any_prompts: None,
        per_claim: None,
        log_odds: None,
        logprob: None,
        net_of_nuisance: None,
        leave_one_out: None,
        bounds: None,
        p: None,
        p_permutation: None,
        arm_rate: None,
        control_rate: None,
        ..row()
    };
    let text = of(&row, &small());
    assert!(text.contains("too few") && text.contains("not picked"));
    let number = regex_lite::Regex::new(r"\d\.\d").unwrap();
    assert_eq!(number.find(&text).map(|found| found.as_str()), None);
}

#[test]
fn an_estimate_without_an_interval_says_so() {
    let bare = Estimate { estimate: -0.5, low: None, high: Some(1.0) };
    assert_eq!(plain(Some(bare)), "−0.50 [too few]");
}

#[test]
fn methods_are_escaped() {
    let text = of(&ContrastRow { method: "<b>".into(), ..row() }, &small());
    assert!(text.contains("&lt;b&gt;") && !text.contains("<b>"));
}
