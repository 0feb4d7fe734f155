use super::*;

fn share(hits: usize, n: usize) -> Share {
    Share { hits, n }
}

#[test]
fn a_share_counts_what_is_added_and_knows_its_chance() {
    let mut got = Share::default();
    for hit in [true, false, false, true] {
        got.add(hit);
    }
    assert_eq!((got.hits, got.n), (2, 4));
    assert!((got.value() - 0.5).abs() < 1e-12);
    // Three times the root of .05 * .95 / 475.
    assert!((share(0, 475).chance() - 0.03).abs() < 1e-12);
    let sum = share(1, 3).plus(share(2, 5));
    assert_eq!((sum.hits, sum.n), (3, 8));
}

#[test]
fn ranges_are_in_per_cent_and_leave_out_what_was_not_tried() {
    let shares = [share(19, 20), share(0, 0), share(9, 10)];
    assert_eq!(range(&shares), "90.0–95.0");
    assert_eq!(largest(&shares), "95.0");
    assert!((worst(&shares) - 0.95).abs() < 1e-12 && (least(&shares) - 0.9).abs() < 1e-12);
    assert_eq!(percent(shares[0]), "95.0");
    for nothing in [&[][..], &[share(0, 0)]] {
        assert_eq!((range(nothing), largest(nothing)), (String::new(), String::new()));
    }
    assert_eq!(percent(share(0, 0)), "");
}

#[test]
fn a_claim_allows_for_chance_and_no_more() {
    // Chance is three points at 475 studies.
    let check = |hits: usize, bound: f64, above: bool, want: bool| {
        let shares = [share(hits, 475), share(0, 0)];
        let claim = if above { at_least("", &shares, bound) } else { at_most("", &shares, bound) };
        assert_eq!(claim.holds, want, "{hits} of 475 against {bound}");
    };
    check(437, 0.95, true, true); // 92.0 %
    check(436, 0.95, true, false); // 91.8 %
    check(38, 0.05, false, true); // 8.0 %
    check(39, 0.05, false, false); // 8.2 %
}

#[test]
fn a_claim_on_nothing_does_not_hold() {
    for shares in [&[][..], &[share(0, 0)]] {
        assert!(!at_least("", shares, 0.0).holds && !at_most("", shares, 1.0).holds);
    }
}

#[test]
fn one_bad_cell_is_enough_to_fail() {
    let shares = [share(95, 100), share(50, 100), share(95, 100)];
    let claim = at_least("covers", &shares, 0.93);
    assert_eq!((claim.what, claim.found.as_str(), claim.holds), ("covers", "50.0–95.0", false));
}

#[test]
fn intervals_hold_their_ends() {
    for (truth, want) in [(1.0, true), (2.0, true), (0.9, false), (2.1, false), (f64::NAN, false)] {
        assert_eq!(holds((1.0, 2.0), truth), want, "{truth}");
    }
}

fn section() -> Section {
    let claim = |what, holds| Claim { what, found: "1.0–2.0".to_owned(), holds };
    Section {
        title: "Ages",
        text: "Of two.\n".to_owned(),
        head: vec!["name", "age"],
        rows: vec![vec!["Ada".to_owned(), "36".to_owned()]],
        claims: vec![claim("ages are whole", true), claim("ages are even", false)],
        cells: vec![json!({ "name": "Ada" })],
    }
}

#[test]
fn a_section_reads_as_a_table_with_its_claims() {
    let want = "\
## Ages

Of two.

| name | age |
| --- | --- |
| Ada | 36 |

Must hold:

- ages are whole: 1.0–2.0 (holds)
- ages are even: 1.0–2.0 (DOES NOT HOLD)
";
    assert_eq!(markdown(&section()), want);
}

#[test]
fn json_has_every_cell_and_claim() {
    let want = json!([{
        "title": "Ages",
        "claims": [
            { "what": "ages are whole", "found": "1.0–2.0", "holds": true },
            { "what": "ages are even", "found": "1.0–2.0", "holds": false },
        ],
        "cells": [{ "name": "Ada" }],
    }]);
    assert_eq!(as_json(&[section()]), want);
}

#[test]
fn true_components_are_those_of_the_noise() {
    let shape = entail_stats::Shape {
        replicates: 4,
        prompts: 10,
        samples: 5,
        control_rate: 0.5,
        treated_rate: 0.5,
        replicate_sd: 0.05,
        prompt_sd: 0.03,
        arm_prompt_sd: 0.04,
        noise: entail_stats::Noise::Clipped,
        judge: None,
    };
    let truth = components::Truth::of(&shape, 0.5);
    let near = |got: f64, want: f64| assert!((got - want).abs() < 1e-6, "{got}, expected {want}");
    near(truth.mean, 0.5);
    // Nothing reaches the ends of the scale, so runs move all prompts alike.
    near(truth.parts.replicate, 0.0025);
    near(truth.parts.interaction, 0.0);
    near(truth.parts.sample, 0.25 - 0.0025 - 0.0025);
    near(truth.variance(), 0.0025 + 0.245 / 50.0);
    let still = entail_stats::Shape { replicate_sd: 0.0, ..shape };
    assert!(components::Truth::of(&still, 0.3).parts.replicate <= 0.0);
}

#[test]
fn every_section_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), SECTIONS.len());
}
