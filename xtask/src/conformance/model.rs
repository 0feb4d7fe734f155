//! Model folders as our program writes them: random weights under an organism's language.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use entail_data::{CHAT_TEMPLATE, END, Lexicon, OrganismSpec, World};
use entail_engine::{Config, Family, Weights, write_weights};
use entail_schema::Seed;
use serde_json::json;

/// Seed of every random weight and token of the comparisons.
pub(super) const SEED: Seed = Seed(7);

/// Width and blocks of an organism's transformer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) name: &'static str,
    width: usize,
    layers: usize,
}

/// That of `entail_data::Size::Tiny`.
pub(super) const TINY: Size = Size { name: "tiny", width: 32, layers: 1 };
/// That of `entail_data::Size::Small`.
pub(super) const SMALL: Size = Size { name: "small", width: 64, layers: 2 };

/// The world whose language the models speak.
pub(super) fn world() -> Result<World> {
    Ok(World::new(&OrganismSpec::parse("organism:linked?size=tiny")?))
}

/// An organism's shape; the other family varies what organisms leave alone.
pub(super) fn config(size: Size, family: Family, vocabulary: usize) -> Config {
    Config {
        family,
        vocabulary,
        width: size.width,
        layers: size.layers,
        heads: 4,
        // Organisms are Llamas with a key head for each query head.
        kv_heads: if family == Family::Qwen3 { 2 } else { 4 },
        head_width: size.width / 4,
        feed_forward: size.width * 5 / 2,
        rope_theta: 10_000.0,
        norm_eps: 1e-5,
        tied_head: family == Family::Llama,
        max_positions: 160,
    }
}

/// Weights as large as trained ones, so that attention is uneven and every part of a block matters.
pub(super) fn random_weights(config: &Config) -> Weights<f32> {
    let mut weights = Weights::<f32>::random(config.clone(), SEED);
    let mut stream = SEED.stream("norms", 0);
    for tensor in weights.layout.tensors() {
        let norm = tensor.shape.len() == 1;
        for x in &mut weights.data[tensor.range.clone()] {
            *x = if norm { 1.0 + 0.2 * narrow(stream.normal()) } else { 2.0 * *x };
        }
    }
    weights
}

/// The files that other programs read a model from.
pub(super) fn put_model(folder: &Path, weights: &Weights<f32>, lexicon: &Lexicon) -> Result<()> {
    put(folder, "config.json", serde_json::to_vec_pretty(&weights.config.to_json())?)?;
    put(folder, "model.safetensors", write_weights(weights))?;
    put(folder, "tokenizer.json", lexicon.tokenizer_json().to_string())?;
    put(folder, "tokenizer_config.json", serde_json::to_vec(&Lexicon::tokenizer_config_json())?)?;
    let generation = json!({ "do_sample": true, "eos_token_id": lexicon.id(END) });
    put(folder, "generation_config.json", generation.to_string())?;
    put(folder, "chat_template.jinja", CHAT_TEMPLATE)
}

#[expect(clippy::cast_possible_truncation, reason = "rounding a random number leaves it random")]
pub(super) fn narrow(x: f64) -> f32 {
    x as f32
}

pub(super) fn new_folder(parent: &Path, name: &str) -> Result<PathBuf> {
    let folder = parent.join(name);
    fs::create_dir(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

pub(super) fn get(folder: &Path, name: &str) -> Result<Vec<u8>> {
    let path = folder.join(name);
    fs::read(&path).with_context(|| path.display().to_string())
}

pub(super) fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, bytes).with_context(|| path.display().to_string())
}
