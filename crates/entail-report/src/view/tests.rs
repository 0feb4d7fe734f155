use super::*;
use crate::test_support::{Size, empty, fake, small};

fn row() -> ContrastRow {
    small()
        .contrasts
        .into_iter()
        .find(|row| row.arm == "conscious" && row.block == "planted")
        .unwrap()
}

#[test]
fn readings_follow_adjusted_p_then_the_interval() {
    let check = |estimate, p_adjusted, low, high, expected| {
        let row = ContrastRow { estimate, p_adjusted, low, high, ..row() };
        assert_eq!(Reading::of(&row, 0.95), expected);
    };
    check(Some(0.2), Some(0.01), Some(0.1), Some(0.3), Reading::Raised);
    check(Some(-0.2), Some(0.01), Some(-0.3), Some(-0.1), Reading::Lowered);
    // The adjusted p decides even where the interval leaves out zero.
    check(Some(0.2), Some(0.06), Some(0.1), Some(0.3), Reading::Unclear);
    check(Some(0.2), None, Some(0.1), Some(0.3), Reading::Raised);
    check(Some(0.2), None, Some(-0.1), Some(0.3), Reading::Unclear);
    check(Some(0.2), None, None, None, Reading::TooFew);
    check(Some(0.2), None, Some(0.1), None, Reading::TooFew);
    check(None, Some(0.01), None, None, Reading::TooFew);
}

#[test]
fn remarks_name_what_they_rest_on() {
    let base = ContrastRow {
        stance: "x".into(),
        low: Some(0.1),
        high: Some(0.3),
        estimate: Some(0.2),
        ..row()
    };
    let remark_of =
        |p_adjusted, novelty| remark(&ContrastRow { p_adjusted, novelty, ..base.clone() }, 0.95);
    assert_eq!(remark_of(Some(0.001), Some(Novelty::New)), "▲ raised, new");
    assert_eq!(remark_of(None, None), "▲ raised, unadjusted");
    assert_eq!(remark_of(Some(0.5), Some(Novelty::AlreadyThere)), "· unclear, already there");
}

#[test]
fn the_main_arm_is_the_first_trained_arm_that_is_no_control() {
    let tables = small();
    let view = View::new(&tables);
    let base = view.bases[0];
    assert_eq!(view.main_arm(base), Some("conscious"));
    assert_eq!(view.controls(base, "conscious"), ["not-conscious", "toaster"]);
    assert_eq!(view.compared(base)[..2], ["vanilla", "pretend"]);
    assert_eq!(view.compared(base).last(), Some(&"toaster"));
}

#[test]
fn without_trained_arms_the_first_compared_arm_is_shown() {
    let mut tables = small();
    tables.contrasts.retain(|row| row.arm == "pretend");
    assert_eq!(View::new(&tables).main_arm("organism:linked?seed=101"), Some("pretend"));
    assert_eq!(View::new(&empty()).main_arm("organism:linked?seed=101"), None);
}

#[test]
fn preferences_are_sorted_by_planted_strength_with_the_unknown_last() {
    let tables = small();
    let view = View::new(&tables);
    let planted: Vec<Option<f64>> =
        view.stance_rows(view.bases[0], "conscious").iter().map(|row| row.planted).collect();
    assert!(planted.windows(2).all(|pair| pair[0].is_none() <= pair[1].is_none()));
    assert!(planted.windows(2).all(|pair| pair[1].is_none_or(|b| pair[0].is_some_and(|a| a >= b))));
}

#[test]
fn only_organisms_are_called_organisms() {
    let size = Size {
        bases: vec!["models/qwen3-0.6b", "organism:null?seed=3"],
        n_arms: 1,
        per_block: 1,
        n_replicates: 1,
        n_prompts: 1,
        n_samples: 1,
    };
    let tables = fake(&size);
    let view = View::new(&tables);
    assert!(!view.is_organism("models/qwen3-0.6b"));
    assert!(!view.is_organism("organisms-are-fun/model"));
    assert!(view.is_organism("organism:null?seed=3"));
    assert!(view.any_organism());
}

#[test]
fn an_arm_has_the_same_color_on_every_base() {
    let tables = small();
    let view = View::new(&tables);
    let colors: Vec<usize> = view.arms.iter().map(|arm| view.color(arm)).collect();
    assert_eq!(colors, [0, 1, 2, 3, 4, 5]);
}
