//! Live calls.

use anyhow::Result;

use super::{Bound, Ground, Program, Programs};

pub(super) const CALLS: Programs = Programs {
    name: "calls",
    what: "chat calls to a server on the same machine that answers at once, every call with a prompt of its own",
    how: "seconds and processor time are of the process that calls, ours from its start to its end, the Python programs after \
          their imports and one call; the server runs beside them on the same cores. All keep what they were answered: \
          ours in its store, latteries in its cache, Inspect in its log. Limits of calls at work: ours as a user gets \
          them (8 to begin with, found out on the way, at most 200), the others 100",
    piece: "call",
    rounds: 5,
    bounds: &[Bound::Rate(5_000.0), Bound::Cpu(0.2e-3)],
    make: programs,
};

fn programs(ground: &Ground<'_>) -> Result<Vec<Program>> {
    let calls = ground.size(20_000, 300);
    let ours = |name, about, client: &str| {
        let mut command = ground.shell.command(ground.bench);
        command.args(["calls", client, ground.url, &calls.to_string()]);
        Program { name, about, pieces: calls, calls, command }
    };
    let peer = |name, about, script: &str, pieces| -> Result<Program> {
        let command = ground.peer(script, pieces)?;
        // One before the clock starts.
        Ok(Program { name, about, pieces, calls: pieces + 1, command })
    };
    Ok(vec![
        ours("entail", "every answer is in the store before the next thing happens to it", "kept"),
        ours("entail, no store", "the same client; answers are read and dropped", "dropped"),
        peer(
            "Inspect",
            "a task of one `generate()`, its log on the disk",
            "inspect_calls",
            ground.size(300, 5),
        )?,
        peer(
            "latteries",
            "`OpenAICaller` with a cache on the disk, run by Slist",
            "latteries_calls",
            ground.size(1_500, 10),
        )?,
        ours(
            "floor",
            "two plain sockets, requests written as they are and only the length of answers read",
            "bare",
        ),
    ])
}
