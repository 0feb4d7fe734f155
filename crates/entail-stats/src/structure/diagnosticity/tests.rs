use super::Diagnosticity::{MovesUnderEveryArm, MovesUnderNone, MovesUnderSome, Specific, Unclear};
use super::Direction::{Down, Up};
use super::*;

const RISES: (f64, f64) = (0.1, 0.3);
const FALLS: (f64, f64) = (-0.3, -0.1);
const RESTS: (f64, f64) = (-0.02, 0.03);
const VAGUE: (f64, f64) = (-0.1, 0.3);

fn interval((low, high): (f64, f64)) -> Interval {
    Interval { estimate: f64::midpoint(low, high), low, high }
}

#[test]
fn one_movement() {
    let check = |ends, want| {
        assert_eq!(movement(Some(interval(ends)), 0.05), want, "{ends:?}");
    };
    check(RISES, Movement::Moves(Up));
    check(FALLS, Movement::Moves(Down));
    check(RESTS, Movement::Still);
    check(VAGUE, Movement::Unclear);
    // Clear of zero, but too small to matter; clear of zero, and perhaps large enough.
    check((0.01, 0.04), Movement::Still);
    check((0.01, 0.06), Movement::Moves(Up));
    check((-0.06, -0.01), Movement::Moves(Down));
    // An end that touches decides for nothing.
    check((0.0, 0.2), Movement::Unclear);
    check((-0.05, 0.01), Movement::Unclear);
    check((f64::NAN, f64::NAN), Movement::Unclear);
    assert_eq!(movement(None, 0.05), Movement::Unclear);
}

#[test]
fn verdicts() {
    let check = |effects: &[(f64, f64)], want: Diagnosticity| {
        let effects: Vec<_> = effects.iter().map(|&ends| Some(interval(ends))).collect();
        assert_eq!(diagnosticity(&effects, 0.05), want, "{effects:?}");
    };
    let some = |up: &[usize], down: &[usize], still: &[usize], unclear: &[usize]| MovesUnderSome {
        up: up.to_vec(),
        down: down.to_vec(),
        still: still.to_vec(),
        unclear: unclear.to_vec(),
    };
    check(&[RISES, RISES, RISES], MovesUnderEveryArm(Up));
    check(&[FALLS, FALLS], MovesUnderEveryArm(Down));
    check(&[RESTS, RISES, RESTS], Specific { arm: 1, direction: Up });
    check(&[FALLS, RESTS], Specific { arm: 0, direction: Down });
    check(&[RESTS, RESTS], MovesUnderNone);
    check(&[RESTS], MovesUnderNone);
    check(&[RESTS, VAGUE, VAGUE], Unclear { arms: vec![1, 2] });
    // Both directions tell arms apart though all arms move it.
    check(&[RISES, FALLS], some(&[0], &[1], &[], &[]));
    check(&[RISES, RISES, RESTS], some(&[0, 1], &[], &[2], &[]));
    // An arm that might move it keeps the other from being the only one, or one of all.
    check(&[RISES, RESTS, VAGUE], some(&[0], &[], &[1], &[2]));
    check(&[RISES, RISES, VAGUE], some(&[0, 1], &[], &[], &[2]));
    // One arm alone is neither every arm nor the only one of several.
    check(&[RISES], some(&[0], &[], &[], &[]));
}

#[test]
fn an_arm_without_an_interval_is_unclear() {
    let effects = [Some(interval(RESTS)), None];
    assert_eq!(diagnosticity(&effects, 0.05), Unclear { arms: vec![1] });
}

#[test]
#[should_panic(expected = "smallest effect of interest is positive")]
fn a_margin_of_zero_is_a_bug() {
    movement(None, 0.0);
}

#[test]
#[should_panic(expected = "a verdict needs an arm")]
fn no_arm_is_a_bug() {
    diagnosticity(&[], 0.05);
}
