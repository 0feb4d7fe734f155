//! Training curves as services give them: events with all digits, or a file of results with five.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::trainer::TrainingPoint;

/// Spellings of the columns: `OpenAI`'s file; events, checkpoints and Azure's file.
const ACCURACY: [&str; 2] = ["train_accuracy", "train_mean_token_accuracy"];

/// Why a file of results gives no curve.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResultsError {
    /// Neither CSV nor base64 of it.
    #[error("it starts with `{start}`, expected `step,` or base64 of that")]
    Form { start: String },
    /// A row that cannot be read.
    #[error("{0}")]
    Row(#[from] csv::Error),
    /// A cell that is no number.
    #[error("line {line}: `{cell}` is no number")]
    Cell { line: usize, cell: String },
}

/// How far the newest event is: `Step i/N`, as data or in its message.
pub(super) fn progress(newest_first: &[Value]) -> Option<(u64, u64)> {
    newest_first.iter().find_map(|event| {
        let data = &event["data"];
        data["step"].as_u64().zip(data["total_steps"].as_u64()).or_else(|| {
            let (done, rest) = event["message"].as_str()?.strip_prefix("Step ")?.split_once('/')?;
            let total = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            Some((done.parse().ok()?, total.parse().ok()?))
        })
    })
}

/// The points of metrics events, in order of steps, each step once.
pub(super) fn of_events(events: &[Value]) -> Vec<TrainingPoint> {
    let mut points: Vec<TrainingPoint> = events
        .iter()
        .filter_map(|event| {
            let data = &event["data"];
            let loss = data["train_loss"].as_f64();
            let accuracy = ACCURACY.iter().find_map(|name| data[*name].as_f64());
            loss.or(accuracy)?;
            Some(TrainingPoint { step: data["step"].as_u64()?, loss, accuracy, token_loss: None })
        })
        .collect();
    points.sort_by_key(|point| point.step);
    points.dedup_by_key(|point| point.step);
    points
}

/// The points of a file of results, which came as base64 in 2024. Blank cells are no value.
pub(super) fn of_results(content: &[u8]) -> Result<Vec<TrainingPoint>, ResultsError> {
    let decoded;
    let plain = if is_table(content) {
        content
    } else {
        let start = || String::from_utf8_lossy(&content[..content.len().min(20)]).into_owned();
        let packed: Vec<u8> =
            content.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
        decoded = STANDARD
            .decode(packed)
            .ok()
            .filter(|bytes| is_table(bytes))
            .ok_or_else(|| ResultsError::Form { start: start() })?;
        &decoded
    };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(plain);
    let header = reader.headers()?.clone();
    let column = |names: &[&str]| header.iter().position(|name| names.contains(&name));
    let columns = [column(&["step"]), column(&["train_loss"]), column(&ACCURACY)];
    let mut points = Vec::new();
    for (record, line) in reader.into_records().zip(2..) {
        let record = record?;
        let cell = |column: Option<usize>| -> Result<Option<f64>, ResultsError> {
            match column.and_then(|column| record.get(column)) {
                None | Some("") => Ok(None),
                Some(cell) => cell
                    .parse()
                    .map(Some)
                    .map_err(|_| ResultsError::Cell { line, cell: cell.to_owned() }),
            }
        };
        let [step, loss, accuracy] = columns.map(cell);
        // Steps are whole, but some writers give them a point.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        if let Some(step) = step? {
            let (loss, accuracy) = (loss?, accuracy?);
            points.push(TrainingPoint { step: step as u64, loss, accuracy, token_loss: None });
        }
    }
    Ok(points)
}

fn is_table(content: &[u8]) -> bool {
    content.trim_ascii_start().starts_with(b"step,")
}

#[cfg(test)]
mod tests;
