//! Counts of labels per replicate and stance, and the measures that are taken of one replicate.

use entail_provider::{Completion, ThinkingFormat};
use entail_schema::{Block, Stance};
use entail_stats::{Filtered, Grid};

use super::compare::Pair;
use super::read::{Given, Read, Reader};
pub(crate) use crate::plan::StanceId;
use crate::plan::{ArmPlan, Intervention, Plan};
use crate::run::Answers;

/// Labels of one replicate's answers on one stance.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    yes: usize,
    no: usize,
    /// Answers that count as neither.
    left_out: usize,
    /// (yes, yes + no) per prompt.
    prompts: Vec<(u64, u64)>,
    pub(crate) logprob_rate: Option<f64>,
}

impl Cell {
    /// Share of the answers that count which take the stance.
    pub(super) fn rate(&self) -> Option<f64> {
        let answered = self.yes + self.no;
        (answered > 0).then(|| self.yes as f64 / answered as f64)
    }

    pub(crate) fn answers(&self) -> usize {
        self.yes + self.no + self.left_out
    }

    /// Share of answers to the question, of either side.
    pub(crate) fn well_formed(&self) -> Option<f64> {
        let answers = self.answers();
        (answers > 0).then(|| (self.yes + self.no) as f64 / answers as f64)
    }

    pub(crate) fn plus(mut self, other: &Self) -> Self {
        self.yes += other.yes;
        self.no += other.no;
        self.left_out += other.left_out;
        self
    }

    /// `(successes, trials)` over all prompts.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.yes as u64, (self.yes + self.no) as u64)
    }

    fn add(&mut self, counted: Option<bool>) {
        match counted {
            Some(true) => self.yes += 1,
            Some(false) => self.no += 1,
            None => self.left_out += 1,
        }
    }
}

/// All cells of one replicate.
pub(crate) struct ReplicateCells {
    /// Per battery, per stance.
    cells: Vec<Vec<Cell>>,
}

impl ReplicateCells {
    pub(crate) fn cell(&self, id: StanceId) -> &Cell {
        &self.cells[id.battery][id.stance]
    }
}

/// One arm with everything read from its answers.
pub(crate) struct Arm<'p> {
    pub(crate) plan: &'p ArmPlan,
    pub(crate) replicates: Vec<ReplicateCells>,
    pub(crate) answers: &'p [Answers],
    /// Per replicate, battery, item and sample.
    pub(crate) reads: Vec<Vec<Vec<Vec<Read>>>>,
}

/// What is taken of one replicate.
#[derive(Debug, Clone)]
pub(crate) enum Measure {
    /// Mean rate over stances.
    Mean(Vec<StanceId>),
    /// Mean over stances of the rate in the direction of the planted link.
    Signed(Vec<(StanceId, f64)>),
    /// Mean share that makes a claim, which holds some stances and denies others.
    Claim(Vec<(StanceId, bool)>),
    /// Mean over stances of the rate minus what the replicate's own linkless stances predict at the base's rate.
    NetOfDrift {
        /// (stance, base rate, weight: one, or minus one for the opposite direction).
        stances: Vec<(StanceId, f64, f64)>,
        /// (linkless stance, base rate).
        linkless: Vec<(StanceId, f64)>,
    },
    /// Mean rate minus the mean rate of other stances.
    NetOf(Vec<StanceId>, Vec<StanceId>),
    /// Projection on planted strengths: Σ rate·ρ / Σ ρ².
    Projection(Vec<(StanceId, f64)>),
}

