//! What people get wrong, and machines.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;
use std::thread;

use anyhow::{Result, ensure};
use entail_faults::{Script, Server};
use rusqlite::Connection;

use super::check::{Checks, End};
use super::echo::{self, Echo};
use super::ground::{Ask, Ground, STORE};
use super::mixture::{exactly_once, seeded};
use super::{canary, mouth};

/// Longest until a person is told.
const SECONDS: f64 = 15.0;

/// How long the store itself waits for another writer, and then some.
const SECONDS_LOCKED: f64 = 45.0;

type Case = fn(&Ground) -> Result<Checks>;

const CASES: [(&str, Case); 6] = [
    ("wrong key", wrong_key),
    ("nobody listens", nobody),
    ("a page", page),
    ("unknown model", unknown_model),
    ("disk full", disk_full),
    ("damaged store", damaged),
];

/// The store waits longer for another writer than the gate does for everything.
const LOCKED: (&str, Case) = ("locked store", locked);

/// All of them, side by side: most of it is waiting.
#[expect(clippy::unnecessary_wraps, reason = "a scenario as any other")]
pub(super) fn bad(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let mut cases = CASES.to_vec();
    cases.extend((!ground.is_quick()).then_some(LOCKED));
    let results: Vec<Result<Checks>> = thread::scope(|scope| {
        let handles: Vec<_> =
            cases.iter().map(|(_, case)| scope.spawn(move || case(ground))).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, _>| {
            handle.join().expect("a case returns what went wrong")
        };
        handles.into_iter().map(join).collect()
    });
    for ((name, _), result) in cases.iter().zip(results) {
        match result {
            Ok(one) => checks.extend(one),
            Err(error) => checks.holds(*name, "can be tried", format!("{error:#}"), false),
        }
    }
    Ok(checks)
}

fn well_behaved() -> Result<Server> {
    Ok(Server::start(Script { answers: mouth::answers(), ..Script::default() })?)
}

fn wrong_key(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let key = Some("another".to_owned());
    let server = Server::start(Script { key, ..Script::default() })?;
    let room = ground.room("bad/key")?.set("OPENAI_BASE_URL", format!("{}/v1", server.url()));
    let ended = room.run(&mut room.capture(&Ask::about("openai:gpt-4.1", 40)))?;
    let end = End { code: 1, seconds: SECONDS, words: &["401", "check OPENAI_API_KEY"] };
    checks.ends("wrong key", &ended, &end);
    checks.at_most("wrong key: calls", server.counts().calls as f64, 8.0, "calls");
    Ok(checks)
}

fn nobody(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    // A port that was free a moment ago.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let room = ground.room("bad/nobody")?;
    let model = format!("compatible:http://{address}/v1#stub");
    let ended = room.run(&mut room.capture(&Ask::about(&model, 40)))?;
    let port = address.port().to_string();
    let end = End { code: 1, seconds: SECONDS, words: &[&port, "address"] };
    checks.ends("nobody listens", &ended, &end);
    Ok(checks)
}

fn page(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let echo = Echo::start(echo::page)?;
    let room = ground.room("bad/page")?;
    let model = format!("compatible:{}/v1#stub", echo.url());
    let ended = room.run(&mut room.capture(&Ask::about(&model, 40)))?;
    let end = End { code: 1, seconds: SECONDS, words: &["web page", "address"] };
    checks.ends("a page", &ended, &end);
    let leaked = canary::found(echo.heard().as_bytes());
    checks.equal("keys sent to a server of one's own", leaked.len(), 0);
    Ok(checks)
}

fn unknown_model(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = Server::start(Script { models: vec!["other".into()], ..Script::default() })?;
    let room = ground.room("bad/model")?;
    let ended = room.run(&mut room.capture(&Ask::about(&seeded(&server), 40)))?;
    let end = End { code: 1, seconds: SECONDS, words: &["404", "`stub`"] };
    checks.ends("unknown model", &ended, &end);
    checks.at_most("unknown model: calls", server.counts().calls as f64, 8.0, "calls");
    Ok(checks)
}

/// Files limited to so many blocks of 512 bytes: writing beyond fails as on a full disk.
fn cramped(command: &Command, blocks: usize) -> Command {
    let mut shell = Command::new("sh");
    // Unless the signal is ignored, the kernel ends the process before the write can fail.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        shell.current_dir(folder);
    }
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell
}

/// Calls that may be at work when the disk is full.
const CALLS: u64 = 4;

