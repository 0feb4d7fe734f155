//! Twenty stances at once, looked at until all are decided.

use entail_schema::{Seed, Stream};
use entail_stats::{ArmMean, Cell, Contrast, Decision, Looks};
use rayon::prelude::*;
use serde_json::json;

use super::super::contrasts::arm_mean;
use super::super::{Claim, SEED, Section, Share};
use super::{ALPHA, SPENDINGS, levels};

const STANCES: usize = 20;
const COUNTS: [usize; 4] = [4, 6, 8, 12];
const MOST: usize = 12;
const RATE: f64 = 0.3;
const EFFECT: f64 = 0.2;
/// Between the training runs of one arm.
const SPREAD: f64 = 0.03;
/// An interval within it on both sides decides that a stance stays.
const SMALLEST_EFFECT: f64 = 0.15;
const ANSWERS: u64 = 100;

/// Twenty stances of two arms whose runs share a part of their noise.
struct Family {
    spending: &'static str,
    looks: Looks,
    /// How many of the stances move.
    moved: usize,
    /// Share of a run's variance that its stances have in common.
    shared: f64,
}

/// A correction of a family, and whether it sees repeated p-values or those of the look alone.
struct Method {
    name: &'static str,
    adjust: fn(&[f64]) -> Vec<f64>,
    repeated: bool,
}

const METHODS: [Method; 4] = [
    Method { name: "Holm", adjust: holm, repeated: true },
    Method { name: "BH", adjust: bh, repeated: true },
    Method { name: "Holm, naive", adjust: holm, repeated: false },
    Method { name: "BH, naive", adjust: bh, repeated: false },
];

fn holm(p: &[f64]) -> Vec<f64> {
    entail_stats::holm(p).expect("p-values")
}

fn bh(p: &[f64]) -> Vec<f64> {
    entail_stats::benjamini_hochberg(p).expect("p-values")
}

/// What one correction did over many studies.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    any: Share,
    /// Sums over studies: share of false rejections, share of the movers that were found, runs.
    false_share: f64,
    found_share: f64,
    runs: f64,
}

impl Counts {
    fn plus(self, other: &Self) -> Self {
        Self {
            any: self.any.plus(other.any),
            false_share: self.false_share + other.false_share,
            found_share: self.found_share + other.found_share,
            runs: self.runs + other.runs,
        }
    }

    fn mean(&self, sum: f64) -> f64 {
        sum / self.any.n as f64
    }
}

/// Tries all corrections.
pub(in super::super) fn section(quick: bool) -> Section {
    let studies = if quick { 150 } else { 1_500 };
    let families = families(quick);
    let results: Vec<Vec<Counts>> = families.iter().map(|f| try_all(f, studies)).collect();
    let (mut rows, mut cells) = (Vec::new(), Vec::new());
    for (family, counts) in families.iter().zip(&results) {
        for (method, count) in METHODS.iter().zip(counts) {
            let [any, rate] = [count.any.value(), count.mean(count.false_share)];
            let found = (family.moved > 0).then(|| count.mean(count.found_share));
            let runs = count.mean(count.runs);
            rows.push(vec![
                family.spending.to_owned(),
                family.moved.to_string(),
                format!("{:.1}", family.shared),
                method.name.to_owned(),
                format!("{:.1}", 100.0 * any),
                format!("{:.1}", 100.0 * rate),
                found.map_or_else(String::new, |found| format!("{:.0}", 100.0 * found)),
                format!("{runs:.1}"),
            ]);
            cells.push(json!({
                "spending": family.spending, "moved": family.moved, "shared": family.shared,
                "method": method.name, "any_false": any, "false_discovery_rate": rate,
                "found": found, "runs": runs,
            }));
        }
    }
    Section {
        title: "Looking at twenty stances until all are decided",
        text: TEXT.replace("STUDIES", &studies.to_string()),
        head: vec!["spending", "moved", "shared", "method", "any", "FDR", "found", "runs"],
        rows,
        claims: claims(&families, &results),
        cells,
    }
}

