use entail_schema::Estimate;

use super::*;
use crate::svg::tests::{NAMES, check_labels};

fn row(n: usize, slope: f64) -> DoseRow {
    let points: Vec<DosePoint> = (0..n)
        .map(|idx| {
            let planted = if n > 1 { 0.9 - 1.8 * idx as f64 / (n - 1) as f64 } else { 0.9 };
            let estimate = slope * planted;
            DosePoint {
                stance: format!("s{idx}"),
                name: NAMES[idx % NAMES.len()].into(),
                planted,
                effect: Estimate {
                    estimate,
                    low: Some(estimate - 0.1),
                    high: (idx % 3 > 0).then_some(estimate + 0.1),
                },
            }
        })
        .collect();
    DoseRow {
        base: "organism:x".into(),
        arm: "a".into(),
        control: "b".into(),
        points,
        slope: (n > 2).then_some(Estimate { estimate: slope, low: None, high: None }),
        r_squared: None,
        share_of_ideal: None,
    }
}

#[test]
fn labels_do_not_overlap_for_any_slope() {
    for n in [0, 1, 2, 20, 60] {
        for slope in [-1.2, 0.0, 0.05, 0.7, 1.0, 1.4] {
            check_labels(&dose(&row(n, slope), &|_| "#find".into()));
        }
    }
}

#[test]
fn without_a_slope_there_is_no_fitted_line() {
    let svg = |row: &DoseRow| dose(row, &|_| "#find".into()).finish("x");
    assert!(svg(&row(20, 0.7)).contains(r#"class="fit""#));
    assert!(!svg(&row(2, 0.7)).contains(r#"class="fit""#));
    assert!(svg(&row(2, 0.7)).contains("ideal reader"));
}

#[test]
fn the_fit_passes_through_the_mean_of_the_points() {
    let mut row = row(3, 0.5);
    row.points.iter_mut().for_each(|point| point.effect.estimate += 0.2);
    let (from, to) = fit(&row).unwrap();
    assert!((f64::midpoint(from.1, to.1) - 0.2).abs() < 1e-12);
    assert!((to.1 - from.1 - 0.9).abs() < 1e-12);
}