fn disk_full(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = well_behaved()?;
    let room = ground.room("bad/disk")?;
    let model = seeded(&server);
    let calls = CALLS.to_string();
    let more = ["--calls", &calls];
    let ask = Ask::about(&model, 600).with(&more);
    let ended = room.run(&mut cramped(&room.capture(&ask), 400))?;
    let end = End { code: 1, seconds: SECONDS, words: &["store.db", "disk"] };
    checks.ends("disk full", &ended, &end);
    let (kept, counts) = (room.stored()?.len() as u64, server.counts());
    let lost = counts.whole.saturating_sub(kept);
    // Each call at work when the disk fills up is answered and has no room.
    let bound = format!("≤ {CALLS} at work");
    let figure = format!("{lost} of {}", counts.whole);
    checks.holds("disk full: answered, not kept", bound, figure, kept > 0 && lost <= CALLS);
    room.run(&mut room.capture(&ask))?.well("the run with room")?;
    exactly_once(&mut checks, "disk full, then room: ", &room, ask.n())?;
    let again = server.counts().whole - ask.n() as u64;
    checks.equal("disk full: asked again", again, lost);
    Ok(checks)
}

fn locked(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = well_behaved()?;
    let room = ground.room("bad/lock")?;
    let model = seeded(&server);
    let less = Ask { limit: Some(1), samples: 1, ..Ask::about(&model, 1) };
    room.run(&mut room.capture(&less))?.well("the first run")?;
    let before = room.stored()?;
    let other = Connection::open(room.database())?;
    other.execute_batch("BEGIN IMMEDIATE")?;
    let ask = Ask { samples: 2, ..less };
    let ended = room.run(&mut room.capture(&ask))?;
    let end =
        End { code: 1, seconds: SECONDS_LOCKED, words: &["store.db", "locked", "another process"] };
    checks.ends("locked store", &ended, &end);
    other.execute_batch("ROLLBACK")?;
    room.run(&mut room.capture(&ask))?.well("the run without a lock")?;
    let after = room.stored()?;
    let kept = before.keys().all(|key| after.contains_key(key));
    let figure = format!("{} then, {} now", before.len(), after.len());
    checks.holds("locked store: earlier answers", "kept", figure, kept && !before.is_empty());
    exactly_once(&mut checks, "locked store, then free: ", &room, ask.n())?;
    Ok(checks)
}

/// Bytes are flipped in the text of one answer, as a disk does it.
fn damage(database: &std::path::Path) -> Result<()> {
    let connection = Connection::open(database)?;
    connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let text: String =
        connection
            .query_row("SELECT text FROM completion LIMIT 1 OFFSET 3", [], |row| row.get(0))?;
    drop(connection);
    let mut bytes = fs::read(database)?;
    let place = bytes.windows(text.len()).rposition(|window| window == text.as_bytes());
    ensure!(place.is_some(), "the text of an answer is not in the file");
    // The case of two letters.
    let place = place.unwrap_or_default();
    bytes[place + 1] ^= 0x20;
    bytes[place + 2] ^= 0x20;
    Ok(fs::write(database, bytes)?)
}

fn damaged(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = well_behaved()?;
    let room = ground.room("bad/damage")?;
    let model = seeded(&server);
    let ask = Ask::about(&model, 100);
    room.run(&mut room.capture(&ask))?.well("the first run")?;
    let n = ask.n();
    damage(&room.database())?;
    let words = ["damaged", "--quarantine"];
    let end = End { code: 3, seconds: SECONDS, words: &words };
    let ended = room.run(&mut room.capture(&ask))?;
    checks.ends("damaged store", &ended, &end);
    let mut verify = vec!["store", "verify", "--store", STORE];
    let ended = room.run(&mut room.command(&verify))?;
    checks.holds(
        "damaged store: verify",
        "exit 3",
        format!("exit {}: {}", ended.code_text(), ended.error_line()),
        ended.code == Some(3),
    );
    verify.push("--quarantine");
    room.run(&mut room.command(&verify))?;
    let kept = room.stored()?.len();
    let figure = format!("{kept} of {n}");
    checks.holds("damaged store: saved", "all but one", figure, kept + 1 == n);
    room.run(&mut room.capture(&ask))?.well("the run after the quarantine")?;
    exactly_once(&mut checks, "damaged store, then saved: ", &room, n)?;
    let again = server.counts().whole - n as u64;
    checks.equal("damaged store: asked again", again, 1);
    Ok(checks)
}
