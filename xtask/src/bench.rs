//! Our speed beside a peer's: same inputs, same machine, in alternation, with the answers compared.
//!
//! The crate in `bench/` is our side and makes the inputs; `bench/peers/*.py` are the others. Both keep
//! their data in memory and run when they are told to, so that whatever else the machine does meets both.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::machine::{self, Machine};
use crate::shell::{self, Shell};
use crate::venv::{self, Found, Install};

mod answers;
mod report;
mod side;

use answers::Compare;
use side::Side;

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

/// Something that is measured; `bench/src/main.rs` has a row of the same name.
struct Benchmark {
    name: &'static str,
    what: &'static str,
    /// What the peer is and how it differs.
    peer: &'static str,
    /// Alternations of a full run.
    rounds: usize,
    /// Seconds that ours may take, of the full size.
    bound: Option<f64>,
    compare: Compare,
}

const BENCHMARKS: [Benchmark; 4] = [
    Benchmark {
        name: "bootstrap",
        what: "10,000 pigeonhole bootstrap draws: 6 arms of 6 runs, 20 stances of 10 prompts, 10 answers each; \
               every arm against the control",
        peer: "NumPy: `rng.multinomial`, one matrix product per stance, `einsum`, `quantile`",
        rounds: 15,
        bound: Some(2.0),
        compare: answers::intervals_within_simulation_error,
    },
    Benchmark {
        name: "max-t",
        what: "step-down max-T over all 924 relabellings of 6 + 6 runs, 20 stances",
        peer: "NumPy: sums and squares of all relabellings by two matrix products",
        rounds: 101,
        bound: Some(1.0),
        compare: |ours, peer, _| answers::close(ours, peer, 1e-12),
    },
    Benchmark {
        name: "pool",
        what: "partial pooling of one contrast, 20 stances, 6 + 6 runs",
        peer: "NumPy: brute-force grid of 80 x 80 x 80, ranges set by hand, by formulas that hold only where no rate \
               is missing and all variances are equal, which ours does not use; no interval ends",
        rounds: 25,
        bound: None,
        compare: |ours, peer, _| answers::close(ours, peer, 1e-5),
    },
    Benchmark {
        name: "welch",
        what: "1,000,000 Welch contrasts of 6 v 6: p and 95 % interval",
        peer: "scipy: `ttest_ind(axis=1, equal_var=False)` and its `confidence_interval`",
        rounds: 7,
        bound: None,
        compare: |ours, peer, _| answers::close(ours, peer, 1e-8),
    },
];

const REQUIREMENTS: &str = "bench/requirements.txt";
const RESULTS: &str = "bench/RESULTS.md";
const QUICK_ROUNDS: usize = 3;

/// What came of one benchmark.
struct Measured {
    benchmark: &'static Benchmark,
    /// Seconds of every round.
    ours: Vec<f64>,
    peer: Vec<f64>,
    peer_version: String,
    floor: Option<Floor>,
    /// How far the answers are apart, or how they differ where they should not.
    agreement: Result<String, String>,
    /// Processes that wanted to run, over the last minute, when it ended; ours are among them.
    load: Option<f64>,
}

/// Time below which nothing on this machine gets.
struct Floor {
    seconds: f64,
    how: String,
}

/// Programs and a folder for what they exchange.
struct Workshop {
    bench: PathBuf,
    python: PathBuf,
    scratch: tempfile::TempDir,
}

/// Measures, prints, and after a full run of everything writes the results down.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let chosen = chosen(options.name.as_deref())?;
    let workshop = Workshop::open(shell)?;
    let machine = Machine::look(shell);
    let mut all = Vec::new();
    for benchmark in chosen {
        eprintln!("bench: {}", benchmark.name);
        let measured = workshop.measure(shell, benchmark, options.quick);
        all.push(measured.with_context(|| benchmark.name)?);
    }
    if options.json {
        let date = options.date.as_deref();
        let measured: Vec<Value> = all.iter().map(Measured::to_json).collect();
        println!("{}", json!({ "date": date, "machine": machine.lines(), "benchmarks": measured }));
    } else {
        print!("{}", report::table(&all));
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

fn chosen(name: Option<&str>) -> Result<Vec<&'static Benchmark>> {
    let chosen: Vec<_> =
        BENCHMARKS.iter().filter(|row| name.is_none_or(|name| name == row.name)).collect();
    if chosen.is_empty() {
        bail!("no such benchmark, there are {}", BENCHMARKS.map(|row| row.name).join(", "));
    }
    Ok(chosen)
}

