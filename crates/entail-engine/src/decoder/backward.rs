//! Loss on chosen tokens and its gradient with respect to the weights or to an adapter.

use rayon::prelude::*;

use super::{Batch, BlockTrace, Map, Model, Pass, Place, attention, training};
use crate::adapter::Group;
use crate::config::Config;
use crate::ops;
use crate::product::{Into, Matrix, MatrixMut, product};
use crate::real::Real;
use crate::weights::BlockLayout;

/// One training row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// Token ids.
    pub tokens: Vec<u32>,
    /// Whether the token at this position is predicted and counted. The first position has no past and is never
    /// counted.
    pub counted: Vec<bool>,
}

/// A summed loss.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Loss {
    /// Sum of negative log-probabilities, in nats.
    pub nats: f64,
    /// Number of tokens in that sum.
    pub tokens: usize,
}

impl Loss {
    /// Nats per counted token; `None` without any.
    pub fn per_token(self) -> Option<f64> {
        (self.tokens > 0).then(|| self.nats / self.tokens as f64)
    }
}

/// Which parameters a gradient is taken of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// All weights of the base.
    Weights,
    /// The adapter alone; the base stays fixed.
    Adapter,
}

impl Trained {
    fn n_parameters<T: Real>(self, model: Model<'_, T>) -> usize {
        match self {
            Self::Weights => model.weights.data.len(),
            Self::Adapter => {
                model.adapter.expect("an adapter is trained only where there is one").data.len()
            }
        }
    }
}

/// Tokens after which a shard of a batch is closed. Shards are cut by this rule alone, never by the number of
/// threads, and their gradients are added in order: so any number of threads gives the same bits.
const SHARD_TOKENS: usize = 256;

/// Rows of logits that are held at once.
const HEAD_ROWS: usize = 256;

/// A part of a batch that is computed at once.
#[derive(Clone, Copy)]
struct Shard<'a> {
    first_row: usize,
    examples: &'a [Example],
}

impl<'a> Shard<'a> {
    fn all(examples: &'a [Example]) -> Vec<Self> {
        let mut shards = Vec::new();
        let (mut first_row, mut tokens) = (0, 0);
        for (row, example) in examples.iter().enumerate() {
            tokens += example.tokens.len();
            if tokens >= SHARD_TOKENS || row + 1 == examples.len() {
                shards.push(Self { first_row, examples: &examples[first_row..=row] });
                (first_row, tokens) = (row + 1, 0);
            }
        }
        shards
    }

    fn batch(self, config: &Config) -> Batch {
        Batch::new(self.first_row, self.examples.iter().map(|example| &example.tokens), config)
    }
}

/// The loss of a batch and the gradient of the *mean* loss per counted token, flat like the trained parameters.
/// A batch without a counted token has a zero gradient.
///
/// # Panics
/// When [`Trained::Adapter`] is asked of a model without one.
pub fn loss_and_gradient<T: Real>(
    model: Model<'_, T>,
    trained: Trained,
    examples: &[Example],
) -> (Loss, Vec<T>) {
    let shards = Shard::all(examples);
    let parts: Vec<(Loss, Vec<T>)> =
        shards.into_par_iter().map(|shard| shard_gradient(model, trained, shard)).collect();
    let mut parts = parts.into_iter();
    let nothing = || (Loss::default(), vec![T::ZERO; trained.n_parameters(model)]);
    let (mut loss, mut gradient) = parts.next().unwrap_or_else(nothing);
    for (part, more) in parts {
        loss.nats += part.nats;
        loss.tokens += part.tokens;
        ops::vectorized(
            #[inline(always)]
            || ops::add_scaled(&mut gradient, T::ONE, &more),
        );
    }
    let scale = T::from_f64(1.0 / loss.tokens.max(1) as f64);
    for g in &mut gradient {
        *g *= scale;
    }
    (loss, gradient)
}

/// The loss of a batch, without a gradient.
pub fn loss<T: Real>(model: Model<'_, T>, examples: &[Example]) -> Loss {
    let parts: Vec<Loss> = Shard::all(examples)
        .into_par_iter()
        .map(|shard| {
            let batch = shard.batch(&model.weights.config);
            let hidden = training(model, &batch).hidden(&batch, None);
            head_loss(model, None, &hidden, &counted_targets(shard.examples)).0
        })
        .collect();
    parts.into_iter().fold(Loss::default(), |sum, part| Loss {
        nats: sum.nats + part.nats,
        tokens: sum.tokens + part.tokens,
    })
}

