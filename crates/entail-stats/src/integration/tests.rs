use super::*;

#[test]
fn nodes_integrate_bells_and_high_powers() {
    let integral = |low, high, widest, f: fn(f64) -> f64| {
        nodes(low, high, widest).map(|(x, weight)| weight * f(x)).sum::<f64>()
    };
    let check = |got: f64, want: f64| assert!((got - want).abs() <= 1e-12, "{got} {want}");
    check(integral(-1.0, 1.0, 5.0, |x| x.powi(30)), 2.0 / 31.0);
    check(integral(-9.0, 9.0, 2.0, |x| (-0.5 * x * x).exp()), std::f64::consts::TAU.sqrt());
    check(integral(2.0, 2.0, 1.0, f64::exp), 0.0);
}

#[test]
fn nodes_lie_inside_and_weigh_the_width() {
    let all: Vec<(f64, f64)> = nodes(1.0, 4.0, 0.7).collect();
    assert_eq!(all.len(), 5 * 16);
    assert!(all.iter().all(|(x, weight)| *x > 1.0 && *x < 4.0 && *weight > 0.0));
    assert!((all.iter().map(|(_, weight)| weight).sum::<f64>() - 3.0).abs() < 1e-13);
}

#[test]
fn roots_are_found_from_either_side_and_at_an_end() {
    let check = |low, high, f: fn(f64) -> f64, want: f64| {
        let got = root(low, high, f);
        assert!((got - want).abs() <= 1e-13, "{got} {want}");
    };
    check(0.0, 2.0, |x| x * x - 2.0, std::f64::consts::SQRT_2);
    check(2.0, 0.0, |x| x * x - 2.0, std::f64::consts::SQRT_2);
    check(-50.0, 3.0, |x| x.exp() - 1.0, 0.0);
    check(0.0, 1.0, |x| x, 0.0);
    check(0.0, 1.0, |x| x - 1.0, 1.0);
}

#[test]
#[should_panic(expected = "a change of sign")]
fn a_root_outside_the_ends_is_a_bug() {
    root(1.0, 2.0, |x| x);
}
