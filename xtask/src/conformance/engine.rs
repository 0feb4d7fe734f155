//! Our engine beside transformers and peft: the same folders, the same tokens, the same logits.
//!
//! Our engine writes models, adapters and what it computes from them; `tools/conformance.py` loads the folders with
//! Hugging Face's code and compares. The committed fixtures, which Hugging Face's code wrote, go the other way.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Ground;

mod cases;
mod subject;

use subject::Subject;

/// Largest absolute difference of two logits. The sums run in another order; nothing else may differ.
const BOUND: f64 = 1e-4;

/// Longest that the script may take.
const LIMIT: Duration = Duration::from_mins(30);

/// A model folder on disk, and an adapter of it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) model: PathBuf,
    pub(super) adapter: Option<PathBuf>,
}

/// Compares the given folder, or generated ones and the fixtures.
pub(super) fn compare(ground: &Ground<'_>) -> Result<String> {
    let scratch = ground.scratch.path();
    let subjects = match ground.folder {
        Some(folder) => vec![subject::on_disk(folder, scratch)?],
        None => subject::all(&ground.shell.root, scratch)?,
    };
    let jobs: Vec<Value> = subjects.iter().map(Subject::job).collect();
    let list = scratch.join("jobs.json");
    std::fs::write(&list, serde_json::to_vec(&jobs)?)?;
    let mut command = ground.python("tools/conformance.py");
    let output = ground.capture(command.arg("--jobs").arg(&list), LIMIT)?;
    let report = report(&subjects, &output.text);
    if !output.success || report.is_err() {
        println!("{}", output.text.trim_end());
    }
    print!("{}", report?);
    ensure!(output.success, "a comparison failed");
    Ok(format!("{} models, bound {BOUND:.0e}", subjects.len()))
}

/// One line per subject. What the script says about itself is checked again: every subject was compared, with all
/// of its template cases, and stayed below the bound.
fn report(subjects: &[Subject], output: &str) -> Result<String> {
    let summaries: Vec<Value> =
        output.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut text = String::new();
    let mut failed = Vec::new();
    for subject in subjects {
        let name = &subject.name;
        let summary = summaries.iter().find(|summary| summary["name"] == name.as_str());
        let summary = summary.with_context(|| format!("conformance: {name} was not compared"))?;
        let [base, adapter] = ["base_max_abs", "adapter_max_abs"].map(|key| summary[key].as_f64());
        let shown = |x: Option<f64>| x.map_or("not finite".to_owned(), |x| format!("{x:.2e}"));
        let templates = summary["template_cases"].as_u64();
        let (base_shown, adapter_shown) = (shown(base), shown(adapter));
        writeln!(
            text,
            "conformance: {name}: base {base_shown}, adapter {adapter_shown}, {} template cases",
            subject.n_templates
        )?;
        let close = |x: Option<f64>| x.is_some_and(|x| x <= BOUND);
        if !close(base) || !close(adapter) || templates != Some(subject.n_templates as u64) {
            failed.push(name.as_str());
        }
    }
    if !failed.is_empty() {
        bail!("{text}conformance: differences above {BOUND:.0e} in {}", failed.join(", "));
    }
    Ok(text)
}

impl Subject {
    /// What `tools/conformance.py` is asked to do.
    fn job(&self) -> Value {
        let template_cases = (self.n_templates > 0).then(|| self.file(cases::TEMPLATES));
        json!({
            "name": self.name,
            "model": self.model,
            "adapter": self.adapter,
            "cases": self.file(cases::LOGITS),
            "template_cases": template_cases,
        })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.cases.join(name)
    }
}

#[cfg(test)]
mod tests;
