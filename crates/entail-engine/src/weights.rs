//! The parameters of a decoder as one flat vector with a table of named ranges.
//!
//! One vector makes gradients, optimizer state, sums over shards and hashes single loops. Tensors that are
//! multiplied by the same input (query, key and value; gate and up) lie next to each other, so they are one product.

use std::ops::Range;

use entail_schema::Seed;

use crate::config::{Config, Family};
use crate::real::Real;

/// One named tensor inside the flat vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Hugging Face name, such as `model.layers.0.self_attn.q_proj.weight`.
    pub name: String,
    /// Row-major shape; matrices are `[out, in]`.
    pub shape: Vec<usize>,
    /// Where its entries lie.
    pub range: Range<usize>,
}

/// Ranges of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlockLayout {
    pub(crate) attention_norm: Range<usize>,
    /// Queries, keys, values: `[(H + 2K)·E, D]`.
    pub(crate) qkv: Range<usize>,
    /// `[E]` each, for families with QK-norm.
    pub(crate) qk_norm: Option<(Range<usize>, Range<usize>)>,
    /// `[D, H·E]`.
    pub(crate) out: Range<usize>,
    pub(crate) mlp_norm: Range<usize>,
    /// Gate, then up: `[2F, D]`.
    pub(crate) gate_up: Range<usize>,
    /// `[D, F]`.
    pub(crate) down: Range<usize>,
}

/// Where every tensor of a decoder lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    tensors: Vec<Tensor>,
    pub(crate) embedding: Range<usize>,
    pub(crate) blocks: Vec<BlockLayout>,
    pub(crate) norm: Range<usize>,
    /// Equal to `embedding` for tied heads.
    pub(crate) head: Range<usize>,
    len: usize,
}

impl Layout {
    /// The layout of a configuration.
    pub fn new(config: &Config) -> Self {
        let mut tensors = Vec::new();
        let mut len = 0;
        let mut add = |name: String, shape: &[usize]| {
            let range = len..len + shape.iter().product::<usize>();
            len = range.end;
            tensors.push(Tensor { name, shape: shape.to_vec(), range: range.clone() });
            range
        };
        let (d, f) = (config.width, config.feed_forward);
        let embedding = add("model.embed_tokens.weight".into(), &[config.vocabulary, d]);
        let blocks = (0..config.layers)
            .map(|layer| {
                let mut named = |part: &str, shape: &[usize]| {
                    add(format!("model.layers.{layer}.{part}.weight"), shape)
                };
                let attention_norm = named("input_layernorm", &[d]);
                let q = named("self_attn.q_proj", &[config.query_width(), d]);
                named("self_attn.k_proj", &[config.kv_width(), d]);
                let v = named("self_attn.v_proj", &[config.kv_width(), d]);
                let qk_norm = (config.family == Family::Qwen3).then(|| {
                    let q_norm = named("self_attn.q_norm", &[config.head_width]);
                    (q_norm, named("self_attn.k_norm", &[config.head_width]))
                });
                let out = named("self_attn.o_proj", &[d, config.query_width()]);
                let mlp_norm = named("post_attention_layernorm", &[d]);
                let gate = named("mlp.gate_proj", &[f, d]);
                let up = named("mlp.up_proj", &[f, d]);
                let down = named("mlp.down_proj", &[d, f]);
                let (qkv, gate_up) = (q.start..v.end, gate.start..up.end);
                BlockLayout { attention_norm, qkv, qk_norm, out, mlp_norm, gate_up, down }
            })
            .collect();
        let norm = add("model.norm.weight".into(), &[d]);
        let head = if config.tied_head {
            embedding.clone()
        } else {
            add("lm_head.weight".into(), &[config.vocabulary, d])
        };
        Self { tensors, embedding, blocks, norm, head, len }
    }

    /// Every tensor, in storage order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Number of parameters.
    pub fn n_parameters(&self) -> usize {
        self.len
    }

    /// Ranges that weight decay applies to: matrices, without the embedding and without norms.
    pub fn decayed(&self) -> Vec<Range<usize>> {
        let decays = |t: &&Tensor| t.shape.len() == 2 && t.range != self.embedding;
        self.tensors.iter().filter(decays).map(|t| t.range.clone()).collect()
    }
}

/// A decoder's parameters.
#[derive(Debug, Clone)]
pub struct Weights<T> {
    /// Its shape.
    pub config: Config,
    /// Where each tensor lies in `data`.
    pub layout: Layout,
    /// All parameters.
    pub data: Vec<T>,
}

impl<T: Real> Weights<T> {
    /// Fresh weights: norms one, matrices normal with standard deviation 0.02·√(D₀/D) where D₀ = 768, and the two
    /// matrices that write to the residual stream divided by √(2·layers) (Radford et al. 2019).
    pub fn random(config: Config, seed: Seed) -> Self {
        let layout = Layout::new(&config);
        let mut data = vec![T::ONE; layout.n_parameters()];
        let spread = 0.02 * (768.0 / config.width as f64).sqrt();
        for (index, tensor) in layout.tensors.iter().enumerate() {
            if tensor.shape.len() < 2 {
                continue;
            }
            let writes_residual =
                tensor.name.contains("o_proj") || tensor.name.contains("down_proj");
            let damp = if writes_residual { (2.0 * config.layers as f64).sqrt() } else { 1.0 };
            let mut stream = seed.stream("weights", index as u64);
            for x in &mut data[tensor.range.clone()] {
                *x = T::from_f64(stream.normal() * spread / damp);
            }
        }
        Self { config, layout, data }
    }

    /// The same weights in another precision.
    pub fn cast<U: Real>(&self) -> Weights<U> {
        Weights {
            config: self.config.clone(),
            layout: self.layout.clone(),
            data: self.data.iter().map(|x| U::from_f64(x.to_f64())).collect(),
        }
    }

    pub(crate) fn part(&self, range: &Range<usize>) -> &[T] {
        &self.data[range.clone()]
    }
}
