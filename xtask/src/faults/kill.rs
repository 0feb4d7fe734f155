//! A study that is killed again and again, and one that runs twice at once.

use std::thread;
use std::time::Duration;

use anyhow::Result;
use entail_faults::{Script, Server};
use entail_schema::Seed;

use super::check::Checks;
use super::ground::{Ground, Room};
use super::mouth;
use super::study::{self, Results};
use crate::child::Running;

/// Root of the moments at which is killed.
const SEED: Seed = Seed(20_261_123);

fn script() -> Script {
    Script { latency: Duration::from_millis(4), answers: mouth::answers(), ..Script::default() }
}

/// An undisturbed run: how many calls it took, what came of it, and the port, which is part of the model's name.
struct Undisturbed {
    n_calls: u64,
    results: Results,
    port: u16,
}

fn undisturbed(room: &Room<'_>, samples: usize) -> Result<Undisturbed> {
    let server = Server::start(script())?;
    study::write(room, &server, samples)?;
    room.run(&mut study::command(room, "store-undisturbed", "runs-undisturbed"))?
        .well("the undisturbed run")?;
    let results = study::results(room, "runs-undisturbed")?;
    Ok(Undisturbed { n_calls: server.counts().whole, results, port: server.port() })
}

fn same_results(checks: &mut Checks, name: &str, expected: &Results, found: &Results) {
    let differ = study::differing(expected, found);
    let figure = match differ.as_slice() {
        [] => format!("{} files equal", expected.len()),
        some => format!("{} differ: {}", some.len(), some.join(", ")),
    };
    let bound = "every CSV and report.html, byte by byte";
    checks.holds(name, bound, figure, differ.is_empty());
}

/// When to kill: once so many calls were answered, a moment later.
fn moments(n_kills: usize, n_calls: u64) -> Vec<(u64, Duration)> {
    let mut stream = SEED.stream("kill", 0);
    let mut moments: Vec<(u64, Duration)> = (0..n_kills)
        .map(|_| {
            let answered = (stream.uniform() * n_calls as f64).floor();
            let later = Duration::from_secs_f64(0.03 * stream.uniform());
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "below a count"
            )]
            (answered as u64, later)
        })
        .collect();
    moments.sort_unstable();
    moments
}

/// Lets a child work until a moment; whether it was still at work then.
fn kill_at(
    server: &Server,
    mut running: Running,
    (answered, later): (u64, Duration),
) -> Result<bool> {
    while server.counts().whole < answered {
        if running.look()?.is_some() {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(2));
    }
    thread::sleep(later);
    let killed = running.look()?.is_none();
    running.kill()?;
    Ok(killed)
}

/// Killed at random moments and started again each time.
pub(super) fn kill(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let room = ground.room("kill")?;
    let undisturbed = undisturbed(&room, ground.size(SAMPLES, 1))?;
    let server = Server::start_at(undisturbed.port, script())?;
    let mut killed = 0;
    let n_kills = ground.size(20, 5);
    for moment in moments(n_kills, undisturbed.n_calls) {
        let running = room.start(&mut study::command(&room, "store", "runs"))?;
        if kill_at(&server, running, moment)? {
            killed += 1;
        }
    }
    room.run(&mut study::command(&room, "store", "runs"))?.well("the last run")?;
    let counts = server.counts();
    checks.equal("kills", killed, n_kills);
    let extra = counts.whole.saturating_sub(undisturbed.n_calls);
    // A call is at work until its answer is kept.
    let allowed = n_kills as u64 * study::CALLS;
    let bound = format!(
        "≤ {} requests + {allowed}: {} calls at work at each kill",
        undisturbed.n_calls,
        study::CALLS
    );
    let figure = format!(
        "{} + {extra}; {} bodies more than once",
        undisturbed.n_calls,
        counts.answered_twice(),
    );
    checks.holds("answered whole", bound, figure, extra <= allowed);
    checks.equal("bodies answered", counts.answered.len() as u64, undisturbed.n_calls);
    same_results(&mut checks, "results", &undisturbed.results, &study::results(&room, "runs")?);
    Ok(checks)
}

/// Samples per prompt of the whole size.
const SAMPLES: usize = 8;

/// Two processes at once.
pub(super) fn twice(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let room = ground.room("twice")?;
    let undisturbed = undisturbed(&room, ground.size(4, 1))?;
    let server = Server::start_at(undisturbed.port, script())?;
    let start = |runs| room.start(&mut study::command(&room, "store", runs));
    let both = [start("runs-1")?, start("runs-2")?];
    for running in both {
        running.finish(Duration::from_mins(5))?.well("one of two at once")?;
    }
    let counts = server.counts();
    checks.equal("bodies answered twice", counts.answered_twice(), 0);
    checks.equal("answered whole", counts.whole, undisturbed.n_calls);
    for runs in ["runs-1", "runs-2"] {
        same_results(&mut checks, runs, &undisturbed.results, &study::results(&room, runs)?);
    }
    Ok(checks)
}