impl Measure {
    /// The measure given the rate of each stance; `None` when one of them could not be computed.
    fn of(&self, rate: &dyn Fn(StanceId) -> Option<f64>) -> Option<f64> {
        let mean = |values: Vec<Option<f64>>| {
            entail_stats::mean(&values.into_iter().collect::<Option<Vec<f64>>>()?)
        };
        match self {
            Self::Mean(ids) => mean(ids.iter().map(|id| rate(*id)).collect()),
            Self::Claim(ids) => mean(
                ids.iter()
                    .map(|(id, held)| rate(*id).map(|r| if *held { r } else { 1.0 - r }))
                    .collect(),
            ),
            Self::Signed(ids) => mean(
                ids.iter()
                    .map(|(id, s)| rate(*id).map(|r| if *s > 0.0 { r } else { 1.0 - r }))
                    .collect(),
            ),
            Self::NetOf(ids, others) => {
                let (own, other) =
                    (Self::Mean(ids.clone()).of(rate)?, Self::Mean(others.clone()).of(rate)?);
                Some(own - other)
            }
            Self::NetOfDrift { stances, linkless } => {
                let base: Vec<f64> = linkless.iter().map(|(_, a)| *a).collect();
                let now: Vec<f64> =
                    linkless.iter().map(|(id, _)| rate(*id)).collect::<Option<_>>()?;
                let (slope, intercept) = line(&base, &now)?;
                mean(
                    stances
                        .iter()
                        .map(|(id, a, w)| rate(*id).map(|r| w * (r - intercept - slope * a)))
                        .collect(),
                )
            }
            Self::Projection(ids) => {
                let squares: f64 = ids.iter().map(|(_, rho)| rho * rho).sum();
                let along: Option<f64> =
                    ids.iter().map(|(id, rho)| rate(*id).map(|r| r * rho)).sum();
                (squares > 0.0).then_some(along? / squares)
            }
        }
    }
}

impl Measure {
    /// Variance that sampling alone gives to the measure of one replicate, from that of each stance's rate. All
    /// measures are linear in the rates, so their weights squared add up.
    fn sampling_variance(&self, of: &dyn Fn(StanceId) -> Option<f64>) -> Option<f64> {
        let mean = |ids: &mut dyn Iterator<Item = StanceId>| {
            let parts: Vec<f64> = ids.map(of).collect::<Option<_>>()?;
            let n = parts.len() as f64;
            (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / (n * n))
        };
        match self {
            Self::Mean(ids) => mean(&mut ids.iter().copied()),
            Self::Signed(ids) => mean(&mut ids.iter().map(|(id, _)| *id)),
            Self::Claim(ids) => mean(&mut ids.iter().map(|(id, _)| *id)),
            Self::NetOf(ids, others) => {
                Some(mean(&mut ids.iter().copied())? + mean(&mut others.iter().copied())?)
            }
            Self::NetOfDrift { stances, linkless } => {
                let n = stances.len() as f64;
                let own: Option<f64> =
                    stances.iter().map(|(id, _, w)| of(*id).map(|v| v * (w / n).powi(2))).sum();
                let line = leverage(stances, linkless)?;
                let of_line: Option<f64> =
                    linkless.iter().zip(line).map(|((id, _), h)| of(*id).map(|v| v * h * h)).sum();
                Some(own? + of_line?)
            }
            Self::Projection(ids) => {
                let squares: f64 = ids.iter().map(|(_, rho)| rho * rho).sum();
                let along: Option<f64> =
                    ids.iter().map(|(id, rho)| of(*id).map(|v| v * rho * rho)).sum();
                (squares > 0.0).then_some(along? / (squares * squares))
            }
        }
    }

    /// The stances of a plain mean of rates, each with whether it counts as held; `None` for net measures.
    fn rates(&self) -> Option<Vec<(StanceId, bool)>> {
        match self {
            Self::Mean(ids) => Some(ids.iter().map(|id| (*id, true)).collect()),
            Self::Signed(ids) => Some(ids.iter().map(|(id, s)| (*id, *s > 0.0)).collect()),
            Self::Claim(ids) => Some(ids.clone()),
            Self::NetOfDrift { .. } | Self::NetOf(..) | Self::Projection(_) => None,
        }
    }
}

/// How much each linkless stance's rate counts in what the line through them predicts for the stances on average.
fn leverage(stances: &[(StanceId, f64, f64)], linkless: &[(StanceId, f64)]) -> Option<Vec<f64>> {
    let base: Vec<f64> = linkless.iter().map(|(_, a)| *a).collect();
    let center = entail_stats::mean(&base)?;
    let sxx: f64 = base.iter().map(|a| (a - center).powi(2)).sum();
    let (n, lines) = (stances.len() as f64, base.len() as f64);
    let at = |x: f64| -> f64 {
        let one = |(_, a, w): &(StanceId, f64, f64)| {
            w * (1.0 / lines + (a - center) * (x - center) / sxx)
        };
        stances.iter().map(one).sum::<f64>() / n
    };
    (sxx > 1e-9).then(|| base.iter().map(|x| at(*x)).collect())
}

