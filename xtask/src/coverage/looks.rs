//! Results looked at more than once, with levels for it and without.

use entail_schema::Seed;
use entail_stats::{
    ArmMean, Contrast, Decision, Looks, Noise, Shape, Simulated, Spending, simulate,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::contrasts::arm_mean;
use super::{Claim, SEED, Section, Share, at_least, at_most, holds, largest, least, range, worst};

pub(super) mod family;

const ALPHA: f64 = 0.05;

/// Training runs per arm at each look.
const DESIGNS: [&[usize]; 3] = [&[4, 6, 8, 12], &[3, 6], &[2, 4, 8]];
/// The most runs of any design; every design looks at the first runs of the same study.
const MOST: usize = 12;

const SPENDINGS: [(&str, Spending); 2] =
    [("O'Brien-Fleming", Spending::OBrienFleming), ("Pocock", Spending::Pocock)];

/// Fixed before the first look; an interval within it on both sides decides, too.
const SMALLEST_EFFECT: f64 = 0.1;

/// A design with its levels.
struct Plan {
    counts: &'static [usize],
    spending: &'static str,
    looks: Looks,
}

fn plans() -> Vec<Plan> {
    let of = |counts: &'static [usize]| {
        SPENDINGS.map(|(spending, kind)| Plan { counts, spending, looks: levels(counts, kind) })
    };
    DESIGNS.into_iter().flat_map(of).collect()
}

fn levels(counts: &[usize], spending: Spending) -> Looks {
    let most = *counts.last().expect("a design has looks") as f64;
    let fractions: Vec<f64> = counts.iter().map(|&n| n as f64 / most).collect();
    Looks::new(&fractions, ALPHA, spending).expect("counts rise")
}

/// What one plan did on one shape.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    planned: Method,
    /// Looks at .05 each, with 95 % intervals.
    naive: Method,
}

#[derive(Debug, Clone, Copy, Default)]
struct Method {
    /// Rejections of what is nothing, at any look.
    rejects: Share,
    /// Intervals of all looks hold the truth.
    all: Share,
    /// The interval of the look at which the study stops holds the truth.
    at_stop: Share,
    /// Training runs per arm until it stops, summed over studies.
    runs: usize,
}

/// Results of one shape, one tally per plan.
struct Outcome {
    shape: Shape,
    tallies: Vec<Tally>,
    /// Looks without any answer of ours.
    none: usize,
}

/// Tries all designs.
pub(super) fn section(quick: bool) -> Section {
    let (shapes, studies) = (shapes(quick), if quick { 1_000 } else { 4_000 });
    let plans = plans();
    let outcomes: Vec<Outcome> = shapes
        .par_iter()
        .enumerate()
        .map(|(index, shape)| {
            outcome(shape, &plans, Seed(SEED).child("looks", index as u64), studies)
        })
        .collect();
    Section {
        title: "Looking before all runs are there",
        text: TEXT
            .replace("STUDIES", &studies.to_string())
            .replace("CELLS", &shapes.len().to_string()),
        head: vec![
            "runs at the looks",
            "spending",
            "control at",
            "rejects",
            "naive",
            "all looks hold",
            "naive",
            "stop holds",
            "naive",
            "runs at the stop",
        ],
        rows: rows(&plans, &outcomes),
        claims: claims(&plans, &outcomes),
        cells: cells(&plans, &outcomes),
    }
}

const TEXT: &str = "\
CELLS cells, STUDIES studies each: runs are added until the result is clear, and all runs so far are tested at every look. Ten prompts,
ten answers each; spread between training runs 0, .05 and .10; no effect or one of .2. *Rejects* is the share of studies without an
effect that some look calls significant, in per cent, in the worst cell; *naive* is the same with every look at .05, which is what one
does who keeps looking. *All looks hold* is the share of studies whose repeated intervals hold the truth at every look at once, *stop
holds* that of the interval at the look where one stops: at the first that excludes zero or lies within ±.1, or at the last. Both from
the worst to the best cell. *Runs at the stop* are per arm, on average, from the least to the most.";

