//! The real program against a server that misbehaves: what was paid for against what its files and store hold.
//!
//! The server runs in this process and counts; `entail` runs as a child, is killed, starved of room and money, and
//! lied to. Every figure has a bound. No bound is a matter of taste: an answer that was paid for is kept, nothing is
//! paid for twice, and a person is told within seconds what to do.

use std::fmt::Write;
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::machine::{self, Machine};
use crate::shell::Shell;

mod bad;
mod batch;
mod budget;
mod canary;
mod check;
mod echo;
mod ground;
mod kill;
mod mixture;
pub(crate) mod mouth;
mod rate;
mod study;

use check::{Check, Checks};
use ground::Ground;

/// What is tried, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer requests and the debug build, for the gate
    #[arg(long)]
    quick: bool,
    /// Every check as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Only the scenarios with this in their name; the document is then left alone
    #[arg(long)]
    only: Option<String>,
}

/// Tries one way to fail.
type Try = fn(&Ground) -> Result<Checks>;

/// Whether a scenario works all the time or waits most of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    Working,
    Waiting,
}

/// A group of checks.
struct Scenario {
    name: &'static str,
    what: &'static str,
    pace: Pace,
    tries: Try,
}

/// All of them in the order of the document. The search for keys comes after them in every run.
const SCENARIOS: [Scenario; 9] = [
    Scenario {
        name: "mix",
        what: "one call in five meets one of seventeen faults",
        pace: Pace::Waiting,
        tries: mixture::mix,
    },
    Scenario {
        name: "kill",
        what: "`kill -9` at random moments of a study",
        pace: Pace::Working,
        tries: kill::kill,
    },
    Scenario {
        name: "each",
        what: "every fault alone, on every other call",
        pace: Pace::Waiting,
        tries: mixture::each,
    },
    Scenario {
        name: "rate-limit",
        what: "a service that takes 300 calls a second",
        pace: Pace::Working,
        tries: rate::limit,
    },
    Scenario {
        name: "twice",
        what: "two processes run one study on one store at once",
        pace: Pace::Working,
        tries: kill::twice,
    },
    Scenario {
        name: "budget",
        what: "limits in tokens and in money",
        pace: Pace::Working,
        tries: budget::budget,
    },
    Scenario {
        name: "bad",
        what: "wrong keys and addresses, no room, a locked and a damaged store",
        pace: Pace::Waiting,
        tries: bad::bad,
    },
    Scenario {
        name: "batch",
        what: "batches with lines twice, failed and missing; killed on the way",
        pace: Pace::Waiting,
        tries: batch::batch,
    },
    Scenario {
        name: "canary",
        what: "five keys in the environment and five others in `.env`; services that repeat them",
        pace: Pace::Working,
        tries: canary::repeat,
    },
];

/// What became of a scenario.
struct Tried {
    name: &'static str,
    what: &'static str,
    checks: Vec<Check>,
    seconds: f64,
}

/// Tries, prints, and after a full run of everything writes the results down.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let only = options.only.as_deref().unwrap_or_default();
    let wanted: Vec<&Scenario> =
        SCENARIOS.iter().filter(|scenario| scenario.name.contains(only)).collect();
    ensure!(!wanted.is_empty(), "faults: no scenario has {only:?} in its name");
    let ground = Ground::open(shell, options.quick)?;
    let load = machine::load();
    let mut tried = try_all(&ground, &wanted);
    tried.push(attempt("keys", "what all of the above left behind", || canary::search(&ground)));
    let loads = [load, machine::load()];
    if options.json {
        println!("{:#}", as_json(&tried, loads));
    } else {
        print!("{}", table(&tried));
    }
    if !options.quick && options.only.is_none() {
        std::fs::write(shell.root.join(DOCUMENT), document(&tried, &Machine::look(shell), loads))?;
    }
    let failed: Vec<String> = tried.iter().flat_map(Tried::failed).collect();
    if !failed.is_empty() {
        ground.keep();
    }
    ensure!(failed.is_empty(), "faults: does not hold: {}", failed.join("; "));
    Ok(())
}

/// What the gate runs.
pub(crate) fn gate(shell: &Shell) -> Result<()> {
    run(shell, &Options { quick: true, json: false, only: None })
}

