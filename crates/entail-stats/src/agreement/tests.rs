use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::test_support::{Golden, cases, goldens_in, is_close};

fn agreement_goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../../fixtures/stats/judge.json"), function)
}

/// Rows of ratings with gaps, each read by `parse`.
fn table<T>(golden: &Golden, parse: impl Fn(&Value) -> Option<T>) -> Vec<Vec<Option<T>>> {
    let rows = golden.json("items").as_array().unwrap().iter();
    rows.map(|row| row.as_array().unwrap().iter().map(&parse).collect()).collect()
}

fn code(value: &Value) -> Option<usize> {
    value.as_u64().map(|code| usize::try_from(code).unwrap())
}

fn codes(golden: &Golden, key: &str) -> Vec<usize> {
    golden.json(key).as_array().unwrap().iter().filter_map(code).collect()
}

const SCALES: [(&str, Scale); 3] =
    [("nominal", Scale::Nominal), ("ordinal", Scale::Ordinal), ("interval", Scale::Interval)];
const WEIGHTS: [(&str, Weights); 3] =
    [("nominal", Weights::Nominal), ("linear", Weights::Linear), ("quadratic", Weights::Quadratic)];

#[test]
fn kappa_agrees_with_scikit_learn() {
    for golden in agreement_goldens("cohen_kappa") {
        let [first, second] = ["first", "second"].map(|key| codes(&golden, key));
        for (key, weights) in WEIGHTS {
            golden.assert_close(key, cohen_kappa(&first, &second, weights).unwrap());
        }
    }
}

#[test]
fn tables_agree_with_irr_cac_and_krippendorff() {
    for golden in agreement_goldens("rating_tables") {
        let items = table(&golden, code);
        golden.assert_close("raw", raw_agreement(&items).unwrap());
        golden.assert_close(
            "ac1",
            gwet_ac1(&items, code(golden.json("categories")).unwrap()).unwrap(),
        );
        let items = table(&golden, Value::as_f64);
        for (key, scale) in SCALES {
            golden.assert_close(key, krippendorff_alpha(&items, scale).unwrap());
        }
    }
}

#[test]
fn scores_agree_with_pingouin_and_krippendorff() {
    for golden in agreement_goldens("scored_tables") {
        let rows = golden.json("scores").as_array().unwrap().iter();
        let scores: Vec<Vec<f64>> = rows
            .map(|row| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect())
            .collect();
        golden.assert_close("icc_2_1", icc_2_1(&scores).unwrap());
        let items = table(&golden, Value::as_f64);
        for (key, scale) in SCALES {
            golden.assert_close(key, krippendorff_alpha(&items, scale).unwrap());
        }
    }
}

#[test]
fn published_examples_come_out() {
    // Shrout and Fleiss 1979, table 2: six targets, four judges, ICC(2,1) = .29.
    let shrout: Vec<Vec<f64>> =
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
            .map(|row| row.map(f64::from).to_vec())
            .to_vec();
    assert!((icc_2_1(&shrout).unwrap() - 0.29).abs() < 0.005);
    // Krippendorff 2011, example C: four observers, twelve units, gaps.
    let observers = [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ];
    let unit = |place: usize| {
        observers.map(|row| (row[place] > 0).then(|| f64::from(row[place]))).to_vec()
    };
    let units: Vec<Vec<Option<f64>>> = (0..12).map(unit).collect();
    for (scale, want) in
        [(Scale::Nominal, 0.743), (Scale::Ordinal, 0.815), (Scale::Interval, 0.849)]
    {
        let got = krippendorff_alpha(&units, scale).unwrap();
        assert!((got - want).abs() < 0.0006, "{scale:?}: {got}");
    }
}

#[test]
fn rare_answers_sink_kappa_and_not_ac1() {
    // Raters agree on 96 of 100 items and each says "yes" twice, never together.
    let first: Vec<usize> = (0..100).map(|i| usize::from(i < 2)).collect();
    let second: Vec<usize> = (0..100).map(|i| usize::from((2..4).contains(&i))).collect();
    let items: Vec<Vec<Option<usize>>> =
        first.iter().zip(&second).map(|(&a, &b)| vec![Some(a), Some(b)]).collect();
    assert!(is_close(raw_agreement(&items).unwrap(), 0.96));
    assert!(cohen_kappa(&first, &second, Weights::Nominal).unwrap() < 0.0);
    assert!(gwet_ac1(&items, 2).unwrap() > 0.95);
}

#[test]
fn one_value_throughout_has_no_chance_corrected_coefficient() {
    for code in [0, 1] {
        let same = [code; 5];
        for (_, weights) in WEIGHTS {
            assert_eq!(cohen_kappa(&same, &same, weights), Err(AgreementError::NoVariation));
        }
        let items = vec![vec![Some(code); 2]; 5];
        assert!(is_close(raw_agreement(&items).unwrap(), 1.0));
        assert!(is_close(gwet_ac1(&items, 2).unwrap(), 1.0), "AC1 is defined where kappa is not");
    }
    let items = vec![vec![Some(0.1); 3]; 7];
    for (_, scale) in SCALES {
        assert_eq!(krippendorff_alpha(&items, scale), Err(AgreementError::NoVariation));
    }
    assert_eq!(icc_2_1(&vec![vec![0.1; 3]; 7]), Err(AgreementError::NoVariation));
    let swapped = [vec![0.1, 0.3], vec![0.3, 0.1]];
    assert_eq!(icc_2_1(&swapped), Err(AgreementError::NoVariation));
}

