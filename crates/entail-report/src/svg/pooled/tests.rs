use super::*;
use crate::svg::tests::{NAMES, check_labels};

fn dot(idx: usize) -> Dot<'static> {
    let estimate = 0.1 * idx as f64 - 0.3;
    Dot {
        label: NAMES[idx % NAMES.len()],
        raw: 1.4 * estimate,
        shrunken: Estimate {
            estimate,
            low: (idx != 2).then_some(estimate - 0.1),
            high: Some(estimate + 0.1),
        },
        positive: 0.123,
        href: "#find".into(),
        title: "title".into(),
    }
}

fn cluster(low: Option<f64>) -> Estimate {
    Estimate { estimate: 0.05, low, high: Some(0.2) }
}

#[test]
fn labels_do_not_overlap_for_any_number_of_stances() {
    for n in [0, 1, 5, 44] {
        check_labels(&pooled(cluster(Some(-0.1)), &(0..n).map(dot).collect::<Vec<_>>()));
    }
}

#[test]
fn without_an_interval_there_is_neither_band_nor_whisker() {
    let bands = |low| pooled(cluster(low), &[dot(2)]).finish("x").matches(r#""band""#).count();
    // One band is the legend's.
    assert_eq!([bands(Some(-0.1)), bands(None)], [2, 1]);
    let whiskers = |idx| pooled(cluster(None), &[dot(idx)]).finish("x").matches(r#""w""#).count();
    assert_eq!([whiskers(1), whiskers(2)], [6, 3]);
}

#[test]
fn the_largest_effect_stands_first() {
    let canvas = pooled(cluster(None), &[dot(0), dot(1)]);
    let top = |text: &str| canvas.boxes().iter().find(|b| b.text == text).unwrap().edges[1];
    assert!(top("−20.0") < top("−30.0"));
}
