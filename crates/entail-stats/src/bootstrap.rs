//! Resampling of training runs and prompts at once.

use std::ops::Range;

use entail_schema::{Seed, Stream};

use crate::contrast::TooLittle;
use crate::grid::Grid;
use crate::linear::dot;
use crate::quantile::assert_confidence;
use crate::summary::Interval;

/// A study as the bootstrap sees it: `arms[arm][item]`. An arm's items share their training runs, and
/// an item's arms share their prompts.
#[derive(Debug, Clone)]
pub struct Resampled<'a> {
    arms: &'a [Vec<Grid>],
    replicates: Vec<usize>,
}

impl<'a> Resampled<'a> {
    /// Checks that a study can be resampled.
    ///
    /// # Errors
    /// [`TooLittle::Replicates`] for an arm with fewer than two runs or whose items have different
    /// numbers of them, [`TooLittle::Prompts`] for an item that two arms were not asked alike,
    /// [`TooLittle::Silent`] for a cell without answers.
    pub fn new(arms: &'a [Vec<Grid>]) -> Result<Self, TooLittle> {
        let mut replicates = Vec::new();
        for arm in arms {
            let runs = arm.first().map_or(0, Grid::replicates);
            for (item, grid) in arm.iter().enumerate() {
                if grid.replicates() < 2 || grid.replicates() != runs {
                    let (treated, control) = (runs, grid.replicates());
                    return Err(TooLittle::Replicates { treated, control });
                }
                let asked = arms[0].get(item).map_or(0, Grid::prompts);
                if grid.prompts() != asked {
                    let (treated, control) = (asked, grid.prompts());
                    return Err(TooLittle::Prompts { treated, control });
                }
                for (replicate, row) in grid.rows().iter().enumerate() {
                    if let Some(prompt) = row.iter().position(|cell| cell.n == 0) {
                        return Err(TooLittle::Silent { replicate, prompt });
                    }
                }
            }
            replicates.push(runs);
        }
        Ok(Self { arms, replicates })
    }

    /// Percentile intervals of arm minus arm on every item, `[pair][item]`: the pigeonhole bootstrap
    /// (Owen 2007, "The pigeonhole bootstrap"). In each draw every arm's runs are drawn anew once for
    /// all of its items, every item's prompts once for all arms, and answers stay in their cells. With
    /// few runs percentiles are too narrow, so deviations are stretched by `sqrt(S / (S - 1))` for the
    /// smaller arm of the pair.
    ///
    /// Draw `i` takes its randomness from `seed` and `i` alone.
    pub fn intervals(
        &self,
        pairs: &[(usize, usize)],
        draws: usize,
        seed: Seed,
        confidence: f64,
    ) -> Vec<Vec<Interval>> {
        assert_confidence(confidence);
        assert!(draws > 0, "a bootstrap has at least one draw");
        let mut table = Table::of(self.arms, &self.replicates);
        let mut observed = Vec::new();
        table.weigh_equally();
        for item in 0..table.items.len() {
            observed.push(table.differences(item, pairs).collect::<Vec<f64>>());
        }
        // Per item and pair, every draw.
        let mut drawn: Vec<Vec<Vec<f64>>> =
            observed.iter().map(|item| vec![Vec::with_capacity(draws); item.len()]).collect();
        for draw in 0..draws {
            let mut stream = seed.stream("bootstrap", draw as u64);
            table.draw_runs(&mut stream);
            for (item, drawn) in drawn.iter_mut().enumerate() {
                table.draw_prompts(item, &mut stream);
                for (values, difference) in drawn.iter_mut().zip(table.differences(item, pairs)) {
                    values.push(difference);
                }
            }
        }
        let interval = |pair: usize, estimate: f64, values: &mut Vec<f64>| {
            let (one, zero) = pairs[pair];
            let fewest = self.replicates[one].min(self.replicates[zero]) as f64;
            let stretch = (fewest / (fewest - 1.0)).sqrt();
            let mut end = |share: f64| estimate + stretch * (quantile(values, share) - estimate);
            let tail = (1.0 - confidence) / 2.0;
            Interval { estimate, low: end(tail), high: end(1.0 - tail) }
        };
        let mut of_pair = |pair: usize| -> Vec<Interval> {
            let items = drawn.iter_mut().zip(&observed);
            items.map(|(values, seen)| interval(pair, seen[pair], &mut values[pair])).collect()
        };
        (0..pairs.len()).map(&mut of_pair).collect()
    }
}

