//! Where the scatter of one arm's answers on one item comes from: replicate, prompt, or sample.
//!
//! The model of an answer `k` of replicate `s` to prompt `p` is
//! `y_spk = mu + u_s + v_p + w_sp + e_spk` with independent parts of mean zero.

use crate::contrast::TooLittle;
use crate::grid::{Cell, Grid};
use crate::invert::{chi_square_quantile, f_quantile};
use crate::linear::{Cholesky, dot};
use crate::quantile::assert_confidence;
use crate::summary::{Interval, raw_mean};

/// Variance of one answer by its source, in the squared unit of the answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// Of the replicate, `u_s`: training again moves all prompts alike.
    pub replicate: f64,
    /// Of the prompt, `v_p`: shared by the replicates, so it cancels between arms.
    pub prompt: f64,
    /// What is left.
    pub rest: Rest,
}

/// The variance that is neither of the replicate alone nor of the prompt alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rest {
    /// Some cell has two or more answers, so they can be told apart.
    Split {
        /// Of the pair of replicate and prompt, `w_sp`.
        interaction: f64,
        /// Of the answer, `e_spk`, and of the judge that read it.
        sample: f64,
    },
    /// One answer to a cell: interaction and sample in one number.
    Joint(f64),
}

/// One line of the analysis of variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSquare {
    /// Sum of squares over its degrees of freedom, in the squared unit of the answers.
    pub value: f64,
    /// Degrees of freedom.
    pub df: f64,
}

/// The table of a balanced layout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanSquares {
    /// Between replicates.
    pub replicate: MeanSquare,
    /// Between prompts.
    pub prompt: MeanSquare,
    /// Of the cell means about the two main effects.
    pub interaction: MeanSquare,
    /// Within cells; `None` with one answer to a cell.
    pub sample: Option<MeanSquare>,
}

/// Variance of the arm's mean, the plain mean of its replicates' means, in squared units.
///
/// Both come from the parts cut at 0, so they are never below what the raw parts give. On a
/// balanced layout the raw parts with fixed prompts give the arm's share of the squared standard
/// error of [`crate::welch`]. Where replicates missed different prompts their means differ by
/// those prompts as well, which with fixed prompts is no variance and is not counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanVariance {
    /// For a claim about the prompts that were asked.
    pub prompts_fixed: f64,
    /// For a claim about prompts like them.
    pub prompts_sampled: f64,
}

/// Variance components of one arm on one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// Unbiased estimates; one that is small may come out negative.
    pub raw: Parts,
    /// The same with negative ones at 0, to report and to plan with.
    pub cut: Parts,
    /// Sources of the estimates; `None` when cells differ in their number of answers.
    pub mean_squares: Option<MeanSquares>,
    /// Of the arm's mean.
    pub mean_variance: MeanVariance,
    /// Variance of a replicate's mean, its degrees of freedom those of the replicates.
    spread: MeanSquare,
    /// The share of it that is not the replicate's own.
    noise: MeanSquare,
}

/// Which parts an arm's layout cannot tell apart. Replicates, prompts and cells count when they
/// have answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inseparable {
    /// The replicate's part is in the mean, and the interaction in the prompts.
    #[error(
        "{got} replicates with answers: replicate from mean and interaction from prompt need 2"
    )]
    Replicates {
        /// Replicates with answers.
        got: usize,
    },
    /// The prompt's part is in the mean, and the interaction in the replicates.
    #[error("{got} prompts with answers: prompt from mean and interaction from replicate need 2")]
    Prompts {
        /// Prompts with answers.
        got: usize,
    },
    /// Two main effects use up the cells.
    #[error("{got} cells with answers: interaction from replicate and prompt needs {need}")]
    Cells {
        /// Cells with answers.
        got: usize,
        /// Cells needed.
        need: usize,
    },
    /// Too few replicates share prompts.
    #[error("replicates share too few prompts to tell replicate from prompt")]
    Overlap,
}

