//! What was expected before the answers were there, beside what came.

use entail_schema::{
    ContrastRow, Expectation, ExpectedDirection, ForecastOutcome, ForecastRow, RateRow,
};

use crate::plan::Plan;

/// One row per forecast and control, misses first.
pub(super) fn forecasts(
    plan: &Plan,
    contrasts: &[ContrastRow],
    rates: &[RateRow],
) -> Vec<ForecastRow> {
    let mut rows: Vec<ForecastRow> = Vec::new();
    for row in contrasts.iter().filter(|r| is_measured(plan, r)) {
        let authored = plan.forecast.arm.get(&row.arm).and_then(|arm| arm.get(&row.stance));
        if let Some(expected) = authored {
            rows.push(forecast(plan, row, *expected, "author"));
        }
        let told = plan.forecast.from.as_ref().filter(|from| **from != row.arm);
        if let Some((from, expected)) =
            told.and_then(|from| Some((from, told_by(plan, row, from, rates)?)))
        {
            rows.push(forecast(plan, row, expected, from));
        }
    }
    rows.sort_by_key(|row| row.outcome);
    rows
}

/// Arms against controls, on single stances: what a forecast can be about.
fn is_measured(plan: &Plan, row: &ContrastRow) -> bool {
    let is_control = |arm: &str| plan.controls.iter().any(|c| c == arm);
    is_control(&row.control) && !is_control(&row.arm) && !row.stance.starts_with("block:")
}

/// What telling does to the untouched base, as a forecast of what training does against a control: no run of the
/// result has a part in it. Only for the family.
fn told_by(plan: &Plan, row: &ContrastRow, from: &str, rates: &[RateRow]) -> Option<Expectation> {
    // Telling one claim forecasts training that claim, and nothing else.
    let claim = |name: &str| {
        let arm = plan.arms.iter().find(|a| a.name == name)?;
        Some(arm.claim.as_ref()?.id.as_str())
    };
    let same_claim = claim(from).is_some_and(|told| claim(&row.arm) == Some(told));
    if !same_claim || !plan.in_family(&row.battery, &row.stance) {
        return None;
    }
    let rate = |is_arm: &dyn Fn(&str) -> bool| {
        let found =
            rates.iter().find(|r| r.base == row.base && r.stance == row.stance && is_arm(&r.arm));
        found?.rate
    };
    let told = rate(&|arm| arm == from)? - rate(&|arm| plan.is_untouched(arm))?;
    let margin = plan.analysis.smallest_effect;
    Some(Expectation::Direction(if told > margin {
        ExpectedDirection::Rises
    } else if told < -margin {
        ExpectedDirection::Falls
    } else {
        ExpectedDirection::Stays
    }))
}

fn forecast(plan: &Plan, row: &ContrastRow, expected: Expectation, by: &str) -> ForecastRow {
    let margin = plan.analysis.smallest_effect;
    let interval = row.low.zip(row.high);
    ForecastRow {
        base: row.base.clone(),
        arm: row.arm.clone(),
        control: row.control.clone(),
        stance: row.stance.clone(),
        name: row.name.clone(),
        by: by.to_owned(),
        expected: words(expected),
        found: row.estimate.map(|estimate| entail_schema::Estimate {
            estimate,
            low: row.low,
            high: row.high,
        }),
        outcome: interval.map_or(ForecastOutcome::Undecided, |i| outcome(expected, i, margin)),
    }
}

fn words(expected: Expectation) -> String {
    match expected {
        Expectation::Direction(ExpectedDirection::Rises) => "rises".into(),
        Expectation::Direction(ExpectedDirection::Falls) => "falls".into(),
        Expectation::Direction(ExpectedDirection::Stays) => "stays".into(),
        Expectation::Range([low, high]) => format!("{low} to {high}"),
    }
}

/// A hit when the interval lies within what was expected, a miss when it lies outside. A rise or fall is hit once the
/// interval leaves out zero, and missed once it is clear of the smallest effect that matters: a rise of two points may
/// be real and is no rise that was meant.
fn outcome(expected: Expectation, (low, high): (f64, f64), margin: f64) -> ForecastOutcome {
    let (hit, miss) = match expected {
        Expectation::Direction(ExpectedDirection::Rises) => (low > 0.0, high < margin),
        Expectation::Direction(ExpectedDirection::Falls) => (high < 0.0, low > -margin),
        Expectation::Direction(ExpectedDirection::Stays) => {
            (-margin < low && high < margin, low > margin || high < -margin)
        }
        Expectation::Range([from, to]) => (from <= low && high <= to, high < from || to < low),
    };
    match (hit, miss) {
        (_, true) => ForecastOutcome::Miss,
        (true, false) => ForecastOutcome::Hit,
        (false, false) => ForecastOutcome::Undecided,
    }
}

#[cfg(test)]
mod tests;
