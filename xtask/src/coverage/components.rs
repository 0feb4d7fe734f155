//! Variance components of binary answers, and the power that follows from them.

use entail_schema::Seed;
use entail_stats::{Grid, Noise, PerReplicate, Shape, components, simulate};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Claim, SEED, Section, Share, at_least, holds, percent, range};

pub(super) mod power;

/// Confidence of the one-sided upper limit that plans are made with.
const PLANNING: f64 = 0.8;

/// Results of one shape; both arms are alike.
struct Outcome {
    shape: Shape,
    truth: Truth,
    /// Unbiased estimates of the replicate variance: sum and sum of squares.
    sum: f64,
    squares: f64,
    n: usize,
    /// Estimates cut at zero, summed.
    cut: f64,
    /// The 95 % interval of the spread of run means holds it.
    spread: Share,
    /// The 95 % interval of the replicate variance holds it.
    replicate: Share,
    /// The limit for planning lies above the replicate variance.
    upper: Share,
}

/// Tries the estimates and intervals of variance components.
pub(super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 1_000 } else { 2_500 });
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| outcome(shape, Seed(SEED).child("components", index as u64), studies))
        .collect();
    Section {
        title: "Where the scatter comes from",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "runs per arm",
            "rate",
            "run SD",
            "true SD",
            "bias",
            "bias cut",
            "spread covers",
            "run variance covers",
            "limit above",
        ],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
Variance components of yes-or-no answers, STUDIES studies of two arms per row; ten prompts (spread .1), ten answers each, noise on the
log-odds. *Run SD* is the spread between training runs as at one half, *true SD* what that makes of the rate. *Bias* is how far the
mean estimate of the run variance is off, as a share of the truth or, where that is zero, in squared percentage points (marked p); *cut*
is the same with negative estimates at zero, as reports show them. *Spread covers* is the share of 95 % intervals that hold the variance
of a run's mean, *run variance covers* that of intervals of the run's own part, *limit above* the share of one-sided 80 % limits, with
which plans are made, that lie above it; in per cent.";

fn shapes(quick: bool) -> Vec<Shape> {
    let runs: &[usize] = if quick { &[4] } else { &[4, 6, 8] };
    let rates: &[f64] = if quick { &[0.05, 0.3] } else { &[0.05, 0.1, 0.3, 0.5, 0.9] };
    let spreads: &[f64] = if quick { &[0.0, 0.1] } else { &[0.0, 0.05, 0.1] };
    let mut shapes = Vec::new();
    for &replicates in runs {
        for &rate in rates {
            for &replicate_sd in spreads {
                shapes.push(Shape {
                    replicates,
                    prompts: 10,
                    samples: 10,
                    control_rate: rate,
                    treated_rate: rate,
                    replicate_sd,
                    prompt_sd: 0.1,
                    arm_prompt_sd: 0.0,
                    noise: Noise::Logit,
                    judge: None,
                });
            }
        }
    }
    shapes
}

/// Variances below this are rounding.
const ROUNDING: f64 = 1e-20;

/// What infinitely many runs and prompts would show of one arm.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truth {
    pub(super) mean: f64,
    pub(super) parts: PerReplicate,
}

impl Truth {
    /// Of an arm at a rate.
    pub(super) fn of(shape: &Shape, rate: f64) -> Self {
        let prompt_sd = shape.prompt_sd.hypot(shape.arm_prompt_sd);
        let at = |run: f64, prompt: f64| {
            shifted(shape.noise, rate, shape.replicate_sd * run + prompt_sd * prompt)
        };
        // Over prompts, given the run.
        let of_run = |run: f64| average(|prompt| at(run, prompt));
        let mean = average(of_run);
        let replicate = Some(average(|run| (of_run(run) - mean).powi(2)));
        // Runs that do not differ do not differ by rounding either.
        let replicate = replicate.filter(|variance| *variance > ROUNDING).unwrap_or(0.0);
        // Over runs, given the prompt: the run's part and the interaction.
        let both = average(|prompt| {
            let of_prompt = average(|run| at(run, prompt));
            average(|run| (at(run, prompt) - of_prompt).powi(2))
        });
        let sample = average(|run| average(|prompt| at(run, prompt) * (1.0 - at(run, prompt))));
        let (prompts, samples) = (shape.prompts, shape.samples);
        let interaction = (both - replicate).max(0.0);
        Self { mean, parts: PerReplicate { replicate, interaction, sample, prompts, samples } }
    }

    /// Variance of one run's mean.
    pub(super) fn variance(&self) -> f64 {
        self.parts.variance().expect("a shape has answers")
    }
}

/// A rate under a shift, as [`Shape`] moves it.
pub(super) fn shifted(noise: Noise, rate: f64, shift: f64) -> f64 {
    match noise {
        Noise::Logit => 1.0 / (1.0 + (-(rate / (1.0 - rate)).ln() - 4.0 * shift).exp()),
        Noise::Clipped => (rate + shift).clamp(0.0, 1.0),
    }
}

