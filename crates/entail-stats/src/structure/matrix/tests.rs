use super::*;
use crate::structure::{correlations, tests::factor_tables};
use crate::test_support::is_close;

#[test]
fn eigenvalues_agree_with_numpy() {
    for (golden, table) in factor_tables() {
        let got = symmetric_eigen(correlations(&[table]).unwrap().matrix());
        for (value, want) in got.values.iter().zip(golden.floats("eigenvalues")) {
            assert!((value - want).abs() < 1e-12, "{value} {want} in {golden:?}");
        }
    }
}

#[test]
fn vectors_are_orthonormal_and_rebuild_the_matrix() {
    let matrix = [vec![4.0, 1.0, -2.0], vec![1.0, 2.0, 0.5], vec![-2.0, 0.5, 3.0]];
    let Eigen { values, vectors } = symmetric_eigen(&matrix);
    for i in 0..3 {
        for j in 0..3 {
            let product: f64 = (0..3).map(|k| vectors[i][k] * vectors[j][k]).sum();
            assert!(is_close(product, f64::from(i == j)), "{i} {j}: {product}");
            let rebuilt: f64 = (0..3).map(|k| values[k] * vectors[k][i] * vectors[k][j]).sum();
            assert!(is_close(rebuilt, matrix[i][j]), "{i} {j}: {rebuilt}");
        }
    }
}

#[test]
fn known_values() {
    let check = |matrix: &[Vec<f64>], want: &[f64]| {
        let got = symmetric_eigen(matrix).values;
        assert!(got.iter().zip(want).all(|(g, w)| is_close(*g, *w)), "{got:?} {want:?}");
        assert_eq!(got.len(), want.len());
    };
    check(&[], &[]);
    check(&[vec![7.0]], &[7.0]);
    check(&[vec![0.0, 0.0], vec![0.0, 0.0]], &[0.0, 0.0]);
    check(&[vec![1.0, 0.0], vec![0.0, 2.0]], &[2.0, 1.0]);
    check(&[vec![1.0, 1.0], vec![1.0, 1.0]], &[2.0, 0.0]);
    check(&[vec![0.0, 1.0], vec![1.0, 0.0]], &[1.0, -1.0]);
}

#[test]
fn the_peak_of_a_vector_is_positive() {
    assert_eq!(positive_at_peak(&[0.5, -0.8, 0.1]), [-0.5, 0.8, -0.1]);
    assert_eq!(positive_at_peak(&[0.8, -0.8]), [0.8, -0.8]);
    assert_eq!(positive_at_peak(&[0.0, 0.0]), [0.0, 0.0]);
}
