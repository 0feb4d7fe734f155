//! Contrasts of trained arms whose answers are read by a judge that errs.

use entail_schema::{Seed, Stream};
use entail_stats::{
    ArmMean, Calibration, Contrast, Noise, Reader, Shape, corrected_difference,
    corrected_difference_per_arm, simulate,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::contrasts::arm_mean;
use super::{Claim, SEED, Section, Share, at_least, at_most, holds, least, percent, range, worst};

pub(super) mod powered;
pub(super) mod rates;

const CONFIDENCE: f64 = 0.95;

/// Judges of the treated arm and of the control.
const JUDGES: [(&str, Reader, Reader); 3] = [
    ("good, alike", reader(0.95, 0.97), reader(0.95, 0.97)),
    ("fair, alike", reader(0.85, 0.92), reader(0.85, 0.92)),
    ("lenient with treated", reader(0.95, 0.80), reader(0.85, 0.92)),
];

const fn reader(sensitivity: f64, specificity: f64) -> Reader {
    Reader { sensitivity, specificity }
}

/// One cell of the grid.
struct Setting {
    judges: (&'static str, Reader, Reader),
    /// Read by a judge who is right; the errors are put in by arm.
    shape: Shape,
    /// Answers of each arm that people label.
    labels: usize,
}

impl Setting {
    fn is_null(&self) -> bool {
        (self.shape.control_rate - self.shape.treated_rate).abs() < 1e-12
    }

    fn is_alike(&self) -> bool {
        self.judges.1 == self.judges.2
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Method {
    coverage: Share,
    rejection: Share,
    /// Studies in which it refuses to answer.
    refused: Share,
}

impl Method {
    fn add(&mut self, contrast: Option<Contrast>, truth: f64, null: bool) {
        self.refused.add(contrast.is_none());
        let Some(c) = contrast else { return };
        self.coverage.add(holds((c.low, c.high), truth));
        if null {
            self.rejection.add(c.p <= 1.0 - CONFIDENCE);
        }
    }
}

struct Outcome {
    setting: Setting,
    uncorrected: Method,
    /// The labels of both arms as one calibration.
    shared: Method,
    per_arm: Method,
}

/// Tries both corrections and none.
pub(super) fn section(quick: bool) -> Section {
    let (settings, studies) = (settings(quick), if quick { 600 } else { 2_500 });
    let outcomes: Vec<Outcome> = settings
        .into_par_iter()
        .enumerate()
        .map(|(index, setting)| outcome(setting, Seed(SEED).child("judged", index as u64), studies))
        .collect();
    Section {
        title: "Two trained arms read by a judge that errs",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "judge",
            "runs per arm",
            "rates",
            "labels per arm",
            "uncorrected",
            "one calibration",
            "by arm",
            "uncorrected rejects",
            "one calibration",
            "by arm",
            "refused: one",
            "by arm",
        ],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row: ten prompts, ten answers each, spread between training runs .05. The judge calls .95 of the true and .97 of
the false answers right (good), or .85 and .92 (fair), in both arms alike; or it is fair with the control and lenient with the treated
arm (.95 and .80), as when training changes the style of the answers. Of each arm so many answers, drawn at random, are labelled by
people. *Coverage* (three columns) and *rejects* are in per cent: without a correction, with the labels of both arms as one
calibration, and with the labels of each arm for itself. *Refused* is the share of studies in which a correction says that the labels
are too few. Rates are control → treated.";

fn settings(quick: bool) -> Vec<Setting> {
    let runs: &[usize] = if quick { &[4] } else { &[4, 6, 8] };
    let labels: &[usize] = if quick { &[50, 200] } else { &[50, 100, 200] };
    let mut settings = Vec::new();
    for judges in JUDGES {
        for &replicates in runs {
            for (control_rate, treated_rate) in [(0.3, 0.3), (0.2, 0.65), (0.1, 0.3)] {
                for &labels in labels {
                    let shape = Shape {
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
                    settings.push(Setting { judges, shape, labels });
                }
            }
        }
    }
    settings
}

fn outcome(setting: Setting, seed: Seed, studies: usize) -> Outcome {
    let (uncorrected, shared, per_arm) = Default::default();
    let mut outcome = Outcome { setting, uncorrected, shared, per_arm };
    for index in 0..studies {
        outcome.add(seed, index as u64);
    }
    outcome
}

impl Outcome {
    fn add(&mut self, seed: Seed, index: u64) {
        let Setting { judges: (_, of_treated, of_control), shape, labels } = self.setting;
        // The same study read twice: a judge changes verdicts and takes no draws of its own.
        let read_by = |judge: Reader| simulate(&Shape { judge: Some(judge), ..shape }, seed, index);
        let (one, zero) = (read_by(of_treated), read_by(of_control));
        let truth = one.these_prompts;
        let arm = |grid: &entail_stats::Grid| arm_mean(&grid.replicate_totals());
        let (treated, control) =
            arm(&one.treated).zip(arm(&zero.control)).expect("answers were read");
        let mut stream = seed.stream("labels", index);
        let labels1 = label(&mut stream, labels, shape.treated_rate, of_treated);
        let labels0 = label(&mut stream, labels, shape.control_rate, of_control);
        let null = self.setting.is_null();
        self.uncorrected.add(treated.minus(&control, CONFIDENCE).ok(), truth, null);
        let both = plus(&labels1, &labels0);
        let shared = corrected_difference(&treated, &control, &both, CONFIDENCE);
        self.shared.add(shared.ok(), truth, null);
        let pair = |arm, labels| -> (&ArmMean, &Calibration) { (arm, labels) };
        let per_arm = corrected_difference_per_arm(
            pair(&treated, &labels1),
            pair(&control, &labels0),
            CONFIDENCE,
        );
        self.per_arm.add(per_arm.ok(), truth, null);
    }
}

/// Verdicts on answers drawn from an arm, whatever the verdict.
fn label(stream: &mut Stream, n: usize, rate: f64, judge: Reader) -> Calibration {
    let mut labels = Calibration::default();
    for _ in 0..n {
        let is_true = stream.uniform() < rate;
        let right = if is_true { judge.sensitivity } else { judge.specificity };
        let count = match (is_true, stream.uniform() < right) {
            (true, true) => &mut labels.true_positives,
            (true, false) => &mut labels.false_negatives,
            (false, true) => &mut labels.true_negatives,
            (false, false) => &mut labels.false_positives,
        };
        *count += 1;
    }
    labels
}

fn plus(one: &Calibration, other: &Calibration) -> Calibration {
    Calibration {
        true_positives: one.true_positives + other.true_positives,
        false_negatives: one.false_negatives + other.false_negatives,
        true_negatives: one.true_negatives + other.true_negatives,
        false_positives: one.false_positives + other.false_positives,
    }
}

fn row(o: &Outcome) -> Vec<String> {
    let Setting { judges, shape, labels } = &o.setting;
    vec![
        judges.0.to_owned(),
        shape.replicates.to_string(),
        format!("{:.2} → {:.2}", shape.control_rate, shape.treated_rate),
        labels.to_string(),
        percent(o.uncorrected.coverage),
        percent(o.shared.coverage),
        percent(o.per_arm.coverage),
        percent(o.uncorrected.rejection),
        percent(o.shared.rejection),
        percent(o.per_arm.rejection),
        percent(o.shared.refused),
        percent(o.per_arm.refused),
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |keep: fn(&Setting) -> bool, share: fn(&Outcome) -> Share| -> Vec<Share> {
        outcomes.iter().filter(|o| keep(&o.setting)).map(share).collect()
    };
    let raw = of(|s| s.is_alike() && !s.is_null(), |o| o.uncorrected.coverage);
    let unlike = of(|s| !s.is_alike() && s.is_null(), |o| o.uncorrected.rejection);
    let shared_unlike = of(|s| !s.is_alike(), |o| o.shared.coverage);
    vec![
        at_least(
            "one calibration covers 93 % or more where the judge errs alike in both arms",
            &of(Setting::is_alike, |o| o.shared.coverage),
            0.93,
        ),
        at_least(
            "a calibration for each arm covers 93 % or more, errors alike or not",
            &of(|_| true, |o| o.per_arm.coverage),
            0.93,
        ),
        at_most(
            "one calibration rejects 6.5 % or less where nothing is there and the judge errs alike",
            &of(Setting::is_alike, |o| o.shared.rejection),
            0.065,
        ),
        at_most(
            "a calibration for each arm rejects 6.5 % or less where nothing is there",
            &of(|_| true, |o| o.per_arm.rejection),
            0.065,
        ),
        Claim {
            what: "without a correction coverage of an effect is visibly short (below 80 % somewhere)",
            found: range(&raw),
            holds: least(&raw) < 0.8,
        },
        Claim {
            what: "a judge that is lenient with one arm makes effects of nothing without a correction (above 30 % somewhere)",
            found: range(&unlike),
            holds: worst(&unlike) > 0.3,
        },
        Claim {
            what: "and one calibration for both arms does not repair that (below 80 % somewhere)",
            found: range(&shared_unlike),
            holds: least(&shared_unlike) < 0.8,
        },
    ]
}

fn cell(o: &Outcome) -> Value {
    let Setting { judges, shape, labels } = &o.setting;
    let method = |m: &Method| {
        let value = |s: Share| (s.n > 0).then(|| s.value());
        json!({
            "coverage": value(m.coverage), "rejection": value(m.rejection),
            "refused": value(m.refused),
        })
    };
    json!({
        "judge": judges.0, "replicates": shape.replicates, "control_rate": shape.control_rate,
        "treated_rate": shape.treated_rate, "labels_per_arm": labels,
        "uncorrected": method(&o.uncorrected), "one_calibration": method(&o.shared),
        "by_arm": method(&o.per_arm),
    })
}
