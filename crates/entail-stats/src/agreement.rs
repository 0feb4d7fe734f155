//! How far raters, or one rater twice, agree on the same items.
//!
//! Ratings are laid out by item and rater, `items[item][rater]`, with `None` for one that is missing
//! or could not be read. Every number here describes the items at hand; for an interval, resample
//! items. Where one answer is rare, [`cohen_kappa`] and [`krippendorff_alpha`] fall far below raw
//! agreement ("kappa paradox", Feinstein and Cicchetti 1990): report [`gwet_ac1`] beside them, or the
//! sensitivity and specificity of [`crate::Calibration`].

use std::collections::BTreeMap;

use crate::rates::wilson;
use crate::summary::{Interval, is_rounding, largest, raw_mean, variance};

/// A mean square below this share of the total is the rounding of its own computation.
const ROUNDING_SHARE: f64 = 1e-12;

/// Why ratings have no coefficient of agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AgreementError {
    /// Too few items that can be compared, or too few raters.
    #[error("{got} usable items or raters, needs {need} or more")]
    TooFew {
        /// Items with enough ratings, or raters.
        got: usize,
        /// Number needed.
        need: usize,
    },
    /// All ratings are alike, or vary in a way that leaves nothing to compare agreement with.
    #[error("the ratings vary too little to tell agreement from chance")]
    NoVariation,
    /// A category outside the declared ones.
    #[error("item {item} is rated {category}, expected a category below {categories}")]
    UnknownCategory {
        /// Zero-based item.
        item: usize,
        /// Rating found.
        category: usize,
        /// Number of categories declared.
        categories: usize,
    },
    /// An item with another number of ratings than the first.
    #[error("item {item} has {found} ratings, expected {expected} as in the first")]
    Ragged {
        /// Zero-based item.
        item: usize,
        /// Its ratings.
        found: usize,
        /// Those of the first item.
        expected: usize,
    },
    /// A rating that is infinite or NaN.
    #[error("a rating of item {item} is not finite")]
    NotFinite {
        /// Zero-based item.
        item: usize,
    },
}

/// What a disagreement between two categories costs in [`cohen_kappa`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Every disagreement costs the same: categories without order (Cohen 1960).
    Nominal,
    /// The distance between the codes (Cohen 1968).
    Linear,
    /// The squared distance between the codes (Cohen 1968; Fleiss and Cohen 1973).
    Quadratic,
}

/// What may be compared between two ratings in [`krippendorff_alpha`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// Whether they are equal.
    Nominal,
    /// Which is larger: values enter by their rank among all ratings.
    Ordinal,
    /// How far apart they are.
    Interval,
}

/// Share of the pairs of ratings of one item that are equal, averaged over the items with two
/// ratings or more (Gwet 2014, "Handbook of Inter-Rater Reliability"). With two raters: the share of
/// items on which they agree.
///
/// `None` when no item has two ratings.
pub fn raw_agreement(items: &[Vec<Option<usize>>]) -> Option<f64> {
    let shares: Vec<f64> = items.iter().filter_map(|item| pairs_alike(item)).collect();
    (!shares.is_empty()).then(|| raw_mean(&shares))
}

/// Cohen's kappa of two raters, `1 - observed / expected` disagreement, where the expected one comes
/// from each rater's own use of the codes.
///
/// Codes are the positions of the categories on their scale, so a rating of 1, 2 or 5 is given as
/// such and not as the first, second and third value seen.
///
/// # Errors
/// [`AgreementError::TooFew`] without items, [`AgreementError::NoVariation`] when both raters give
/// one and the same code throughout.
///
/// # Panics
/// With slices of two lengths.
pub fn cohen_kappa(
    first: &[usize],
    second: &[usize],
    weights: Weights,
) -> Result<f64, AgreementError> {
    assert_eq!(first.len(), second.len(), "two ratings per item");
    if first.is_empty() {
        return Err(AgreementError::TooFew { got: 0, need: 1 });
    }
    let cost = |a: usize, b: usize| match weights {
        Weights::Nominal => f64::from(u8::from(a != b)),
        Weights::Linear => a.abs_diff(b) as f64,
        Weights::Quadratic => (a.abs_diff(b) as f64).powi(2),
    };
    let observed: f64 = first.iter().zip(second).map(|(&a, &b)| cost(a, b)).sum();
    let (by_first, by_second) = (counts(first), counts(second));
    let pairs = by_first.iter().flat_map(|a| by_second.iter().map(move |b| (a, b)));
    let expected: f64 = pairs.map(|((&a, n), (&b, m))| n * m * cost(a, b)).sum();
    if expected <= 0.0 {
        return Err(AgreementError::NoVariation);
    }
    Ok(1.0 - observed * first.len() as f64 / expected)
}

