//! Rows of tokens as the service takes them, and its log-probabilities as losses.

use std::collections::BTreeMap;

use prost::Message as _;

use super::WeightReduction;
use super::messages::{Chunk, Datum, EncodedText, ForwardBackwardOutput, Kind, Tensor};
use crate::trainer::TokenRow;

/// Most data, and most bytes by the estimate of the official client, of one request.
const MOST_DATA: usize = 1024;
const MOST_BYTES: usize = 5_000_000;

/// One row, shifted: at every place the next token is the target.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Example {
    pub(super) inputs: Vec<i32>,
    pub(super) targets: Vec<i64>,
    /// Zero where nothing is learned.
    pub(super) weights: Vec<f32>,
}

/// Why a row cannot be an example.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum RowError {
    #[error("row {row} has {n_tokens} tokens and {n_learned} marks, expected as many")]
    Marks { row: usize, n_tokens: usize, n_learned: usize },
    #[error("row {row} has no token to learn after its first")]
    Nothing { row: usize },
    #[error("token {token} of row {row} is too large for the service")]
    Token { row: usize, token: u32 },
    #[error("there is no batch, or one without rows")]
    NoRows,
    #[error("a batch names row {row}, but there are {n_rows}")]
    Missing { row: usize, n_rows: usize },
}

/// What a request did not answer as it must.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutputError {
    #[error("the answer is no protobuf: {0}")]
    Decode(#[from] prost::DecodeError),
    #[error("the answer holds log-probabilities of {found} data, expected {expected}")]
    Count { found: usize, expected: usize },
    #[error("datum {datum} has {found} log-probabilities, expected {expected}")]
    Length { datum: usize, found: usize, expected: usize },
    #[error(
        "log-probabilities come as {dtype}, expected 32-bit or 16-bit floats within their bounds"
    )]
    Form { dtype: i32 },
}

impl Example {
    /// Shifts a row and spreads its weight over the tokens that are learned.
    pub(super) fn new(
        row: usize,
        tokens: &TokenRow,
        reduction: WeightReduction,
    ) -> Result<Self, RowError> {
        let TokenRow { tokens, learned } = tokens;
        if tokens.len() != learned.len() {
            let (n_tokens, n_learned) = (tokens.len(), learned.len());
            return Err(RowError::Marks { row, n_tokens, n_learned });
        }
        let n_learned = learned.iter().skip(1).filter(|learned| **learned).count();
        if n_learned == 0 {
            return Err(RowError::Nothing { row });
        }
        let ids = tokens
            .iter()
            .map(|&token| i32::try_from(token).map_err(|_| RowError::Token { row, token }))
            .collect::<Result<Vec<i32>, RowError>>()?;
        let weight = match reduction {
            #[expect(clippy::cast_possible_truncation, reason = "the service takes 32-bit weights")]
            WeightReduction::Mean => (1.0 / n_learned as f64) as f32,
            WeightReduction::Sum => 1.0,
        };
        Ok(Self {
            inputs: ids[..ids.len() - 1].to_vec(),
            targets: ids[1..].iter().map(|&id| i64::from(id)).collect(),
            weights: learned[1..].iter().map(|&is| if is { weight } else { 0.0 }).collect(),
        })
    }

    /// Bytes of the request's tensors.
    fn n_bytes(&self) -> usize {
        4 * self.inputs.len() + 8 * self.targets.len() + 4 * self.weights.len()
    }

    pub(super) fn datum(&self) -> Datum {
        let bytes =
            |values: &mut dyn Iterator<Item = Vec<u8>>| values.flatten().collect::<Vec<u8>>();
        let tensor = |dtype: Kind, dense: Vec<u8>| Tensor {
            dense: Some(dense),
            dtype: dtype.into(),
            shape: vec![i64::try_from(self.targets.len()).expect("a row fits in memory")],
        };
        let tokens = bytes(&mut self.inputs.iter().map(|x| x.to_le_bytes().to_vec()));
        let targets = bytes(&mut self.targets.iter().map(|x| x.to_le_bytes().to_vec()));
        let weights = bytes(&mut self.weights.iter().map(|x| x.to_le_bytes().to_vec()));
        Datum {
            model_input: vec![Chunk { encoded_text: Some(EncodedText { tokens }) }],
            loss_fn_inputs: BTreeMap::from([
                ("target_tokens".to_owned(), tensor(Kind::Int64, targets)),
                ("weights".to_owned(), tensor(Kind::Float32, weights)),
            ]),
        }
    }
}

