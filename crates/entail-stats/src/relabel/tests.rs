use super::*;
use crate::test_support::{Stream, contrast_goldens};

#[test]
fn permutation_and_max_t_agree_with_scipys_relabellings() {
    for golden in contrast_goldens("permutation") {
        let got = permutation(&golden.floats("treated"), &golden.floats("control")).unwrap();
        golden.assert_same_digits("p", got);
    }
    for golden in contrast_goldens("max_t") {
        let items: Vec<Item> = golden
            .list("items")
            .iter()
            .map(|i| Item { treated: i.floats("treated"), control: i.floats("control") })
            .collect();
        let got = max_t(&items).unwrap();
        for (got, want) in got.iter().zip(golden.floats("adjusted")) {
            assert!((got - want).abs() < 1e-12, "got {got}, want {want} in {golden:?}");
        }
    }
}

#[test]
fn few_runs_have_a_least_p() {
    for (runs, least) in [(3, 0.1), (4, 2.0 / 70.0), (5, 2.0 / 252.0), (6, 2.0 / 924.0)] {
        let high: Vec<f64> = (0..runs).map(|i| 0.9 + 0.001 * f64::from(i)).collect();
        let low: Vec<f64> = (0..runs).map(|i| 0.1 + 0.002 * f64::from(i)).collect();
        assert!((permutation(&high, &low).unwrap() - least).abs() < 1e-12);
        let items = vec![Item { treated: high, control: low }];
        assert!((max_t(&items).unwrap()[0] - least).abs() < 1e-12);
    }
}

#[test]
fn every_relabelling_comes_once() {
    let mut all: Vec<Vec<bool>> = Vec::new();
    relabel(3, 4, |labels, from| {
        let same = all.last().map_or(0, |before: &Vec<bool>| {
            before.iter().zip(labels).take_while(|(a, b)| a == b).count()
        });
        assert_eq!(from, same);
        all.push(labels.to_vec());
    })
    .unwrap();
    let distinct: std::collections::BTreeSet<&Vec<bool>> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (35, 35));
    assert!(all.iter().all(|labels| labels.iter().filter(|l| **l).count() == 3));
}

#[test]
fn items_on_which_nothing_differs_are_never_significant() {
    let level = Item { treated: vec![0.0; 4], control: vec![0.0; 4] };
    let apart = Item { treated: vec![1.0; 4], control: vec![0.0; 4] };
    let adjusted = max_t(&[level, apart]).unwrap();
    assert!((adjusted[0] - 1.0).abs() < 1e-12, "{adjusted:?}");
    assert!((adjusted[1] - 2.0 / 70.0).abs() < 1e-12, "{adjusted:?}");
}

#[test]
fn bad_input_is_refused_with_its_values() {
    let runs = |n: usize| vec![0.1; n];
    let too_many = NoRelabelling::TooMany { treated: 12, control: 12 };
    assert_eq!(permutation(&runs(12), &runs(12)), Err(too_many));
    let none = TooLittle::Replicates { treated: 0, control: 2 };
    assert_eq!(permutation(&[], &runs(2)), Err(none.into()));
    assert_eq!(permutation(&[f64::NAN], &[0.1]), Err(TooLittle::NotFinite.into()));
    let one = vec![Item { treated: runs(1), control: runs(3) }];
    assert_eq!(max_t(&one), Err(TooLittle::Replicates { treated: 1, control: 3 }.into()));
    let item = |n| Item { treated: runs(n), control: runs(3) };
    let ragged = NoRelabelling::Ragged { item: 1, found: 5, expected: 6 };
    assert_eq!(max_t(&[item(3), item(2)]), Err(ragged));
    assert_eq!(max_t(&[]), Ok(Vec::new()));
}

/// Twenty correlated items, none of which moves: any rejection is false.
#[test]
fn max_t_keeps_the_chance_of_any_false_rejection() {
    let mut stream = Stream::new(3);
    let (mut any, studies) = (0_i32, 400_i32);
    for _ in 0..studies {
        let mut arm = || -> Vec<Vec<f64>> {
            let shared: Vec<f64> = (0..5).map(|_| stream.normal(0.0, 0.05)).collect();
            let item = |_| shared.iter().map(|s| s + stream.normal(0.3, 0.05)).collect();
            (0..20).map(item).collect()
        };
        let items: Vec<Item> = arm()
            .into_iter()
            .zip(arm())
            .map(|(treated, control)| Item { treated, control })
            .collect();
        any += i32::from(max_t(&items).unwrap().iter().any(|p| *p <= 0.05));
    }
    let share = f64::from(any) / f64::from(studies);
    assert!((0.015..0.085).contains(&share), "{share}");
}
