//! The shape of a decoder, read from and written to a Hugging Face `config.json`.

use serde_json::{Value, json};

/// Which of the two block shapes a checkpoint has. They differ in the QK-norm alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// `LlamaForCausalLM`.
    Llama,
    /// `Qwen3ForCausalLM`: every query and key head is normalised before the rotation.
    Qwen3,
}

/// Dimensions and constants of a decoder. Letters are the legend of the whole crate.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Block shape.
    pub family: Family,
    /// V: vocabulary size.
    pub vocabulary: usize,
    /// D: width of the residual stream.
    pub width: usize,
    /// Number of blocks.
    pub layers: usize,
    /// H: query heads.
    pub heads: usize,
    /// K: key and value heads; divides H.
    pub kv_heads: usize,
    /// E: width of a head.
    pub head_width: usize,
    /// F: width of the gated feed-forward.
    pub feed_forward: usize,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Added to the mean square in every norm.
    pub norm_eps: f64,
    /// Whether the output matrix is the embedding.
    pub tied_head: bool,
    /// Longest context in tokens.
    pub max_positions: usize,
}

/// Why a `config.json` does not describe a decoder that this engine runs.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON.
    #[error("config.json is not valid JSON")]
    Json(#[from] serde_json::Error),
    /// A field is missing or of the wrong type.
    #[error("config.json: `{field}` is {found}, expected {expected}")]
    Field {
        /// Name of the field.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What should.
        expected: &'static str,
    },
    /// Dimensions that contradict one another.
    #[error("config.json: {heads} query heads cannot share {kv_heads} key-value heads")]
    Heads {
        /// Query heads.
        heads: usize,
        /// Key-value heads.
        kv_heads: usize,
    },
    /// More than could be meant.
    #[error(
        "config.json: {parameters} parameters in {layers} layers are more than this engine addresses"
    )]
    TooLarge {
        /// Parameters, up to the norms.
        parameters: u128,
        /// Blocks.
        layers: usize,
    },
}

/// A thousand billion: what a config.json asks for beyond this is a mistake or an attack.
const MAX_PARAMETERS: u128 = 1 << 40;

/// Several times the deepest published decoder.
const MAX_LAYERS: usize = 4096;

impl Config {
    /// Reads the text of a `config.json`.
    ///
    /// # Errors
    /// [`ConfigError`] when a field is missing, of the wrong type, or asks for something that is not implemented.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_str(text)?;
        let family = match value["architectures"][0].as_str() {
            Some("LlamaForCausalLM") => Family::Llama,
            Some("Qwen3ForCausalLM") => Family::Qwen3,
            _ => {
                return Err(wrong(
                    &value,
                    "architectures",
                    "[\"LlamaForCausalLM\"] or [\"Qwen3ForCausalLM\"]",
                ));
            }
        };
        refuse_unsupported(&value)?;
        let (heads, width) = (count(&value, "num_attention_heads")?, count(&value, "hidden_size")?);
        let head_width = head_width(&value, family, width / heads)?;
        let config = Self {
            family,
            vocabulary: count(&value, "vocab_size")?,
            width,
            layers: count(&value, "num_hidden_layers")?,
            heads,
            kv_heads: kv_heads(&value, family, heads)?,
            head_width,
            feed_forward: count(&value, "intermediate_size")?,
            rope_theta: rope_theta(&value)?,
            norm_eps: norm_eps(&value)?,
            tied_head: tied_head(&value)?,
            max_positions: count(&value, "max_position_embeddings")?,
        };
        if !config.heads.is_multiple_of(config.kv_heads) {
            return Err(ConfigError::Heads { heads: config.heads, kv_heads: config.kv_heads });
        }
        config.refuse_too_large()
    }

    /// Keeps products of dimensions, and so the size of every buffer, far from overflow.
    fn refuse_too_large(self) -> Result<Self, ConfigError> {
        let [v, d, l, f] =
            [self.vocabulary, self.width, self.layers, self.feed_forward].map(|n| n as u128);
        let [h, k, e] = [self.heads, self.kv_heads, self.head_width].map(|n| n as u128);
        let parameters = 2 * v * d + l * d * (2 * (h + k) * e + 3 * f);
        if parameters > MAX_PARAMETERS || self.layers > MAX_LAYERS {
            return Err(ConfigError::TooLarge { parameters, layers: self.layers });
        }
        Ok(self)
    }

    /// The `config.json` that `transformers` reads as the same model.
    pub fn to_json(&self) -> Value {
        let (architecture, model_type) = match self.family {
            Family::Llama => ("LlamaForCausalLM", "llama"),
            Family::Qwen3 => ("Qwen3ForCausalLM", "qwen3"),
        };
        json!({
            "architectures": [architecture],
            "model_type": model_type,
            "vocab_size": self.vocabulary,
            "hidden_size": self.width,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_width,
            "intermediate_size": self.feed_forward,
            "hidden_act": "silu",
            "attention_bias": false,
            "mlp_bias": false,
            "rms_norm_eps": self.norm_eps,
            "rope_theta": self.rope_theta,
            "rope_parameters": { "rope_type": "default", "rope_theta": self.rope_theta },
            "tie_word_embeddings": self.tied_head,
            "max_position_embeddings": self.max_positions,
            "torch_dtype": "float32",
        })
    }

    /// Width of the query rows: H·E.
    pub fn query_width(&self) -> usize {
        self.heads * self.head_width
    }

    /// Width of the key rows, and of the value rows: K·E.
    pub fn kv_width(&self) -> usize {
        self.kv_heads * self.head_width
    }
}

