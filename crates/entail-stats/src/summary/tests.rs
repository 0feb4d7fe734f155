use proptest::prelude::*;

use super::*;
use crate::test_support::{cases, goldens, is_close, replicates};

#[test]
fn agrees_with_scipy() {
    for golden in goldens("mean_interval") {
        let xs = golden.floats("xs");
        let got = mean_interval(&xs, golden.float("confidence")).unwrap();
        golden.assert_close("mean", got.estimate);
        golden.assert_close("mean", mean(&xs).unwrap());
        golden.assert_close("standard_deviation", standard_deviation(&xs).unwrap());
        golden.assert_close("standard_error", standard_error(&xs).unwrap());
        golden.assert_close("low", got.low);
        golden.assert_close("high", got.high);
    }
}

#[test]
fn says_none_rather_than_a_number_when_there_is_too_little() {
    let all = |xs: &[f64]| {
        [
            mean(xs),
            standard_deviation(xs),
            standard_error(xs),
            mean_interval(xs, 0.95).map(|i| i.low),
        ]
        .map(|answer| answer.is_some())
    };
    let check = |xs: &[f64], expected| assert_eq!(all(xs), expected, "{xs:?}");
    check(&[], [false; 4]);
    check(&[0.5], [true, false, false, false]);
    check(&[0.5, 0.5], [true, true, true, false]);
    check(&[0.5, 0.6], [true; 4]);
    check(&[0.5, f64::NAN], [false; 4]);
    check(&[f64::INFINITY, 0.5], [false; 4]);
    check(&[f64::MAX, f64::MAX], [false; 4]);
    check(&[1e200, -1e200], [true, false, false, false]);
}

#[test]
fn rounding_is_not_spread() {
    let check = |xs: &[f64], has_spread| {
        assert_eq!(standard_deviation(xs).unwrap() > 0.0, has_spread, "{xs:?}");
    };
    check(&[0.1, 0.1, 0.1], false);
    check(&[0.1 + 0.2, 0.3], false);
    check(&[0.0, 0.0], false);
    check(&[0.0, 1e-150], true);
    check(&[1.0, 1.0 + 1e-10], true);
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn order_does_not_matter(xs in replicates()) {
        let mut turned = xs.clone();
        turned.reverse();
        let (a, b) = (mean_interval(&xs, 0.95).unwrap(), mean_interval(&turned, 0.95).unwrap());
        prop_assert!(is_close(a.low, b.low) && is_close(a.high, b.high));
    }

    #[test]
    fn more_confidence_is_wider(xs in replicates(), low in 0.01..0.5_f64, more in 0.01..0.49_f64) {
        let (narrow, wide) = (mean_interval(&xs, low).unwrap(), mean_interval(&xs, low + more).unwrap());
        prop_assert!(wide.low < narrow.low && narrow.high < wide.high);
    }
}
