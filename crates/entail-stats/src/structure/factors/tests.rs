use super::*;
use crate::structure::tests::{factor_tables, rows, simulated, structure_goldens};
use crate::test_support::{Golden, Stream, is_close};

/// Largest distance between loadings, the golden's factors put in our order and sign.
fn distance(golden: &[Vec<f64>], got: &Factors) -> f64 {
    let columns: Vec<usize> = (0..golden.len()).collect();
    let arranged = Factors::arranged(&columns, golden);
    let pairs = arranged.loadings.iter().flatten().zip(got.loadings.iter().flatten());
    pairs.map(|(want, got)| (want - got).abs()).fold(0.0, f64::max)
}

fn fitted(golden: &Golden, table: &[Vec<f64>]) -> Factors {
    let n_factors = usize::try_from(golden.count("n_factors")).unwrap();
    principal_axis(&correlations(&[table.to_vec()]).unwrap(), n_factors).unwrap()
}

#[test]
fn loadings_agree_with_principal_axes_of_statsmodels() {
    for (golden, table) in factor_tables() {
        if golden.value("loadings").is_array() {
            let got = fitted(&golden, &table);
            let apart = distance(&rows(golden.value("loadings")), &got);
            assert!(apart < 1e-8, "{apart} in {golden:?}");
            for (h, want) in got.communalities.iter().zip(golden.floats("communalities")) {
                assert!((h - want).abs() < 1e-8, "{h} {want}");
            }
            assert!(got.improper.is_empty());
        }
    }
}

/// Its minimiser differentiates numerically, which costs digits.
#[test]
fn loadings_agree_with_minres_of_factor_analyzer() {
    for (golden, table) in factor_tables() {
        let got = fitted(&golden, &table);
        let apart = distance(&rows(golden.value("minres_loadings")), &got);
        assert!(apart < 1e-6, "{apart} in {golden:?}");
    }
}

#[test]
fn a_stance_without_variance_of_its_own_is_named() {
    let (golden, table) = factor_tables().pop().unwrap();
    assert_eq!(golden.value("name"), "improper");
    let at_bound = |(column, own): (usize, f64)| (own <= 0.005 + 1e-9).then_some(column);
    let want: Vec<usize> =
        golden.floats("minres_uniqueness").into_iter().enumerate().filter_map(at_bound).collect();
    assert!(!want.is_empty());
    let got = fitted(&golden, &table);
    assert_eq!(got.improper, want);
    assert_eq!(got.varimax().unwrap().improper, want);
}

#[test]
fn varimax_agrees_with_factor_analyzer() {
    let mut n_checked = 0;
    for (golden, table) in factor_tables() {
        if golden.value("varimax").is_array() {
            let got = fitted(&golden, &table).varimax().unwrap();
            let apart = distance(&rows(golden.value("varimax")), &got);
            assert!(apart < 1e-8, "{apart} in {golden:?}");
            n_checked += 1;
        }
    }
    assert_eq!(n_checked, 2);
}

#[test]
fn rotation_keeps_communalities_and_the_sum_of_shares() {
    for (golden, table) in factor_tables() {
        let plain = fitted(&golden, &table);
        let turned = plain.varimax().unwrap();
        for (a, b) in plain.communalities.iter().zip(&turned.communalities) {
            assert!(is_close(*a, *b), "{a} {b}");
        }
        assert!(is_close(plain.shares.iter().sum(), turned.shares.iter().sum()));
        assert!(turned.shares.is_sorted_by(|a, b| a >= b));
    }
}

#[test]
fn one_factor_has_no_rotation_and_zero_rows_stay() {
    let loadings = [vec![0.8, 0.1], vec![0.0, 0.0], vec![0.1, 0.7]];
    let got = Factors::arranged(&[0, 1, 2], &loadings).varimax().unwrap();
    assert!(got.loadings[1].iter().all(|x| x.abs() <= 0.0));
    let one = Factors::arranged(&[0, 1], &[vec![0.8], vec![0.5]]);
    assert_eq!(one.varimax().unwrap().shares, one.shares);
}

