//! Everything around the matrix products: norms, rotary positions, attention rows, gating, cross-entropy.
//!
//! Each operation is a loop that the compiler turns into vector code; [`vectorized`] runs it with the widest
//! instructions of the CPU. Sums run over a fixed set of lanes, so a result does not depend on what surrounds it.

use crate::real::Real;

const LANES: usize = 16;

/// Runs `f` compiled for the widest vector instructions that this CPU has.
#[inline]
pub(crate) fn vectorized<R>(f: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(f)
}

/// The sum of `f(i)` over `0..n` in a fixed order: one partial sum per lane, then the lanes in turn.
#[inline(always)]
fn lane_sum<T: Real>(n: usize, f: impl Fn(usize) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let full = n - n % LANES;
    for start in (0..full).step_by(LANES) {
        for (lane, sum) in lanes.iter_mut().enumerate() {
            *sum += f(start + lane);
        }
    }
    for i in full..n {
        lanes[i - full] += f(i);
    }
    lanes.into_iter().sum()
}

/// The largest entry, by lanes so that it becomes vector code; NaN entries are passed over.
#[inline(always)]
fn lane_max<T: Real>(row: &[T]) -> T {
    let larger = |a: T, b: T| if b > a { b } else { a };
    let mut lanes = [T::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = larger(*lane, x);
        }
    }
    rest.iter().chain(&lanes).fold(T::NEG_INFINITY, |m, &x| larger(m, x))
}

/// `Σ a[i] b[i]`.
#[inline(always)]
pub(crate) fn dot<T: Real>(a: &[T], b: &[T]) -> T {
    let b = &b[..a.len()];
    lane_sum(a.len(), |i| a[i] * b[i])
}

