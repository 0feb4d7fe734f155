//! Tables of what was expected, or said by people, against what a judge said.

use std::fmt::Write as _;

use entail_eval::{Confusion, Given, JudgeLabel};
use serde_json::{Value, json};

/// Width of a column of counts: that of its longest heading, and two spaces.
const COLUMN: usize = "judge-refused".len() + 2;

/// The table: a row for each label of `rows`, a column for each thing that a judge can give.
pub(super) fn table(confusion: &Confusion, rows: &str) -> String {
    let mut text = format!("  {rows:<10}");
    for given in Given::ALL {
        write!(text, "{:>COLUMN$}", given.as_str()).expect("a string takes all text");
    }
    text.push('\n');
    for label in JudgeLabel::ALL {
        write!(text, "  {:<10}", label.as_str()).expect("a string takes all text");
        for given in Given::ALL {
            let count = match confusion.count(label, given) {
                0 => "·".to_owned(),
                n => n.to_string(),
            };
            write!(text, "{count:>COLUMN$}").expect("a string takes all text");
        }
        text.push('\n');
    }
    text
}

/// Every count above zero; `rows` names the labels of the rows.
pub(super) fn as_json(confusion: &Confusion, rows: &str) -> Value {
    let count = |(label, given, count): (JudgeLabel, Given, u64)| json!({ rows: label.as_str(), "given": given.as_str(), "count": count });
    confusion.counts().map(count).collect()
}

#[cfg(test)]
mod tests;
