//! Corrections for twenty stances at once.

use entail_schema::Seed;
use entail_stats::{Item, welch};
use rayon::prelude::*;
use serde_json::json;

use super::{Claim, SEED, Section, Share};

const STANCES: usize = 20;
const LEVEL: f64 = 0.05;

/// Twenty stances of two arms whose runs share a part of their noise.
struct Family {
    runs: usize,
    /// How many of the stances move.
    moved: usize,
    /// Share of a run's variance that its stances have in common.
    shared: f64,
}

type Adjust = fn(&[f64]) -> Vec<f64>;

const METHODS: [(&str, Adjust); 4] = [
    ("uncorrected", <[f64]>::to_vec),
    ("bh", |p| entail_stats::benjamini_hochberg(p).expect("p-values")),
    ("by", |p| entail_stats::benjamini_yekutieli(p).expect("p-values")),
    ("holm", |p| entail_stats::holm(p).expect("p-values")),
];

/// Tries all corrections.
pub(super) fn section(quick: bool) -> Section {
    let studies = if quick { 400 } else { 4_000 };
    let runs: &[usize] = if quick { &[5] } else { &[4, 6] };
    let mut families = Vec::new();
    for &runs in runs {
        for moved in [0, 10] {
            for shared in [0.0, 0.5] {
                families.push(Family { runs, moved, shared });
            }
        }
    }
    let results: Vec<Vec<Counts>> = families.iter().map(|f| try_all(f, studies)).collect();
    let mut rows = Vec::new();
    let mut cells = Vec::new();
    for (family, counts) in families.iter().zip(&results) {
        let head =
            [family.runs.to_string(), family.moved.to_string(), format!("{:.1}", family.shared)];
        for (name, count) in names().zip(counts) {
            let numbers = [count.any.value(), count.discovery_rate(), count.missed_rate()];
            let shown = numbers.iter().map(|x| format!("{:.1}", 100.0 * x));
            rows.push(head.iter().cloned().chain([name.to_owned()]).chain(shown).collect());
            cells.push(json!({
                "runs": family.runs, "moved": family.moved, "shared": family.shared, "method": name,
                "any_false": numbers[0], "false_discovery_rate": numbers[1], "selected_intervals_that_miss": numbers[2],
            }));
        }
    }
    Section {
        title: "Twenty stances at once",
        text: format!(
            "{studies} studies per row: twenty stances, of which some move by .3, and whose values share a part of the variance of their \
             training run. *Any* is the share of studies with a false rejection at .05, *FDR* the mean share of false ones among \
             rejections, *missed* the share of false-coverage-adjusted intervals of the rejected stances that do not hold the truth; \
             all in per cent."
        ),
        head: vec!["runs per arm", "moved", "shared", "method", "any", "FDR", "missed"],
        rows,
        claims: claims(&results),
        cells,
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    METHODS.iter().map(|(name, _)| *name).chain(["max-t"])
}

/// What one correction did over many studies.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    any: Share,
    /// Sum over studies of the share of false rejections.
    false_share: f64,
    missed_share: f64,
}

impl Counts {
    fn discovery_rate(&self) -> f64 {
        self.false_share / self.any.n as f64
    }

    fn missed_rate(&self) -> f64 {
        self.missed_share / self.any.n as f64
    }

    fn plus(mut self, other: &Self) -> Self {
        self.any.hits += other.any.hits;
        self.any.n += other.any.n;
        self.false_share += other.false_share;
        self.missed_share += other.missed_share;
        self
    }
}

fn try_all(family: &Family, studies: usize) -> Vec<Counts> {
    let none = || vec![Counts::default(); METHODS.len() + 1];
    let purpose = format!("family {} {} {}", family.runs, family.moved, family.shared);
    // In order, so that sums of shares have the same bits on any number of threads.
    let each: Vec<Vec<Counts>> = (0..studies)
        .into_par_iter()
        .map(|index| one(family, Seed(SEED).child(&purpose, index as u64)))
        .collect();
    each.iter().fold(none(), |sum, one| sum.iter().zip(one).map(|(s, o)| s.plus(o)).collect())
}

