use serde_json::Value;

use super::*;
use crate::test_support::{Golden, Stream, goldens_in, is_close};

/// The cases that `fixtures/stats/make_structure.py` wrote for one function.
pub(super) fn structure_goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../../fixtures/stats/structure.json"), function)
}

/// Cases of factors with their tables.
pub(super) fn factor_tables() -> Vec<(Golden, Vec<Vec<f64>>)> {
    let with_table = |golden: Golden| {
        let table = rows(golden.json("table"));
        (golden, table)
    };
    structure_goldens("factors").into_iter().map(with_table).collect()
}

/// A list of lists of numbers.
pub(super) fn rows(value: &Value) -> Vec<Vec<f64>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect();
    value.as_array().unwrap().iter().map(row).collect()
}

/// `golden` holds what `got` should be, under `estimate`, `error`, `low` and `high`.
pub(super) fn assert_coefficient(golden: &Value, got: &Coefficient) {
    let fields =
        [("estimate", got.estimate), ("error", got.error), ("low", got.low), ("high", got.high)];
    for (key, value) in fields {
        let want = golden[key].as_f64().unwrap();
        assert!(is_close(value, want), "{key}: got {value}, want {want} in {golden}");
    }
}

/// Replicates of stances that hang together through `loadings[stance][factor]`.
pub(super) fn simulated(stream: &mut Stream, rows: usize, loadings: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let mut row = || -> Vec<f64> {
        let factors: Vec<f64> = loadings[0].iter().map(|_| stream.normal(0.0, 1.0)).collect();
        let stance = |row: &Vec<f64>| {
            let common: f64 = row.iter().zip(&factors).map(|(l, f)| l * f).sum();
            let own = 1.0 - row.iter().map(|l| l * l).sum::<f64>();
            common + stream.normal(0.0, own.sqrt())
        };
        loadings.iter().map(stance).collect()
    };
    (0..rows).map(|_| row()).collect()
}

#[test]
fn quantiles_lie_between_neighbours() {
    let check = |values: &[f64], share, want| {
        assert!(is_close(quantile(values, share), want), "{values:?} at {share}");
    };
    check(&[3.0], 0.4, 3.0);
    check(&[1.0, 2.0], 0.0, 1.0);
    check(&[1.0, 2.0], 1.0, 2.0);
    check(&[1.0, 2.0], 0.25, 1.25);
    check(&[1.0, 2.0, 10.0], 0.75, 6.0);
    check(&[1.0, 2.0, 10.0], 0.5, 2.0);
}