/// Krippendorff's alpha of any number of raters (Krippendorff 2011, "Computing Krippendorff's
/// alpha-reliability"): `1 - observed / expected` disagreement over the items with two ratings or
/// more.
///
/// Both are half the mean squared difference of two ratings, within items and over all ratings; on
/// the interval scale that is the variance, so `alpha = 1 - sum_i m_i s_i^2 / (n s^2)` with `m_i`
/// ratings of item `i` out of `n`. On the ordinal scale each value is replaced by its mid-rank, and on
/// the nominal scale two unlike values differ by one.
///
/// # Errors
/// [`AgreementError::NotFinite`], [`AgreementError::TooFew`] when no item has two ratings,
/// [`AgreementError::NoVariation`] when all of them are equal.
pub fn krippendorff_alpha(items: &[Vec<Option<f64>>], scale: Scale) -> Result<f64, AgreementError> {
    let mut rated = pairable(items)?;
    let mut pooled: Vec<f64> = rated.iter().flatten().copied().collect();
    if scale == Scale::Ordinal {
        pooled.sort_by(f64::total_cmp);
        let sorted = pooled.clone();
        let to_rank = |value: &mut f64| *value = mid_rank(*value, &sorted);
        rated.iter_mut().flatten().for_each(to_rank);
        pooled.iter_mut().for_each(to_rank);
    }
    let spread = |values: &[f64]| match scale {
        Scale::Nominal => unlike_share(values) / 2.0,
        Scale::Ordinal | Scale::Interval => variance(values),
    };
    let expected = spread(&pooled);
    if expected <= 0.0 {
        return Err(AgreementError::NoVariation);
    }
    let observed: f64 = rated.iter().map(|item| item.len() as f64 * spread(item)).sum();
    Ok(1.0 - observed / (pooled.len() as f64 * expected))
}

/// Gwet's AC1 of two raters or more (Gwet 2008, "Computing inter-rater reliability and its variance in
/// the presence of high agreement"; missing ratings as in Gwet 2014).
///
/// `(p - e) / (1 - e)` with [`raw_agreement`] `p` and `e = sum_k q_k (1 - q_k) / (K - 1)`, where `q_k`
/// is the mean over rated items of the share of their ratings in category `k`. Ratings run from 0 to
/// `categories - 1`. An unused category counts: declare what the raters could have said.
///
/// # Errors
/// [`AgreementError::UnknownCategory`], [`AgreementError::TooFew`] when no item has two ratings.
///
/// # Panics
/// With fewer than two categories.
pub fn gwet_ac1(items: &[Vec<Option<usize>>], categories: usize) -> Result<f64, AgreementError> {
    assert!(categories >= 2, "a rating is a choice of two categories or more, got {categories}");
    let mut shares = vec![0.0; categories];
    let mut n_rated = 0;
    for (item, ratings) in items.iter().enumerate() {
        let given: Vec<usize> = ratings.iter().copied().flatten().collect();
        n_rated += usize::from(!given.is_empty());
        for &category in &given {
            let share = shares.get_mut(category).ok_or(AgreementError::UnknownCategory {
                item,
                category,
                categories,
            })?;
            *share += 1.0 / given.len() as f64;
        }
    }
    let agreed = raw_agreement(items).ok_or(AgreementError::TooFew { got: 0, need: 1 })?;
    let unlike = |sum: &f64| sum / n_rated as f64 * (1.0 - sum / n_rated as f64);
    let by_chance = shares.iter().map(unlike).sum::<f64>() / (categories as f64 - 1.0);
    Ok((agreed - by_chance) / (1.0 - by_chance))
}

