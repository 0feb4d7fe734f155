use super::*;
use crate::svg::tests::{NAMES, check_labels};

const PARTS: [&str; 4] = ["training runs", "prompts", "runs × prompts", "answers"];

fn stack(label: &str, parts: [f64; 4]) -> Stack<'_> {
    Stack { label, parts, title: "title".into() }
}

#[test]
fn labels_do_not_overlap_for_any_shares() {
    let shares = [[1.0, 1.0, 1.0, 1.0], [0.01, 0.02, 0.01, 9.0], [0.0, 0.0, 0.0, 1.0]];
    let rows: Vec<Stack<'_>> =
        (0..9).map(|idx| stack(NAMES[idx % NAMES.len()], shares[idx % 3])).collect();
    check_labels(&stacks(PARTS, &rows));
    check_labels(&stacks(PARTS, &[]));
}

#[test]
fn shares_fill_the_bar() {
    let svg = stacks(PARTS, &[stack("a", [1.0, 1.0, 0.0, 2.0])]).finish("x");
    assert_eq!(svg.matches(">25 %<").count(), 3, "two parts and one tick");
    assert!(svg.contains(r#"width="380" height="24" class="v3""#), "{svg}");
}

#[test]
fn what_has_no_variance_is_words_and_no_bar() {
    let fills = |parts| stacks(PARTS, &[stack("a", parts)]).finish("x").matches("<rect").count();
    // Four are the legend's.
    assert_eq!(fills([0.0; 4]), 4);
    assert_eq!(fills([f64::NAN, -1.0, 0.0, 0.0]), 4);
    assert_eq!(fills([-1.0, 1.0, 1.0, 1.0]), 8);
    assert!(stacks(PARTS, &[stack("a", [0.0; 4])]).finish("x").contains("no variance"));
}
