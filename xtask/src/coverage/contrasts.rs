//! The default contrast and its rivals on one stance of two trained arms.

use entail_schema::Seed;
use entail_stats::{
    ArmMean, Cell, Contrast, Grid, Noise, Shape, Simulated, sampling_variance, simulate,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Claim, SEED, Section, Share, Z, at_least, at_most, holds, largest, range, worst};

const CONFIDENCE: f64 = 0.95;

/// Results of one shape.
struct Outcome {
    shape: Shape,
    /// Training runs, these prompts.
    welch: Method,
    /// Training runs, any prompts.
    two_way: Method,
    /// The default held against a truth that it does not speak about.
    welch_elsewhere: Method,
    permutation: Method,
    wald: Method,
    clustered: Method,
    /// Studies without any answer of ours.
    none: usize,
}

/// How often an interval held the truth, and how often a test rejected it when it was nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Method {
    coverage: Share,
    rejection: Share,
}

/// Tries all methods on the grid.
pub(super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 1_500 } else { 3_000 });
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| outcome(shape, Seed(SEED).child("contrasts", index as u64), studies))
        .collect();
    Section {
        title: "One stance, two trained arms",
        text: TEXT
            .replace("STUDIES", &studies.to_string())
            .replace("CELLS", &shapes.len().to_string()),
        head: vec![
            "runs per arm",
            "control at",
            "Welch",
            "two-way",
            "Wald",
            "by prompt",
            "Welch rejects",
            "two-way",
            "permutation",
            "z test",
            "by prompt",
            "Welch beyond its prompts",
        ],
        rows: rows(&outcomes),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
CELLS cells, STUDIES studies each: 3 to 8 training runs per arm, 10 prompts, 10 answers each; rates from .02 to .98; spread between
training runs 0 to .15, between prompts .1, between prompts of one arm 0 and .05 (on the scale of rates, as at one half); noise on the
log-odds, or on the rate and cut at zero and one. *Coverage* is the share of 95 % intervals that hold the truth, in per cent, from the
worst to the best cell; the truth is what infinitely many runs would show on the prompts asked (Welch, Wald, by prompt) or on any
prompts (two-way). *Rejects* is the share of studies without an effect that are called significant at .05, in the worst cell. **Welch**
is our default: one value per training run. **Two-way** is for claims about prompts that were not asked. **Wald** pools all answers,
as do most papers, and **z test** is its test; **by prompt** clusters answers by prompt and pools runs. *Welch beyond its prompts* is the
default used, wrongly, for a claim about any prompts while arms react to prompts differently: that is what two-way is for.";

/// Rates of the control and of the treated arm that are tried.
fn rates(quick: bool) -> Vec<(f64, f64)> {
    let controls: &[f64] = if quick {
        &[0.02, 0.05, 0.3, 0.95]
    } else {
        &[0.02, 0.05, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.98]
    };
    let effects: &[f64] = if quick { &[0.0, 0.45] } else { &[0.0, 0.15, 0.45, 0.85] };
    let toward = |control: f64, effect: f64| {
        if control < 0.5 { control + effect } else { control - effect }
    };
    controls
        .iter()
        .flat_map(|&c| effects.iter().map(move |&e| (c, toward(c, e))))
        .filter(|(_, treated)| (0.02..=0.98).contains(treated))
        .collect()
}

fn shapes(quick: bool) -> Vec<Shape> {
    let runs: &[usize] = if quick { &[3, 4, 6] } else { &[3, 4, 5, 6, 8] };
    let spreads: &[f64] = if quick { &[0.0, 0.1] } else { &[0.0, 0.05, 0.1, 0.15] };
    let own_prompts = [0.0, 0.05];
    let mut shapes = Vec::new();
    for &replicates in runs {
        for (control_rate, treated_rate) in rates(quick) {
            for &replicate_sd in spreads {
                for arm_prompt_sd in own_prompts {
                    for noise in [Noise::Logit, Noise::Clipped] {
                        shapes.push(Shape {
                            replicates,
                            prompts: 10,
                            samples: 10,
                            control_rate,
                            treated_rate,
                            replicate_sd,
                            prompt_sd: 0.1,
                            arm_prompt_sd,
                            noise,
                            judge: None,
                        });
                    }
                }
            }
        }
    }
    shapes
}

fn outcome(shape: &Shape, seed: Seed, studies: usize) -> Outcome {
    let mut outcome = Outcome {
        shape: *shape,
        welch: Method::default(),
        two_way: Method::default(),
        welch_elsewhere: Method::default(),
        permutation: Method::default(),
        wald: Method::default(),
        clustered: Method::default(),
        none: 0,
    };
    for index in 0..studies {
        outcome.add(&simulate(shape, seed, index as u64));
    }
    outcome
}

impl Outcome {
    /// Whether neither arm does anything to the stance, on these prompts and on any.
    fn is_null(&self) -> bool {
        (self.shape.control_rate - self.shape.treated_rate).abs() < 1e-12
    }

    fn add(&mut self, study: &Simulated) {
        let (null_anywhere, no_own_prompts) = (self.is_null(), self.shape.arm_prompt_sd <= 0.0);
        // On the prompts drawn, arms with prompts of their own do differ.
        let null_here = null_anywhere && no_own_prompts;
        match welch(&study.treated, &study.control) {
            Some(c) => {
                self.welch.add((c.low, c.high), c.p, study.these_prompts, null_here);
                self.welch_elsewhere.add((c.low, c.high), c.p, study.any_prompts, null_anywhere);
            }
            None => self.none += 1,
        }
        if let Ok(c) = entail_stats::two_way(&study.treated, &study.control, CONFIDENCE) {
            self.two_way.add((c.low, c.high), c.p, study.any_prompts, null_anywhere);
        }
        if null_here {
            let means = |grid: &Grid| grid.replicate_means().expect("every cell has answers");
            let p = entail_stats::permutation(&means(&study.treated), &means(&study.control));
            self.permutation.rejection.add(p.expect("few runs") <= 0.05);
        }
        let (interval, rejects) = pooled(study);
        self.wald.coverage.add(holds(interval, study.these_prompts));
        let (clustered, clustered_rejects) = by_prompt(study);
        self.clustered.coverage.add(holds(clustered, study.these_prompts));
        if null_here {
            self.wald.rejection.add(rejects);
            self.clustered.rejection.add(clustered_rejects);
        }
    }
}

impl Method {
    fn add(&mut self, interval: (f64, f64), p: f64, truth: f64, null: bool) {
        self.coverage.add(holds(interval, truth));
        if null {
            self.rejection.add(p <= 1.0 - CONFIDENCE);
        }
    }
}

/// The default contrast, as a study makes it.
fn welch(treated: &Grid, control: &Grid) -> Option<Contrast> {
    let (treated, control) = (treated.replicate_totals(), control.replicate_totals());
    arm_mean(&treated)?.minus(&arm_mean(&control)?, CONFIDENCE).ok()
}

/// One arm as a study reads it: a value per training run, and what sampling gives to one of them.
pub(super) fn arm_mean(runs: &[Cell]) -> Option<ArmMean> {
    let total = runs.iter().fold(Cell::default(), |sum, c| sum.plus(c));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "labels are counted"
    )]
    let successes = total.sum as u64;
    let per_run = total.n as f64 / runs.len() as f64;
    let sampling = sampling_variance(successes, total.n, per_run);
    let means: Option<Vec<f64>> = runs.iter().map(Cell::mean).collect();
    ArmMean::of_runs(&means?, Some(sampling)).ok()
}

