//! What the machine allows at best: measured peaks, and the time that a given amount of work takes at them.

#![expect(clippy::inline_always, reason = "only what is inlined uses the processor's instructions")]

use std::hint::black_box;
use std::time::Instant;

use pulp::{Arch, Simd, WithSimd};
use serde_json::{Value, json};

/// A time that nothing computing the same on one core of this machine could beat.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Floor {
    seconds: f64,
    /// What was counted, and what it was divided by.
    how: String,
}

/// Repetitions, of which the fastest is the peak.
const TRIES: usize = 7;

impl Floor {
    /// Multiply-adds at the peak of one core.
    pub(crate) fn of_multiply_adds(count: f64) -> Self {
        let peak = fastest(|| {
            black_box(Arch::new().dispatch(Chains));
        });
        let rate = CHAINS as f64 * STEPS as f64 * lanes() as f64 / peak;
        let how = format!(
            "{:.3} million multiply-adds at {:.1} billion a second",
            count / 1e6,
            rate / 1e9
        );
        Self { seconds: count / rate, how }
    }

    /// Every value read once at the bandwidth of one core.
    pub(crate) fn of_reading(values: &[f64]) -> Self {
        let peak = fastest(|| {
            black_box(Arch::new().dispatch(Total(values)));
        });
        let bytes = size_of_val(values) as f64;
        let how = format!("{:.1} MB read at {:.1} GB a second", bytes / 1e6, bytes / peak / 1e9);
        Self { seconds: peak, how }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({ "seconds": self.seconds, "how": self.how })
    }
}

fn fastest(mut work: impl FnMut()) -> f64 {
    let time = |_| {
        let start = Instant::now();
        work();
        start.elapsed().as_secs_f64()
    };
    (0..TRIES).map(time).fold(f64::INFINITY, f64::min)
}

/// Independent chains: as many as two units with a latency of four or five cycles keep in flight.
const CHAINS: usize = 12;
const STEPS: usize = 4_000_000;

/// Multiply-adds on registers alone.
struct Chains;

impl WithSimd for Chains {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (factor, term) = (simd.splat_f64s(black_box(0.5)), simd.splat_f64s(black_box(1.0)));
        let mut chains = [term; CHAINS];
        for _ in 0..STEPS {
            for chain in &mut chains {
                *chain = simd.mul_add_f64s(*chain, factor, term);
            }
        }
        chains.into_iter().map(|chain| simd.reduce_sum_f64s(chain)).sum()
    }
}

struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F64_LANES
    }
}

fn lanes() -> usize {
    Arch::new().dispatch(Lanes)
}

/// Sum of a slice that is too large for the caches.
struct Total<'a>(&'a [f64]);

impl WithSimd for Total<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f64 {
        let (vectors, rest) = S::as_simd_f64s(self.0);
        let (blocks, tail) = vectors.as_chunks::<8>();
        let mut sums = [simd.splat_f64s(0.0); 8];
        for block in blocks {
            for (sum, vector) in sums.iter_mut().zip(block) {
                *sum = simd.add_f64s(*sum, *vector);
            }
        }
        let sums = sums.iter().chain(tail).map(|vector| simd.reduce_sum_f64s(*vector));
        sums.sum::<f64>() + rest.iter().sum::<f64>()
    }
}