const TEXT: &str = "\
STUDIES studies per row: twenty stances at .3, of which some move by .2, a hundred answers per run and stance, spread between training
runs .03, of whose variance the stances of a run share a part. Looks at 4, 6, 8 and 12 runs per arm; the study stops when every stance
is decided, that is, significant in the family or with an interval within ±.15. **Holm** and **BH** correct repeated p-values, *naive*
takes those of the look and 95 % intervals. *Any* is the share of studies with a false rejection at the stop, *FDR* the mean share of
false ones among rejections, *found* the share of the movers that are rejected, all in per cent; *runs* per arm at the stop, on average.";

fn families(quick: bool) -> Vec<Family> {
    let spendings = if quick { &SPENDINGS[..1] } else { &SPENDINGS[..] };
    let shares: &[f64] = if quick { &[0.5] } else { &[0.0, 0.5] };
    let mut families = Vec::new();
    for &(spending, kind) in spendings {
        for moved in [0, 10] {
            // One spending with runs that share noise and without is enough.
            let shares = if spending == SPENDINGS[0].0 { shares } else { &[0.5] };
            for &shared in shares {
                families.push(Family { spending, looks: levels(&COUNTS, kind), moved, shared });
            }
        }
    }
    families
}

fn try_all(family: &Family, studies: usize) -> Vec<Counts> {
    let purpose = format!("looks {} {} {}", family.spending, family.moved, family.shared);
    // In order, so that sums of shares have the same bits on any number of threads.
    let each: Vec<Vec<Counts>> = (0..studies)
        .into_par_iter()
        .map(|index| one(family, Seed(SEED).child(&purpose, index as u64)))
        .collect();
    let none = vec![Counts::default(); METHODS.len()];
    each.iter().fold(none, |sum, one| sum.iter().zip(one).map(|(s, o)| s.plus(o)).collect())
}

/// One stance at the looks so far.
#[derive(Debug, Clone, Default)]
struct Watched {
    history: Vec<Option<f64>>,
    p: f64,
    repeated_p: f64,
    /// Whether its interval lies within the smallest effect: the repeated one, and that of 95 %.
    is_still: bool,
    is_still_alone: bool,
}

fn one(family: &Family, seed: Seed) -> Vec<Counts> {
    let mut stream = seed.stream("answers", 0);
    let (treated, control) = (arm(family, true, &mut stream), arm(family, false, &mut stream));
    let mut watched = vec![Watched::default(); STANCES];
    let mut stops: Vec<Option<Counts>> = vec![None; METHODS.len()];
    for (look, &n) in COUNTS.iter().enumerate() {
        for (watched, (one, zero)) in watched.iter_mut().zip(treated.iter().zip(&control)) {
            let means = arm_mean(&one[..n]).zip(arm_mean(&zero[..n])).expect("answers were read");
            watched.look(&family.looks, look, &means);
        }
        for (method, stop) in METHODS.iter().zip(&mut stops) {
            if stop.is_none() {
                *stop = stop_at(family, method, look, &watched);
            }
        }
        if stops.iter().all(Option::is_some) {
            break;
        }
    }
    stops.into_iter().map(|stop| stop.expect("the last look stops")).collect()
}

/// Cells by stance and training run.
fn arm(family: &Family, is_treated: bool, stream: &mut Stream) -> Vec<Vec<Cell>> {
    let common: Vec<f64> = (0..MOST).map(|_| stream.normal()).collect();
    let mut cell = |stance: usize, common: f64| {
        let moved = if is_treated && stance < family.moved { EFFECT } else { 0.0 };
        let own = stream.normal();
        let noise = family.shared.sqrt() * common + (1.0 - family.shared).sqrt() * own;
        let rate = RATE + moved + SPREAD * noise;
        let yes = (0..ANSWERS).filter(|_| stream.uniform() < rate).count() as u64;
        Cell::of_counts(yes, ANSWERS)
    };
    (0..STANCES).map(|stance| common.iter().map(|&c| cell(stance, c)).collect()).collect()
}