#[test]
fn nothing_to_compare_is_an_error_or_none() {
    let few = |got, need| AgreementError::TooFew { got, need };
    assert_eq!(cohen_kappa(&[], &[], Weights::Nominal), Err(few(0, 1)));
    assert_eq!(raw_agreement(&[]), None);
    assert_eq!(raw_agreement(&[vec![], vec![Some(1), None]]), None);
    assert_eq!(gwet_ac1(&[vec![Some(1)]], 2), Err(few(0, 1)));
    assert_eq!(krippendorff_alpha(&[vec![Some(1.0), None]], Scale::Nominal), Err(few(0, 1)));
    assert_eq!(icc_2_1(&[]), Err(few(0, 2)));
    assert_eq!(icc_2_1(&[vec![1.0], vec![2.0]]), Err(few(1, 2)));
    assert_eq!(repeatability::<bool>(&[], &[], 0.95), None);
}

#[test]
fn bad_ratings_are_named() {
    let unknown = AgreementError::UnknownCategory { item: 1, category: 2, categories: 2 };
    assert_eq!(gwet_ac1(&[vec![Some(0), Some(1)], vec![Some(2)]], 2), Err(unknown));
    let broken = AgreementError::NotFinite { item: 1 };
    let items = [vec![Some(1.0), Some(2.0)], vec![Some(f64::NAN)]];
    assert_eq!(krippendorff_alpha(&items, Scale::Interval), Err(broken));
    assert_eq!(icc_2_1(&[vec![1.0, 2.0], vec![f64::INFINITY, 1.0]]), Err(broken));
    let ragged = AgreementError::Ragged { item: 1, found: 1, expected: 2 };
    assert_eq!(icc_2_1(&[vec![1.0, 2.0], vec![1.0]]), Err(ragged));
}

#[test]
#[should_panic(expected = "two categories or more")]
fn one_category_is_a_bug() {
    let _ = gwet_ac1(&[vec![Some(0), Some(0)]], 1);
}

#[test]
#[should_panic(expected = "two ratings per item")]
fn raters_with_items_of_their_own_are_a_bug() {
    let _ = cohen_kappa(&[1], &[1, 2], Weights::Linear);
}

#[test]
fn repeatability_counts_items_judged_alike() {
    let first = [Some("yes"), Some("no"), None, Some("yes")];
    let second = [Some("yes"), Some("yes"), None, Some("yes")];
    assert_eq!(repeatability(&first, &second, 0.9), wilson(3, 4, 0.9));
    assert_eq!(repeatability(&first, &first, 0.9).unwrap().high.to_bits(), 1.0_f64.to_bits());
}

#[test]
fn negative_zero_is_zero() {
    let items = [vec![Some(0.0), Some(-0.0)], vec![Some(1.0), Some(1.0)]];
    for (_, scale) in SCALES {
        assert!(is_close(krippendorff_alpha(&items, scale).unwrap(), 1.0));
    }
}

fn two_raters() -> impl Strategy<Value = (Vec<usize>, Vec<usize>)> {
    prop::collection::vec((0..4_usize, 0..4_usize), 5..30)
        .prop_map(|pairs| pairs.into_iter().unzip())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn order_of_the_raters_does_not_matter((first, second) in two_raters()) {
        for (_, weights) in WEIGHTS {
            let (there, back) = (cohen_kappa(&first, &second, weights), cohen_kappa(&second, &first, weights));
            prop_assert_eq!(there.is_ok(), back.is_ok());
            if let (Ok(there), Ok(back)) = (there, back) {
                prop_assert!(is_close(there, back) && there <= 1.0);
            }
        }
    }

    #[test]
    fn perfect_agreement_is_one_on_every_coefficient((first, _) in two_raters()) {
        let items: Vec<Vec<Option<usize>>> = first.iter().map(|&a| vec![Some(a); 3]).collect();
        let scores: Vec<Vec<f64>> = first.iter().map(|&a| vec![a as f64; 3]).collect();
        let rated: Vec<Vec<Option<f64>>> = scores.iter().map(|row| row.iter().copied().map(Some).collect()).collect();
        prop_assert!(is_close(gwet_ac1(&items, 4).unwrap(), 1.0));
        if first.iter().any(|&code| code != first[0]) {
            for (_, weights) in WEIGHTS {
                prop_assert!(is_close(cohen_kappa(&first, &first, weights).unwrap(), 1.0));
            }
            for (_, scale) in SCALES {
                prop_assert!(is_close(krippendorff_alpha(&rated, scale).unwrap(), 1.0));
            }
            prop_assert!(is_close(icc_2_1(&scores).unwrap(), 1.0));
        }
    }

    #[test]
    fn a_unit_and_a_zero_change_no_interval_coefficient((first, second) in two_raters(), unit in 0.01..100.0_f64, zero in -5.0..5.0_f64) {
        let scores = |unit: f64, zero: f64| -> Vec<Vec<f64>> {
            first.iter().zip(&second).map(|(&a, &b)| vec![a as f64 * unit + zero, b as f64 * unit + zero]).collect()
        };
        let rated = |rows: Vec<Vec<f64>>| -> Vec<Vec<Option<f64>>> {
            rows.into_iter().map(|row| row.into_iter().map(Some).collect()).collect()
        };
        if let (Ok(a), Ok(b)) = (icc_2_1(&scores(1.0, 0.0)), icc_2_1(&scores(unit, zero))) {
            prop_assert!((a - b).abs() < 1e-8);
        }
        let alpha = |unit, zero| krippendorff_alpha(&rated(scores(unit, zero)), Scale::Interval);
        if let (Ok(a), Ok(b)) = (alpha(1.0, 0.0), alpha(unit, zero)) {
            prop_assert!((a - b).abs() < 1e-8);
        }
    }
}
