use super::*;
use crate::test_support::{empty, small};

fn embedded(section: &str) -> Value {
    let (_, rest) = section.split_once(r#"id="data">"#).unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The value of every row of a column, as the script reads it.
fn unpacked(column: &Value) -> Vec<usize> {
    let numbers = |value: &Value| -> Vec<usize> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|n| usize::try_from(n.as_u64().unwrap()).unwrap())
            .collect()
    };
    match column.get("runs") {
        Some(runs) => numbers(runs).chunks(2).flat_map(|run| vec![run[0]; run[1]]).collect(),
        None => numbers(column),
    }
}

#[test]
fn embedded_answers_read_back() {
    let tables = small();
    let data = embedded(&section(&View::new(&tables), MOST_RESPONSES));
    let read = |name: &str, list: &str| -> Vec<String> {
        let strings = data[list].as_array().unwrap();
        unpacked(&data["columns"][name])
            .iter()
            .map(|id| strings[*id].as_str().unwrap().to_owned())
            .collect()
    };
    let (texts, prompts, arms, labels) = (
        read("text", "texts"),
        read("prompt", "prompts"),
        read("arm", "arms"),
        read("label", "labels"),
    );
    assert_eq!(texts.len(), tables.responses.len());
    for (idx, row) in tables.responses.iter().enumerate() {
        assert_eq!([&texts[idx], &prompts[idx], &arms[idx]], [&row.text, &row.prompt, &row.arm]);
        assert_eq!(labels[idx], row.label.as_str());
        assert_eq!(&data["keys"].as_str().unwrap()[16 * idx..16 * idx + 16], row.key);
    }
    assert_eq!(
        unpacked(&data["columns"]["sample"]),
        tables.responses.iter().map(|r| r.sample).collect::<Vec<_>>()
    );
}

#[test]
fn hostile_answers_read_back_and_stay_inside_the_script() {
    let mut tables = small();
    let hostile = "</script><script>alert(1)</script><!--\u{2028}\u{0}\"\\&";
    tables.responses[0].text = hostile.into();
    tables.responses[0].key = "</script>".into();
    tables.responses[0].stance = "unknown<b>".into();
    let html = section(&View::new(&tables), MOST_RESPONSES);
    assert_eq!(html.matches("</script>").count(), 1);
    let data = embedded(&html);
    assert_eq!(data["texts"][0].as_str(), Some(hostile));
    assert_eq!(data["keys"][0].as_str(), Some("</script>"));
    assert_eq!(data["stances"][0][2].as_str(), Some("other"));
}

#[test]
fn a_subset_keeps_whole_sample_numbers_and_is_announced() {
    let tables = small();
    let n = tables.responses.len();
    let html = section(&View::new(&tables), n - 1);
    assert!(html.contains(&format!("This page holds {} of {} answers", count(n / 2), count(n))));
    assert!(unpacked(&embedded(&html)["columns"]["sample"]).iter().all(|sample| *sample == 0));
    assert!(!section(&View::new(&tables), n).contains("This page holds"));
}

#[test]
fn a_subset_never_exceeds_its_limit() {
    let tables = small();
    for most in [1, 7, 100, tables.responses.len()] {
        let kept = keep(&tables.responses, most);
        assert!(!kept.is_empty() && kept.len() <= most, "{} of {most}", kept.len());
    }
    assert!(keep(&[], 10).is_empty());
}

#[test]
fn columns_are_packed_only_where_it_is_shorter() {
    let column = |values: &[usize]| json!(Column::of(values.to_vec()));
    assert_eq!(column(&[4, 4, 4, 4]), json!({ "runs": [4, 4] }));
    assert_eq!(column(&[1, 2, 3]), json!([1, 2, 3]));
    assert_eq!(column(&[]), json!([]));
}

#[test]
fn no_answers_are_no_rows() {
    let tables = empty();
    let data = embedded(&section(&View::new(&tables), MOST_RESPONSES));
    assert_eq!(data["n"], json!(0));
}
