//! Resampling of training runs and prompts at once.

use entail_schema::Seed;

use crate::contrast::TooLittle;
use crate::grid::{Cell, Grid};
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
        let observed = self.differences(pairs, &mut |n| vec![1.0; n]);
        // Per item and pair, every draw.
        let mut drawn: Vec<Vec<Vec<f64>>> =
            observed.iter().map(|item| vec![Vec::with_capacity(draws); item.len()]).collect();
        for draw in 0..draws {
            let mut stream = seed.stream("bootstrap", draw as u64);
            let differences = self.differences(pairs, &mut |n| {
                let mut counts = vec![0.0; n];
                for _ in 0..n {
                    counts[stream.below(n)] += 1.0;
                }
                counts
            });
            for (values, differences) in drawn.iter_mut().zip(differences) {
                for (values, difference) in values.iter_mut().zip(differences) {
                    values.push(difference);
                }
            }
        }
        let interval = |pair: usize, estimate: f64, values: &mut Vec<f64>| {
            let (one, zero) = pairs[pair];
            let fewest = self.replicates[one].min(self.replicates[zero]) as f64;
            let stretch = (fewest / (fewest - 1.0)).sqrt();
            values.sort_by(f64::total_cmp);
            let end = |share: f64| estimate + stretch * (quantile(values, share) - estimate);
            let tail = (1.0 - confidence) / 2.0;
            Interval { estimate, low: end(tail), high: end(1.0 - tail) }
        };
        let mut of_pair = |pair: usize| -> Vec<Interval> {
            let items = drawn.iter_mut().zip(&observed);
            items.map(|(values, seen)| interval(pair, seen[pair], &mut values[pair])).collect()
        };
        (0..pairs.len()).map(&mut of_pair).collect()
    }

    /// Difference per item and pair, with multiplicities dealt by `weights`: once per arm for its runs,
    /// then once per item for its prompts.
    fn differences(
        &self,
        pairs: &[(usize, usize)],
        weights: &mut dyn FnMut(usize) -> Vec<f64>,
    ) -> Vec<Vec<f64>> {
        let runs: Vec<Vec<f64>> = self.replicates.iter().map(|&n| weights(n)).collect();
        let items = self.arms.first().map_or(0, Vec::len);
        let of_item = |item: usize| {
            let means = self.means(item, &runs, &weights(self.prompts(item)));
            pairs.iter().map(|&(one, zero)| means[one] - means[zero]).collect()
        };
        (0..items).map(of_item).collect()
    }

    fn prompts(&self, item: usize) -> usize {
        self.arms[0][item].prompts()
    }

    /// Mean answer of every arm on one item, runs and prompts counted as often as they were drawn.
    fn means(&self, item: usize, runs: &[Vec<f64>], prompts: &[f64]) -> Vec<f64> {
        let of = |(arm, runs): (&Vec<Grid>, &Vec<f64>)| {
            let (mut sum, mut n) = (0.0, 0.0);
            for (row, run) in arm[item].rows().iter().zip(runs).filter(|(_, run)| **run > 0.0) {
                let add = |(sum, n): (f64, f64), (cell, weight): (&Cell, &f64)| {
                    (sum + weight * cell.sum, n + weight * cell.n as f64)
                };
                let own = row.iter().zip(prompts).fold((0.0, 0.0), add);
                sum += run * own.0;
                n += run * own.1;
            }
            sum / n
        };
        self.arms.iter().zip(runs).map(of).collect()
    }
}

/// Linear interpolation between order statistics (Hyndman and Fan 1996, definition 7).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a length lies within it"
    )]
    let below = at as usize;
    let next = sorted[(below + 1).min(sorted.len() - 1)];
    sorted[below] + (at - below as f64) * (next - sorted[below])
}

#[cfg(test)]
mod tests;
