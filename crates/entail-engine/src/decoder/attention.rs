//! Causal attention: within the rows of a batch (forward and backward) and over a cache of earlier tokens.
//!
//! Keys are transposed once per head so that the scores of a query are sums of contiguous rows. One query row is
//! always computed by [`ops::attend_row`], so cached decoding gives the bits of the full pass.

use std::ops::Range;

use super::Place;
use crate::config::Config;
use crate::ops;
use crate::real::Real;

/// Column offsets inside a row of queries, keys and values.
#[derive(Clone, Copy)]
struct Columns {
    e: usize,
    width: usize,
    keys: usize,
    values: usize,
    /// Query heads per key-value head.
    share: usize,
}

impl Columns {
    fn new(config: &Config) -> Self {
        let (queries, keys) = (config.query_width(), config.kv_width());
        Self {
            e: config.head_width,
            width: queries + 2 * keys,
            keys: queries,
            values: queries + keys,
            share: config.heads / config.kv_heads,
        }
    }
}

fn scale<T: Real>(e: usize) -> T {
    T::from_f64(1.0 / (e as f64).sqrt())
}

/// Writes the transpose of one head's columns: `[S, E]` at `column` of `rows` to `[E, S]`.
#[inline(always)]
fn transpose_head<T: Real>(to: &mut [T], rows: &[T], column: usize, c: Columns) {
    let n = rows.len() / c.width;
    for s in 0..n {
        for e in 0..c.e {
            to[e * n + s] = rows[s * c.width + column + e];
        }
    }
}

/// Attention of every row of the batch to its own earlier tokens.
///
/// # Shapes
/// `qkv [N,(H+2K)E]`; writes `out [N,H·E]`.
pub(super) fn within_rows<T: Real>(
    config: &Config,
    qkv: &[T],
    rows: &[Range<usize>],
    out: &mut [T],
) {
    let c = Columns::new(config);
    let out_width = config.query_width();
    let longest = rows.iter().map(Range::len).max().unwrap_or(0);
    let (mut keys_t, mut scores) = (vec![T::ZERO; c.e * longest], vec![T::ZERO; longest]);
    ops::vectorized(
        #[inline(always)]
        || {
            for row in rows {
                let (n, qkv) = (row.len(), &qkv[row.start * c.width..row.end * c.width]);
                for kv in 0..config.kv_heads {
                    transpose_head(&mut keys_t, qkv, c.keys + kv * c.e, c);
                    for head in kv * c.share..(kv + 1) * c.share {
                        for t in 0..n {
                            let query = &qkv[t * c.width + head * c.e..][..c.e];
                            let to = &mut out[(row.start + t) * out_width + head * c.e..][..c.e];
                            let values = &qkv[c.values + kv * c.e..];
                            let scale = scale(c.e);
                            ops::attend_row(
                                to,
                                &mut scores[..=t],
                                query,
                                (&keys_t, n),
                                (values, c.width),
                                scale,
                            );
                        }
                    }
                }
            }
        },
    );
}

/// Backward of [`within_rows`]: overwrites `dqkv`. Probabilities are computed again, not stored.
pub(super) fn within_rows_backward<T: Real>(
    config: &Config,
    dqkv: &mut [T],
    dout: &[T],
    qkv: &[T],
    rows: &[Range<usize>],
) {
    let c = Columns::new(config);
    let longest = rows.iter().map(Range::len).max().unwrap_or(0);
    let mut scratch = Scratch::new(c.e, longest);
    dqkv.fill(T::ZERO);
    ops::vectorized(
        #[inline(always)]
        || {
            for row in rows {
                let within = row.start * c.width..row.end * c.width;
                let (qkv, dqkv) = (&qkv[within.clone()], &mut dqkv[within]);
                for head in 0..config.heads {
                    let dout =
                        &dout[row.start * config.query_width()..row.end * config.query_width()];
                    head_backward(dqkv, (dout, config.query_width()), qkv, (head, c), &mut scratch);
                }
            }
        },
    );
}

struct Scratch<T> {
    keys_t: Vec<T>,
    values_t: Vec<T>,
    probabilities: Vec<T>,
    pulls: Vec<T>,
    out: Vec<T>,
}

impl<T: Real> Scratch<T> {
    fn new(e: usize, n: usize) -> Self {
        let zeros = |n| vec![T::ZERO; n];
        Self {
            keys_t: zeros(e * n),
            values_t: zeros(e * n),
            probabilities: zeros(n),
            pulls: zeros(n),
            out: zeros(e),
        }
    }
}