/// Splits a batch into requests, in order. A row that is too long alone is sent alone.
pub(super) fn chunks<'a>(batch: &[&'a Example]) -> Vec<Vec<&'a Example>> {
    let mut chunks: Vec<Vec<&Example>> = Vec::new();
    let mut n_bytes = 0;
    for &example in batch {
        n_bytes += example.n_bytes();
        let open = chunks.last_mut().filter(|c| c.len() < MOST_DATA && n_bytes <= MOST_BYTES);
        if let Some(chunk) = open {
            chunk.push(example);
        } else {
            n_bytes = example.n_bytes();
            chunks.push(vec![example]);
        }
    }
    chunks
}

/// Sums of losses, to be divided at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct LossSums {
    weighted: f64,
    weight: f64,
    tokens: f64,
    n_tokens: usize,
}

impl LossSums {
    /// Adds what one request answered.
    pub(super) fn add(&mut self, chunk: &[&Example], output: &[u8]) -> Result<(), OutputError> {
        let logprobs = logprobs(output)?;
        if logprobs.len() != chunk.len() {
            return Err(OutputError::Count { found: logprobs.len(), expected: chunk.len() });
        }
        for (datum, (example, logprobs)) in chunk.iter().zip(&logprobs).enumerate() {
            if logprobs.len() != example.weights.len() {
                let (found, expected) = (logprobs.len(), example.weights.len());
                return Err(OutputError::Length { datum, found, expected });
            }
            for (&weight, &logprob) in example.weights.iter().zip(logprobs) {
                if weight > 0.0 {
                    let (weight, loss) = (f64::from(weight), -f64::from(logprob));
                    self.weighted += weight * loss;
                    self.weight += weight;
                    self.tokens += loss;
                    self.n_tokens += 1;
                }
            }
        }
        Ok(())
    }

    /// Sum of weighted losses by sum of weights: what the service's cookbook logs.
    pub(super) fn weighted(&self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.weighted / self.weight)
    }

    /// Every learned token of the batch alike.
    pub(super) fn per_token(&self) -> Option<f64> {
        (self.n_tokens > 0).then(|| self.tokens / self.n_tokens as f64)
    }
}

/// The log-probabilities of every datum, over all records of an answer.
fn logprobs(output: &[u8]) -> Result<Vec<Vec<f32>>, OutputError> {
    let output = ForwardBackwardOutput::decode(output)?;
    let mut all = Vec::new();
    for record in &output.loss_fn_outputs {
        let Some(tensor) = record.fields.get("logprobs") else { continue };
        let form = || OutputError::Form { dtype: tensor.dtype };
        let bounds: Vec<usize> = tensor
            .offsets
            .chunks(8)
            .map(|bytes| usize::try_from(i64::from_le_bytes(bytes.try_into().ok()?)).ok())
            .collect::<Option<_>>()
            .ok_or_else(form)?;
        for pair in bounds.windows(2) {
            let bytes = tensor.data.get(pair[0]..pair[1]).ok_or_else(form)?;
            all.push(floats(tensor.dtype, bytes).ok_or_else(form)?);
        }
    }
    Ok(all)
}

/// `bfloat16` is the upper half of a 32-bit float.
fn floats(dtype: i32, bytes: &[u8]) -> Option<Vec<f32>> {
    match Kind::try_from(dtype).ok()? {
        Kind::Float32 => {
            bytes.chunks(4).map(|b| Some(f32::from_le_bytes(b.try_into().ok()?))).collect()
        }
        Kind::Bfloat16 => {
            let upper = |b: &[u8]| Some(u32::from(u16::from_le_bytes(b.try_into().ok()?)) << 16);
            bytes.chunks(2).map(|b| Some(f32::from_bits(upper(b)?))).collect()
        }
        Kind::Unspecified | Kind::Int64 | Kind::Int32 => None,
    }
}

#[cfg(test)]
mod tests;
