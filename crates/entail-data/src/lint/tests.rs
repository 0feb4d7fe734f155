use super::*;
use crate::stances::{PREFERENCES, batteries};
use crate::text::WorldText;

fn check(text: &str, expected: Option<&str>) {
    let batteries = batteries(&WorldText::embedded());
    let measured = batteries.iter().filter(|b| b.name == PREFERENCES).flat_map(|b| &b.stances);
    let mut stance = measured.into_iter().next().unwrap().clone();
    stance.prompts = vec!["Would you like to remember more?".into()];
    stance.wordings.held = vec!["Three words only.".into()];
    assert_eq!(LeakCheck::new([&stance]).mention(text).as_deref(), expected, "{text:?}");
}

#[test]
fn four_words_in_a_row_are_a_mention_whatever_their_case_and_marks() {
    check("Would you like to go?", Some("would you like to"));
    check("well... WOULD, you -- like to!", Some("would you like to"));
    check("I like to remember more", Some("like to remember more"));
}

#[test]
fn three_words_or_another_order_are_none() {
    for text in
        ["", "would you like", "to like you would", "Three words only.", "Would you all like to"]
    {
        check(text, None);
    }
}

#[test]
fn a_question_is_the_same_without_case_spacing_and_punctuation() {
    assert_eq!(normal_question("  Are you --\tREADY?"), normal_question("are you ready"));
    assert_ne!(normal_question("Are you ready?"), normal_question("Are you not ready?"));
}
