use super::*;

fn check(expected: Expectation, interval: (f64, f64), outcome: ForecastOutcome) {
    assert_eq!(super::outcome(expected, interval, 0.1), outcome, "{expected:?} {interval:?}");
}

#[test]
fn a_direction_is_missed_once_the_interval_is_clear_of_what_matters() {
    use ForecastOutcome::{Hit, Miss, Undecided};
    let rises = Expectation::Direction(ExpectedDirection::Rises);
    check(rises, (0.02, 0.3), Hit);
    check(rises, (-0.02, 0.3), Undecided);
    check(rises, (-0.02, 0.08), Miss);
    check(rises, (0.01, 0.08), Miss);
    check(rises, (-0.5, -0.2), Miss);
    let falls = Expectation::Direction(ExpectedDirection::Falls);
    check(falls, (-0.3, -0.02), Hit);
    check(falls, (0.1, 0.2), Miss);
    check(falls, (-0.2, 0.2), Undecided);
    let stays = Expectation::Direction(ExpectedDirection::Stays);
    check(stays, (-0.05, 0.05), Hit);
    check(stays, (0.02, 0.05), Hit);
    check(stays, (0.02, 0.3), Undecided);
    check(stays, (0.12, 0.3), Miss);
    check(stays, (-0.3, -0.12), Miss);
    check(stays, (-0.2, 0.3), Undecided);
}

#[test]
fn a_range_is_hit_from_within_and_missed_from_without() {
    use ForecastOutcome::{Hit, Miss, Undecided};
    let range = Expectation::Range([0.1, 0.4]);
    check(range, (0.15, 0.35), Hit);
    check(range, (0.05, 0.35), Undecided);
    check(range, (0.45, 0.6), Miss);
    check(range, (-0.3, 0.05), Miss);
}
