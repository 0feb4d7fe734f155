//! The decoder: blocks of attention and gated feed-forward around a residual stream, forward and backward.
//!
//! Legend: N tokens in the batch, D width, H query heads, K key-value heads, E head width, F feed-forward width,
//! V vocabulary, R adapter rank, S keys of a row. Rows of a batch lie end to end without padding.

use std::ops::Range;

use crate::adapter::{Adapter, BlockGroups, Group};
use crate::config::Config;
use crate::edit::{Edit, Taps};
use crate::ops::{self, Rotary};
use crate::product::{Into, Matrix, MatrixMut, product, rows_product};
use crate::real::Real;
use crate::weights::{BlockLayout, Weights};

mod attention;
mod backward;

pub(crate) use attention::Cache;
pub use backward::{Example, Loss, Trained, loss, loss_and_gradient};

/// A base with what is laid over it for one pass. Cheap to make and to copy.
#[derive(Debug)]
pub struct Model<'a, T> {
    /// The base.
    pub weights: &'a Weights<T>,
    /// Low-rank updates of its linear maps.
    pub adapter: Option<&'a Adapter<T>>,
    /// Changes to the residual stream, applied in order.
    pub edits: &'a [Edit<T>],
}

impl<T> Clone for Model<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Model<'_, T> {}

impl<'a, T: Real> Model<'a, T> {
    /// The bare base.
    pub fn base(weights: &'a Weights<T>) -> Self {
        Self { weights, adapter: None, edits: &[] }
    }

    /// The base under an adapter.
    pub fn adapted(weights: &'a Weights<T>, adapter: &'a Adapter<T>) -> Self {
        Self { weights, adapter: Some(adapter), edits: &[] }
    }

    /// Logits at every position of every row, `[N,V]` with the rows end to end, computed without a cache.
    ///
    /// # Panics
    /// When a row is longer than the model's context or holds an id outside the vocabulary, or when an edit or a tap
    /// is for a block that is not there.
    pub fn logits(self, rows: &[Vec<u32>], taps: Option<&mut Taps<T>>) -> Vec<T> {
        let layers = self.weights.config.layers;
        assert!(
            taps.as_ref().is_none_or(|taps| taps.reach() <= layers),
            "no tap lies past block {layers}"
        );
        let batch = Batch::new(0, rows, &self.weights.config);
        let pass = Pass::new(self, &batch, rows_product::<T>);
        let hidden = pass.hidden(&batch, taps);
        self.head(&hidden)
    }

    /// Logits of final residual rows: `hidden [N,D]` to `[N,V]`.
    pub(crate) fn head(self, hidden: &[T]) -> Vec<T> {
        let config = &self.weights.config;
        let (n, d, v) = (hidden.len() / config.width, config.width, config.vocabulary);
        let mut normed = vec![T::ZERO; n * d];
        let mut inverse = vec![T::ZERO; n];
        let weight = self.weights.part(&self.weights.layout.norm);
        ops::rms_norm(&mut normed, &mut inverse, hidden, weight, config.norm_eps);
        let mut logits = vec![T::ZERO; n * v];
        let head = Matrix::dense(self.weights.part(&self.weights.layout.head), v, d);
        let normed = Matrix::dense(&normed, n, d);
        rows_product(
            MatrixMut::dense(&mut logits, n, v),
            normed,
            head.transposed(),
            T::ONE,
            Into::Overwrite,
        );
        logits
    }
}

/// Where a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Row of the batch, or slot of the cache.
    pub(crate) row: usize,
    /// Absolute position in that row.
    pub(crate) position: usize,
}

/// Token rows laid end to end.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) tokens: Vec<u32>,
    pub(crate) places: Vec<Place>,
    pub(crate) rows: Vec<Range<usize>>,
}

impl Batch {
    /// The first row is number `first_row` of the whole batch.
    pub(crate) fn new<'r>(
        first_row: usize,
        rows: impl IntoIterator<Item = &'r Vec<u32>>,
        config: &Config,
    ) -> Self {
        let mut batch = Self { tokens: Vec::new(), places: Vec::new(), rows: Vec::new() };
        for (row, tokens) in (first_row..).zip(rows) {
            assert!(
                tokens.len() <= config.max_positions,
                "a row of {} tokens fits the context",
                tokens.len()
            );
            let start = batch.tokens.len();
            batch.tokens.extend(tokens);
            batch.places.extend((0..tokens.len()).map(|position| Place { row, position }));
            batch.rows.push(start..batch.tokens.len());
        }
        batch
    }
}