/// The interval and the test that pool all answers of an arm.
fn pooled(study: &Simulated) -> ((f64, f64), bool) {
    let total = |grid: &Grid| {
        let all = grid.replicate_totals().iter().fold(Cell::default(), |sum, c| sum.plus(c));
        (all.sum / all.n as f64, all.n as f64)
    };
    let ((p1, n1), (p0, n0)) = (total(&study.treated), total(&study.control));
    let difference = p1 - p0;
    let half = Z * (p1 * (1.0 - p1) / n1 + p0 * (1.0 - p0) / n0).sqrt();
    let shared = (p1 * n1 + p0 * n0) / (n1 + n0);
    let error = (shared * (1.0 - shared) * (1.0 / n1 + 1.0 / n0)).sqrt();
    ((difference - half, difference + half), difference.abs() > Z * error)
}

/// The interval and the test that cluster answers by prompt and pool training runs.
fn by_prompt(study: &Simulated) -> ((f64, f64), bool) {
    let means = |grid: &Grid| -> Vec<f64> {
        grid.prompt_totals().iter().map(|c| c.sum / c.n as f64).collect()
    };
    let pairs = means(&study.treated).into_iter().zip(means(&study.control));
    let differences: Vec<f64> = pairs.map(|(one, zero)| one - zero).collect();
    let center = entail_stats::mean(&differences).expect("prompts were asked");
    let half = Z * entail_stats::standard_error(&differences).expect("several prompts");
    ((center - half, center + half), center.abs() > half)
}

