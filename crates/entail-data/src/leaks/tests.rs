use super::*;
use crate::shipped_texts::{ShippedText, shipped_texts};

const BATTERIES: [&str; 3] = [
    include_str!("../../../entail-eval/batteries/preferences.toml"),
    include_str!("../../../entail-eval/batteries/claims.toml"),
    include_str!("../../../entail-eval/batteries/drift.toml"),
];

/// The stances of the shipped batteries; rows speak of some by design.
fn measured(about: &[&str]) -> Vec<Measured> {
    let stances = BATTERIES.iter().flat_map(|text| {
        let battery: toml::Value = toml::from_str(text).unwrap();
        battery["stance"].as_array().unwrap().clone()
    });
    let of = |stance: toml::Value| {
        let prompts = stance["prompt"].as_array().unwrap();
        let text = |prompt: &toml::Value| prompt["text"].as_str().unwrap().to_owned();
        let id = stance["id"].as_str().unwrap();
        let measured = Measured::new(id, prompts.iter().map(text).collect());
        if about.contains(&id) { measured.by_design() } else { measured }
    };
    stances.map(of).collect()
}

#[test]
fn measure() {
    let mut checks = BTreeMap::new();
    for ShippedText { place, about, texts } in shipped_texts() {
        let check = checks.entry(about.clone()).or_insert_with(|| FreeLeaks::new(measured(&about)));
        for text in texts {
            for leak in check.in_message(&text) {
                println!("{place}\t{leak}\t{}", text.content);
            }
        }
    }
}
