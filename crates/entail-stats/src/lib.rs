//! Slices in, numbers out: rates with intervals, contrasts between replicates, families of tests.
//!
//! The unit of replication is the training run. A caller reduces each run to one number (a rate,
//! a mean score) and hands over one slice per arm; how the answers scatter *inside* a run says
//! nothing about what another run of the same recipe would do, so no function here takes pooled
//! answers as replicates. The two functions on counts ([`wilson`], [`newcombe`]) speak about the
//! given models only, and their documentation says so.
//!
//! Three kinds of failure stay apart. Too little data is `None` or [`TooLittle`], never a number.
//! A p-value outside `[0, 1]` is an error, [`NotProbability`]. A bug in the caller panics with a
//! sentence: a confidence outside `(0, 1)`, more successes than trials, slices of two lengths.
//!
//! No input or output, no async, no clock; randomness is a seed in the arguments: the same slices
//! give the same bits on one machine. Student and normal quantiles agree with scipy to at least eight digits, which
//! `fixtures/stats` holds them to.

mod components;
mod contrast;
mod family;
mod grid;
mod invert;
mod linear;
mod pooling;
mod quadrature;
mod quantile;
mod rates;
mod regression;
mod summary;
#[cfg(test)]
mod test_support;

pub use components::{
    Components, Inseparable, MeanSquare, MeanSquares, MeanVariance, Parts, Rest, components,
    judge_variance, leave_one_out,
};
pub use contrast::{Contrast, TooLittle, against_fixed, welch};
pub use family::{NotProbability, benjamini_hochberg, benjamini_yekutieli, holm};
pub use grid::{Cell, Grid, GridError};
pub use pooling::{
    ArmRates, Effect, Pooled, PoolingError, Posterior, Priors, pool, sampling_variance,
};
pub use rates::{design_effect_interval, log_odds_difference, newcombe, wilson};
pub use regression::{Regression, slope};
pub use summary::{Interval, mean, mean_interval, standard_deviation, standard_error};
