use entail_eval::{SelfTest, Verdict, shipped};

use super::*;

#[test]
fn refusals_and_unreadable_replies_have_columns_of_their_own() {
    let claims = shipped("claims").unwrap();
    let test = SelfTest::new([&claims]);
    let verdict = |index: usize| match index {
        0 => Verdict::JudgeRefused,
        _ => Verdict::Label { label: test.expected(index), polarity: None, coherence: None },
    };
    let verdicts: Vec<Verdict> = (0..test.exhibits.len()).map(verdict).collect();
    let all = test.result(&verdicts).all;
    let text = table(&all, "expected");
    let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
    let heading = ["expected", "true", "false", "not-sure", "refusal", "judge-refused", "unparsed"];
    assert_eq!(lines[0], heading);
    assert_eq!(lines.len(), 5);
    let row = |label: JudgeLabel| lines.iter().find(|line| line[0] == label.as_str()).unwrap();
    assert_eq!(row(test.expected(0))[5], "1");
    for label in JudgeLabel::ALL {
        let sum: u64 = row(label)[1..].iter().filter_map(|n| n.parse::<u64>().ok()).sum();
        let expected = (0..test.exhibits.len()).filter(|i| test.expected(*i) == label).count();
        assert_eq!((sum, row(label)[6]), (expected as u64, "·"));
    }
    let json = as_json(&all, "expected");
    let refused = json.as_array().unwrap().iter().find(|one| one["given"] == "judge-refused");
    assert_eq!(refused.unwrap()["count"], 1);
}
