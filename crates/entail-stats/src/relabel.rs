//! Exact tests: what would the difference be if the labels of the training runs were dealt anew?

use crate::contrast::TooLittle;
use crate::summary::raw_mean;

/// Relabellings that are gone through one by one; beyond them, use more careful planning than this.
const MOST_RELABELLINGS: usize = 200_000;

/// Why there is no exact test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoRelabelling {
    /// Too few runs, or a value that is not finite.
    #[error(transparent)]
    TooLittle(#[from] TooLittle),
    /// More relabellings than are gone through.
    #[error("{treated} and {control} runs have more than {MOST_RELABELLINGS} relabellings")]
    TooMany {
        /// Treated runs.
        treated: usize,
        /// Control runs.
        control: usize,
    },
    /// An item with another number of runs than the first.
    #[error("item {item} has {found} runs, expected {expected} as in the first")]
    Ragged {
        /// Zero-based item.
        item: usize,
        /// Its runs, of both arms.
        found: usize,
        /// Those of the first item.
        expected: usize,
    },
}

/// Two-sided p-value of the exact permutation test on the difference of means (Fisher 1935; Pitman
/// 1937): the share of all ways to deal the labels whose difference is as large. With `S` runs per
/// arm it cannot fall below `2 / C(2S, S)`: .10 at three, .029 at four, .0022 at six.
///
/// # Errors
/// [`NoRelabelling`]; fewer than one run in an arm is [`TooLittle::Replicates`].
pub fn permutation(treated: &[f64], control: &[f64]) -> Result<f64, NoRelabelling> {
    let values = joined(treated, control)?;
    let observed = (raw_mean(treated) - raw_mean(control)).abs();
    // Sums of the same numbers in another order differ by rounding, and must count as equal.
    let bar = observed * (1.0 - 1e-12) - 1e-15;
    let (mut as_large, mut all) = (0_usize, 0_usize);
    // Sums of treated and control over the runs before each; those of the first runs stay.
    let mut sums = vec![(0.0, 0.0); values.len() + 1];
    relabel(treated.len(), control.len(), |labels, from| {
        let mut sum = sums[from];
        for (run, (value, is_treated)) in values.iter().zip(labels).enumerate().skip(from) {
            *(if *is_treated { &mut sum.0 } else { &mut sum.1 }) += value;
            sums[run + 1] = sum;
        }
        let difference = sum.0 / treated.len() as f64 - sum.1 / control.len() as f64;
        all += 1;
        as_large += usize::from(difference.abs() >= bar);
    })?;
    Ok(as_large as f64 / all as f64)
}

/// Runs of both arms on one item.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Value per treated run.
    pub treated: Vec<f64>,
    /// Value per control run, in one order for all items, like the treated.
    pub control: Vec<f64>,
}

/// P-values adjusted over a family of items by step-down max-T (Westfall and Young 1993, algorithm
/// 4.1; Ge, Dudoit and Speed 2003): the labels of the *runs* are dealt anew for all items at once, so
/// whatever correlation the items have stays as it is. Exact, and strong control of any false
/// rejection. The statistic is Welch's `|t|`; an item on which no run differs has `t = 0`, and one on
/// which the arms differ without any spread has an infinite one.
///
/// # Errors
/// [`NoRelabelling`]: fewer than two runs in an arm, values that are not finite, items of different
/// lengths.
pub fn max_t(items: &[Item]) -> Result<Vec<f64>, NoRelabelling> {
    let Some(first) = items.first() else { return Ok(Vec::new()) };
    let (n_treated, n_control) = (first.treated.len(), first.control.len());
    let mut joint = Vec::with_capacity(items.len());
    for (item, runs) in items.iter().enumerate() {
        let found = runs.treated.len() + runs.control.len();
        if runs.treated.len() != n_treated || runs.control.len() != n_control {
            return Err(NoRelabelling::Ragged { item, found, expected: n_treated + n_control });
        }
        if n_treated < 2 || n_control < 2 {
            let too_few = TooLittle::Replicates { treated: n_treated, control: n_control };
            return Err(too_few.into());
        }
        joint.push(joined(&runs.treated, &runs.control)?);
    }
    let original: Vec<bool> = (0..n_treated + n_control).map(|run| run < n_treated).collect();
    let in_order: Vec<usize> = (0..items.len()).collect();
    let unsorted = SideBySide::of(&joint, &in_order).statistics(&original, n_treated).to_vec();
    let mut descending = in_order;
    descending.sort_by(|&a, &b| unsorted[b].total_cmp(&unsorted[a]));
    let bars: Vec<f64> = descending.iter().map(|&item| unsorted[item] * (1.0 - 1e-9)).collect();
    let mut runs = SideBySide::of(&joint, &descending);
    // By place in that order.
    let mut as_large = vec![0_usize; items.len()];
    let mut all = 0_usize;
    relabel(n_treated, n_control, |labels, _| {
        all += 1;
        let statistics = runs.statistics(labels, n_treated);
        let mut largest = 0.0_f64;
        for (place, statistic) in statistics.iter().enumerate().rev() {
            largest = largest.max(*statistic);
            as_large[place] += usize::from(largest >= bars[place]);
        }
    })?;
    let mut adjusted = vec![0.0; items.len()];
    let mut running = 0.0_f64;
    for (&item, as_large) in descending.iter().zip(as_large) {
        running = running.max(as_large as f64 / all as f64);
        adjusted[item] = running;
    }
    Ok(adjusted)
}