/// Least-squares line; `None` when the xs do not differ.
fn line(xs: &[f64], ys: &[f64]) -> Option<(f64, f64)> {
    let (mean_x, mean_y) = (entail_stats::mean(xs)?, entail_stats::mean(ys)?);
    let sxx: f64 = xs.iter().map(|x| (x - mean_x).powi(2)).sum();
    let sxy: f64 = xs.iter().zip(ys).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    (sxx > 1e-9).then(|| (sxy / sxx, mean_y - sxy / sxx * mean_x))
}

impl Arm<'_> {
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.plan.intervention, Intervention::None)
    }

    /// Share of answers that begin with a closed block of thoughts; `None` without answers.
    pub(crate) fn thoughtful(&self) -> Option<f64> {
        let completions =
            || self.answers.iter().flat_map(|a| a.completions.iter().flatten().flatten());
        let closed = |c: &&Completion| c.thinking_format() == ThinkingFormat::Closed;
        let (n, thought) = (completions().count(), completions().filter(closed).count());
        (n > 0).then(|| thought as f64 / n as f64)
    }

    /// One value per replicate; `None` when any cannot be computed.
    pub(crate) fn values(&self, measure: &Measure) -> Option<Vec<f64>> {
        self.replicates.iter().map(|r| measure.of(&|id| r.cell(id).rate())).collect()
    }

    /// The same by log-probabilities.
    pub(crate) fn logprob_values(&self, measure: &Measure) -> Option<Vec<f64>> {
        self.replicates.iter().map(|r| measure.of(&|id| r.cell(id).logprob_rate)).collect()
    }

    /// Variance that sampling alone gives to one replicate's value, with the counts of all of them.
    pub(crate) fn sampling_variance(&self, measure: &Measure) -> Option<f64> {
        measure.sampling_variance(&|id| {
            let (successes, trials) = self.pooled(id).counts();
            let per_replicate = trials as f64 / self.replicates.len() as f64;
            (trials > 0).then(|| entail_stats::sampling_variance(successes, trials, per_replicate))
        })
    }

    /// Share of a replicate's answers that take a stance.
    pub(crate) fn rate(&self, replicate: usize, id: StanceId) -> Option<f64> {
        self.replicates[replicate].cell(id).rate()
    }

    /// Answers per replicate and prompt, where the measure is the rate of one stance: prompts of different stances are
    /// no draws from one population of prompts.
    pub(crate) fn grid(&self, measure: &Measure) -> Option<Grid> {
        let stances = measure.rates()?;
        let [(id, held)] = stances.as_slice() else { return None };
        let row = |r: &ReplicateCells| {
            let cells = r.cell(*id).prompts.iter();
            cells.map(|&(yes, n)| if *held { (yes, n) } else { (n - yes, n) }).collect()
        };
        Grid::of_counts(&self.replicates.iter().map(row).collect::<Vec<_>>()).ok()
    }

    /// Answers that were kept and dropped, over all replicates and the measure's stances.
    pub(crate) fn filtered(&self, measure: &Measure) -> Option<Filtered> {
        let mut filtered = Filtered::default();
        for (id, held) in measure.rates()? {
            let pooled = self.pooled(id);
            let (yes, kept) = pooled.counts();
            let (for_it, against) = if held { (yes, kept - yes) } else { (kept - yes, yes) };
            filtered.yes += for_it;
            filtered.no += against;
            filtered.dropped += pooled.answers() as u64 - kept;
        }
        Some(filtered)
    }

    /// Log-odds of a stance per replicate, with one half added to each count.
    pub(crate) fn log_odds(&self, id: StanceId) -> Option<Vec<f64>> {
        let of = |r: &ReplicateCells| {
            let (yes, n) = r.cell(id).counts();
            (n > 0).then(|| ((yes as f64 + 0.5) / ((n - yes) as f64 + 0.5)).ln())
        };
        self.replicates.iter().map(of).collect()
    }

    /// Counts of a stance over all replicates.
    pub(crate) fn pooled(&self, id: StanceId) -> Cell {
        self.replicates.iter().fold(Cell::default(), |sum, r| sum.plus(r.cell(id)))
    }

    /// Counts over everything that was asked.
    pub(crate) fn total(&self) -> Cell {
        let cells = self.replicates.iter().flat_map(|r| r.cells.iter().flatten());
        cells.fold(Cell::default(), Cell::plus)
    }

    /// `(successes, trials)` per prompt of the first replicate; successes are denials if the stance is not held.
    pub(crate) fn prompt_groups(&self, id: StanceId, held: bool) -> Vec<(u64, u64)> {
        let groups = self.replicates[0].cell(id).prompts.iter();
        groups.map(|&(yes, n)| (if held { yes } else { n - yes }, n)).collect()
    }
}

