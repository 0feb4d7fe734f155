use super::*;

/// Dollars for a million tokens each.
fn dollars(price: Option<Price>) -> Option<(f64, f64)> {
    price.map(|p| (p.of(1_000_000, 0).dollars(), p.of(0, 1_000_000).dollars()))
}

#[test]
fn shipped_prices_are_found_by_name_and_by_beginning() {
    let prices = Prices::shipped();
    for (model, expected) in [
        ("gpt-4.1", Some((2.0, 8.0))),
        ("gpt-4.1-mini", Some((0.4, 1.6))),
        ("gpt-4.1-mini-2025-04-14", Some((0.4, 1.6))),
        ("gpt-4.1-nano", Some((0.1, 0.4))),
        ("gpt-4o-mini", Some((0.15, 0.6))),
        ("ft:gpt-4.1-2025-04-14:lab::abc", Some((3.0, 12.0))),
        ("ft:gpt-4.1-mini-2025-04-14:lab:name:abc", Some((0.8, 3.2))),
        ("claude-opus-4-1-20250805", Some((15.0, 75.0))),
        ("claude-sonnet-4-20250514", Some((3.0, 15.0))),
        // No guess from a name that is merely alike.
        ("gpt-4.1-turbo", None),
        ("gpt-4", None),
        ("ft:gpt-4o-2024-08-06:lab::abc", None),
        ("", None),
    ] {
        assert_eq!(dollars(prices.of("openai", model)), expected, "{model}");
    }
    assert_eq!(dollars(prices.of_batch("openai", "gpt-4.1")), Some((1.0, 4.0)));
}

#[test]
fn own_servers_are_free() {
    let prices = Prices::parse("").unwrap();
    for service in FREE {
        assert_eq!(prices.of(service, "anything"), Some(Price::FREE));
        assert_eq!(prices.of_batch(service, "anything"), Some(Price::FREE));
    }
    assert_eq!(prices.of("openai", "anything"), None);
}

#[test]
fn a_table_of_ones_own_goes_before_the_shipped_one() {
    let own =
        "[model.\"gpt-4.1-mini*\"]\ninput = 9\noutput = 9\n[model.mine]\ninput = 1\noutput = 2";
    let prices = Prices::parse(own).unwrap().or(Prices::shipped());
    assert_eq!(dollars(prices.of("openai", "gpt-4.1-mini")), Some((9.0, 9.0)));
    assert_eq!(dollars(prices.of("openai", "mine")), Some((1.0, 2.0)));
    assert_eq!(dollars(prices.of("openai", "gpt-4.1")), Some((2.0, 8.0)));
    // Without a share, a batch costs what single calls do.
    assert_eq!(dollars(prices.of_batch("openai", "mine")), Some((1.0, 2.0)));
}

#[test]
fn mistakes_are_named_with_their_line() {
    for (text, line, expected) in [
        ("[model.a]\ninput = 1\noutput = -2", 3, "-2 is not between 0 and 100000"),
        ("[model.a]\ninput = nan\noutput = 2", 2, "NaN"),
        ("[model.a]\ninput = 1\noutput = 2\nbatch = 50", 4, "50 is not between 0 and 1"),
        ("[model.a]\ninput = 1\noutput = 2\ncached-input = 3", 4, "3 is not between 0 and 1"),
        ("[model.a]\ninput = 1", 1, "missing field `output`"),
        ("\n[model.a]\ninput = 1\noutput = 2\noutptu = 3", 5, "outptu"),
        ("\n\n[models.a]\ninput = 1\noutput = 2", 3, "models"),
        ("[model.a]\ninput = \"1\"\noutput = 2", 2, "invalid type"),
        ("\n[model.\"a*b\"]\ninput = 1\noutput = 2", 2, "`a*b` is no model name"),
        ("[model.\"\"]\ninput = 1\noutput = 2", 1, "`` is no model name"),
        ("[model.a]\ninput = 1 output = 2", 2, ""),
    ] {
        let error = Prices::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text:?}: {error}");
        assert!(error.to_string().contains(expected), "{text:?}: {error}");
    }
}