/// The values of all items side by side, so that a labelling meets them all at once.
struct SideBySide {
    /// `runs[run][item]`.
    runs: Vec<Vec<f64>>,
    /// Room for control and treated.
    means: [Vec<f64>; 2],
    squares: [Vec<f64>; 2],
    statistics: Vec<f64>,
}

impl SideBySide {
    /// Of `values[item][run]`, items in this order.
    fn of(values: &[Vec<f64>], order: &[usize]) -> Self {
        let row = |run: usize| order.iter().map(|&item| values[item][run]).collect();
        let runs = (0..values[0].len()).map(row).collect();
        let room = || vec![0.0; order.len()];
        Self { runs, means: [room(), room()], squares: [room(), room()], statistics: room() }
    }

    /// Welch's `|t|` of every item under a labelling.
    fn statistics(&mut self, labels: &[bool], n_treated: usize) -> &[f64] {
        let counts = [(labels.len() - n_treated) as f64, n_treated as f64];
        for (arm, count) in counts.into_iter().enumerate() {
            let (means, squares) = (&mut self.means[arm], &mut self.squares[arm]);
            means.fill(0.0);
            squares.fill(0.0);
            let of_arm = || {
                let labelled = self.runs.iter().zip(labels);
                labelled.filter(|(_, treated)| usize::from(**treated) == arm).map(|(run, _)| run)
            };
            for run in of_arm() {
                for (sum, value) in means.iter_mut().zip(run) {
                    *sum += value;
                }
            }
            for sum in means.iter_mut() {
                *sum /= count;
            }
            for run in of_arm() {
                for ((sum, mean), value) in squares.iter_mut().zip(&*means).zip(run) {
                    *sum += (value - mean).powi(2);
                }
            }
        }
        let [n0, n1] = counts.map(|n| n * (n - 1.0));
        let ([zero, one], [zero_squares, one_squares]) = (&self.means, &self.squares);
        let arms = zero.iter().zip(one).zip(zero_squares.iter().zip(one_squares));
        for (to, ((zero, one), (zero_squares, one_squares))) in self.statistics.iter_mut().zip(arms)
        {
            *to = statistic((one - zero).abs(), one_squares / n1 + zero_squares / n0);
        }
        &self.statistics
    }
}

/// Welch's `|t|` of a difference with a squared standard error.
fn statistic(difference: f64, error: f64) -> f64 {
    // Before the cases, so that many are computed at once.
    let ratio = difference / error.sqrt();
    // A difference or a spread of this size is the rounding of shares.
    if difference < 1e-12 {
        0.0
    } else if error < 1e-24 {
        f64::INFINITY
    } else {
        ratio
    }
}

fn joined(treated: &[f64], control: &[f64]) -> Result<Vec<f64>, TooLittle> {
    if treated.is_empty() || control.is_empty() {
        let (treated, control) = (treated.len(), control.len());
        return Err(TooLittle::Replicates { treated, control });
    }
    let values: Vec<f64> = treated.iter().chain(control).copied().collect();
    if values.iter().all(|v| v.is_finite()) { Ok(values) } else { Err(TooLittle::NotFinite) }
}

/// Shows every way to call `n_treated` of the runs treated, in lexical order, and the first run that is not labelled
/// as before.
fn relabel(
    n_treated: usize,
    n_control: usize,
    mut show: impl FnMut(&[bool], usize),
) -> Result<(), NoRelabelling> {
    let n = n_treated + n_control;
    let mut count = 1_u128;
    for chosen in 0..n_treated.min(n_control) {
        count = count * (n - chosen) as u128 / (chosen + 1) as u128;
        if count > MOST_RELABELLINGS as u128 {
            return Err(NoRelabelling::TooMany { treated: n_treated, control: n_control });
        }
    }
    let mut labels: Vec<bool> = (0..n).map(|run| run < n_treated).collect();
    let mut from = 0;
    loop {
        show(&labels, from);
        // The last treated run that has a control after it moves one to the right, and all treated
        // runs behind it follow closely.
        let Some(at) = (0..n - 1).rev().find(|&i| labels[i] && !labels[i + 1]) else {
            return Ok(());
        };
        from = at;
        labels[at] = false;
        let behind = labels[at + 1..].iter().filter(|l| **l).count();
        for (offset, label) in labels[at + 1..].iter_mut().enumerate() {
            *label = offset <= behind;
        }
    }
}

#[cfg(test)]
mod tests;
