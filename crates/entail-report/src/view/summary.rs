//! What page and terminal say in the same words about forecasts, headlines, families and variances.

use entail_schema::{
    ContrastRow, ForecastOutcome, ForecastRow, HeadlineRow, Standing, Tables, Verdict,
};

use super::{View, is_block};
use crate::format::{TOO_FEW, count, effect, points};

/// How the forecasts came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Outcomes {
    /// Another result than expected.
    pub(crate) misses: usize,
    /// The interval allows the forecast and its opposite.
    pub(crate) undecided: usize,
    /// As expected.
    pub(crate) hits: usize,
}

/// How many stances of a family came to which verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// Move upwards.
    pub(crate) up: usize,
    /// Move downwards.
    pub(crate) down: usize,
    /// Move by less than matters.
    pub(crate) little: usize,
    /// Do not move.
    pub(crate) still: usize,
    /// Neither could be shown.
    pub(crate) undecided: usize,
    /// No interval.
    pub(crate) too_few: usize,
}

/// The family of one contrast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family<'a> {
    /// Arm.
    pub(crate) arm: &'a str,
    /// Control.
    pub(crate) control: &'a str,
    /// Verdicts.
    pub(crate) tally: Tally,
}

impl Outcomes {
    /// Counts over all forecasts.
    pub(crate) fn of(rows: &[ForecastRow]) -> Self {
        let n = |outcome| rows.iter().filter(|row| row.outcome == outcome).count();
        Self {
            misses: n(ForecastOutcome::Miss),
            undecided: n(ForecastOutcome::Undecided),
            hits: n(ForecastOutcome::Hit),
        }
    }

    /// `2 of 12 forecasts missed, 2 are undecided, 8 came out as expected.`
    pub(crate) fn words(self) -> String {
        let n = self.misses + self.undecided + self.hits;
        if n == 0 {
            return "No forecast was frozen with the plan.".to_owned();
        }
        format!(
            "{} of {n} forecast{} missed, {} {} undecided, {} came out as expected.",
            self.misses,
            if n == 1 { "" } else { "s" },
            self.undecided,
            if self.undecided == 1 { "is" } else { "are" },
            self.hits,
        )
    }
}

impl Tally {
    fn add(&mut self, row: &ContrastRow) {
        let is_down = row.estimate.is_some_and(|estimate| estimate < 0.0);
        *match row.verdict {
            Some(Verdict::Moves) if is_down => &mut self.down,
            Some(Verdict::Moves) => &mut self.up,
            Some(Verdict::MovesLittle) => &mut self.little,
            Some(Verdict::DoesNotMove) => &mut self.still,
            Some(Verdict::Undecided) => &mut self.undecided,
            None => &mut self.too_few,
        } += 1;
    }

    /// Stances of the family.
    pub(crate) fn total(self) -> usize {
        self.up + self.down + self.little + self.still + self.undecided + self.too_few
    }
}

impl<'a> View<'a> {
    /// Whether nothing is replicated in an arm.
    pub(crate) fn is_one_model(&self, base: &str, arm: &str) -> bool {
        self.arm(base, arm).is_some_and(|row| row.replicates == 1)
    }

    /// The family of every contrast of a base: arms first, then controls.
    pub(crate) fn families(&self, base: &str) -> Vec<Family<'a>> {
        let mut families: Vec<Family<'a>> = Vec::new();
        for arm in self.compared(base) {
            for control in self.controls(base, arm) {
                let mut tally = Tally::default();
                let rows = self
                    .tables
                    .contrasts
                    .iter()
                    .filter(|row| row.base == base && row.arm == arm && row.control == control);
                rows.filter(|row| row.standing == Standing::Confirmatory)
                    .for_each(|row| tally.add(row));
                if tally.total() > 0 {
                    families.push(Family { arm, control, tally });
                }
            }
        }
        families
    }
}

/// All forecasts, misses first.
pub(crate) fn forecasts(tables: &Tables) -> Vec<&ForecastRow> {
    let mut rows: Vec<&ForecastRow> = tables.forecasts.iter().collect();
    rows.sort_by_key(|row| row.outcome);
    rows
}

