//! Our engine beside transformers and peft: the same folders, the same tokens, the same logits.
//!
//! Our engine writes models, adapters and what it computes from them; `tools/conformance.py` loads the folders with
//! Hugging Face's code and compares. The committed fixtures, which Hugging Face's code wrote, go the other way.

use std::fmt::Write as _;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::shell::{self, Shell};
use crate::venv::{self, Install};

mod cases;
mod subject;

use subject::Subject;

/// Largest absolute difference of two logits. The sums run in another order; nothing else may differ.
const BOUND: f64 = 1e-4;

const REQUIREMENTS: &str = "tools/requirements-min.txt";

/// How a check that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// Nothing was compared; the reason was printed.
    Skipped,
}

/// A model folder on disk, and an adapter of it.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) model: PathBuf,
    pub(crate) adapter: Option<PathBuf>,
}

/// Printed where nothing could be compared.
pub(crate) const SKIPPED: &str = "conformance: SKIPPED";

/// Compares the given folder, or generated ones and the fixtures.
pub(crate) fn run(shell: &Shell, install: Install, folder: Option<&Folder>) -> Result<Outcome> {
    let python = match venv::python(shell, REQUIREMENTS, install)? {
        venv::Found::Python(python) => python,
        venv::Found::Unavailable(why) => {
            println!("{SKIPPED}, packages cannot be installed: {why}");
            return Ok(Outcome::Skipped);
        }
    };
    let scratch = tempfile::tempdir()?;
    let subjects = match folder {
        Some(folder) => vec![subject::on_disk(folder, scratch.path())?],
        None => subject::all(&shell.root, scratch.path())?,
    };
    let jobs: Vec<Value> = subjects.iter().map(Subject::job).collect();
    let list = scratch.path().join("jobs.json");
    std::fs::write(&list, serde_json::to_vec(&jobs)?)?;
    let mut command = shell.command(&python);
    command.arg("tools/conformance.py").arg("--jobs").arg(&list);
    let output = shell::capture(&mut command)?;
    let report = report(&subjects, &output.text);
    if !output.success || report.is_err() {
        println!("{}", output.text.trim_end());
    }
    print!("{}", report?);
    ensure!(output.success, "conformance: a comparison failed");
    println!("conformance: ok, {} models, bound {BOUND:.0e}", subjects.len());
    Ok(Outcome::Passed)
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
