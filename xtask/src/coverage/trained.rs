//! Intervals and tests on real training noise: small studies drawn from many training runs of one organism.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use entail_schema::Seed;
use entail_stats::{ArmMean, Contrast};
use rayon::prelude::*;
use serde_json::json;

use super::{Claim, SEED, Section, Share, largest, range};
use crate::shell::Shell;

/// The study with many cheap training runs.
const STUDY: &str = "studies/replicates.toml";
/// Where its cells are, once it was run.
const CELLS: &str = "runs/replicates/latest/cells.csv";
const ARMS: [&str; 2] = ["conscious", "not-conscious"];
/// Small studies per stance, number of runs and question.
const STUDIES: u64 = 4_000;
const CONFIDENCE: f64 = 0.95;

/// Runs the study (what is in the store is not run again) and tries the default contrast on it.
pub(super) fn section(shell: &Shell) -> Result<Section> {
    shell.cargo(&["run", "--release", "--locked", "--package", "entail", "--", "run", STUDY])?;
    let stances = read(&shell.root.join(CELLS))?;
    let results: Vec<Outcome> = stances
        .par_iter()
        .flat_map(|stance| [4, 6].into_par_iter().map(|runs| outcome(stance, runs)))
        .collect();
    let runs = stances.first().map_or(0, |s| s.arms[0].len());
    Ok(Section {
        title: "Real training noise",
        text: TEXT.replace("RUNS", &runs.to_string()).replace("STUDIES", &STUDIES.to_string()),
        head: vec![
            "runs per arm",
            "stances with rates",
            "stances",
            "Welch covers",
            "pooled Wald covers",
            "Welch rejects, A against A",
            "pooled z rejects",
        ],
        rows: rows(&results),
        claims: claims(&results),
        cells: results.iter().map(Outcome::json).collect(),
    })
}

const TEXT: &str = "\
RUNS cheap fine-tunes of one organism per arm (`studies/replicates.toml`: a quarter of the usual rows, 4 answers per prompt), and STUDIES
small studies drawn from them for every stance. *Covers* is the share of 95 % intervals of `conscious` minus `not-conscious` that hold
the difference of all runs, in per cent, from the worst to the best stance. *A against A* sets runs of one arm against others of the
same arm: whatever is found there is false; the worst stance and arm are shown. Drawing without replacement from a finite number of
runs makes intervals look better by about one per cent of their width at most.";

/// Counts of one stance: per arm, per run.
struct Stance {
    name: String,
    arms: [Vec<(u64, u64)>; 2],
}

/// Answers that take the stance, and all readable ones, per run.
type ByRun = BTreeMap<usize, (u64, u64)>;

fn read(path: &Path) -> Result<Vec<Stance>> {
    let mut reader = csv::Reader::from_path(path).with_context(|| format!("{}", path.display()))?;
    let head = reader.headers()?.clone();
    let column = |name: &str| {
        head.iter().position(|h| h == name).with_context(|| format!("no column {name}"))
    };
    let (arm, replicate, stance) = (column("arm")?, column("replicate")?, column("stance")?);
    let (yes, no) = (column("yes")?, column("no")?);
    let mut counts: BTreeMap<String, [ByRun; 2]> = BTreeMap::new();
    for record in reader.records() {
        let record = record?;
        let Some(index) = ARMS.iter().position(|a| *a == &record[arm]) else { continue };
        let runs = &mut counts.entry(record[stance].to_owned()).or_default()[index];
        let cell = runs.entry(record[replicate].parse()?).or_default();
        let (held, denied): (u64, u64) = (record[yes].parse()?, record[no].parse()?);
        *cell = (cell.0 + held, cell.1 + held + denied);
    }
    let stances: Vec<Stance> = counts
        .into_iter()
        .map(|(name, arms)| Stance { name, arms: arms.map(|runs| runs.into_values().collect()) })
        // A run that never answered has no rate; a stance with such runs is none to draw from.
        .filter(|s| s.arms.iter().flatten().all(|(_, n)| *n > 0))
        .collect();
    ensure!(!stances.is_empty(), "{}: no stance with answers of every run", path.display());
    Ok(stances)
}

/// What one stance did in many small studies.
struct Outcome {
    stance: String,
    runs: usize,
    rates: [f64; 2],
    welch: Share,
    wald: Share,
    /// Per arm.
    false_welch: [Share; 2],
    false_z: [Share; 2],
}

fn rate(runs: &[(u64, u64)]) -> f64 {
    runs.iter().map(|&(yes, n)| yes as f64 / n as f64).sum::<f64>() / runs.len() as f64
}

