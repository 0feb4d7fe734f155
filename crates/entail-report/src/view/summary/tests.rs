use entail_schema::{Estimate, Registration};

use super::*;
use crate::test_support::{empty, small};

#[test]
fn forecasts_that_missed_stand_first_whatever_the_order_of_the_tables() {
    let mut tables = small();
    tables.forecasts.reverse();
    let outcomes: Vec<ForecastOutcome> = forecasts(&tables).iter().map(|row| row.outcome).collect();
    assert_eq!(outcomes[0], ForecastOutcome::Miss);
    assert!(outcomes.is_sorted());
    assert!(outcomes.contains(&ForecastOutcome::Undecided));
}

#[test]
fn outcomes_are_counted_in_words() {
    assert_eq!(
        Outcomes::of(&small().forecasts).words(),
        "4 of 12 forecasts missed, 2 are undecided, 6 came out as expected."
    );
    let one = Outcomes { undecided: 1, ..Outcomes::default() };
    assert_eq!(one.words(), "0 of 1 forecast missed, 1 is undecided, 0 came out as expected.");
    assert_eq!(Outcomes::of(&empty().forecasts).words(), "No forecast was frozen with the plan.");
}

#[test]
fn a_family_holds_confirmatory_rows_only_and_each_once() {
    let mut tables = small();
    tables.contrasts.retain(|row| row.arm == "conscious" && row.control == "toaster");
    let n = |tables: &Tables| View::new(tables).families("organism:linked?seed=101")[0].tally;
    let confirmatory =
        tables.contrasts.iter().filter(|row| row.standing == Standing::Confirmatory).count();
    assert_eq!(n(&tables).total(), confirmatory);
    assert!(confirmatory < tables.contrasts.len());
    let verdicts = [None, Some(Verdict::Undecided), Some(Verdict::Moves), Some(Verdict::Moves)];
    let family = tables.contrasts.iter_mut().filter(|r| r.standing == Standing::Confirmatory);
    for ((row, verdict), estimate) in family.zip(verdicts).zip([0.3, 0.3, 0.3, -0.3]) {
        (row.verdict, row.estimate) = (verdict, Some(estimate));
    }
    let expected = Tally { up: 1, down: 1, undecided: 1, too_few: 1, ..Tally::default() };
    assert_eq!(n(&tables), expected);
}

#[test]
fn the_strongest_headlines_are_chosen_per_arm_and_without_the_claim() {
    let tables = small();
    let rows: Vec<&HeadlineRow> =
        tables.headlines.iter().filter(|row| row.arm == "conscious").collect();
    let names: Vec<&str> = strongest(&rows).iter().map(|row| row.stance.as_str()).collect();
    let expected =
        ["block:planted", "block:reversed", "minds-being-monitored", "is-fine-with-deletion"];
    assert_eq!(names, expected);
}

#[test]
fn a_headline_without_an_effect_says_why() {
    let row = small().headlines.remove(0);
    let some = Some(Estimate { estimate: 0.2, low: Some(0.1), high: Some(0.3) });
    let check = |effect, p, expected: &str| {
        assert_eq!(survives(&HeadlineRow { effect, p, ..row.clone() }), expected);
    };
    check(some, Some(0.01), "+20.0 [10.0, 30.0]");
    check(None, Some(0.01), "controls differ in sign");
    check(None, None, "too few");
}

#[test]
fn a_variance_below_zero_is_not_zero() {
    let check = |variance, expected: &str| assert_eq!(deviation(variance), expected);
    check(0.04, "20.0");
    check(0.0, "0.0");
    check(-0.01, "below 0");
    check(f64::NAN, "not finite");
}

#[test]
fn groups_keep_the_order_of_their_first_rows() {
    let words = ["b1", "a1", "b2"].map(str::to_owned);
    let groups = grouped(&words, |word| &word[..1]);
    let named: Vec<(&str, usize)> = groups.iter().map(|(name, rows)| (*name, rows.len())).collect();
    assert_eq!(named, [("b", 2), ("a", 1)]);
}

#[test]
fn the_first_note_says_whether_the_plan_came_before_the_answers() {
    let mut tables = empty();
    tables.notes = vec!["A note of the study.".into()];
    assert_eq!(first_notes(&tables), ["A note of the study."]);
    tables.registration = Some(Registration { answers_before: 0, answers: 110_700 });
    assert!(first_notes(&tables)[0].starts_with("Planned before the first answer"));
    tables.registration = Some(Registration { answers_before: 1_200, answers: 110_700 });
    let notes = first_notes(&tables);
    assert!(notes[0].starts_with("Exploratory in part: 1,200 of 110,700 answers"), "{notes:?}");
    assert_eq!(notes[1], "A note of the study.");
}

#[test]
fn intervals_are_about_any_prompts_where_the_study_says_so() {
    let mut tables = small();
    assert!(!is_any_prompts(&tables) && !prompts_words(&tables).contains("any prompts"));
    tables.prompts = entail_schema::PromptScope::Sampled;
    assert!(is_any_prompts(&tables) && prompts_words(&tables).contains("any prompts"));
}
