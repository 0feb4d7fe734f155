//! Step-down max-T over all relabellings of twelve runs.

use anyhow::{Result, ensure};
use entail_schema::Seed;
use entail_stats::{Item, max_t};

use crate::floor::Floor;
use crate::input::Input;
use crate::{Run, Size};

const RUNS: usize = 6;
const RELABELLINGS: f64 = 924.0;

/// Items that share the noise of their runs; effects from none to large, so that p-values differ.
pub(crate) fn make(_: Size) -> Input {
    let items = 20;
    let mut stream = Seed(3).stream("max-t", 0);
    let shared: Vec<f64> = (0..2 * RUNS).map(|_| 0.03 * stream.normal()).collect();
    let mut values = Vec::new();
    for item in 0..items {
        let effect = 0.01 * f64::from(item);
        for (run, shared) in shared.iter().enumerate() {
            let moved = if run < RUNS { effect } else { 0.0 };
            values.push(0.3 + moved + shared + 0.04 * stream.normal());
        }
    }
    Input::new(&[20, 2 * RUNS], 0, values)
}

/// Answers: adjusted p-values.
pub(crate) fn prepare(input: &Input) -> Result<Run> {
    let [_, runs] = input.axes()?;
    ensure!(runs == 2 * RUNS, "{runs} runs");
    let item = |values: &[f64]| {
        let (treated, control) = values.split_at(RUNS);
        Item { treated: treated.to_vec(), control: control.to_vec() }
    };
    let items: Vec<Item> = input.values.chunks(runs).map(item).collect();
    Ok(Box::new(move || Ok(max_t(&items)?)))
}

/// Under every relabelling every value and its square is added to the sum of its arm.
pub(crate) fn floor(input: &Input) -> Floor {
    Floor::of_multiply_adds(RELABELLINGS * 2.0 * input.values.len() as f64)
}
