use proptest::prelude::*;

use super::*;
use crate::structure::tests::{rows, structure_goldens};
use crate::test_support::{Stream, cases, is_close, replicates};

#[test]
fn within_arm_correlations_agree_with_scipy_and_pingouin() {
    for golden in structure_goldens("correlations") {
        let arms: Vec<Vec<Vec<f64>>> =
            golden.json("arms").as_array().unwrap().iter().map(rows).collect();
        let got = correlations(&arms).unwrap();
        for pair in golden.json("pairs").as_array().unwrap() {
            let index = |key: &str| usize::try_from(pair[key].as_u64().unwrap()).unwrap();
            let tested = got.tested(index("i"), index("j"), golden.float("confidence")).unwrap();
            for (key, value) in [
                ("r", tested.estimate),
                ("low", tested.low),
                ("high", tested.high),
                ("p", tested.p),
            ] {
                let want = pair[key].as_f64().unwrap();
                assert!(is_close(value, want), "{key}: got {value}, want {want} in {pair}");
            }
        }
    }
}

#[test]
fn spearman_agrees_with_scipy() {
    for golden in structure_goldens("spearman") {
        let got = spearman(&golden.floats("xs"), &golden.floats("ys")).unwrap();
        golden.assert_close("rho", got.estimate);
        golden.assert_close("p", got.p.unwrap());
    }
}

#[test]
fn a_column_without_spread_is_left_out() {
    let rows = vec![vec![0.1, 1.0, 0.3], vec![0.2, 1.0, 0.1], vec![0.4, 1.0, 0.2]];
    let got = correlations(&[rows]).unwrap();
    assert_eq!(got.columns(), [0, 2]);
    assert_eq!(got.between(0, 1), None);
    assert_eq!(got.between(0, 2), Some(got.matrix()[0][1]));
    assert_eq!(got.between(0, 3), None);
    assert_eq!(got.tested(1, 2, 0.95), Err(TooLittle::NoSpread));
    assert_eq!(got.tested(0, 2, 0.95), Err(TooLittle::Values { got: 3, need: 4 }));
}

#[test]
fn spread_between_arms_is_no_spread_within() {
    let arms = [vec![vec![0.9, 0.1], vec![0.9, 0.3], vec![0.9, 0.2]], vec![vec![0.1, 0.2]; 2]];
    assert_eq!(correlations(&arms).unwrap().columns(), [1]);
}

#[test]
fn each_arm_costs_a_row() {
    let arm = |n: usize| (0..n).map(|i| vec![i as f64, (i * i) as f64]).collect::<Vec<_>>();
    let counted = |arms: &[Vec<Vec<f64>>]| correlations(arms).map(|got| got.rows());
    assert_eq!(counted(&[arm(5)]), Ok(5));
    assert_eq!(counted(&[arm(5), arm(4)]), Ok(8));
    assert_eq!(counted(&[arm(5), arm(1)]), Ok(5));
    assert_eq!(counted(&[arm(5), arm(0)]), Ok(5));
    assert_eq!(counted(&[arm(2), arm(1)]), Err(TooLittle::Values { got: 2, need: 3 }));
    assert_eq!(counted(&[]), Err(TooLittle::Values { got: 1, need: 3 }));
}

#[test]
fn says_why_there_is_no_correlation() {
    let check = |xs: &[f64], ys: &[f64], why| {
        assert_eq!(correlation(xs, ys, 0.95), Err(why), "{xs:?} {ys:?}");
    };
    check(&[], &[], TooLittle::Values { got: 0, need: 4 });
    check(&[1.0, 2.0, 4.0], &[1.0, 3.0, 2.0], TooLittle::Values { got: 3, need: 4 });
    check(&[1.0; 4], &[1.0, 3.0, 2.0, 5.0], TooLittle::NoSpread);
    check(&[1.0, 3.0, 2.0, 5.0], &[0.1, 0.3, 0.2, 0.5], TooLittle::NoSpread);
    check(&[1.0, 3.0, 2.0, 5.0], &[-1.0, -3.0, -2.0, -5.0], TooLittle::NoSpread);
    check(&[1.0, 3.0, f64::NAN, 5.0], &[0.1, 0.3, 0.2, 0.9], TooLittle::NotFinite);
    check(&[1e200, -3e200, 0.0, 5.0], &[0.1, 0.3, 0.2, 0.9], TooLittle::NotFinite);
}

