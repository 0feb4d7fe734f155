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
fn right_sides_are_solved_alike_alone_and_together() {
    let matrix = vec![4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0];
    let factor = Cholesky::of(matrix, 3).unwrap();
    let mut alone = [[0.1, -7.3, 2.9], [11.7, 0.3, -0.7]];
    let mut together = [0.1, 11.7, -7.3, 0.3, 2.9, -0.7];
    for x in &mut alone {
        factor.solve_lower(x);
    }
    factor.solve_lower_all(&mut together, 2);
    let bits = |x: f64| x.to_bits();
    for (row, pair) in together.chunks_exact(2).enumerate() {
        assert_eq!([bits(pair[0]), bits(pair[1])], [bits(alone[0][row]), bits(alone[1][row])]);
    }
}

#[test]
fn a_matrix_without_full_rank_has_no_factor() {
    assert!(Cholesky::of(vec![1.0, 1.0, 1.0, 1.0], 2).is_none());
    assert!(Cholesky::of(vec![1.0, 2.0, 2.0, 1.0], 2).is_none());
    assert!(Cholesky::of(vec![0.0], 1).is_none());
}