/// Variance components from the cell means: an additive least-squares fit of replicates and
/// prompts (Yates 1934, "The analysis of multiple classifications with unequal numbers"), whose
/// sums of squares are set equal to their exact expectations under the layout as it is (the
/// fitting of constants, method III of Henderson 1953, "Estimation of variance and covariance
/// components").
///
/// With `MS` from a balanced layout of `S` replicates, `P` prompts and `K` answers this is
/// `replicate = (MS_s - MS_sp) / PK`, `prompt = (MS_p - MS_sp) / SK`,
/// `interaction = (MS_sp - MS_e) / K` and `sample = MS_e`. Cells without answers and cells of
/// different sizes are allowed. The replicate's sum of squares is adjusted for the prompts, so
/// that a replicate which missed a hard prompt does not look better; Henderson's method I keeps
/// the estimate unbiased without that and lets the prompts blur it.
///
/// # Errors
/// [`Inseparable`].
pub fn components(grid: &Grid) -> Result<Components, Inseparable> {
    let layout = Layout::of(grid)?;
    let sums = layout.sums()?;
    let raw = layout.parts(&sums);
    let cut = raw.cut();
    // What a squared replicate effect weighs in the sum of squares of the replicates.
    let weight = (layout.cells.len() - layout.prompts.len()) as f64 / sums.replicate.df;
    let per_replicate =
        |form: &Form| MeanSquare { value: form.sum / form.df / weight, df: form.df };
    Ok(Components {
        raw,
        cut,
        mean_squares: layout.mean_squares(&sums),
        mean_variance: layout.mean_variance(&cut),
        spread: per_replicate(&sums.replicate),
        noise: per_replicate(&sums.interaction),
    })
}

impl Components {
    /// Interval of the replicate's variance by Tukey (1951) and Williams (1962, "A confidence
    /// interval for variance components"), both ends cut at 0.
    ///
    /// With `M = MS_s / PK` on `f = S - 1` and `m = MS_sp / PK` on `(S - 1)(P - 1)` degrees of
    /// freedom, the ends are `f (M - m F) / chi2` at the upper and at the lower quantiles of `F`
    /// and chi-square. On an unbalanced layout the mean squares are those of the cell means with
    /// replicates adjusted for prompts (Burdick and Graybill 1992, "Confidence Intervals on
    /// Variance Components", chapter 6), and the estimate is theirs. Holds for normal parts; for
    /// labels it is an approximation. Both ends at 0 mean that replicates scatter less than
    /// chance lets them, not that they are equal: plan with [`Self::spread_of_means`].
    pub fn replicate_interval(&self, confidence: f64) -> Interval {
        assert_confidence(confidence);
        let (spread, noise) = (self.spread, self.noise);
        let end = |share: f64| {
            let own = spread.value - noise.value * f_quantile(share, spread.df, noise.df);
            (spread.df * own / chi_square_quantile(share, spread.df)).max(0.0)
        };
        let tail = (1.0 - confidence) / 2.0;
        let estimate = (spread.value - noise.value).max(0.0);
        around(estimate, end(1.0 - tail), end(tail))
    }

    /// Variance of one replicate's mean over these prompts, `u + w/P + e/PK`, with its chi-square
    /// interval: what a plan with more replicates of the same layout divides by their number. The
    /// mean is that of cell means, adjusted for prompts that were missed.
    ///
    /// With four replicates the interval runs from 0.32 to 14 times the estimate, so plan with the
    /// high end. Exact for normal parts on a balanced layout.
    pub fn spread_of_means(&self, confidence: f64) -> Interval {
        assert_confidence(confidence);
        let tail = (1.0 - confidence) / 2.0;
        let MeanSquare { value, df } = self.spread;
        let end = |share: f64| df * value / chi_square_quantile(share, df);
        around(value, end(1.0 - tail), end(tail))
    }
}

/// An interval that holds its estimate: at a confidence below one half the quantiles of a skew
/// law may both lie on one side of it.
fn around(estimate: f64, low: f64, high: f64) -> Interval {
    Interval { estimate, low: low.min(estimate), high: high.max(estimate) }
}

impl Parts {
    /// Each part as a share of the variance of one answer: the intraclass correlations, of two
    /// answers of one replicate to different prompts in `replicate`, of two replicates' answers
    /// to one prompt in `prompt`. Meant for parts cut at 0.
    ///
    /// `None` when nothing scatters.
    pub fn shares(&self) -> Option<Self> {
        let rest = match self.rest {
            Rest::Split { interaction, sample } => interaction + sample,
            Rest::Joint(both) => both,
        };
        let total = self.replicate + self.prompt + rest;
        (total > 0.0).then(|| self.map(|part| part / total))
    }

