use proptest::prelude::*;

use super::*;
use crate::test_support::{cases, goldens, is_close};

#[test]
fn agrees_with_statsmodels() {
    for golden in goldens("slope") {
        let (xs, ys) = (golden.floats("xs"), golden.floats("ys"));
        let got = slope(&xs, &ys, golden.float("confidence")).unwrap();
        golden.assert_close("slope", got.slope);
        golden.assert_close("intercept", got.intercept);
        golden.assert_close("low", got.low);
        golden.assert_close("high", got.high);
        golden.assert_close("r_squared", got.r_squared);
        golden.assert_same_digits("p", got.p);
    }
}

#[test]
fn says_why_there_is_no_line() {
    let check =
        |xs: &[f64], ys: &[f64], why| assert_eq!(slope(xs, ys, 0.95), Err(why), "{xs:?} {ys:?}");
    check(&[], &[], TooLittle::Values { got: 0, need: 3 });
    check(&[1.0, 2.0], &[1.0, 3.0], TooLittle::Values { got: 2, need: 3 });
    check(&[2.0, 2.0, 2.0], &[1.0, 2.0, 3.0], TooLittle::NoSpread);
    check(&[1.0, 2.0, 3.0], &[5.0, 5.0, 5.0], TooLittle::NoSpread);
    check(&[1.0, 2.0, 3.0], &[0.1, 0.2, 0.3], TooLittle::NoSpread);
    // The line is exact up to the rounding of x, which is large beside y.
    check(&[1e6 + 0.1, 1e6 + 0.2, 1e6 + 0.3], &[0.1, 0.2, 0.3], TooLittle::NoSpread);
    check(&[1e200, -1e200, 0.0], &[1.0, 2.0, 2.0], TooLittle::NotFinite);
    check(&[1.0, 2.0, f64::NAN], &[1.0, 2.0, 2.0], TooLittle::NotFinite);
    check(&[1.0, 2.0, 3.0], &[1.0, f64::INFINITY, 2.0], TooLittle::NotFinite);
    check(&[1.0, 2.0, 3.0], &[1e300, -1e300, 2e300], TooLittle::NotFinite);
}

#[test]
#[should_panic(expected = "one x and one y")]
fn slices_of_two_lengths_are_a_bug() {
    let _ = slope(&[1.0, 2.0, 3.0], &[1.0, 2.0], 0.95);
}

/// Points whose `x` are apart by construction.
fn points() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    prop::collection::vec((0.0..0.5_f64, -5.0..5.0_f64), 4..15)
        .prop_map(|points| points.iter().enumerate().map(|(i, (x, y))| (i as f64 + x, *y)).unzip())
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn order_does_not_matter((xs, ys) in points()) {
        let turned = |v: &[f64]| v.iter().rev().copied().collect::<Vec<_>>();
        let (a, b) = (slope(&xs, &ys, 0.95).unwrap(), slope(&turned(&xs), &turned(&ys), 0.95).unwrap());
        prop_assert!(is_close(a.low, b.low) && is_close(a.high, b.high) && is_close(a.p, b.p));
    }

    #[test]
    fn a_shear_moves_the_slope_and_nothing_else((xs, ys) in points(), tilt in -3.0..3.0_f64) {
        let sheared: Vec<f64> = xs.iter().zip(&ys).map(|(x, y)| y + tilt * x).collect();
        let (a, b) = (slope(&xs, &ys, 0.95).unwrap(), slope(&xs, &sheared, 0.95).unwrap());
        prop_assert!(is_close(a.slope + tilt, b.slope) && is_close(a.high - a.low, b.high - b.low));
        prop_assert!((0.0..=1.0).contains(&a.r_squared) && (0.0..=1.0).contains(&a.p));
    }
}