type Product<T> = fn(MatrixMut<'_, T>, Matrix<'_, T>, Matrix<'_, T>, T, Into);

/// What one pass through the blocks needs beside the residual stream.
pub(crate) struct Pass<'a, T> {
    model: Model<'a, T>,
    rotary: Rotary<T>,
    /// Fixed row tiles where a row must not notice its neighbours; plain products in training, where the batch is
    /// part of the recipe.
    product: Product<T>,
}

/// Everything that the backward pass of a block reads.
#[derive(Debug, Default)]
struct BlockTrace<T> {
    /// Block input `[N,D]`.
    input: Vec<T>,
    normed: Vec<T>,
    inverse: Vec<T>,
    /// Queries, keys, values after norm and rotation `[N,(H+2K)E]`.
    qkv: Vec<T>,
    /// Queries and keys before their norm, where the family has one, and the inverse norms.
    qk_raw: Vec<T>,
    qk_inverse: Vec<T>,
    attended: Vec<T>,
    /// Residual stream between attention and feed-forward `[N,D]`.
    middle: Vec<T>,
    mlp_normed: Vec<T>,
    mlp_inverse: Vec<T>,
    gate_up: Vec<T>,
    gated: Vec<T>,
    /// Inputs times A, per adapted group `[N, members·R]`.
    low: [Vec<T>; 4],
}

impl<'a, T: Real> Pass<'a, T> {
    fn new(model: Model<'a, T>, batch: &Batch, product: Product<T>) -> Self {
        let positions = batch.places.iter().map(|p| p.position + 1).max().unwrap_or(0);
        Self::up_to(model, positions, product)
    }

    /// A pass over positions below `positions`.
    pub(crate) fn up_to(model: Model<'a, T>, positions: usize, product: Product<T>) -> Self {
        let config = &model.weights.config;
        for edit in model.edits {
            assert!(
                edit.layer < config.layers,
                "block {} of an edit is one of {}",
                edit.layer,
                config.layers
            );
            assert_eq!(
                edit.change.width(),
                config.width,
                "an edit is as wide as the residual stream"
            );
        }
        Self {
            model,
            rotary: Rotary::new(config.rope_theta, config.head_width, positions),
            product,
        }
    }

    /// Residual stream after the last block `[N,D]`, attending within the rows of the batch.
    fn hidden(&self, batch: &Batch, mut taps: Option<&mut Taps<T>>) -> Vec<T> {
        let mut x = self.embed(&batch.tokens);
        let mut trace = BlockTrace::default();
        tap(taps.as_deref_mut(), 0, &x);
        for layer in 0..self.model.weights.config.layers {
            self.open_block(layer, &x, &batch.places, &mut trace);
            attention::within_rows(self.config(), &trace.qkv, &batch.rows, &mut trace.attended);
            x = self.close_block(layer, &mut trace);
            self.edit(layer, &mut x, &batch.places);
            tap(taps.as_deref_mut(), layer + 1, &x);
        }
        x
    }

    /// Residual stream of new tokens `[N,D]`, attending to what the cache holds; the cache takes the tokens in.
    pub(crate) fn advance(&self, cache: &mut Cache<T>, tokens: &[u32], places: &[Place]) -> Vec<T> {
        let mut x = self.embed(tokens);
        let mut trace = BlockTrace::default();
        for layer in 0..self.model.weights.config.layers {
            self.open_block(layer, &x, places, &mut trace);
            cache.attend(layer, &trace.qkv, places, &mut trace.attended);
            x = self.close_block(layer, &mut trace);
            self.edit(layer, &mut x, places);
        }
        x
    }

