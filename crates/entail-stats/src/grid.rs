//! Answers of one arm on one item, laid out by replicate and prompt: what clustered methods start from.

/// Answers of one replicate to one prompt, as much of them as the methods here need.
///
/// A label counts 1 or 0, a score what it is. No answers at all is a legal cell: a prompt that was
/// not asked, or one whose answers could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    /// Answers.
    pub n: u64,
    /// Sum of their values.
    pub sum: f64,
    /// Sum of their squares.
    pub squares: f64,
}

impl Cell {
    /// Of labels.
    ///
    /// # Panics
    /// With more successes than trials.
    pub fn of_counts(successes: u64, trials: u64) -> Self {
        assert!(successes <= trials, "{successes} successes of {trials} trials");
        Self { n: trials, sum: successes as f64, squares: successes as f64 }
    }

    /// Of scores, such as ratings from 1 to 10.
    pub fn of_scores(scores: &[f64]) -> Self {
        Self {
            n: scores.len() as u64,
            sum: scores.iter().sum(),
            squares: scores.iter().map(|x| x * x).sum(),
        }
    }

    /// Mean value; `None` without answers.
    pub fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }

    /// Sum of squared distances from the cell's own mean.
    pub fn within(&self) -> f64 {
        self.mean().map_or(0.0, |mean| (self.squares - self.sum * mean).max(0.0))
    }

    /// Both cells' answers.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            n: self.n + other.n,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }
}

/// One arm's cells on one item: a row per replicate, a column per prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    rows: Vec<Vec<Cell>>,
}

/// Why cells are no grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// No replicate, or no prompt.
    #[error("a grid of {replicates} replicates and {prompts} prompts has no cell")]
    Empty {
        /// Rows given.
        replicates: usize,
        /// Length of the first.
        prompts: usize,
    },
    /// A replicate with another number of prompts than the first.
    #[error("replicate {replicate} has {found} prompts, expected {expected} as in the first")]
    Ragged {
        /// Zero-based row.
        replicate: usize,
        /// Its length.
        found: usize,
        /// That of the first row.
        expected: usize,
    },
    /// A sum that is infinite or NaN.
    #[error("replicate {replicate}, prompt {prompt}: a value is not finite")]
    NotFinite {
        /// Zero-based row.
        replicate: usize,
        /// Zero-based column.
        prompt: usize,
    },
}

impl Grid {
    /// A grid of `rows[replicate][prompt]`.
    ///
    /// # Errors
    /// [`GridError`]: no cell at all, rows of different lengths, sums that are not finite.
    pub fn new(rows: Vec<Vec<Cell>>) -> Result<Self, GridError> {
        let expected = rows.first().map_or(0, Vec::len);
        if expected == 0 {
            return Err(GridError::Empty { replicates: rows.len(), prompts: expected });
        }
        for (replicate, row) in rows.iter().enumerate() {
            if row.len() != expected {
                return Err(GridError::Ragged { replicate, found: row.len(), expected });
            }
            let bad = |cell: &Cell| !(cell.sum.is_finite() && cell.squares.is_finite());
            if let Some(prompt) = row.iter().position(bad) {
                return Err(GridError::NotFinite { replicate, prompt });
            }
        }
        Ok(Self { rows })
    }

    /// A grid of `counts[replicate][prompt] = (successes, trials)`.
    ///
    /// # Errors
    /// As [`Grid::new`].
    pub fn of_counts(counts: &[Vec<(u64, u64)>]) -> Result<Self, GridError> {
        let row = |row: &Vec<(u64, u64)>| row.iter().map(|&(s, n)| Cell::of_counts(s, n)).collect();
        Self::new(counts.iter().map(row).collect())
    }

    /// Number of replicates.
    pub fn replicates(&self) -> usize {
        self.rows.len()
    }

    /// Number of prompts.
    pub fn prompts(&self) -> usize {
        self.rows[0].len()
    }

    /// Rows of cells, one per replicate.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }

    /// All answers of each replicate.
    pub fn replicate_totals(&self) -> Vec<Cell> {
        self.rows.iter().map(|row| row.iter().fold(Cell::default(), |sum, c| sum.plus(c))).collect()
    }

    /// All answers to each prompt.
    pub fn prompt_totals(&self) -> Vec<Cell> {
        let of = |prompt: usize| {
            self.rows.iter().fold(Cell::default(), |sum, row| sum.plus(&row[prompt]))
        };
        (0..self.prompts()).map(of).collect()
    }

    /// Mean of each replicate's answers; `None` when one of them has no answer at all.
    pub fn replicate_means(&self) -> Option<Vec<f64>> {
        self.replicate_totals().iter().map(Cell::mean).collect()
    }
}

#[cfg(test)]
mod tests;