/// Mean over a standard normal law, by steps of a third out to six.
pub(super) fn average(of: impl Fn(f64) -> f64) -> f64 {
    let (mut sum, mut weights) = (0.0, 0.0);
    for step in -18..=18 {
        let z = f64::from(step) / 3.0;
        let weight = (-z * z / 2.0).exp();
        sum += weight * of(z);
        weights += weight;
    }
    sum / weights
}

fn outcome(shape: &Shape, seed: Seed, studies: usize) -> Outcome {
    let (spread, replicate, upper) = Default::default();
    let mut outcome = Outcome {
        shape: *shape,
        truth: Truth::of(shape, shape.control_rate),
        sum: 0.0,
        squares: 0.0,
        n: 0,
        cut: 0.0,
        spread,
        replicate,
        upper,
    };
    for index in 0..studies {
        let study = simulate(shape, seed, index as u64);
        outcome.add(&study.treated);
        outcome.add(&study.control);
    }
    outcome
}

impl Outcome {
    fn add(&mut self, grid: &Grid) {
        let found = components(grid).expect("every cell has answers");
        let (estimate, truth) = (found.raw.replicate, self.truth.parts.replicate);
        self.sum += estimate;
        self.squares += estimate * estimate;
        self.n += 1;
        self.cut += found.cut.replicate;
        let spread = found.spread_of_means(0.95);
        self.spread.add(holds((spread.low, spread.high), self.truth.variance()));
        let replicate = found.replicate_interval(0.95);
        self.replicate.add(holds((replicate.low, replicate.high), truth));
        // A two-sided interval of 60 % has the one-sided 80 % limit as its upper end.
        self.upper.add(found.replicate_interval(2.0 * PLANNING - 1.0).high >= truth);
    }

    /// Bias of a sum of estimates.
    fn bias(&self, sum: f64) -> f64 {
        sum / self.n as f64 - self.truth.parts.replicate
    }

    /// Standard error of the mean estimate.
    fn error(&self) -> f64 {
        let n = self.n as f64;
        ((self.squares / n - (self.sum / n).powi(2)) / n).sqrt()
    }

    fn is_middle(&self) -> bool {
        (0.2..=0.8).contains(&self.shape.control_rate)
    }
}

fn row(o: &Outcome) -> Vec<String> {
    let truth = o.truth.parts.replicate;
    let bias = |sum: f64| {
        if truth > 0.0 {
            format!("{:+.1} %", 100.0 * o.bias(sum) / truth)
        } else {
            format!("{:+.2} p", 1e4 * o.bias(sum))
        }
    };
    vec![
        o.shape.replicates.to_string(),
        format!("{:.2}", o.shape.control_rate),
        format!("{:.2}", o.shape.replicate_sd),
        format!("{:.3}", truth.sqrt()),
        bias(o.sum),
        bias(o.cut),
        percent(o.spread),
        percent(o.replicate),
        // Nothing lies below zero.
        if truth > 0.0 { percent(o.upper) } else { String::new() },
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |keep: fn(&Outcome) -> bool, share: fn(&Outcome) -> Share| -> Vec<Share> {
        outcomes.iter().filter(|o| keep(o)).map(share).collect()
    };
    let off = outcomes.iter().map(|o| o.bias(o.sum).abs() / o.error()).fold(0.0, f64::max);
    let upper = of(|o| o.truth.parts.replicate > 0.0, |o| o.upper);
    vec![
        Claim {
            what: "the estimate of the run variance has no bias (none beyond four standard errors)",
            found: format!("{off:.1} at most"),
            holds: off <= 4.0,
        },
        at_least(
            "the interval of the spread of run means covers 93 % or more at rates from .2 to .8",
            &of(Outcome::is_middle, |o| o.spread),
            0.93,
        ),
        at_least(
            "the interval of the spread of run means covers 90 % or more at rates of .05, .1 and .9",
            &of(|o| !o.is_middle(), |o| o.spread),
            0.9,
        ),
        Claim {
            what: "the limit for planning lies above the run variance in 75 % or more, of the 80 % it states",
            found: range(&upper),
            holds: upper.iter().all(|s| s.value() + four_fifths(*s) >= 0.75),
        },
    ]
}

/// How far a share near four fifths may be off by chance.
fn four_fifths(share: Share) -> f64 {
    3.0 * (PLANNING * (1.0 - PLANNING) / share.n as f64).sqrt()
}

fn cell(o: &Outcome) -> Value {
    json!({
        "replicates": o.shape.replicates, "rate": o.shape.control_rate,
        "replicate_sd": o.shape.replicate_sd, "replicate_variance": o.truth.parts.replicate,
        "mean_estimate": o.sum / o.n as f64, "its_error": o.error(), "mean_cut": o.cut / o.n as f64,
        "spread_coverage": o.spread.value(), "replicate_coverage": o.replicate.value(),
        "limit_above": o.upper.value(),
    })
}
