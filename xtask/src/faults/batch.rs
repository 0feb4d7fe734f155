//! Batches whose results come twice, failed, or not at all.

use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use entail_faults::{BatchScript, Endpoint, Script, Server};

use super::check::Checks;
use super::ground::{Ask, Ground, Room};
use super::mixture::exactly_once;
use super::{canary, mouth};

/// The service must have batches; its key is the one of the environment.
const MODEL: &str = "openai:gpt-4.1";

fn server() -> Result<Server> {
    Ok(Server::start(Script {
        seed: 9,
        batch: BatchScript { polls: 3, duplicated: 0.1, failed: 0.1, unanswered: 0.1 },
        key: Some(canary::key(MODEL_KEY)),
        answers: mouth::answers(),
        ..Script::default()
    })?)
}

const MODEL_KEY: &str = "OPENAI_API_KEY";

/// One without disturbance, one that is killed while its batch is at work.
pub(super) fn batch(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let ask =
        Ask::about(MODEL, ground.size(2_000, 300)).with(&["--batch", "--batch-interval", "1"]);

    let server = server()?;
    let room = room(ground, "batch/whole", &server)?;
    room.run(&mut room.capture(&ask))?.well("the capture")?;
    judge(&mut checks, "", &room, &server, ask.n())?;

    let server = self::server()?;
    let room = self::room(ground, "batch/killed", &server)?;
    let mut running = room.start(&mut room.capture(&ask))?;
    loop {
        let counts = server.counts();
        if counts.endpoints.get(&Endpoint::Batches).is_some_and(|calls| *calls >= 2) {
            break;
        }
        ensure!(running.look()?.is_none(), "it ended before it looked at its batch");
        thread::sleep(Duration::from_millis(2));
    }
    running.kill()?;
    room.run(&mut room.capture(&ask))?.well("the run after the kill")?;
    judge(&mut checks, "killed: ", &room, &server, ask.n())?;
    Ok(checks)
}

fn room<'a>(ground: &'a Ground, name: &str, server: &Server) -> Result<Room<'a>> {
    Ok(ground.room(name)?.set("OPENAI_BASE_URL", format!("{}/v1", server.url())))
}

fn judge(
    checks: &mut Checks,
    prefix: &str,
    room: &Room<'_>,
    server: &Server,
    n: usize,
) -> Result<()> {
    exactly_once(checks, prefix, room, n)?;
    let counts = server.counts();
    checks.equal(format!("{prefix}bodies answered twice"), counts.answered_twice(), 0);
    let of = |endpoint| counts.endpoints.get(&endpoint).copied().unwrap_or(0);
    let batches = of(Endpoint::Batches);
    let figure = format!(
        "{batches} calls of batches, {} of files, {} of chats",
        of(Endpoint::Files),
        of(Endpoint::Chat)
    );
    checks.holds(format!("{prefix}went by batch"), "batches were made", figure, batches > 0);
    Ok(())
}
