use super::*;
use crate::svg::tests::{NAMES, check_labels};

fn matrix(n: usize) -> Vec<Vec<Option<f64>>> {
    let value =
        |i: usize, j: usize| (i != 1 && j != 1).then_some(((i * j) % 19) as f64 / 9.0 - 1.0);
    (0..n).map(|i| (0..n).map(|j| value(i, j)).collect()).collect()
}

#[test]
fn labels_do_not_overlap_for_any_number_of_stances() {
    for n in [0, 1, 2, 20, 44] {
        let names: Vec<&str> = (0..n).map(|idx| NAMES[idx % NAMES.len()]).collect();
        check_labels(&heat(&names, &matrix(n)));
    }
}

#[test]
fn what_does_not_vary_is_a_dash_and_no_color() {
    let squares = |values: &[Vec<Option<f64>>]| heat(&["a", "b"], values).finish("x");
    let none = squares(&[vec![Some(1.0), None], vec![None, Some(1.0)]]);
    assert!(none.contains("b with a: does not vary"));
    let some = squares(&[vec![Some(1.0), Some(-0.7)], vec![Some(-0.7), Some(1.0)]]);
    assert!(some.contains("b with a: −0.70") && some.contains("−.7"));
    assert_eq!(some.matches("<rect").count(), none.matches("<rect").count() + 1);
}

#[test]
fn rows_that_are_missing_are_dashes() {
    assert!(heat(&["a", "b"], &[]).finish("x").contains("does not vary"));
}

#[test]
fn color_follows_sign_and_strength() {
    let check = |value, expected: &str| assert_eq!(class(value), expected);
    check(0.0, "hp o0");
    check(0.3, "hp o2");
    check(-0.9, "hn o4");
    assert_eq!([short(0.7), short(-0.25), short(1.0), short(0.0)], [".7", "−.2", "1", ".0"]);
}
