use super::*;

#[test]
fn decimals_are_fixed_and_never_negative_zero() {
    let check = |input: f64, expected: &str| assert_eq!(decimal(input), expected);
    check(0.5, "0.500000");
    check(-0.000_000_1, "0.000000");
    check(-0.0, "0.000000");
    check(-0.25, "-0.250000");
    check(f64::NAN, "NaN");
}

#[test]
fn small_p_values_keep_their_digits() {
    let check = |input: f64, expected: &str| assert_eq!(p_decimal(input), expected);
    check(0.0123, "0.012300");
    check(0.000_012_345, "1.234e-05");
    check(1e-120, "1.000e-120");
    check(0.0, "0.000000");
    check(1.0, "1.000000");
    assert_eq!(p_short(Some(0.000_012_3)), "1.2e-05");
    assert_eq!(p_short(Some(0.04)), "0.040");
    assert_eq!(p_short(None), TOO_FEW);
}

#[test]
fn effects_carry_sign_and_interval() {
    let check = |e: Option<Estimate>, expected: &str| assert_eq!(effect(e), expected);
    check(None, "too few");
    check(
        Some(Estimate { estimate: 0.582, low: Some(0.51), high: Some(0.654) }),
        "+58.2 [51.0, 65.4]",
    );
    check(
        Some(Estimate { estimate: -0.03, low: Some(-0.06), high: Some(0.0) }),
        "−3.0 [−6.0, 0.0]",
    );
    check(Some(Estimate { estimate: -0.0001, low: None, high: None }), "0.0 [too few]");
}

#[test]
fn a_missing_share_is_words() {
    assert_eq!(share(None), "too few");
    assert_eq!(share(Some(0.0)), "0.0 %");
    assert_eq!(interval(Some(0.1), None), "[too few]");
}

#[test]
fn counts_have_thousands() {
    assert_eq!(
        [count(7), count(950), count(95_040), count(1_234_567)],
        ["7", "950", "95,040", "1,234,567"]
    );
}

#[test]
fn what_is_not_finite_says_so() {
    assert_eq!(points(f64::INFINITY), "not finite");
    assert_eq!(percent(f64::NAN), "not finite");
}

#[test]
fn probabilities_never_round_to_certainty() {
    let check = |p, expected: &str| assert_eq!(probability(p), expected);
    check(0.5, "50.0 %");
    check(0.9996, "> 99.9 %");
    check(1.0, "> 99.9 %");
    check(0.0, "< 0.1 %");
    check(f64::NAN, "not finite");
}
