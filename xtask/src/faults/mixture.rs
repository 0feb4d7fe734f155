//! Faults of the service: many kinds at once, and each alone.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use entail_faults::{Counts, Fault, Script, Server};
use entail_schema::Key;

use super::check::{Checks, End};
use super::ground::{Ask, Ground, Room};
use super::mouth;

/// Share of calls that meet a fault of the mixture.
const SHARE: f64 = 0.2;

/// Most memory of the program.
const MEBIBYTES: f64 = 150.0;

/// Every answer of a capture must be in the file and in the store, once.
pub(super) fn exactly_once(
    checks: &mut Checks,
    prefix: &str,
    room: &Room<'_>,
    n: usize,
) -> Result<()> {
    let (written, stored) = (room.written()?, room.stored()?);
    let once =
        |keys: &BTreeMap<Key, usize>| keys.len() == n && keys.values().all(|times| *times == 1);
    let holds = once(&written) && once(&stored) && written.keys().eq(stored.keys());
    let figure = format!("{} in the file, {} in the store", written.len(), stored.len());
    checks.holds(format!("{prefix}answers"), format!("{n} once each in both"), figure, holds);
    Ok(())
}

/// A model of which every sample is a call of its own with a seed of its own.
pub(super) fn seeded(server: &Server) -> String {
    format!("llamacpp:{}/v1#stub", server.url())
}

/// Answers that the client takes though the server counts them as spoiled: too many bytes, but a whole answer.
fn huge(counts: &Counts) -> u64 {
    let huge = counts.faults.iter().filter(|(fault, _)| matches!(fault, Fault::HugeBody(_)));
    huge.map(|(_, times)| *times).sum()
}

/// Thousands of requests under everything at once.
pub(super) fn mix(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = Server::start(Script {
        seed: 1,
        faults: Fault::mixture(SHARE),
        answers: mouth::answers(),
        ..Script::default()
    })?;
    let room = ground.room("mix")?;
    let model = seeded(&server);
    let ask = Ask::about(&model, ground.size(20_000, 300));
    let ended = room.run(&mut room.capture(&ask))?.well("the capture")?;
    let counts = server.counts();
    exactly_once(&mut checks, "", &room, ask.n())?;
    checks.equal("bodies answered twice", counts.answered_twice(), 0);
    let n = ask.n() as u64;
    checks.equal("answered whole, or whole and huge", counts.whole + huge(&counts), n);
    let met: u64 = counts.faults.values().sum();
    let figure = format!("{met} of {} calls, {} kinds", counts.calls, counts.faults.len());
    let enough = counts.faults.len() == Fault::mixture(SHARE).len();
    checks.holds("faults met", "every kind", figure, enough);
    let peak = ended.peak_kib.ok_or_else(|| anyhow!("the child's memory was never seen"))?;
    checks.at_most("peak memory", (peak as f64 / 1024.0).round(), MEBIBYTES, "MiB");
    let seconds = ground.size(180, 60) as f64;
    checks.at_most("time", ended.seconds.round(), seconds, "s");
    Ok(checks)
}

/// Requests of one kind of fault.
const EACH: usize = 60;

/// A call gives up after eight failures: at every other call that is one request in 256. The same command goes on.
const MOST_RUNS: usize = 3;

/// Every kind alone, side by side.
#[expect(clippy::unnecessary_wraps, reason = "a scenario as any other")]
pub(super) fn each(ground: &Ground) -> Result<Checks> {
    let mut kinds: Vec<Fault> = Fault::mixture(1.0).into_iter().map(|(fault, _)| fault).collect();
    kinds.push(Fault::QuotaGone);
    let mut checks = Checks::default();
    let results: Vec<Result<Checks>> = thread::scope(|scope| {
        let handles: Vec<_> = kinds
            .iter()
            .map(|fault| {
                scope.spawn(move || match fault {
                    Fault::QuotaGone => quota(ground),
                    passing => alone(ground, *passing),
                })
            })
            .collect();
        let join = |handle: thread::ScopedJoinHandle<'_, _>| {
            handle.join().expect("a trial returns what went wrong")
        };
        handles.into_iter().map(join).collect()
    });
    for (fault, result) in kinds.iter().zip(results) {
        match result {
            Ok(one) => checks.extend(one),
            Err(error) => {
                checks.holds(format!("{fault:?}"), "can be tried", format!("{error:#}"), false);
            }
        }
    }
    Ok(checks)
}

fn every_other(fault: Fault) -> Result<Server> {
    let faults = vec![(fault, 0.5)];
    Ok(Server::start(Script { seed: 5, faults, answers: mouth::answers(), ..Script::default() })?)
}

fn alone(ground: &Ground, fault: Fault) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = every_other(fault)?;
    let room = ground.room(&format!("each/{fault:?}"))?;
    let model = seeded(&server);
    let ask = Ask { limit: Some(1), ..Ask::about(&model, 0) };
    let stances = Ask { samples: 1, ..ask }.n();
    let ask = Ask { samples: ground.size(EACH, EACH / 6).div_ceil(stances), ..ask };
    let start = Instant::now();
    let mut runs = 0;
    let ended = loop {
        let ended = room.run(&mut room.capture(&ask))?;
        runs += 1;
        if ended.code == Some(0) || runs == MOST_RUNS {
            break ended;
        }
    };
    let ended = ended.well(&format!("run {runs}"))?;
    let (written, counts) = (room.written()?, server.counts());
    let n = ask.n();
    let once = written.len() == n && room.stored()?.len() == n && counts.answered_twice() == 0;
    let figure = format!(
        "{} answers, {} bodies twice, {} calls, {runs} run(s), {:.1} s",
        written.len(),
        counts.answered_twice(),
        counts.calls,
        start.elapsed().as_secs_f64()
    );
    let bound = format!("{n} once each, ≤ {MOST_RUNS} runs");
    checks.holds(format!("{fault:?}"), bound, figure, ended.code == Some(0) && once);
    Ok(checks)
}

/// A quota that is gone stays gone.
fn quota(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    // Rare enough that something was answered before.
    let faults = vec![(Fault::QuotaGone, 0.05)];
    let latency = Duration::from_millis(2);
    let script =
        Script { seed: 5, faults, latency, answers: mouth::answers(), ..Script::default() };
    let server = Server::start(script)?;
    let room = ground.room("each/quota")?;
    let model = seeded(&server);
    let ended = room.run(&mut room.capture(&Ask::about(&model, 400)))?;
    let end = End { code: 1, seconds: 10.0, words: &["stub", "quota"] };
    checks.ends("QuotaGone", &ended, &end);
    let (stored, counts) = (room.stored()?.len(), server.counts());
    let figure = format!("{stored} kept of {} answered", counts.whole);
    let holds = stored as u64 == counts.whole && stored > 0;
    checks.holds("QuotaGone: what came before", "kept, all of it", figure, holds);
    Ok(checks)
}