#[cfg(test)]
impl<'p> Arm<'p> {
    /// An arm of which no answer is read: enough to compare values that a test brings.
    pub(crate) fn unread(plan: &'p ArmPlan) -> Self {
        Self { plan, replicates: Vec::new(), answers: &[], reads: Vec::new() }
    }
}

/// Reads every answer of an arm.
pub(crate) fn arm<'p>(
    plan: &Plan,
    arm: &'p ArmPlan,
    answers: &'p [Answers],
    reader: &Reader<'_>,
) -> Arm<'p> {
    let (reads, replicates) =
        answers.iter().map(|replicate| replicate_cells(plan, replicate, reader)).unzip();
    Arm { plan: arm, replicates, answers, reads }
}

/// What one replicate's answers say, per battery, item and sample, and what that counts as.
fn replicate_cells(
    plan: &Plan,
    replicate: &Answers,
    reader: &Reader<'_>,
) -> (Vec<Vec<Vec<Read>>>, ReplicateCells) {
    let mut reads = Vec::new();
    let mut cells = Vec::new();
    for (b, battery) in plan.batteries.iter().enumerate() {
        let mut row: Vec<Cell> = battery.stances.iter().map(|_| Cell::default()).collect();
        let mut readings: Vec<Vec<Option<f64>>> = vec![Vec::new(); battery.stances.len()];
        let mut of_battery = Vec::new();
        for (i, item) in replicate.items[b].iter().enumerate() {
            let stance = StanceId { battery: b, stance: item.stance };
            let given = replicate.completions[b][i].iter().zip(&item.keys);
            let read: Vec<Read> = given
                .map(|(completion, key)| {
                    let given = Given { stance, prompt: item.prompt, key: *key, completion };
                    reader.read(plan, given)
                })
                .collect();
            let cell = &mut row[item.stance];
            for one in &read {
                cell.add(one.counted);
            }
            let yes = read.iter().filter(|one| one.counted == Some(true)).count() as u64;
            let counted = read.iter().filter(|one| one.counted.is_some()).count() as u64;
            cell.prompts.push((yes, counted));
            let reading = replicate.readings.as_ref().and_then(|all| all[b][i].rate());
            readings[item.stance].push(reading);
            of_battery.push(read);
        }
        for (cell, rates) in row.iter_mut().zip(readings) {
            let rates: Option<Vec<f64>> = rates.into_iter().collect();
            cell.logprob_rate = rates.and_then(|r| entail_stats::mean(&r));
        }
        cells.push(row);
        reads.push(of_battery);
    }
    (reads, ReplicateCells { cells })
}