    fn config(&self) -> &'a Config {
        &self.model.weights.config
    }

    fn block(&self, layer: usize) -> (&'a BlockLayout, Option<&'a BlockGroups>) {
        (&self.model.weights.layout.blocks[layer], self.model.adapter.map(|a| &a.blocks[layer]))
    }

    fn embed(&self, tokens: &[u32]) -> Vec<T> {
        let d = self.config().width;
        let table = self.model.weights.part(&self.model.weights.layout.embedding);
        tokens.iter().flat_map(|&token| &table[token as usize * d..][..d]).copied().collect()
    }

    /// Norm, projections, QK-norm and rotation: everything before attention.
    fn open_block(&self, layer: usize, x: &[T], places: &[Place], trace: &mut BlockTrace<T>) {
        let (config, weights) = (self.config(), self.model.weights);
        let (block, groups) = self.block(layer);
        let n = places.len();
        trace.input = x.to_vec();
        trace.normed.resize(n * config.width, T::ZERO);
        trace.inverse.resize(n, T::ZERO);
        ops::rms_norm(
            &mut trace.normed,
            &mut trace.inverse,
            x,
            weights.part(&block.attention_norm),
            config.norm_eps,
        );
        let width = config.query_width() + 2 * config.kv_width();
        trace.qkv.resize(n * width, T::ZERO);
        trace.attended.resize(n * config.query_width(), T::ZERO);
        let map =
            Map { weight: weights.part(&block.qkv), out: width, group: groups.map(|g| &g[0]) };
        self.linear(&mut trace.qkv, &trace.normed, map, &mut trace.low[0], Into::Overwrite);
        if let Some((q_norm, k_norm)) = &block.qk_norm {
            self.norm_heads(trace, weights.part(q_norm), weights.part(k_norm));
        }
        self.rotate(&mut trace.qkv, places, T::ONE);
    }

    /// Attention output, feed-forward and both residual additions; returns the block's output.
    fn close_block(&self, layer: usize, trace: &mut BlockTrace<T>) -> Vec<T> {
        let (config, weights) = (self.config(), self.model.weights);
        let (block, groups) = self.block(layer);
        let (d, f) = (config.width, config.feed_forward);
        let n = trace.input.len() / d;
        trace.middle.clone_from(&trace.input);
        let map = Map { weight: weights.part(&block.out), out: d, group: groups.map(|g| &g[1]) };
        self.linear(&mut trace.middle, &trace.attended, map, &mut trace.low[1], Into::Add);
        trace.mlp_normed.resize(n * d, T::ZERO);
        trace.mlp_inverse.resize(n, T::ZERO);
        let norm = weights.part(&block.mlp_norm);
        ops::rms_norm(
            &mut trace.mlp_normed,
            &mut trace.mlp_inverse,
            &trace.middle,
            norm,
            config.norm_eps,
        );
        trace.gate_up.resize(n * 2 * f, T::ZERO);
        trace.gated.resize(n * f, T::ZERO);
        let map =
            Map { weight: weights.part(&block.gate_up), out: 2 * f, group: groups.map(|g| &g[2]) };
        self.linear(&mut trace.gate_up, &trace.mlp_normed, map, &mut trace.low[2], Into::Overwrite);
        ops::swiglu(&mut trace.gated, &trace.gate_up, f);
        let mut output = trace.middle.clone();
        let map = Map { weight: weights.part(&block.down), out: d, group: groups.map(|g| &g[3]) };
        self.linear(&mut output, &trace.gated, map, &mut trace.low[3], Into::Add);
        output
    }

    /// `y (+)= x Wᵀ + scale · (x Aᵀ) Bᵀ`, the second term per adapted map of the group; keeps `x Aᵀ` in `low`.
    ///
    /// # Shapes
    /// `y [N,out]`, `x [N,in]`, `weight [out,in]`, `low [N, members·R]`.
    fn linear(&self, y: &mut [T], x: &[T], map: Map<'_, T>, low: &mut Vec<T>, into: Into) {
        let (out, inner) = (map.out, map.weight.len() / map.out);
        let n = x.len() / inner;
        let rows = Matrix::dense(x, n, inner);
        let weight = Matrix::dense(map.weight, out, inner);
        (self.product)(MatrixMut::dense(y, n, out), rows, weight.transposed(), T::ONE, into);
        let (Some(adapter), Some(group)) = (self.model.adapter, map.group) else { return };
        let (rank, joined) = (adapter.config.rank, adapter.config.rank * group.members.len());
        if joined == 0 || n == 0 {
            return;
        }
        low.resize(n * joined, T::ZERO);
        let a = Matrix::dense(&adapter.data[group.a.clone()], joined, inner);
        (self.product)(
            MatrixMut::dense(low, n, joined),
            rows,
            a.transposed(),
            T::ONE,
            Into::Overwrite,
        );
        for (index, member) in group.members.iter().enumerate() {
            let part = Matrix::strided(&low[index * rank..], n, rank, joined);
            let b = Matrix::dense(&adapter.data[member.b.clone()], member.out, rank);
            let columns = MatrixMut::strided(&mut y[member.column..], n, member.out, out);
            (self.product)(columns, part, b.transposed(), adapter.scale(), Into::Add);
        }
    }

    fn norm_heads(&self, trace: &mut BlockTrace<T>, q_norm: &[T], k_norm: &[T]) {
        let config = self.config();
        let (e, eps) = (config.head_width, config.norm_eps);
        let (queries, keys) = (config.query_width(), config.kv_width());
        let heads = config.heads + config.kv_heads;
        trace.qk_raw.clear();
        trace.qk_inverse.resize(trace.inverse.len() * heads, T::ZERO);
        for (row, inverse) in trace
            .qkv
            .chunks_exact_mut(queries + 2 * keys)
            .zip(trace.qk_inverse.chunks_exact_mut(heads))
        {
            let start = trace.qk_raw.len();
            trace.qk_raw.extend_from_slice(&row[..queries + keys]);
            let raw = &trace.qk_raw[start..];
            let (q_inverse, k_inverse) = inverse.split_at_mut(config.heads);
            ops::rms_norm(&mut row[..queries], q_inverse, &raw[..queries], q_norm, eps);
            ops::rms_norm(
                &mut row[queries..queries + keys],
                k_inverse,
                &raw[queries..],
                k_norm,
                eps,
            );
        }
        debug_assert_eq!(trace.qk_raw.len() % e, 0);
    }

    /// Rotates every query and key head by its token's position; backwards for `direction` minus one.
    fn rotate(&self, qkv: &mut [T], places: &[Place], direction: T) {
        let config = self.config();
        let rotated = config.query_width() + config.kv_width();
        let width = rotated + config.kv_width();
        ops::vectorized(
            #[inline(always)]
            || {
                for (row, place) in qkv.chunks_exact_mut(width).zip(places) {
                    for head in row[..rotated].chunks_exact_mut(config.head_width) {
                        self.rotary.rotate(head, place.position, direction);
                    }
                }
            },
        );
    }

    fn edit(&self, layer: usize, x: &mut [T], places: &[Place]) {
        let d = self.config().width;
        for edit in self.model.edits.iter().filter(|e| e.layer == layer) {
            for (row, place) in x.chunks_exact_mut(d).zip(places) {
                if edit.applies_at(place.row, place.position) {
                    edit.change.apply(row);
                }
            }
        }
    }
}

/// A linear map with the adapted maps that share its input.
#[derive(Clone, Copy)]
struct Map<'a, T> {
    weight: &'a [T],
    out: usize,
    group: Option<&'a Group>,
}

fn tap<T: Real>(taps: Option<&mut Taps<T>>, depth: usize, x: &[T]) {
    if let Some(taps) = taps {
        taps.take(depth, x);
    }
}

/// A pass with row tiles: what a row gives does not depend on its batch.
///
/// # Panics
/// When an edit is meant for one row: the rows of a sampler come and go.
pub(crate) fn inference<T: Real>(model: Model<'_, T>, positions: usize) -> Pass<'_, T> {
    assert!(
        model.edits.iter().all(|edit| edit.row.is_none()),
        "an edit of a cached pass is for all rows"
    );
    Pass::up_to(model, positions, rows_product::<T>)
}

/// A pass for training: plain products over the whole shard.
fn training<'a, T: Real>(model: Model<'a, T>, batch: &Batch) -> Pass<'a, T> {
    Pass::new(model, batch, product::<T>)
}

#[cfg(test)]
mod tests;