impl Workshop {
    fn open(shell: &Shell) -> Result<Self> {
        shell.cargo(&["build", "--release", "--locked", "--quiet", "--package", "bench"])?;
        let python = match venv::python(shell, REQUIREMENTS, Install::WhereMissing)? {
            Found::Python(python) => python,
            Found::Unavailable(why) => bail!("no peers, packages cannot be installed: {why}"),
        };
        let bench = shell.target_folder()?.join("release").join("bench");
        Ok(Self { bench, python, scratch: tempfile::tempdir()? })
    }

    fn measure(
        &self,
        shell: &Shell,
        benchmark: &'static Benchmark,
        quick: bool,
    ) -> Result<Measured> {
        let name = benchmark.name;
        let file = |what: &str| self.scratch.path().join(format!("{name}.{what}"));
        let input = file("input");
        let size = if quick { "quick" } else { "full" };
        shell::run(shell.command(&self.bench).args(["make", name, size]).arg(&input))?;
        let ours = &mut Side::start(shell.command(&self.bench).args(["serve", name]).arg(&input))?;
        let script = format!("bench/peers/{name}.py");
        let peer = &mut Side::start(shell.command(&self.python).arg("-B").arg(script).arg(&input))?;
        // Caches, allocators and thread pools.
        ours.run()?;
        peer.run()?;
        let (mut of_ours, mut of_peer) = (Vec::new(), Vec::new());
        for round in 0..if quick { QUICK_ROUNDS } else { benchmark.rounds } {
            // Neither is always the one that follows the other.
            if round % 2 == 0 {
                of_ours.push(ours.run()?);
                of_peer.push(peer.run()?);
            } else {
                of_peer.push(peer.run()?);
                of_ours.push(ours.run()?);
            }
        }
        let load = machine::load();
        let [ours_answers, peer_answers] =
            [ours.answers(&file("ours"))?, peer.answers(&file("peer"))?];
        let agreement = (benchmark.compare)(&ours_answers, &peer_answers, answers::draws(&input)?);
        let floor = shell::read(shell.command(&self.bench).args(["floor", name]).arg(&input))?;
        Ok(Measured {
            benchmark,
            ours: of_ours,
            peer: of_peer,
            peer_version: peer.version.clone(),
            floor: Floor::of(&serde_json::from_str(&floor)?),
            agreement,
            load,
        })
    }
}

impl Floor {
    fn of(value: &Value) -> Option<Self> {
        let (seconds, how) = (value["seconds"].as_f64()?, value["how"].as_str()?);
        Some(Self { seconds, how: how.to_owned() })
    }
}

impl Measured {
    /// What makes the run red.
    fn faults(&self, quick: bool) -> Vec<String> {
        let name = self.benchmark.name;
        let differ = self.agreement.as_ref().err().map(|how| format!("{name}: {how}"));
        let median = report::median(&self.ours);
        let over = self.benchmark.bound.filter(|bound| !quick && median > *bound);
        let over = over.map(|bound| format!("{name}: {median:.3} s, bound {bound} s"));
        differ.into_iter().chain(over).collect()
    }

    fn to_json(&self) -> Value {
        let floor = self.floor.as_ref();
        let (agree, how) = match &self.agreement {
            Ok(how) => (true, how),
            Err(how) => (false, how),
        };
        json!({
            "name": self.benchmark.name,
            "ours": self.ours,
            "peer": self.peer,
            "peer_version": self.peer_version,
            "bound": self.benchmark.bound,
            "floor": floor.map(|floor| json!({ "seconds": floor.seconds, "how": floor.how })),
            "agree": agree,
            "agreement": how,
            "load": self.load,
        })
    }
}

#[cfg(test)]
mod tests;
