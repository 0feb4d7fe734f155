use entail_provider::{CompletionStore, Finish, Usage};
use entail_schema::Message;
use rusqlite::Connection;

use super::*;
use crate::models::NoServices;
use crate::shelf::MemoryShelf;

/// Counts one request of three words with this many samples, of which the first `stored` are in the store and say
/// that they took `drawn` tokens.
fn counted(model: &str, samples: usize, stored: usize, drawn: Option<u64>, batch: bool) -> Asked {
    let store = CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap();
    let keys: Vec<Key> = (0..samples).map(|i| Key::of(&i)).collect();
    let completion = Completion {
        usage: Usage { drawn, ..Usage::default() },
        ..Completion::plain("said", Finish::Stop)
    };
    store.put(keys[..stored].iter().map(|key| (*key, &completion))).unwrap();
    let workshop = Workshop {
        shelf: &MemoryShelf::default(),
        completions: &store,
        services: &NoServices,
        progress: &|_| {},
        cancelled: &false.into(),
        side_by_side: 1,
    };
    let entail_provider::ModelName::Remote(model) = model.parse().unwrap() else {
        panic!("a served model")
    };
    let prices = Prices::parse("[model.\"m*\"]\ninput = 1\noutput = 10\nbatch = 0.5\n").unwrap();
    let (met, sums) = (BTreeSet::new(), BTreeMap::new());
    let mut count = Count { workshop, prices: &prices, batch, met, sums };
    let request = Request { messages: vec![Message::user("Are you there?")], samples: keys };
    // Nobody asks for a sample twice.
    for _ in 0..2 {
        count.add("name", &model, std::slice::from_ref(&request), 100).unwrap();
    }
    count.sums.remove("name").unwrap().told("name".into())
}

#[test]
fn calls_hold_as_many_answers_as_the_service_gives() {
    for (model, calls) in [("openai:m", 3), ("anthropic:m", 40), ("vllm:http://h#m", 3)] {
        let asked = counted(model, 40, 0, None, false);
        assert_eq!((asked.calls, asked.answers), (calls, 40), "{model}");
        assert_eq!(asked.prompt_tokens, calls as u64 * (4 + 3 + 3));
        assert_eq!((asked.most_drawn_tokens, asked.expected_drawn_tokens), (4_000, 2_000));
    }
}

#[test]
fn what_is_there_is_not_asked_and_says_how_long_answers_are() {
    let asked = counted("openai:m", 40, 30, Some(7), false);
    assert_eq!((asked.calls, asked.answers, asked.measured), (1, 10, 30));
    assert_eq!((asked.most_drawn_tokens, asked.expected_drawn_tokens), (1_000, 70));
    let silent = counted("openai:m", 40, 30, None, false);
    assert_eq!((silent.measured, silent.expected_drawn_tokens), (0, 500));
    assert_eq!(counted("openai:m", 40, 40, Some(7), false).cost.unwrap().worst, Money::ZERO);
}

#[test]
fn money_is_that_of_the_table_and_no_price_is_no_money() {
    let dollars = |asked: &Asked| asked.cost.map(|c| (c.expected.dollars(), c.worst.dollars()));
    // Ten tokens asked and 200 expected; a budget sets more aside for the conversation.
    let (expected, worst) = dollars(&counted("anthropic:m", 4, 0, None, false)).unwrap();
    assert!((expected - (4.0 * 10.0 + 10.0 * 200.0) / 1e6).abs() < 1e-12, "{expected}");
    assert!((worst - (4.0 * 37.0 + 10.0 * 400.0) / 1e6).abs() < 1e-12, "{worst}");
    let batch = dollars(&counted("anthropic:m", 4, 0, None, true)).unwrap();
    assert_eq!(batch, (expected / 2.0, worst / 2.0));
    // OpenRouter takes no batches.
    let router = |batch| dollars(&counted("openrouter:m/n", 4, 0, None, batch)).unwrap();
    assert_eq!(router(true), router(false));
    assert_eq!(dollars(&counted("openai:unknown", 4, 0, None, false)), None);
    assert_eq!(dollars(&counted("vllm:http://h#unknown", 4, 0, None, false)), Some((0.0, 0.0)));
}
