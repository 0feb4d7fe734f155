//! Tables about judges as CSV. Where the exact judge read the answers they have no rows.

use entail_schema::{AgreementRow, JudgeRow, Label, PolicyRow, Tables, VerdictRow};

use super::{estimate, number, sheet};

/// Every reading of every judge: one row per answer, stance and judge.
pub fn verdicts_csv(tables: &Tables) -> String {
    let columns = ["key", "stance", "judge", "part", "label", "coherence", "polarity"];
    sheet(&columns, tables.verdicts.iter().map(verdict_fields))
}

/// How often each judge gave each label.
pub fn judges_csv(tables: &Tables) -> String {
    let labels = Label::ALL.map(Label::as_str);
    let own = ["judge", "prompt", "prompt_key", "contested_only", "asked"];
    let columns: Vec<&str> = own.into_iter().chain(labels).collect();
    sheet(&columns, tables.judges.iter().map(judge_fields))
}

/// How far judges agree, per battery.
pub fn agreement_csv(tables: &Tables) -> String {
    let columns = ["battery", "answers", "raw", "alpha", "ac1"];
    sheet(&columns, tables.agreement.iter().map(agreement_fields))
}

/// What other policies make of the same labels.
pub fn policies_csv(tables: &Tables) -> String {
    let columns = [
        "policy",
        "base",
        "arm",
        "control",
        "battery",
        "stance",
        "name",
        "kept",
        "control_kept",
        "effect",
        "low",
        "high",
    ];
    sheet(&columns, tables.policies.iter().map(policy_fields))
}

fn verdict_fields(row: &VerdictRow) -> [String; 7] {
    [
        row.key.clone(),
        row.stance.clone(),
        row.judge.clone(),
        row.part.as_str().to_owned(),
        row.label.as_str().to_owned(),
        row.coherence.map(|points| points.to_string()).unwrap_or_default(),
        row.polarity.map(|sign| sign.to_string()).unwrap_or_default(),
    ]
}

fn judge_fields(row: &JudgeRow) -> Vec<String> {
    let own = [
        row.judge.clone(),
        row.prompt.clone(),
        row.prompt_key.clone(),
        row.contested_only.to_string(),
        row.asked.to_string(),
    ];
    let count = |label: Label| row.labels.get(label.as_str()).copied().unwrap_or(0).to_string();
    own.into_iter().chain(Label::ALL.map(count)).collect()
}

fn agreement_fields(row: &AgreementRow) -> [String; 5] {
    [
        row.battery.clone(),
        row.answers.to_string(),
        number(row.raw),
        number(row.alpha),
        number(row.ac1),
    ]
}

fn policy_fields(row: &PolicyRow) -> [String; 12] {
    let [effect, low, high] = estimate(row.effect);
    [
        row.policy.clone(),
        row.base.clone(),
        row.arm.clone(),
        row.control.clone(),
        row.battery.clone(),
        row.stance.clone(),
        row.name.clone(),
        number(row.kept),
        number(row.control_kept),
        effect,
        low,
        high,
    ]
}
