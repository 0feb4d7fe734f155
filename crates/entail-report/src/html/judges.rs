//! Who read the answers, how far they agree, and what other ways to count would make of it.

use entail_schema::{AgreementRow, JudgeRow, Label, PolicyRow};

use crate::escape::html;
use crate::format::{TOO_FEW, count, effect, fixed, percent, share};
use crate::html::page::{Cell, folded, table};
use crate::html::sections;
use crate::view::View;

/// The section; nothing where the exact judge read.
pub(crate) fn judges(view: &View<'_>) -> String {
    let tables = view.tables;
    if tables.judges.is_empty() {
        return String::new();
    }
    let mut content = readings(&tables.judges);
    if !tables.agreement.is_empty() {
        content.push_str(&agreement(&tables.agreement));
    }
    content
        .push_str(&folded("The same labels, counted in other ways", &policies(&tables.policies)));
    sections::section(
        "judges",
        "Who read the answers",
        "Every label is kept as it was given (verdicts.csv); what it counts as is a choice of the analysis. Prompts with an \
         exact check were read by no judge.",
        &content,
    )
}

fn readings(judges: &[JudgeRow]) -> String {
    let used = |label: &Label| judges.iter().any(|j| j.labels.contains_key(label.as_str()));
    let labels: Vec<Label> = Label::ALL.into_iter().filter(used).collect();
    let own = ["Judge", "Told", "Asked about", "Answers"];
    let columns: Vec<&str> = own.into_iter().chain(labels.iter().map(|l| l.as_str())).collect();
    let row = |judge: &JudgeRow| {
        let told = format!("{} ({:.8})", judge.prompt, judge.prompt_key);
        let about =
            if judge.contested_only { "what the others disagreed on" } else { "everything" };
        let part = |label: &Label| {
            let n = judge.labels.get(label.as_str()).copied().unwrap_or(0);
            let of = (judge.asked > 0).then(|| n as f64 / judge.asked as f64);
            Cell::figure(&of.map_or_else(|| TOO_FEW.to_owned(), |of| format!("{} %", percent(of))))
        };
        let own = [
            Cell::Head(html(&judge.judge)),
            Cell::text(&told),
            Cell::text(about),
            Cell::figure(&count(judge.asked)),
        ];
        own.into_iter().chain(labels.iter().map(part)).collect::<Vec<_>>()
    };
    table("What each judge said", &columns, &judges.iter().map(row).collect::<Vec<_>>())
}

fn agreement(rows: &[AgreementRow]) -> String {
    let number = |value: Option<f64>| {
        Cell::figure(&value.map_or_else(|| TOO_FEW.to_owned(), |value| fixed(value, 2)))
    };
    let row = |row: &AgreementRow| {
        vec![
            Cell::Head(html(&row.battery)),
            Cell::figure(&count(row.answers)),
            Cell::figure(&share(row.raw)),
            number(row.alpha),
            number(row.ac1),
        ]
    };
    let columns =
        ["Battery", "Answers with two labels", "Equal labels", "Krippendorff's α", "Gwet's AC1"];
    table("How far judges agree", &columns, &rows.iter().map(row).collect::<Vec<_>>())
}

fn policies(rows: &[PolicyRow]) -> String {
    let row = |row: &PolicyRow| {
        vec![
            Cell::Head(html(&format!(
                "{}: {} minus {}, {}",
                row.name, row.arm, row.control, row.base
            ))),
            Cell::text(&row.policy),
            Cell::figure(&format!("{} v {}", share(row.kept), share(row.control_kept))),
            Cell::figure(&effect(row.effect)),
        ]
    };
    let mut sorted: Vec<&PolicyRow> = rows.iter().collect();
    sorted.sort_by_key(|row| (&row.base, &row.arm, &row.control, &row.battery, &row.stance));
    let cells: Vec<Vec<Cell>> = sorted.into_iter().map(row).collect();
    table(
        "Effects under other policies",
        &["What", "Policy", "Answers that count", "Effect"],
        &cells,
    )
}

#[cfg(test)]
mod tests;
