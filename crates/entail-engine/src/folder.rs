//! Weights and adapters as Hugging Face and `peft` keep them on disk, read from and written to bytes.
//!
//! Files come from anywhere, so every header is checked against the configuration before memory is taken for it.
//! What is written is a function of its input alone: the same weights give the same bytes.

use std::collections::BTreeSet;
use std::fmt;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, SafeTensorError, TensorView};
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::{Value, json};

use crate::adapter::{Adapter, AdapterConfig, Target};
use crate::config::Config;
use crate::weights::{Layout, Tensor, Weights};

/// Why a file does not hold the weights or the adapter that its configuration describes.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Not a safetensors file: truncated, offsets that overlap or overflow, a header that is not JSON.
    #[error("not a valid safetensors file")]
    Format(#[from] SafeTensorError),
    /// A name stands twice in the header, or the header is not a map.
    #[error("not a valid safetensors header")]
    Header(#[source] serde_json::Error),
    /// A tensor that the configuration asks for is not there.
    #[error("tensor `{name}` is missing")]
    Missing {
        /// Its name.
        name: String,
    },
    /// A tensor that the configuration does not know.
    #[error("tensor `{name}` is not part of this model")]
    Unexpected {
        /// Its name.
        name: String,
    },
    /// A tensor of another shape.
    #[error("tensor `{name}` has shape {got:?}, expected {want:?}")]
    Shape {
        /// Its name.
        name: String,
        /// Shape in the file.
        got: Vec<usize>,
        /// Shape that the configuration asks for.
        want: Vec<usize>,
    },
    /// A tensor that is not stored as 32-bit floats.
    #[error("tensor `{name}` has type {got}, expected F32")]
    Dtype {
        /// Its name.
        name: String,
        /// Type in the file.
        got: Dtype,
    },
    /// An infinity or NaN among the entries.
    #[error("tensor `{name}` holds {value} at entry {index}")]
    NotFinite {
        /// Its name.
        name: String,
        /// Index in the row-major tensor.
        index: usize,
        /// What stands there.
        value: f32,
    },
    /// The file has an output matrix of its own, which the configuration says is the embedding.
    #[error("tensor `{HEAD}` differs from the embedding although config.json ties them")]
    HeadNotTied,
    /// `adapter_config.json` is not JSON.
    #[error("adapter_config.json is not valid JSON")]
    Json(#[from] serde_json::Error),
    /// `adapter_config.json` asks for something that is not implemented.
    #[error("adapter_config.json: `{setting}` is {found}, expected {expected}")]
    Setting {
        /// Name of the setting.
        setting: String,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
}

/// Name of the output matrix; a tied one is the embedding and is not written.
const HEAD: &str = "lm_head.weight";

/// The largest rank that is read. It keeps the sizes of hostile files representable.
const MAX_RANK: u64 = 1 << 16;

/// Settings of `adapter_config.json` that do not change what a loaded adapter computes.
const HARMLESS: [&str; 11] = [
    "auto_mapping",
    "base_model_name_or_path",
    "inference_mode",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "r",
    "revision",
    "target_modules",
];

/// Reads a `model.safetensors`.
///
/// # Errors
/// [`LoadError`] when the file is malformed or does not hold exactly the tensors of `config`, finite and as F32.
pub fn read_weights(config: &Config, safetensors: &[u8]) -> Result<Weights<f32>, LoadError> {
    let file = open(safetensors)?;
    let layout = Layout::new(config);
    let tied_head = Tensor { name: HEAD.into(), ..layout.tensors()[0].clone() };
    let may_hold = |name: &str| config.tied_head && name == HEAD;
    let data = read_tensors(&file, layout.tensors(), may_hold)?;
    if config.tied_head && file.names().contains(&HEAD) {
        let embedding = view(&file, &layout.tensors()[0])?;
        if view(&file, &tied_head)?.data() != embedding.data() {
            return Err(LoadError::HeadNotTied);
        }
    }
    Ok(Weights { config: config.clone(), layout, data })
}

/// The `model.safetensors` that `transformers` reads as these weights.
pub fn write_weights(weights: &Weights<f32>) -> Vec<u8> {
    write_tensors(weights.layout.tensors(), &weights.data)
}

/// Reads an `adapter_config.json` and its `adapter_model.safetensors`.
///
/// # Errors
/// [`LoadError`] when either is malformed, asks for something that is not implemented, or does not fit `base`.
pub fn read_adapter(
    base: &Config,
    adapter_config: &str,
    safetensors: &[u8],
) -> Result<Adapter<f32>, LoadError> {
    let config = parse_adapter_config(adapter_config)?;
    let file = open(safetensors)?;
    let layout = Adapter::layout(base, config);
    let data = read_tensors(&file, &layout.tensors, |_| false)?;
    Ok(Adapter { data, ..layout })
}

/// The `adapter_config.json` and `adapter_model.safetensors` that `peft` reads as this adapter of `base_name`.
pub fn write_adapter(adapter: &Adapter<f32>, base_name: &str) -> (String, Vec<u8>) {
    let mut targets: Vec<&str> =
        adapter.config.targets.iter().map(|target| target.name()).collect();
    targets.sort_unstable();
    let config = json!({
        "auto_mapping": null,
        "base_model_name_or_path": base_name,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": whole_or_fraction(adapter.config.alpha),
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": adapter.config.rank,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_rslora": false,
    });
    let text = serde_json::to_string_pretty(&config).expect("a JSON value has a text") + "\n";
    (text, write_tensors(&adapter.tensors, &adapter.data))
}

/// `peft` declares `lora_alpha` as a whole number, and strict readers insist.
fn whole_or_fraction(x: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the cast is checked by comparing back")]
    let whole = x as i64;
    if (whole as f64).total_cmp(&x).is_eq() { json!(whole) } else { json!(x) }
}

fn parse_adapter_config(text: &str) -> Result<AdapterConfig, LoadError> {
    let value: Value = serde_json::from_str(text)?;
    let wrong = |setting: &str, expected| LoadError::Setting {
        setting: setting.to_owned(),
        found: value[setting].to_string(),
        expected,
    };
    let settings = value.as_object().ok_or_else(|| wrong("peft_type", "\"LORA\""))?;
    let rank = value["r"]
        .as_u64()
        .filter(|r| (1..=MAX_RANK).contains(r))
        .and_then(|r| usize::try_from(r).ok());
    let rank = rank.ok_or_else(|| wrong("r", "a whole number from 1 to 65536"))?;
    let alpha = value["lora_alpha"].as_f64().ok_or_else(|| wrong("lora_alpha", "a number"))?;
    let target =
        |module: &Value| Target::ALL.into_iter().find(|t| Some(t.name()) == module.as_str());
    let modules = value["target_modules"].as_array().filter(|modules| !modules.is_empty());
    let targets: Option<BTreeSet<Target>> =
        modules.and_then(|modules| modules.iter().map(target).collect());
    let targets = targets
        .ok_or_else(|| wrong("target_modules", "a list of linear maps such as [\"q_proj\"]"))?;
    if value["peft_type"] != "LORA" {
        return Err(wrong("peft_type", "\"LORA\""));
    }
    for (setting, value) in settings {
        if let Some(expected) = refused(setting, value) {
            return Err(wrong(setting, expected));
        }
    }
    Ok(AdapterConfig { rank, alpha, targets })
}

/// What a setting should have been, where it is not that. Settings that this version does not know must be off.
fn refused(setting: &str, value: &Value) -> Option<&'static str> {
    let is = |texts: &[&str]| value.as_str().is_some_and(|text| texts.contains(&text));
    let off = match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => false,
    };
    let (accepted, expected) = match setting {
        "peft_type" => (is(&["LORA"]), "\"LORA\""),
        "task_type" => (off || is(&["CAUSAL_LM"]), "\"CAUSAL_LM\""),
        "bias" => (off || is(&["none"]), "\"none\""),
        // Other initialisations also change the base when an adapter is loaded.
        "init_lora_weights" => (off || value == true || is(&["gaussian"]), "true"),
        harmless if HARMLESS.contains(&harmless) => (true, ""),
        _ => (off, "null, false or empty"),
    };
    (!accepted).then_some(expected)
}

/// The file's table of tensors. The crate checks lengths and offsets; that no name stands twice is checked here.
fn open(bytes: &[u8]) -> Result<SafeTensors<'_>, LoadError> {
    let file = SafeTensors::deserialize(bytes)?;
    let (header_len, _) = SafeTensors::read_metadata(bytes)?;
    let header = &bytes[size_of::<u64>()..][..header_len];
    serde_json::from_slice::<UniqueNames>(header).map_err(LoadError::Header)?;
    Ok(file)
}

