//! Files that both sides read: one line of JSON, then numbers, eight bytes each.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// An array, and how much is to be done with it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Input {
    /// Lengths of the axes, the slowest first.
    pub(crate) shape: Vec<usize>,
    /// Draws, nodes or the like; 0 where there is no such thing.
    pub(crate) draws: usize,
    pub(crate) values: Vec<f64>,
}

impl Input {
    pub(crate) fn new(shape: &[usize], draws: usize, values: Vec<f64>) -> Self {
        assert_eq!(shape.iter().product::<usize>(), values.len(), "an array of {shape:?}");
        Self { shape: shape.to_vec(), draws, values }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let header = json!({ "shape": self.shape, "draws": self.draws });
        let mut bytes = format!("{header}\n").into_bytes();
        bytes.extend(bytes_of(&self.values));
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n').context("no header")?;
        let header: Value = serde_json::from_slice(&bytes[..end])?;
        let count = |value: &Value| value.as_u64().and_then(|count| usize::try_from(count).ok());
        let shape: Option<Vec<usize>> =
            header["shape"].as_array().and_then(|axes| axes.iter().map(count).collect());
        let shape = shape.context("no shape")?;
        let draws = count(&header["draws"]).context("no draws")?;
        let (numbers, rest) = bytes[end + 1..].as_chunks::<8>();
        let expected = shape.iter().product::<usize>();
        ensure!(
            rest.is_empty() && numbers.len() == expected,
            "{} numbers, expected {expected}",
            numbers.len()
        );
        let values = numbers.iter().map(|number| f64::from_le_bytes(*number)).collect();
        Ok(Self { shape, draws, values })
    }

    /// The lengths of the axes of an array that has `N` of them.
    pub(crate) fn axes<const N: usize>(&self) -> Result<[usize; N]> {
        let shape = self.shape.as_slice();
        shape.try_into().with_context(|| format!("{shape:?} has not {N} axes"))
    }
}

pub(crate) fn bytes_of(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_noticed() {
        let input = Input::new(&[2, 3], 7, vec![0.5, -1.0, 2.0, f64::MAX, 0.1, 0.0]);
        let bytes = input.to_bytes();
        assert_eq!(Input::from_bytes(&bytes).unwrap(), input);
        assert_eq!(input.axes::<2>().unwrap(), [2, 3]);
        assert!(input.axes::<3>().is_err());
        for damaged in [&bytes[..bytes.len() - 1], &bytes[..bytes.len() - 8], &bytes[..5], b"{}\n"]
        {
            assert!(Input::from_bytes(damaged).is_err());
        }
    }
}
