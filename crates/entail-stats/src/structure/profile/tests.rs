use proptest::prelude::*;

use super::*;
use crate::regression;
use crate::structure::tests::{assert_coefficient, structure_goldens};
use crate::test_support::{Stream, cases};

const ALIKE: PointErrors = PointErrors { ratio: 1.0, correlation: 0.0 };

#[test]
fn deming_agrees_with_total_least_squares_of_numpy_and_scipy() {
    for golden in structure_goldens("deming") {
        let (xs, ys) = (golden.floats("xs"), golden.floats("ys"));
        let (ratio, correlation) = (golden.float("ratio"), golden.float("correlation"));
        let errors = PointErrors { ratio, correlation };
        let got = deming(&xs, &ys, errors, golden.float("confidence"));
        let got = got.unwrap();
        assert_coefficient(golden.json("slope"), &got.slope);
        assert_coefficient(golden.json("intercept"), &got.intercept);
    }
}

#[test]
fn deming_has_the_published_line() {
    let golden = &structure_goldens("deming")[0];
    let errors = PointErrors { ratio: 0.25, correlation: 0.0 };
    let got = deming(&golden.floats("xs"), &golden.floats("ys"), errors, 0.95).unwrap();
    assert!((got.intercept.estimate + 0.08974).abs() < 5e-6, "{got:?}");
    assert!((got.slope.estimate - 1.00119).abs() < 5e-6, "{got:?}");
}

#[test]
fn says_why_there_is_no_line() {
    let check = |xs: &[f64], ys: &[f64], why| {
        assert_eq!(deming(xs, ys, ALIKE, 0.95), Err(why), "{xs:?} {ys:?}");
    };
    check(&[1.0, 2.0, 3.0], &[1.0, 2.0, 4.0], TooLittle::Values { got: 3, need: 4 });
    check(&[1.0; 5], &[1.0, 2.0, 4.0, 3.0, 5.0], TooLittle::NoSpread);
    check(&[1.0, 2.0, 3.0, 4.0], &[1.0; 4], TooLittle::NoSpread);
    check(&[1.0, 2.0, 3.0, 5.0], &[2.0, 4.0, 6.0, 10.0], TooLittle::NoSpread);
    check(&[1.0, 2.0, 3.0, f64::NAN], &[1.0, 2.0, 4.0, 3.0], TooLittle::NotFinite);
    // An upright line: y spreads more than x and neither follows the other.
    check(&[-1.0, 1.0, -1.0, 1.0], &[-9.0, -9.0, 9.0, 9.0], TooLittle::NotFinite);
}

#[test]
#[should_panic(expected = "ratio of error variances is positive")]
fn a_ratio_of_zero_is_a_bug() {
    let errors = PointErrors { ratio: 0.0, ..ALIKE };
    let _ = deming(&[1.0, 2.0, 3.0, 5.0], &[1.0, 2.0, 4.0, 3.0], errors, 0.95);
}

#[test]
#[should_panic(expected = "correlation of errors is between -1 and 1")]
fn a_correlation_of_one_is_a_bug() {
    let errors = PointErrors { correlation: 1.0, ..ALIKE };
    let _ = deming(&[1.0, 2.0, 3.0, 5.0], &[1.0, 2.0, 4.0, 3.0], errors, 0.95);
}

/// Errors in both profiles: least squares is bent to zero, Deming's interval covers.
#[test]
fn deming_covers_where_least_squares_is_attenuated() {
    let (mut by_deming, mut by_squares) = (0, 0);
    for key in 0..1000 {
        let mut stream = Stream::new(key);
        let mut point = || {
            let truth = stream.normal(0.1, 0.3);
            (stream.normal(truth, 0.15), stream.normal(truth, 0.15))
        };
        let (xs, ys): (Vec<f64>, Vec<f64>) = (0..20).map(|_| point()).unzip();
        let line = deming(&xs, &ys, ALIKE, 0.95).unwrap().slope;
        let squares = regression::slope(&xs, &ys, 0.95).unwrap();
        by_deming += i32::from(line.low <= 1.0 && 1.0 <= line.high);
        by_squares += i32::from(squares.low <= 1.0 && 1.0 <= squares.high);
    }
    assert!((925..=970).contains(&by_deming), "Deming {by_deming}");
    assert!(by_squares < 750, "least squares {by_squares}");
}

/// Two arms that move the stances oppositely, measured against one noisy control.
#[test]
fn a_shared_control_bends_the_line_unless_it_is_told() {
    let (mut told, mut untold) = (0, 0);
    for key in 0..1000 {
        let mut stream = Stream::new(key);
        let mut point = || {
            let (truth, control) = (stream.normal(0.0, 0.3), stream.normal(0.0, 0.2));
            (stream.normal(truth, 0.15) - control, stream.normal(-0.5 * truth, 0.15) - control)
        };
        let (xs, ys): (Vec<f64>, Vec<f64>) = (0..20).map(|_| point()).unzip();
        let holds = |correlation| {
            let line = deming(&xs, &ys, PointErrors { ratio: 1.0, correlation }, 0.95).unwrap();
            i32::from(line.slope.low <= -0.5 && -0.5 <= line.slope.high)
        };
        told += holds(0.64);
        untold += holds(0.0);
    }
    assert!((925..=970).contains(&told), "told {told}");
    assert!(untold < 870, "untold {untold}");
}

fn points() -> impl Strategy<Value = Vec<(f64, f64)>> {
    prop::collection::vec((-5.0..5.0_f64, -2.0..2.0_f64), 5..15)
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn exchanged_axes_give_the_inverse_line(
        points in points(),
        ratio in 0.2..5.0_f64,
        correlation in -0.5..0.5_f64,
    ) {
        let (xs, noise): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let ys: Vec<f64> = xs.iter().zip(&noise).map(|(x, e)| 2.0 * x + e).collect();
        let there = line(&xs, &ys, PointErrors { ratio, correlation }).unwrap();
        let back = line(&ys, &xs, PointErrors { ratio: 1.0 / ratio, correlation }).unwrap();
        prop_assert!((there[1] * back[1] - 1.0).abs() < 1e-6, "{:?} {:?}", there, back);
    }

    #[test]
    fn sure_x_give_least_squares(points in points()) {
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let squares = regression::slope(&xs, &ys, 0.95).unwrap();
        let got = line(&xs, &ys, PointErrors { ratio: 1e9, correlation: 0.0 }).unwrap();
        prop_assert!((got[1] - squares.slope).abs() < 1e-6, "{:?} {:?}", got, squares);
    }
}
