//! What intervals and tests do on studies whose truth is known, beside what they state.

use std::fmt::Write;
use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::shell::Shell;

mod bootstrap;
mod components;
mod contrasts;
mod families;
mod judged;
mod looks;
mod pooled;
mod trained;
mod zeros;

/// What is tried, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A part of the grid with fewer studies per cell, for the gate
    #[arg(long)]
    quick: bool,
    /// Every cell as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Only the sections with this in their name; the document is then left alone
    #[arg(long)]
    only: Option<String>,
    /// Real training runs instead of simulated ones: hundreds of cheap fine-tunes, kept in the store
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    trained: bool,
}

/// Seed of every simulated study.
const SEED: u64 = 20_261_123;

/// Deviations of a normal law within which 95 % of it lie.
const Z: f64 = 1.959_963_984_540_054;

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

/// Simulates one table; told whether to be quick.
type Make = fn(bool) -> Section;

/// All tables by name, in the order of the document.
const SECTIONS: [(&str, Make); 12] = [
    ("contrasts", contrasts::section),
    ("zeros", zeros::section),
    ("families", families::section),
    ("looks", looks::section),
    ("looks-family", looks::family::section),
    ("judged-rates", judged::rates::section),
    ("judged", judged::section),
    ("judged-means", judged::powered::section),
    ("components", components::section),
    ("power", components::power::section),
    ("pooled", pooled::section),
    ("bootstrap", bootstrap::section),
];

/// Simulates, prints, and for the whole grid writes the document.
pub(crate) fn run(shell: &Shell, options: &Options) -> Result<()> {
    if options.trained {
        let section = trained::section(shell)?;
        return report(
            shell,
            &[section],
            options.json,
            Some((HEAD_TRAINED, "docs/coverage-trained.md")),
        );
    }
    let only = options.only.as_deref().unwrap_or_default();
    let wanted: Vec<_> = SECTIONS.iter().filter(|(name, _)| name.contains(only)).collect();
    ensure!(!wanted.is_empty(), "coverage: no section has {only:?} in its name");
    let sections: Vec<Section> =
        wanted.iter().map(|(name, make)| timed(name, *make, options.quick)).collect();
    let whole = !options.quick && options.only.is_none();
    report(shell, &sections, options.json, whole.then_some((HEAD, "docs/coverage.md")))
}

/// The part of the grid that the gate runs.
pub(crate) fn gate(shell: &Shell) -> Result<()> {
    run(shell, &Options { quick: true, json: false, only: None, trained: false })
}

/// Prints tables, writes them to a document with a head, and fails on a claim that does not hold.
fn report(
    shell: &Shell,
    sections: &[Section],
    json: bool,
    document: Option<(&str, &str)>,
) -> Result<()> {
    if json {
        println!("{:#}", as_json(sections));
    } else {
        let text = sections.iter().map(markdown).collect::<Vec<_>>().join("\n");
        print!("{text}");
        if let Some((head, file)) = document {
            std::fs::write(shell.root.join(file), format!("{head}\n{text}"))?;
        }
    }
    let failed: Vec<&str> =
        sections.iter().flat_map(|s| &s.claims).filter(|c| !c.holds).map(|c| c.what).collect();
    ensure!(failed.is_empty(), "coverage: does not hold: {}", failed.join("; "));
    Ok(())
}

/// One section, with the time that it took on standard error.
fn timed(name: &str, make: Make, quick: bool) -> Section {
    let start = Instant::now();
    let section = make(quick);
    eprintln!("{:6.1} s  {name}", start.elapsed().as_secs_f64());
    section
}

/// Beginning of the document.
const HEAD: &str = "\
# Coverage

What our intervals and tests do on simulated studies whose truth is known. Written by `cargo xtask coverage`; the gate runs a part of
it (`--quick`) and goes red when a line under \"Must hold\" does not. What the numbers mean for your study: `statistics.md`. The same on
real training noise: `coverage-trained.md`. A bound counts as kept within three standard errors of the simulation; ranges are as found.
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

    fn plus(self, other: Self) -> Self {
        Self { hits: self.hits + other.hits, n: self.n + other.n }
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

/// A claim on every one of some shares, at least one; chance is allowed for.
fn at_least(what: &'static str, shares: &[Share], bound: f64) -> Claim {
    let holds = |s: &Share| s.value() + s.chance() >= bound;
    of_shares(what, shares, holds)
}

/// The same from above.
fn at_most(what: &'static str, shares: &[Share], bound: f64) -> Claim {
    let holds = |s: &Share| s.value() - s.chance() <= bound;
    of_shares(what, shares, holds)
}

fn of_shares(what: &'static str, shares: &[Share], holds: impl Fn(&Share) -> bool) -> Claim {
    let tried: Vec<&Share> = shares.iter().filter(|s| s.n > 0).collect();
    // Nothing tried is nothing shown.
    let holds = !tried.is_empty() && tried.into_iter().all(holds);
    Claim { what, found: range(shares), holds }
}

/// The largest share, 0 without any: what a rival must exceed to be visibly wrong.
fn worst(shares: &[Share]) -> f64 {
    shares.iter().filter(|s| s.n > 0).map(|s| s.value()).fold(0.0, f64::max)
}

/// The smallest share, 1 without any.
fn least(shares: &[Share]) -> f64 {
    shares.iter().filter(|s| s.n > 0).map(|s| s.value()).fold(1.0, f64::min)
}

/// Whether an interval holds a number.
fn holds((low, high): (f64, f64), truth: f64) -> bool {
    low <= truth && truth <= high
}

/// A share in per cent, empty where nothing was tried.
fn percent(share: Share) -> String {
    if share.n > 0 { format!("{:.1}", 100.0 * share.value()) } else { String::new() }
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

#[cfg(test)]
mod tests;