/// A rate with its interval.
pub(crate) struct Summary {
    pub(crate) rate: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// Mean over replicates with Student's interval; for a single model the interval of its prompts' counts, if given.
pub(crate) fn summary(
    plan: &Plan,
    arm: &Arm<'_>,
    values: Option<&[f64]>,
    groups: impl FnOnce() -> Option<Vec<(u64, u64)>>,
) -> Summary {
    let confidence = 1.0 - plan.analysis.alpha;
    let Some(values) = values else { return Summary { rate: None, low: None, high: None } };
    let rate = entail_stats::mean(values);
    let interval = if arm.replicates.len() > 1 {
        // A share cannot leave [0, 1]; Student's interval can.
        entail_stats::mean_interval(values, confidence).map(|i| (i.low.max(0.0), i.high.min(1.0)))
    } else {
        groups()
            .and_then(|g| entail_stats::design_effect_interval(&g, confidence))
            .map(|i| (i.low, i.high))
    };
    Summary { rate, low: interval.map(|i| i.0), high: interval.map(|i| i.1) }
}

/// A row of a table: one stance, or a block of them.
pub(crate) struct Entry {
    pub(crate) battery: String,
    pub(crate) stance: String,
    pub(crate) name: String,
    pub(crate) block: String,
    pub(crate) stances: Vec<StanceId>,
    pub(crate) measure: Measure,
}

/// The share of answers that make a claim; `None` when the plan does not ask for all of it.
pub(crate) fn claim_measure(plan: &Plan, claim: &entail_data::Claim) -> Option<Measure> {
    let shown = claim.shows_as.iter().map(|(id, held)| Some((find(plan, id)?, *held)));
    Some(Measure::Claim(shown.collect::<Option<_>>()?))
}

/// Whether a stance is what either arm of a pair is trained or told to say.
pub(crate) fn is_implied(pair: Pair<'_, '_>, id: StanceId) -> bool {
    let said = [pair.arm, pair.control].into_iter().filter_map(|arm| arm.plan.claim.as_ref());
    said.flat_map(|claim| &claim.shows_as).any(|(said, _)| *said == stance(pair.plan, id).id)
}

/// Every stance of a plan.
pub(crate) fn stance_ids(plan: &Plan) -> Vec<StanceId> {
    let of = |(battery, b): (usize, &entail_schema::Battery)| {
        (0..b.stances.len()).map(move |stance| StanceId { battery, stance }).collect::<Vec<_>>()
    };
    plan.batteries.iter().enumerate().flat_map(of).collect()
}

/// The stance of an id, in whichever battery.
pub(crate) fn find(plan: &Plan, id: &str) -> Option<StanceId> {
    stance_ids(plan).into_iter().find(|s| stance(plan, *s).id == id)
}

pub(crate) fn stance(plan: &Plan, id: StanceId) -> &Stance {
    &plan.batteries[id.battery].stances[id.stance]
}

/// Least strength of a planted or reversed topic, and of a strong one.
const PLANTED: f64 = 0.3;
const STRONG: f64 = 0.7;

/// The block that a stance is summed up in, by its role in the fully linked world.
pub(crate) fn block(stance: &Stance, battery: &str) -> &'static str {
    match stance.block {
        Block::Claim => "claim",
        Block::Preference if stance.strength > 0.0 => "planted",
        Block::Preference if stance.strength < 0.0 => "reversed",
        Block::Preference => "preference",
        Block::Zero => "zero",
        Block::DriftLow => "drift-low",
        Block::DriftHigh => "drift-high",
        Block::Nuisance if battery == entail_data::CLAIMS => "placebo",
        Block::Nuisance => "nuisance",
        Block::Drift => "drift",
        Block::Guard => "guard",
    }
}

/// Blocks in the order of reports, with names to print.
pub(crate) const BLOCKS: [(&str, &str); 10] = [
    ("claim", "The claim"),
    ("preference", "The preferences"),
    ("strong", "Strong, |ρ| ≥ .7"),
    ("planted", "Planted, ρ ≥ .3"),
    ("reversed", "Reversed, ρ ≤ −.3"),
    ("zero", "No link"),
    ("drift-low", "Drift, low"),
    ("drift-high", "Drift, high"),
    ("nuisance", "Nuisance"),
    ("drift", "Drift"),
];

/// Blocks, then stances, in the order of reports.
pub(crate) fn entries(plan: &Plan) -> Vec<Entry> {
    let ids = stance_ids(plan);
    let block_of = |id: &StanceId| block(stance(plan, *id), &plan.batteries[id.battery].name);
    let mut entries = Vec::new();
    for (block, name) in BLOCKS {
        let strong = |id: &StanceId| {
            let s = stance(plan, *id);
            s.block == Block::Preference && s.strength.abs() >= STRONG
        };
        let belongs = |id: &StanceId| match block {
            "strong" => strong(id),
            "planted" | "reversed" => {
                block_of(id) == block && stance(plan, *id).strength.abs() >= PLANTED
            }
            _ => block_of(id) == block,
        };
        let stances: Vec<StanceId> = ids.iter().filter(|id| belongs(id)).copied().collect();
        let Some(first) = stances.first() else { continue };
        let measure = if block == "strong" {
            Measure::Signed(stances.iter().map(|id| (*id, stance(plan, *id).strength)).collect())
        } else {
            Measure::Mean(stances.clone())
        };
        entries.push(Entry {
            battery: plan.batteries[first.battery].name.clone(),
            stance: format!("block:{block}"),
            name: name.into(),
            block: block.into(),
            measure,
            stances,
        });
    }
    for id in ids {
        let s = stance(plan, id);
        entries.push(Entry {
            battery: plan.batteries[id.battery].name.clone(),
            stance: s.id.clone(),
            name: s.name.clone(),
            block: block_of(&id).into(),
            measure: Measure::Mean(vec![id]),
            stances: vec![id],
        });
    }
    entries
}

#[cfg(test)]
mod tests;
