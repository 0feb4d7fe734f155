//! What is held against what.

use std::fmt::Display;

use crate::child::Ended;

/// One figure with its bound.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) bound: String,
    pub(super) figure: String,
    pub(super) holds: bool,
}

/// The checks of a scenario.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<Check>);

impl Checks {
    pub(super) fn list(self) -> Vec<Check> {
        self.0
    }

    /// Takes over those of a part.
    pub(super) fn extend(&mut self, part: Self) {
        self.0.extend(part.0);
    }

    /// A check in words.
    pub(super) fn holds(
        &mut self,
        name: impl Into<String>,
        bound: impl Into<String>,
        figure: impl Into<String>,
        holds: bool,
    ) {
        self.0.push(Check { name: name.into(), bound: bound.into(), figure: figure.into(), holds });
    }

    /// A number that must be this one.
    pub(super) fn equal<T: Copy + Display + PartialEq>(
        &mut self,
        name: impl Into<String>,
        found: T,
        expected: T,
    ) {
        self.holds(name, format!("{expected}"), format!("{found}"), found == expected);
    }

    /// A number that may not be larger.
    pub(super) fn at_most(&mut self, name: &str, found: f64, bound: f64, unit: &str) {
        self.holds(name, format!("≤ {bound} {unit}"), format!("{found} {unit}"), found <= bound);
    }

    /// A number that may not be smaller.
    pub(super) fn at_least(&mut self, name: &str, found: f64, bound: f64, unit: &str) {
        self.holds(name, format!("≥ {bound} {unit}"), format!("{found} {unit}"), found >= bound);
    }

    /// A run that must end with this code within this time, and say all of these words.
    pub(super) fn ends(&mut self, name: &str, ended: &Ended, expected: &End<'_>) {
        let End { code, seconds, words } = *expected;
        let missing: Vec<&str> =
            words.iter().copied().filter(|word| !ended.stderr.contains(word)).collect();
        let holds = ended.code == Some(code) && ended.seconds <= seconds && missing.is_empty();
        let mut figure = format!("exit {}, {:.1} s", ended.code_text(), ended.seconds);
        if holds {
            figure = format!("{figure}: {}", ended.error_line());
        } else {
            figure = format!("{figure}, does not say {missing:?}: {}", ended.last_words());
        }
        let bound = format!("exit {code} within {seconds} s, says {}", words.join(", "));
        self.holds(name, bound, figure, holds);
    }
}

/// How a run must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    pub(super) code: i32,
    pub(super) seconds: f64,
    pub(super) words: &'a [&'a str],
}
