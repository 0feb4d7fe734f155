use std::cmp::Reverse;
use std::collections::BinaryHeap;

use entail_schema::{Seed, Stream};

use super::*;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A server that takes `rate` calls a second with a burst, and says no to the others.
struct Server {
    rate: f64,
    burst: f64,
    level: f64,
    at: Duration,
    latency: Duration,
    tells: Tells,
    /// From when to when it refuses everything.
    outage: Option<(Duration, Duration)>,
    stream: Stream,
}

/// What a refusal says about when to come back.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Tells {
    Nothing,
    Exactly,
    WholeSeconds,
}

impl Server {
    fn new(rate: f64, burst: f64, latency: Duration) -> Self {
        let stream = Seed(3).stream("latency", 0);
        Self {
            rate,
            burst,
            level: burst,
            at: Duration::ZERO,
            latency,
            tells: Tells::Nothing,
            outage: None,
            stream,
        }
    }

    /// When the response is there, and what it says.
    fn call(&mut self, now: Duration) -> (Duration, Outcome) {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.rate).min(self.burst);
        self.at = now;
        let out = self.outage.is_some_and(|(from, to)| from <= now && now < to);
        if out || self.level < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.level.min(1.0)) / self.rate);
            let told = match self.tells {
                Tells::Nothing => None,
                Tells::Exactly => Some(wait),
                Tells::WholeSeconds => Some(Duration::from_secs(wait.as_secs() + 1)),
            };
            return (now + ms(40).min(self.latency), Outcome::Slow(told));
        }
        self.level -= 1.0;
        (now + self.latency.mul_f64(0.5 + self.stream.uniform()), Outcome::Answered)
    }
}

#[derive(Default, Debug)]
struct Tally {
    answered: f64,
    refused: f64,
    /// Longest time between two answers.
    silence: Duration,
}

impl Tally {
    fn refused_share(&self) -> f64 {
        self.refused / (self.answered + self.refused)
    }
}

/// Asks without end until a time; counts what ends after another.
fn simulate(limiter: &mut Limiter, server: &mut Server, from: Duration, to: Duration) -> Tally {
    let mut tally = Tally::default();
    let mut ends = BinaryHeap::new();
    let mut calls: Vec<Option<(Ticket, Outcome)>> = Vec::new();
    let (mut now, mut last) = (Duration::ZERO, from);
    while now < to {
        let wait = loop {
            match limiter.start(now, 100) {
                Ok(ticket) => {
                    let (end, outcome) = server.call(now);
                    ends.push(Reverse((end, calls.len())));
                    calls.push(Some((ticket, outcome)));
                }
                Err(wait) => break wait,
            }
        };
        let next_end = ends.peek().map(|Reverse((end, _))| *end);
        now = match (wait, next_end) {
            (Wait::Until(until), Some(end)) => until.min(end),
            (Wait::Until(until), None) => until,
            (Wait::ForRoom, end) => end.expect("a full limiter has calls at work"),
        };
        while let Some(&Reverse((end, index))) = ends.peek()
            && end <= now
        {
            ends.pop();
            let (ticket, outcome) = calls[index].take().unwrap();
            limiter.end(now, ticket, outcome);
            if now < from {
                continue;
            }
            if outcome == Outcome::Answered {
                tally.answered += 1.0;
                tally.silence = tally.silence.max(now.saturating_sub(last));
                last = now;
            } else {
                tally.refused += 1.0;
            }
        }
    }
    tally
}

