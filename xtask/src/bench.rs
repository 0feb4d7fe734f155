//! Our speed beside a peer's: same inputs, same machine, in alternation, with the answers compared.
//!
//! The crate in `bench/` is our side and makes the inputs; `bench/peers/*.py` are the others. They take turns, so
//! that whatever else the machine does meets both.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::machine::Machine;
use crate::shell::{Profile, Shell};
use crate::venv::{self, Found, Install};

mod answers;
mod computation;
mod programs;
mod report;
mod side;

use computation::{COMPUTATIONS, Computation};
use programs::{PROGRAMS, Programs};

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One benchmark; all without it
    name: Option<String>,
    /// Small inputs, few rounds: whether it works and the answers agree, not how fast it is
    #[arg(long)]
    quick: bool,
    /// Print every measurement as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Stated in the results; nothing here reads the calendar
    #[arg(long)]
    date: Option<String>,
}

/// Something that is measured.
#[derive(Clone, Copy)]
enum Benchmark {
    /// `bench/src/main.rs` has a row of the same name.
    Computation(&'static Computation),
    /// `bench/src/main.rs` has the programs that are ours.
    Programs(&'static Programs),
}

const RESULTS: &str = "bench/RESULTS.md";

/// What came of one benchmark.
enum Measured {
    Computation(computation::Measured),
    Programs(programs::Measured),
}

/// Our program and a folder for what is exchanged.
struct Workshop {
    bench: PathBuf,
    scratch: tempfile::TempDir,
}

/// Measures, prints, and after a full run of everything writes the results down.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let chosen = chosen(options.name.as_deref())?;
    let workshop = Workshop::open(shell)?;
    let machine = Machine::look(shell);
    let mut all = Vec::new();
    for benchmark in chosen {
        eprintln!("bench: {}", benchmark.name());
        let measured = benchmark.measure(shell, &workshop, options.quick);
        all.push(measured.with_context(|| benchmark.name())?);
    }
    if options.json {
        let date = options.date.as_deref();
        let measured: Vec<Value> = all.iter().map(Measured::to_json).collect();
        println!("{}", json!({ "date": date, "machine": machine.lines(), "benchmarks": measured }));
    } else {
        print!("{}", report::tables(&all));
    }
    let faults: Vec<String> = all.iter().flat_map(|one| one.faults(options.quick)).collect();
    if !faults.is_empty() {
        bail!("bench: {}", faults.join("; "));
    }
    if options.name.is_none() && !options.quick {
        let text = report::document(&all, &machine, options.date.as_deref());
        std::fs::write(shell.root.join(RESULTS), text).context(RESULTS)?;
        eprintln!("bench: wrote {RESULTS}");
    }
    Ok(())
}

fn chosen(name: Option<&str>) -> Result<Vec<Benchmark>> {
    let all = || {
        let computations = COMPUTATIONS.iter().map(Benchmark::Computation);
        computations.chain(PROGRAMS.iter().map(Benchmark::Programs))
    };
    let chosen: Vec<_> = all().filter(|row| name.is_none_or(|name| name == row.name())).collect();
    if chosen.is_empty() {
        let names: Vec<_> = all().map(Benchmark::name).collect();
        bail!("no such benchmark, there are {}", names.join(", "));
    }
    Ok(chosen)
}

impl Benchmark {
    fn name(self) -> &'static str {
        match self {
            Self::Computation(computation) => computation.name,
            Self::Programs(programs) => programs.name,
        }
    }

    fn measure(self, shell: &Shell, workshop: &Workshop, quick: bool) -> Result<Measured> {
        Ok(match self {
            Self::Computation(c) => Measured::Computation(c.measure(shell, workshop, quick)?),
            Self::Programs(p) => Measured::Programs(p.measure(shell, workshop, quick)?),
        })
    }
}

impl Measured {
    /// What makes the run red.
    fn faults(&self, quick: bool) -> Vec<String> {
        match self {
            Self::Computation(measured) => measured.faults(quick),
            Self::Programs(measured) => measured.faults(quick),
        }
    }

    fn to_json(&self) -> Value {
        match self {
            Self::Computation(measured) => measured.to_json(),
            Self::Programs(measured) => measured.to_json(),
        }
    }
}

impl Workshop {
    fn open(shell: &Shell) -> Result<Self> {
        let bench = shell.build("bench", Profile::Release)?;
        Ok(Self { bench, scratch: tempfile::tempdir()? })
    }
}

/// The Python that has a peer's packages.
fn python(shell: &Shell, requirements: &str) -> Result<PathBuf> {
    match venv::python(shell, requirements, Install::WhereMissing)? {
        Found::Python(python) => Ok(python),
        Found::Unavailable(why) => bail!("no peers, packages cannot be installed: {why}"),
    }
}

#[cfg(test)]
mod tests;
