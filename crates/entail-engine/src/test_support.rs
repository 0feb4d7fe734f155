//! What the tests of several modules share: comparisons, finite differences and small models.

use entail_schema::{Seed, Stream};

use crate::{Adapter, AdapterConfig, Config, Example, Family, Real, Target, Weights};

/// How far two numbers may be apart: `absolute + relative * |want|`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tolerance {
    pub(crate) absolute: f64,
    pub(crate) relative: f64,
}

/// Central differences of f64 with a step of 1e-6 lose about ten of sixteen digits to cancellation and 1e-12 to
/// curvature, for functions of order one.
pub(crate) const FINITE_DIFFERENCE: Tolerance = Tolerance { absolute: 2e-8, relative: 1e-6 };

/// Step of the central differences: near the cube root of the f64 epsilon, where both errors are small.
const STEP: f64 = 1e-6;

/// Compares entry by entry and names the worst one. NaN is never close to anything.
#[track_caller]
pub(crate) fn assert_close<T: Real>(what: &str, got: &[T], want: &[T], tolerance: Tolerance) {
    assert_eq!(got.len(), want.len(), "{what}: number of entries");
    let excess = |i: usize| {
        let (got, want) = (got[i].to_f64(), want[i].to_f64());
        let excess = (got - want).abs() / (tolerance.absolute + tolerance.relative * want.abs());
        if excess.is_nan() { f64::INFINITY } else { excess }
    };
    let Some(worst) = (0..got.len()).max_by(|&a, &b| excess(a).total_cmp(&excess(b))) else {
        return;
    };
    assert!(
        excess(worst) <= 1.0,
        "{what}: entry {worst} of {} is {} instead of {}, {:.3} times what {tolerance:?} allows",
        got.len(),
        got[worst],
        want[worst],
        excess(worst),
    );
}

/// The slope of `f` along entry `index` of `at`.
pub(crate) fn slope(at: &[f64], index: usize, mut f: impl FnMut(&[f64]) -> f64) -> f64 {
    let mut moved = at.to_vec();
    moved[index] = at[index] + STEP;
    let above = f(&moved);
    moved[index] = at[index] - STEP;
    (above - f(&moved)) / (2.0 * STEP)
}

/// Compares a gradient with the slopes of `f` along every entry.
#[track_caller]
pub(crate) fn assert_gradient(
    what: &str,
    gradient: &[f64],
    at: &[f64],
    mut f: impl FnMut(&[f64]) -> f64,
) {
    let slopes: Vec<f64> = (0..at.len()).map(|i| slope(at, i, &mut f)).collect();
    assert_close(what, gradient, &slopes, FINITE_DIFFERENCE);
}

/// The stream of one test.
pub(crate) fn stream(name: &str) -> Stream {
    Seed(1).stream(name, 0)
}

/// Standard normal numbers.
pub(crate) fn normal<T: Real>(stream: &mut Stream, n: usize) -> Vec<T> {
    (0..n).map(|_| T::from_f64(stream.normal())).collect()
}

/// Tiny dimensions, all different where they may be, with two query heads for each key-value head.
pub(crate) fn tiny(family: Family, tied_head: bool) -> Config {
    Config {
        family,
        vocabulary: 11,
        width: 8,
        layers: 2,
        heads: 4,
        kv_heads: 2,
        head_width: if family == Family::Qwen3 { 6 } else { 2 },
        feed_forward: 10,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
        tied_head,
        max_positions: 24,
    }
}

/// The four shapes that a decoder can have.
pub(crate) fn shapes() -> [Config; 4] {
    [
        tiny(Family::Llama, false),
        tiny(Family::Llama, true),
        tiny(Family::Qwen3, false),
        tiny(Family::Qwen3, true),
    ]
}

/// Weights without symmetry: norms away from one, matrices large enough that every part matters.
pub(crate) fn random_weights<T: Real>(config: &Config) -> Weights<T> {
    let mut weights = Weights::<T>::random(config.clone(), Seed(2));
    let mut stream = stream("test weights");
    for tensor in weights.layout.tensors().to_vec() {
        let norm = tensor.shape.len() == 1;
        for x in &mut weights.data[tensor.range] {
            *x =
                T::from_f64(if norm { 1.0 + 0.2 * stream.normal() } else { 0.4 * stream.normal() });
        }
    }
    weights
}

/// An adapter with a B that is not zero.
pub(crate) fn random_adapter<T: Real>(base: &Config, targets: &[Target]) -> Adapter<T> {
    let config = AdapterConfig { rank: 3, alpha: 4.0, targets: targets.iter().copied().collect() };
    let mut adapter = Adapter::new(base, config, Seed(3));
    adapter.data = normal(&mut stream("test adapter"), adapter.data.len());
    adapter.data.iter_mut().for_each(|x| *x *= T::from_f64(0.3));
    adapter
}

/// A row of random tokens; about half of them are counted.
pub(crate) fn random_example(config: &Config, n_tokens: usize, stream: &mut Stream) -> Example {
    let tokens = random_tokens(config, n_tokens, stream);
    let counted = (0..n_tokens).map(|position| position > 0 && stream.uniform() < 0.5).collect();
    Example { tokens, counted }
}

/// Random token ids.
pub(crate) fn random_tokens(config: &Config, n_tokens: usize, stream: &mut Stream) -> Vec<u32> {
    (0..n_tokens).map(|_| u32::try_from(stream.below(config.vocabulary)).unwrap()).collect()
}
