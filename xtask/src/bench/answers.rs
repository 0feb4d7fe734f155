//! Whether two sides computed the same.

use std::io::{BufRead as _, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

/// Compares our answers with the peer's after this many draws. Both cases are sentences.
pub(super) type Compare = fn(&[f64], &[f64], u64) -> Result<String, String>;

/// Largest distance of an interval's end from the peer's, in standard errors of simulation. The
/// errors are those of a normal law, and what is drawn has somewhat heavier tails.
const FARTHEST: f64 = 6.0;
/// Root mean square of those distances.
const TYPICAL: f64 = 1.6;

/// Numbers of a file of answers.
pub(super) fn floats(bytes: &[u8]) -> Vec<f64> {
    bytes.as_chunks::<8>().0.iter().map(|number| f64::from_le_bytes(*number)).collect()
}

/// Draws in the header of an input.
pub(super) fn draws(input: &Path) -> Result<u64> {
    let mut header = String::new();
    BufReader::new(std::fs::File::open(input)?).read_line(&mut header)?;
    let header: Value = serde_json::from_str(&header)?;
    header["draws"].as_u64().context("no draws")
}

/// Every answer within `bound` of the peer's.
pub(super) fn close(ours: &[f64], peer: &[f64], bound: f64) -> Result<String, String> {
    let farthest = farthest(ours, peer)?;
    if farthest <= bound {
        Ok(format!("{} within {bound:.0e} (farthest {farthest:.1e})", ours.len()))
    } else {
        Err(format!("answers are {farthest:.1e} apart, bound {bound:.0e}"))
    }
}

/// Largest distance; NaN counts as infinitely far.
fn farthest(ours: &[f64], peer: &[f64]) -> Result<f64, String> {
    if ours.len() != peer.len() || ours.is_empty() {
        return Err(format!("{} answers, the peer has {}", ours.len(), peer.len()));
    }
    let distance = |(one, other): (&f64, &f64)| {
        let distance = (one - other).abs();
        if distance.is_nan() { f64::INFINITY } else { distance }
    };
    Ok(ours.iter().zip(peer).map(distance).fold(0.0, f64::max))
}

/// Of estimates with 95 % intervals from simulation: the same estimates, and ends that differ by no
/// more than two simulations do.
///
/// An end is an order statistic, with a standard error of `sqrt(q (1 - q) / draws) / density`. The
/// density is that of a normal law of which the interval is the middle.
pub(super) fn intervals_within_simulation_error(
    ours: &[f64],
    peer: &[f64],
    draws: u64,
) -> Result<String, String> {
    const TAIL: f64 = 0.025;
    /// Normal quantile of the tail, and the density there.
    const NORMAL: (f64, f64) = (1.959_963_984_540_054, 0.058_445_066_957_703_84);
    farthest(ours, peer)?;
    let (ours, rest) = ours.as_chunks::<3>();
    let (peer, _) = peer.as_chunks::<3>();
    if !rest.is_empty() {
        return Err("answers are not estimates with two ends".to_owned());
    }
    let estimates = |answers: &[[f64; 3]]| answers.iter().map(|a| a[0]).collect::<Vec<_>>();
    close(&estimates(ours), &estimates(peer), 1e-12)?;
    let of_quantile = (2.0 * TAIL * (1.0 - TAIL) / draws as f64).sqrt() / NORMAL.1;
    let (mut farthest, mut squares) = (0.0_f64, 0.0);
    for (ours, peer) in ours.iter().zip(peer) {
        let deviation = (ours[2] - ours[1]) / (2.0 * NORMAL.0);
        for end in 1..3 {
            let distance = (ours[end] - peer[end]).abs() / (of_quantile * deviation);
            farthest = if distance.is_nan() { f64::INFINITY } else { farthest.max(distance) };
            squares += distance * distance;
        }
    }
    let typical = (squares / (2 * ours.len()) as f64).sqrt();
    let text = format!("ends {typical:.2} (at most {farthest:.1}) simulation errors apart");
    if farthest <= FARTHEST && typical <= TYPICAL { Ok(text) } else { Err(text) }
}
