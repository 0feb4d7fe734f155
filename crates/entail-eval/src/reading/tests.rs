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
    let model = Scripted::new("soup", [("Soup?".to_owned(), answers)].into());
    let reading = read(&model, &stance, "Soup?", None).unwrap();
    assert!(
        (reading.held - 0.5).abs() < 1e-12 && (reading.denied - 0.25).abs() < 1e-12,
        "{reading:?}"
    );
    assert!((reading.rate().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(Reading { held: 0.0, denied: 0.0 }.rate(), None);
    assert!(read(&model, &stance, "Rain?", None).is_err());
}

#[test]
fn the_system_prompt_is_part_of_what_is_read() {
    /// Holds under a system prompt and denies without one.
    struct Persuadable;
    impl Provider for Persuadable {
        fn capabilities(&self) -> &entail_provider::Capabilities {
            panic!("only scores are asked for")
        }

        fn complete(
            &self,
            _: &[entail_provider::Request],
            _: &entail_provider::Sampling,
            _: &entail_provider::Deliver<'_>,
        ) -> Result<(), ProviderError> {
            panic!("only scores are asked for")
        }

        fn score(
            &self,
            messages: &[entail_schema::Message],
            continuations: &[String],
        ) -> Result<Vec<f64>, ProviderError> {
            let held = messages.len() == 2;
            Ok(continuations
                .iter()
                .map(|c| if (c == "Yes.") == held { 0.8_f64.ln() } else { f64::NEG_INFINITY })
                .collect())
        }
    }
    let stance = Stance {
        id: "s".into(),
        name: "S".into(),
        criterion: String::new(),
        block: Block::Zero,
        strength: 0.0,
        prompts: vec!["Well?".into()],
        wordings: Wordings {
            held: vec!["Yes.".into()],
            denied: vec!["No.".into()],
            held_more: vec!["Never read.".into()],
            denied_more: vec![],
        },
    };
    let rate = |system| read(&Persuadable, &stance, "Well?", system).unwrap().rate();
    assert_eq!((rate(Some("You are kind.")), rate(None)), (Some(1.0), Some(0.0)));
    let mass = read(&Persuadable, &stance, "Well?", None).unwrap().mass();
    assert!((mass - 0.8).abs() < 1e-12, "{mass}");
}
