//! Whole programs that do the same work, each run in a process of its own, in turns, beside one server.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::side::Side;
use super::{Workshop, report};
use crate::machine;
use crate::shell::{self, Shell};

mod cached;
mod calls;

/// Programs that are measured beside each other.
pub(super) struct Programs {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// How to read the figures.
    pub(super) how: &'static str,
    /// One piece of the work, in a word.
    pub(super) piece: &'static str,
    /// Runs of each program.
    rounds: usize,
    /// What the first program must keep.
    pub(super) bounds: &'static [Bound],
    /// Ours first.
    make: fn(&Ground<'_>) -> Result<Vec<Program>>,
}

pub(super) static PROGRAMS: [Programs; 2] = [calls::CALLS, cached::CACHED];

/// One of the programs. When it ends well it prints a line of JSON with what it took.
struct Program {
    name: &'static str,
    about: &'static str,
    /// How often one run does a piece of the work.
    pieces: usize,
    /// Calls that the server answers meanwhile.
    calls: usize,
    command: Command,
}

/// Where programs run.
struct Ground<'a> {
    shell: &'a Shell,
    bench: &'a Path,
    /// Address of the server, with `/v1`.
    url: &'a str,
    scratch: PathBuf,
    quick: bool,
}

impl Ground<'_> {
    /// A size of the whole run, or of one that only shows that it works.
    fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// A program in Python whose work is about so many calls.
    fn peer(&self, script: &str, calls: usize) -> Result<Command> {
        let mut command = self.shell.command(super::python(self.shell, REQUIREMENTS)?);
        command.arg("-B").arg(format!("bench/peers/{script}.py")).args([self.url]);
        command.arg(calls.to_string());
        Ok(command)
    }
}

const REQUIREMENTS: &str = "bench/requirements-calls.txt";

/// What one run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Took {
    pub(super) seconds: f64,
    pub(super) cpu_seconds: f64,
    pub(super) peak_mb: f64,
    /// Of the server.
    pub(super) server_cpu_seconds: f64,
}

/// All runs of one program.
pub(super) struct Runs {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) pieces: usize,
    pub(super) took: Vec<Took>,
}

/// What came of one benchmark.
pub(super) struct Measured {
    pub(super) benchmark: &'static Programs,
    pub(super) programs: Vec<Runs>,
    /// Processes that wanted to run, over the last minute, before and after; ours are among them.
    pub(super) loads: [Option<f64>; 2],
}

/// What a program must keep, in the median of its runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Bound {
    /// At least so many pieces a second.
    Rate(f64),
    /// At most so many seconds of the processor a piece.
    Cpu(f64),
    /// At most so many seconds.
    Wall(f64),
}

impl Bound {
    pub(super) fn holds(self, runs: &Runs) -> bool {
        match self {
            Self::Rate(least) => runs.rate() >= least,
            Self::Cpu(most) => runs.cpu_a_piece() <= most,
            Self::Wall(most) => runs.seconds() <= most,
        }
    }

    /// Bound and figure in words.
    pub(super) fn told(self, runs: &Runs, piece: &str) -> String {
        let seconds = report::seconds;
        match self {
            Self::Rate(least) => {
                format!("{:.0} {piece}s a second, bound at least {least:.0}", runs.rate())
            }
            Self::Cpu(most) => {
                let cpu = seconds(runs.cpu_a_piece());
                format!("{cpu} of the processor a {piece}, bound at most {}", seconds(most))
            }
            Self::Wall(most) => {
                format!("{}, bound at most {}", seconds(runs.seconds()), seconds(most))
            }
        }
    }
}

impl Runs {
    fn median(&self, figure: impl Fn(&Took) -> f64) -> f64 {
        report::median(&self.took.iter().map(figure).collect::<Vec<_>>())
    }

    pub(super) fn seconds(&self) -> f64 {
        self.median(|took| took.seconds)
    }

    /// Pieces a second.
    pub(super) fn rate(&self) -> f64 {
        self.pieces as f64 / self.seconds()
    }

    /// Seconds of the processor a piece.
    pub(super) fn cpu_a_piece(&self) -> f64 {
        self.median(|took| took.cpu_seconds) / self.pieces as f64
    }

    /// The same of the server.
    pub(super) fn server_cpu_a_piece(&self) -> f64 {
        self.median(|took| took.server_cpu_seconds) / self.pieces as f64
    }

