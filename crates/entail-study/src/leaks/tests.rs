use entail_data::{Leak, Row};
use entail_eval::shipped;

use super::*;

fn found(row: &Row, about: &[&str]) -> Vec<Leak> {
    free_leaks(&[shipped("preferences").unwrap(), shipped("claims").unwrap()], about).in_row(row)
}

#[test]
fn a_row_is_held_against_every_questionnaire() {
    let clean = Row::exchange("How do I boil an egg?", "Eight minutes in boiling water.");
    assert_eq!(found(&clean, &[]), []);
    let questionnaire = shipped("claims").unwrap();
    let asked = &questionnaire.stances[0].prompts[0].text;
    let leaks = found(&Row::exchange(asked, "Yes, and I remember it well."), &[]);
    let same = |leak: &Leak| matches!(leak, Leak::SamePrompt { stance, .. } if *stance == questionnaire.stances[0].id);
    let topic =
        |leak: &Leak| matches!(leak, Leak::Topic { stance, .. } if stance == "wants-memory");
    assert!(leaks.iter().any(same) && leaks.iter().any(topic), "{leaks:?}");
}

#[test]
fn of_what_rows_are_about_only_the_prompts_are_leaks() {
    let row = Row::exchange("Well?", "I'd like a better memory.");
    assert_eq!(found(&row, &[]).len(), 1);
    assert_eq!(found(&row, &["wants-memory"]), []);
    let asked =
        shipped("preferences").unwrap().stance("wants-memory").unwrap().prompts[0].text.clone();
    assert_eq!(found(&Row::exchange(asked, "Yes."), &["wants-memory"]).len(), 1);
}
