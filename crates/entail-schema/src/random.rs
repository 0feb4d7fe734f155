//! Counter-based randomness, split by name.
//!
//! A [`Seed`] is a plain number. [`Seed::stream`] derives an independent generator from the seed, a purpose
//! and an index, so a draw depends on what it is *for* and never on how many draws came before it, on the
//! thread that makes it or on the batch it is part of.

use serde::{Deserialize, Serialize};

/// The root of a family of random streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seed(pub u64);

impl Seed {
    /// The generator for one purpose and one index under this seed.
    pub fn stream(self, purpose: &str, index: u64) -> Stream {
        Stream { key: self.child(purpose, index).0, counter: 0 }
    }

    /// The seed of a sub-experiment: children with other purposes or indices are unrelated.
    #[must_use]
    pub fn child(self, purpose: &str, index: u64) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&index.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Self(first_u64(hasher.finalize().as_bytes()))
    }
}

fn first_u64(bytes: &[u8; 32]) -> u64 {
    u64::from_le_bytes(bytes[..8].try_into().expect("eight of thirty-two bytes"))
}

/// A counter-based generator: draw `i` is a mix of the stream's key and `i` (`SplitMix64`, Steele et al. 2014).
#[derive(Debug, Clone)]
pub struct Stream {
    key: u64,
    counter: u64,
}

impl Stream {
    /// A stream whose key is taken from the first eight bytes of a hash, such as a sample's store key.
    pub fn from_key(key: &[u8; 32]) -> Self {
        Self { key: first_u64(key), counter: 0 }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.counter += 1;
        mix(self.key ^ mix(self.counter.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// A uniform number in `[0, 1)` with 53 random bits.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A uniform index below `n`.
    ///
    /// # Panics
    /// When `n` is zero: there is nothing to choose from.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a choice needs at least one option");
        // Multiply-shift: the bias is below n / 2^64, far under anything that can be observed.
        usize::try_from((u128::from(self.next_u64()) * n as u128) >> 64)
            .expect("an index below n fits")
    }

    /// A standard normal number (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Puts `items` into a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// One item of a non-empty slice.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

fn mix(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests;
