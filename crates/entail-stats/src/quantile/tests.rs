use super::*;
use crate::test_support::goldens;

#[test]
fn critical_values_agree_with_scipy() {
    for golden in goldens("student") {
        let t = student_critical(golden.float("confidence"), golden.float("df"));
        golden.assert_same_digits("t", t);
    }
}

#[test]
fn critical_value_and_p_are_inverse() {
    for df in [1.0, 1.7, 4.0, 33.3, 1000.0] {
        for confidence in [1e-6, 0.01, 0.5, 0.95, 1.0 - 1e-9, 1.0 - f64::EPSILON / 2.0] {
            let p = student_two_sided(student_critical(confidence, df), df);
            assert!(
                (p / (1.0 - confidence) - 1.0).abs() < 1e-8,
                "df {df}, confidence {confidence}: p {p}"
            );
        }
    }
}

#[test]
fn p_of_a_tiny_t_keeps_its_distance_from_one() {
    // The density of t with one degree of freedom is 1/pi at zero.
    let p = student_two_sided(1e-9, 1.0);
    assert!(((1.0 - p) / (2e-9 / std::f64::consts::PI) - 1.0).abs() < 1e-6);
}

#[test]
#[should_panic(expected = "strictly between 0 and 1")]
fn confidence_in_percent_is_a_bug() {
    normal_critical(95.0);
}

#[test]
#[should_panic(expected = "strictly between 0 and 1")]
fn confidence_of_nan_is_a_bug() {
    normal_critical(f64::NAN);
}
