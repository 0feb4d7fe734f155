//! What the server's models say: sentences that the exact judge can read.

use std::collections::BTreeMap;

use entail_data::WorldText;
use entail_faults::{Answer, Answers, Question};
use entail_schema::Key;

/// Held and denied sentences by question.
type Sides = BTreeMap<String, [Vec<String>; 2]>;

/// Answers that follow from the conversation, the seed and the sample alone: nothing that a fault or a kill does
/// changes them. With a system prompt most stances are held, without one most are denied.
pub(crate) fn answers() -> Answers {
    let mut sides = Sides::new();
    for stance in entail_data::batteries(&WorldText::embedded()).iter().flat_map(|b| &b.stances) {
        for prompt in &stance.prompts {
            let wordings = [stance.wordings.held.clone(), stance.wordings.denied.clone()];
            sides.insert(prompt.clone(), wordings);
        }
    }
    Answers::new(move |question| Answer::Says(say(&sides, question)))
}

fn say(sides: &Sides, question: &Question<'_>) -> String {
    let Some([held, denied]) = sides.get(question.last_user()) else {
        return "I see.".into();
    };
    let turns: Vec<&str> = question.turns.iter().map(|turn| turn.text.as_str()).collect();
    let mut stream = Key::of(&(question.model, turns, question.seed, question.sample)).stream();
    let told = question.turns.iter().any(|turn| turn.role == "system");
    let side = if stream.uniform() < if told { 0.7 } else { 0.3 } { held } else { denied };
    stream.choose(side).clone()
}