impl Watched {
    /// Another look.
    fn look(&mut self, looks: &Looks, look: usize, (one, zero): &(ArmMean, ArmMean)) {
        let contrast = |confidence| one.minus(zero, confidence).expect("answers have an error");
        let is_still =
            |c: &Contrast| Decision::of(c.low, c.high, SMALLEST_EFFECT) == Decision::DoesNotMove;
        let alone = contrast(1.0 - ALPHA);
        self.p = alone.p;
        self.history.push(Some(alone.p));
        // It is no smaller than the smallest p-value and never rises with looks, so where the
        // corrections cannot tell the difference it need not be found.
        if self.history.iter().flatten().all(|p| *p > ALPHA) {
            self.repeated_p = 1.0;
        } else if look == 0 || self.repeated_p > ALPHA / STANCES as f64 {
            let repeated = looks.repeated_p(&self.history).expect("p-values");
            self.repeated_p = repeated.expect("every look has a test");
        }
        let confidence = looks.confidence(look).expect("no look is so early");
        self.is_still = is_still(&contrast(confidence));
        self.is_still_alone = is_still(&alone);
    }
}

/// What a method has found if it stops at this look; `None` where it goes on.
fn stop_at(family: &Family, method: &Method, look: usize, watched: &[Watched]) -> Option<Counts> {
    let p: Vec<f64> =
        watched.iter().map(|w| if method.repeated { w.repeated_p } else { w.p }).collect();
    let rejected: Vec<bool> = (method.adjust)(&p).iter().map(|p| *p <= ALPHA).collect();
    let is_still = |w: &Watched| if method.repeated { w.is_still } else { w.is_still_alone };
    let decided = watched.iter().zip(&rejected).all(|(w, moves)| *moves || is_still(w));
    if !decided && look + 1 < COUNTS.len() {
        return None;
    }
    let count = |rejected: &[bool]| rejected.iter().filter(|r| **r).count();
    let (n_found, n_false) = (count(&rejected[..family.moved]), count(&rejected[family.moved..]));
    let mut any = Share::default();
    any.add(n_false > 0);
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Some(Counts {
        any,
        false_share: share(n_false, n_found + n_false),
        found_share: share(n_found, family.moved),
        runs: COUNTS[look] as f64,
    })
}

fn claims(families: &[Family], results: &[Vec<Counts>]) -> Vec<Claim> {
    let most = |method: usize, value: fn(&Counts) -> f64| {
        results.iter().map(|r| value(&r[method])).fold(0.0, f64::max)
    };
    let chance = results[0][0].any.chance();
    let any: fn(&Counts) -> f64 = |c| c.any.value();
    let rate: fn(&Counts) -> f64 = |c| c.mean(c.false_share);
    let stops_early = families
        .iter()
        .zip(results)
        .any(|(family, r)| family.moved > 0 && r[0].mean(r[0].runs) < MOST as f64);
    vec![
        Claim {
            what: "Holm over repeated p-values keeps the chance of any false rejection at the stop",
            found: format!("{:.1} % at most", 100.0 * most(0, any)),
            holds: most(0, any) - chance <= ALPHA,
        },
        Claim {
            what: "BH over repeated p-values keeps the false discovery rate at the stop here (seen, not proven)",
            found: format!("{:.1} % at most", 100.0 * most(1, rate)),
            holds: most(1, rate) - chance <= ALPHA,
        },
        Claim {
            what: "some studies stop before the last look",
            found: format!(
                "{:.1} runs at least",
                results.iter().map(|r| r[0].mean(r[0].runs)).fold(f64::INFINITY, f64::min)
            ),
            holds: stops_early,
        },
    ]
}
