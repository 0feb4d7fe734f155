use super::*;
use crate::svg::tests::{NAMES, check_labels};

fn bars(n: usize) -> Vec<Bar<'static>> {
    (0..n)
        .map(|idx| Bar {
            label: NAMES[idx % NAMES.len()],
            color: idx,
            value: (idx % 3 != 2).then(|| Estimate {
                estimate: idx as f64 / n as f64,
                low: (idx % 2 == 0).then_some(0.0),
                high: Some(1.0),
            }),
            href: "#find?arm=a".into(),
            title: "title".into(),
        })
        .collect()
}

fn groups(n_groups: usize, n_bars: usize) -> Vec<Group<'static>> {
    (0..n_groups)
        .map(|idx| Group {
            label: NAMES[idx % NAMES.len()],
            detail: NAMES[1].into(),
            bars: bars(n_bars),
        })
        .collect()
}

#[test]
fn labels_do_not_overlap_for_any_number_of_bars() {
    for (n_groups, n_bars) in [(0, 0), (1, 1), (2, 7), (7, 7), (12, 20)] {
        let legend: Vec<(usize, &str)> =
            (0..n_bars).map(|idx| (idx, NAMES[idx % NAMES.len()])).collect();
        let groups = groups(n_groups, n_bars);
        check_labels(&grouped(&groups, &legend));
        for group in &groups {
            check_labels(&panel(group));
        }
    }
}

#[test]
fn a_missing_rate_is_no_bar() {
    let mut group = groups(1, 1).remove(0);
    group.bars[0].value = None;
    let wide = grouped(std::slice::from_ref(&group), &[]).finish("x");
    let small = panel(&group).finish("x");
    assert!(!wide.contains("<rect") && !small.contains("<rect"));
    assert!(small.contains("too few"));
}

#[test]
fn a_rate_of_zero_is_a_thin_bar() {
    let mut group = groups(1, 1).remove(0);
    group.bars[0].value = Some(Estimate { estimate: 0.0, low: None, high: None });
    assert!(panel(&group).finish("x").contains(r#"width="1""#));
    assert!(grouped(&[group], &[]).finish("x").contains(r#"height="1""#));
}
