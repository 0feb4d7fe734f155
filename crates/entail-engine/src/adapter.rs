//! Low-rank adapters (Hu et al. 2021) on any of a block's seven linear maps, in one flat vector.
//!
//! An adapter is an argument of a forward pass, never a state of the model.

use std::collections::BTreeSet;
use std::ops::Range;

use entail_schema::Seed;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::real::Real;
use crate::weights::Tensor;

/// A linear map that an adapter can sit on. Names in files are those of `peft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// Queries.
    #[serde(rename = "q_proj")]
    Query,
    /// Keys.
    #[serde(rename = "k_proj")]
    Key,
    /// Values.
    #[serde(rename = "v_proj")]
    Value,
    /// Attention output.
    #[serde(rename = "o_proj")]
    Output,
    /// Feed-forward gate.
    #[serde(rename = "gate_proj")]
    Gate,
    /// Feed-forward input.
    #[serde(rename = "up_proj")]
    Up,
    /// Feed-forward output.
    #[serde(rename = "down_proj")]
    Down,
}

impl Target {
    /// All seven, in the order of the block.
    pub const ALL: [Self; 7] =
        [Self::Query, Self::Key, Self::Value, Self::Output, Self::Gate, Self::Up, Self::Down];

    /// The module's path inside a block, as Hugging Face names it.
    pub fn module(self) -> &'static str {
        match self {
            Self::Query => "self_attn.q_proj",
            Self::Key => "self_attn.k_proj",
            Self::Value => "self_attn.v_proj",
            Self::Output => "self_attn.o_proj",
            Self::Gate => "mlp.gate_proj",
            Self::Up => "mlp.up_proj",
            Self::Down => "mlp.down_proj",
        }
    }

    /// The last part of [`Target::module`], as `adapter_config.json` lists it.
    pub fn name(self) -> &'static str {
        self.module().rsplit('.').next().expect("a module path has a last part")
    }

    /// `(out, in)` of the map.
    fn shape(self, config: &Config) -> (usize, usize) {
        match self {
            Self::Query => (config.query_width(), config.width),
            Self::Key | Self::Value => (config.kv_width(), config.width),
            Self::Output => (config.width, config.query_width()),
            Self::Gate | Self::Up => (config.feed_forward, config.width),
            Self::Down => (config.width, config.feed_forward),
        }
    }
}

/// Shape of an adapter.
#[derive(Debug, Clone, PartialEq)]
pub struct AdapterConfig {
    /// R: inner width.
    pub rank: usize,
    /// The update is scaled by `alpha / rank`.
    pub alpha: f64,
    /// Which maps are adapted.
    pub targets: BTreeSet<Target>,
}

/// An adapted map inside a group of maps that share their input.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    /// `[out, R]`.
    pub(crate) b: Range<usize>,
    /// First column of this map in the group's joined output.
    pub(crate) column: usize,
    pub(crate) out: usize,
}

/// The adapted maps that share one input; their A matrices are one `[members·R, in]` matrix.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) a: Range<usize>,
    pub(crate) members: Vec<Member>,
}

/// The four groups of a block, in order: queries-keys-values, attention output, gate-up, down.
pub(crate) type BlockGroups = [Group; 4];

const GROUPS: [&[Target]; 4] = [
    &[Target::Query, Target::Key, Target::Value],
    &[Target::Output],
    &[Target::Gate, Target::Up],
    &[Target::Down],
];

/// A low-rank adapter for one base model.
#[derive(Debug, Clone)]
pub struct Adapter<T> {
    /// Its shape.
    pub config: AdapterConfig,
    /// A and B of every adapted map.
    pub data: Vec<T>,
    /// Names as `peft` saves them.
    pub tensors: Vec<Tensor>,
    pub(crate) blocks: Vec<BlockGroups>,
}

impl<T: Real> Adapter<T> {
    /// An adapter that changes nothing yet: A uniform within ±1/√in (Kaiming with a = √5, as in `peft`), B zero.
    pub fn new(base: &Config, config: AdapterConfig, seed: Seed) -> Self {
        let mut adapter = Self::zeros(base, config);
        for (index, tensor) in adapter.tensors.iter().enumerate() {
            if tensor.name.ends_with("lora_A.weight") {
                let bound = 1.0 / (tensor.shape[1] as f64).sqrt();
                let mut stream = seed.stream("adapter", index as u64);
                for x in &mut adapter.data[tensor.range.clone()] {
                    *x = T::from_f64((2.0 * stream.uniform() - 1.0) * bound);
                }
            }
        }
        adapter
    }

    /// An adapter of zeros.
    pub fn zeros(base: &Config, config: AdapterConfig) -> Self {
        let layout = Self::layout(base, config);
        let len = layout.tensors.last().map_or(0, |tensor| tensor.range.end);
        Self { data: vec![T::ZERO; len], ..layout }
    }

    /// An adapter whose tensors have their places but no entries yet.
    pub(crate) fn layout(base: &Config, config: AdapterConfig) -> Self {
        let mut tensors = Vec::new();
        let mut len = 0;
        let mut blocks = Vec::new();
        for layer in 0..base.layers {
            blocks.push(
                GROUPS.map(|group| {
                    layout_group(base, &config, (layer, group), &mut tensors, &mut len)
                }),
            );
        }
        Self { config, data: Vec::new(), tensors, blocks }
    }

    /// `alpha / rank`.
    pub(crate) fn scale(&self) -> T {
        T::from_f64(self.config.alpha / self.config.rank as f64)
    }

    /// The same adapter in another precision.
    pub fn cast<U: Real>(&self) -> Adapter<U> {
        Adapter {
            config: self.config.clone(),
            data: self.data.iter().map(|x| U::from_f64(x.to_f64())).collect(),
            tensors: self.tensors.clone(),
            blocks: self.blocks.clone(),
        }
    }
}

fn layout_group(
    base: &Config,
    config: &AdapterConfig,
    (layer, group): (usize, &[Target]),
    tensors: &mut Vec<Tensor>,
    len: &mut usize,
) -> Group {
    let mut add = |target: Target, side: char, shape: [usize; 2]| {
        let range = *len..*len + shape[0] * shape[1];
        *len = range.end;
        let name =
            format!("base_model.model.model.layers.{layer}.{}.lora_{side}.weight", target.module());
        tensors.push(Tensor { name, shape: shape.to_vec(), range: range.clone() });
        range
    };
    let adapted = |target: &Target| config.targets.contains(target);
    let start =
        group.iter().filter(|t| adapted(t)).map(|&t| add(t, 'A', [config.rank, t.shape(base).1]));
    let a = start.reduce(|joined, next| joined.start..next.end);
    let mut column = 0;
    let mut members = Vec::new();
    for &target in group {
        let out = target.shape(base).0;
        if adapted(&target) {
            members.push(Member { b: add(target, 'B', [out, config.rank]), column, out });
        }
        column += out;
    }
    Group { a: a.unwrap_or(0..0), members }
}