#[test]
fn finds_the_rate_of_a_service_and_seldom_passes_it() {
    for (rate, burst, latency) in [
        (0.5, 1.0, ms(800)),
        (2.0, 2.0, ms(300)),
        (10.0, 5.0, ms(1_000)),
        (10.0, 10.0, ms(50)),
        (40.0, 20.0, ms(2_000)),
        (150.0, 50.0, ms(900)),
        (80.0, 4_800.0, ms(1_500)),
        (300.0, 30.0, ms(30)),
    ] {
        for tells in [Tells::Nothing, Tells::Exactly, Tells::WholeSeconds] {
            let mut limiter = Limiter::new(&Limits::default());
            let mut server = Server { tells, ..Server::new(rate, burst, latency) };
            let span = 600.0;
            let tally = simulate(&mut limiter, &mut server, seconds(200), seconds(800));
            // A service that takes more than the most calls at work is bound by those.
            let capacity = rate.min(200.0 / latency.as_secs_f64());
            let used = tally.answered / span / capacity;
            let what = format!(
                "{rate}/s, burst {burst}, {latency:?}, tells {tells:?}: used {used:.3}, {tally:?}"
            );
            assert!(used > 0.84, "{what}");
            assert!(tally.refused_share() < 0.065, "{what}");
            // Never more than a few calls' time without an answer.
            assert!(tally.silence < seconds(2) + latency * 10, "{what}");
        }
    }
}

#[test]
fn few_calls_are_refused_while_the_rate_is_being_found() {
    for rate in [2.0, 10.0, 100.0] {
        let mut limiter = Limiter::new(&Limits::default());
        let mut server = Server::new(rate, rate, ms(700));
        let tally = simulate(&mut limiter, &mut server, Duration::ZERO, seconds(600));
        assert!(tally.refused_share() < 0.08, "{rate}/s: {tally:?}");
    }
}

#[test]
fn recovers_after_an_outage() {
    let mut limiter = Limiter::new(&Limits::default());
    let mut server = Server::new(20.0, 10.0, ms(500));
    server.outage = Some((seconds(300), seconds(360)));
    let out = simulate(&mut limiter, &mut server, seconds(300), seconds(360));
    assert!(out.refused < 120.0, "an outage is not hammered: {out:?}");

    let mut limiter = Limiter::new(&Limits::default());
    let mut server = Server { at: Duration::ZERO, level: 10.0, ..server };
    let after = simulate(&mut limiter, &mut server, seconds(480), seconds(900));
    let used = after.answered / 420.0 / 20.0;
    assert!(used > 0.85, "two minutes after the outage: {used:.3} {after:?}");
    assert!(after.refused_share() < 0.05, "{after:?}");
}

#[test]
fn recovers_when_a_service_takes_more_again() {
    let mut limiter = Limiter::new(&Limits::default());
    simulate(&mut limiter, &mut Server::new(1.0, 1.0, ms(500)), seconds(0), seconds(600));
    assert!(limiter.limit <= 1.0, "{limiter:?}");
    let mut limiter = Limiter { at_work: 0, closed_until: Duration::ZERO, ..limiter };
    let mut server = Server::new(20.0, 10.0, ms(500));
    let tally = simulate(&mut limiter, &mut server, seconds(300), seconds(600));
    assert!(tally.answered / 300.0 / 20.0 > 0.85, "{tally:?}");
}

#[test]
fn refusals_now_and_then_that_have_no_rate_behind_them_do_not_slow_it_down() {
    for (share, least) in [(0.01, 190.0), (0.035, 150.0)] {
        let mut limiter = Limiter::new(&Limits::default());
        let mut stream = Seed(4).stream("noise", 0);
        let mut limits = Vec::new();
        let mut now = Duration::ZERO;
        let mut tickets = VecDeque::new();
        while limits.len() < 40_000 {
            match limiter.start(now, 0) {
                Ok(ticket) => tickets.push_back(ticket),
                Err(wait) => {
                    if let Wait::Until(until) = wait {
                        now = now.max(until);
                    }
                    if let Some(ticket) = tickets.pop_front() {
                        now = now.max(ticket.since + ms(100));
                        let refused = stream.uniform() < share;
                        let end = if refused { Outcome::Slow(None) } else { Outcome::Answered };
                        limiter.end(now, ticket, end);
                        limits.push(limiter.limit);
                    }
                }
            }
        }
        limits.sort_by(f64::total_cmp);
        assert!(limits[limits.len() / 4] > least, "{share}: {}", limits[limits.len() / 4]);
    }
}