fn shapes(quick: bool) -> Vec<Shape> {
    let spreads: &[f64] = if quick { &[0.0, 0.1] } else { &[0.0, 0.05, 0.1] };
    let noises: &[Noise] = if quick { &[Noise::Logit] } else { &[Noise::Logit, Noise::Clipped] };
    let mut shapes = Vec::new();
    for control_rate in [0.05, 0.3, 0.9] {
        let moved = if control_rate < 0.5 { control_rate + 0.2 } else { control_rate - 0.2 };
        for treated_rate in [control_rate, moved] {
            for &replicate_sd in spreads {
                for &noise in noises {
                    shapes.push(Shape {
                        replicates: MOST,
                        prompts: 10,
                        samples: 10,
                        control_rate,
                        treated_rate,
                        replicate_sd,
                        prompt_sd: 0.1,
                        arm_prompt_sd: 0.0,
                        noise,
                        judge: None,
                    });
                }
            }
        }
    }
    shapes
}

fn outcome(shape: &Shape, plans: &[Plan], seed: Seed, studies: usize) -> Outcome {
    let mut outcome =
        Outcome { shape: *shape, tallies: vec![Tally::default(); plans.len()], none: 0 };
    for index in 0..studies {
        outcome.add(plans, &simulate(shape, seed, index as u64));
    }
    outcome
}

impl Outcome {
    fn is_null(&self) -> bool {
        (self.shape.control_rate - self.shape.treated_rate).abs() < 1e-12
    }

    fn add(&mut self, plans: &[Plan], study: &Simulated) {
        let arms = |grid: &entail_stats::Grid| -> Vec<Option<ArmMean>> {
            let runs = grid.replicate_totals();
            (0..=MOST).map(|n| arm_mean(runs.get(..n).filter(|r| r.len() > 1)?)).collect()
        };
        let (treated, control) = (arms(&study.treated), arms(&study.control));
        let contrast = |n: usize, confidence: f64| {
            treated[n].as_ref()?.minus(control[n].as_ref()?, confidence).ok()
        };
        // The naive look is the same whatever the plan.
        let naive: Vec<Option<Contrast>> = (0..=MOST).map(|n| contrast(n, 1.0 - ALPHA)).collect();
        let null = self.is_null();
        for (plan, tally) in plans.iter().zip(&mut self.tallies) {
            let counts = plan.counts;
            let alone: Option<Vec<Contrast>> = counts.iter().map(|&n| naive[n]).collect();
            let repeated: Option<Vec<Contrast>> = counts
                .iter()
                .enumerate()
                .map(|(look, &n)| contrast(n, plan.looks.confidence(look)?))
                .collect();
            let Some((alone, repeated)) = alone.zip(repeated) else {
                self.none += 1;
                continue;
            };
            let flat = vec![ALPHA; counts.len()];
            tally.planned.add(plan, &repeated, plan.looks.levels(), study.these_prompts, null);
            tally.naive.add(plan, &alone, &flat, study.these_prompts, null);
        }
    }
}

impl Method {
    fn add(&mut self, plan: &Plan, seen: &[Contrast], levels: &[f64], truth: f64, null: bool) {
        if null {
            self.rejects.add(seen.iter().zip(levels).any(|(c, level)| c.p <= *level));
        }
        self.all.add(seen.iter().all(|c| holds((c.low, c.high), truth)));
        let decided = |c: &Contrast| Decision::of(c.low, c.high, SMALLEST_EFFECT) != Decision::Open;
        let stop = seen.iter().position(decided).unwrap_or(seen.len() - 1);
        self.at_stop.add(holds((seen[stop].low, seen[stop].high), truth));
        self.runs += plan.counts[stop];
    }
}

