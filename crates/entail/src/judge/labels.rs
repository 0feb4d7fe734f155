//! The file that labels are written to, one JSON line each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use entail_eval::{HumanLabel, parse_human_labels};

use crate::run::Failure;

/// Labels in a file that grows at its end.
#[derive(Debug)]
pub(super) struct LabelFile {
    file: File,
    path: PathBuf,
}

/// Where a label stands in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    start: u64,
    end: u64,
}

/// The labels of a file.
pub(super) fn read_labels(path: &Path) -> Result<Vec<HumanLabel>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::Input { path: path.to_owned(), error })?;
    parsed(path, &text)
}

fn parsed(path: &Path, text: &str) -> Result<Vec<HumanLabel>, Failure> {
    parse_human_labels(text).map_err(|error| Failure::Content {
        path: path.to_owned(),
        line: None,
        what: error.to_string(),
    })
}

impl LabelFile {
    /// Opens a file, or makes it, with the labels that are there.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<HumanLabel>), Failure> {
        let wrong = |error| Failure::Output { path: path.to_owned(), error };
        let opened = OpenOptions::new().read(true).append(true).create(true).open(path);
        let mut file = opened.map_err(wrong)?;
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(wrong)?;
        let labels = parsed(path, &text)?;
        if !text.is_empty() && !text.ends_with('\n') {
            file.write_all(b"\n").map_err(wrong)?;
        }
        Ok((Self { file, path: path.to_owned() }, labels))
    }

    fn wrong(&self, error: io::Error) -> Failure {
        Failure::Output { path: self.path.clone(), error }
    }

    /// Writes a label. It is in the file when this returns.
    pub(super) fn add(&mut self, label: &HumanLabel) -> Result<Written, Failure> {
        let line = serde_json::to_string(label).expect("a label is plain data") + "\n";
        let mut write = || {
            let start = self.file.metadata()?.len();
            self.file.write_all(line.as_bytes())?;
            Ok(Written { start, end: start + line.len() as u64 })
        };
        write().map_err(|error| self.wrong(error))
    }

    /// Takes out the label that was written last. Whether it could be: where somebody else has written since, their labels
    /// stay, and so does this one.
    pub(super) fn take_back(&mut self, last: Written) -> Result<bool, Failure> {
        let cut = || {
            let is_last = self.file.metadata()?.len() == last.end;
            if is_last {
                self.file.set_len(last.start)?;
            }
            Ok(is_last)
        };
        cut().map_err(|error| self.wrong(error))
    }
}
