//! A server as a child.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::child::Running;
use crate::conformance::Ground;

/// Longest that a server may take to answer for the first time. It gives up itself before.
const LIMIT: Duration = Duration::from_mins(3);

/// Between two looks for the line that says where it is.
const LOOK: Duration = Duration::from_millis(50);

/// Where a server is, and what its model is called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) url: String,
    pub(super) model: String,
}

/// A server that answers. It is killed when this is dropped.
#[derive(Debug)]
pub(super) struct Server {
    _child: Running,
    address: Address,
}

impl Server {
    /// Starts a script of `fixtures/provider` on a folder and waits until it answers. The port is the system's choice.
    pub(super) fn start(ground: &Ground<'_>, script: &str, folder: &Path) -> Result<Self> {
        let logs = ground.logs("server");
        let mut child =
            Running::start(ground.python(script).arg("--model").arg(folder), logs.clone())?;
        let start = Instant::now();
        let [out, error] = &logs;
        loop {
            if let Some(address) = address(&fs::read_to_string(out)?)? {
                return Ok(Self { _child: child, address });
            }
            let late = start.elapsed() > LIMIT;
            let ended = child.look()?;
            if late || ended.is_some() {
                let why = ended.map_or("is late".into(), |status| status.to_string());
                println!("{}", fs::read_to_string(error)?.trim_end());
                bail!("{script} did not begin to answer ({why}); what it said stands above");
            }
            thread::sleep(LOOK);
        }
    }

    pub(super) fn address(&self) -> &Address {
        &self.address
    }
}

/// What the script says once the server answers: a line of JSON. `None` before it is whole.
fn address(output: &str) -> Result<Option<Address>> {
    let Some((line, _)) = output.split_once('\n') else { return Ok(None) };
    let said: Value = serde_json::from_str(line).with_context(|| format!("{line:?}"))?;
    let text = |name: &str| {
        let text = said[name].as_str().with_context(|| format!("no {name} in {line:?}"))?;
        Ok::<_, anyhow::Error>(text.to_owned())
    };
    Ok(Some(Address { url: text("url")?, model: text("model")? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_once_its_line_is_whole() {
        let line = "{\"url\": \"http://127.0.0.1:4/v1\", \"model\": \"tiny\"}";
        assert_eq!(address("").unwrap(), None);
        assert_eq!(address(line).unwrap(), None);
        let expected = Address { url: "http://127.0.0.1:4/v1".into(), model: "tiny".into() };
        assert_eq!(address(&format!("{line}\n")).unwrap(), Some(expected));
    }

    #[test]
    fn another_line_is_an_error() {
        assert!(address("loading\n").is_err());
        assert!(address("{\"url\": \"http://127.0.0.1:4/v1\"}\n").is_err());
    }
}