#[test]
fn reference_agrees_with_numpy() {
    for golden in structure_goldens("parallel_analysis") {
        let size = |key| usize::try_from(golden.count(key)).unwrap();
        let mut stream = Stream::new(3);
        let table = simulated(&mut stream, size("rows"), &vec![vec![0.0]; size("width")]);
        let data = correlations(&[table]).unwrap();
        for (key, threshold) in [("mean", Threshold::Mean), ("percentile", Threshold::Percentile95)]
        {
            let got = parallel_analysis(&data, threshold, 1000, Seed(5)).reference;
            // Three standard errors of a percentile of 1,000 draws whose deviation is 0.4.
            for (value, want) in got.iter().zip(golden.floats(key)) {
                assert!((value - want).abs() < 0.08, "{key}: {value} {want}");
            }
        }
    }
}

/// Four stances on each of two factors.
fn two_planted() -> Vec<Vec<f64>> {
    (0..8).map(|i| if i < 4 { vec![0.8, 0.0] } else { vec![0.0, 0.8] }).collect()
}

#[test]
fn finds_two_planted_factors_and_none_where_there_is_none() {
    let (mut found_two, mut found_some) = (0, 0);
    for key in 0..50 {
        let mut stream = Stream::new(key);
        let count = |table| {
            let data = correlations(&[table]).unwrap();
            parallel_analysis(&data, Threshold::Percentile95, 100, Seed(key)).n_factors
        };
        found_two += i32::from(count(simulated(&mut stream, 40, &two_planted())) == 2);
        found_some += i32::from(count(simulated(&mut stream, 40, &vec![vec![0.0]; 8])) > 0);
    }
    assert!(found_two >= 47, "two of two in {found_two} of 50");
    assert!(found_some <= 7, "some of none in {found_some} of 50");
}

#[test]
fn loadings_are_where_they_were_planted() {
    let table = simulated(&mut Stream::new(8), 2000, &two_planted());
    let got = principal_axis(&correlations(&[table]).unwrap(), 2).unwrap().varimax().unwrap();
    for (i, row) in got.loadings.iter().enumerate() {
        let (own, other) = if (i < 4) == (got.loadings[0][0] > 0.5) { (0, 1) } else { (1, 0) };
        assert!((row[own] - 0.8).abs() < 0.06 && row[other].abs() < 0.08, "stance {i}: {row:?}");
    }
    assert!(got.shares.iter().all(|share| (share - 0.32).abs() < 0.03), "{:?}", got.shares);
}

/// The usual size: twenty stances, two arms of six replicates, a constant stance among them.
#[test]
fn a_singular_matrix_has_factors_and_the_constant_stance_none() {
    for key in 0..10 {
        let mut stream = Stream::new(key);
        let loadings: Vec<Vec<f64>> = (0..20).map(|_| vec![0.7]).collect();
        let mut arms = [simulated(&mut stream, 6, &loadings), simulated(&mut stream, 6, &loadings)];
        arms.iter_mut().flatten().for_each(|row| row[4] = 1.0);
        let data = correlations(&arms).unwrap();
        let got = principal_axis(&data, 1).unwrap();
        assert!(got.columns.len() == 19 && !got.columns.contains(&4));
        assert!(got.loadings.iter().filter(|row| row[0] > 0.3).count() > 12, "{:?}", got.loadings);
        assert!(principal_axis(&data, 3).unwrap().varimax().is_ok());
    }
}

#[test]
fn same_seed_same_bits() {
    let data = correlations(&[simulated(&mut Stream::new(1), 12, &two_planted())]).unwrap();
    let run = |seed| parallel_analysis(&data, Threshold::Mean, 20, Seed(seed)).reference;
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn says_why_there_are_no_factors() {
    let data = correlations(&[simulated(&mut Stream::new(1), 12, &two_planted())]).unwrap();
    for asked in [0, 8, 9] {
        assert_eq!(principal_axis(&data, asked), Err(FactorError::Count { asked, columns: 8 }));
    }
    assert_eq!(
        FactorError::Count { asked: 8, columns: 8 }.to_string(),
        "8 factors of 8 columns that vary, needs one or more and fewer than columns"
    );
}

#[test]
fn uncorrelated_stances_have_empty_factors() {
    let rows = [[1.0, 1.0, 1.0], [-1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, 1.0]];
    let data = correlations(&[rows.iter().map(|row| row.to_vec()).collect()]).unwrap();
    let got = principal_axis(&data, 1).unwrap();
    assert!(got.communalities.iter().all(|h| *h < 1e-9), "{got:?}");
    assert!(got.varimax().is_ok());
}
