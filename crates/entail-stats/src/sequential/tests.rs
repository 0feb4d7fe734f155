use entail_schema::Seed;
use proptest::prelude::*;

use super::*;
use crate::test_support::{Golden, cases, goldens_in, is_close};
use crate::welch;

const KINDS: [Spending; 2] = [Spending::OBrienFleming, Spending::Pocock];

fn goldens(function: &str) -> Vec<Golden> {
    goldens_in(include_str!("../../../../fixtures/stats/planning.json"), function)
}

fn spending_of(golden: &Golden) -> Spending {
    match golden.text("spending") {
        "obrien_fleming" => Spending::OBrienFleming,
        "pocock" => Spending::Pocock,
        other => panic!("no spending {other}"),
    }
}

fn looks(fractions: &[f64], spending: Spending) -> Looks {
    Looks::new(fractions, 0.05, spending).unwrap()
}

/// The tables of `ld98` (Reboussin et al. 2000) for five equal looks at .05. Its second bound,
/// 3.3569, is one low in the last digit: gsdesign's recursion goes to 3.35701 on finer grids too.
#[test]
fn five_equal_looks_have_the_published_bounds() {
    let check = |spending, expected: [f64; 5]| {
        let bounds = boundary(&[0.2, 0.4, 0.6, 0.8, 1.0], 0.05, spending);
        for (got, want) in bounds.iter().zip(expected) {
            assert!((got - want).abs() <= 2e-4, "{got} {want}");
        }
    };
    check(Spending::OBrienFleming, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]);
    check(Spending::Pocock, [2.4380, 2.4268, 2.4101, 2.3966, 2.3859]);
}

/// Simpson's rule there, extrapolated to fine grids, is good to `2e-7` at the worst.
#[test]
fn levels_agree_with_gsdesign() {
    for golden in goldens("levels") {
        let (fractions, alpha) = (golden.floats("fractions"), golden.float("alpha"));
        let bounds = boundary(&fractions, alpha, spending_of(&golden));
        for (got, want) in bounds.iter().zip(golden.floats("z")) {
            assert!((got - want).abs() <= 5e-7, "{got} {want} in {golden:?}");
        }
        let looks = Looks::new(&fractions, alpha, spending_of(&golden)).unwrap();
        for (got, want) in looks.levels().iter().zip(golden.floats("levels")) {
            assert!((got - want).abs() <= 2e-6 * want, "{got} {want} in {golden:?}");
        }
    }
}

#[test]
fn two_looks_agree_with_the_bivariate_normal() {
    for golden in goldens("two_looks") {
        let (fractions, alpha) = (golden.floats("fractions"), golden.float("alpha"));
        let bounds = boundary(&fractions, alpha, spending_of(&golden));
        for (got, want) in bounds.iter().zip(golden.floats("z")) {
            assert!((got - want).abs() <= 1e-8 * want, "{got} {want} in {golden:?}");
        }
    }
}

#[test]
fn repeated_p_agrees_with_gsdesign() {
    for golden in goldens("repeated_p") {
        let looks = looks(&golden.floats("fractions"), spending_of(&golden));
        let history: Vec<Option<f64>> = golden.floats("p").into_iter().map(Some).collect();
        let (got, want) = (looks.repeated_p(&history).unwrap().unwrap(), golden.float("repeated"));
        assert!((got - want).abs() <= 5e-6 * want, "{got} {want} in {golden:?}");
    }
}

#[test]
fn one_look_is_the_plain_test() {
    for spending in KINDS {
        let only = looks(&[1.0], spending);
        assert!(is_close(only.levels()[0], 0.05), "{only:?}");
        for p in [1.0, 0.7, 0.03, 1e-9, 1e-200, 0.0] {
            let got = only.repeated_p(&[Some(p)]).unwrap().unwrap();
            assert!((got - p).abs() <= 1e-9 * p, "{got} {p}");
        }
    }
}

#[test]
fn a_look_so_early_that_nothing_is_spent_changes_nothing() {
    let late = looks(&[0.5, 1.0], Spending::OBrienFleming);
    let early = looks(&[0.001, 0.5, 1.0], Spending::OBrienFleming);
    assert!(early.levels()[0] < 1e-280);
    assert_eq!(early.confidence(0), None);
    assert!(early.confidence(1).is_some_and(|c| is_close(c, 1.0 - late.levels()[0])));
    for (got, want) in early.levels()[1..].iter().zip(late.levels()) {
        assert!((got - want).abs() <= 1e-9 * want, "{got} {want}");
    }
}

#[test]
fn a_look_without_a_test_rejects_nothing() {
    let plan = looks(&[0.5, 1.0], Spending::Pocock);
    assert_eq!(plan.repeated_p(&[]), Ok(None));
    assert_eq!(plan.repeated_p(&[None, None]), Ok(None));
    let skipped = plan.repeated_p(&[None, Some(0.01)]).unwrap().unwrap();
    let open = plan.repeated_p(&[Some(1.0), Some(0.01)]).unwrap().unwrap();
    assert!(is_close(skipped, open));
}