/// Keeps the limiter full until a time; each call takes what `latency` says of the calls at work.
fn saturate(limiter: &mut Limiter, to: Duration, latency: impl Fn(usize) -> Duration) -> usize {
    let mut ends: BinaryHeap<Reverse<(Duration, Duration)>> = BinaryHeap::new();
    let (mut now, mut peak, mut started) = (Duration::ZERO, 0, 0);
    while now < to {
        while let Ok(ticket) = limiter.start(now, 0) {
            ends.push(Reverse((now + latency(limiter.at_work()), ticket.since)));
            started += 1;
        }
        peak = peak.max(limiter.at_work());
        let Reverse((end, since)) = ends.pop().expect("something is at work");
        now = end;
        let ticket = Ticket { serial: started, since };
        limiter.end(now, ticket, Outcome::Answered);
    }
    peak
}

#[test]
fn doubles_each_round_up_to_the_most() {
    let mut limiter = Limiter::new(&Limits { start: 8, most: 50, ..Limits::default() });
    assert_eq!(saturate(&mut limiter, ms(900), |_| seconds(1)), 8);
    let mut limiter = Limiter::new(&Limits { start: 8, most: 50, ..Limits::default() });
    assert_eq!(saturate(&mut limiter, seconds(20), |_| seconds(1)), 50);
}

#[test]
fn stops_growing_where_more_at_once_only_wait_longer() {
    // Four at once are served in a second; the others queue.
    let queue = |at_work: usize| ms(1_000 * at_work.div_ceil(4) as u64);
    let mut limiter = Limiter::new(&Limits { start: 4, ..Limits::default() });
    let peak = saturate(&mut limiter, seconds(600), queue);
    assert!((16..=64).contains(&peak), "found {peak}");
}

#[test]
fn a_limit_that_is_not_used_does_not_grow() {
    let mut limiter = Limiter::new(&Limits::default());
    for second in 0..200 {
        let tickets: Vec<_> = (0..3).map(|_| limiter.start(seconds(second), 0).unwrap()).collect();
        for ticket in tickets {
            limiter.end(seconds(second + 1), ticket, Outcome::Answered);
        }
    }
    assert_eq!(limiter.limit(), 8);
}

#[test]
fn everything_at_work_when_the_limit_is_cut_is_one_episode() {
    let mut limiter = Limiter::new(&Limits { start: 10, ..Limits::default() });
    let tickets: Vec<_> = (0..10).map(|_| limiter.start(ms(0), 0).unwrap()).collect();
    for (n, ticket) in tickets.into_iter().enumerate() {
        let after = (n == 3).then_some(seconds(7));
        limiter.end(ms(100), ticket, Outcome::Slow(after));
        let expected = if n < 2 { 10 } else { 8 };
        assert_eq!(limiter.limit(), expected, "after {} refusals", n + 1);
    }
    // The longest pause that any of them asked for holds.
    assert_eq!(limiter.start(seconds(7), 0).err(), Some(Wait::Until(ms(7_100))));
    let answered = limiter.start(ms(7_100), 0).unwrap();
    limiter.end(ms(7_100), answered, Outcome::Answered);
    for n in 0..3 {
        assert_eq!(limiter.limit(), 8, "{n} refusals of the second episode");
        // Calls are spread out once there was an episode.
        let now = seconds(100 * (n + 1));
        let refused = limiter.start(now, 0).unwrap();
        limiter.end(now, refused, Outcome::Slow(Some(seconds(86_400))));
    }
    assert_eq!(limiter.limit(), 7, "a second episode: 8 x 0.8 = 6.4");
    assert_eq!(limiter.start(seconds(301), 0).err(), Some(Wait::Until(seconds(420))));
}

