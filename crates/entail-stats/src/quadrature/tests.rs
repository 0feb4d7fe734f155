use super::*;
use crate::test_support::is_close;

#[test]
fn integrates_polynomials_exactly() {
    for n in [1, 2, 5, 20, 48] {
        let rule = Rule::gauss_legendre(n);
        for power in 0..2 * n {
            let got: f64 = rule
                .nodes
                .iter()
                .zip(&rule.weights)
                .map(|(x, w)| w * x.powi(i32::try_from(power).unwrap()))
                .sum();
            let want = if power % 2 == 0 { 2.0 / (power as f64 + 1.0) } else { 0.0 };
            assert!(is_close(got, want), "power {power} with {n} nodes: {got}");
        }
    }
}

#[test]
fn finds_the_quantiles_of_a_density_known_at_the_nodes() {
    let rule = Rule::gauss_legendre(20);
    // The density exp(x) on [-1, 1].
    let masses: Vec<f64> = rule.nodes.iter().zip(&rule.weights).map(|(x, w)| w * x.exp()).collect();
    let whole = 1.0_f64.exp() - (-1.0_f64).exp();
    for share in [0.0, 0.025, 0.5, 0.975, 1.0] {
        let want = (share * whole + (-1.0_f64).exp()).ln();
        assert!((rule.quantile(&masses, share) - want).abs() < 1e-10);
    }
}

#[test]
fn an_axis_runs_from_nothing_to_its_reach() {
    let axis = Axis::up_to(2.0, 0.01);
    assert!(is_close(axis.deviation(-1.0), 0.0) && is_close(axis.deviation(1.0), 2.0));
    let rule = Rule::gauss_legendre(30);
    let length: f64 = rule.nodes.iter().zip(&rule.weights).map(|(&x, w)| w * axis.slope(x)).sum();
    assert!(is_close(length, 2.0));
}
