use std::collections::BTreeMap;

use entail_schema::{JudgeRow, Label};

use super::note;

fn row(labels: &[(Label, usize)]) -> JudgeRow {
    let labels: BTreeMap<String, usize> =
        labels.iter().map(|(label, n)| (label.as_str().to_owned(), *n)).collect();
    JudgeRow {
        judge: "j".into(),
        prompt: "label".into(),
        prompt_key: "0".repeat(16),
        contested_only: false,
        asked: labels.values().sum(),
        labels,
    }
}

#[test]
fn a_judge_that_often_gives_no_label_is_told_of() {
    let sound = row(&[(Label::Yes, 50), (Label::No, 49), (Label::Unparsed, 1)]);
    assert_eq!(note(&sound), None);
    let odd = row(&[(Label::Yes, 90), (Label::Unparsed, 6), (Label::JudgeRefused, 4)]);
    let told = note(&odd).unwrap();
    assert!(told.contains("of 100 replies 6 could not be read and 4 declined"), "{told}");
    assert_eq!(note(&row(&[])), None);
}
