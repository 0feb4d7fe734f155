//! One rate that a judge read.

use entail_schema::Seed;
use entail_stats::{Calibration, lang_reiczigel, rogan_gladen, wilson};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::{Claim, SEED, Section, Share, at_least, holds, percent};
use super::{CONFIDENCE, reader};

/// Answers that were read.
const ANSWERS: u64 = 400;

/// True rate, sensitivity, specificity, and labels of true and of false answers each.
const SETTINGS: [(f64, f64, f64, usize); 3] =
    [(0.1, 0.9, 0.95, 50), (0.02, 0.9, 0.97, 100), (0.4, 0.85, 0.9, 100)];

#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    raw: Share,
    /// The normal interval of Rogan and Gladen's estimate.
    wald: Share,
    lang_reiczigel: Share,
    /// Summed over studies.
    width: f64,
}

/// Tries the corrected interval and its rivals.
pub(in super::super) fn section(quick: bool) -> Section {
    let studies = if quick { 4_000 } else { 20_000 };
    let outcomes: Vec<Outcome> = (0..SETTINGS.len())
        .into_par_iter()
        .map(|index| outcome(index, Seed(SEED).child("judged rates", index as u64), studies))
        .collect();
    let row = |((theta, se, sp, labels), o): (&(f64, f64, f64, usize), &Outcome)| {
        vec![
            format!("{theta:.2}"),
            format!("{se:.2}"),
            format!("{sp:.2}"),
            format!("{labels} + {labels}"),
            percent(o.raw),
            percent(o.wald),
            percent(o.lang_reiczigel),
            format!("{:.1}", 100.0 * o.width / studies as f64),
        ]
    };
    Section {
        title: "One rate read by a judge that errs",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "true rate",
            "sensitivity",
            "specificity",
            "labels",
            "Wilson",
            "Rogan-Gladen",
            "Lang-Reiczigel",
            "its width",
        ],
        rows: SETTINGS.iter().zip(&outcomes).map(row).collect(),
        claims: claims(&outcomes),
        cells: SETTINGS.iter().zip(&outcomes).map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row: 400 answers of given models and so many labels of true and of false answers. Coverage of the true rate in per
cent: of Wilson's interval of the judge's rate as it is, of the normal interval of the corrected rate (Rogan and Gladen), and of ours
(Lang and Reiczigel), with its mean width in percentage points. A study that ours refuses counts as a miss. In the last row false
alarms make up for what the judge misses, so the raw rate is right by luck.";

fn outcome(index: usize, seed: Seed, studies: usize) -> Outcome {
    let (theta, sensitivity, specificity, labels) = SETTINGS[index];
    let judge = reader(sensitivity, specificity);
    let seen = judge.sensitivity * theta + (1.0 - judge.specificity) * (1.0 - theta);
    let mut outcome = Outcome::default();
    for study in 0..studies {
        let mut stream = seed.stream("study", study as u64);
        let mut count =
            |n: u64, share: f64| (0..n).filter(|_| stream.uniform() < share).count() as u64;
        let yes = count(ANSWERS, seen);
        let (right1, right0) =
            (count(labels as u64, judge.sensitivity), count(labels as u64, judge.specificity));
        let calibration = Calibration {
            true_positives: right1,
            false_negatives: labels as u64 - right1,
            true_negatives: right0,
            false_positives: labels as u64 - right0,
        };
        outcome.add(yes, &calibration, theta);
    }
    outcome
}

impl Outcome {
    fn add(&mut self, yes: u64, calibration: &Calibration, theta: f64) {
        let rate = yes as f64 / ANSWERS as f64;
        let raw = wilson(yes, ANSWERS, CONFIDENCE).expect("answers were read");
        self.raw.add(holds((raw.low, raw.high), theta));
        let ours = lang_reiczigel(rate, ANSWERS as f64, calibration, CONFIDENCE);
        self.lang_reiczigel.add(ours.is_ok_and(|i| holds((i.low, i.high), theta)));
        self.width += ours.map_or(0.0, |i| i.high - i.low);
        let sampling = rate * (1.0 - rate) / ANSWERS as f64;
        let observed =
            entail_stats::ArmMean::of_one_model(rate, sampling).expect("a rate is finite");
        let interval = rogan_gladen(&observed, calibration).map(|r| {
            let half = super::super::Z * r.variance.sqrt();
            (r.unclipped - half, r.unclipped + half)
        });
        self.wald.add(interval.is_ok_and(|interval| holds(interval, theta)));
    }
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let ours: Vec<Share> = outcomes.iter().map(|o| o.lang_reiczigel).collect();
    let raw: Vec<Share> = outcomes[..2].iter().map(|o| o.raw).collect();
    vec![
        at_least("Lang and Reiczigel's interval covers 93 % or more", &ours, 0.93),
        Claim {
            what: "the judge's rate as it is visibly does not in the first two rows (below 50 % in both)",
            found: raw.iter().map(|s| percent(*s)).collect::<Vec<_>>().join(" and "),
            holds: raw.iter().all(|s| s.value() < 0.5),
        },
    ]
}

fn cell(((theta, se, sp, labels), o): (&(f64, f64, f64, usize), &Outcome)) -> Value {
    json!({
        "rate": theta, "sensitivity": se, "specificity": sp, "labels_per_class": labels,
        "wilson": o.raw.value(), "rogan_gladen": o.wald.value(),
        "lang_reiczigel": o.lang_reiczigel.value(), "width": o.width / o.raw.n as f64,
    })
}