#[test]
fn one_refusal_between_answers_holds_up_nobody_else() {
    let mut limiter = Limiter::new(&Limits::default());
    for n in 0..400 {
        let ticket = limiter.start(seconds(n), 0).expect("the limiter is open");
        let refused = n % 30 == 29;
        let end = if refused { Outcome::Slow(Some(seconds(60))) } else { Outcome::Answered };
        limiter.end(seconds(n), ticket, end);
    }
    assert_eq!(limiter.limit(), 8);
}

/// Rounds of eight calls, some of which fail.
fn with_failures(limiter: &mut Limiter, failures: usize) {
    for second in 0..100 {
        let tickets: Vec<_> = (0..8).map(|_| limiter.start(seconds(second), 0).unwrap()).collect();
        for (n, ticket) in tickets.into_iter().enumerate() {
            let outcome = if n < failures { Outcome::Failed } else { Outcome::Answered };
            limiter.end(seconds(second + 1), ticket, outcome);
        }
    }
}

#[test]
fn a_limit_does_not_grow_while_most_calls_fail() {
    let mut limiter = Limiter::new(&Limits::default());
    with_failures(&mut limiter, 5);
    assert_eq!(limiter.limit(), 8);
    with_failures(&mut limiter, 1);
    assert_eq!(limiter.limit(), 16, "doubled once: eight at a time do not use sixteen");
}

#[test]
fn waits_for_the_reset_when_the_service_says_that_nothing_is_left() {
    let mut limiter = Limiter::new(&Limits::default());
    let some = Remaining {
        requests: Some(1),
        tokens: Some(5),
        requests_reset: Some(seconds(9)),
        tokens_reset: Some(seconds(9)),
    };
    limiter.left(seconds(1), &some);
    assert!(limiter.start(seconds(1), 0).is_ok());
    let none = |tokens_reset| Remaining { tokens: Some(0), tokens_reset, ..Remaining::default() };
    limiter.left(seconds(1), &none(None));
    limiter.left(seconds(1), &none(Some(seconds(3))));
    limiter.left(seconds(1), &none(Some(seconds(2))));
    assert_eq!(limiter.start(seconds(2), 0).err(), Some(Wait::Until(seconds(4))));
    assert!(limiter.start(seconds(4), 0).is_ok());
}

#[test]
fn known_rates_are_kept_in_every_minute_and_used() {
    for (requests, tokens, each, expected) in [
        (Some(500.0), None, 100, 500.0),
        (Some(10.0), None, 100, 10.0),
        (None, Some(60_000.0), 100, 600.0),
        // One call is more than a second's worth: the bucket goes into debt and the mean still holds.
        (None, Some(6_000.0), 1_000, 6.0),
        (Some(600.0), Some(30_000.0), 100, 300.0),
    ] {
        let limits = Limits {
            requests_per_minute: requests,
            tokens_per_minute: tokens,
            ..Limits::default()
        };
        let mut limiter = Limiter::new(&limits);
        let mut starts = Vec::new();
        let mut now = Duration::ZERO;
        while now < seconds(600) {
            match limiter.start(now, each) {
                Ok(ticket) => {
                    starts.push(now);
                    limiter.end(now, ticket, Outcome::Answered);
                }
                Err(Wait::Until(until)) => now = until,
                Err(Wait::ForRoom) => panic!("nothing is at work"),
            }
        }
        let in_minute = |from: Duration| {
            starts.iter().filter(|&&s| s >= from && s < from + seconds(60)).count() as f64
        };
        let most = starts.iter().map(|&s| in_minute(s)).fold(0.0, f64::max);
        // Whole calls: the first of a minute may stand at its edge.
        assert!(most <= expected + 1.0, "{limits:?}: {most} in a minute");
        assert!(starts.len() as f64 >= 10.0 * expected * 0.95, "{limits:?}: {}", starts.len());
    }
}