#[inline(always)]
fn head_backward<T: Real>(
    dqkv: &mut [T],
    (dout, out_width): (&[T], usize),
    qkv: &[T],
    (head, c): (usize, Columns),
    s: &mut Scratch<T>,
) {
    let (n, scale) = (qkv.len() / c.width, scale::<T>(c.e));
    let (key, value) = (c.keys + head / c.share * c.e, c.values + head / c.share * c.e);
    transpose_head(&mut s.keys_t, qkv, key, c);
    transpose_head(&mut s.values_t, qkv, value, c);
    for t in 0..n {
        let query_at = t * c.width + head * c.e;
        let query = &qkv[query_at..][..c.e];
        let (p, pulls) = (&mut s.probabilities[..=t], &mut s.pulls[..=t]);
        ops::attend_row(&mut s.out, p, query, (&s.keys_t, n), (&qkv[value..], c.width), scale);
        let dout = &dout[t * out_width + head * c.e..][..c.e];
        // Through the mix of values, then through the softmax: ds = p ∘ (dp - Σ p dp).
        pulls.fill(T::ZERO);
        for (e, &d) in dout.iter().enumerate() {
            ops::add_scaled(pulls, d, &s.values_t[e * n..][..=t]);
        }
        let mean = ops::dot(p, pulls);
        for (pull, &p) in pulls.iter_mut().zip(p.iter()) {
            *pull = p * (*pull - mean) * scale;
        }
        for j in 0..=t {
            let at = j * c.width;
            ops::add_scaled(&mut dqkv[query_at..][..c.e], pulls[j], &qkv[at + key..][..c.e]);
            ops::add_scaled(&mut dqkv[at + key..][..c.e], pulls[j], query);
            ops::add_scaled(&mut dqkv[at + value..][..c.e], p[j], dout);
        }
    }
}

/// Keys and values of earlier tokens, one slot per sequence.
#[derive(Debug, Clone)]
pub(crate) struct Cache<T> {
    columns: (usize, usize, usize),
    config: Config,
    /// S: positions that a slot holds.
    capacity: usize,
    /// `[layer][kv head][E][S]` per slot.
    keys_t: Vec<Vec<T>>,
    /// `[layer][kv head][S][E]` per slot.
    values: Vec<Vec<T>>,
}

impl<T: Real> Cache<T> {
    /// Empty slots for sequences of up to `capacity` tokens.
    pub(crate) fn new(config: &Config, slots: usize, capacity: usize) -> Self {
        let size = config.layers * config.kv_width() * capacity;
        let c = Columns::new(config);
        let zeros = || vec![vec![T::ZERO; size]; slots];
        Self {
            columns: (c.keys, c.values, c.width),
            config: config.clone(),
            capacity,
            keys_t: zeros(),
            values: zeros(),
        }
    }

    /// A cache whose slots are copies of the given slots of this one.
    pub(crate) fn fork(&self, slots: &[usize]) -> Self {
        let copy = |from: &[Vec<T>]| slots.iter().map(|&s| from[s].clone()).collect();
        Self {
            keys_t: copy(&self.keys_t),
            values: copy(&self.values),
            config: self.config.clone(),
            ..*self
        }
    }

    /// Keeps only the given slots, which must be in rising order.
    pub(crate) fn retain(&mut self, slots: &[usize]) {
        for (to, &from) in slots.iter().enumerate() {
            self.keys_t.swap(to, from);
            self.values.swap(to, from);
        }
        self.keys_t.truncate(slots.len());
        self.values.truncate(slots.len());
    }

    /// Takes in the keys and values of new tokens of one layer, then attends with their queries.
    pub(super) fn attend(&mut self, layer: usize, qkv: &[T], places: &[Place], out: &mut [T]) {
        let (keys, values, width) = self.columns;
        let (e, stride) = (self.config.head_width, self.capacity);
        let share = self.config.heads / self.config.kv_heads;
        let mut scores = vec![T::ZERO; stride];
        let out_width = self.config.query_width();
        ops::vectorized(
            #[inline(always)]
            || {
                for (i, place) in places.iter().enumerate() {
                    let row = &qkv[i * width..][..width];
                    for kv in 0..self.config.kv_heads {
                        let base = (layer * self.config.kv_heads + kv) * e * stride;
                        let slot_keys = &mut self.keys_t[place.row][base..base + e * stride];
                        for (j, &key) in row[keys + kv * e..][..e].iter().enumerate() {
                            slot_keys[j * stride + place.position] = key;
                        }
                        let slot_values = &mut self.values[place.row][base..base + e * stride];
                        slot_values[place.position * e..][..e]
                            .copy_from_slice(&row[values + kv * e..][..e]);
                        for head in kv * share..(kv + 1) * share {
                            let to = &mut out[i * out_width + head * e..][..e];
                            let query = &row[head * e..][..e];
                            let scores = &mut scores[..=place.position];
                            ops::attend_row(
                                to,
                                scores,
                                query,
                                (slot_keys, stride),
                                (slot_values, e),
                                scale(e),
                            );
                        }
                    }
                }
            },
        );
    }
}
