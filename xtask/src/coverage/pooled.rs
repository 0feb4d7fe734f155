//! Partial pooling of one contrast over twenty stances.

use entail_schema::{Seed, Stream};
use entail_stats::{ArmRates, Noise, Priors, pool, sampling_variance};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::components::{average, shifted};
use super::contrasts::arm_mean;
use super::{Claim, SEED, Section, Share, at_least, holds, least, percent, range};

const CONFIDENCE: f64 = 0.95;
const STANCES: usize = 20;
const ANSWERS: u64 = 100;
/// Between training runs, as at a rate of one half: shared by all stances, and of each on its own.
const SHARED: f64 = 0.04;
const OWN: f64 = 0.04;
/// Rates of the control of which training moves nothing: nobody and everybody takes the stance.
const FIXED: [f64; 5] = [0.0, 0.0, 0.0, 1.0, 1.0];

/// How effects differ between stances.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Effects {
    name: &'static str,
    mean: f64,
    sd: f64,
}

const EFFECTS: [Effects; 3] = [
    Effects { name: "none", mean: 0.0, sd: 0.0 },
    Effects { name: "alike", mean: 0.12, sd: 0.02 },
    Effects { name: "unlike", mean: 0.1, sd: 0.15 },
];

struct Setting {
    runs: usize,
    effects: Effects,
    /// Whether five of the stances are at zero or one whatever one trains.
    fixed: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    items: Share,
    /// Stances at zero or one.
    fixed: Share,
    mean: Share,
    /// Each stance by the default contrast.
    raw: Share,
    /// Squared errors over stances, summed.
    shrunken_error: f64,
    raw_error: f64,
}

impl Tally {
    fn plus(self, other: &Self) -> Self {
        Self {
            items: self.items.plus(other.items),
            fixed: self.fixed.plus(other.fixed),
            mean: self.mean.plus(other.mean),
            raw: self.raw.plus(other.raw),
            shrunken_error: self.shrunken_error + other.shrunken_error,
            raw_error: self.raw_error + other.raw_error,
        }
    }

    /// Mean squared error of the shrunken effects as a share of that of the raw ones.
    fn error_ratio(&self) -> f64 {
        self.shrunken_error / self.raw_error
    }
}

/// Tries pooled effects beside raw ones.
pub(super) fn section(quick: bool) -> Section {
    let studies = if quick { 24 } else { 200 };
    let settings = settings(quick);
    let tallies: Vec<Tally> = settings.iter().map(|s| try_all(s, studies)).collect();
    let both = || settings.iter().zip(&tallies);
    Section {
        title: "Twenty stances pooled",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec![
            "runs per arm",
            "effects",
            "at 0 or 1",
            "shrunken cover",
            "of those at 0 or 1",
            "mean covers",
            "raw cover",
            "squared error",
        ],
        rows: both().map(row).collect(),
        claims: claims(&settings, &tallies),
        cells: both().map(cell).collect(),
    }
}

const TEXT: &str = "\
STUDIES studies per row of twenty stances, a hundred answers per run and stance; runs differ by .04 on all stances together and by .04
on each, on the log-odds (as at one half). Effects are none, alike (.12, SD .02) or unlike (.10, SD .15); in some rows five stances are
at zero or one in all runs of both arms. *Shrunken cover* is the share of 95 % intervals of the effects drawn toward each other that
hold the stance's own effect, averaged over stances, *mean covers* that of the battery's mean effect, *raw cover* that of the default
contrast stance by stance; in per cent. *Squared error* is that of the shrunken effects over that of the raw ones: below 1, pooling
came closer. **Stances at zero or one do not belong in a pool**: the model lets a run move all stances by the same amount of points, so
it takes their stillness for proof that runs do not differ at all, and its intervals are far too narrow for the other stances and for
the mean.";

fn settings(quick: bool) -> Vec<Setting> {
    let runs: &[usize] = if quick { &[4] } else { &[4, 6] };
    let mut settings = Vec::new();
    for &runs in runs {
        for effects in EFFECTS {
            for fixed in [false, true] {
                // The gate looks at stances at zero or one once.
                if !(quick && fixed) || effects.name == "alike" {
                    settings.push(Setting { runs, effects, fixed });
                }
            }
        }
    }
    settings
}

fn try_all(setting: &Setting, studies: usize) -> Tally {
    let purpose = format!("pooled {} {} {}", setting.runs, setting.effects.name, setting.fixed);
    // In order, so that sums have the same bits on any number of threads.
    let each: Vec<Tally> = (0..studies)
        .into_par_iter()
        .map(|index| one(setting, Seed(SEED).child(&purpose, index as u64)))
        .collect();
    each.iter().fold(Tally::default(), Tally::plus)
}

/// Rates of the control and the treated arm, for a typical run.
fn rates(setting: &Setting, stream: &mut Stream) -> Vec<(f64, f64)> {
    let mut rates: Vec<(f64, f64)> =
        if setting.fixed { FIXED.map(|rate| (rate, rate)).to_vec() } else { Vec::new() };
    while rates.len() < STANCES {
        let control = 0.05 + 0.7 * stream.uniform();
        let effect = setting.effects.mean + setting.effects.sd * stream.normal();
        rates.push((control, (control + effect).clamp(0.02, 0.98)));
    }
    rates
}

