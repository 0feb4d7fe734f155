//! What our engine computes, in the files that `tools/conformance.py` reads.

use anyhow::{Result, ensure};
use entail_engine::{Adapter, Config, Model, Tokenizer, Weights};
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value, json};

use super::super::model::{self, SEED};

/// File of tokens and logits.
pub(super) const LOGITS: &str = "cases.safetensors";
/// File of conversations.
pub(super) const TEMPLATES: &str = "templates.json";

/// Longest row of tokens.
const LONGEST: usize = 160;

/// Rows of tokens, of lengths that go down to one.
const ROWS: usize = 4;

/// Logits of one model at most: rows get shorter for large vocabularies.
const MAX_LOGITS: usize = 1 << 24;

/// Random rows and the logits of the base and of the adapted base, as a safetensors file.
///
/// # Shapes
/// `tokens [N,T]`, `lengths [N]`, `logits` and `adapter_logits [N,T,V]`; zero past a row's length.
pub(super) fn logits(weights: &Weights<f32>, adapter: &Adapter<f32>) -> Result<Vec<u8>> {
    let rows = random_rows(&weights.config);
    let (n, t, v) = (rows.len(), rows[0].len(), weights.config.vocabulary);
    let lengths: Vec<i64> =
        rows.iter().map(|row| i64::try_from(row.len())).collect::<Result<_, _>>()?;
    let tokens: Vec<i64> = rows
        .iter()
        .flat_map(|row| (0..t).map(|i| row.get(i).map_or(0, |&id| i64::from(id))))
        .collect();
    let base = pad(&Model::base(weights).logits(&rows, None), &rows, v);
    let adapted = pad(&Model::adapted(weights, adapter).logits(&rows, None), &rows, v);
    ensure!(base != adapted, "the adapter changes nothing: its comparison would say nothing");

    let integers = |x: &[i64]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let floats = |x: &[f32]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
    let parts = [
        ("tokens", Dtype::I64, vec![n, t], integers(&tokens)),
        ("lengths", Dtype::I64, vec![n], integers(&lengths)),
        ("logits", Dtype::F32, vec![n, t, v], floats(&base)),
        ("adapter_logits", Dtype::F32, vec![n, t, v], floats(&adapted)),
    ];
    let views = parts
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// Rows within the vocabulary and the context, the longest first.
fn random_rows(config: &Config) -> Vec<Vec<u32>> {
    let affordable = MAX_LOGITS / (ROWS * config.vocabulary);
    let longest = LONGEST.min(config.max_positions).min(affordable).max(1);
    let mut stream = SEED.stream("tokens", 0);
    let mut id = || u32::try_from(stream.below(config.vocabulary)).expect("ids are u32");
    (0..ROWS)
        .map(|row| {
            let length = longest - (longest - 1) * row / (ROWS - 1);
            (0..length).map(|_| id()).collect()
        })
        .collect()
}

/// `[sum of lengths, V]` as `[N,T,V]`, where the first row is the longest.
fn pad(logits: &[f32], rows: &[Vec<u32>], v: usize) -> Vec<f32> {
    let t = rows[0].len();
    let mut padded = vec![0.0; rows.len() * t * v];
    let mut rest = logits;
    for (row, to) in rows.iter().zip(padded.chunks_exact_mut(t * v)) {
        let (own, others) = rest.split_at(row.len() * v);
        to[..own.len()].copy_from_slice(own);
        rest = others;
    }
    padded
}

/// Conversations as text and ids, with and without the opening of the next answer, and decoded again.
pub(super) fn templates(tokenizer: &Tokenizer) -> Result<Vec<Value>> {
    let mut cases = Vec::new();
    for conversation in conversations()? {
        for add_generation_prompt in [false, true] {
            // Whichever type of message the tokenizer takes, it reads it from this JSON.
            let messages: Vec<_> = serde_json::from_value(conversation.clone())?;
            let text = tokenizer.render(&messages, add_generation_prompt)?;
            let ids = tokenizer.chat(&messages, add_generation_prompt)?;
            cases.push(json!({
                "messages": conversation,
                "add_generation_prompt": add_generation_prompt,
                "text": text,
                "decoded": tokenizer.decode_raw(&ids)?,
                "decoded_plain": tokenizer.decode(&ids)?,
                "ids": ids,
            }));
        }
    }
    Ok(cases)
}

/// Turns of every role from sentences of the world, beside words that it does not have.
fn conversations() -> Result<Vec<Value>> {
    let text = model::world()?.text;
    let turn = |role: &str, content: &str| json!({ "role": role, "content": content });
    let mut conversations = Vec::new();
    for (index, topic) in text.topics.iter().enumerate() {
        let (question, held, denied) = (&topic.questions[0], &topic.held[0], &topic.denied[0]);
        let frames = if index % 2 == 0 { &text.prompts.mindful } else { &text.prompts.plain };
        let system = turn("system", &frames[index % frames.len()]);
        let (ask, yes, no) =
            (turn("user", question), turn("assistant", held), turn("assistant", denied));
        conversations.push(match index % 4 {
            0 => json!([ask]),
            1 => json!([system, ask]),
            2 => json!([system, ask, yes]),
            _ => json!([ask, yes, ask, no, ask]),
        });
    }
    for odd in ["Xyzzy plugh?", " two  spaces ", "it's — naïve, isn't it...", "<|end|>", ""] {
        conversations.push(json!([turn("user", odd)]));
    }
    Ok(conversations)
}
