//! Content addresses: the key of a result is the hash of the recipe that makes it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::{Seed, Stream};

/// blake3 of a recipe's canonical bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u8; 32]);

impl Key {
    /// The key of a recipe: plain data, in which every input stands as its own key. Canonical bytes are JSON with
    /// fields in the order of the type; recipes hold no maps with an order of their own.
    ///
    /// # Panics
    /// When the recipe cannot be written as JSON (a map with keys that are not text): a bug of the recipe's type.
    pub fn of<R: Serialize>(recipe: &R) -> Self {
        let bytes = serde_json::to_vec(recipe).expect("a recipe is plain data");
        Self(*blake3::hash(&bytes).as_bytes())
    }

    /// The key of a file's bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// A key from its raw hash, as a store keeps it.
    pub fn from_bytes(hash: [u8; 32]) -> Self {
        Self(hash)
    }

    /// The raw hash.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The random stream that belongs to this key.
    pub fn stream(&self) -> Stream {
        Stream::from_key(&self.0)
    }

    /// The seed that belongs to this key.
    pub fn seed(&self) -> Seed {
        Seed(self.stream().next_u64())
    }

    /// The first 16 hexadecimal digits, to print.
    pub fn short(&self) -> String {
        let mut text = self.to_string();
        text.truncate(16);
        text
    }

    /// Reads 64 hexadecimal digits; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 64 || !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = [0; 64];
        for (digits, byte) in text.chunks_exact_mut(2).zip(self.0) {
            digits[0] = DIGITS[usize::from(byte >> 4)];
            digits[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).expect("digits are ASCII"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.short())
    }
}

impl Serialize for Key {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!("`{text}` is not 64 hexadecimal digits"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_content_and_survive_text() {
        let key = Key::of(&("rows", 600));
        assert_eq!(key, Key::of(&("rows", 600)));
        assert_ne!(key, Key::of(&("rows", 601)));
        assert_eq!(Key::parse(&key.to_string()), Some(key));
        let bytes: [u8; 32] = std::array::from_fn(|place| u8::try_from(place * 7).unwrap());
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(Key::from_bytes(bytes).to_string(), digits.concat());
    }

    #[test]
    fn text_that_is_no_key_is_refused() {
        for text in ["", "abc", &"g".repeat(64), &"é".repeat(32), &"0".repeat(63)] {
            assert_eq!(Key::parse(text), None, "{text}");
        }
    }
}