#[test]
fn says_why_there_is_no_rank_correlation() {
    let check = |xs: &[f64], ys: &[f64], why| assert_eq!(spearman(xs, ys), Err(why));
    check(&[], &[], TooLittle::Values { got: 1, need: 3 });
    check(&[1.0, 2.0], &[1.0, 3.0], TooLittle::Values { got: 2, need: 3 });
    check(&[1.0, 2.0, 3.0], &[1.0; 3], TooLittle::NoSpread);
    check(&[1.0, 2.0, f64::INFINITY], &[1.0, 2.0, 3.0], TooLittle::NotFinite);
}

#[test]
fn a_perfect_order_has_no_p() {
    let got = spearman(&[1.0, 2.0, 3.0, 9.0], &[-1.0, -20.0, -30.0, -31.0]).unwrap();
    assert!(is_close(got.estimate, -1.0) && got.p.is_none());
}

#[test]
#[should_panic(expected = "one number for each stance")]
fn ragged_rows_are_a_bug() {
    let _ = correlations(&[vec![vec![1.0, 2.0], vec![1.0], vec![2.0, 3.0]]]);
}

#[test]
fn ties_share_their_mean_rank() {
    assert_eq!(mean_ranks(&[3.0, 1.0, 3.0, 7.0]), [2.5, 1.0, 2.5, 4.0]);
    assert_eq!(mean_ranks(&[2.0, 2.0, 2.0]), [2.0, 2.0, 2.0]);
}

/// Effects of arms correlate stances that have nothing else in common; their means out of the way,
/// the intervals cover zero as often as they say.
#[test]
fn within_arm_intervals_cover_and_plain_ones_do_not() {
    let (mut within, mut plain) = (0, 0);
    for key in 0..1000 {
        let mut stream = Stream::new(key);
        let mut arm = |by: f64| -> Vec<Vec<f64>> {
            (0..6).map(|_| vec![stream.normal(by, 1.0), stream.normal(by, 1.0)]).collect()
        };
        let arms = [arm(0.0), arm(2.0), arm(-2.0)];
        let holds = |arms: &[Vec<Vec<f64>>]| {
            let got = correlations(arms).unwrap().tested(0, 1, 0.95).unwrap();
            got.low <= 0.0 && 0.0 <= got.high
        };
        within += i32::from(holds(&arms));
        plain += i32::from(holds(&[arms.concat()]));
    }
    assert!((930..=970).contains(&within), "within arms {within}");
    assert!(plain < 200, "plain {plain}");
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn units_and_direction_change_the_sign_only(
        points in prop::collection::vec((-5.0..5.0_f64, -5.0..5.0_f64), 4..12),
        shift in -10.0..10.0_f64,
    ) {
        let (xs, ys): (Vec<f64>, Vec<f64>) = points.into_iter().unzip();
        let turned: Vec<f64> = ys.iter().map(|y| shift - 3.0 * y).collect();
        let (a, b) = (correlation(&xs, &ys, 0.9).unwrap(), correlation(&xs, &turned, 0.9).unwrap());
        prop_assert!((a.estimate + b.estimate).abs() < 1e-9 && (a.low + b.high).abs() < 1e-9);
        prop_assert!((-1.0..=1.0).contains(&a.low) && a.low < a.estimate && a.estimate < a.high);
    }

    #[test]
    fn ranks_forget_a_rising_scale(xs in replicates(), ys in replicates()) {
        let n = xs.len().min(ys.len());
        prop_assume!(n >= 3);
        let cubes: Vec<f64> = xs[..n].iter().map(|x| x.powi(3)).collect();
        let (a, b) = (spearman(&xs[..n], &ys[..n]).unwrap(), spearman(&cubes, &ys[..n]).unwrap());
        prop_assert!(is_close(a.estimate, b.estimate));
    }

    #[test]
    fn ranks_sum_as_they_must(xs in replicates()) {
        let n = xs.len() as f64;
        prop_assert!(is_close(mean_ranks(&xs).iter().sum(), n * (n + 1.0) / 2.0));
    }
}
