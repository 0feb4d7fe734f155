//! Training jobs as folders that are carried to another machine.
//!
//! Nothing is written here: a job is names and contents of files.

use entail_engine::{Message, Role, Target};
use serde_json::json;

/// Rows that one process takes at once, where a batch is large enough. Changing it changes nothing but memory.
const MICRO_BATCH: usize = 8;

const TRAIN: &str = include_str!("export/train.py");
const REQUIREMENTS: &str = include_str!("export/requirements.txt");
const README: &str = include_str!("export/README.md");

/// How an adapter is to be trained with TRL and PEFT.
#[derive(Debug, Clone, PartialEq)]
pub struct TrlRecipe {
    /// The base: a name at the Hugging Face hub, or a folder on the other machine.
    pub base: String,
    /// Inner width of the adapter.
    pub rank: usize,
    /// The adapter's update is scaled by alpha / rank.
    pub alpha: f64,
    /// Rows per update.
    pub batch: usize,
    /// Peak learning rate.
    pub rate: f64,
    /// Whether the rate falls on a line to zero; else it is constant.
    pub linear: bool,
    /// Decay of weights (`AdamW`).
    pub weight_decay: f64,
    /// Gradients longer than this are shortened to it; `None`: never.
    pub clip_norm: Option<f64>,
    /// Seed of the adapter's first weights. Its lower 32 bits are used: `NumPy` takes no more.
    pub init_seed: u64,
}

/// One file of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFile {
    /// Its name in the folder.
    pub name: &'static str,
    /// All of it.
    pub content: String,
}

/// Why there is no job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// There is nothing to train on.
    #[error("there are no batches to train on")]
    NoBatches,
    /// A batch is empty or larger than the recipe's.
    #[error("batch {number} has {found} rows, expected 1 to {expected}")]
    Batch {
        /// Which, from 0.
        number: usize,
        /// Its rows.
        found: usize,
        /// Most rows.
        expected: usize,
    },
    /// A batch names a row that is not there.
    #[error("batch {number} names row {row}, but there are {n_rows}")]
    Row {
        /// Which batch, from 0.
        number: usize,
        /// The row.
        row: usize,
        /// How many rows there are.
        n_rows: usize,
    },
    /// Nothing would be learned of a row.
    #[error("row {row} has no message of the assistant")]
    NoAnswer {
        /// Which, from 0.
        row: usize,
    },
}

/// A folder with which `torchrun` trains a low-rank adapter of every linear map, on the assistant's messages only, in
/// batches that were drawn before. `batches` are indices of `rows`, all epochs one after the other.
///
/// # Errors
/// [`ExportError`] for batches that do not fit the rows or the recipe, and for rows without an answer.
pub fn trl_job(
    recipe: &TrlRecipe,
    rows: &[Vec<Message>],
    batches: &[Vec<usize>],
) -> Result<Vec<JobFile>, ExportError> {
    check(recipe, rows, batches)?;
    let config = json!({
        "base": recipe.base,
        "rank": recipe.rank,
        "alpha": recipe.alpha,
        "target_modules": Target::ALL.map(Target::name),
        "batch": recipe.batch,
        "micro_batch": MICRO_BATCH.min(recipe.batch),
        "rate": recipe.rate,
        "schedule": if recipe.linear { "linear" } else { "constant" },
        "beta1": 0.9,
        "beta2": 0.999,
        "epsilon": 1e-8,
        "weight_decay": recipe.weight_decay,
        // TRL takes zero as "never".
        "clip_norm": recipe.clip_norm.unwrap_or(0.0),
        "init_seed": recipe.init_seed & 0xffff_ffff,
    });
    let lines: Vec<String> =
        rows.iter().map(|row| json!({ "messages": row }).to_string() + "\n").collect();
    let pretty = serde_json::to_string_pretty(&config).expect("a JSON value has a text") + "\n";
    let file = |name, content: String| JobFile { name, content };
    Ok(vec![
        file("train.py", TRAIN.to_owned()),
        file("rows.jsonl", lines.concat()),
        file("batches.json", format!("{}\n", json!(batches))),
        file("config.json", pretty),
        file("requirements.txt", REQUIREMENTS.to_owned()),
        file("README.md", README.to_owned()),
    ])
}

fn check(
    recipe: &TrlRecipe,
    rows: &[Vec<Message>],
    batches: &[Vec<usize>],
) -> Result<(), ExportError> {
    if batches.is_empty() {
        return Err(ExportError::NoBatches);
    }
    for (number, batch) in batches.iter().enumerate() {
        if !(1..=recipe.batch).contains(&batch.len()) {
            return Err(ExportError::Batch { number, found: batch.len(), expected: recipe.batch });
        }
        if let Some(&row) = batch.iter().find(|&&row| row >= rows.len()) {
            return Err(ExportError::Row { number, row, n_rows: rows.len() });
        }
    }
    let is_answer = |message: &Message| message.role == Role::Assistant;
    match rows.iter().position(|row| !row.iter().any(is_answer)) {
        Some(row) => Err(ExportError::NoAnswer { row }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
