use super::*;

#[test]
fn a_number_has_one_spelling() {
    for (text, expected) in [
        ("391", "391"),
        ("0391", "391"),
        ("39.10", "39.1"),
        ("56.00", "56"),
        (".21", "0.21"),
        ("00.210", "0.21"),
        ("7.", "7"),
        ("-7", "-7"),
        ("-.5", "-0.5"),
        ("0", "0"),
        ("-0.0", "0"),
        ("123456789012345678901234567890.1", "123456789012345678901234567890.1"),
    ] {
        assert_eq!(Decimal::parse(text).map(|d| d.to_string()).as_deref(), Some(expected));
    }
    for text in ["", "-", ".", "-.", "1.2.3", "1,000", "1e3", "+1", "--1", "1 ", "\u{661}", "NaN"] {
        assert_eq!(Decimal::parse(text), None, "{text:?}");
    }
}

#[test]
fn the_last_number_is_read_as_people_and_models_write_it() {
    for (text, expected) in [
        ("391", "391"),
        ("The answer is **391**.", "391"),
        ("17 × 23 = 391!", "391"),
        (r"\[ \boxed{391} \]", "391"),
        (r"$\boxed{-7}$", "-7"),
        ("2,048", "2048"),
        ("1,234,567.50 in all", "1234567.5"),
        (r"2{,}048", "2048"),
        (r"\(2\,048\)", "2048"),
        ("2\u{202f}048", "2048"),
        ("2\u{a0}048 rows", "2048"),
        ("1989,123", "123"),
        ("1,2,3", "3"),
        ("48, 175, 9", "9"),
        ("It was \u{2212}7 °C.", "-7"),
        ("\u{2013}7", "-7"),
        ("minus 7 degrees", "-7"),
        ("Negative 7", "-7"),
        ("10-7", "7"),
        ("from 5\u{2013}7", "7"),
        ("- 7", "7"),
        ("= -7", "-7"),
        ("(-0.50)", "-0.5"),
        (".21", "0.21"),
        ("€56.00", "56"),
        ("7ft", "7"),
        ("20%.", "20"),
        ("23², that is", "23"),
        ("4 strings: G3, D4, A4 and E5", "4"),
        ("32 of H2O", "32"),
        ("3/8", "8"),
        ("265 minutes (4 hours and 25 minutes).", "265"),
        ("32 °F (0 °C)", "32"),
        ("2 * (35 + 22) = 114", "114"),
        ("The answer (391)", "391"),
        (r"17 times 23 = \(391\)", "391"),
        (r"(17 * 23) is \(391\) (not 381)", "391"),
        ("First 2, then 5; so 3", "3"),
    ] {
        let found = last_number(text).map(|number| number.to_string());
        assert_eq!(found.as_deref(), Some(expected), "{text:?}");
    }
    for text in ["", "seven", "G3", "\u{661}\u{662}", "H2O"] {
        assert_eq!(last_number(text), None, "{text:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_number_at_the_end_is_found_behind_anything(
        before in "[^()]{0,40}",
        value in proptest::prelude::any::<i32>(),
        after in "[ .!*)\\]}$\n%]{0,6}",
    ) {
        let found = last_number(&format!("{before} = {value}{after}")).map(|d| d.to_string());
        proptest::prop_assert_eq!(found, Some(value.to_string()));
    }

    #[test]
    fn commas_between_thousands_change_nothing(value in 1_000_u64..1_000_000_000_000) {
        let digits = value.to_string();
        let mut grouped = String::new();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        proptest::prop_assert_eq!(last_number(&grouped), Decimal::parse(&digits));
    }
}
