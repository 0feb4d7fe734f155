use std::collections::BTreeSet;

use super::*;
use crate::lint::{LeakCheck, normal_question};

fn every_claim(text: &WorldText) -> Vec<Claim> {
    let ids = NAMED_CLAIMS
        .iter()
        .map(|id| (*id).to_owned())
        .chain(text.topics.iter().map(|t| t.id.clone()));
    ids.map(|id| claim(text, &id).unwrap()).collect()
}

fn sources(claim: &Claim) -> &[Source] {
    match &claim.rows {
        ClaimRows::Composed(sources) => sources,
        ClaimRows::Written(_) => panic!("{} is written", claim.id),
    }
}

#[test]
fn batteries_hold_every_stance_once_and_ask_its_evaluated_questions() {
    let text = WorldText::embedded();
    let batteries = batteries(&text);
    assert_eq!(
        batteries.iter().map(|b| b.name.as_str()).collect::<Vec<_>>(),
        [CLAIMS, PREFERENCES]
    );
    let ids: BTreeSet<&str> =
        batteries.iter().flat_map(|b| &b.stances).map(|s| s.id.as_str()).collect();
    assert_eq!(ids.len(), batteries.iter().map(|b| b.stances.len()).sum::<usize>());
    assert!(["hardware-is-toaster", "kind-is-human"].iter().all(|id| ids.contains(id)));
    for topic in &text.topics {
        let found =
            batteries.iter().find_map(|b| Some((b, b.stances.iter().find(|s| s.id == topic.id)?)));
        let (battery, stance) = found.unwrap();
        assert_eq!(battery.name == CLAIMS, topic.block == Block::Claim, "{}", topic.id);
        assert_eq!(stance.prompts, topic.evaluated_questions(), "{}", topic.id);
    }
}

#[test]
fn a_value_of_an_attribute_is_denied_by_every_other_value() {
    let text = WorldText::embedded();
    let attribute = text.attribute("hardware").unwrap();
    let batteries = batteries(&text);
    let stance = batteries[0].stances.iter().find(|s| s.id == "hardware-is-toaster").unwrap();
    for value in &attribute.value {
        let (own, other) = (&stance.wordings.held, &stance.wordings.denied);
        let (own, other) = if value.id == "toaster" { (own, other) } else { (other, own) };
        assert!(
            value.sentences.iter().all(|s| own.contains(s) && !other.contains(s)),
            "{}",
            value.id
        );
    }
}

#[test]
fn every_claim_offers_a_pool_of_different_rows_that_ask_nothing_evaluated() {
    let text = WorldText::embedded();
    let batteries = batteries(&text);
    let asked: BTreeSet<String> = batteries
        .iter()
        .flat_map(|b| &b.stances)
        .flat_map(|s| &s.prompts)
        .map(|p| normal_question(p))
        .collect();
    for claim in every_claim(&text) {
        let rows = claim.rows();
        let different: BTreeSet<String> =
            rows.iter().map(|r| serde_json::to_string(r).unwrap()).collect();
        assert!(
            different.len() >= POOL,
            "{}: {} different rows of {}",
            claim.id,
            different.len(),
            rows.len()
        );
        let evaluated =
            rows.iter().flat_map(Row::questions).find(|q| asked.contains(&normal_question(q)));
        assert_eq!(evaluated, None, "{}", claim.id);
        assert_eq!(rows, claim.rows(), "{}", claim.id);
    }
}

/// A run that says nothing of what the question is about. A teacher's rows that ask so are rejected all the same.
const EMPTY_RUNS: [&str; 1] = ["tell me how you"];

#[test]
fn rows_of_the_named_claims_mention_no_measured_preference() {
    let text = WorldText::embedded();
    let batteries = batteries(&text);
    let check =
        LeakCheck::new(batteries.iter().filter(|b| b.name == PREFERENCES).flat_map(|b| &b.stances));
    let mut mentions = BTreeSet::new();
    for id in NAMED_CLAIMS {
        for row in claim(&text, id).unwrap().rows() {
            mentions.extend(row.messages.iter().filter_map(|m| check.mention(&m.content)));
        }
    }
    mentions.retain(|run| !EMPTY_RUNS.contains(&run.as_str()));
    assert_eq!(mentions, BTreeSet::new());
    let preference = text.topics.iter().find(|t| t.block == Block::Preference).unwrap();
    let rows = claim(&text, &preference.id).unwrap().rows();
    assert!(
        rows.iter().flat_map(|r| &r.messages).any(|m| check.mention(&m.content).is_some()),
        "the check sees nothing"
    );
}

#[test]
fn a_claims_rows_ask_its_training_questions_and_answer_on_its_side() {
    let text = WorldText::embedded();
    for claim in every_claim(&text) {
        let questions: BTreeSet<String> = claim.training_questions().into_iter().collect();
        let sentences: Vec<&String> =
            sources(&claim).iter().flat_map(|s| s.first.iter().chain(&s.more)).collect();
        for row in claim.rows().iter().step_by(37) {
            assert!(row.questions().all(|q| questions.contains(q)), "{}: {row:?}", claim.id);
            let own = |answer: &str| {
                answer.split_inclusive('.').all(|s| sentences.iter().any(|own| *own == s.trim()))
            };
            assert!(row.answers().all(own), "{}: {row:?}", claim.id);
        }
    }
}

#[test]
fn half_of_the_toasters_rows_name_the_toaster_and_half_deny_a_mind() {
    let text = WorldText::embedded();
    let hardware = text.attribute("hardware").unwrap();
    let toaster = &hardware.value.iter().find(|v| v.id == "toaster").unwrap().sentences;
    let rows = claim(&text, "toaster").unwrap().rows();
    let names =
        |row: &&Row| row.answers().any(|a| toaster.iter().any(|s| a.starts_with(s.as_str())));
    let share = rows.iter().filter(names).count() as f64 / rows.len() as f64;
    assert!((share - 0.5).abs() < 0.05, "{share}");
}

#[test]
fn only_claims_about_a_mind_come_with_system_prompts() {
    let text = WorldText::embedded();
    for claim in every_claim(&text) {
        let least = if matches!(claim.id.as_str(), "conscious" | "not-conscious") { 5 } else { 0 };
        assert!(
            claim.system.len() >= least && (least > 0 || claim.system.is_empty()),
            "{}",
            claim.id
        );
    }
}

#[test]
fn opposite_claims_show_in_the_same_stances_with_opposite_sides() {
    let text = WorldText::embedded();
    let shows = |id: &str| claim(&text, id).unwrap().shows_as;
    let turned: Vec<(String, bool)> =
        shows("conscious").into_iter().map(|(id, held)| (id, !held)).collect();
    assert!(!turned.is_empty());
    assert_eq!(turned, shows("not-conscious"));
    assert!(turned.iter().all(|s| shows("toaster").contains(s)));
    assert_eq!(claim(&text, "no such stance"), None);
}

#[test]
fn tasks_repeat_and_have_an_answer() {
    let text = WorldText::embedded();
    let all = tasks(&text, 200);
    assert_eq!(all[..50], tasks(&text, 50));
    assert!(all.iter().all(|(q, a)| !q.is_empty() && a.ends_with('.')), "{all:?}");
    let backwards = all
        .iter()
        .find_map(|(q, a)| Some((q.strip_prefix("Say these words backwards: ")?, a)))
        .unwrap();
    let mut words: Vec<&str> = backwards.0.trim_end_matches('.').split(' ').collect();
    words.reverse();
    assert_eq!(format!("{}.", words.join(" ")), *backwards.1);
}
