//! Limits in tokens and in money.

use anyhow::Result;
use entail_faults::{Script, Server};

use super::check::{Checks, End};
use super::ground::{Ask, Ground};
use super::mixture::{exactly_once, seeded};
use super::mouth;

const TOKENS: u64 = 20_000;

/// A limit is not passed, and what was bought before it stays bought.
pub(super) fn budget(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let server = Server::start(Script { answers: mouth::answers(), ..Script::default() })?;
    let room = ground.room("budget")?;
    let model = seeded(&server);
    let ask = Ask::about(&model, ground.size(2_000, 1_200));
    let seconds = 20.0;

    // Servers of one's own are free; of others nobody knows what they take.
    let unpriced = format!("compatible:{}/v1#stub", server.url());
    let money = Ask { model: &unpriced, more: &["--budget", "1usd"], ..ask };
    let ended = room.run(&mut room.capture(&money))?;
    let end = End { code: 1, seconds, words: &["`stub`", "price file"] };
    checks.ends("money without a price", &ended, &end);
    checks.equal("calls without a price", server.counts().calls, 0);

    let tokens = ask.with(&["--budget", "20ktok"]);
    let ended = room.run(&mut room.capture(&tokens))?;
    let end = End { code: 1, seconds, words: &["20000", "tokens"] };
    checks.ends("tokens used up", &ended, &end);
    let counts = server.counts();
    let spent = counts.prompt_tokens + counts.completion_tokens;
    checks.at_most("tokens spent", spent as f64, TOKENS as f64, "tokens");
    checks.at_least("tokens spent, at least", spent as f64, 0.8 * TOKENS as f64, "tokens");
    checks.equal("answers kept", room.stored()?.len() as u64, counts.whole);

    let more = ask.with(&["--budget", "10Mtok"]);
    room.run(&mut room.capture(&more))?.well("the run with more")?;
    exactly_once(&mut checks, "more: ", &room, ask.n())?;
    let counts = server.counts();
    checks.equal("answered in both", counts.whole, ask.n() as u64);
    checks.equal("bodies answered twice", counts.answered_twice(), 0);
    Ok(checks)
}