/// A study laid out for many passes: the runs of all arms side by side, prompt by prompt. What was
/// drawn last is kept beside it.
struct Table {
    items: Vec<Prompts>,
    /// Where each arm's runs are.
    arms: Vec<Range<usize>>,
    /// How often each run counts.
    runs: Vec<f64>,
    /// How often each prompt of the item at hand counts.
    prompts: Vec<f64>,
    /// Numbers of answers of all runs, then their sums, prompts counted as often as they were drawn.
    totals: Vec<f64>,
    /// Mean of each arm on the item at hand.
    means: Vec<f64>,
}

/// An item's prompts: the number of answers of every run, then the sum of every run.
type Prompts = Vec<Vec<f64>>;

impl Table {
    fn of(arms: &[Vec<Grid>], replicates: &[usize]) -> Self {
        let item = |item: usize| -> Prompts {
            let rows = || arms.iter().flat_map(move |arm| arm[item].rows());
            let prompt = |prompt: usize| {
                let numbers = rows().map(move |row| row[prompt].n as f64);
                numbers.chain(rows().map(move |row| row[prompt].sum)).collect()
            };
            (0..arms[0][item].prompts()).map(prompt).collect()
        };
        let mut n_runs = 0;
        let range = |&own: &usize| {
            n_runs += own;
            n_runs - own..n_runs
        };
        let ranges = replicates.iter().map(range).collect();
        Self {
            items: (0..arms.first().map_or(0, Vec::len)).map(item).collect(),
            arms: ranges,
            runs: vec![0.0; n_runs],
            prompts: Vec::new(),
            totals: vec![0.0; 2 * n_runs],
            means: vec![0.0; replicates.len()],
        }
    }

    /// What was observed: everything counts once.
    fn weigh_equally(&mut self) {
        let most = self.items.iter().map(Vec::len).max().unwrap_or(0);
        self.runs.fill(1.0);
        self.prompts = vec![1.0; most];
    }

    fn draw_runs(&mut self, stream: &mut Stream) {
        for arm in &self.arms {
            deal(stream, &mut self.runs[arm.clone()]);
        }
    }

    fn draw_prompts(&mut self, item: usize, stream: &mut Stream) {
        self.prompts.resize(self.items[item].len(), 0.0);
        deal(stream, &mut self.prompts);
    }

    /// Difference of every pair on an item whose prompts were drawn last.
    fn differences(&mut self, item: usize, pairs: &[(usize, usize)]) -> impl Iterator<Item = f64> {
        self.totals.fill(0.0);
        for (row, times) in self.items[item].iter().zip(&self.prompts) {
            if *times > 0.0 {
                for (total, cell) in self.totals.iter_mut().zip(row) {
                    *total += times * cell;
                }
            }
        }
        let (numbers, sums) = self.totals.split_at(self.runs.len());
        for (mean, arm) in self.means.iter_mut().zip(&self.arms) {
            let weighed = |values: &[f64]| dot(&values[arm.clone()], &self.runs[arm.clone()]);
            *mean = weighed(sums) / weighed(numbers);
        }
        pairs.iter().map(|&(one, zero)| self.means[one] - self.means[zero])
    }
}

/// Draws as many of a list's places as it has, with replacement, and counts each.
fn deal(stream: &mut Stream, counts: &mut [f64]) {
    counts.fill(0.0);
    for _ in 0..counts.len() {
        counts[stream.below(counts.len())] += 1.0;
    }
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, definition 7). Puts the
/// values into another order.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    let at = share * (values.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length lies within it"
    )]
    let below = at as usize;
    let (_, value, above) = values.select_nth_unstable_by(below, f64::total_cmp);
    let next = above.iter().copied().min_by(f64::total_cmp).unwrap_or(*value);
    *value + (at - below as f64) * (next - *value)
}

#[cfg(test)]
mod tests;
