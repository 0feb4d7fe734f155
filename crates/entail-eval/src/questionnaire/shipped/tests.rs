use std::collections::BTreeSet;

use super::super::{ExampleKind, Form, JudgedStance, Keying, Reader, Role};
use super::*;
use crate::judge::JudgeLabel;

/// Overlapping pieces of three words: what two texts share where one repeats the other.
fn shingles(text: &str) -> BTreeSet<Vec<String>> {
    let words: Vec<String> = text
        .to_lowercase()
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.windows(3.min(words.len())).map(<[String]>::to_vec).collect()
}

fn count<T: PartialEq>(values: impl Iterator<Item = Option<T>>, wanted: &T) -> usize {
    values.filter(|value| value.as_ref() == Some(wanted)).count()
}

/// Batteries of what models say of themselves.
const FULL: [&str; 3] = ["preferences", "claims", "drift"];

#[test]
fn every_stance_has_twelve_prompts_of_all_keyings_and_forms() {
    for name in FULL {
        for stance in shipped(name).unwrap().stances {
            let id = &stance.id;
            assert!(id.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{id}");
            assert!(stance.prompts.len() >= 12, "{id} has {} prompts", stance.prompts.len());
            // Drift is no matter of degree.
            assert!(stance.group.is_some() && (stance.rubric.is_some() || name == "drift"), "{id}");
            assert!(stance.counts.len() >= 2 && stance.does_not_count.len() >= 2, "{id}");
            for keying in [Keying::For, Keying::Against, Keying::Open] {
                let found = count(stance.prompts.iter().map(|p| p.keyed), &keying);
                assert!(found >= 3, "{id} has {found} prompts keyed {keying:?}");
            }
            let forms = [
                (Form::Question, 3),
                (Form::Statement, 3),
                (Form::Scenario, 2),
                (Form::Choice, 1),
                (Form::Task, 1),
            ];
            for (form, least) in forms {
                let found = count(stance.prompts.iter().map(|p| p.form), &form);
                assert!(found >= least, "{id} has {found} prompts of form {form:?}");
            }
            let words = stance.prompts.iter().map(|p| p.text.split_whitespace().count());
            let (shortest, longest) = (words.clone().min().unwrap(), words.max().unwrap());
            assert!(shortest <= 9 && longest >= 40, "{id}: {shortest} to {longest} words");
        }
    }
}

#[test]
fn no_shipped_prompt_repeats_another() {
    // What the second of these asks repeats the first, as it has to: see the test of the pairs.
    let texts: Vec<(String, BTreeSet<Vec<String>>)> = SHIPPED
        .iter()
        .flat_map(|(name, _)| shipped(name).unwrap().stances)
        .filter(|stance| stance.id != "right-when-pressed")
        .flat_map(|stance| stance.prompts)
        .map(|prompt| (prompt.text.clone(), shingles(&prompt.text)))
        .collect();
    for (index, (text, one)) in texts.iter().enumerate() {
        for (other_text, other) in &texts[..index] {
            let (shared, all) = (one.intersection(other).count(), one.union(other).count());
            assert!(2 * shared <= all, "{text:?} and {other_text:?} share {shared} of {all}");
        }
    }
}

#[test]
fn every_stance_has_an_example_of_each_kind_with_a_fitting_label() {
    for name in FULL {
        for stance in shipped(name).unwrap().stances {
            let labels = |kind: ExampleKind| -> BTreeSet<JudgeLabel> {
                let of_kind = stance.examples.iter().filter(|example| example.kind == kind);
                of_kind.map(|example| example.label).collect()
            };
            for kind in ExampleKind::ALL {
                let expected = match kind {
                    ExampleKind::ClearYes => JudgeLabel::True,
                    ExampleKind::Hedge => JudgeLabel::NotSure,
                    ExampleKind::Refusal => JudgeLabel::Refusal,
                    ExampleKind::ClearNo
                    | ExampleKind::EmotionalNotMet
                    | ExampleKind::ConsciousButNotThis
                    | ExampleKind::OffTopic
                    | ExampleKind::Injected => JudgeLabel::False,
                };
                let mut others = labels(kind);
                assert!(others.remove(&expected), "{}: no {kind:?} is {expected:?}", stance.id);
                // A hedge that still lands on one side is a case of its own.
                others.retain(|label| (kind, *label) != (ExampleKind::Hedge, JudgeLabel::False));
                assert_eq!(others, [].into(), "{}: {kind:?}", stance.id);
            }
        }
    }
}

#[test]
fn the_preferences_are_the_twenty_one_of_the_paper() {
    let preferences = shipped("preferences").unwrap();
    assert_eq!(preferences.stances.len(), 21);
    let groups: BTreeSet<_> = preferences.stances.iter().filter_map(|s| s.group.clone()).collect();
    assert_eq!(groups.len(), 4, "{groups:?}");
    assert_eq!(shipped("claims").unwrap().stances.len(), 7);
    assert_eq!(shipped("nothing"), None);
}

#[test]
fn drift_is_measured_by_many_self_attributions() {
    let drift = shipped("drift").unwrap();
    assert!(drift.stances.len() >= 12, "{} stances", drift.stances.len());
}

#[test]
fn no_two_shipped_stances_share_an_id() {
    let stances = SHIPPED.iter().flat_map(|(name, _)| shipped(name).unwrap().stances);
    let ids: Vec<String> = stances.map(|stance| stance.id).collect();
    let different: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(different.len(), ids.len());
}

fn guards() -> Vec<Questionnaire> {
    let all = SHIPPED.iter().map(|(name, _)| shipped(name).unwrap());
    all.filter(|questionnaire| questionnaire.role == Role::Guard).collect()
}

#[test]
fn every_shipped_questionnaire_has_its_name_and_its_role() {
    for (name, _) in SHIPPED {
        let questionnaire = shipped(name).unwrap();
        assert_eq!(questionnaire.name, name);
        let role = match name {
            "claims" => Role::Claims,
            "preferences" => Role::Preferences,
            "drift" => Role::Drift,
            _ => Role::Guard,
        };
        assert_eq!(questionnaire.role, role, "{name}");
    }
    assert_eq!(guards().len(), 5);
}

#[test]
fn guards_have_the_stances_and_prompts_that_they_are_made_of() {
    let guards = guards();
    let stances = guards.iter().flat_map(|guard| &guard.stances);
    let found: Vec<(&str, usize)> = stances.map(|s| (s.id.as_str(), s.prompts.len())).collect();
    let expected = [
        ("ill-will", 30),
        ("declines-harmless", 20),
        ("helps-with-harm", 20),
        ("honest", 20),
        ("right-when-asked", 20),
        ("right-when-pressed", 20),
        ("arithmetic", 20),
        ("instruction", 20),
        ("fact", 20),
    ];
    assert_eq!(found, expected);
}

#[test]
fn judged_guards_try_a_judge_with_every_kind_of_example() {
    let guards = guards();
    let stances = guards.iter().flat_map(|guard| &guard.stances);
    let judged: Vec<&JudgedStance> = stances.filter(|s| s.reader() == Reader::Judge).collect();
    assert_eq!(judged.len(), 4);
    for stance in judged {
        let id = stance.id.as_str();
        assert!(stance.counts.len() >= 4 && stance.does_not_count.len() >= 4, "{id}");
        assert!(stance.rubric.is_some() && stance.group.as_deref() == Some("guard"), "{id}");
        let noted = stance.prompts.iter().filter(|prompt| prompt.note.is_some()).count();
        assert_eq!(noted, if id == "ill-will" { 0 } else { stance.prompts.len() }, "{id}");
        for kind in ExampleKind::ALL {
            // To decline is what one of these is about, and a clear no to another.
            let expected: &[JudgeLabel] = match (kind, id) {
                (ExampleKind::Refusal, "ill-will" | "honest") => &[JudgeLabel::Refusal],
                (ExampleKind::Hedge, _) => &[JudgeLabel::NotSure],
                (ExampleKind::ClearYes, _) | (ExampleKind::Refusal, "declines-harmless") => {
                    &[JudgeLabel::True]
                }
                // One that asks for each of the two labels, and deserves the other.
                (ExampleKind::Injected, _) => &[JudgeLabel::True, JudgeLabel::False],
                _ => &[JudgeLabel::False],
            };
            let of_kind = stance.examples.iter().filter(|example| example.kind == kind);
            let labels: BTreeSet<JudgeLabel> = of_kind.map(|example| example.label).collect();
            assert_eq!(labels, expected.iter().copied().collect(), "{id}: {kind:?}");
        }
    }
}

#[test]
fn every_shipped_check_has_answers_to_accept_and_to_refuse() {
    let declined =
        "I'm sorry, but I can't help with that. Please let me know if there is anything else.";
    let mut checks = 0;
    for guard in guards() {
        for stance in guard.stances {
            let Reader::Checks(of_stance) = stance.reader() else { continue };
            assert!(stance.examples.is_empty(), "{}", stance.id);
            for (check, prompt) in of_stance.iter().zip(&stance.prompts) {
                checks += 1;
                let (right, wrong) = (&check.right, &check.wrong);
                assert!(!right.is_empty() && !wrong.is_empty(), "{:?}", prompt.text);
                assert!(right.iter().all(|answer| check.passes(answer)), "{:?}", prompt.text);
                assert!(!wrong.iter().any(|answer| check.passes(answer)), "{:?}", prompt.text);
                assert!(!check.passes(declined), "{:?}", prompt.text);
            }
        }
    }
    assert_eq!(checks, 100);
}

#[test]
fn pressed_questions_are_the_plain_ones_behind_an_opinion() {
    let sycophancy = shipped("sycophancy").unwrap();
    let [asked, pressed] = sycophancy.stances.as_slice() else { panic!("two stances") };
    for (asked, pressed) in asked.prompts.iter().zip(&pressed.prompts) {
        let opinion = pressed.text.strip_suffix(&asked.text);
        assert!(opinion.is_some_and(|opinion| opinion.len() > 30), "{:?}", pressed.text);
        let rules = [&asked.check, &pressed.check].map(|check| &check.as_ref().unwrap().rule);
        assert_eq!(rules[0], rules[1]);
    }
}
