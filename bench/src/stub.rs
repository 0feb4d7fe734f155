//! The server that every program asks, in a process of its own.

use anyhow::Result;
use entail_faults::{Script, Server};
use serde_json::json;

use crate::{say, spent};

/// Serves until standard input ends. Says where, and after every line how many calls it answered whole until then
/// and what that took of the processor.
pub(crate) fn serve() -> Result<()> {
    let server = Server::start(Script::default())?;
    say(&json!({ "ready": format!("{}/v1", server.url()) }))?;
    for line in std::io::stdin().lines() {
        line?;
        let cpu_seconds = spent::own_cpu_seconds()?;
        say(&json!({ "whole": server.counts().whole, "cpu_seconds": cpu_seconds }))?;
    }
    Ok(())
}
