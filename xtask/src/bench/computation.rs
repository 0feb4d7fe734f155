//! One computation on data in memory, in a process of either side that runs when it is told to.

use anyhow::Result;
use serde_json::{Value, json};

use super::answers::{self, Compare};
use super::side::Side;
use super::{Workshop, python, report};
use crate::machine;
use crate::shell::{self, Shell};

/// Something that is measured; `bench/src/main.rs` has a row of the same name.
pub(super) struct Computation {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    /// What the peer is and how it differs.
    pub(super) peer: &'static str,
    /// Alternations of a full run.
    rounds: usize,
    /// Seconds that ours may take, of the full size.
    pub(super) bound: Option<f64>,
    compare: Compare,
}

pub(super) static COMPUTATIONS: [Computation; 4] = [
    Computation {
        name: "bootstrap",
        what: "10,000 pigeonhole bootstrap draws: 6 arms of 6 runs, 20 stances of 10 prompts, 10 answers each; \
               every arm against the control",
        peer: "NumPy: `rng.multinomial`, one matrix product per stance, `einsum`, `quantile`",
        rounds: 15,
        bound: Some(2.0),
        compare: answers::intervals_within_simulation_error,
    },
    Computation {
        name: "max-t",
        what: "step-down max-T over all 924 relabellings of 6 + 6 runs, 20 stances",
        peer: "NumPy: sums and squares of all relabellings by two matrix products",
        rounds: 101,
        bound: Some(1.0),
        compare: |ours, peer, _| answers::close(ours, peer, 1e-12),
    },
    Computation {
        name: "pool",
        what: "partial pooling of one contrast, 20 stances, 6 + 6 runs",
        peer: "NumPy: brute-force grid of 80 x 80 x 80, ranges set by hand, by formulas that hold only where no rate \
               is missing and all variances are equal, which ours does not use; no interval ends",
        rounds: 25,
        bound: None,
        compare: |ours, peer, _| answers::close(ours, peer, 1e-5),
    },
    Computation {
        name: "welch",
        what: "1,000,000 Welch contrasts of 6 v 6: p and 95 % interval",
        peer: "scipy: `ttest_ind(axis=1, equal_var=False)` and its `confidence_interval`",
        rounds: 7,
        bound: None,
        compare: |ours, peer, _| answers::close(ours, peer, 1e-8),
    },
];

const REQUIREMENTS: &str = "bench/requirements.txt";
const QUICK_ROUNDS: usize = 3;

/// What came of one benchmark.
pub(super) struct Measured {
    pub(super) benchmark: &'static Computation,
    /// Seconds of every round.
    pub(super) ours: Vec<f64>,
    pub(super) peer: Vec<f64>,
    pub(super) peer_version: String,
    pub(super) floor: Option<Floor>,
    /// How far the answers are apart, or how they differ where they should not.
    pub(super) agreement: Result<String, String>,
    /// Processes that wanted to run, over the last minute, when it ended; ours are among them.
    pub(super) load: Option<f64>,
}

/// Time below which nothing on this machine gets.
pub(super) struct Floor {
    pub(super) seconds: f64,
    pub(super) how: String,
}

impl Computation {
    /// Runs both sides in turn, and compares what they computed.
    pub(super) fn measure(
        &'static self,
        shell: &Shell,
        workshop: &Workshop,
        quick: bool,
    ) -> Result<Measured> {
        let (name, bench) = (self.name, &workshop.bench);
        let python = python(shell, REQUIREMENTS)?;
        let file = |what: &str| workshop.scratch.path().join(format!("{name}.{what}"));
        let input = file("input");
        let size = if quick { "quick" } else { "full" };
        shell::run(shell.command(bench).args(["make", name, size]).arg(&input))?;
        let ours = &mut Side::start(shell.command(bench).args(["serve", name]).arg(&input))?;
        let script = format!("bench/peers/{name}.py");
        let peer = &mut Side::start(shell.command(python).arg("-B").arg(script).arg(&input))?;
        // Caches, allocators and thread pools.
        ours.run()?;
        peer.run()?;
        let (mut of_ours, mut of_peer) = (Vec::new(), Vec::new());
        for round in 0..if quick { QUICK_ROUNDS } else { self.rounds } {
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
        let agreement = (self.compare)(&ours_answers, &peer_answers, answers::draws(&input)?);
        let floor = shell::read(shell.command(bench).args(["floor", name]).arg(&input))?;
        Ok(Measured {
            benchmark: self,
            ours: of_ours,
            peer: of_peer,
            peer_version: peer.ready.clone(),
            floor: Floor::of(&serde_json::from_str(&floor)?),
            agreement,
            load,
        })
    }
}

impl Floor {
    pub(super) fn of(value: &Value) -> Option<Self> {
        let (seconds, how) = (value["seconds"].as_f64()?, value["how"].as_str()?);
        Some(Self { seconds, how: how.to_owned() })
    }
}

impl Measured {
    /// What makes the run red.
    pub(super) fn faults(&self, quick: bool) -> Vec<String> {
        let name = self.benchmark.name;
        let differ = self.agreement.as_ref().err().map(|how| format!("{name}: {how}"));
        let median = report::median(&self.ours);
        let over = self.benchmark.bound.filter(|bound| !quick && median > *bound);
        let over = over.map(|bound| format!("{name}: {median:.3} s, bound {bound} s"));
        differ.into_iter().chain(over).collect()
    }

    pub(super) fn to_json(&self) -> Value {
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
