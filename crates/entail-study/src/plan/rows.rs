//! Rows that a study's author brings, and the check that no row asks what is measured.

use std::collections::BTreeMap;

use entail_data::{Row, RowsError, parse_rows};
use entail_schema::Battery;

use super::Checker;
use crate::error::{StudyError, StudyProblem};

impl Checker<'_> {
    pub(super) fn rows_of_file(&self, path: &str) -> Result<Vec<Row>, StudyError> {
        let problem = |line: usize, what: String| {
            StudyProblem::Rows { path: path.into(), line, what }.at(None)
        };
        let text = self.around.read(path).map_err(|error| problem(0, error.to_string()))?;
        let rows = parse_rows(&text).map_err(|error| match error {
            RowsError::Line { line, what } => problem(line, what),
            RowsError::Empty => problem(0, error.to_string()),
        })?;
        Ok(rows.into_iter().map(|placed| placed.row).collect())
    }
}

/// No row may ask a question of a battery.
pub(super) fn check_overlap(
    arm: &str,
    rows: &[Row],
    described: &str,
    batteries: &[Battery],
) -> Result<(), StudyProblem> {
    let asked: BTreeMap<String, (&str, &str)> = batteries
        .iter()
        .flat_map(|b| &b.stances)
        .flat_map(|s| {
            s.prompts
                .iter()
                .map(move |p| (entail_data::normal_question(p), (s.id.as_str(), p.as_str())))
        })
        .collect();
    for (index, row) in rows.iter().enumerate() {
        for question in row.questions() {
            if let Some((stance, prompt)) = asked.get(&entail_data::normal_question(question)) {
                return Err(StudyProblem::Overlap {
                    arm: arm.into(),
                    stance: (*stance).into(),
                    question: (*prompt).into(),
                    place: format!("row {} of {described}", index + 1),
                });
            }
        }
    }
    Ok(())
}
