use proptest::prelude::*;

use super::*;
use crate::structure::tests::{assert_coefficient, rows, structure_goldens};
use crate::test_support::{Stream, cases, is_close};

#[test]
fn paths_agree_with_statsmodels_and_pingouin() {
    for golden in structure_goldens("mediation") {
        let data = ["treated_claim", "treated_preference", "control_claim", "control_preference"];
        let [x1, y1, x0, y0] = data.map(|key| golden.floats(key));
        let (treated, control) = (Paired { x: &x1, y: &y1 }, Paired { x: &x0, y: &y0 });
        let got = mediation(treated, control, golden.float("confidence"), Seed(1)).unwrap();
        let paths = [
            ("on_claim", got.on_claim),
            ("within_arm", got.within_arm),
            ("total", got.total),
            ("direct", got.direct),
        ];
        for (key, path) in paths {
            assert_coefficient(golden.json(key), &path);
            let p = golden.json(key)["p"].as_f64().unwrap();
            assert!(is_close(path.p, p), "{key}: p {} {p}", path.p);
        }
        golden.assert_close("indirect", got.indirect.estimate);
        golden.assert_close("sobel_low", got.sobel.low);
        golden.assert_close("sobel_high", got.sobel.high);
        // Three standard errors of a 2.5 % quantile of 20,000 draws.
        let slack = 0.04 * (golden.float("product_high") - golden.float("product_low"));
        assert!(
            (got.indirect.low - golden.float("product_low")).abs() < slack,
            "{got:?} {golden:?}"
        );
        assert!(
            (got.indirect.high - golden.float("product_high")).abs() < slack,
            "{got:?} {golden:?}"
        );
        let clear = got.total.p < 0.05;
        assert_eq!(got.share.is_some(), clear);
        if let Some(share) = got.share {
            assert!(is_close(share, 1.0 - got.direct.estimate / got.total.estimate));
        }
    }
}

#[test]
fn within_arm_slope_agrees_with_statsmodels() {
    for golden in structure_goldens("within_arm_slope") {
        let (xs, ys) = (rows(golden.json("xs")), rows(golden.json("ys")));
        let arms: Vec<Paired<'_>> = xs.iter().zip(&ys).map(|(x, y)| Paired { x, y }).collect();
        let got = within_arm_slope(&arms, golden.float("confidence")).unwrap();
        for (key, value) in [
            ("estimate", got.estimate),
            ("error", got.error),
            ("low", got.low),
            ("high", got.high),
            ("p", got.p),
        ] {
            golden.assert_close(key, value);
        }
    }
}

fn check_mediation(treated: [&[f64]; 2], control: [&[f64]; 2], why: Unassessable) {
    let got = mediation(
        Paired { x: treated[0], y: treated[1] },
        Paired { x: control[0], y: control[1] },
        0.95,
        Seed(1),
    );
    assert_eq!(got, Err(why), "{treated:?} {control:?}");
}

#[test]
fn a_claim_at_its_ceiling_cannot_be_assessed() {
    let (y1, y0) = ([0.4, 0.5, 0.7], [0.1, 0.2, 0.1]);
    check_mediation([&[1.0; 3], &y1], [&[0.0; 3], &y0], Unassessable::ClaimWithoutSpread);
    check_mediation([&[1.0; 3], &y1], [&[1.0; 3], &y0], Unassessable::ClaimWithoutSpread);
    assert_eq!(
        Unassessable::ClaimWithoutSpread.to_string(),
        "the claim does not vary between replicates of one arm"
    );
    let arms = [Paired { x: &[1.0; 3], y: &y1 }, Paired { x: &[0.0; 3], y: &y0 }];
    assert_eq!(within_arm_slope(&arms, 0.95), Err(TooLittle::NoSpread));
}

#[test]
fn says_why_there_is_no_mediation() {
    let little = Unassessable::TooLittle;
    check_mediation(
        [&[0.9], &[0.5]],
        [&[0.1, 0.2], &[0.1, 0.3]],
        little(TooLittle::Replicates { treated: 1, control: 2 }),
    );
    check_mediation(
        [&[0.9, 0.8], &[0.5, f64::NAN]],
        [&[0.1, 0.2], &[0.1, 0.3]],
        little(TooLittle::NotFinite),
    );
    check_mediation(
        [&[0.9, 0.8, 0.7], &[0.5; 3]],
        [&[0.1, 0.2, 0.1], &[0.2; 3]],
        little(TooLittle::NoSpread),
    );
    // Preferences on two parallel lines.
    check_mediation(
        [&[0.9, 0.8, 0.7], &[0.55, 0.5, 0.45]],
        [&[0.1, 0.2, 0.4], &[0.1, 0.15, 0.25]],
        little(TooLittle::NoSpread),
    );
}

