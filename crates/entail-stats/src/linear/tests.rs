use super::*;

#[test]
fn factors_the_textbook_matrix() {
    // Rows 2 0 0, 6 1 0, -8 5 3.
    let matrix = [4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
    let factor = Cholesky::of(matrix.to_vec(), 3).unwrap();
    assert!((factor.log_determinant() - 36.0_f64.ln()).abs() < 1e-12);
    let mut x = [2.0, 7.0, 0.0];
    factor.solve_lower(&mut x);
    assert!(x.iter().all(|x| (x - 1.0).abs() < 1e-12), "{x:?}");
    assert!((dot(&x, &x) - 3.0).abs() < 1e-12);
}

#[test]
fn a_matrix_without_full_rank_has_no_factor() {
    assert!(Cholesky::of(vec![1.0, 1.0, 1.0, 1.0], 2).is_none());
    assert!(Cholesky::of(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    assert!(Cholesky::of(vec![0.0], 1).is_none());
}
