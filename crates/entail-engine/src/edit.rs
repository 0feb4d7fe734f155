//! Reading and changing the residual stream during a forward pass.

use crate::ops;
use crate::real::Real;

/// Captures of the residual stream at chosen depths. Depth 0 is the embedding, depth `l + 1` the output of block
/// `l` after its edits.
#[derive(Debug, Clone, Default)]
pub struct Taps<T> {
    depths: Vec<usize>,
    /// One `[N,D]` capture for each depth asked for, in that order; empty until a pass has run.
    pub captured: Vec<Vec<T>>,
}

impl<T: Real> Taps<T> {
    /// Taps at the given depths.
    pub fn at(depths: &[usize]) -> Self {
        Self { depths: depths.to_vec(), captured: vec![Vec::new(); depths.len()] }
    }

    /// The deepest depth asked for.
    pub(crate) fn reach(&self) -> usize {
        self.depths.iter().copied().max().unwrap_or(0)
    }

    pub(crate) fn take(&mut self, depth: usize, x: &[T]) {
        for (wanted, captured) in self.depths.iter().zip(&mut self.captured) {
            if *wanted == depth {
                *captured = x.to_vec();
            }
        }
    }
}

/// A change of the residual stream after one block.
#[derive(Debug, Clone)]
pub struct Edit<T> {
    /// Block after which the change is made.
    pub layer: usize,
    /// Row of the batch; all rows if `None`.
    pub row: Option<usize>,
    /// Absolute positions; all if `None`.
    pub positions: Option<Vec<usize>>,
    /// What happens to the `[D]` residual there.
    pub change: Change<T>,
}

/// What an [`Edit`] does.
#[derive(Debug, Clone)]
pub enum Change<T> {
    /// Adds a `[D]` vector.
    Add(Vec<T>),
    /// Puts a `[D]` vector in its place.
    Replace(Vec<T>),
    /// Removes the component along a `[D]` direction of unit length.
    Project(Vec<T>),
}

impl<T: Real> Edit<T> {
    pub(crate) fn applies_at(&self, row: usize, position: usize) -> bool {
        self.row.is_none_or(|r| r == row)
            && self.positions.as_ref().is_none_or(|p| p.contains(&position))
    }
}

impl<T: Real> Change<T> {
    pub(crate) fn width(&self) -> usize {
        match self {
            Self::Add(vector) | Self::Replace(vector) | Self::Project(vector) => vector.len(),
        }
    }

    pub(crate) fn apply(&self, x: &mut [T]) {
        match self {
            Self::Add(vector) => ops::add_scaled(x, T::ONE, vector),
            Self::Replace(vector) => x.copy_from_slice(vector),
            Self::Project(direction) => {
                let along = ops::dot(x, direction);
                ops::add_scaled(x, -along, direction);
            }
        }
    }

    /// Turns the gradient after the change into the gradient before it.
    pub(crate) fn pull_back(&self, gradient: &mut [T]) {
        match self {
            Self::Add(_) => {}
            Self::Replace(_) => gradient.fill(T::ZERO),
            // A projection is its own transpose.
            Self::Project(_) => self.apply(gradient),
        }
    }
}