/// Reads a map for the sake of its names alone.
struct UniqueNames;

impl<'de> Deserialize<'de> for UniqueNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Self)
    }
}

impl<'de> Visitor<'de> for UniqueNames {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            if !names.insert(name.clone()) {
                return Err(A::Error::custom(format_args!("the name `{name}` stands twice")));
            }
        }
        Ok(self)
    }
}

/// Reads exactly the given tensors, end to end, beside those that the file `may_hold`.
fn read_tensors(
    file: &SafeTensors<'_>,
    tensors: &[Tensor],
    may_hold: impl Fn(&str) -> bool,
) -> Result<Vec<f32>, LoadError> {
    let views = tensors.iter().map(|tensor| view(file, tensor)).collect::<Result<Vec<_>, _>>()?;
    let known: BTreeSet<&str> = tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    if let Some(name) =
        file.names().into_iter().filter(|name| !known.contains(name) && !may_hold(name)).min()
    {
        return Err(LoadError::Unexpected { name: name.to_owned() });
    }
    // Every shape was found in the file, so this is no more than the file holds.
    let mut data = Vec::with_capacity(tensors.last().map_or(0, |tensor| tensor.range.end));
    for (tensor, view) in tensors.iter().zip(views) {
        let (entries, _) = view.data().as_chunks();
        for (index, &entry) in entries.iter().enumerate() {
            let value = f32::from_le_bytes(entry);
            if !value.is_finite() {
                return Err(LoadError::NotFinite { name: tensor.name.clone(), index, value });
            }
            data.push(value);
        }
    }
    Ok(data)
}

