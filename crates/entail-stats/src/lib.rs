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

mod agreement;
mod bootstrap;
mod clustered;
mod components;
mod contrast;
mod family;
mod grid;
mod integration;
mod invert;
mod judge;
mod linear;
mod pooling;
mod power;
mod quadrature;
mod quantile;
mod rates;
mod regression;
mod relabel;
mod selection;
mod sequential;
mod simulate;
mod structure;
mod summary;
#[cfg(test)]
mod test_support;

pub use agreement::{
    AgreementError, Scale, Weights, cohen_kappa, gwet_ac1, icc_2_1, krippendorff_alpha,
    raw_agreement, repeatability,
};
pub use bootstrap::Resampled;
pub use clustered::{Pairs, PerClaim, per_claim, two_way};
pub use components::{
    Components, Inseparable, MeanSquare, MeanSquares, MeanVariance, Parts, Rest, components,
    judge_variance, leave_one_out,
};
pub use contrast::{
    ArmMean, Contrast, Direction, Equivalence, TooLittle, against_all, against_fixed, equivalence,
    paired, sampling_variance, welch,
};
pub use family::{
    NotProbability, benjamini_hochberg, benjamini_yekutieli, false_coverage_confidence, holm,
};
pub use grid::{Cell, Grid, GridError};
pub use judge::{
    Calibration, CorrectedRate, JudgeError, PredictionPowered, corrected_difference,
    corrected_difference_per_arm, corrected_mean, lang_reiczigel, prediction_powered_mean,
    prediction_powered_mean_tuned, rogan_gladen,
};
pub use pooling::{ArmRates, Effect, Pooled, PoolingError, Posterior, Priors, pool};
pub use power::{
    Aim, Comparison, PerReplicate, PlanError, PlannedArm, fewest_at_floor, permutation_floor,
    replicates_for_equivalence, replicates_needed, upper_variance,
};
pub use rates::{design_effect_interval, effective_answers, log_odds_difference, newcombe, wilson};
pub use regression::{Regression, slope};
pub use relabel::{Item, NoRelabelling, max_t, permutation};
pub use selection::{
    AtThreshold, Bounds, FilterVerdict, Filtered, FilteredContrast, compare_filtered,
    rates_at_thresholds,
};
pub use sequential::{Decision, Looks, LooksError, Spending};
pub use simulate::{Noise, Reader, Shape, Simulated, simulate};
pub use structure::{
    Coefficient, Correlation, Correlations, Deming, Diagnosticity, FactorError, Factors, Mediation,
    Movement, Paired, ParallelAnalysis, PointErrors, RankCorrelation, Threshold, Unassessable,
    correlation, correlations, deming, diagnosticity, mediation, movement, parallel_analysis,
    principal_axis, spearman, within_arm_slope,
};
pub use summary::{Interval, mean, mean_interval, standard_deviation, standard_error};