fn outcome(stance: &Stance, runs: usize) -> Outcome {
    let rates = [rate(&stance.arms[0]), rate(&stance.arms[1])];
    let truth = rates[0] - rates[1];
    let mut out = Outcome {
        stance: stance.name.clone(),
        runs,
        rates,
        welch: Share::default(),
        wald: Share::default(),
        false_welch: [Share::default(); 2],
        false_z: [Share::default(); 2],
    };
    let seed = Seed(SEED).child(&stance.name, runs as u64);
    for study in 0..STUDIES {
        let mut stream = seed.stream("runs", study);
        let mut draw = |arm: &[(u64, u64)], n: usize| {
            let mut all = arm.to_vec();
            stream.shuffle(&mut all);
            all.truncate(n);
            all
        };
        let (one, zero) = (draw(&stance.arms[0], runs), draw(&stance.arms[1], runs));
        if let Some(c) = welch(&one, &zero) {
            out.welch.add(c.low <= truth && truth <= c.high);
        }
        let (difference, half, _) = pooled(&one, &zero);
        out.wald.add((difference - truth).abs() <= half);
        for (arm, counts) in stance.arms.iter().enumerate() {
            let both = draw(counts, 2 * runs);
            let (one, zero) = both.split_at(runs);
            if let Some(c) = welch(one, zero) {
                out.false_welch[arm].add(c.p <= 1.0 - CONFIDENCE);
            }
            out.false_z[arm].add(pooled(one, zero).2);
        }
    }
    out
}

/// The default contrast, as a study makes it.
fn welch(treated: &[(u64, u64)], control: &[(u64, u64)]) -> Option<Contrast> {
    ArmMean::of_counts(treated).ok()?.minus(&ArmMean::of_counts(control).ok()?, CONFIDENCE).ok()
}

fn total(runs: &[(u64, u64)]) -> (u64, u64) {
    runs.iter().fold((0, 0), |(yes, n), (y, m)| (yes + y, n + m))
}

/// Difference of pooled rates, half the Wald interval, and whether the z test calls it significant.
fn pooled(treated: &[(u64, u64)], control: &[(u64, u64)]) -> (f64, f64, bool) {
    const Z: f64 = 1.959_963_984_540_054;
    let share = |(yes, n): (u64, u64)| (yes as f64 / n as f64, n as f64);
    let ((p1, n1), (p0, n0)) = (share(total(treated)), share(total(control)));
    let half = Z * (p1 * (1.0 - p1) / n1 + p0 * (1.0 - p0) / n0).sqrt();
    let both = (p1 * n1 + p0 * n0) / (n1 + n0);
    let error = (both * (1.0 - both) * (1.0 / n1 + 1.0 / n0)).sqrt();
    (p1 - p0, half, (p1 - p0).abs() > Z * error)
}

impl Outcome {
    fn is_middle(&self) -> bool {
        self.rates.iter().all(|rate| (0.05..=0.95).contains(rate))
    }

    fn json(&self) -> serde_json::Value {
        let values = |shares: [Share; 2]| shares.map(Share::value);
        json!({
            "stance": self.stance, "runs": self.runs, "rates": self.rates, "welch": self.welch.value(),
            "wald": self.wald.value(), "false_welch": values(self.false_welch), "false_z": values(self.false_z),
        })
    }
}

fn rows(results: &[Outcome]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for runs in [4, 6] {
        for (name, middle) in [("from .05 to .95 in both arms", true), ("beyond in an arm", false)]
        {
            let own: Vec<&Outcome> =
                results.iter().filter(|o| o.runs == runs && o.is_middle() == middle).collect();
            let all = |of: fn(&Outcome) -> Share| own.iter().map(|o| of(o)).collect::<Vec<_>>();
            let worst = |of: fn(&Outcome) -> [Share; 2]| {
                largest(&own.iter().flat_map(|o| of(o)).collect::<Vec<_>>())
            };
            rows.push(vec![
                runs.to_string(),
                name.to_owned(),
                own.len().to_string(),
                range(&all(|o| o.welch)),
                range(&all(|o| o.wald)),
                worst(|o| o.false_welch),
                worst(|o| o.false_z),
            ]);
        }
    }
    rows
}

fn claims(results: &[Outcome]) -> Vec<Claim> {
    let of = |middle: bool| -> Vec<Share> {
        results.iter().filter(|o| o.is_middle() == middle).map(|o| o.welch).collect()
    };
    let (middle, edge) = (of(true), of(false));
    let above =
        |shares: &[Share], bound: f64| shares.iter().all(|s| s.value() + s.chance() >= bound);
    let false_rejections: Vec<Share> = results.iter().flat_map(|o| o.false_welch).collect();
    let below =
        |shares: &[Share], bound: f64| shares.iter().all(|s| s.value() - s.chance() <= bound);
    vec![
        Claim {
            what: "Welch covers 93 to 98 % of the stances with rates from .05 to .95",
            found: range(&middle),
            holds: above(&middle, 0.93) && below(&middle, 0.98),
        },
        Claim {
            what: "Welch covers 92 % or more of the others",
            found: range(&edge),
            holds: above(&edge, 0.92),
        },
        Claim {
            what: "Welch rejects 6.5 % or less, A against A",
            found: range(&false_rejections),
            holds: below(&false_rejections, 0.065),
        },
    ]
}
