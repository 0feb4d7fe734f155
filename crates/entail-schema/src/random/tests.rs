use super::*;

#[test]
fn a_stream_repeats_and_other_names_differ() {
    let draw = |purpose, index| Seed(7).stream(purpose, index).next_u64();
    assert_eq!(draw("rows", 0), draw("rows", 0));
    assert_ne!(draw("rows", 0), draw("rows", 1));
    assert_ne!(draw("rows", 0), draw("init", 0));
    assert_ne!(Seed(7).stream("rows", 0).next_u64(), Seed(8).stream("rows", 0).next_u64());
}

#[test]
fn uniform_and_normal_have_the_right_moments() {
    let mut stream = Seed(1).stream("moments", 0);
    let n = 40_000;
    let uniform: f64 = (0..n).map(|_| stream.uniform()).sum::<f64>() / f64::from(n);
    assert!((uniform - 0.5).abs() < 0.01, "mean of uniforms {uniform}");
    let normals: Vec<f64> = (0..n).map(|_| stream.normal()).collect();
    let mean = normals.iter().sum::<f64>() / f64::from(n);
    let variance = normals.iter().map(|x| x * x).sum::<f64>() / f64::from(n);
    assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "mean {mean}, variance {variance}");
}

#[test]
fn below_reaches_every_value_and_no_other() {
    let mut stream = Seed(2).stream("below", 0);
    let mut counts = [0_u32; 7];
    for _ in 0..7_000 {
        counts[stream.below(7)] += 1;
    }
    assert!(counts.iter().all(|&c| (850..1150).contains(&c)), "{counts:?}");
}

#[test]
fn shuffle_keeps_the_items() {
    let mut items: Vec<u32> = (0..50).collect();
    Seed(3).stream("shuffle", 0).shuffle(&mut items);
    assert_ne!(items, (0..50).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..50).collect::<Vec<_>>());
}