#[test]
fn within_arm_slope_needs_a_degree_of_freedom() {
    let one = Paired { x: &[0.1, 0.2], y: &[0.3, 0.1] };
    let none = Paired { x: &[], y: &[] };
    let check = |arms: &[Paired<'_>], got, need| {
        assert_eq!(within_arm_slope(arms, 0.95), Err(TooLittle::Values { got, need }));
    };
    check(&[], 0, 2);
    check(&[one, none], 2, 3);
    assert!(within_arm_slope(&[one, one], 0.95).is_err());
    assert!(within_arm_slope(&[one, Paired { x: &[0.4, 0.5], y: &[0.3, 0.9] }], 0.95).is_ok());
}

/// One experiment of six replicates an arm with known paths.
fn experiment(stream: &mut Stream, a: f64, b: f64, direct: f64) -> Mediation {
    let mut arm = |treated: f64| -> (Vec<f64>, Vec<f64>) {
        let mut replicate = || {
            let claim = stream.normal(0.2 + a * treated, 0.1);
            (claim, stream.normal(0.1 + direct * treated + b * claim, 0.1))
        };
        (0..6).map(|_| replicate()).unzip()
    };
    let ((x1, y1), (x0, y0)) = (arm(1.0), arm(0.0));
    mediation(Paired { x: &x1, y: &y1 }, Paired { x: &x0, y: &y0 }, 0.95, Seed(1)).unwrap()
}

/// With one path at zero the interval of the product is known to be too wide (Preacher and
/// Selig 2012), with both clear of it nominal; it must never cover less than stated.
#[test]
fn the_indirect_interval_covers() {
    let check = |a: f64, b: f64, n: u64, range: std::ops::RangeInclusive<i32>| {
        let holds = |key: u64| {
            let got = experiment(&mut Stream::new(key), a, b, 0.1).indirect;
            i32::from(got.low <= a * b && a * b <= got.high)
        };
        let covered: i32 = (0..n).map(holds).sum();
        assert!(range.contains(&covered), "{a} {b}: covers {covered} of {n}");
    };
    check(0.5, 1.0, 300, 275..=297);
    check(0.0, 0.0, 60, 58..=60);
}

/// A common cause of claim and preference looks like a path from one to the other.
#[test]
fn a_common_cause_passes_for_mediation() {
    let mut stream = Stream::new(4);
    let mut arm = |treated: f64| -> (Vec<f64>, Vec<f64>) {
        let mut replicate = || {
            let how_far = stream.normal(0.0, 0.1);
            let claim = stream.normal(0.2 + 0.5 * treated + how_far, 0.02);
            (claim, stream.normal(0.1 + 0.2 * treated + how_far, 0.02))
        };
        (0..12).map(|_| replicate()).unzip()
    };
    let ((x1, y1), (x0, y0)) = (arm(1.0), arm(0.0));
    let got = mediation(Paired { x: &x1, y: &y1 }, Paired { x: &x0, y: &y0 }, 0.95, Seed(1));
    assert!(got.unwrap().indirect.low > 0.3);
}

fn arm() -> impl Strategy<Value = (Vec<f64>, Vec<f64>)> {
    prop::collection::vec((-1.0..1.0_f64, -1.0..1.0_f64), 3..10)
        .prop_map(|points| points.into_iter().unzip())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..cases() })]

    #[test]
    fn direct_and_indirect_add_up((x1, y1) in arm(), (x0, y0) in arm()) {
        let (one, zero) = (Paired { x: &x1, y: &y1 }, Paired { x: &x0, y: &y0 });
        let got = mediation(one, zero, 0.95, Seed(1)).unwrap();
        prop_assert!(is_close(got.direct.estimate + got.indirect.estimate, got.total.estimate));
        prop_assert_eq!(got.within_arm, within_arm_slope(&[one, zero], 0.95).unwrap());
        prop_assert!(got.indirect.low < got.indirect.estimate);
        prop_assert!(got.indirect.estimate < got.indirect.high);
    }
}
