//! Goldens, closeness and generators shared by the tests.

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::Value;

/// Ours and scipy's incomplete beta functions part in the ninth digit at a million degrees of
/// freedom and agree to twelve at a hundred.
const RELATIVE: f64 = 1e-8;
/// For results that are differences near zero.
const ABSOLUTE: f64 = 1e-12;

/// The same 64 cases in every run.
pub(crate) fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(20_240_611),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Between two and twelve replicate values of ordinary size.
pub(crate) fn replicates() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec(-10.0..10.0_f64, 2..12)
}

/// The cases that `fixtures/stats/make_stats.py` wrote for one function.
pub(crate) fn goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../fixtures/stats/stats.json"), function)
}

/// The cases that `fixtures/stats/make_contrasts.py` wrote for one function.
pub(crate) fn contrast_goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../fixtures/stats/contrasts.json"), function)
}

/// The cases for one function in the text of a golden file.
pub(crate) fn goldens_in(text: &str, function: &str) -> Vec<Golden> {
    let file: Value = serde_json::from_str(text).unwrap();
    assert_eq!(file["schema"], 1);
    let cases = file[function].as_array().unwrap();
    assert!(!cases.is_empty(), "no goldens for {function}");
    cases.iter().cloned().map(Golden).collect()
}

/// One committed case.
#[derive(Debug)]
pub(crate) struct Golden(Value);

impl Golden {
    /// The entry as JSON, for shapes that have no reader here.
    pub(crate) fn json(&self, key: &str) -> &Value {
        &self.0[key]
    }

    pub(crate) fn float(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or_else(|| panic!("no number {key} in {self:?}"))
    }

    pub(crate) fn count(&self, key: &str) -> u64 {
        self.0[key].as_u64().unwrap_or_else(|| panic!("no count {key} in {self:?}"))
    }

    pub(crate) fn floats(&self, key: &str) -> Vec<f64> {
        self.0[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    }

    /// Objects in a list, such as the items of a study.
    pub(crate) fn list(&self, key: &str) -> Vec<Golden> {
        self.0[key].as_array().unwrap().iter().cloned().map(Golden).collect()
    }

    /// A list of lists of counts.
    pub(crate) fn rows(&self, key: &str) -> Vec<Vec<u64>> {
        let row =
            |row: &Value| row.as_array().unwrap().iter().map(|x| x.as_u64().unwrap()).collect();
        self.0[key].as_array().unwrap().iter().map(row).collect()
    }

    pub(crate) fn text(&self, key: &str) -> &str {
        self.0[key].as_str().unwrap_or_else(|| panic!("no text {key} in {self:?}"))
    }

    pub(crate) fn pairs(&self, key: &str) -> Vec<(u64, u64)> {
        let pairs = self.0[key].as_array().unwrap().iter();
        pairs.map(|pair| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap())).collect()
    }

    /// Compares by value, with the case in the message.
    pub(crate) fn assert_close(&self, key: &str, got: f64) {
        let want = self.float(key);
        assert!(is_close(got, want), "{key}: got {got:e}, want {want:e} in {self:?}");
    }

    /// Compares by digits however small the number, as a p-value needs.
    pub(crate) fn assert_same_digits(&self, key: &str, got: f64) {
        let want = self.float(key);
        let close = (got - want).abs() <= RELATIVE * want.abs();
        assert!(close, "{key}: got {got:e}, want {want:e} in {self:?}");
    }
}

/// Relative or absolute agreement; NaN agrees with nothing.
pub(crate) fn is_close(got: f64, want: f64) -> bool {
    (got - want).abs() <= ABSOLUTE.max(RELATIVE * want.abs())
}

/// A counter-based splitmix64 stream (Steele, Lea and Flood 2014): draw `k` of a stream does not
/// depend on the draws before it in other streams.
#[derive(Debug)]
pub(crate) struct Stream {
    key: u64,
    n_drawn: u64,
}

impl Stream {
    pub(crate) fn new(key: u64) -> Self {
        Self { key: mix(key), n_drawn: 0 }
    }

    /// Uniform on `(0, 1)`.
    pub(crate) fn uniform(&mut self) -> f64 {
        self.n_drawn += 1;
        let bits = mix(self.key.wrapping_add(self.n_drawn.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
        ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// Normal, by Box and Muller.
    pub(crate) fn normal(&mut self, center: f64, sd: f64) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        center + sd * radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Successes in `n` trials.
    pub(crate) fn binomial(&mut self, n: usize, prob: f64) -> f64 {
        (0..n).filter(|_| self.uniform() < prob).count() as f64
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
