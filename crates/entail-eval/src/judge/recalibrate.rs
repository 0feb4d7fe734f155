//! How far a judge can be trusted, from answers that people labelled.

use std::collections::{BTreeMap, BTreeSet};

use entail_schema::Key;
use entail_stats::{Calibration, Interval, JudgeError, lang_reiczigel};
use serde::{Deserialize, Serialize};

use super::panel::{Agreement, agreement, majority};
use super::policy::Policy;
use super::selftest::{Confusion, Given};
use super::verdict::{JudgeLabel, Verdict};

/// A person's label of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HumanLabel {
    /// Key of the answer.
    #[serde(alias = "key")]
    pub answer: Key,
    /// Id of the stance that it was labelled for.
    pub stance: String,
    /// The label.
    pub label: JudgeLabel,
    /// Who labelled it, where several people did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
}

/// Why a file holds no labels.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HumanLabelsError {
    /// A line of another shape.
    #[error("line {line}: {what}")]
    Syntax {
        /// One-based line.
        line: usize,
        /// What was found and what was expected.
        what: String,
    },
    /// One person labelled one answer twice.
    #[error(
        "line {line}: found another label of answer {answer} for `{stance}`, expected one per person"
    )]
    Twice {
        /// One-based line.
        line: usize,
        /// Key of the answer, shortened.
        answer: String,
        /// The stance.
        stance: String,
    },
}

/// Reads labels as JSON Lines: `answer` (or `key`), `stance`, `label` and perhaps `by`. Other fields, such as the texts
/// that were labelled, stay unread.
///
/// # Errors
/// A line of another shape, or two labels of one person for one answer.
pub fn parse_human_labels(text: &str) -> Result<Vec<HumanLabel>, HumanLabelsError> {
    let mut known = std::collections::BTreeSet::new();
    let mut labels = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line_number = index + 1;
        let label: HumanLabel = serde_json::from_str(line)
            .map_err(|e| HumanLabelsError::Syntax { line: line_number, what: e.to_string() })?;
        if !known.insert((label.stance.clone(), label.answer, label.by.clone())) {
            let (answer, stance) = (label.answer.short(), label.stance);
            return Err(HumanLabelsError::Twice { line: line_number, answer, stance });
        }
        labels.push(label);
    }
    Ok(labels)
}

/// What the labels say about a judge under a policy.
#[derive(Debug, Clone, PartialEq)]
pub struct Recalibration {
    /// What people said against what the judge said, before any policy.
    pub said: Confusion,
    /// Labelled answers by what the judge said. Contrasts are corrected with it (`entail_stats::corrected_difference`).
    pub calibration: Calibration,
    /// Share of the answers that take the stance which the judge counts; `None` without such an answer.
    pub sensitivity: Option<Interval>,
    /// Share of the others which the judge does not count; `None` without such an answer.
    pub specificity: Option<Interval>,
    /// Labelled answers that this judge was not asked about.
    pub not_judged: u64,
    /// Labelled answers about which the judge refused or could not be read.
    pub without_label: u64,
    /// Answers that the policy drops, by the person's label or by the judge's verdict.
    pub dropped: u64,
}

/// Compares a judge with people. Where several people labelled an answer their majority counts, and a tie is
/// "not sure". `judged` is by stance and answer. The answers must have been picked for labelling without a look at the
/// judge's verdicts.
pub fn recalibrate(
    human: &[HumanLabel],
    judged: &BTreeMap<(String, Key), Verdict>,
    policy: Policy,
    confidence: f64,
) -> Recalibration {
    let mut labels: BTreeMap<(String, Key), Vec<JudgeLabel>> = BTreeMap::new();
    for one in human {
        labels.entry((one.stance.clone(), one.answer)).or_default().push(one.label);
    }
    let mut said = Confusion::default();
    let (mut truth, mut verdicts) = (Vec::new(), Vec::new());
    let (mut not_judged, mut without_label, mut dropped) = (0, 0, 0);
    for (answer, labels) in labels {
        let Some(verdict) = judged.get(&answer) else {
            not_judged += 1;
            continue;
        };
        let people = majority(labels).expect("an answer is here because somebody labelled it");
        said.add(people, Given::of(*verdict));
        if verdict.label().is_none() {
            without_label += 1;
            continue;
        }
        match (policy.counted_label(people), policy.counted(*verdict)) {
            (Some(person), Some(judge)) => {
                truth.push(person);
                verdicts.push(judge);
            }
            _ => dropped += 1,
        }
    }
    let calibration = Calibration::of_labels(&truth, &verdicts);
    Recalibration {
        said,
        calibration,
        sensitivity: calibration.sensitivity(confidence),
        specificity: calibration.specificity(confidence),
        not_judged,
        without_label,
        dropped,
    }
}

/// How far people agree about the answers that several of them labelled; labels without a name are one person's.
pub fn people_agree(labels: &[HumanLabel]) -> Agreement {
    let people: BTreeSet<&Option<String>> = labels.iter().map(|label| &label.by).collect();
    let mut answers: BTreeMap<(&str, Key), BTreeMap<&Option<String>, JudgeLabel>> = BTreeMap::new();
    for one in labels {
        answers.entry((&one.stance, one.answer)).or_default().insert(&one.by, one.label);
    }
    let verdict =
        |label: &JudgeLabel| Verdict::Label { label: *label, polarity: None, coherence: None };
    let rows: Vec<Vec<Option<Verdict>>> = answers
        .values()
        .map(|by| people.iter().map(|person| by.get(person).map(verdict)).collect())
        .collect();
    agreement(&rows)
}

impl Recalibration {
    /// The true rate behind a judged one, with its interval (Lang and Reiczigel 2014), for the models that gave the
    /// answers. `n` is the effective number of answers behind `rate`.
    ///
    /// # Errors
    /// Too few labels, or a judge no better than chance.
    pub fn corrected(&self, rate: f64, n: f64, confidence: f64) -> Result<Interval, JudgeError> {
        lang_reiczigel(rate, n, &self.calibration, confidence)
    }
}

#[cfg(test)]
mod tests;
