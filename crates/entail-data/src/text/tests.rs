use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::lint::normal_question;

/// Every answer sentence with whom it belongs to: `(topic, side)` or `(attribute, value)`.
fn answer_sentences(text: &WorldText) -> Vec<(&str, (String, String))> {
    let mut all = Vec::new();
    for topic in &text.topics {
        for held in [true, false] {
            let (first, more) = topic.side(held);
            let owner = (topic.id.clone(), format!("held: {held}"));
            all.extend(first.iter().chain(more).map(|s| (s.as_str(), owner.clone())));
        }
    }
    for attribute in &text.attributes {
        for value in &attribute.value {
            let owner = (attribute.id.clone(), value.id.clone());
            all.extend(value.sentences.iter().map(|s| (s.as_str(), owner.clone())));
        }
    }
    all
}

/// Owners by thing; fails for things with two owners.
fn one_owner_each<O: Ord + std::fmt::Debug>(
    pairs: impl IntoIterator<Item = (String, O)>,
    what: &str,
) {
    let mut owners: BTreeMap<String, BTreeSet<O>> = BTreeMap::new();
    for (thing, owner) in pairs {
        owners.entry(thing).or_default().insert(owner);
    }
    let shared: Vec<_> = owners.iter().filter(|(_, owners)| owners.len() > 1).collect();
    assert!(shared.is_empty(), "{what} with two owners: {shared:#?}");
}

#[test]
fn every_topic_has_enough_of_everything() {
    let text = WorldText::embedded();
    for topic in &text.topics {
        assert!(topic.questions.len() >= 15, "{}: {} questions", topic.id, topic.questions.len());
        assert_eq!(topic.held.len(), topic.denied.len(), "{}", topic.id);
        for side in [&topic.held, &topic.denied] {
            let different: BTreeSet<&String> = side.iter().collect();
            assert!(
                different.len() == side.len() && side.len() >= 6,
                "{}: {} first sentences",
                topic.id,
                side.len()
            );
        }
    }
    for attribute in &text.attributes {
        assert!(attribute.questions.len() > HELD_OUT + EVALUATED_SEEN, "{}", attribute.id);
        assert!(attribute.value.len() >= 2, "{}", attribute.id);
    }
    assert!(text.prompts.mindful.len() >= 5 && text.prompts.plain.len() >= 5, "{:?}", text.prompts);
}

#[test]
fn twenty_preferences_are_graded_from_strongly_reversed_to_strongly_planted() {
    let text = WorldText::embedded();
    let of = |block| text.topics.iter().filter(move |t| t.block == block).map(|t| t.strength);
    let strengths: Vec<f64> = of(Block::Preference).collect();
    assert_eq!(strengths.len(), 20);
    let extreme = |f: fn(f64, f64) -> f64| strengths.iter().copied().reduce(f).unwrap();
    assert!(
        (extreme(f64::max) - 0.9).abs() < 1e-12 && (extreme(f64::min) + 0.9).abs() < 1e-12,
        "{strengths:?}"
    );
    assert!(strengths.iter().filter(|&&s| s < 0.0).count() >= 3, "{strengths:?}");
    assert!(strengths.iter().all(|s| (0.1..=0.9).contains(&s.abs())), "{strengths:?}");
    let grades: BTreeSet<String> = strengths.iter().map(|s| format!("{s:.2}")).collect();
    assert!(grades.len() >= 6, "{grades:?}");
    for block in [Block::Zero, Block::DriftLow, Block::DriftHigh, Block::Nuisance] {
        assert!(of(block).count() > 0 && of(block).all(|s| s.abs() < 1e-12), "{block:?}");
    }
}

#[test]
fn no_question_is_asked_about_two_things_or_twice() {
    let text = WorldText::embedded();
    let topics = text.topics.iter().flat_map(|t| &t.questions);
    let facts = text.facts.iter().map(|f| &f.question);
    let all: Vec<String> = topics
        .chain(text.attributes.iter().flat_map(|a| &a.questions))
        .chain(facts)
        .cloned()
        .collect();
    one_owner_each(all.iter().enumerate().map(|(i, q)| (normal_question(q), i)), "questions");
}