    fn cut(&self) -> Self {
        self.map(|part| part.max(0.0))
    }

    fn map(&self, change: impl Fn(f64) -> f64) -> Self {
        let rest = match self.rest {
            Rest::Split { interaction, sample } => {
                Rest::Split { interaction: change(interaction), sample: change(sample) }
            }
            Rest::Joint(both) => Rest::Joint(change(both)),
        };
        Self { replicate: change(self.replicate), prompt: change(self.prompt), rest }
    }
}

/// Variance of repeated readings of the same response, in squared units: the judge's own part.
/// One cell of readings per response; `df` counts readings beyond the first of each.
///
/// Where each answer is the mean of `m` readings, the variance of the answers themselves is the
/// sample part (of [`Rest::Split`]) less `value / m`; it may come out negative.
///
/// # Errors
/// [`TooLittle::Values`] when no response was read twice.
pub fn judge_variance(responses: &[Cell]) -> Result<MeanSquare, TooLittle> {
    let readings = |cell: &Cell| cell.n.saturating_sub(1);
    let df: u64 = responses.iter().map(readings).sum();
    if df == 0 {
        let got = responses.iter().map(|cell| cell.n).max().unwrap_or(0);
        return Err(TooLittle::Values { got: usize::try_from(got).unwrap_or(usize::MAX), need: 2 });
    }
    let within: f64 = responses.iter().map(Cell::within).sum();
    Ok(MeanSquare { value: within / df as f64, df: df as f64 })
}

/// Difference of the arms' means with the range that it takes when any one replicate is left out.
///
/// `low` and `high` are that range and no confidence interval: they say whether one run carries
/// the result.
///
/// # Errors
/// [`TooLittle::Replicates`] when an arm has fewer than two values, [`TooLittle::NotFinite`].
pub fn leave_one_out(treated: &[f64], control: &[f64]) -> Result<Interval, TooLittle> {
    if treated.len() < 2 || control.len() < 2 {
        return Err(TooLittle::Replicates { treated: treated.len(), control: control.len() });
    }
    let (mean1, mean0) = (raw_mean(treated), raw_mean(control));
    let estimate = mean1 - mean0;
    // Without x the mean moves by (mean - x) / (n - 1).
    let shift = |x: &f64, mean: f64, n: usize| (mean - x) / (n as f64 - 1.0);
    let shifts1 = treated.iter().map(|x| shift(x, mean1, treated.len()));
    let shifts0 = control.iter().map(|x| -shift(x, mean0, control.len()));
    let (low, high) = shifts1
        .chain(shifts0)
        .fold((0.0_f64, 0.0_f64), |(low, high), shift| (low.min(shift), high.max(shift)));
    let range = Interval { estimate, low: estimate + low, high: estimate + high };
    let finite = treated.iter().chain(control).all(|x| x.is_finite());
    let computed = range.low.is_finite() && range.high.is_finite();
    if finite && computed { Ok(range) } else { Err(TooLittle::NotFinite) }
}

/// The replicates, prompts and cells that have answers.
struct Layout {
    replicates: Vec<Cell>,
    prompts: Vec<Cell>,
    cells: Vec<Filled>,
}

/// A cell with answers and its place among the replicates and prompts that have some.
struct Filled {
    replicate: usize,
    prompt: usize,
    n: f64,
    mean: f64,
    within: f64,
}

/// A quadratic form of the cell means.
struct Form {
    sum: f64,
    /// Its expectation where cell means scatter with variance 1.
    df: f64,
    /// The same where they scatter with one over their number of answers.
    noise: f64,
}

/// The forms of an additive fit to the cell means.
struct Sums {
    /// Of the replicates beyond the prompts.
    replicate: Form,
    /// Of the prompts beyond the replicates.
    prompt: Form,
    /// Of what the two leave.
    interaction: Form,
}

