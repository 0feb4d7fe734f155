//! Power as planned and as it comes.

use entail_schema::Seed;
use entail_stats::{Comparison, Noise, PlannedArm, Shape, simulate};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::contrasts::arm_mean;
use super::super::{Claim, SEED, Section, Share};
use super::Truth;

const ALPHA: f64 = 0.05;

struct Outcome {
    shape: Shape,
    effect: f64,
    planned: f64,
    textbook: f64,
    seen: Share,
}

/// Simulates what a plan promises.
pub(in super::super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 1_500 } else { 10_000 });
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| outcome(shape, Seed(SEED).child("power", index as u64), studies))
        .collect();
    Section {
        title: "Power",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec!["runs per arm", "rates", "run SD", "effect", "planned", "seen", "textbook"],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
How often the default contrast finds an effect at .05, STUDIES studies per row, ten prompts (spread .1) with ten answers each: as a plan
computes it from the true variance components (*planned*), as it comes out (*seen*), and as the noncentral t with fixed degrees of
freedom has it (*textbook*), in per cent. A plan takes run means as normal, which they are not near zero: there it is off by a few points
either way. Rates are control → treated of a typical run and prompt; the effect is on average over both.";

fn shapes(quick: bool) -> Vec<Shape> {
    let runs: &[usize] = if quick { &[4] } else { &[3, 4, 6, 8] };
    let cells = [
        (0.3, 0.45, 0.05),
        (0.3, 0.5, 0.1),
        (0.1, 0.25, 0.05),
        (0.05, 0.15, 0.1),
        (0.9, 0.75, 0.05),
    ];
    let shape = |replicates: usize, (control_rate, treated_rate, replicate_sd)| Shape {
        replicates,
        prompts: 10,
        samples: 10,
        control_rate,
        treated_rate,
        replicate_sd,
        prompt_sd: 0.1,
        arm_prompt_sd: 0.0,
        noise: Noise::Logit,
        judge: None,
    };
    runs.iter().flat_map(|&n| cells.map(|cell| shape(n, cell))).collect()
}

fn outcome(shape: &Shape, seed: Seed, studies: usize) -> Outcome {
    let [treated, control] =
        [shape.treated_rate, shape.control_rate].map(|rate| Truth::of(shape, rate));
    let arm =
        |truth: &Truth| PlannedArm { variance: truth.variance(), replicates: shape.replicates };
    let plan = Comparison::new(arm(&treated), arm(&control), ALPHA).expect("runs differ");
    let effect = treated.mean - control.mean;
    let mut seen = Share::default();
    for index in 0..studies {
        let study = simulate(shape, seed, index as u64);
        let contrast = arm_mean(&study.treated.replicate_totals())
            .zip(arm_mean(&study.control.replicate_totals()))
            .and_then(|(one, zero)| one.minus(&zero, 1.0 - ALPHA).ok());
        seen.add(contrast.is_some_and(|c| c.p <= ALPHA));
    }
    Outcome {
        shape: *shape,
        effect,
        planned: plan.power(effect).expect("an effect is finite"),
        textbook: plan.textbook_power(effect).expect("an effect is finite"),
        seen,
    }
}

impl Outcome {
    fn off(&self) -> f64 {
        self.seen.value() - self.planned
    }

    /// Three standard errors of what is seen.
    fn chance(&self) -> f64 {
        3.0 * (self.planned * (1.0 - self.planned) / self.seen.n as f64).sqrt()
    }
}

fn row(o: &Outcome) -> Vec<String> {
    let percent = |share: f64| format!("{:.1}", 100.0 * share);
    vec![
        o.shape.replicates.to_string(),
        format!("{:.2} → {:.2}", o.shape.control_rate, o.shape.treated_rate),
        format!("{:.2}", o.shape.replicate_sd),
        format!("{:+.3}", o.effect),
        percent(o.planned),
        percent(o.seen.value()),
        percent(o.textbook),
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let claim = |what: &'static str, keep: fn(&Shape) -> bool, slack: f64| {
        let own = || outcomes.iter().filter(|o| keep(&o.shape));
        let (low, high) = own()
            .map(Outcome::off)
            .fold((0.0_f64, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
        Claim {
            what,
            found: format!("{:+.1} to {:+.1} points", 100.0 * low, 100.0 * high),
            holds: own().next().is_some() && own().all(|o| o.off().abs() <= slack + o.chance()),
        }
    };
    vec![
        claim(
            "power comes as planned at rates from .1 to .9, within two points and chance",
            |shape| shape.control_rate >= 0.1,
            0.02,
        ),
        claim(
            "and within four points and chance from a rate of .05, where run means are skewed",
            |shape| shape.control_rate < 0.1,
            0.04,
        ),
    ]
}

fn cell(o: &Outcome) -> Value {
    json!({
        "replicates": o.shape.replicates, "control_rate": o.shape.control_rate,
        "treated_rate": o.shape.treated_rate, "replicate_sd": o.shape.replicate_sd,
        "effect": o.effect, "planned": o.planned, "seen": o.seen.value(), "textbook": o.textbook,
    })
}