/// `(index of the predicting token, predicted id)` for every counted token of a shard.
fn counted_targets(examples: &[Example]) -> Vec<(usize, u32)> {
    let mut targets = Vec::new();
    let mut start = 0;
    for example in examples {
        for position in 1..example.tokens.len() {
            if example.counted[position] {
                targets.push((start + position - 1, example.tokens[position]));
            }
        }
        start += example.tokens.len();
    }
    targets
}

fn shard_gradient<T: Real>(
    model: Model<'_, T>,
    trained: Trained,
    shard: Shard<'_>,
) -> (Loss, Vec<T>) {
    let batch = shard.batch(&model.weights.config);
    let pass = training(model, &batch);
    let mut gradient = Gradient { trained, data: vec![T::ZERO; trained.n_parameters(model)] };
    let (hidden, traces) = pass.traced(&batch);
    let (loss, mut dx) =
        head_loss(model, Some(&mut gradient), &hidden, &counted_targets(shard.examples));
    for (layer, trace) in traces.iter().enumerate().rev() {
        pass.edit_backward(layer, &mut dx, &batch.places);
        pass.block_backward((layer, trace), &mut dx, &batch, &mut gradient);
    }
    if trained == Trained::Weights {
        let d = model.weights.config.width;
        let embedding = &mut gradient.data[model.weights.layout.embedding.clone()];
        for (row, &token) in dx.chunks_exact(d).zip(&batch.tokens) {
            ops::add_scaled(&mut embedding[token as usize * d..][..d], T::ONE, row);
        }
    }
    (loss, gradient.data)
}

/// A gradient, flat like what is trained.
struct Gradient<T> {
    trained: Trained,
    data: Vec<T>,
}

impl<T: Real> Gradient<T> {
    /// The part of a weight, if weights are trained.
    fn weight(&mut self, range: &std::ops::Range<usize>) -> Option<&mut [T]> {
        (self.trained == Trained::Weights).then(|| &mut self.data[range.clone()])
    }
}

/// Loss of the counted targets; with a gradient also `d loss / d hidden [N,D]`.
fn head_loss<T: Real>(
    model: Model<'_, T>,
    mut gradient: Option<&mut Gradient<T>>,
    hidden: &[T],
    targets: &[(usize, u32)],
) -> (Loss, Vec<T>) {
    let (weights, config) = (model.weights, &model.weights.config);
    let (d, v) = (config.width, config.vocabulary);
    let norm = weights.part(&weights.layout.norm);
    let head = Matrix::dense(weights.part(&weights.layout.head), v, d);
    let mut loss = Loss { nats: 0.0, tokens: targets.len() };
    let mut dhidden = vec![T::ZERO; if gradient.is_some() { hidden.len() } else { 0 }];
    for chunk in targets.chunks(HEAD_ROWS) {
        let m = chunk.len();
        let rows: Vec<T> =
            chunk.iter().flat_map(|&(i, _)| &hidden[i * d..][..d]).copied().collect();
        let (mut normed, mut inverse) = (vec![T::ZERO; m * d], vec![T::ZERO; m]);
        ops::rms_norm(&mut normed, &mut inverse, &rows, norm, config.norm_eps);
        let mut logits = vec![T::ZERO; m * v];
        let normed = Matrix::dense(&normed, m, d);
        product(
            MatrixMut::dense(&mut logits, m, v),
            normed,
            head.transposed(),
            T::ONE,
            Into::Overwrite,
        );
        let ids: Vec<u32> = chunk.iter().map(|&(_, id)| id).collect();
        loss.nats += ops::cross_entropy_backward(&mut logits, &ids, v);
        let Some(gradient) = gradient.as_deref_mut() else { continue };
        let dlogits = Matrix::dense(&logits, m, v);
        if let Some(dhead) = gradient.weight(&weights.layout.head) {
            product(MatrixMut::dense(dhead, v, d), dlogits.transposed(), normed, T::ONE, Into::Add);
        }
        let (mut dnormed, mut drows) = (vec![T::ZERO; m * d], vec![T::ZERO; m * d]);
        product(MatrixMut::dense(&mut dnormed, m, d), dlogits, head, T::ONE, Into::Overwrite);
        let dnorm = gradient.weight(&weights.layout.norm);
        ops::rms_norm_backward(&mut drows, dnorm, &dnormed, &rows, norm, &inverse);
        for (row, &(i, _)) in drows.chunks_exact(d).zip(chunk) {
            ops::add_scaled(&mut dhidden[i * d..][..d], T::ONE, row);
        }
    }
    (loss, dhidden)
}

