//! What a stance's movement tells about the arm: one that moves under everything tells nothing.

use crate::contrast::Direction;
use crate::summary::Interval;

/// What one arm does to one stance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Movement {
    /// The interval excludes zero.
    Moves(Direction),
    /// The whole interval is nearer to zero than the smallest effect of interest.
    Still,
    /// Neither: the data allow no effect and a relevant one.
    Unclear,
}

/// Reads an effect's interval against `smallest`, the smallest effect of interest, in its unit.
///
/// An interval that includes zero is no evidence of standing still, so that needs the interval
/// inside `(-smallest, smallest)` (equivalence: Schuirmann 1987); an interval inside that excludes
/// zero is an effect too small to matter, and [`Movement::Still`] as well. No interval is unclear.
///
/// # Panics
/// Unless `smallest` is positive.
pub fn movement(effect: Option<Interval>, smallest: f64) -> Movement {
    assert!(smallest > 0.0, "the smallest effect of interest is positive, got {smallest}");
    match effect {
        Some(Interval { low, high, .. }) if -smallest < low && high < smallest => Movement::Still,
        Some(effect) if effect.low > 0.0 => Movement::Moves(Direction::Up),
        Some(effect) if effect.high < 0.0 => Movement::Moves(Direction::Down),
        _ => Movement::Unclear,
    }
}

/// What a stance's movements under several arms say together. Arms are zero-based positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Diagnosticity {
    /// All arms, two or more, move it in one direction: it answers to training and not to a claim.
    MovesUnderEveryArm(Direction),
    /// One arm moves it and all others, one or more, leave it still.
    Specific {
        /// The arm.
        arm: usize,
        /// Where it goes.
        direction: Direction,
    },
    /// Some arm moves it, and neither of the above is established.
    MovesUnderSome {
        /// Arms that raise it.
        up: Vec<usize>,
        /// Arms that lower it.
        down: Vec<usize>,
        /// Arms that leave it still.
        still: Vec<usize>,
        /// Arms that may do either.
        unclear: Vec<usize>,
    },
    /// All arms leave it still.
    MovesUnderNone,
    /// No arm is seen to move it, but some arms' intervals are too wide to say.
    Unclear {
        /// Those arms.
        arms: Vec<usize>,
    },
}

/// Verdict on one stance from its effects against one baseline, an arm each (controls included;
/// `None` where an arm has no interval), and the smallest effect of interest in their unit.
///
/// Every arm is read at the confidence of its own interval: with twenty stances and several arms
/// some seem to move by chance, so hand over intervals at a confidence that allows for the number.
/// The baseline's own error is in every effect, so a poorly measured one moves under every arm.
///
/// # Panics
/// Unless `smallest` is positive, and without an arm.
pub fn diagnosticity(effects: &[Option<Interval>], smallest: f64) -> Diagnosticity {
    assert!(!effects.is_empty(), "a verdict needs an arm");
    let movements: Vec<Movement> = effects.iter().map(|&e| movement(e, smallest)).collect();
    let arms = |wanted: Movement| -> Vec<usize> {
        let hits = movements.iter().enumerate().filter(|(_, found)| **found == wanted);
        hits.map(|(arm, _)| arm).collect()
    };
    let up = arms(Movement::Moves(Direction::Up));
    let down = arms(Movement::Moves(Direction::Down));
    let (still, unclear) = (arms(Movement::Still), arms(Movement::Unclear));
    let n_others = effects.len() - 1;
    match (up.as_slice(), down.as_slice()) {
        ([], []) if unclear.is_empty() => Diagnosticity::MovesUnderNone,
        ([], []) => Diagnosticity::Unclear { arms: unclear },
        ([_, _, ..], []) if up.len() == effects.len() => {
            Diagnosticity::MovesUnderEveryArm(Direction::Up)
        }
        ([], [_, _, ..]) if down.len() == effects.len() => {
            Diagnosticity::MovesUnderEveryArm(Direction::Down)
        }
        (&[arm], []) if n_others > 0 && still.len() == n_others => {
            Diagnosticity::Specific { arm, direction: Direction::Up }
        }
        ([], &[arm]) if n_others > 0 && still.len() == n_others => {
            Diagnosticity::Specific { arm, direction: Direction::Down }
        }
        _ => Diagnosticity::MovesUnderSome { up, down, still, unclear },
    }
}

#[cfg(test)]
mod tests;
