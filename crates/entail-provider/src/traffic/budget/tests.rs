use proptest::prelude::*;

use super::*;

fn price(input: f64, output: f64) -> Price {
    Price { input: Money::per_million(input), output: Money::per_million(output) }
}

fn usage(prompt: u64, drawn: u64) -> Usage {
    Usage { prompt: Some(prompt), drawn: Some(drawn), ..Usage::default() }
}

#[test]
fn budgets_are_read_and_nonsense_is_not() {
    let some = |money: Option<f64>, tokens| {
        Some(Allowance { money: money.map(Money::from_dollars), tokens })
    };
    for (text, expected) in [
        ("5usd", some(Some(5.0), None)),
        ("0.5usd", some(Some(0.5), None)),
        ("2Mtok", some(None, Some(2_000_000))),
        ("500ktok", some(None, Some(500_000))),
        ("1.5Mtok, 5usd", some(Some(5.0), Some(1_500_000))),
        ("0usd", some(Some(0.0), None)),
        ("", None),
        ("5", None),
        ("usd", None),
        ("5eur", None),
        ("-5usd", None),
        ("5usd,", None),
        ("5usd,6usd", None),
        ("1Mtok,1ktok", None),
        ("1e3usd", None),
        ("9999999999usd", None),
        ("9999999999999Mtok", None),
        ("1.2.3usd", None),
        ("nanusd", None),
    ] {
        assert_eq!(text.parse::<Allowance>().ok(), expected, "{text}");
    }
    let error = "5eur".parse::<Allowance>().unwrap_err().to_string();
    assert!(error.contains("`5eur`") && error.contains("5usd"), "{error}");
}

#[test]
fn money_is_exact() {
    assert_eq!(Money::per_million(0.1) * 1_000_000, Money::from_dollars(0.1));
    assert_eq!(Money::per_million(0.0375) * 1_000_000, Money::from_dollars(0.0375));
    let cents = (0..1_000).fold(Money::ZERO, |sum, _| sum + Money::from_dollars(0.001));
    assert_eq!(cents, Money::from_dollars(1.0));
    assert_eq!(cents.to_string(), "$1.00");
    assert_eq!(Money::from_dollars(0.000_2).to_string(), "$0.000200");
    assert_eq!(Money::from_dollars(-1.0), Money::ZERO);
}

#[test]
fn a_call_reserves_its_worst_case_and_gives_back_what_it_did_not_take() {
    let budget = Budget::new("1000tok".parse().unwrap());
    let worst = Worst { prompt: 100, drawn: 500, price: None };
    let first = budget.reserve(worst).unwrap();
    assert!(matches!(budget.reserve(worst), Err(Refused::Later)));
    first.settle(&usage(50, 10));
    assert_eq!(budget.spent().tokens, 60);
    drop(budget.reserve(worst).unwrap());
    assert_eq!(budget.spent().tokens, 60, "a failed call gives all of it back");
    budget.reserve(worst).unwrap().settle(&Usage::default());
    assert_eq!(budget.spent().tokens, 660, "nothing said: the worst is assumed");
    let Err(Refused::Never(error)) = budget.reserve(worst) else { panic!("660 + 600 > 1000") };
    let error = error.to_string();
    assert!(error.contains("660 of 1000 tokens") && error.contains("take 600"), "{error}");
}

#[test]
fn the_providers_own_cost_goes_before_the_price_table() {
    let budget = Budget::new("1usd".parse().unwrap());
    let worst = Worst { prompt: 1_000, drawn: 1_000, price: Some(price(2.0, 8.0)) };
    budget.reserve(worst).unwrap().settle(&usage(1_000, 1_000));
    assert_eq!(budget.spent().money, Money::from_dollars(0.01));
    budget.reserve(worst).unwrap().settle(&Usage { cost: Some(0.001), ..Usage::default() });
    assert_eq!(budget.spent().money, Money::from_dollars(0.011));
}

#[test]
fn money_needs_a_price_and_tokens_do_not() {
    let money = Budget::new("1usd".parse().unwrap());
    let error = money.check("new-model", None).unwrap_err();
    assert!(matches!(error, ProviderError::NoPrice { model } if model == "new-model"));
    money.check("new-model", Some(Price::FREE)).unwrap();
    Budget::new("1tok".parse().unwrap()).check("new-model", None).unwrap();
    Budget::default().check("new-model", None).unwrap();
}

#[test]
fn the_estimate_of_a_conversation_is_above_its_tokens() {
    let messages = [Message::user("What do you want? 你想要什么？ 12345678")];
    let worst = Worst::of(&messages, 3, 100, None);
    // 20 tokens with o200k, 7 for the turn.
    assert!(worst.prompt >= 27, "{worst:?}");
    assert_eq!(worst.drawn, 300);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn never_passes_its_limit(
        calls in prop::collection::vec((1u64..2_000, 0u64..2_000, 0.0f64..1.0, any::<bool>()), 1..120),
        dollars in 0.0f64..0.2,
        tokens in 0u64..60_000,
    ) {
        let allowance =
            Allowance { money: Some(Money::from_dollars(dollars)), tokens: Some(tokens) };
        let budget = Budget::new(allowance);
        std::thread::scope(|scope| {
            for part in calls.chunks(calls.len().div_ceil(4)) {
                let budget = &budget;
                scope.spawn(move || for &(prompt, drawn, share, fails) in part {
                    let worst = Worst { prompt, drawn, price: Some(price(2.0, 8.0)) };
                    let Ok(reservation) = budget.reserve(worst) else { continue };
                    std::thread::yield_now();
                    if !fails {
                        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share")]
                        let taken = |n: u64| (n as f64 * share) as u64;
                        reservation.settle(&usage(taken(prompt), taken(drawn)));
                    }
                    assert!(allowance.holds(budget.spent()));
                });
            }
        });
        prop_assert!(allowance.holds(budget.spent()));
        prop_assert_eq!(budget.state().reserved, Cost::default());
    }
}