#[test]
fn bad_looks_are_told_apart() {
    let check = |fractions: &[f64], alpha, expected| {
        assert_eq!(Looks::new(fractions, alpha, Spending::Pocock).unwrap_err(), expected);
    };
    let at = |look, value, previous| LooksError::Fraction { look, value, previous };
    check(&[], 0.05, LooksError::None);
    check(&[0.5, 1.0], 0.0, LooksError::Alpha { value: 0.0 });
    check(&[0.5, 1.0], 1.0, LooksError::Alpha { value: 1.0 });
    check(&[0.0, 1.0], 0.05, at(0, 0.0, 0.0));
    check(&[0.5, 0.5], 0.05, at(1, 0.5, 0.5));
    check(&[0.5, 0.4, 1.0], 0.05, at(1, 0.4, 0.5));
    check(&[0.5, 1.1], 0.05, at(1, 1.1, 0.5));
    assert!(Looks::new(&[f64::NAN], 0.05, Spending::Pocock).is_err());
    assert!(Looks::new(&[0.5], f64::NAN, Spending::Pocock).is_err());
    let plan = looks(&[0.5, 1.0], Spending::Pocock);
    let wrong = NotProbability { index: 1, value: -0.5 };
    assert_eq!(plan.repeated_p(&[None, Some(-0.5)]), Err(wrong));
}

#[test]
#[should_panic(expected = "2 p-values for 1 looks")]
fn more_p_values_than_looks_is_a_bug() {
    let _ = looks(&[1.0], Spending::Pocock).repeated_p(&[Some(0.5), Some(0.5)]);
}

#[test]
fn decisions() {
    let check = |low, high, expected| assert_eq!(Decision::of(low, high, 0.1), expected);
    check(0.01, 0.3, Decision::Moves(Direction::Up));
    check(-0.3, -0.01, Decision::Moves(Direction::Down));
    check(-0.05, 0.09, Decision::DoesNotMove);
    check(0.01, 0.09, Decision::DoesNotMove);
    check(-0.05, 0.1, Decision::Open);
    check(0.0, 0.2, Decision::Open);
    check(-0.3, 0.2, Decision::Open);
}

/// Share of studies without any effect in which Welch's t rejects at some look; `counts` are
/// replicates per arm.
fn false_rejections(counts: &[usize], plan: &Looks, n_studies: u64) -> f64 {
    let most = *counts.last().unwrap();
    let rejects = |study: u64| {
        let mut stream = Seed(11).stream("false rejections", study);
        let values: Vec<f64> = (0..2 * most).map(|_| stream.normal()).collect();
        let (xs, ys) = values.split_at(most);
        let p_at = |n: usize| welch(&xs[..n], &ys[..n], 0.95).unwrap().p;
        counts.iter().zip(plan.levels()).any(|(&n, level)| p_at(n) <= *level)
    };
    (0..n_studies).filter(|&study| rejects(study)).count() as f64 / n_studies as f64
}

/// The levels are made for normal statistics; this holds them to t tests of few replicates. The
/// limit is .05 and a half per cent of slack, plus three Monte Carlo errors.
#[test]
fn looking_early_with_few_replicates_keeps_the_error() {
    let n_studies = 4000;
    let error = (0.05 * 0.95 / n_studies as f64).sqrt();
    for spending in KINDS {
        for counts in [&[4, 6, 8, 12][..], &[3, 6], &[6, 12]] {
            let most = counts[counts.len() - 1] as f64;
            let fractions: Vec<f64> = counts.iter().map(|&n| n as f64 / most).collect();
            let got = false_rejections(counts, &looks(&fractions, spending), n_studies);
            assert!(got <= 0.055 + 3.0 * error, "{spending:?} {counts:?}: {got}");
            assert!(got >= 0.04 - 3.0 * error, "{spending:?} {counts:?}: {got}");
        }
    }
}

/// The same simulation sees what it is there to see: four looks at .05 each reject twice too often.
#[test]
fn looking_early_at_the_full_level_does_not_keep_the_error() {
    let uncorrected =
        Looks { levels: vec![0.05; 4], ..looks(&[0.25, 0.5, 0.75, 1.0], Spending::Pocock) };
    assert!(false_rejections(&[4, 6, 8, 12], &uncorrected, 1000) > 0.08);
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn levels_rise_with_alpha_and_stay_below_what_is_spent(
        steps in prop::collection::vec(1..10_u32, 1..6), low in 1e-4..0.4_f64, factor in 1.01..2.0_f64,
    ) {
        let total: u32 = steps.iter().sum();
        let mut so_far = 0;
        let fractions: Vec<f64> = steps.iter().map(|step| {
            so_far += step;
            f64::from(so_far) / f64::from(total)
        }).collect();
        for spending in KINDS {
            let less = Looks::new(&fractions, low, spending).unwrap();
            let more = Looks::new(&fractions, low * factor, spending).unwrap();
            for (idx, (a, b)) in less.levels().iter().zip(more.levels()).enumerate() {
                prop_assert!(a < b, "{fractions:?} {low} {factor}: {a} {b}");
                prop_assert!(*a <= spending.spent(fractions[idx], low) * (1.0 + 1e-9));
            }
        }
    }

    #[test]
    fn repeated_p_is_at_most_alpha_exactly_when_a_look_rejects(
        p in prop::collection::vec(0.0001..0.1_f64, 1..4), alpha in 0.001..0.2_f64,
    ) {
        let history: Vec<Option<f64>> = p.iter().copied().map(Some).collect();
        for spending in KINDS {
            let plan = Looks::new(&[0.25, 0.5, 1.0], alpha, spending).unwrap();
            let rejected = p.iter().zip(plan.levels()).any(|(p, level)| p <= level);
            let repeated = plan.repeated_p(&history).unwrap().unwrap();
            prop_assert_eq!(rejected, repeated <= alpha);
            let longer: Vec<Option<f64>> = history.iter().copied().chain([None]).take(3).collect();
            prop_assert!(plan.repeated_p(&longer).unwrap().unwrap() <= repeated * (1.0 + 1e-9));
        }
    }
}
