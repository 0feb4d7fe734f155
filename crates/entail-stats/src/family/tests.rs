use proptest::prelude::*;

use super::*;
use crate::test_support::{cases, goldens, is_close};

type Adjust = fn(&[f64]) -> Result<Vec<f64>, NotProbability>;

const ALL: [(&str, Adjust); 3] = [
    ("benjamini_hochberg", benjamini_hochberg),
    ("benjamini_yekutieli", benjamini_yekutieli),
    ("holm", holm),
];

#[test]
fn agrees_with_statsmodels() {
    for golden in goldens("family") {
        let p = golden.floats("p");
        for (name, adjust) in ALL {
            let (got, want) = (adjust(&p).unwrap(), golden.floats(name));
            assert_eq!(got.len(), want.len());
            for (got, want) in got.iter().zip(&want) {
                assert!(is_close(*got, *want), "{name}: got {got}, want {want} in {golden:?}");
            }
        }
    }
}

#[test]
fn refuses_what_is_no_probability_and_says_where() {
    for (name, adjust) in ALL {
        for value in [f64::NAN, -1e-9, 1.0 + 1e-9, f64::INFINITY, f64::NEG_INFINITY] {
            let refused = adjust(&[0.1, value, 2.0]).unwrap_err();
            assert_eq!(refused.index, 1, "{name}");
            assert_eq!(refused.value.to_bits(), value.to_bits(), "{name}");
        }
    }
    let text = benjamini_hochberg(&[1.5]).unwrap_err().to_string();
    assert_eq!(text, "p-value 0 is 1.5, expected a number from 0 to 1");
}

#[test]
fn an_empty_family_stays_empty_and_a_single_p_stays_put() {
    for (name, adjust) in ALL {
        assert_eq!(adjust(&[]), Ok(vec![]), "{name}");
        assert_eq!(adjust(&[0.3]), Ok(vec![0.3]), "{name}");
        assert_eq!(adjust(&[0.0, 1.0]), Ok(vec![0.0, 1.0]), "{name}");
    }
}

/// Includes ties and both ends.
fn families() -> impl Strategy<Value = Vec<f64>> {
    let p = prop_oneof![0.0..=1.0_f64, (0..=10_u8).prop_map(|tenth| f64::from(tenth) / 10.0)];
    prop::collection::vec(p, 1..40)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn adjusted_values_are_monotone_at_least_p_and_at_most_one(p in families()) {
        for (name, adjust) in ALL {
            let adjusted = adjust(&p).unwrap();
            for (i, a) in adjusted.iter().enumerate() {
                prop_assert!(p[i] <= *a && *a <= 1.0, "{name}");
                for (j, b) in adjusted.iter().enumerate() {
                    prop_assert!(p[i] > p[j] || a <= b, "{} is not monotone", name);
                }
            }
        }
    }

    #[test]
    fn hochberg_is_below_holm_is_below_bonferroni(p in families()) {
        let (bh, by, holm) =
            (benjamini_hochberg(&p).unwrap(), benjamini_yekutieli(&p).unwrap(), holm(&p).unwrap());
        for i in 0..p.len() {
            prop_assert!(bh[i] <= holm[i] + 1e-12);
            prop_assert!(bh[i] <= by[i]);
            prop_assert!(holm[i] <= (p[i] * p.len() as f64).min(1.0) + 1e-12);
        }
    }

    #[test]
    fn answers_follow_their_inputs(p in families()) {
        let mut turned = p.clone();
        turned.reverse();
        for (name, adjust) in ALL {
            let mut back = adjust(&turned).unwrap();
            back.reverse();
            prop_assert_eq!(adjust(&p).unwrap(), back, "{}", name);
        }
    }
}

#[test]
fn selected_intervals_are_wider_the_fewer_were_selected() {
    assert_eq!(false_coverage_confidence(0.05, 0, 20), None);
    assert_eq!(false_coverage_confidence(0.05, 20, 20), Some(0.95));
    let one = false_coverage_confidence(0.05, 1, 20).unwrap();
    assert!((one - 0.9975).abs() < 1e-12);
}

/// A published study of 7 conditions by 21 preferences: 147 cells, less 21 of the baseline and 5 implied ones, are 121 tests.
#[test]
fn any_dependence_costs_the_harmonic_sum_of_the_family() {
    for (m, cost) in [(20, 3.598), (7 * 21 - 21 - 5, 5.377)] {
        let p = vec![1e-4; m];
        let ratio = benjamini_yekutieli(&p).unwrap()[0] / benjamini_hochberg(&p).unwrap()[0];
        assert!((ratio - cost).abs() < 5e-4, "{m}: {ratio}");
    }
}
