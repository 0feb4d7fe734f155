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

/// Newton's steps climb: from above they would end at once.
#[test]
fn the_search_starts_below_the_critical_value_and_near_it() {
    for df in [1.0, 1.3, 2.0, 5.0, 9.6, 30.0, 1e4] {
        for confidence in [1e-9, 0.1, 0.5, 0.69, 0.8, 0.87, 0.95, 0.999, 1.0 - 1e-12] {
            let start = below_student_critical(normal_critical(confidence), df);
            let t = student_critical(confidence, df);
            assert!(start <= t * (1.0 + 1e-12), "df {df}, confidence {confidence}: {start} of {t}");
        }
    }
    for df in [4.0, 10.0, 1e6] {
        let start = below_student_critical(normal_critical(0.95), df);
        assert!(start > 0.997 * student_critical(0.95, df), "df {df}: {start}");
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

/// Between the middle and the far tail a difference from 1 would round to nothing.
#[test]
fn far_tails_are_no_zeros() {
    // scipy 1.17.1: 2 * stats.t.sf(t, df)
    for (t, df, want) in [(10.0, 200.0, 2.377_483e-19), (19.0, 400.0, 7.878_714e-58)] {
        let got = student_two_sided(t, df);
        assert!((got / want - 1.0).abs() < 1e-3, "{t} {df}: {got:e}");
    }
}
