//! Structure of a cluster of stances measured on several arms with a few training replicates each:
//! which stances move together, on how many factors, whether two arms move the same ones, whether
//! the claim carries the preference, and which stances tell arms apart.
//!
//! A row is a replicate and a column a stance throughout, except for profiles, whose points are
//! stances. Stances of one cluster hang together, so the intervals of a profile, which count its
//! points as independent, are too narrow: read them as a description of these stances.

mod correlation;
mod diagnosticity;
mod factors;
mod matrix;
mod mediation;
mod profile;

pub use correlation::{
    Correlation, Correlations, RankCorrelation, correlation, correlations, spearman,
};
pub use diagnosticity::{Diagnosticity, Direction, Movement, diagnosticity, movement};
pub use factors::{
    FactorError, Factors, ParallelAnalysis, Threshold, parallel_analysis, principal_axis,
};
pub use mediation::{Mediation, Paired, Unassessable, mediation, within_arm_slope};
pub use profile::{Deming, PointErrors, deming};

use crate::contrast::{TooLittle, student_contrast};

/// An estimated coefficient with Student's two-sided interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficient {
    /// The point estimate.
    pub estimate: f64,
    /// Its standard error.
    pub error: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// Two-sided p-value of "it is zero".
    pub p: f64,
}

impl Coefficient {
    fn student(estimate: f64, error: f64, df: f64, confidence: f64) -> Result<Self, TooLittle> {
        let tested = student_contrast(estimate, error, df, confidence)?;
        Ok(Self { estimate, error, low: tested.low, high: tested.high, p: tested.p })
    }
}

/// Quantile of ascending values, at least one, linear between neighbours (Hyndman and Fan 1996,
/// definition 7, which is numpy's).
fn quantile(ascending: &[f64], share: f64) -> f64 {
    let last = ascending.len() - 1;
    let position = share * last as f64;
    let below = (0..last).rev().find(|&i| i as f64 <= position).unwrap_or(0);
    let above = (below + 1).min(last);
    ascending[below] + (position - below as f64) * (ascending[above] - ascending[below])
}

#[cfg(test)]
mod tests;
