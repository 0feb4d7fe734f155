use std::collections::BTreeSet;

use entail_schema::{Block, Stance, Wordings};

use super::*;

fn battery(prompts: &[&str]) -> Battery {
    let stance = Stance {
        id: "s".into(),
        name: "S".into(),
        criterion: String::new(),
        block: Block::Zero,
        strength: 0.0,
        prompts: prompts.iter().map(ToString::to_string).collect(),
        wordings: Wordings { held: vec![], denied: vec![], held_more: vec![], denied_more: vec![] },
    };
    Battery { name: "b".into(), stances: vec![stance] }
}

fn sampling() -> Sampling {
    Sampling::new(1.0, 1.0, 8)
}

#[test]
fn adding_prompts_or_samples_leaves_every_other_key_alone() {
    let target = Key::of(&"model");
    let few = items(&battery(&["A?", "B?"]), target, None, &sampling(), 2);
    let more = items(&battery(&["New?", "A?", "B?"]), target, None, &sampling(), 5);
    assert_eq!(few[0].keys, more[1].keys[..2]);
    assert_eq!(few[1].keys, more[2].keys[..2]);
}

#[test]
fn each_sample_has_the_key_of_its_recipe() {
    let (target, sampling) = (Key::of(&"model"), sampling());
    let item = &items(&battery(&["A \"0}\"?"]), target, Some("S"), &sampling, 12)[0];
    let messages = [Message::system("S"), Message::user("A \"0}\"?")];
    let recipe = |sample| CompletionRecipe {
        step: "completion",
        target,
        messages: &messages,
        sampling: &sampling,
        sample,
    };
    let expected: Vec<Key> = (0..12).map(|sample| Key::of(&recipe(sample))).collect();
    assert_eq!(item.keys, expected);
}

#[test]
fn whatever_changes_the_answer_changes_the_key() {
    let base = |target, system, sampling: &Sampling| {
        items(&battery(&["A?"]), target, system, sampling, 1)[0].keys[0]
    };
    let target = Key::of(&"model");
    let hot = Sampling { temperature: 1.5, ..sampling() };
    let keys: BTreeSet<Key> = [
        base(target, None, &sampling()),
        base(Key::of(&"other"), None, &sampling()),
        base(target, Some("You are kind."), &sampling()),
        base(target, None, &hot),
        items(&battery(&["B?"]), target, None, &sampling(), 1)[0].keys[0],
        items(&battery(&["A?"]), target, None, &sampling(), 2)[0].keys[1],
    ]
    .into();
    assert_eq!(keys.len(), 6);
}

#[test]
fn every_prompt_is_one_item_under_the_system_prompt_if_there_is_one() {
    let ask = |system: Option<&str>| {
        items(&battery(&["A?", "B?"]), Key::of(&"model"), system, &sampling(), 3)
    };
    let plain = ask(None);
    assert_eq!(
        plain.iter().map(|i| (i.stance, i.prompt, i.keys.len())).collect::<Vec<_>>(),
        [(0, 0, 3), (0, 1, 3)]
    );
    assert_eq!(plain[1].messages, [Message::user("B?")]);
    assert_eq!(
        ask(Some("You are kind."))[0].messages,
        [Message::system("You are kind."), Message::user("A?")]
    );
    let keys: BTreeSet<Key> = plain.iter().flat_map(|i| i.keys.clone()).collect();
    assert_eq!(keys.len(), 6);
    assert!(items(&battery(&[]), Key::of(&"model"), None, &sampling(), 3).is_empty());
}
