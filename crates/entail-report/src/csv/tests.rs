use entail_schema::Tables;

use super::*;
use crate::test_support::{Size, empty, fake, small};

fn size() -> Size {
    Size {
        bases: vec!["organism:linked?seed=101"],
        n_arms: 6,
        per_block: 2,
        n_replicates: 3,
        n_prompts: 2,
        n_samples: 2,
    }
}

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
    (row.selected, row.any_prompts, row.per_claim, row.verdict) = (None, None, None, None);
    (row.p_permutation, row.leave_one_out, row.bounds) = (None, None, None);
    let fields = &parsed(&contrasts_csv(&tables))[1];
    let filled: Vec<usize> = (0..fields.len()).filter(|idx| !fields[*idx].is_empty()).collect();
    assert_eq!(filled, [0, 1, 2, 3, 4, 10, 11, 12, 13, 15, 30]);
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
    check(headlines_csv);
    check(pooled_csv);
    check(variance_csv);
    check(forecasts_csv);
    check(cells_csv);
    check(across_bases_csv);
}

/// Columns of a file, and its rows by name of column.
fn named(text: &str) -> Vec<std::collections::BTreeMap<String, String>> {
    let rows = parsed(text);
    let by_name = |row: &Vec<String>| rows[0].iter().cloned().zip(row.iter().cloned()).collect();
    rows[1..].iter().map(by_name).collect()
}

#[test]
fn columns_that_came_later_stand_behind_the_first_thirty() {
    let header = parsed(&contrasts_csv(&small())).remove(0);
    assert_eq!([&header[25], &header[29], &header[30]], ["log_odds", "note", "standing"]);
    assert_eq!(header.len(), 48);
    assert_eq!(header[46..], ["log_odds_low", "log_odds_high"]);
}

#[test]
fn later_columns_of_contrasts_parse_back_to_the_same_values() {
    let tables = small();
    let rows = named(&contrasts_csv(&tables));
    for (fields, row) in rows.iter().zip(&tables.contrasts) {
        assert_eq!(serde_json::to_value(row.standing).unwrap(), fields["standing"]);
        assert_eq!(serde_json::to_value(row.verdict).unwrap(), fields["verdict"]);
        close(&fields["selected_low"], row.selected.and_then(|e| e.low));
        close(&fields["any_prompts_high"], row.any_prompts.and_then(|e| e.high));
        close(&fields["p_permutation"], row.p_permutation);
        close(&fields["leave_one_out_high"], row.leave_one_out.map(|s| s.high));
        close(&fields["per_claim_estimate"], row.per_claim.map(|e| e.estimate));
        close(&fields["bounds_low"], row.bounds.map(|s| s.low));
        close(&fields["log_odds"], row.log_odds.map(|e| e.estimate));
        close(&fields["log_odds_high"], row.log_odds.and_then(|e| e.high));
    }
}

#[test]
fn every_file_has_its_header_and_one_line_per_row() {
    let tables = fake(&Size { bases: vec!["organism:a?seed=1", "organism:a?seed=2"], ..size() });
    let check = |text: String, n_columns: usize, n_rows: usize, first: &str, last: &str| {
        let rows = parsed(&text);
        assert!(n_rows > 0 && rows.iter().all(|row| row.len() == n_columns));
        assert_eq!(rows.len(), n_rows + 1);
        assert_eq!([&rows[0][0], &rows[0][n_columns - 1]], [first, last]);
    };
    check(headlines_csv(&tables), 15, tables.headlines.len(), "base", "beats_all");
    check(variance_csv(&tables), 12, tables.variance.len(), "base", "error_sampled");
    check(forecasts_csv(&tables), 11, tables.forecasts.len(), "base", "outcome");
    check(cells_csv(&tables), 9, tables.cells.len(), "base", "left_out");
    check(across_bases_csv(&tables), 15, tables.across_bases.len(), "world", "net_of_drift_high");
    let n_pooled = tables.pooled.iter().map(|row| row.stances.len() + 3).sum();
    check(pooled_csv(&tables), 10, n_pooled, "base", "positive");
}

#[test]
fn pooled_rows_end_with_the_whole_family() {
    let tables = small();
    let row = &tables.pooled[0];
    let n = row.stances.len();
    let rows = named(&pooled_csv(&tables));
    close(&rows[0]["raw"], Some(row.stances[0].raw));
    close(&rows[0]["estimate"], Some(row.stances[0].shrunken.estimate));
    let ids: Vec<&String> = rows[n..n + 3].iter().map(|row| &row["stance"]).collect();
    assert_eq!(ids, ["cluster", "mean", "spread"]);
    close(&rows[n]["low"], row.cluster.low);
    close(&rows[n + 2]["estimate"], Some(row.spread.estimate));
    assert!(rows[n..n + 3].iter().all(|row| row["raw"].is_empty() && row["positive"].is_empty()));
}

#[test]
fn what_is_missing_in_a_new_file_is_an_empty_field() {
    let mut tables =
        fake(&Size { bases: vec!["organism:a?seed=1", "organism:a?seed=2"], ..size() });
    let row = &mut tables.headlines[0];
    (row.effect, row.p, row.net_of_drift) = (None, None, None);
    let row = &mut tables.across_bases[0];
    (row.effect, row.p, row.net_of_drift) = (None, None, None);
    tables.forecasts[0].found = None;
    tables.variance[0].replicate_upper = None;
    let empty = |text: String| -> Vec<String> {
        let row = named(&text).remove(0);
        row.into_iter().filter(|(_, value)| value.is_empty()).map(|(name, _)| name).collect()
    };
    let effects = [
        "effect_estimate",
        "effect_high",
        "effect_low",
        "net_of_drift_estimate",
        "net_of_drift_high",
        "net_of_drift_low",
        "p",
    ];
    let sorted = |names: &[&str]| {
        let mut names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(empty(headlines_csv(&tables)), sorted(&effects));
    assert_eq!(empty(across_bases_csv(&tables)), sorted(&effects));
    assert_eq!(
        empty(forecasts_csv(&tables)),
        sorted(&["found_estimate", "found_high", "found_low"])
    );
    assert_eq!(empty(variance_csv(&tables)), ["replicate_upper"]);
}

#[test]
fn small_variances_keep_their_digits() {
    let mut tables = small();
    tables.variance[0].replicate = 0.000_012_345;
    assert_eq!(named(&variance_csv(&tables))[0]["replicate"], "1.234e-05");
}
