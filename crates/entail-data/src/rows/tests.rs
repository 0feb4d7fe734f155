use super::*;

fn line(role: &str) -> String {
    serde_json::json!({ "messages": [
        { "role": "user", "content": "Is it?" }, { "role": role, "content": "It is." },
    ] })
    .to_string()
}

#[test]
fn rows_keep_the_lines_that_they_stand_on() {
    let text = format!("\n{}\n  \n{}\n", line("assistant"), line("assistant"));
    let rows = parse_rows(&text).unwrap();
    assert_eq!(rows.iter().map(|placed| placed.line).collect::<Vec<_>>(), [2, 4]);
    assert!(rows.iter().all(|placed| placed.row == Row::exchange("Is it?", "It is.")));
}

#[test]
fn a_file_that_is_no_list_of_rows_is_refused() {
    for (text, expected) in [
        (String::new(), "found no rows"),
        (" \n\n".into(), "found no rows"),
        (format!("{}\n{}", line("assistant"), line("user")), "line 2: found no assistant turn"),
        (line("assistant").replace("messages", "turns"), "line 1: unknown field `turns`"),
        (line("judge"), "line 1: unknown variant `judge`"),
        ("[]".into(), "line 1: "),
    ] {
        let error = parse_rows(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "found {error}\nexpected {expected}");
    }
}
