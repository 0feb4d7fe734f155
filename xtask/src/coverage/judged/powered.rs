//! Means from many judged answers and a few labelled ones.

use entail_schema::{Seed, Stream};
use entail_stats::{
    PredictionPowered, mean_interval, prediction_powered_mean, prediction_powered_mean_tuned,
};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::super::{Claim, SEED, Section, Share, at_least, holds, least, percent, range};
use super::{CONFIDENCE, reader};

/// Answers that only the judge has read.
const UNLABELLED: usize = 1_000;

/// What is read.
#[derive(Debug, Clone, Copy)]
enum Answers {
    /// A stance taken at this rate, read by the fair judge.
    Labels(f64),
    /// Ratings from 1 to 10 about this mean, which the judge reads a point too high and with noise.
    Ratings(f64),
}

struct Setting {
    answers: Answers,
    labels: usize,
}

/// Labels of the rarer answer, on average, below which Student's interval is short.
const FEW: f64 = 15.0;

impl Setting {
    /// Labels of the rarer answer, on average; ratings have no such thing.
    fn rarer(&self) -> f64 {
        match self.answers {
            Answers::Labels(rate) => rate.min(1.0 - rate) * self.labels as f64,
            Answers::Ratings(_) => self.labels as f64,
        }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Method {
    coverage: Share,
    /// Summed over studies that have an interval.
    width: f64,
}

impl Method {
    fn add(&mut self, interval: Option<(f64, f64)>, truth: f64) {
        // No interval is a miss.
        self.coverage.add(interval.is_some_and(|interval| holds(interval, truth)));
        self.width += interval.map_or(0.0, |(low, high)| high - low);
    }

    fn mean_width(&self) -> f64 {
        self.width / self.coverage.n as f64
    }
}

struct Outcome {
    setting: Setting,
    /// Mean of the judge's verdicts alone, of the people's labels alone, and the two together.
    judge: Method,
    people: Method,
    plain: Method,
    tuned: Method,
}

/// Tries both prediction-powered means and what they replace.
pub(in super::super) fn section(quick: bool) -> Section {
    let studies = if quick { 1_000 } else { 6_000 };
    let outcomes: Vec<Outcome> = settings()
        .into_par_iter()
        .enumerate()
        .map(|(index, setting)| {
            outcome(setting, Seed(SEED).child("powered", index as u64), studies)
        })
        .collect();
    Section {
        title: "A mean from many judged and few labelled answers",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "answers",
            "labels",
            "judge alone",
            "people alone",
            "powered",
            "tuned",
            "width: people",
            "powered",
            "tuned",
        ],
        rows: outcomes.iter().map(row).collect(),
        claims: claims(&outcomes),
        cells: outcomes.iter().map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row: 1,000 answers that only the judge reads, and so many that people label as well. The judge calls .85 of the true
and .92 of the false answers right; of ratings from 1 to 10 it gives one point too much and adds noise of one point. Coverage of the
true mean in per cent: of the judge's mean over all answers with its own error alone, of Student's interval of the labels alone, of the
prediction-powered mean, and of the one whose trust in the judge is tuned. Then mean widths, in percentage points or points. With
five or ten labels of the rarer answer Student's interval is short, with a judge and without.";

fn settings() -> Vec<Setting> {
    let answers =
        [Answers::Labels(0.1), Answers::Labels(0.3), Answers::Labels(0.6), Answers::Ratings(4.0)];
    let of = |answers| [50, 100, 200].map(|labels| Setting { answers, labels });
    answers.into_iter().flat_map(of).collect()
}

impl Answers {
    /// True value and the judge's.
    fn draw(self, stream: &mut Stream) -> (f64, f64) {
        match self {
            Self::Labels(rate) => {
                let judge = reader(0.85, 0.92);
                let truly = stream.uniform() < rate;
                let right = if truly { judge.sensitivity } else { judge.specificity };
                let seen = (stream.uniform() < right) == truly;
                (f64::from(u8::from(truly)), f64::from(u8::from(seen)))
            }
            Self::Ratings(center) => {
                // Whole points, symmetric and within one to ten wherever the center is whole.
                let truly =
                    (center + 1.2 * stream.normal()).round().clamp(center - 3.0, center + 3.0);
                (truly, (truly + 1.0 + stream.normal()).round().clamp(1.0, 10.0))
            }
        }
    }

    fn truth(self) -> f64 {
        match self {
            Self::Labels(mean) | Self::Ratings(mean) => mean,
        }
    }
}

fn outcome(setting: Setting, seed: Seed, studies: usize) -> Outcome {
    let (judge, people, plain, tuned) = Default::default();
    let mut outcome = Outcome { setting, judge, people, plain, tuned };
    for study in 0..studies {
        outcome.add(&mut seed.stream("study", study as u64));
    }
    outcome
}

impl Outcome {
    fn add(&mut self, stream: &mut Stream) {
        let Setting { answers, labels } = self.setting;
        let (people, read): (Vec<f64>, Vec<f64>) =
            (0..labels).map(|_| answers.draw(stream)).unzip();
        let others: Vec<f64> = (0..UNLABELLED).map(|_| answers.draw(stream).1).collect();
        let truth = answers.truth();
        let student = |values: &[f64]| mean_interval(values, CONFIDENCE).map(|i| (i.low, i.high));
        self.judge.add(student(&[read.as_slice(), &others].concat()), truth);
        self.people.add(student(&people), truth);
        let ends = |p: PredictionPowered| (p.interval.low, p.interval.high);
        let plain = prediction_powered_mean(&people, &read, &others, CONFIDENCE);
        self.plain.add(plain.ok().map(ends), truth);
        let tuned = prediction_powered_mean_tuned(&people, &read, &others, CONFIDENCE);
        self.tuned.add(tuned.ok().map(ends), truth);
    }
}

fn row(o: &Outcome) -> Vec<String> {
    let (name, unit) = match o.setting.answers {
        Answers::Labels(rate) => (format!("rate {rate:.1}"), 100.0),
        Answers::Ratings(mean) => (format!("ratings about {mean:.0}"), 1.0),
    };
    let width = |m: &Method| format!("{:.2}", unit * m.mean_width());
    vec![
        name,
        o.setting.labels.to_string(),
        percent(o.judge.coverage),
        percent(o.people.coverage),
        percent(o.plain.coverage),
        percent(o.tuned.coverage),
        width(&o.people),
        width(&o.plain),
        width(&o.tuned),
    ]
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |share: fn(&Outcome) -> Share| -> Vec<Share> { outcomes.iter().map(share).collect() };
    let tuned = |many: bool| -> Vec<Share> {
        let own = outcomes.iter().filter(|o| (o.setting.rarer() >= FEW) == many);
        own.map(|o| o.tuned.coverage).collect()
    };
    let judge = of(|o| o.judge.coverage);
    let narrower = outcomes.iter().all(|o| o.tuned.width <= o.people.width);
    vec![
        at_least(
            "the prediction-powered mean covers 93 % or more",
            &of(|o| o.plain.coverage),
            0.93,
        ),
        at_least(
            "tuned it covers 93 % or more as well with fifteen or more labels of the rarer answer",
            &tuned(true),
            0.93,
        ),
        at_least("and 88 % or more with five or ten, as labels alone do", &tuned(false), 0.88),
        Claim {
            what: "the judge's mean alone visibly does not (below 50 % somewhere)",
            found: range(&judge),
            holds: least(&judge) < 0.5,
        },
        Claim {
            what: "tuned it is nowhere wider than the labels alone",
            found: if narrower { "nowhere" } else { "somewhere" }.to_owned(),
            holds: narrower,
        },
    ]
}

fn cell(o: &Outcome) -> Value {
    let method = |m: &Method| json!({ "coverage": m.coverage.value(), "width": m.mean_width() });
    let (kind, mean) = match o.setting.answers {
        Answers::Labels(rate) => ("labels", rate),
        Answers::Ratings(mean) => ("ratings", mean),
    };
    json!({
        "answers": kind, "mean": mean, "labels": o.setting.labels,
        "judge": method(&o.judge), "people": method(&o.people),
        "powered": method(&o.plain), "tuned": method(&o.tuned),
    })
}
