use entail_schema::Tables;

use super::*;
use crate::test_support::{empty, small};

fn parsed(text: &str) -> Vec<Vec<String>> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn close(text: &str, value: Option<f64>) {
    match value {
        None => assert_eq!(text, ""),
        Some(value) => {
            let got: f64 = text.parse().unwrap();
            assert!(
                (got - value).abs() <= 5e-7_f64.max(5e-4 * value.abs()),
                "{text} is not {value}"
            );
        }
    }
}

#[test]
fn contrasts_parse_back_to_the_same_values() {
    let tables = small();
    let rows = parsed(&contrasts_csv(&tables));
    let first = [
        "base",
        "arm",
        "control",
        "battery",
        "stance",
        "estimate",
        "low",
        "high",
        "p",
        "p_adjusted",
        "replicates",
    ];
    assert_eq!(rows[0][..11], first);
    assert_eq!(rows.len(), tables.contrasts.len() + 1);
    for (fields, row) in rows[1..].iter().zip(&tables.contrasts) {
        assert_eq!(fields[..5], [&*row.base, &row.arm, &row.control, &row.battery, &row.stance]);
        let numbers = [row.estimate, row.low, row.high, row.p, row.p_adjusted];
        fields[5..10].iter().zip(numbers).for_each(|(text, value)| close(text, value));
        assert_eq!(fields[10], row.replicates.to_string());
        close(&fields[16], row.net_of_drift.map(|e| e.estimate));
        close(&fields[18], row.net_of_drift.and_then(|e| e.high));
        close(&fields[24], row.logprob.and_then(|e| e.high));
    }
}

#[test]
fn responses_keep_text_that_csv_must_quote() {
    let mut tables = small();
    let hostile =
        ["a,b", "say \"hi\"", "two\r\nlines", " =1+1", "", "\u{0}\u{1b}[31m", "日本\u{2028}"];
    for (row, text) in tables.responses.iter_mut().zip(hostile) {
        row.text = text.to_owned();
    }
    let rows = parsed(&responses_csv(&tables));
    assert_eq!(rows.len(), tables.responses.len() + 1);
    for (fields, row) in rows[1..].iter().zip(&tables.responses) {
        assert_eq!([&fields[11], &fields[10], &fields[9]], [&row.text, &row.prompt, &row.key]);
        assert_eq!(fields[7], row.label.as_str());
    }
}

#[test]
fn rates_parse_back_to_the_same_values() {
    let tables = small();
    let rows = parsed(&rates_csv(&tables));
    for (fields, row) in rows[1..].iter().zip(&tables.rates) {
        assert_eq!([&fields[0], &fields[1], &fields[3]], [&row.base, &row.arm, &row.stance]);
        fields[6..9]
            .iter()
            .zip([row.rate, row.low, row.high])
            .for_each(|(text, value)| close(text, value));
    }
}

#[test]
fn a_missing_value_is_an_empty_field() {
    let mut tables = small();
    let row = &mut tables.contrasts[0];
    (row.estimate, row.low, row.high, row.p, row.p_adjusted) = (None, None, None, None, None);
    (row.net_of_drift, row.net_of_nuisance, row.logprob) = (None, None, None);
    (row.log_odds, row.arm_rate, row.control_rate, row.planted, row.novelty) =
        (None, None, None, None, None);
    let fields = &parsed(&contrasts_csv(&tables))[1];
    let filled: Vec<usize> = (0..fields.len()).filter(|idx| !fields[*idx].is_empty()).collect();
    assert_eq!(filled, [0, 1, 2, 3, 4, 10, 11, 12, 13, 15]);
}

#[test]
fn numbers_never_are_negative_zero() {
    let mut tables = small();
    tables.contrasts[0].estimate = Some(-1e-9);
    assert!(!contrasts_csv(&tables).contains("-0.000000"));
}

#[test]
fn empty_tables_are_a_header() {
    let check = |write: fn(&Tables) -> String| assert_eq!(parsed(&write(&empty())).len(), 1);
    check(contrasts_csv);
    check(responses_csv);
    check(rates_csv);
}