/// Intraclass correlation of single ratings, for absolute agreement between raters that stand for
/// others: ICC(2,1) of Shrout and Fleiss 1979.
///
/// `scores[item][rater]` is complete. With mean squares between items `R`, between raters `C` and of
/// the rest `E`: `(R - E) / (R + (k-1) E + k (C - E) / n)`. A rater who is stricter throughout lowers
/// it. It can fall below 0.
///
/// # Errors
/// [`AgreementError::TooFew`] below two items or two raters, [`AgreementError::Ragged`],
/// [`AgreementError::NotFinite`], [`AgreementError::NoVariation`] when all scores are equal.
pub fn icc_2_1(scores: &[Vec<f64>]) -> Result<f64, AgreementError> {
    let n_raters = complete(scores)?;
    let (n, k) = (scores.len() as f64, n_raters as f64);
    let all = scores.concat();
    let grand = raw_mean(&all);
    let squares = |values: &[f64]| values.iter().map(|x| (x - grand).powi(2)).sum::<f64>();
    let total = squares(&all);
    let of_items: Vec<f64> = scores.iter().map(|item| raw_mean(item)).collect();
    let of_rater = |rater: usize| scores.iter().map(|item| item[rater]).sum::<f64>() / n;
    let of_raters: Vec<f64> = (0..n_raters).map(of_rater).collect();
    let (between_items, between_raters) = (k * squares(&of_items), n * squares(&of_raters));
    let rest = (total - between_items - between_raters).max(0.0);

    let items = between_items / (n - 1.0);
    let raters = between_raters / (k - 1.0);
    let error = rest / ((n - 1.0) * (k - 1.0));
    let below = items + (k - 1.0) * error + k * (raters - error) / n;
    // The second case is two raters who swap two items: nothing then varies but the error.
    if is_rounding(total, all.len(), largest(&all)) || below <= ROUNDING_SHARE * total {
        return Err(AgreementError::NoVariation);
    }
    Ok((items - error) / below)
}

/// Share of the items that one judge rates alike on two occasions, with its Wilson interval. Give the
/// repeats as the judge really runs (its temperature, its prompt), and each item once.
///
/// `None` without items.
///
/// # Panics
/// With slices of two lengths.
pub fn repeatability<T: PartialEq>(first: &[T], second: &[T], confidence: f64) -> Option<Interval> {
    assert_eq!(first.len(), second.len(), "two ratings per item");
    let alike = first.iter().zip(second).filter(|(a, b)| a == b).count();
    wilson(alike as u64, first.len() as u64, confidence)
}

/// Share of the pairs of ratings of one item that are equal; `None` below two ratings.
fn pairs_alike(item: &[Option<usize>]) -> Option<f64> {
    let given: Vec<usize> = item.iter().copied().flatten().collect();
    let n = given.len() as f64;
    let alike: f64 = counts(&given).values().map(|m| m * (m - 1.0)).sum();
    (given.len() >= 2).then(|| alike / (n * (n - 1.0)))
}

/// How often each code occurs.
fn counts(codes: &[usize]) -> BTreeMap<usize, f64> {
    let mut counts = BTreeMap::new();
    for &code in codes {
        *counts.entry(code).or_insert(0.0) += 1.0;
    }
    counts
}

/// Ratings of the items that have two or more.
fn pairable(items: &[Vec<Option<f64>>]) -> Result<Vec<Vec<f64>>, AgreementError> {
    let infinite = |ratings: &Vec<Option<f64>>| ratings.iter().flatten().any(|x| !x.is_finite());
    if let Some(item) = items.iter().position(infinite) {
        return Err(AgreementError::NotFinite { item });
    }
    // Adding zero turns -0.0 into 0.0, so that sorting puts equal values side by side.
    let given =
        |item: &Vec<Option<f64>>| -> Vec<f64> { item.iter().flatten().map(|x| x + 0.0).collect() };
    let rated: Vec<Vec<f64>> = items.iter().map(given).filter(|item| item.len() >= 2).collect();
    if rated.is_empty() {
        return Err(AgreementError::TooFew { got: 0, need: 1 });
    }
    Ok(rated)
}

/// Mean of the ranks that values equal to `value` take in `sorted`, up to a constant.
fn mid_rank(value: f64, sorted: &[f64]) -> f64 {
    let smaller = sorted.partition_point(|&x| x < value);
    let up_to = sorted.partition_point(|&x| x <= value);
    f64::midpoint(smaller as f64, up_to as f64)
}

/// Share of the pairs of two or more values that are unlike.
fn unlike_share(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let n = sorted.len() as f64;
    let alike: f64 =
        sorted.chunk_by(|a, b| a >= b).map(|run| run.len() as f64 * (run.len() as f64 - 1.0)).sum();
    1.0 - alike / (n * (n - 1.0))
}

/// Number of raters of a complete table of two items or more by two raters or more.
fn complete(scores: &[Vec<f64>]) -> Result<usize, AgreementError> {
    let expected = scores.first().map_or(0, Vec::len);
    for (item, ratings) in scores.iter().enumerate() {
        if ratings.len() != expected {
            return Err(AgreementError::Ragged { item, found: ratings.len(), expected });
        }
        if ratings.iter().any(|x| !x.is_finite()) {
            return Err(AgreementError::NotFinite { item });
        }
    }
    let got = expected.min(scores.len());
    if got < 2 {
        return Err(AgreementError::TooFew { got, need: 2 });
    }
    Ok(expected)
}

#[cfg(test)]
mod tests;