/// What the replicates add to one cell's prompt mean in the fit.
struct Fit {
    value: f64,
    /// Weight of the cell in its own `value`.
    leverage: f64,
}

/// Cell means of one replicate or prompt.
struct Margin {
    mean: f64,
    cells: f64,
}

impl Layout {
    fn of(grid: &Grid) -> Result<Self, Inseparable> {
        let (replicates, from_row) = with_answers(&grid.replicate_totals());
        let (prompts, from_column) = with_answers(&grid.prompt_totals());
        let mut cells = Vec::new();
        for (row, &replicate) in grid.rows().iter().zip(&from_row) {
            for (cell, &prompt) in row.iter().zip(&from_column) {
                let (n, within) = (cell.n as f64, cell.within());
                cells.extend(cell.mean().map(|mean| Filled { replicate, prompt, n, mean, within }));
            }
        }
        if replicates.len() < 2 {
            return Err(Inseparable::Replicates { got: replicates.len() });
        }
        if prompts.len() < 2 {
            return Err(Inseparable::Prompts { got: prompts.len() });
        }
        let need = replicates.len() + prompts.len();
        if cells.len() < need {
            return Err(Inseparable::Cells { got: cells.len(), need });
        }
        Ok(Self { replicates, prompts, cells })
    }

    fn sums(&self) -> Result<Sums, Inseparable> {
        let rows = margins(&self.cells, self.replicates.len(), |cell| cell.replicate);
        let columns = margins(&self.cells, self.prompts.len(), |cell| cell.prompt);
        let grand = raw_mean(&self.cells.iter().map(|cell| cell.mean).collect::<Vec<_>>());
        let (rows_df, columns_df) = (rows.len() as f64 - 1.0, columns.len() as f64 - 1.0);
        let mut replicate = Form::with(rows_df);
        let mut prompt = Form::with(columns_df);
        let mut interaction = Form::with(self.cells.len() as f64 - 1.0 - rows_df - columns_df);
        for (cell, fit) in self.cells.iter().zip(self.fit_beyond_prompts(&columns)?) {
            let (row, column) = (&rows[cell.replicate], &columns[cell.prompt]);
            let fitted = column.mean + fit.value;
            replicate.add(fit.value.powi(2), fit.leverage / cell.n);
            let both = 1.0 / column.cells + fit.leverage;
            interaction.add((cell.mean - fitted).powi(2), (1.0 - both) / cell.n);
            let beyond_rows = (fitted - grand).powi(2) - (row.mean - grand).powi(2);
            prompt.add(beyond_rows, (both - 1.0 / row.cells) / cell.n);
        }
        Ok(Sums { replicate, prompt, interaction })
    }

    /// Least squares with the prompts swept out of the replicates' indicators `X`, the last of
    /// which is left out: `X (X^T X)^-1 X^T y`, and the diagonal of that projection.
    fn fit_beyond_prompts(&self, columns: &[Margin]) -> Result<Vec<Fit>, Inseparable> {
        let free = self.replicates.len() - 1;
        let mut swept: Vec<Vec<f64>> = columns.iter().map(|_| vec![0.0; free + 1]).collect();
        for cell in &self.cells {
            swept[cell.prompt][cell.replicate] = -1.0 / columns[cell.prompt].cells;
        }
        let indicator = |cell: &Filled| {
            let mut x = swept[cell.prompt].clone();
            x[cell.replicate] += 1.0;
            x.truncate(free);
            x
        };
        let (mut gram, mut right) = (vec![0.0; free * free], vec![0.0; free]);
        for cell in &self.cells {
            let x = indicator(cell);
            for i in 0..free {
                right[i] += x[i] * (cell.mean - columns[cell.prompt].mean);
                (0..free).for_each(|j| gram[i * free + j] += x[i] * x[j]);
            }
        }
        let factor = Cholesky::of(gram, free).ok_or(Inseparable::Overlap)?;
        factor.solve_lower(&mut right);
        let fit = |cell| {
            let mut x = indicator(cell);
            factor.solve_lower(&mut x);
            Fit { value: dot(&x, &right), leverage: dot(&x, &x) }
        };
        Ok(self.cells.iter().map(fit).collect())
    }

