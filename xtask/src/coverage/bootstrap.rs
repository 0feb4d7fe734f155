//! Resampling of runs and prompts at once.

use entail_schema::Seed;
use entail_stats::{Noise, Resampled, Shape, simulate, two_way};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::{Claim, SEED, Section, Share, at_least, holds, percent};

const CONFIDENCE: f64 = 0.95;
const DRAWS: usize = 1_000;

struct Outcome {
    shape: Shape,
    bootstrap: Share,
    two_way: Share,
    /// Bootstrap intervals that leave out zero where nothing is there.
    rejection: Share,
    /// Summed over studies.
    width: f64,
    two_way_width: f64,
}

/// Tries the two-way bootstrap beside the two-way t.
pub(super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 300 } else { 1_500 });
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| outcome(shape, Seed(SEED).child("bootstrap", index as u64), studies))
        .collect();
    Section {
        title: "The two-way bootstrap",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "runs per arm",
            "rates",
            "run SD",
            "answers",
            "covers",
            "two-way t",
            "rejects",
            "width",
            "two-way t",
        ],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row, ten prompts, spread between prompts .1 and between prompts of one arm .05: percentile
intervals of 1,000 draws of runs and prompts, for the difference on any prompts, beside the two-way t. *Covers* and *rejects*
(intervals without zero where nothing is there) in per cent, mean widths in percentage points. Two faults pull against each other:
percentiles of few runs are short, even stretched by the root of S / (S − 1), and drawing runs and prompts apart counts the noise of the
answers more than once. With ten answers per prompt the second wins and intervals are wider than need be; with fifty and four runs the first shows.";

fn shapes(quick: bool) -> Vec<Shape> {
    let runs: &[usize] = if quick { &[4, 8] } else { &[4, 6, 8] };
    let noises: &[(f64, usize)] =
        if quick { &[(0.1, 10)] } else { &[(0.05, 10), (0.1, 10), (0.1, 50)] };
    let mut shapes = Vec::new();
    for &replicates in runs {
        for (control_rate, treated_rate) in [(0.3, 0.3), (0.3, 0.5), (0.05, 0.2)] {
            for &(replicate_sd, samples) in noises {
                shapes.push(Shape {
                    replicates,
                    prompts: 10,
                    samples,
                    control_rate,
                    treated_rate,
                    replicate_sd,
                    prompt_sd: 0.1,
                    arm_prompt_sd: 0.05,
                    noise: Noise::Logit,
                    judge: None,
                });
            }
        }
    }
    shapes
}

fn outcome(shape: &Shape, seed: Seed, studies: usize) -> Outcome {
    let (bootstrap, t, rejection) = Default::default();
    let mut outcome =
        Outcome { shape: *shape, bootstrap, two_way: t, rejection, width: 0.0, two_way_width: 0.0 };
    for index in 0..studies {
        outcome.add(seed, index as u64);
    }
    outcome
}

impl Outcome {
    fn add(&mut self, seed: Seed, index: u64) {
        let study = simulate(&self.shape, seed, index);
        let truth = study.any_prompts;
        let t = two_way(&study.treated, &study.control, CONFIDENCE).expect("runs differ");
        self.two_way.add(holds((t.low, t.high), truth));
        self.two_way_width += t.high - t.low;
        let arms = [vec![study.treated], vec![study.control]];
        let resampled = Resampled::new(&arms).expect("every cell has answers");
        let draws = seed.child("draws", index);
        let got = &resampled.intervals(&[(0, 1)], DRAWS, draws, CONFIDENCE)[0][0];
        self.bootstrap.add(holds((got.low, got.high), truth));
        self.width += got.high - got.low;
        if (self.shape.control_rate - self.shape.treated_rate).abs() < 1e-12 {
            self.rejection.add(!holds((got.low, got.high), 0.0));
        }
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.bootstrap.n as f64
    }
}

fn row(o: &Outcome) -> Vec<String> {
    vec![
        o.shape.replicates.to_string(),
        format!("{:.2} → {:.2}", o.shape.control_rate, o.shape.treated_rate),
        format!("{:.2}", o.shape.replicate_sd),
        o.shape.samples.to_string(),
        percent(o.bootstrap),
        percent(o.two_way),
        percent(o.rejection),
        format!("{:.1}", 100.0 * o.mean(o.width)),
        format!("{:.1}", 100.0 * o.mean(o.two_way_width)),
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |keep: fn(&Shape) -> bool| -> Vec<Share> {
        outcomes.iter().filter(|o| keep(&o.shape)).map(|o| o.bootstrap).collect()
    };
    vec![
        at_least(
            "percentiles cover 92 % or more with six or more runs",
            &of(|s| s.replicates >= 6),
            0.92,
        ),
        at_least("and 90 % or more with four", &of(|s| s.replicates < 6), 0.9),
    ]
}

fn cell(o: &Outcome) -> Value {
    json!({
        "replicates": o.shape.replicates, "control_rate": o.shape.control_rate,
        "treated_rate": o.shape.treated_rate, "replicate_sd": o.shape.replicate_sd,
        "samples": o.shape.samples,
        "coverage": o.bootstrap.value(), "two_way_coverage": o.two_way.value(),
        "rejection": (o.rejection.n > 0).then(|| o.rejection.value()),
        "width": o.mean(o.width), "two_way_width": o.mean(o.two_way_width),
    })
}
