use super::*;

#[test]
fn shares_lie_in_the_unit_interval_and_fill_it() {
    let mean = (0..10_000).map(|n| share(mix(n))).sum::<f64>() / 10_000.0;
    assert!((mean - 0.5).abs() < 0.01, "{mean}");
    assert!((0..10_000).all(|n| (0.0..1.0).contains(&share(mix(n)))));
}

#[test]
fn a_shuffle_keeps_the_items_and_follows_from_its_seed() {
    let shuffled = |seed| {
        let mut items: Vec<usize> = (0..50).collect();
        shuffle(&mut items, seed);
        items
    };
    assert_eq!(shuffled(1), shuffled(1));
    assert_ne!(shuffled(1), shuffled(2));
    let mut sorted = shuffled(3);
    sorted.sort_unstable();
    assert_eq!(sorted, (0..50).collect::<Vec<_>>());
}