fn rows(outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let mut groups: Vec<(usize, f64)> = Vec::new();
    for o in outcomes {
        let group = (o.shape.replicates, o.shape.control_rate);
        let is_new =
            |(runs, rate): &(usize, f64)| *runs != group.0 || (rate - group.1).abs() > 1e-12;
        if groups.iter().all(is_new) {
            groups.push(group);
        }
    }
    let row = |(runs, rate): (usize, f64)| {
        let own: Vec<&Outcome> = outcomes
            .iter()
            .filter(|o| o.shape.replicates == runs && (o.shape.control_rate - rate).abs() < 1e-12)
            .collect();
        let coverage = |of: fn(&Outcome) -> Method| {
            range(&own.iter().map(|o| of(o).coverage).collect::<Vec<_>>())
        };
        let rejects = |of: fn(&Outcome) -> Method| {
            largest(&own.iter().map(|o| of(o).rejection).collect::<Vec<_>>())
        };
        vec![
            runs.to_string(),
            format!("{rate:.2}"),
            coverage(|o| o.welch),
            coverage(|o| o.two_way),
            coverage(|o| o.wald),
            coverage(|o| o.clustered),
            rejects(|o| o.welch),
            rejects(|o| o.two_way),
            rejects(|o| o.permutation),
            rejects(|o| o.wald),
            rejects(|o| o.clustered),
            rejects(|o| o.welch_elsewhere),
        ]
    };
    groups.into_iter().map(row).collect()
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let is_middle = |o: &&Outcome| {
        let inside = |rate: f64| (0.05..=0.95).contains(&rate);
        o.shape.replicates >= 4 && inside(o.shape.control_rate) && inside(o.shape.treated_rate)
    };
    let middle: Vec<Share> = outcomes.iter().filter(is_middle).map(|o| o.welch.coverage).collect();
    let edge: Vec<Share> =
        outcomes.iter().filter(|o| !is_middle(o)).map(|o| o.welch.coverage).collect();
    let rejections: Vec<Share> =
        outcomes.iter().map(|o| o.welch.rejection).filter(|s| s.n > 0).collect();
    let two_way: Vec<Share> =
        outcomes.iter().map(|o| o.two_way.rejection).filter(|s| s.n > 0).collect();
    let noisy = |of: fn(&Outcome) -> Method| -> Vec<Share> {
        let noisy = outcomes.iter().filter(|o| o.shape.replicate_sd >= 0.1);
        noisy.map(|o| of(o).rejection).filter(|s| s.n > 0).collect()
    };
    let (wald, clustered) = (noisy(|o| o.wald), noisy(|o| o.clustered));
    vec![
        at_least(
            "Welch covers 93 % or more with four or more runs and rates from .05 to .95",
            &middle,
            0.93,
        ),
        at_most("and 98 % or less", &middle, 0.98),
        at_least(
            "Welch covers 92 % or more at the edges (three runs, rates below .05 or above .95)",
            &edge,
            0.92,
        ),
        at_most("Welch rejects 6.5 % or less where nothing is there", &rejections, 0.065),
        at_most("two-way rejects 6.5 % or less where nothing is there", &two_way, 0.065),
        Claim {
            what: "the z test and clustering by prompt are visibly worse (above 15 % somewhere) once runs differ",
            found: format!("{} and {}", range(&wald), range(&clustered)),
            holds: worst(&wald) > 0.15 && (worst(&clustered) > 0.15 || clustered.is_empty()),
        },
    ]
}

fn cell(o: &Outcome) -> Value {
    let s = &o.shape;
    let method = |m: &Method| {
        let rejection = (m.rejection.n > 0).then(|| m.rejection.value());
        let coverage = (m.coverage.n > 0).then(|| m.coverage.value());
        json!({ "coverage": coverage, "rejection": rejection })
    };
    json!({
        "replicates": s.replicates, "control_rate": s.control_rate, "treated_rate": s.treated_rate,
        "replicate_sd": s.replicate_sd, "arm_prompt_sd": s.arm_prompt_sd,
        "noise": format!("{:?}", s.noise).to_lowercase(), "without_answer": o.none,
        "welch": method(&o.welch), "two_way": method(&o.two_way), "permutation": method(&o.permutation),
        "wald": method(&o.wald), "by_prompt": method(&o.clustered),
    })
}