    /// Answers beyond the first of each cell.
    fn within_df(&self) -> f64 {
        self.cells.iter().map(|cell| cell.n - 1.0).sum()
    }

    fn within(&self) -> f64 {
        self.cells.iter().map(|cell| cell.within).sum()
    }

    /// Solves "sum = expectation". A replicate's effect counts in its form once per cell, less
    /// what the prompts' means take of it, which is once per prompt; and the other way round.
    fn parts(&self, sums: &Sums) -> Parts {
        let cells = self.cells.len() as f64;
        let own = |form: &Form, rest: f64, margin: &[Cell]| {
            (form.sum - rest * form.df) / (cells - margin.len() as f64)
        };
        if self.within_df() <= 0.0 {
            let both = sums.interaction.sum / sums.interaction.df;
            let replicate = own(&sums.replicate, both, &self.prompts);
            let prompt = own(&sums.prompt, both, &self.replicates);
            return Parts { replicate, prompt, rest: Rest::Joint(both) };
        }
        let sample = self.within() / self.within_df();
        let interaction =
            (sums.interaction.sum - sample * sums.interaction.noise) / sums.interaction.df;
        let rest = |form: &Form| interaction + sample * form.noise / form.df;
        let replicate = own(&sums.replicate, rest(&sums.replicate), &self.prompts);
        let prompt = own(&sums.prompt, rest(&sums.prompt), &self.replicates);
        Parts { replicate, prompt, rest: Rest::Split { interaction, sample } }
    }

    fn mean_squares(&self, sums: &Sums) -> Option<MeanSquares> {
        let full = self.cells.len() == self.replicates.len() * self.prompts.len();
        let n = self.cells[0].n;
        let even = self.cells.iter().all(|cell| (cell.n - n).abs() < 0.5);
        let line = |form: &Form| MeanSquare { value: n * form.sum / form.df, df: form.df };
        let df = self.within_df();
        (full && even).then(|| MeanSquares {
            replicate: line(&sums.replicate),
            prompt: line(&sums.prompt),
            interaction: line(&sums.interaction),
            sample: (df > 0.0).then(|| MeanSquare { value: self.within() / df, df }),
        })
    }

    fn mean_variance(&self, parts: &Parts) -> MeanVariance {
        let replicates = self.replicates.len() as f64;
        let mut fixed = parts.replicate / replicates;
        let mut weights = vec![0.0; self.prompts.len()];
        for cell in &self.cells {
            let weight = cell.n / self.replicates[cell.replicate].n as f64 / replicates;
            weights[cell.prompt] += weight;
            fixed += weight * weight * parts.rest.of_mean(cell.n);
        }
        let sampled = fixed + parts.prompt * dot(&weights, &weights);
        MeanVariance { prompts_fixed: fixed, prompts_sampled: sampled }
    }
}

impl Form {
    fn with(df: f64) -> Self {
        Self { sum: 0.0, df, noise: 0.0 }
    }

    fn add(&mut self, square: f64, noise: f64) {
        self.sum += square;
        self.noise += noise;
    }
}

impl Rest {
    /// Of the mean of a cell's answers.
    fn of_mean(&self, answers: f64) -> f64 {
        match self {
            Self::Split { interaction, sample } => interaction + sample / answers,
            Self::Joint(both) => *both,
        }
    }
}

/// The groups that have answers, and for each group its place among them (that of the next one
/// where it has none).
fn with_answers(groups: &[Cell]) -> (Vec<Cell>, Vec<usize>) {
    let mut kept = Vec::new();
    let mut places = Vec::new();
    for group in groups {
        places.push(kept.len());
        if group.n > 0 {
            kept.push(*group);
        }
    }
    (kept, places)
}

/// Plain means of the cell means of each group.
fn margins(cells: &[Filled], groups: usize, of: impl Fn(&Filled) -> usize) -> Vec<Margin> {
    let mut margins: Vec<Margin> = (0..groups).map(|_| Margin { mean: 0.0, cells: 0.0 }).collect();
    for cell in cells {
        let margin = &mut margins[of(cell)];
        margin.cells += 1.0;
        margin.mean += (cell.mean - margin.mean) / margin.cells;
    }
    margins
}

#[cfg(test)]
mod tests;