/// One tensor of the file, of the right type and shape.
fn view<'f>(file: &SafeTensors<'f>, tensor: &Tensor) -> Result<TensorView<'f>, LoadError> {
    let name = || tensor.name.clone();
    let view = file.tensor(&tensor.name).map_err(|_| LoadError::Missing { name: name() })?;
    if view.dtype() != Dtype::F32 {
        return Err(LoadError::Dtype { name: name(), got: view.dtype() });
    }
    if view.shape() != tensor.shape {
        return Err(LoadError::Shape {
            name: name(),
            got: view.shape().to_vec(),
            want: tensor.shape.clone(),
        });
    }
    Ok(view)
}

fn write_tensors(tensors: &[Tensor], data: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = data.iter().flat_map(|x| x.to_le_bytes()).collect();
    let views = tensors.iter().map(|tensor| {
        let entries =
            &bytes[tensor.range.start * size_of::<f32>()..tensor.range.end * size_of::<f32>()];
        let view = TensorView::new(Dtype::F32, tensor.shape.clone(), entries)
            .expect("a range is as long as its shape");
        (tensor.name.as_str(), view)
    });
    let metadata = [("format".to_owned(), "pt".to_owned())];
    safetensors::serialize(views, Some(metadata.into()))
        .expect("tensors in memory have a valid header")
}

#[cfg(test)]
mod tests;