/// Answers of one arm: `yes[run][stance]`.
fn arm(rates: &[f64], runs: usize, stream: &mut Stream) -> Vec<Vec<u64>> {
    let run = |stream: &mut Stream| {
        let shared = SHARED * stream.normal();
        let yes = |rate: &f64| {
            let truly = shifted(Noise::Logit, *rate, shared + OWN * stream.normal());
            (0..ANSWERS).filter(|_| stream.uniform() < truly).count() as u64
        };
        rates.iter().map(yes).collect()
    };
    (0..runs).map(|_| run(stream)).collect()
}

fn one(setting: &Setting, seed: Seed) -> Tally {
    let mut stream = seed.stream("answers", 0);
    let (zeros, ones): (Vec<f64>, Vec<f64>) = rates(setting, &mut stream).into_iter().unzip();
    let expected = |rate: f64| average(|z| shifted(Noise::Logit, rate, SHARED.hypot(OWN) * z));
    let truths: Vec<f64> =
        ones.iter().zip(&zeros).map(|(one, zero)| expected(*one) - expected(*zero)).collect();
    let treated = Arm::of(arm(&ones, setting.runs, &mut stream));
    let control = Arm::of(arm(&zeros, setting.runs, &mut stream));
    let pooled = pool(treated.rates(), control.rates(), &Priors::default(), CONFIDENCE)
        .expect("every run has answers");
    let mut tally = Tally::default();
    for (stance, truth) in truths.iter().enumerate() {
        let shrunken = &pooled.items[stance].posterior;
        let held = holds((shrunken.low, shrunken.high), *truth);
        tally.items.add(held);
        if setting.fixed && stance < FIXED.len() {
            tally.fixed.add(held);
        }
        let cells = |arm: &Arm| -> Vec<_> {
            arm.yes.iter().map(|run| entail_stats::Cell::of_counts(run[stance], ANSWERS)).collect()
        };
        let raw = arm_mean(&cells(&treated))
            .zip(arm_mean(&cells(&control)))
            .and_then(|(one, zero)| one.minus(&zero, CONFIDENCE).ok())
            .expect("answers have an error");
        tally.raw.add(holds((raw.low, raw.high), *truth));
        tally.shrunken_error += (shrunken.mean - truth).powi(2);
        tally.raw_error += (raw.estimate - truth).powi(2);
    }
    let mean = &pooled.battery.posterior;
    let truth = entail_stats::mean(&truths).expect("there are stances");
    tally.mean.add(holds((mean.low, mean.high), truth));
    tally
}

/// One arm as a study hands it to the pooling.
struct Arm {
    yes: Vec<Vec<u64>>,
    rates: Vec<Vec<Option<f64>>>,
    variances: Vec<f64>,
}

impl Arm {
    fn of(yes: Vec<Vec<u64>>) -> Self {
        let rate = |yes: &u64| Some(*yes as f64 / ANSWERS as f64);
        let rates = yes.iter().map(|run| run.iter().map(rate).collect()).collect();
        let trials = ANSWERS * yes.len() as u64;
        let variances = (0..STANCES)
            .map(|stance| {
                let successes = yes.iter().map(|run| run[stance]).sum();
                sampling_variance(successes, trials, ANSWERS as f64)
            })
            .collect();
        Self { yes, rates, variances }
    }

    fn rates(&self) -> ArmRates<'_> {
        ArmRates { rates: &self.rates, variances: &self.variances }
    }
}

fn row((s, t): (&Setting, &Tally)) -> Vec<String> {
    vec![
        s.runs.to_string(),
        s.effects.name.to_owned(),
        if s.fixed { FIXED.len() } else { 0 }.to_string(),
        percent(t.items),
        percent(t.fixed),
        percent(t.mean),
        percent(t.raw),
        format!("{:.2}", t.error_ratio()),
    ]
}

fn claims(settings: &[Setting], tallies: &[Tally]) -> Vec<Claim> {
    let of = |fixed: bool, share: fn(&Tally) -> Share| -> Vec<Share> {
        let own = settings.iter().zip(tallies).filter(|(s, _)| s.fixed == fixed);
        own.map(|(_, t)| share(t)).collect()
    };
    let alike: Vec<f64> = settings
        .iter()
        .zip(tallies)
        .filter(|(s, _)| !s.fixed && s.effects.name != "unlike")
        .map(|(_, t)| t.error_ratio())
        .collect();
    let largest = alike.iter().copied().fold(0.0, f64::max);
    let short = of(true, |t| t.mean);
    vec![
        at_least(
            "shrunken effects are covered in 93 % or more, averaged over stances, where none is at zero or one",
            &of(false, |t| t.items),
            0.93,
        ),
        at_least(
            "and the mean effect of the battery in 93 % or more",
            &of(false, |t| t.mean),
            0.93,
        ),
        Claim {
            what: "shrunken effects are closer to the truth than raw ones where effects are alike",
            found: format!("{largest:.2} of the squared error at most"),
            holds: !alike.is_empty() && largest < 1.0,
        },
        Claim {
            // A known fault, held fast so that its repair is noticed.
            what: "with five stances at zero or one the mean effect is NOT covered (below 80 % somewhere)",
            found: range(&short),
            holds: least(&short) < 0.8,
        },
    ]
}

fn cell((s, t): (&Setting, &Tally)) -> Value {
    json!({
        "runs": s.runs, "effects": s.effects.name, "fixed": s.fixed,
        "shrunken_coverage": t.items.value(),
        "fixed_coverage": (t.fixed.n > 0).then(|| t.fixed.value()),
        "mean_coverage": t.mean.value(), "raw_coverage": t.raw.value(),
        "squared_error_ratio": t.error_ratio(),
    })
}
