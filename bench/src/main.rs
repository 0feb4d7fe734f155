//! Our side of `cargo xtask bench`, built in release. `bench/peers/*.py` speak the same protocol.
//!
//! `serve` reads an input, says `{"ready": ...}`, and then answers every line of standard input:
//! `run` with `{"seconds": ...}`, and `answers FILE` by writing what the last run computed. So both
//! sides keep their data in memory, and whoever drives them decides whose turn it is.
//!
//! `calls` and `again` are whole programs: they do their work once and say what it took. `stub` is the
//! server that is called.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "the shell: it prints, measures time and writes files"
)]

mod again;
mod bootstrap;
mod calls;
mod floor;
mod input;
mod max_t;
mod pool;
mod spent;
mod stub;
mod welch;

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::calls::Client;
use crate::floor::Floor;
use crate::input::Input;

/// Computes all answers from data in memory, in the order in which they are compared.
type Run = Box<dyn FnMut() -> Result<Vec<f64>>>;

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Size {
    Quick,
    Full,
}

/// Something that is measured.
struct Benchmark {
    name: &'static str,
    /// The same input every time.
    make: fn(Size) -> Input,
    prepare: fn(&Input) -> Result<Run>,
    /// What no program on this machine could be faster than.
    floor: Option<fn(&Input) -> Floor>,
}

const BENCHMARKS: [Benchmark; 4] = [
    Benchmark {
        name: "bootstrap",
        make: bootstrap::make,
        prepare: bootstrap::prepare,
        floor: Some(bootstrap::floor),
    },
    Benchmark {
        name: "max-t",
        make: max_t::make,
        prepare: max_t::prepare,
        floor: Some(max_t::floor),
    },
    Benchmark { name: "pool", make: pool::make, prepare: pool::prepare, floor: None },
    Benchmark {
        name: "welch",
        make: welch::make,
        prepare: welch::prepare,
        floor: Some(welch::floor),
    },
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", name, size, file] => {
            let size = match size {
                "quick" => Size::Quick,
                "full" => Size::Full,
                other => bail!("no size `{other}`"),
            };
            std::fs::write(file, (find(name)?.make)(size).to_bytes()).context(file.to_owned())
        }
        ["serve", name, file] => serve((find(name)?.prepare)(&read(file)?)?),
        ["floor", name, file] => {
            let input = read(file)?;
            say(&find(name)?.floor.map_or(json!(null), |floor| floor(&input).to_json()))
        }
        ["stub"] => stub::serve(),
        ["calls", client, url, calls] => {
            let (client, calls) = (Client::parse(client)?, calls.parse()?);
            say(&spent::here(|| client.make(url, calls))?)
        }
        ["again", folder, program] => say(&again::run(Path::new(folder), Path::new(program))?),
        _ => bail!(
            "usage: bench make NAME SIZE FILE | serve NAME FILE | floor NAME FILE | stub | \
             calls kept|dropped|bare URL N | again FOLDER PROGRAM"
        ),
    }
}

fn find(name: &str) -> Result<&'static Benchmark> {
    let found = BENCHMARKS.iter().find(|benchmark| benchmark.name == name);
    found.with_context(|| format!("no benchmark `{name}`"))
}

fn read(file: &str) -> Result<Input> {
    let bytes = std::fs::read(Path::new(file)).context(file.to_owned())?;
    Input::from_bytes(&bytes).context(file.to_owned())
}

fn serve(mut run: Run) -> Result<()> {
    say(&json!({ "ready": "entail" }))?;
    let mut answers = Vec::new();
    for line in std::io::stdin().lines() {
        let line = line?;
        match line.split_once(' ') {
            None if line == "run" => {
                let start = Instant::now();
                answers = run()?;
                say(&json!({ "seconds": start.elapsed().as_secs_f64() }))?;
            }
            Some(("answers", file)) => {
                std::fs::write(file, input::bytes_of(&answers)).context(file.to_owned())?;
                say(&json!({ "answers": answers.len() }))?;
            }
            _ => bail!("no request `{line}`"),
        }
    }
    Ok(())
}

fn say(reply: &serde_json::Value) -> Result<()> {
    println!("{reply}");
    Ok(std::io::stdout().flush()?)
}
