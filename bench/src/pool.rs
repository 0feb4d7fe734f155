//! Partial pooling of one contrast over a battery.

use anyhow::{Result, ensure};
use entail_schema::Seed;
use entail_stats::{ArmRates, Priors, pool};

use crate::input::Input;
use crate::{Run, Size};

const RUNS: usize = 6;
const CONFIDENCE: f64 = 0.95;
/// Of a rate of three in ten from a hundred answers.
const VARIANCE: f64 = 0.3 * 0.7 / 100.0;

/// Rates by item, the treated runs first.
pub(crate) fn make(_: Size) -> Input {
    let items = 20;
    let mut stream = Seed(5).stream("pool", 0);
    let shared: Vec<f64> = (0..2 * RUNS).map(|_| 0.03 * stream.normal()).collect();
    let mut values = Vec::new();
    for _ in 0..items {
        let effect = 0.1 + 0.05 * stream.normal();
        for (run, shared) in shared.iter().enumerate() {
            let moved = if run < RUNS { effect } else { 0.0 };
            values.push(0.3 + moved + shared + 0.06 * stream.normal());
        }
    }
    Input::new(&[items, 2 * RUNS], 0, values)
}

/// Answers: mean and deviation of the population's effect, means of the three deviations between
/// items, runs and runs by item, then mean and deviation of each item's effect.
pub(crate) fn prepare(input: &Input) -> Result<Run> {
    let [items, runs] = input.axes()?;
    ensure!(runs == 2 * RUNS, "{runs} runs");
    let rows: Vec<Vec<Option<f64>>> = (0..runs)
        .map(|run| (0..items).map(|item| Some(input.values[item * runs + run])).collect())
        .collect();
    let variances = vec![VARIANCE; items];
    Ok(Box::new(move || {
        let (treated, control) = rows.split_at(RUNS);
        let arm = |rates| ArmRates { rates, variances: &variances };
        let pooled = pool(arm(treated), arm(control), &Priors::default(), CONFIDENCE)?;
        let population = pooled.population.posterior;
        let mut answers = vec![population.mean, population.sd];
        let deviations = [pooled.between_items, pooled.replicate, pooled.replicate_by_item];
        answers.extend(deviations.map(|deviation| deviation.mean));
        answers.extend(pooled.items.iter().flat_map(|e| [e.posterior.mean, e.posterior.sd]));
        Ok(answers)
    }))
}