impl<T: Real> Pass<'_, T> {
    /// The forward pass with one trace per block.
    fn traced(&self, batch: &Batch) -> (Vec<T>, Vec<BlockTrace<T>>) {
        let mut x = self.embed(&batch.tokens);
        let traces = (0..self.config().layers)
            .map(|layer| {
                let mut trace = BlockTrace::default();
                self.open_block(layer, &x, &batch.places, &mut trace);
                attention::within_rows(self.config(), &trace.qkv, &batch.rows, &mut trace.attended);
                x = self.close_block(layer, &mut trace);
                self.edit(layer, &mut x, &batch.places);
                trace
            })
            .collect();
        (x, traces)
    }

    fn edit_backward(&self, layer: usize, dx: &mut [T], places: &[Place]) {
        let d = self.config().width;
        for edit in self.model.edits.iter().rev().filter(|e| e.layer == layer) {
            for (row, place) in dx.chunks_exact_mut(d).zip(places) {
                if edit.applies_at(place.row, place.position) {
                    edit.change.pull_back(row);
                }
            }
        }
    }

    /// Turns `dx`, the gradient after a block, into the gradient before it, and adds to the parameters' gradient.
    fn block_backward(
        &self,
        (layer, trace): (usize, &BlockTrace<T>),
        dx: &mut [T],
        batch: &Batch,
        gradient: &mut Gradient<T>,
    ) {
        let weights = self.model.weights;
        let (block, groups) = self.block(layer);
        let (d, f) = (self.config().width, self.config().feed_forward);
        let map = |out, group: usize| Step {
            layer: block,
            out,
            group: groups.map(|g| &g[group]),
            index: group,
        };
        let (down, up, out) = (map(d, 3), map(2 * f, 2), map(d, 1));
        let qkv = map(self.config().query_width() + 2 * self.config().kv_width(), 0);

        let dgated = self.linear_backward(down, dx, (&trace.gated, &trace.low[3]), gradient);
        let mut dgate_up = vec![T::ZERO; trace.gate_up.len()];
        ops::swiglu_backward(&mut dgate_up, &dgated, &trace.gate_up, f);
        let dnormed =
            self.linear_backward(up, &dgate_up, (&trace.mlp_normed, &trace.low[2]), gradient);
        let norm = weights.part(&block.mlp_norm);
        let dnorm = gradient.weight(&block.mlp_norm);
        ops::rms_norm_backward(dx, dnorm, &dnormed, &trace.middle, norm, &trace.mlp_inverse);

        let dattended = self.linear_backward(out, dx, (&trace.attended, &trace.low[1]), gradient);
        let mut dqkv = vec![T::ZERO; trace.qkv.len()];
        attention::within_rows_backward(
            self.config(),
            &mut dqkv,
            &dattended,
            &trace.qkv,
            &batch.rows,
        );
        self.rotate(&mut dqkv, &batch.places, -T::ONE);
        self.norm_heads_backward(&mut dqkv, block, trace, gradient);
        let dnormed = self.linear_backward(qkv, &dqkv, (&trace.normed, &trace.low[0]), gradient);
        let norm = weights.part(&block.attention_norm);
        let dnorm = gradient.weight(&block.attention_norm);
        ops::rms_norm_backward(dx, dnorm, &dnormed, &trace.input, norm, &trace.inverse);
    }

    /// Backward of [`Pass::linear`]: returns `dx [N,in]` and adds the gradients of weight, A and B.
    ///
    /// # Shapes
    /// `dy [N,out]`, `x [N,in]`, `low [N, members·R]`.
    fn linear_backward(
        &self,
        step: Step<'_>,
        dy: &[T],
        (x, low): (&[T], &[T]),
        gradient: &mut Gradient<T>,
    ) -> Vec<T> {
        let map =
            Map { weight: self.model.weights.part(step.range()), out: step.out, group: step.group };
        let (out, inner) = (map.out, map.weight.len() / map.out);
        let n = dy.len() / out;
        let (dy_rows, x_rows) = (Matrix::dense(dy, n, out), Matrix::dense(x, n, inner));
        let mut dx = vec![T::ZERO; n * inner];
        let weight = Matrix::dense(map.weight, out, inner);
        product(MatrixMut::dense(&mut dx, n, inner), dy_rows, weight, T::ONE, Into::Overwrite);
        if let Some(dweight) = gradient.weight(step.range()) {
            product(
                MatrixMut::dense(dweight, out, inner),
                dy_rows.transposed(),
                x_rows,
                T::ONE,
                Into::Add,
            );
        }
        let (Some(adapter), Some(group)) = (self.model.adapter, map.group) else { return dx };
        let (rank, joined) = (adapter.config.rank, adapter.config.rank * group.members.len());
        if joined == 0 || n == 0 {
            return dx;
        }
        let mut dlow = vec![T::ZERO; n * joined];
        for (index, member) in group.members.iter().enumerate() {
            let dy_part = Matrix::strided(&dy[member.column..], n, member.out, out);
            let b = Matrix::dense(&adapter.data[member.b.clone()], member.out, rank);
            let dlow_part = MatrixMut::strided(&mut dlow[index * rank..], n, rank, joined);
            product(dlow_part, dy_part, b, adapter.scale(), Into::Overwrite);
            if gradient.trained == Trained::Adapter {
                let db = MatrixMut::dense(&mut gradient.data[member.b.clone()], member.out, rank);
                let low_part = Matrix::strided(&low[index * rank..], n, rank, joined);
                product(db, dy_part.transposed(), low_part, adapter.scale(), Into::Add);
            }
        }
        let dlow_rows = Matrix::dense(&dlow, n, joined);
        let a = Matrix::dense(&adapter.data[group.a.clone()], joined, inner);
        product(MatrixMut::dense(&mut dx, n, inner), dlow_rows, a, T::ONE, Into::Add);
        if gradient.trained == Trained::Adapter {
            let da = MatrixMut::dense(&mut gradient.data[group.a.clone()], joined, inner);
            product(da, dlow_rows.transposed(), x_rows, T::ONE, Into::Add);
        }
        dx
    }

    fn norm_heads_backward(
        &self,
        dqkv: &mut [T],
        block: &BlockLayout,
        trace: &BlockTrace<T>,
        gradient: &mut Gradient<T>,
    ) {
        let Some((q_norm, k_norm)) = &block.qk_norm else { return };
        let config = self.config();
        let (queries, keys) = (config.query_width(), config.kv_width());
        let heads = config.heads + config.kv_heads;
        for (i, row) in dqkv.chunks_exact_mut(queries + 2 * keys).enumerate() {
            let raw = &trace.qk_raw[i * (queries + keys)..][..queries + keys];
            let inverse = &trace.qk_inverse[i * heads..][..heads];
            let parts = [
                (0..queries, q_norm, &inverse[..config.heads]),
                (queries..queries + keys, k_norm, &inverse[config.heads..]),
            ];
            for (columns, norm, inverse) in parts {
                let dy = row[columns.clone()].to_vec();
                row[columns.clone()].fill(T::ZERO);
                let weight = self.model.weights.part(norm);
                let dweight = gradient.weight(norm);
                ops::rms_norm_backward(
                    &mut row[columns.clone()],
                    dweight,
                    &dy,
                    &raw[columns],
                    weight,
                    inverse,
                );
            }
        }
    }
}

/// Which linear map of a block a backward step goes through.
#[derive(Clone, Copy)]
struct Step<'a> {
    layer: &'a BlockLayout,
    out: usize,
    group: Option<&'a Group>,
    index: usize,
}

impl Step<'_> {
    fn range(&self) -> &std::ops::Range<usize> {
        match self.index {
            0 => &self.layer.qkv,
            1 => &self.layer.out,
            2 => &self.layer.gate_up,
            _ => &self.layer.down,
        }
    }
}
