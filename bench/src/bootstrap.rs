//! Runs and prompts resampled at once, every arm against the control.

use anyhow::{Result, ensure};
use entail_schema::Seed;
use entail_stats::{Cell, Grid, Noise, Resampled, Shape, simulate};

use crate::floor::Floor;
use crate::input::Input;
use crate::{Run, Size};

/// Axes of the array: arms, the control last; items; runs; prompts; number and sum of the answers.
type Axes = [usize; 5];

const SAMPLES: usize = 10;
const CONFIDENCE: f64 = 0.95;

pub(crate) fn make(size: Size) -> Input {
    let shape @ [arms, items, runs, prompts, _]: Axes = [6, 20, 6, 10, 2];
    let draws = if size == Size::Full { 10_000 } else { 1_000 };
    let study = Shape {
        replicates: runs,
        prompts,
        samples: SAMPLES,
        control_rate: 0.3,
        treated_rate: 0.4,
        replicate_sd: 0.05,
        prompt_sd: 0.1,
        arm_prompt_sd: 0.05,
        noise: Noise::Logit,
        judge: None,
    };
    let mut values = Vec::new();
    for arm in 0..arms {
        for item in 0..items {
            let simulated = simulate(&study, Seed(1), (arm * items + item) as u64);
            let grid = if arm + 1 < arms { simulated.treated } else { simulated.control };
            let cells = grid.rows().iter().flatten();
            values.extend(cells.flat_map(|cell| [cell.n as f64, cell.sum]));
        }
    }
    Input::new(&shape, draws, values)
}

/// Answers: estimate, low and high of each item of each pair.
pub(crate) fn prepare(input: &Input) -> Result<Run> {
    let [arms, items, runs, prompts, pair]: Axes = input.axes()?;
    ensure!(pair == 2, "a cell is a number and a sum");
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small counts")]
    let cell = |[n, sum]: &[f64; 2]| Cell::of_counts(*sum as u64, *n as u64);
    let cells: Vec<Cell> = input.values.as_chunks::<2>().0.iter().map(cell).collect();
    let grid = |cells: &[Cell]| Grid::new(cells.chunks(prompts).map(<[Cell]>::to_vec).collect());
    let grids: Vec<Grid> = cells.chunks(runs * prompts).map(grid).collect::<Result<_, _>>()?;
    let study: Vec<Vec<Grid>> = grids.chunks(items).map(<[Grid]>::to_vec).collect();
    let pairs: Vec<(usize, usize)> = (0..arms - 1).map(|arm| (arm, arms - 1)).collect();
    let draws = input.draws;
    Ok(Box::new(move || {
        let intervals = Resampled::new(&study)?.intervals(&pairs, draws, Seed(2), CONFIDENCE);
        Ok(intervals.iter().flatten().flat_map(|i| [i.estimate, i.low, i.high]).collect())
    }))
}

/// In every draw every number and every sum is weighted and added once.
pub(crate) fn floor(input: &Input) -> Floor {
    Floor::of_multiply_adds((input.draws * input.values.len()) as f64)
}