fn rows(plans: &[Plan], outcomes: &[Outcome]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (index, plan) in plans.iter().enumerate() {
        for rate in [0.05, 0.3, 0.9] {
            let own: Vec<Tally> = outcomes
                .iter()
                .filter(|o| (o.shape.control_rate - rate).abs() < 1e-12)
                .map(|o| o.tallies[index])
                .collect();
            let shares = |of: fn(&Tally) -> Share| -> Vec<Share> { own.iter().map(of).collect() };
            let runs = own.iter().map(|t| t.planned.runs as f64 / t.planned.at_stop.n as f64);
            let (low, high) =
                runs.fold((f64::INFINITY, 0.0_f64), |(low, high), n| (low.min(n), high.max(n)));
            rows.push(vec![
                plan.counts.iter().map(ToString::to_string).collect::<Vec<_>>().join("/"),
                plan.spending.to_owned(),
                format!("{rate:.2}"),
                largest(&shares(|t| t.planned.rejects)),
                largest(&shares(|t| t.naive.rejects)),
                range(&shares(|t| t.planned.all)),
                range(&shares(|t| t.naive.all)),
                range(&shares(|t| t.planned.at_stop)),
                range(&shares(|t| t.naive.at_stop)),
                format!("{low:.1}–{high:.1}"),
            ]);
        }
    }
    rows
}

fn claims(plans: &[Plan], outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |share: fn(&Tally) -> Share| -> Vec<Share> {
        outcomes.iter().flat_map(|o| o.tallies.iter().map(share)).collect()
    };
    // Of the designs with four looks alone: two looks inflate less.
    let four = |share: fn(&Tally) -> Share| -> Vec<Share> {
        let tallies = outcomes.iter().flat_map(|o| o.tallies.iter().zip(plans));
        tallies.filter(|(_, plan)| plan.counts.len() == 4).map(|(t, _)| share(t)).collect()
    };
    let naive = four(|t| t.naive.rejects);
    let stops = four(|t| t.naive.at_stop);
    let none: usize = outcomes.iter().map(|o| o.none).sum();
    vec![
        at_most(
            "planned looks reject 5.5 % or less over all looks where nothing is there",
            &of(|t| t.planned.rejects),
            0.055,
        ),
        at_least(
            "repeated intervals hold the truth at all looks together in 94.5 % or more",
            &of(|t| t.planned.all),
            0.945,
        ),
        at_least(
            "the interval at the look where one stops holds the truth in 94.5 % or more",
            &of(|t| t.planned.at_stop),
            0.945,
        ),
        Claim {
            what: "four looks at .05 each reject visibly too often (above 8 % somewhere)",
            found: range(&naive),
            holds: worst(&naive) > 0.08,
        },
        Claim {
            what: "and their 95 % intervals hold the truth visibly too seldom at the stop (below 93 % somewhere)",
            found: range(&stops),
            holds: least(&stops) < 0.93,
        },
        Claim {
            what: "every look has an answer",
            found: format!("{none} without"),
            holds: none == 0,
        },
    ]
}

fn cells(plans: &[Plan], outcomes: &[Outcome]) -> Vec<Value> {
    let method = |m: &Method| {
        let rejects = (m.rejects.n > 0).then(|| m.rejects.value());
        json!({
            "rejects": rejects, "all": m.all.value(), "at_stop": m.at_stop.value(),
            "runs": m.runs as f64 / m.at_stop.n as f64,
        })
    };
    let cell = |o: &Outcome, plan: &Plan, tally: &Tally| {
        let s = &o.shape;
        json!({
            "looks": plan.counts, "spending": plan.spending, "control_rate": s.control_rate,
            "treated_rate": s.treated_rate, "replicate_sd": s.replicate_sd,
            "noise": format!("{:?}", s.noise).to_lowercase(),
            "planned": method(&tally.planned), "naive": method(&tally.naive),
        })
    };
    outcomes
        .iter()
        .flat_map(|o| plans.iter().zip(&o.tallies).map(|(plan, tally)| cell(o, plan, tally)))
        .collect()
}