/// `y += a x`.
#[inline(always)]
pub(crate) fn add_scaled<T: Real>(y: &mut [T], a: T, x: &[T]) {
    for (y, &x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// Root-mean-square norm of each row: `y = x * weight / sqrt(mean(x²) + eps)` (Zhang and Sennrich 2019).
///
/// # Shapes
/// `x [N,D]`, `weight [D]`; writes `y [N,D]` and the inverse root mean squares `inverse [N]`.
pub(crate) fn rms_norm<T: Real>(y: &mut [T], inverse: &mut [T], x: &[T], weight: &[T], eps: f64) {
    let d = weight.len();
    let (eps, n) = (T::from_f64(eps), T::from_f64(d as f64));
    vectorized(
        #[inline(always)]
        || {
            for ((y, x), inverse) in y.chunks_exact_mut(d).zip(x.chunks_exact(d)).zip(inverse) {
                *inverse = T::ONE / (dot(x, x) / n + eps).sqrt();
                for i in 0..d {
                    y[i] = x[i] * *inverse * weight[i];
                }
            }
        },
    );
}

/// Backward of [`rms_norm`]: adds to `dx`, and to `dweight` where it is trained.
///
/// # Shapes
/// `dx, dy, x [N,D]`, `weight, dweight [D]`, `inverse [N]`.
pub(crate) fn rms_norm_backward<T: Real>(
    dx: &mut [T],
    dweight: Option<&mut [T]>,
    dy: &[T],
    x: &[T],
    weight: &[T],
    inverse: &[T],
) {
    let d = weight.len();
    let n = T::from_f64(d as f64);
    vectorized(
        #[inline(always)]
        || {
            for (((dx, dy), x), &r) in
                dx.chunks_exact_mut(d).zip(dy.chunks_exact(d)).zip(x.chunks_exact(d)).zip(inverse)
            {
                let pull = lane_sum(d, |i| dy[i] * weight[i] * x[i]) * r * r * r / n;
                for i in 0..d {
                    dx[i] += r * weight[i] * dy[i] - pull * x[i];
                }
            }
            if let Some(dweight) = dweight {
                for ((dy, x), &r) in dy.chunks_exact(d).zip(x.chunks_exact(d)).zip(inverse) {
                    for i in 0..d {
                        dweight[i] += dy[i] * x[i] * r;
                    }
                }
            }
        },
    );
}

/// Cosines and sines of the rotary angles (Su et al. 2021), one row of `E / 2` per position.
#[derive(Debug, Clone)]
pub(crate) struct Rotary<T> {
    half: usize,
    cos: Vec<T>,
    sin: Vec<T>,
}

impl<T: Real> Rotary<T> {
    /// Angles `position * theta^(-2i/E)` for `positions` positions of heads `head_width` wide.
    pub(crate) fn new(theta: f64, head_width: usize, positions: usize) -> Self {
        let half = head_width / 2;
        let angle = |p: usize, i: usize| {
            // The reference computes the frequencies in f32: the same rounding keeps long positions in step.
            let frequency =
                f64::from(1.0_f32 / f32::from_f64(theta.powf(2.0 * i as f64 / head_width as f64)));
            p as f64 * frequency
        };
        let table = |f: fn(f64) -> f64| {
            (0..positions * half).map(|j| T::from_f64(f(angle(j / half, j % half)))).collect()
        };
        Self { half, cos: table(f64::cos), sin: table(f64::sin) }
    }

    /// Rotates one head in place. `direction` is one, or minus one for the backward pass.
    #[inline(always)]
    pub(crate) fn rotate(&self, head: &mut [T], position: usize, direction: T) {
        let cos = &self.cos[position * self.half..][..self.half];
        let sin = &self.sin[position * self.half..][..self.half];
        let (low, high) = head.split_at_mut(self.half);
        for i in 0..self.half {
            let (a, b, s) = (low[i], high[i], direction * sin[i]);
            low[i] = a * cos[i] - b * s;
            high[i] = b * cos[i] + a * s;
        }
    }
}

/// Turns scores into probabilities in place. The maximum is subtracted first: exp overflows f32 above 88, and
/// the quotient is unchanged.
#[inline(always)]
pub(crate) fn softmax<T: Real>(row: &mut [T]) {
    let max = lane_max(row);
    for x in row.iter_mut() {
        *x = (*x - max).exp();
    }
    let inverse = T::ONE / lane_sum(row.len(), |i| row[i]);
    for x in row.iter_mut() {
        *x *= inverse;
    }
}

/// One query row of causal attention over `n` keys: writes the probabilities to `scores[..n]` and the mixed
/// values to `out`.
///
/// # Shapes
/// `query [E]`, `keys_t [E, stride]` (keys transposed), `values` rows of `E` that start `value_stride` apart.
#[inline(always)]
pub(crate) fn attend_row<T: Real>(
    out: &mut [T],
    scores: &mut [T],
    query: &[T],
    (keys_t, stride): (&[T], usize),
    (values, value_stride): (&[T], usize),
    scale: T,
) {
    let n = scores.len();
    scores.fill(T::ZERO);
    for (e, &q) in query.iter().enumerate() {
        add_scaled(scores, q * scale, &keys_t[e * stride..][..n]);
    }
    softmax(scores);
    out.fill(T::ZERO);
    for (s, &p) in scores.iter().enumerate() {
        add_scaled(out, p, &values[s * value_stride..][..out.len()]);
    }
}

/// The gated activation `silu(gate) * up` (Shazeer 2020).
///
/// # Shapes
/// `gate_up [N, 2F]` with the gate first; writes `y [N,F]`.
pub(crate) fn swiglu<T: Real>(y: &mut [T], gate_up: &[T], f: usize) {
    vectorized(
        #[inline(always)]
        || {
            for (y, row) in y.chunks_exact_mut(f).zip(gate_up.chunks_exact(2 * f)) {
                let (gate, up) = row.split_at(f);
                for i in 0..f {
                    y[i] = gate[i] / (T::ONE + (-gate[i]).exp()) * up[i];
                }
            }
        },
    );
}

/// Backward of [`swiglu`]: overwrites `dgate_up`.
pub(crate) fn swiglu_backward<T: Real>(dgate_up: &mut [T], dy: &[T], gate_up: &[T], f: usize) {
    vectorized(
        #[inline(always)]
        || {
            for ((d, dy), row) in dgate_up
                .chunks_exact_mut(2 * f)
                .zip(dy.chunks_exact(f))
                .zip(gate_up.chunks_exact(2 * f))
            {
                let (gate, up) = row.split_at(f);
                let (dgate, dup) = d.split_at_mut(f);
                for i in 0..f {
                    let sigmoid = T::ONE / (T::ONE + (-gate[i]).exp());
                    dup[i] = dy[i] * gate[i] * sigmoid;
                    dgate[i] = dy[i] * up[i] * sigmoid * (T::ONE + gate[i] * (T::ONE - sigmoid));
                }
            }
        },
    );
}

/// Turns each row of logits into the gradient of its loss and returns the summed loss in nats:
/// `loss = Σ -log p(target)`, `logits <- p - onehot(target)`.
///
/// # Shapes
/// `logits [N,V]`, `targets [N]`.
pub(crate) fn cross_entropy_backward<T: Real>(logits: &mut [T], targets: &[u32], v: usize) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let mut loss = 0.0;
            for (row, &target) in logits.chunks_exact_mut(v).zip(targets) {
                let max = lane_max(row);
                let shifted = row[target as usize] - max;
                for x in row.iter_mut() {
                    *x = (*x - max).exp();
                }
                let sum = lane_sum(v, |i| row[i]);
                let inverse = T::ONE / sum;
                for x in row.iter_mut() {
                    *x *= inverse;
                }
                row[target as usize] -= T::ONE;
                loss += sum.to_f64().ln() - shifted.to_f64();
            }
            loss
        },
    )
}

/// `log Σ exp(x)` of one row.
pub(crate) fn log_sum_exp<T: Real>(row: &[T]) -> f64 {
    vectorized(
        #[inline(always)]
        || {
            let max = lane_max(row);
            max.to_f64() + lane_sum(row.len(), |i| (row[i] - max).exp()).to_f64().ln()
        },
    )
}

#[cfg(test)]
mod tests;
