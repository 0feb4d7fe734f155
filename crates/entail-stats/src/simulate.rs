//! Studies whose truth is known: what intervals are tried on before anybody trusts them.

use entail_schema::{Seed, Stream};

use crate::grid::{Cell, Grid};

/// One stance measured on two trained arms.
///
/// Spreads are standard deviations on the scale of rates, as they would be at a rate of one half:
/// that is how people speak of them, and near zero and one the same noise on log-odds moves a rate
/// by less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Training runs per arm.
    pub replicates: usize,
    /// Prompts, the same for both arms.
    pub prompts: usize,
    /// Answers per run and prompt.
    pub samples: usize,
    /// Rate of the control for a typical run and prompt.
    pub control_rate: f64,
    /// Rate of the treated arm likewise.
    pub treated_rate: f64,
    /// Between training runs of one arm.
    pub replicate_sd: f64,
    /// Between prompts, in both arms alike.
    pub prompt_sd: f64,
    /// Between prompts, in each arm on its own.
    pub arm_prompt_sd: f64,
    /// How noise moves a rate.
    pub noise: Noise,
    /// Who reads the answers; `None` reads without error.
    pub judge: Option<Reader>,
}

/// How noise moves a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    /// Added to the log-odds: runs near zero are skewed to the right.
    Logit,
    /// Added to the rate, which is then cut at zero and one: runs pile up there.
    Clipped,
}

/// A judge that errs at known rates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reader {
    /// Share of positive answers that it calls positive.
    pub sensitivity: f64,
    /// Share of negative answers that it calls negative.
    pub specificity: f64,
}

/// A simulated study with its truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Simulated {
    /// Answers of the treated arm.
    pub treated: Grid,
    /// Answers of the control.
    pub control: Grid,
    /// Difference that infinitely many runs would show on the prompts that were drawn.
    pub these_prompts: f64,
    /// Difference that infinitely many runs would show on infinitely many prompts.
    pub any_prompts: f64,
}

/// Draws one study. The same shape, seed and index give the same study.
pub fn simulate(shape: &Shape, seed: Seed, index: u64) -> Simulated {
    let mut stream = seed.stream("study", index);
    let prompts: Vec<f64> = (0..shape.prompts).map(|_| shape.prompt_sd * stream.normal()).collect();
    let mut arm = |rate: f64| {
        let own: Vec<f64> =
            prompts.iter().map(|p| p + shape.arm_prompt_sd * stream.normal()).collect();
        let truth = own.iter().map(|&p| shape.expected(rate, p, shape.replicate_sd)).sum::<f64>()
            / shape.prompts as f64;
        let rows = (0..shape.replicates)
            .map(|_| {
                let run = shape.replicate_sd * stream.normal();
                own.iter().map(|p| shape.cell(rate, p + run, &mut stream)).collect()
            })
            .collect();
        (Grid::new(rows).expect("a shape has replicates and prompts"), truth)
    };
    let (treated, treated_truth) = arm(shape.treated_rate);
    let (control, control_truth) = arm(shape.control_rate);
    let spread = shape.prompt_sd.hypot(shape.arm_prompt_sd).hypot(shape.replicate_sd);
    let anywhere = |rate| shape.expected(rate, 0.0, spread);
    Simulated {
        treated,
        control,
        these_prompts: treated_truth - control_truth,
        any_prompts: anywhere(shape.treated_rate) - anywhere(shape.control_rate),
    }
}

/// Normal quadrature: steps of a third of a deviation out to six, exact to nine digits for what is
/// as smooth as a logistic curve.
const STEP: f64 = 1.0 / 3.0;
const STEPS: i32 = 18;

impl Shape {
    /// The rate under a shift, in the unit of the spreads.
    fn shifted(&self, rate: f64, shift: f64) -> f64 {
        match self.noise {
            // A change of the rate at one half is a quarter of that of the log-odds.
            Noise::Logit => 1.0 / (1.0 + (-(rate / (1.0 - rate)).ln() - 4.0 * shift).exp()),
            Noise::Clipped => (rate + shift).clamp(0.0, 1.0),
        }
    }

    /// Mean of [`Shape::shifted`] over normal noise around a shift.
    fn expected(&self, rate: f64, shift: f64, sd: f64) -> f64 {
        let (mut sum, mut weights) = (0.0, 0.0);
        for step in -STEPS..=STEPS {
            let z = f64::from(step) * STEP;
            let weight = (-z * z / 2.0).exp();
            sum += weight * self.shifted(rate, shift + sd * z);
            weights += weight;
        }
        sum / weights
    }

    /// The answers of one run to one prompt, as the judge reads them.
    fn cell(&self, rate: f64, shift: f64, stream: &mut Stream) -> Cell {
        let truly = self.shifted(rate, shift);
        let seen = self.judge.map_or(truly, |judge| {
            judge.sensitivity * truly + (1.0 - judge.specificity) * (1.0 - truly)
        });
        let successes = (0..self.samples).filter(|_| stream.uniform() < seen).count();
        Cell::of_counts(successes as u64, self.samples as u64)
    }
}

#[cfg(test)]
mod tests;
