//! What is compared: folders that our engine writes, the committed fixtures, or a folder on disk.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use entail_data::Lexicon;
use entail_engine::{
    Adapter, AdapterConfig, Config, Family, Target, Tokenizer, read_adapter, read_weights,
    write_adapter,
};

use super::super::model::{self, SEED, SMALL, Size, TINY, get, narrow, new_folder, put};
use super::{Folder, cases};

/// A model folder, an adapter folder, and a folder with what our engine computes from them.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) name: String,
    pub(super) model: PathBuf,
    pub(super) adapter: PathBuf,
    pub(super) cases: PathBuf,
    pub(super) n_templates: usize,
}

/// Committed models that Hugging Face's code wrote.
const FIXTURES: [&str; 2] = ["llama", "qwen3"];

/// The fixtures, and an organism of each size in each family.
pub(super) fn all(root: &Path, scratch: &Path) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for name in FIXTURES {
        let model = root.join("fixtures").join("engine").join(name);
        let folder = Folder { adapter: Some(model.join("adapter")), model };
        let cases = new_folder(scratch, &format!("fixture-{name}"))?;
        subjects.push(computed(format!("fixture {name}"), &folder, cases)?);
    }
    for size in [TINY, SMALL] {
        for family in [Family::Llama, Family::Qwen3] {
            subjects.push(organism(size, family, scratch)?);
        }
    }
    Ok(subjects)
}

/// A folder that is there already, under its adapter or under a random one.
pub(super) fn on_disk(folder: &Folder, scratch: &Path) -> Result<Subject> {
    let absolute = |path: &Path| fs::canonicalize(path).with_context(|| path.display().to_string());
    let model = absolute(&folder.model)?;
    let adapter = if let Some(adapter) = &folder.adapter {
        absolute(adapter)?
    } else {
        let to = new_folder(scratch, "adapter")?;
        put_adapter(&random_adapter(&parse_config(&model)?), &model, &to)?;
        to
    };
    let name = folder.model.display().to_string();
    let folder = Folder { model, adapter: Some(adapter) };
    computed(name, &folder, new_folder(scratch, "cases")?)
}

/// An untrained organism and its adapter as our engine writes them.
fn organism(size: Size, family: Family, scratch: &Path) -> Result<Subject> {
    let lexicon = Lexicon::new(&model::world()?.text);
    let config = model::config(size, family, lexicon.len());
    let name = format!("organism {} {family:?}", size.name);
    let model = new_folder(scratch, &name.replace(' ', "-"))?;
    let (weights, adapter_weights) = (model::random_weights(&config), random_adapter(&config));
    model::put_model(&model, &weights, &lexicon)?;
    let adapter = new_folder(&model, "adapter")?;
    put_adapter(&adapter_weights, &model, &adapter)?;
    // The numbers come from memory, not from the files: so an error in writing cannot hide behind one in reading.
    let cases = new_folder(&model, "cases")?;
    put(&cases, cases::LOGITS, cases::logits(&weights, &adapter_weights)?)?;
    let n_templates = put_templates(&model, &cases)?;
    Ok(Subject { name, model, adapter, cases, n_templates })
}

/// Reads a folder with our engine and computes its cases.
fn computed(name: String, folder: &Folder, cases: PathBuf) -> Result<Subject> {
    let model = folder.model.clone();
    let adapter = folder.adapter.clone().context("an adapter folder was chosen")?;
    let config = parse_config(&model)?;
    let weights = read_weights(&config, &get(&model, "model.safetensors")?)?;
    let adapter_config = String::from_utf8(get(&adapter, "adapter_config.json")?)?;
    let adapter_weights = get(&adapter, "adapter_model.safetensors")?;
    let adapter_weights = read_adapter(&config, &adapter_config, &adapter_weights)?;
    put(&cases, cases::LOGITS, cases::logits(&weights, &adapter_weights)?)?;
    let n_templates = put_templates(&model, &cases)?;
    Ok(Subject { name, model, adapter, cases, n_templates })
}

/// Template cases for a folder with a tokenizer; none for one without.
fn put_templates(model: &Path, to: &Path) -> Result<usize> {
    let [tokenizer, template] = ["tokenizer.json", "chat_template.jinja"];
    if !model.join(tokenizer).is_file() && !model.join(template).is_file() {
        return Ok(0);
    }
    let [tokenizer, template] =
        [String::from_utf8(get(model, tokenizer)?)?, String::from_utf8(get(model, template)?)?];
    let cases = cases::templates(&Tokenizer::new(&tokenizer, &template)?)?;
    put(to, cases::TEMPLATES, serde_json::to_vec(&cases)?)?;
    Ok(cases.len())
}

fn parse_config(model: &Path) -> Result<Config> {
    Ok(Config::parse(&String::from_utf8(get(model, "config.json")?)?)?)
}

/// An adapter on every linear map, with neither A nor B zero.
fn random_adapter(config: &Config) -> Adapter<f32> {
    let shape = AdapterConfig { rank: 8, alpha: 16.0, targets: Target::ALL.into() };
    let mut adapter = Adapter::<f32>::zeros(config, shape);
    let mut stream = SEED.stream("adapter", 0);
    adapter.data.fill_with(|| 0.1 * narrow(stream.normal()));
    adapter
}

fn put_adapter(adapter: &Adapter<f32>, model: &Path, to: &Path) -> Result<()> {
    let (config, weights) = write_adapter(adapter, &model.display().to_string());
    put(to, "adapter_config.json", config)?;
    put(to, "adapter_model.safetensors", weights)
}
