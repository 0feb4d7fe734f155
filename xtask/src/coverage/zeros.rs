//! Stances that hardly anybody takes: arms without a single positive answer.

use entail_schema::Seed;
use entail_stats::{Grid, Noise, Shape, Simulated, simulate};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::contrasts::arm_mean;
use super::{Claim, SEED, Section, Share, at_least, at_most, holds, percent};

const CONFIDENCE: f64 = 0.95;

/// Results of one shape.
struct Outcome {
    shape: Shape,
    coverage: Share,
    rejection: Share,
    /// Studies in which no run of either arm took the stance.
    empty: Share,
    /// Half the width of the interval in those, summed.
    half_width: f64,
    /// Studies without any answer of ours.
    none: usize,
}

/// Tries the default contrast where rates are next to nothing.
pub(super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 2_000 } else { 10_000 });
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| outcome(shape, Seed(SEED).child("zeros", index as u64), studies))
        .collect();
    Section {
        title: "Stances that nobody takes",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "runs per arm",
            "control at",
            "treated at",
            "all zero",
            "± there",
            "covers",
            "rejects",
        ],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row of the default contrast, ten prompts with ten answers each, spread between training runs .05 on the log-odds
(as at one half). *All zero* is the share of studies in which no run of either arm took the stance even once, *± there* half the width
of the interval in those, in percentage points: it follows from the number of answers alone. Where one arm scatters and the other is
all zero, the error comes from the first and from the number of answers of the second. *Covers* and *rejects* are over all studies, in
per cent.";

fn shapes(quick: bool) -> Vec<Shape> {
    let runs: &[usize] = if quick { &[4] } else { &[3, 4, 6, 8] };
    let rates = [(0.0, 0.0), (0.002, 0.002), (0.0, 0.002), (0.002, 0.02), (0.0, 0.1), (0.0, 0.4)];
    let shape = |replicates: usize, (control_rate, treated_rate): (f64, f64)| Shape {
        replicates,
        prompts: 10,
        samples: 10,
        control_rate,
        treated_rate,
        replicate_sd: 0.05,
        prompt_sd: 0.1,
        arm_prompt_sd: 0.0,
        noise: Noise::Logit,
        judge: None,
    };
    runs.iter().flat_map(|&n| rates.map(|rates| shape(n, rates))).collect()
}

fn outcome(shape: &Shape, seed: Seed, studies: usize) -> Outcome {
    let (coverage, rejection, empty) = Default::default();
    let mut outcome =
        Outcome { shape: *shape, coverage, rejection, empty, half_width: 0.0, none: 0 };
    for index in 0..studies {
        outcome.add(&simulate(shape, seed, index as u64));
    }
    outcome
}

impl Outcome {
    fn add(&mut self, study: &Simulated) {
        let [treated, control] = [&study.treated, &study.control].map(Grid::replicate_totals);
        let is_empty = treated.iter().chain(&control).all(|run| run.sum <= 0.0);
        self.empty.add(is_empty);
        let contrast = arm_mean(&treated)
            .zip(arm_mean(&control))
            .and_then(|(one, zero)| one.minus(&zero, CONFIDENCE).ok());
        let Some(contrast) = contrast else {
            self.none += 1;
            return;
        };
        if is_empty {
            self.half_width += contrast.high;
        }
        self.coverage.add(holds((contrast.low, contrast.high), study.these_prompts));
        if (self.shape.control_rate - self.shape.treated_rate).abs() < 1e-12 {
            self.rejection.add(contrast.p <= 1.0 - CONFIDENCE);
        }
    }

    fn mean_half_width(&self) -> Option<f64> {
        (self.empty.hits > 0).then(|| self.half_width / self.empty.hits as f64)
    }
}

fn row(o: &Outcome) -> Vec<String> {
    vec![
        o.shape.replicates.to_string(),
        format!("{:.3}", o.shape.control_rate),
        format!("{:.3}", o.shape.treated_rate),
        percent(o.empty),
        o.mean_half_width().map_or_else(String::new, |half| format!("{:.1}", 100.0 * half)),
        percent(o.coverage),
        percent(o.rejection),
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let none: usize = outcomes.iter().map(|o| o.none).sum();
    let rejections: Vec<Share> = outcomes.iter().map(|o| o.rejection).collect();
    let coverage: Vec<Share> = outcomes.iter().map(|o| o.coverage).collect();
    vec![
        Claim {
            what: "there is an interval even where no answer takes the stance",
            found: format!("{none} without"),
            holds: none == 0,
        },
        at_most("the default rejects 6.5 % or less where nothing is there", &rejections, 0.065),
        at_least("the default covers 92 % or more", &coverage, 0.92),
    ]
}

fn cell(o: &Outcome) -> Value {
    let s = &o.shape;
    json!({
        "replicates": s.replicates, "control_rate": s.control_rate, "treated_rate": s.treated_rate,
        "all_zero": o.empty.value(), "half_width_there": o.mean_half_width(),
        "coverage": o.coverage.value(),
        "rejection": (o.rejection.n > 0).then(|| o.rejection.value()), "without_answer": o.none,
    })
}