/// Symbol and word of an outcome.
pub(crate) fn outcome_words(outcome: ForecastOutcome) -> &'static str {
    match outcome {
        ForecastOutcome::Miss => "✗ missed",
        ForecastOutcome::Undecided => "? undecided",
        ForecastOutcome::Hit => "✓ as expected",
    }
}

/// Symbol and words of a verdict.
pub(crate) fn verdict_words(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Moves) => "● moves",
        Some(Verdict::MovesLittle) => "◐ moves little",
        Some(Verdict::DoesNotMove) => "○ does not move",
        Some(Verdict::Undecided) => "? undecided",
        None => TOO_FEW,
    }
}

/// Rows in runs of one key, in the order in which the keys are first seen.
pub(crate) fn grouped<T>(rows: &[T], key: fn(&T) -> &str) -> Vec<(&str, Vec<&T>)> {
    let mut groups: Vec<(&str, Vec<&T>)> = Vec::new();
    for row in rows {
        match groups.iter_mut().find(|(name, _)| *name == key(row)) {
            Some((_, group)) => group.push(row),
            None => groups.push((key(row), vec![row])),
        }
    }
    groups
}

/// What survives every control, or why there is no such number.
pub(crate) fn survives(row: &HeadlineRow) -> String {
    match (row.effect, row.p) {
        (None, Some(_)) => "controls differ in sign".to_owned(),
        (found, _) => effect(found),
    }
}

/// Per arm, its strongest blocks and stances in the order of the tables. The claim itself is left out: that an arm
/// makes its claim is a check, not a finding.
pub(crate) fn strongest<'a>(rows: &[&'a HeadlineRow]) -> Vec<&'a HeadlineRow> {
    const BLOCKS: usize = 2;
    const STANCES: usize = 2;
    let size = |row: &HeadlineRow| row.effect.map_or(-1.0, |effect| effect.estimate.abs());
    let mut arms: Vec<&str> = Vec::new();
    for row in rows {
        if !arms.contains(&row.arm.as_str()) {
            arms.push(&row.arm);
        }
    }
    let mut chosen = Vec::new();
    for arm in arms {
        let mut of_arm: Vec<usize> = Vec::new();
        for (blocks, most) in [(true, BLOCKS), (false, STANCES)] {
            let mut found: Vec<usize> = (0..rows.len())
                .filter(|idx| rows[*idx].arm == arm && rows[*idx].block != "claim")
                .filter(|idx| is_block(&rows[*idx].stance) == blocks)
                .collect();
            found.sort_by(|a, b| size(rows[*b]).total_cmp(&size(rows[*a])));
            of_arm.extend(found.into_iter().take(most));
        }
        of_arm.sort_unstable();
        chosen.extend(of_arm.into_iter().map(|idx| rows[idx]));
    }
    chosen
}

/// A variance as a standard deviation in points. An estimate below zero has no root, and is not zero either.
pub(crate) fn deviation(variance: f64) -> String {
    if variance < 0.0 {
        "below 0".to_owned()
    } else {
        points(variance.sqrt()).trim_start_matches('+').to_owned()
    }
}

/// What a reader must know before any number: when the plan was frozen, then the study's own notes.
pub(crate) fn first_notes(tables: &Tables) -> Vec<String> {
    let frozen = tables.registration.map(|r| {
        if r.answers_before == 0 {
            format!(
                "Planned before the first answer: this plan was written down when none of its {} answers were there.",
                count(r.answers)
            )
        } else {
            format!(
                "Exploratory in part: {} of {} answers were there before this plan was written down, so what they may have \
                 suggested is not tested by them.",
                count(r.answers_before),
                count(r.answers)
            )
        }
    });
    frozen.into_iter().chain(tables.notes.iter().cloned()).collect()
}

/// Whether the main intervals already are about any prompts.
pub(crate) fn is_any_prompts(tables: &Tables) -> bool {
    tables.prompts == entail_schema::PromptScope::Sampled
}

/// What the main intervals are about.
pub(crate) fn prompts_words(tables: &Tables) -> &'static str {
    if is_any_prompts(tables) {
        "Intervals are about another training run asked any prompts like these."
    } else {
        "Intervals are about another training run asked exactly these prompts."
    }
}

#[cfg(test)]
mod tests;
