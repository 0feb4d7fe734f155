//! A service with a limit that it does not tell.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use entail_faults::{RateLimit, Script, Server};

use super::check::Checks;
use super::ground::{Ask, Ground};
use super::mixture::{exactly_once, seeded};
use super::mouth;

const PER_SECOND: f64 = 300.0;

/// How long an answer takes: enough that one call at work is not all there is to find.
const LATENCY: Duration = Duration::from_millis(30);

/// The limit must be found, and kept.
pub(super) fn limit(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let limit = RateLimit { requests_per_second: PER_SECOND, burst: 30.0, tokens_per_second: None };
    let server = Server::start(Script {
        limit: Some(limit),
        latency: LATENCY,
        answers: mouth::answers(),
        ..Script::default()
    })?;
    let room = ground.room("rate-limit")?;
    let model = seeded(&server);
    let ask = Ask::about(&model, ground.size(6_000, 1_500));
    let n = ask.n() as u64;
    let mut running = room.start(&mut room.capture(&ask))?;
    // Between the third and the last of what is asked, when the limit has been found and the end is not near.
    let (mut warm, mut late) = (None, None);
    while running.look()?.is_none() {
        let (now, whole) = (Instant::now(), server.counts().whole);
        if whole >= n / 3 && warm.is_none() {
            warm = Some((now, whole));
        }
        if whole >= n * 9 / 10 && late.is_none() {
            late = Some((now, whole));
        }
        thread::sleep(Duration::from_millis(10));
    }
    running.finish(Duration::from_secs(1))?.well("the capture")?;
    let counts = server.counts();
    exactly_once(&mut checks, "", &room, ask.n())?;
    checks.equal("bodies answered twice", counts.answered_twice(), 0);
    let refused = 100.0 * counts.limited as f64 / counts.calls as f64;
    checks.at_most("calls refused as too many", (10.0 * refused).round() / 10.0, 10.0, "%");
    let (Some((from, before)), Some((to, after))) = (warm, late) else {
        anyhow::bail!("the capture was over before it could be watched")
    };
    ensure!(to > from, "the capture was too quick to be timed");
    let rate = (after - before) as f64 / (to - from).as_secs_f64();
    // In the gate's three seconds one pause of a second weighs a third.
    let least = if ground.is_quick() { 0.5 } else { 0.8 };
    checks.at_least("answers a second, once warm", rate.round(), least * PER_SECOND, "/s");
    Ok(checks)
}
