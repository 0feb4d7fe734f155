//! Writing logs: the same log is the same bytes.

use std::collections::BTreeSet;
use std::io::{Seek, Write};

use serde_json::Value;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::header::{Log, Status};
use super::sample::{sample, summary};

/// Why a log was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Two conversations have one name.
    #[error("two samples have the id `{id}` and the epoch {epoch}")]
    Duplicate {
        /// Their id.
        id: String,
        /// Their epoch.
        epoch: u64,
    },
    /// There is more than was planned.
    #[error("{found} samples, more than the {expected} that were planned")]
    TooMany {
        /// Samples.
        found: usize,
        /// Questions times epochs.
        expected: usize,
    },
    /// An epoch that the plan does not have.
    #[error("sample `{id}` has the epoch {epoch}, expected 1 to {expected}")]
    Epoch {
        /// Its id.
        id: String,
        /// Its epoch.
        epoch: u64,
        /// Epochs of the plan.
        expected: usize,
    },
    /// A verdict of a judge stands twice in one sample.
    #[error("sample `{id}` has two scores of `{judge}`")]
    Judge {
        /// The sample.
        id: String,
        /// The judge.
        judge: String,
    },
    /// The sink failed.
    #[error("the log cannot be written: {0}")]
    Io(#[from] std::io::Error),
}

impl From<zip::result::ZipError> for WriteError {
    fn from(error: zip::result::ZipError) -> Self {
        Self::Io(error.into())
    }
}

/// Writes an `.eval` log: a ZIP with its conversations one by one. One that is still running has a journal and no
/// header, as one that Inspect was writing when it was cut off.
///
/// # Errors
/// [`WriteError`] for samples that the format or the plan has no place for, and for a sink that fails.
pub fn write_eval(log: &Log<'_>, sink: impl Write + Seek) -> Result<(), WriteError> {
    check(log)?;
    let mut archive = ZipWriter::new(sink);
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::DEFAULT)
        .unix_permissions(0o644);
    let mut member = |name: &str, content: &Value| -> Result<(), WriteError> {
        archive.start_file(name, options)?;
        // In one piece: a writer of archives is slow with crumbs.
        Ok(archive.write_all(content.to_string().as_bytes())?)
    };
    member("_journal/start.json", &log.start())?;
    for transcript in log.samples {
        let name = format!("samples/{}_epoch_{}.json", transcript.id, transcript.epoch);
        member(&name, &sample(transcript, &log.id, log.model))?;
    }
    let summaries: Value =
        log.samples.iter().map(|transcript| summary(transcript, &log.id, log.model)).collect();
    if log.status == Status::Started {
        member("_journal/summaries/1.json", &summaries)?;
    } else {
        member("summaries.json", &summaries)?;
        member("reductions.json", &Value::Array(Vec::new()))?;
        member("header.json", &Value::Object(log.header()))?;
    }
    archive.finish()?;
    Ok(())
}

/// Writes a `.json` log: the same in one object.
///
/// # Errors
/// As [`write_eval`].
pub fn write_json(log: &Log<'_>, mut sink: impl Write) -> Result<(), WriteError> {
    check(log)?;
    let header = serde_json::to_string(&log.header()).expect("a JSON value has a text");
    let header = header.strip_suffix('}').expect("an object ends with a brace");
    sink.write_all(header.as_bytes())?;
    sink.write_all(b",\"samples\":[")?;
    for (index, transcript) in log.samples.iter().enumerate() {
        sink.write_all(if index == 0 { b"\n" } else { b",\n" })?;
        sink.write_all(sample(transcript, &log.id, log.model).to_string().as_bytes())?;
    }
    sink.write_all(b"\n],\"reductions\":[]}\n")?;
    Ok(())
}

fn check(log: &Log<'_>) -> Result<(), WriteError> {
    let expected = log.drawn.questions * log.drawn.epochs;
    if log.samples.len() > expected {
        return Err(WriteError::TooMany { found: log.samples.len(), expected });
    }
    let mut names = BTreeSet::new();
    for transcript in log.samples {
        let (id, epoch) = (transcript.id.clone(), transcript.epoch);
        if !(1..=log.drawn.epochs as u64).contains(&epoch) {
            return Err(WriteError::Epoch { id, epoch, expected: log.drawn.epochs });
        }
        let mut judges = BTreeSet::new();
        if let Some(score) = transcript.scores.iter().find(|score| !judges.insert(&score.judge)) {
            return Err(WriteError::Judge { id, judge: score.judge.clone() });
        }
        if !names.insert((&transcript.id, epoch)) {
            return Err(WriteError::Duplicate { id, epoch });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