/// Those that wait go side by side, beside those that work, which go one after the other.
fn try_all(ground: &Ground, wanted: &[&Scenario]) -> Vec<Tried> {
    let go =
        |scenario: &Scenario| attempt(scenario.name, scenario.what, || (scenario.tries)(ground));
    let of = |pace| wanted.iter().filter(move |scenario| scenario.pace == pace);
    let mut tried: Vec<Tried> = thread::scope(|scope| {
        let waiting: Vec<_> =
            of(Pace::Waiting).map(|scenario| scope.spawn(move || go(scenario))).collect();
        let working: Vec<Tried> = of(Pace::Working).map(|scenario| go(scenario)).collect();
        let join = |handle: thread::ScopedJoinHandle<'_, Tried>| {
            handle.join().expect("a scenario returns what went wrong")
        };
        waiting.into_iter().map(join).chain(working).collect()
    });
    tried.sort_by_key(|one| SCENARIOS.iter().position(|scenario| scenario.name == one.name));
    tried
}

/// Runs one scenario. One that cannot be tried has failed.
fn attempt(
    name: &'static str,
    what: &'static str,
    tries: impl FnOnce() -> Result<Checks>,
) -> Tried {
    let start = Instant::now();
    let checks = tries().unwrap_or_else(|error| {
        let mut checks = Checks::default();
        checks.holds("can be tried", "to its end", format!("{error:#}"), false);
        checks
    });
    let seconds = start.elapsed().as_secs_f64();
    eprintln!("{seconds:6.1} s  {name}");
    Tried { name, what, checks: checks.list(), seconds }
}

impl Tried {
    /// Names of the checks that do not hold, with their figures.
    fn failed(&self) -> impl Iterator<Item = String> {
        let failed = self.checks.iter().filter(|check| !check.holds);
        failed.map(|check| format!("{}/{}: {}", self.name, check.name, check.figure))
    }
}

const HEADER: [&str; 4] = ["check", "bound", "figure", ""];

fn row(tried: &Tried, check: &Check) -> [String; 4] {
    let verdict = if check.holds { "holds" } else { "DOES NOT HOLD" };
    let name = format!("{}/{}", tried.name, check.name);
    [name, check.bound.clone(), check.figure.clone(), verdict.into()]
}

/// Columns for a terminal.
fn table(tried: &[Tried]) -> String {
    let rows = tried.iter().flat_map(|one| one.checks.iter().map(|check| row(one, check)));
    let rows: Vec<[String; 4]> = std::iter::once(HEADER.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).min(60)
    };
    let widths: Vec<usize> = (0..HEADER.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        writeln!(text, "{}", cells.join("  ").trim_end()).expect("a string takes all text");
    }
    text
}

fn as_json(tried: &[Tried], loads: [Option<f64>; 2]) -> Value {
    let check = |check: &Check| json!({ "name": check.name, "bound": check.bound, "figure": check.figure, "holds": check.holds });
    let scenario = |one: &Tried| {
        let checks: Vec<Value> = one.checks.iter().map(check).collect();
        json!({ "name": one.name, "what": one.what, "seconds": one.seconds, "checks": checks })
    };
    let scenarios: Vec<Value> = tried.iter().map(scenario).collect();
    json!({ "load": loads, "scenarios": scenarios })
}

const DOCUMENT: &str = "docs/faults.md";

const HEAD: &str = "\
# Faults

What `entail` does when services fail, people err and machines die. Written by `cargo xtask faults`; the gate runs a smaller version
(`--quick`, the debug build) and goes red when a bound does not hold. The server (`faults/`) runs in the process that checks, on the
same machine, so every figure of speed is of both together. \"Answered\" is what the server counts as answered whole: what a provider
would bill. Scenarios that mostly wait run side by side.
";

/// What is committed.
fn document(tried: &[Tried], machine: &Machine, loads: [Option<f64>; 2]) -> String {
    let mut text = format!("{HEAD}\n");
    for line in machine.lines() {
        writeln!(text, "- {line}").expect("a string takes all text");
    }
    let load = loads.map(|load| load.map_or("unknown".to_owned(), |load| format!("{load:.1}")));
    writeln!(
        text,
        "- load average of the machine before and after, this included: {} and {}",
        load[0], load[1]
    )
    .expect("a string takes all text");
    for one in tried {
        write!(
            text,
            "\n## {}\n\n{}; {:.0} s.\n\n| check | bound | figure | |\n| --- | --- | --- | --- |\n",
            one.name, one.what, one.seconds
        )
        .expect("a string takes all text");
        for check in &one.checks {
            let [_, bound, figure, verdict] = row(one, check).map(|cell| cell.replace('|', "\\|"));
            writeln!(text, "| {} | {bound} | {figure} | {verdict} |", check.name)
                .expect("a string takes all text");
        }
    }
    text
}

#[cfg(test)]
mod tests;
