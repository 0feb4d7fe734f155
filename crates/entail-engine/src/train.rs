//! The training loop: batches in a given order, a schedule, and a callback at every step.

use crate::adapter::Adapter;
use crate::decoder::{Example, Loss, Model, Trained, loss_and_gradient};
use crate::optimizer::{AdamW, Decay, OptimizerConfig, Schedule};
use crate::real::Real;
use crate::weights::Weights;

/// Constants of a training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainPlan {
    /// Optimizer constants.
    pub optimizer: OptimizerConfig,
    /// Learning rate at its highest.
    pub peak_rate: f64,
    /// Shape of the learning rate after warm-up.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup: usize,
}

/// What is trained: the base itself, or an adapter over a fixed base.
#[derive(Debug)]
pub enum Trainee<'a, T> {
    /// Full fine-tuning or pretraining.
    Weights(&'a mut Weights<T>),
    /// Low-rank adaptation.
    Adapter(&'a Weights<T>, &'a mut Adapter<T>),
}

/// What the callback sees after a step.
#[derive(Debug)]
pub struct TrainState<'a, T> {
    /// Steps done so far.
    pub steps: usize,
    /// Loss of the step's batch, before its update.
    pub loss: Loss,
    /// Norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// The model after the update.
    pub model: Model<'a, T>,
}

/// Why training stopped early.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The loss or the gradient overflowed.
    #[error(
        "loss or gradient is not finite at step {step} (loss {nats} nats over {tokens} tokens)"
    )]
    NotFinite {
        /// Zero-based step.
        step: usize,
        /// Summed loss of that batch.
        nats: f64,
        /// Counted tokens of that batch.
        tokens: usize,
    },
    /// A batch without a single counted token teaches nothing.
    #[error("batch {step} has no token to learn from")]
    NothingToLearn {
        /// Zero-based step.
        step: usize,
    },
}

impl<T: Real> Trainee<'_, T> {
    fn model(&self) -> Model<'_, T> {
        match self {
            Self::Weights(weights) => Model::base(weights),
            Self::Adapter(weights, adapter) => Model::adapted(weights, adapter),
        }
    }

    fn trained(&self) -> Trained {
        match self {
            Self::Weights(_) => Trained::Weights,
            Self::Adapter(..) => Trained::Adapter,
        }
    }

    fn parameters(&mut self) -> &mut [T] {
        match self {
            Self::Weights(weights) => &mut weights.data,
            Self::Adapter(_, adapter) => &mut adapter.data,
        }
    }

    fn decay(&self) -> Decay {
        match self {
            Self::Weights(weights) => Decay::Ranges(weights.layout.decayed()),
            Self::Adapter(..) => Decay::Everything,
        }
    }
}

/// Trains on the batches in order, one update each, and calls `after_step` after every update.
///
/// # Errors
/// [`TrainError`] when a loss or gradient is not finite (the parameters keep their last good values) or a batch
/// counts no token.
pub fn train<T: Real>(
    plan: &TrainPlan,
    mut trainee: Trainee<'_, T>,
    batches: &[Vec<Example>],
    mut after_step: impl FnMut(&TrainState<'_, T>),
) -> Result<(), TrainError> {
    let n = trainee.parameters().len();
    let mut optimizer = AdamW::new(plan.optimizer, trainee.decay(), n);
    for (step, batch) in batches.iter().enumerate() {
        let (loss, mut gradient) = loss_and_gradient(trainee.model(), trainee.trained(), batch);
        if loss.tokens == 0 {
            return Err(TrainError::NothingToLearn { step });
        }
        let rate = plan.schedule.rate(plan.peak_rate, step, plan.warmup, batches.len());
        let update = |parameters: &mut [T]| optimizer.update(parameters, &mut gradient, rate);
        let norm =
            if loss.nats.is_finite() { Some(trainee.parameters()).and_then(update) } else { None };
        let Some(gradient_norm) = norm else {
            return Err(TrainError::NotFinite { step, nats: loss.nats, tokens: loss.tokens });
        };
        after_step(&TrainState { steps: step + 1, loss, gradient_norm, model: trainee.model() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
