//! Gauss–Legendre quadrature over standard deviations.

use crate::invert::invert;
use crate::linear::dot;

/// Newton's steps to a root of a Legendre polynomial, from a start good to three digits.
const NEWTON_STEPS: usize = 10;

/// Nodes that integrate the interpolated density of a quantile.
const FINE_NODES: usize = 48;

/// Nodes and weights on `[-1, 1]`.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    pub(crate) nodes: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

impl Rule {
    /// The rule of `n` nodes, exact for polynomials below degree `2n` (Abramowitz and Stegun
    /// 1964, 25.4.29).
    pub(crate) fn gauss_legendre(n: usize) -> Self {
        let mut rule = Self { nodes: Vec::new(), weights: Vec::new() };
        for i in 0..n {
            let angle = std::f64::consts::PI * (i as f64 + 0.75) / (n as f64 + 0.5);
            let mut x = -angle.cos();
            let mut slope = 0.0;
            for _ in 0..NEWTON_STEPS {
                let values = legendre(n, x);
                slope = n as f64 * (x * values[n] - values[n - 1]) / (x * x - 1.0);
                x -= values[n] / slope;
            }
            rule.nodes.push(x);
            rule.weights.push(2.0 / ((1.0 - x * x) * slope * slope));
        }
        rule
    }

    /// Where the density that has `masses` (its value times the weight) at the nodes reaches
    /// `share` of its integral. Its logarithm is taken as the polynomial through the nodes, since
    /// the density itself may be a narrow peak.
    pub(crate) fn quantile(&self, masses: &[f64], share: f64) -> f64 {
        let n = self.nodes.len();
        let mut terms = vec![0.0; n];
        for ((&node, weight), mass) in self.nodes.iter().zip(&self.weights).zip(masses) {
            let log = (mass / weight).max(f64::MIN_POSITIVE).ln();
            for (degree, (term, value)) in terms.iter_mut().zip(legendre(n, node)).enumerate() {
                *term += (degree as f64 + 0.5) * weight * log * value;
            }
        }
        let density = |x: f64| dot(&terms, &legendre(n, x)).exp();
        let fine = Self::gauss_legendre(FINE_NODES);
        let below = |x: f64| {
            let half = f64::midpoint(x, 1.0);
            let places = fine.nodes.iter().map(|node| half * (node + 1.0) - 1.0);
            places.zip(&fine.weights).map(|(x, weight)| half * weight * density(x)).sum::<f64>()
        };
        invert(below, share * below(1.0), -1.0, 1.0)
    }
}

/// Values of the Legendre polynomials of degree 0 to `n`, one or more.
fn legendre(n: usize, x: f64) -> Vec<f64> {
    let mut values = vec![1.0, x];
    for k in 1..n {
        let degree = k as f64;
        let next = ((2.0 * degree + 1.0) * x * values[k] - degree * values[k - 1]) / (degree + 1.0);
        values.push(next);
    }
    values
}

/// A range of a standard deviation in the coordinate `x` with `sd = scale * sinh(x)`: even where
/// noise of size `scale` hides the deviation, and logarithmic above, where posteriors are as wide
/// as they are high.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    pub(crate) scale: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Axis {
    /// From 0 to `reach`.
    pub(crate) fn up_to(reach: f64, scale: f64) -> Self {
        Self { scale, low: 0.0, high: (reach / scale).asinh() }
    }

    /// The coordinate at a place of `[-1, 1]`.
    pub(crate) fn coordinate(&self, node: f64) -> f64 {
        f64::midpoint(self.low, self.high) + node * (self.high - self.low) / 2.0
    }

    /// The deviation at a place of `[-1, 1]`.
    pub(crate) fn deviation(&self, node: f64) -> f64 {
        self.scale * self.coordinate(node).sinh()
    }

    /// Deviation that a step of the place `[-1, 1]` covers.
    pub(crate) fn slope(&self, node: f64) -> f64 {
        self.scale * self.coordinate(node).cosh() * (self.high - self.low) / 2.0
    }
}

#[cfg(test)]
mod tests;