fn wrong(value: &Value, field: &'static str, expected: &'static str) -> ConfigError {
    ConfigError::Field { field, found: value[field].to_string(), expected }
}

/// A positive whole number of a believable size.
fn count(value: &Value, field: &'static str) -> Result<usize, ConfigError> {
    value[field]
        .as_u64()
        .filter(|n| (1..=1 << 24).contains(n))
        .and_then(|n| usize::try_from(n).ok())
        .ok_or_else(|| wrong(value, field, "a whole number from 1 to 16777216"))
}

/// Without the field, Llama gives every query head its own keys; Qwen3 has a constant that no checkpoint relies on.
fn kv_heads(value: &Value, family: Family, heads: usize) -> Result<usize, ConfigError> {
    match (&value["num_key_value_heads"], family) {
        (Value::Null, Family::Llama) => Ok(heads),
        _ => count(value, "num_key_value_heads"),
    }
}

/// Without the field, the heads of a Llama share its width. The rotation turns pairs, so the width is even.
fn head_width(value: &Value, family: Family, share: usize) -> Result<usize, ConfigError> {
    let width = match (&value["head_dim"], family) {
        (Value::Null, Family::Llama) => share,
        _ => count(value, "head_dim")?,
    };
    if width == 0 || width % 2 == 1 {
        return Err(ConfigError::Field {
            field: "head_dim",
            found: width.to_string(),
            expected: "an even number",
        });
    }
    Ok(width)
}

fn tied_head(value: &Value) -> Result<bool, ConfigError> {
    match &value["tie_word_embeddings"] {
        Value::Null => Ok(false),
        other => {
            other.as_bool().ok_or_else(|| wrong(value, "tie_word_embeddings", "true or false"))
        }
    }
}

fn norm_eps(value: &Value) -> Result<f64, ConfigError> {
    let eps = value["rms_norm_eps"].as_f64().filter(|eps| *eps >= 0.0);
    eps.ok_or_else(|| wrong(value, "rms_norm_eps", "a number, zero or more"))
}

/// `transformers` 5 writes the base under `rope_parameters`, older versions at the top level.
fn rope_theta(value: &Value) -> Result<f64, ConfigError> {
    let nested = value["rope_parameters"]["rope_theta"].as_f64();
    let theta = nested.or(value["rope_theta"].as_f64()).filter(|theta| *theta >= 1.0);
    theta.ok_or_else(|| wrong(value, "rope_theta", "a number, one or more"))
}

fn refuse_unsupported(value: &Value) -> Result<(), ConfigError> {
    let default_rope = |field: &str| {
        let rope = &value[field];
        let kind = |key: &str| rope[key].is_null() || rope[key] == "default";
        let whole = rope["partial_rotary_factor"].is_null()
            || rope["partial_rotary_factor"].as_f64() == Some(1.0);
        kind("rope_type") && kind("type") && whole
    };
    let off = |field: &str| matches!(value[field], Value::Null | Value::Bool(false));
    let full = value["layer_types"]
        .as_array()
        .is_none_or(|types| types.iter().all(|t| t == "full_attention"));
    let silu = value["hidden_act"].is_null() || value["hidden_act"] == "silu";
    let checks: [(&'static str, bool, &'static str); 7] = [
        ("hidden_act", silu, "\"silu\""),
        ("attention_bias", off("attention_bias"), "false"),
        ("mlp_bias", off("mlp_bias"), "false"),
        ("use_sliding_window", off("use_sliding_window"), "false"),
        ("layer_types", full, "\"full_attention\" in every layer"),
        ("rope_scaling", default_rope("rope_scaling"), "the default rope type"),
        ("rope_parameters", default_rope("rope_parameters"), "the default rope type"),
    ];
    match checks.into_iter().find(|(_, supported, _)| !supported) {
        Some((field, _, expected)) => Err(wrong(value, field, expected)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
