use super::*;
use crate::svg::tests::{NAMES, check_labels};

#[test]
fn labels_do_not_overlap_even_where_lines_end_together() {
    let points = [(0, 2.4), (75, 0.7), (150, 0.69)];
    for n in [0, 1, 7, 12] {
        let names: Vec<String> =
            (0..n).map(|idx| format!("{}{idx}", NAMES[idx % NAMES.len()])).collect();
        let traces: Vec<Trace<'_>> = names
            .iter()
            .flat_map(|arm| [arm, arm])
            .enumerate()
            .map(|(idx, arm)| Trace { arm, color: idx / 2, points: &points })
            .collect();
        check_labels(&curves("Loss", Axis::Nats, &traces));
        check_labels(&curves(NAMES[1], Axis::Share, &traces));
    }
}

#[test]
fn every_replicate_is_a_line_and_every_arm_one_name() {
    let points = [(0, 0.1), (10, 0.2)];
    let trace = |arm, color| Trace { arm, color, points: &points };
    let svg = curves("x", Axis::Share, &[trace("a", 0), trace("a", 0), trace("b", 1)]).finish("x");
    assert_eq!(svg.matches("<polyline").count(), 3);
    assert_eq!(svg.matches(">a</text>").count(), 1);
}

#[test]
fn what_is_not_finite_is_left_out() {
    let points = [(0, f64::NAN), (10, 0.2)];
    let svg = curves("x", Axis::Nats, &[Trace { arm: "a", color: 0, points: &points }]).finish("x");
    assert!(!svg.contains("NaN"));
}
