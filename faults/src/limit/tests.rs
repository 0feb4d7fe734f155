use super::*;

fn passes(buckets: &mut Buckets, millis: u64, cost: f64) -> bool {
    buckets.take(Duration::from_millis(millis), cost).wait.is_none()
}

#[test]
fn a_burst_passes_and_then_the_rate_holds() {
    let limit = RateLimit { requests_per_second: 10.0, burst: 5.0, tokens_per_second: None };
    let mut buckets = Buckets::new(limit);
    let at_once = (0..20).filter(|_| passes(&mut buckets, 0, 0.0)).count();
    assert_eq!(at_once, 5);
    // A try each millisecond for ten seconds: 5 in the bucket at most, and ten a second.
    let later = (1..=10_000).filter(|&millis| passes(&mut buckets, millis, 0.0)).count();
    assert!((99..=100).contains(&later), "{later}");
}

#[test]
fn the_wait_it_names_is_enough_and_not_too_much() {
    let limit = RateLimit { requests_per_second: 2.0, burst: 1.0, tokens_per_second: None };
    let mut buckets = Buckets::new(limit);
    assert!(passes(&mut buckets, 0, 0.0));
    let meter = buckets.take(Duration::from_millis(100), 0.0);
    assert_eq!(meter.wait.unwrap().as_millis(), 400);
    assert!(!passes(&mut buckets, 490, 0.0));
    assert!(passes(&mut buckets, 501, 0.0));
}

#[test]
fn tokens_have_their_own_bucket_and_a_refused_request_takes_nothing() {
    let limit = RateLimit { requests_per_second: 1.0, burst: 10.0, tokens_per_second: Some(1.0) };
    let mut buckets = Buckets::new(limit);
    assert!(passes(&mut buckets, 0, 40.0));
    let meter = buckets.take(Duration::ZERO, 30.0);
    assert_eq!(meter.wait, Some(Duration::from_secs(10)));
    assert!((meter.requests.left - 9.0).abs() < 1e-9);
    assert!((meter.tokens.unwrap().left - 20.0).abs() < 1e-9);
}