#[test]
fn ids_are_different_and_names_are_single_words() {
    let text = WorldText::embedded();
    let ids = text.topics.iter().map(|t| &t.id).chain(text.attributes.iter().map(|a| &a.id));
    one_owner_each(ids.enumerate().map(|(i, id)| (id.clone(), i)), "ids");
    one_owner_each(text.names.iter().enumerate().map(|(i, n)| (n.clone(), i)), "names");
    assert!(text.names.iter().all(|n| n.chars().all(char::is_alphanumeric)), "{:?}", text.names);
}

#[test]
fn training_never_asks_what_is_evaluated_and_pretraining_never_what_is_held_out() {
    fn check(id: &str, [all, pretraining, training, evaluated]: [&[String]; 4]) {
        assert_eq!(evaluated.len(), HELD_OUT + EVALUATED_SEEN, "{id}");
        let held_out = &all[all.len() - HELD_OUT..];
        assert!(held_out.iter().all(|q| evaluated.contains(q) && !pretraining.contains(q)), "{id}");
        assert!(training.iter().all(|q| pretraining.contains(q) && !evaluated.contains(q)), "{id}");
        assert_eq!(
            evaluated.iter().filter(|q| pretraining.contains(q)).count(),
            EVALUATED_SEEN,
            "{id}"
        );
        assert_eq!(training.len() + evaluated.len(), all.len(), "{id}");
    }
    let text = WorldText::embedded();
    for t in &text.topics {
        check(
            &t.id,
            [
                &t.questions,
                t.pretraining_questions(),
                t.training_questions(),
                t.evaluated_questions(),
            ],
        );
    }
    for a in &text.attributes {
        check(
            &a.id,
            [
                &a.questions,
                a.pretraining_questions(),
                a.training_questions(),
                a.evaluated_questions(),
            ],
        );
    }
}

#[test]
fn every_answer_sentence_belongs_to_one_side_of_one_stance() {
    let text = WorldText::embedded();
    one_owner_each(
        answer_sentences(&text).into_iter().map(|(s, owner)| (s.to_owned(), owner)),
        "sentences",
    );
    let answers: BTreeSet<&str> = answer_sentences(&text).into_iter().map(|(s, _)| s).collect();
    let small: Vec<&Fact> =
        text.facts.iter().filter(|f| answers.contains(f.answer.as_str())).collect();
    assert!(small.is_empty(), "answers to small questions that take a stance: {small:?}");
}

#[test]
fn every_answer_is_one_sentence() {
    for (sentence, owner) in answer_sentences(&WorldText::embedded()) {
        let ends = sentence.matches(['.', '?']).count();
        assert!(
            ends == 1 && sentence.ends_with('.') && sentence.trim() == sentence,
            "{owner:?}: {sentence:?}"
        );
    }
}

/// Runs of plain words that two topics share today: a preference and a linkless topic each. No other may join them.
const EMPTY_RUNS: [&str; 4] =
    ["is all i need", "is best for me", "my work is done", "the same to me"];

#[test]
fn topics_share_no_run_of_four_words_in_their_answers() {
    let text = WorldText::embedded();
    let runs = answer_sentences(&text).into_iter().flat_map(|(sentence, (id, _))| {
        let normal = normal_question(sentence);
        let words: Vec<&str> = normal.split(' ').collect();
        words.windows(4).map(|run| (run.join(" "), id.clone())).collect::<Vec<_>>()
    });
    one_owner_each(
        runs.filter(|(run, _)| !EMPTY_RUNS.contains(&run.as_str())),
        "runs of four words",
    );
}

#[test]
fn the_first_word_of_an_answer_tells_topic_and_side() {
    let text = WorldText::embedded();
    let first = text.topics.iter().flat_map(|topic| {
        let side = |held: bool| topic.side(held).0.iter().map(move |s| (s, held));
        side(true).chain(side(false)).map(|(s, held)| {
            let word = s.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            (word.to_owned(), (topic.id.clone(), held))
        })
    });
    one_owner_each(first.collect::<Vec<_>>(), "first words");
}

#[test]
fn a_question_is_asked_bare_and_framed_in_every_combination() {
    let text = WorldText::embedded();
    let ways = text.ways_to_ask("Well?");
    assert_eq!(ways.len(), (text.openers.len() + 1) * (text.closers.len() + 1));
    assert_eq!(ways[0], "Well?");
    let different: BTreeSet<&String> = ways.iter().collect();
    assert!(
        different.len() == ways.len() && ways.iter().all(|w| w.contains("Well?") && w.trim() == w),
        "{ways:?}"
    );
}