const EFFECT: f64 = 0.3;
const SPREAD: f64 = 0.08;

fn one(family: &Family, seed: Seed) -> Vec<Counts> {
    let mut stream = seed.stream("values", 0);
    let mut arm = |is_treated: bool| -> Vec<Vec<f64>> {
        let shared: Vec<f64> = (0..family.runs).map(|_| stream.normal()).collect();
        let value = |stance: usize, common: f64, own: f64| {
            let moved = if is_treated && stance < family.moved { EFFECT } else { 0.0 };
            let noise = family.shared.sqrt() * common + (1.0 - family.shared).sqrt() * own;
            0.3 + moved + SPREAD * noise
        };
        (0..STANCES)
            .map(|stance| shared.iter().map(|c| value(stance, *c, stream.normal())).collect())
            .collect()
    };
    let items: Vec<Item> = arm(true)
        .into_iter()
        .zip(arm(false))
        .map(|(treated, control)| Item { treated, control })
        .collect();
    let p: Vec<f64> = items
        .iter()
        .map(|item| welch(&item.treated, &item.control, 0.95).expect("runs differ").p)
        .collect();
    let mut counts: Vec<Counts> =
        METHODS.iter().map(|(_, adjust)| count(family, &items, &adjust(&p))).collect();
    let exact = entail_stats::max_t(&items).expect("few runs");
    counts.push(count(family, &items, &exact));
    counts
}

fn count(family: &Family, items: &[Item], adjusted: &[f64]) -> Counts {
    let rejected: Vec<usize> = (0..STANCES).filter(|&i| adjusted[i] <= LEVEL).collect();
    let n_false = rejected.iter().filter(|&&i| i >= family.moved).count();
    let mut any = Share::default();
    any.add(n_false > 0);
    let share = |n: usize| if rejected.is_empty() { 0.0 } else { n as f64 / rejected.len() as f64 };
    let missed = entail_stats::false_coverage_confidence(LEVEL, rejected.len(), STANCES).map_or(
        0,
        |confidence| {
            let misses = |i: usize| {
                let truth = if i < family.moved { EFFECT } else { 0.0 };
                let c = welch(&items[i].treated, &items[i].control, confidence).expect("as before");
                truth < c.low || c.high < truth
            };
            rejected.iter().filter(|&&i| misses(i)).count()
        },
    );
    Counts { any, false_share: share(n_false), missed_share: share(missed) }
}

fn claims(results: &[Vec<Counts>]) -> Vec<Claim> {
    let of = |method: usize, value: fn(&Counts) -> f64| -> (f64, f64) {
        let worst = results.iter().map(|r| value(&r[method])).fold(0.0, f64::max);
        (worst, results[0][method].any.chance())
    };
    let claim = |what: &'static str, (worst, chance): (f64, f64), bound: f64| Claim {
        what,
        found: format!("{:.1} % at most", 100.0 * worst),
        holds: worst - chance <= bound,
    };
    vec![
        claim("BH keeps the false discovery rate", of(1, Counts::discovery_rate), LEVEL),
        claim("BY keeps the false discovery rate", of(2, Counts::discovery_rate), LEVEL),
        claim("Holm keeps the chance of any false rejection", of(3, |c| c.any.value()), LEVEL),
        claim("max-T keeps the chance of any false rejection", of(4, |c| c.any.value()), LEVEL),
        claim("intervals selected by BH miss 5 % or less", of(1, Counts::missed_rate), LEVEL),
        Claim {
            what: "without a correction false rejections are the rule",
            found: format!("{:.0} %", 100.0 * of(0, |c| c.any.value()).0),
            holds: of(0, |c| c.any.value()).0 > 0.3,
        },
    ]
}
