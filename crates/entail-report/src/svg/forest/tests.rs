use super::*;
use crate::svg::tests::{NAMES, check_labels};

fn line(idx: usize, n_controls: usize) -> Line<'static> {
    let entry = |control: usize| Entry {
        value: (idx != 1).then_some(Estimate {
            estimate: 0.9 - idx as f64 * 0.2,
            low: (idx != 2).then_some(-1.0),
            high: Some(1.0 - control as f64 * 0.1),
        }),
        reading: Reading::Unclear,
        href: "#find".into(),
        title: "title".into(),
    };
    Line {
        label: NAMES[idx % NAMES.len()],
        detail: "+0.90".into(),
        block: ["planted", "zero"][idx / 4 % 2],
        cells: (0..n_controls).map(|control| (idx != 3).then(|| entry(control))).collect(),
    }
}

#[test]
fn labels_do_not_overlap_for_any_number_of_lines_and_controls() {
    for (n_lines, n_controls) in [(1, 1), (8, 2), (44, 4)] {
        let columns: Vec<String> =
            (0..n_controls).map(|idx| format!("minus {}", NAMES[idx % NAMES.len()])).collect();
        let lines: Vec<Line<'_>> = (0..n_lines).map(|idx| line(idx, n_controls)).collect();
        check_labels(&forest(&columns, &lines));
    }
}

#[test]
fn missing_differences_are_words_and_no_points() {
    let mut line = line(0, 1);
    line.cells[0].as_mut().unwrap().value = None;
    let svg = forest(&["minus toaster".to_owned()], &[line]).finish("x");
    assert!(svg.contains("too few") && !svg.contains("<circle"));
}

#[test]
fn the_axis_holds_zero_and_everything_drawn() {
    let lines = [line(0, 1), line(4, 1)];
    let marks = range(&lines);
    assert!(marks[0] <= -1.0 && *marks.last().unwrap() >= 1.0);
    assert!(marks.iter().any(|mark| mark.abs() < 1e-9));
}