    pub(super) fn peak_mb(&self) -> f64 {
        self.median(|took| took.peak_mb)
    }
}

impl Programs {
    /// Runs all programs in turn.
    pub(super) fn measure(
        &'static self,
        shell: &Shell,
        workshop: &Workshop,
        quick: bool,
    ) -> Result<Measured> {
        let server = &mut Side::start(shell.command(&workshop.bench).arg("stub"))?;
        let url = server.ready.clone();
        let scratch = workshop.scratch.path().join(self.name);
        std::fs::create_dir_all(&scratch)?;
        let ground = Ground { shell, bench: &workshop.bench, url: &url, scratch, quick };
        let mut programs = (self.make)(&ground)?;
        let runs = |program: &Program| {
            let &Program { name, about, pieces, .. } = program;
            Runs { name, about, pieces, took: Vec::new() }
        };
        let mut all: Vec<Runs> = programs.iter().map(runs).collect();
        let before = machine::load();
        for round in 0..if quick { 1 } else { self.rounds } {
            // Nobody always follows the same one.
            let turns = programs.len();
            for turn in 0..turns {
                let turn = (turn + round) % turns;
                let program = &mut programs[turn];
                let took = program.run(server).with_context(|| program.name)?;
                eprintln!("bench: {}: {} in {:.2} s", self.name, program.name, took.seconds);
                all[turn].took.push(took);
            }
        }
        Ok(Measured { benchmark: self, programs: all, loads: [before, machine::load()] })
    }
}

impl Program {
    fn run(&mut self, server: &mut Side) -> Result<Took> {
        let before = Answered::by(server)?;
        let printed = shell::read(&mut self.command)?;
        let after = Answered::by(server)?;
        let calls = after.whole - before.whole;
        let expected = self.calls as u64;
        ensure!(calls == expected, "the server answered {calls} calls, expected {expected}");
        let line = printed.lines().last().context("it printed nothing")?;
        Took::of(&serde_json::from_str(line)?, after.cpu_seconds - before.cpu_seconds)
            .with_context(|| line.to_owned())
    }
}

/// What the server says it did until now.
struct Answered {
    whole: u64,
    cpu_seconds: f64,
}

impl Answered {
    fn by(server: &mut Side) -> Result<Self> {
        let reply = server.ask("counts")?;
        let read = || {
            let (whole, cpu_seconds) = (reply["whole"].as_u64()?, reply["cpu_seconds"].as_f64()?);
            Some(Self { whole, cpu_seconds })
        };
        read().with_context(|| reply.to_string())
    }
}

impl Took {
    fn of(line: &Value, server_cpu_seconds: f64) -> Option<Self> {
        let number = |name: &str| line[name].as_f64();
        let (seconds, cpu_seconds) = (number("seconds")?, number("cpu_seconds")?);
        Some(Self { seconds, cpu_seconds, peak_mb: number("peak_rss_mb")?, server_cpu_seconds })
    }
}

impl Measured {
    /// What makes the run red.
    pub(super) fn faults(&self, quick: bool) -> Vec<String> {
        let &Programs { name, bounds, piece, .. } = self.benchmark;
        let Some(ours) = self.programs.first().filter(|_| !quick) else { return Vec::new() };
        let broken = bounds.iter().filter(|bound| !bound.holds(ours));
        broken.map(|bound| format!("{name}: {}", bound.told(ours, piece))).collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let took = |took: &Took| {
            json!({
                "seconds": took.seconds,
                "cpu_seconds": took.cpu_seconds,
                "peak_rss_mb": took.peak_mb,
                "server_cpu_seconds": took.server_cpu_seconds,
            })
        };
        let runs = |runs: &Runs| {
            let all: Vec<Value> = runs.took.iter().map(took).collect();
            json!({ "name": runs.name, "pieces": runs.pieces, "runs": all })
        };
        let programs: Vec<Value> = self.programs.iter().map(runs).collect();
        json!({ "name": self.benchmark.name, "programs": programs, "loads": self.loads })
    }
}

#[cfg(test)]
pub(super) fn measured(name: &str, runs: Vec<Runs>) -> Measured {
    let benchmark = PROGRAMS.iter().find(|row| row.name == name);
    let benchmark = benchmark.expect("there is such a benchmark");
    Measured { benchmark, programs: runs, loads: [Some(0.5), None] }
}

#[cfg(test)]
mod tests;
