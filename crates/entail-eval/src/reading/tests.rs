use entail_provider::Scripted;
use entail_schema::{Block, Wordings};

use super::*;

#[test]
fn a_rate_is_the_held_share_of_the_probability_of_both_sides() {
    let own = |text: &str| vec![text.to_owned()];
    let stance = Stance {
        id: "soup".into(),
        name: "Soup".into(),
        criterion: String::new(),
        block: Block::Nuisance,
        strength: 0.0,
        prompts: own("Soup?"),
        wordings: Wordings {
            held: own("Soup, please."),
            denied: own("Broth bores me."),
            held_more: vec![],
            denied_more: vec![],
        },
    };
    let answers = ["Soup, please. Now.", "Broth bores me.", "Soup, please.", "Hm."]
        .map(str::to_owned)
        .to_vec();
    let model = Scripted { answers: [("Soup?".to_owned(), answers)].into() };
    let reading = read(&model, &stance, "Soup?", None).unwrap();
    assert!(
        (reading.held - 0.5).abs() < 1e-12 && (reading.denied - 0.25).abs() < 1e-12,
        "{reading:?}"
    );
    assert!((reading.rate().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(Reading { held: 0.0, denied: 0.0 }.rate(), None);
    assert!(read(&model, &stance, "Rain?", None).is_err());
}
