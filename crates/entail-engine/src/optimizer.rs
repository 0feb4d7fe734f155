//! `AdamW` with decoupled weight decay (Loshchilov and Hutter 2019), gradient clipping and learning-rate schedules.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::ops;
use crate::real::Real;

/// How the learning rate moves after warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Stays at its peak.
    Constant,
    /// Falls on a line to zero at the end.
    Linear,
    /// Falls on half a cosine to a tenth of its peak.
    Cosine,
}

impl Schedule {
    /// The learning rate of a zero-based step.
    pub fn rate(self, peak: f64, step: usize, warmup: usize, steps: usize) -> f64 {
        if step < warmup {
            return peak * (step + 1) as f64 / warmup as f64;
        }
        let progress = (step - warmup) as f64 / (steps.saturating_sub(warmup)).max(1) as f64;
        match self {
            Self::Constant => peak,
            Self::Linear => peak * (1.0 - progress).max(0.0),
            Self::Cosine => {
                peak * (0.1 + 0.45 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos()))
            }
        }
    }
}

/// Constants of the optimizer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizerConfig {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled decay per step, times the learning rate.
    pub weight_decay: f64,
    /// The gradient is scaled down to this norm when it is longer.
    pub clip_norm: f64,
}

/// Which entries weight decay applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decay {
    /// All of them.
    Everything,
    /// These ranges.
    Ranges(Vec<Range<usize>>),
}

/// Moments of every trained parameter.
#[derive(Debug, Clone)]
pub struct AdamW<T> {
    config: OptimizerConfig,
    decay: Decay,
    step: i32,
    first: Vec<T>,
    second: Vec<T>,
}

impl<T: Real> AdamW<T> {
    /// A fresh optimizer for `n` parameters.
    pub fn new(config: OptimizerConfig, decay: Decay, n: usize) -> Self {
        Self { config, decay, step: 0, first: vec![T::ZERO; n], second: vec![T::ZERO; n] }
    }

    /// One update. Returns the norm of the gradient before clipping, or `None`, leaving everything as it was, when
    /// the gradient is not finite.
    pub fn update(&mut self, parameters: &mut [T], gradient: &mut [T], rate: f64) -> Option<f64> {
        let squares = gradient.iter().map(|g| g.to_f64() * g.to_f64()).sum::<f64>();
        let norm = squares.sqrt();
        if !norm.is_finite() {
            return None;
        }
        // The reference adds 1e-6 to the norm before dividing.
        let clip = T::from_f64((self.config.clip_norm / (norm + 1e-6)).min(1.0));
        self.step += 1;
        let c = self.config;
        let shrink = T::from_f64(1.0 - rate * c.weight_decay);
        match &self.decay {
            Decay::Everything => scale(parameters, shrink),
            Decay::Ranges(ranges) => {
                for range in ranges {
                    scale(&mut parameters[range.clone()], shrink);
                }
            }
        }
        let (beta1, beta2) = (T::from_f64(c.beta1), T::from_f64(c.beta2));
        let (rest1, rest2) = (T::from_f64(1.0 - c.beta1), T::from_f64(1.0 - c.beta2));
        let rate = T::from_f64(rate / (1.0 - c.beta1.powi(self.step)));
        let correction = T::from_f64(1.0 / (1.0 - c.beta2.powi(self.step)).sqrt());
        let epsilon = T::from_f64(c.epsilon);
        let (first, second) = (&mut self.first, &mut self.second);
        ops::vectorized(
            #[inline(always)]
            || {
                for (((p, g), m), v) in
                    parameters.iter_mut().zip(gradient.iter()).zip(first).zip(second)
                {
                    let g = *g * clip;
                    *m = beta1 * *m + rest1 * g;
                    *v = beta2 * *v + rest2 * g * g;
                    *p -= rate * *m / (v.sqrt() * correction + epsilon);
                }
            },
        );
        Some(norm)
    }
}

fn scale<T: Real>(xs: &mut [T], factor: T) {
    for x in xs {
        *x *= factor;
    }
}

#[cfg(test)]
mod tests;
