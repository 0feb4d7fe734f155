//! Many small Welch contrasts.

use anyhow::{Result, ensure};
use entail_schema::Seed;
use entail_stats::welch;

use crate::floor::Floor;
use crate::input::Input;
use crate::{Run, Size};

const RUNS: usize = 6;
const CONFIDENCE: f64 = 0.95;

pub(crate) fn make(size: Size) -> Input {
    let contrasts: u32 = if size == Size::Full { 1_000_000 } else { 10_000 };
    let mut stream = Seed(4).stream("welch", 0);
    let mut values = Vec::new();
    for contrast in 0..contrasts {
        // From no effect to one of five standard deviations.
        let effect = 0.25 * f64::from(contrast) / f64::from(contrasts);
        values.extend((0..RUNS).map(|_| 0.3 + effect + 0.05 * stream.normal()));
        values.extend((0..RUNS).map(|_| 0.3 + 0.04 * stream.normal()));
    }
    Input::new(&[contrasts as usize, 2 * RUNS], 0, values)
}

/// Answers: p, low and high of each contrast.
pub(crate) fn prepare(input: &Input) -> Result<Run> {
    let [_, runs] = input.axes()?;
    ensure!(runs == 2 * RUNS, "{runs} runs");
    let values = input.values.clone();
    Ok(Box::new(move || {
        let mut answers = Vec::with_capacity(values.len() / RUNS * 2);
        for values in values.chunks(2 * RUNS) {
            let contrast = welch(&values[..RUNS], &values[RUNS..], CONFIDENCE)?;
            answers.extend([contrast.p, contrast.low, contrast.high]);
        }
        Ok(answers)
    }))
}

/// Every value is read once.
pub(crate) fn floor(input: &Input) -> Floor {
    Floor::of_reading(&input.values)
}
