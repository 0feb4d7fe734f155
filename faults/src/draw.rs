//! Numbers that follow from a seed and a name, so that no thread's timing can change them.

/// One step of `SplitMix64` (Steele, Lea and Flood 2014): a bijection whose output bits look independent.
pub(crate) fn mix(value: u64) -> u64 {
    let z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A number for a text: FNV-1a, then mixed.
pub(crate) fn of_text(state: u64, text: &str) -> u64 {
    let fnv = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    mix(text.bytes().fold(state ^ 0xcbf2_9ce4_8422_2325, fnv))
}

/// A number in `[0, 1)` from the upper 53 bits.
pub(crate) fn share(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// A place below `n`, which is at least one.
pub(crate) fn below(bits: u64, n: usize) -> usize {
    let product = u128::from(bits) * n as u128;
    usize::try_from(product >> 64).expect("a product's upper half is below n")
}

/// Puts items into an order that follows from the seed (Fisher and Yates).
pub(crate) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed;
    for last in (1..items.len()).rev() {
        state = mix(state);
        items.swap(last, below(state, last + 1));
    }
}

#[cfg(test)]
mod tests;
