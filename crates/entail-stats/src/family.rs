//! P-values adjusted for their number: the family is the slice.
//!
//! Every function returns adjusted values in input order, each at least its p-value and at most 1,
//! rising with the p-value; compare them with the level directly. An empty family stays empty.

/// An entry of a family that is no probability.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("p-value {index} is {value}, expected a number from 0 to 1")]
pub struct NotProbability {
    /// Position in the input.
    pub index: usize,
    /// What stood there.
    pub value: f64,
}

/// Adjusts for the false discovery rate under independence or positive dependence (Benjamini and
/// Hochberg 1995): `q_(i) = min over j >= i of m p_(j) / j`.
///
/// # Errors
/// [`NotProbability`] for the first value outside `[0, 1]`, NaN included. Never panics.
pub fn benjamini_hochberg(p: &[f64]) -> Result<Vec<f64>, NotProbability> {
    step_up(p, 1.0)
}

/// Adjusts for the false discovery rate under any dependence (Benjamini and Yekutieli 2001):
/// [`benjamini_hochberg`] times `1 + 1/2 + ... + 1/m`.
///
/// # Errors
/// As [`benjamini_hochberg`].
pub fn benjamini_yekutieli(p: &[f64]) -> Result<Vec<f64>, NotProbability> {
    step_up(p, (1..=p.len()).map(|rank| 1.0 / rank as f64).sum())
}

/// Adjusts for the chance of any false rejection, under any dependence (Holm 1979):
/// `max over j <= i of (m - j + 1) p_(j)`.
///
/// # Errors
/// As [`benjamini_hochberg`].
pub fn holm(p: &[f64]) -> Result<Vec<f64>, NotProbability> {
    let ascending = ranked(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut running = 0.0_f64;
    for (n_smaller, &idx) in ascending.iter().enumerate() {
        running = running.max(p[idx] * (p.len() - n_smaller) as f64).min(1.0);
        adjusted[idx] = running;
    }
    Ok(adjusted)
}

/// Confidence of intervals for the `selected` of `m` results that a procedure at level `alpha` picked
/// out, such that the expected share of selected intervals that miss stays at `alpha` (false coverage
/// rate; Benjamini and Yekutieli 2005): `1 - alpha * selected / m`.
///
/// `None` when nothing was selected. Panics on more selected than there are, or an alpha outside (0, 1).
pub fn false_coverage_confidence(alpha: f64, selected: usize, m: usize) -> Option<f64> {
    assert!(alpha > 0.0 && alpha < 1.0, "alpha lies between 0 and 1, got {alpha}");
    assert!(selected <= m, "{selected} selected of {m}");
    (selected > 0).then(|| 1.0 - alpha * selected as f64 / m as f64)
}

fn step_up(p: &[f64], factor: f64) -> Result<Vec<f64>, NotProbability> {
    let ascending = ranked(p)?;
    let mut adjusted = vec![0.0; p.len()];
    let mut running = 1.0_f64;
    for (n_smaller, &idx) in ascending.iter().enumerate().rev() {
        // The quotient comes first: it is 1 or more, so the product never rounds below p.
        let inflation = p.len() as f64 / (n_smaller + 1) as f64;
        running = running.min(p[idx] * inflation * factor);
        adjusted[idx] = running;
    }
    Ok(adjusted)
}

/// Positions in ascending order of value, ties in input order.
fn ranked(p: &[f64]) -> Result<Vec<usize>, NotProbability> {
    check_probabilities(p)?;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    Ok(order)
}

pub(crate) fn check_probabilities(p: &[f64]) -> Result<(), NotProbability> {
    match p.iter().position(|value| !(0.0..=1.0).contains(value)) {
        Some(index) => Err(NotProbability { index, value: p[index] }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
