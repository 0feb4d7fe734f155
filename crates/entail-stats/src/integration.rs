//! Quadrature and root finding for the planning modules: fixed nodes, so the same bits every time.

/// Positive nodes and weights of the sixteen-point Gauss-Legendre rule on `[-1, 1]`.
const GAUSS_LEGENDRE: [(f64, f64); 8] = [
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_64),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_64),
    (0.458_016_777_657_227_37, 0.169_156_519_395_002_65),
    (0.617_876_244_402_643_8, 0.149_595_988_816_576_7),
    (0.755_404_408_355_003, 0.124_628_971_255_534_07),
    (0.865_631_202_387_831_8, 0.095_158_511_682_492_6),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_456),
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_176),
];
/// A secant step with halving gains a digit or more per step; sixty halvings alone end it too.
const MAX_ROOT_STEPS: usize = 200;

/// Nodes and weights of the composite rule over `[low, high]` in panels of at most this width.
///
/// Panels of two or three standard deviations of the narrowest bell or step in the integrand give
/// a sum good to twelve digits.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a number of panels is a small count, and the cast of anything else saturates"
)]
pub(crate) fn nodes(low: f64, high: f64, widest: f64) -> impl Iterator<Item = (f64, f64)> {
    let n_panels = ((high - low) / widest).ceil().max(1.0);
    let half = (high - low) / n_panels / 2.0;
    (0..n_panels as u64).flat_map(move |panel| {
        let center = low + half * (2 * panel + 1) as f64;
        GAUSS_LEGENDRE.iter().flat_map(move |&(node, weight)| {
            [(center - half * node, half * weight), (center + half * node, half * weight)]
        })
    })
}

/// Where a continuous function crosses zero between `low` and `high`: regula falsi in which an end
/// that stays twice is halved (the Illinois method: Dowell and Jarratt 1971).
///
/// # Panics
/// When the function has one sign at both ends.
pub(crate) fn root(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut at_low, mut at_high) = (f(low), f(high));
    assert!(at_low * at_high <= 0.0, "a root needs a change of sign: {at_low} and {at_high}");
    for _ in 0..MAX_ROOT_STEPS {
        let middle = (low * at_high - high * at_low) / (at_high - at_low);
        if !middle.is_finite() || (high - low).abs() <= 1e-14 * high.abs() {
            break;
        }
        let at_middle = f(middle);
        if at_middle * at_high <= 0.0 {
            (low, at_low) = (high, at_high);
        } else {
            at_low /= 2.0;
        }
        let moved = (middle - high).abs();
        (high, at_high) = (middle, at_middle);
        if moved <= 1e-14 * high.abs() {
            break;
        }
    }
    high
}

#[cfg(test)]
mod tests;
