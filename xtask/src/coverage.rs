//! What intervals and tests do on studies whose truth is known, beside what they state.

use std::fmt::Write;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::shell::Shell;

mod contrasts;
mod families;
mod trained;

/// What is tried, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A part of the grid with fewer studies per cell, for the gate
    #[arg(long)]
    quick: bool,
    /// Every cell as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Real training runs instead of simulated ones: hundreds of cheap fine-tunes, kept in the store
    #[arg(long, conflicts_with = "quick")]
    trained: bool,
}

/// Seed of every simulated study.
const SEED: u64 = 20_261_123;

/// One table of the report.
struct Section {
    title: &'static str,
    /// What is simulated, and how to read the table.
    text: String,
    head: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    claims: Vec<Claim>,
    cells: Vec<Value>,
}

/// Something that must hold.
struct Claim {
    what: &'static str,
    found: String,
    holds: bool,
}

/// Simulates, prints, and for the whole grid writes the document.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    let (sections, head, file) = if options.trained {
        (vec![trained::section(shell)?], HEAD_TRAINED, "docs/coverage-trained.md")
    } else {
        let sections = vec![contrasts::section(options.quick), families::section(options.quick)];
        (sections, HEAD, "docs/coverage.md")
    };
    let failed: Vec<&str> =
        sections.iter().flat_map(|s| &s.claims).filter(|c| !c.holds).map(|c| c.what).collect();
    if options.json {
        println!("{:#}", as_json(&sections));
    } else {
        let text = sections.iter().map(markdown).collect::<Vec<_>>().join("\n");
        print!("{text}");
        if !options.quick {
            std::fs::write(shell.root.join(file), format!("{head}\n{text}"))?;
        }
    }
    ensure!(failed.is_empty(), "coverage: does not hold: {}", failed.join("; "));
    Ok(())
}

/// Beginning of the document.
const HEAD: &str = "\
# Coverage

What our intervals and tests do on simulated studies whose truth is known. Written by `cargo xtask coverage`; the gate runs a part of
it (`--quick`) and goes red when a line under \"Must hold\" does not. What the numbers mean for your study: `statistics.md`. The same on
real training noise: `coverage-trained.md`.
";

/// The same for real training runs.
const HEAD_TRAINED: &str = "\
# Coverage on real training noise

Written by `cargo xtask coverage --trained`. Simulated studies, where the truth is exact, are in `coverage.md`.
";

fn markdown(section: &Section) -> String {
    let mut out = format!("## {}\n\n{}\n\n", section.title, section.text.trim());
    let mut line = |cells: &[String]| {
        writeln!(out, "| {} |", cells.join(" | ")).expect("a string takes all text");
    };
    line(&section.head.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>());
    line(&section.head.iter().map(|_| "---".to_owned()).collect::<Vec<_>>());
    for row in &section.rows {
        line(row);
    }
    out.push_str("\nMust hold:\n\n");
    for claim in &section.claims {
        let verdict = if claim.holds { "holds" } else { "DOES NOT HOLD" };
        writeln!(out, "- {}: {} ({verdict})", claim.what, claim.found)
            .expect("a string takes all text");
    }
    out
}

fn as_json(sections: &[Section]) -> Value {
    let section = |s: &Section| {
        let claims: Vec<Value> = s
            .claims
            .iter()
            .map(|c| json!({ "what": c.what, "found": c.found, "holds": c.holds }))
            .collect();
        json!({ "title": s.title, "claims": claims, "cells": s.cells })
    };
    Value::Array(sections.iter().map(section).collect())
}

/// A share of `n` studies, and how far it may be off by chance.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    hits: usize,
    n: usize,
}

impl Share {
    fn add(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.n += 1;
    }

    fn value(self) -> f64 {
        self.hits as f64 / self.n as f64
    }

    /// Three standard errors at a rate of one in twenty: a grid has hundreds of cells, and the most
    /// extreme of them is judged.
    fn chance(self) -> f64 {
        3.0 * (0.05 * 0.95 / self.n as f64).sqrt()
    }
}

/// Shares in per cent, from the smallest to the largest.
fn range(shares: &[Share]) -> String {
    let values = || shares.iter().filter(|s| s.n > 0).map(|s| 100.0 * s.value());
    let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
    if low > high { String::new() } else { format!("{low:.1}–{high:.1}") }
}

/// The largest share in per cent.
fn largest(shares: &[Share]) -> String {
    let values = shares.iter().filter(|s| s.n > 0).map(|s| 100.0 * s.value());
    values
        .fold(None, |most: Option<f64>, v| Some(most.map_or(v, |m| m.max(v))))
        .map_or_else(String::new, |most| format!("{most:.1}"))
}
