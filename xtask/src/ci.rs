//! The gate: every check in turn, with its time, up to the first that is red.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use crate::conformance::{self, Outcome};
use crate::coverage;
use crate::faults;
use crate::shell::{self, Shell};
use crate::tidy;

type Step = fn(&Shell) -> Result<Outcome>;

const STEPS: [(&str, Step); 7] = [
    ("tidy", |shell| tidy::run(shell).map(|()| Outcome::Passed)),
    ("clippy", clippy),
    ("test", test),
    ("doc", doc),
    ("coverage", |shell| coverage::gate(shell).map(|()| Outcome::Passed)),
    ("faults", |shell| faults::gate(shell).map(|()| Outcome::Passed)),
    ("conformance", conformance::gate),
];

/// A step that was run.
struct Line {
    name: &'static str,
    result: &'static str,
    elapsed: Duration,
}

/// Runs every step.
pub(crate) fn run(shell: &Shell) -> Result<()> {
    let mut lines = Vec::new();
    let mut failure = None;
    for (name, step) in STEPS {
        println!("== {name}");
        let start = Instant::now();
        let outcome = step(shell);
        let elapsed = start.elapsed();
        let result = match &outcome {
            Ok(Outcome::Passed) => "ok",
            Ok(Outcome::Skipped) => "SKIPPED",
            Err(_) => "RED",
        };
        println!("== {name}: {result} in {:.1} s", elapsed.as_secs_f64());
        lines.push(Line { name, result, elapsed });
        if let Err(error) = outcome {
            failure = Some(error.context(format!("step {name} is red")));
            break;
        }
    }
    print!("{}", summary(&lines));
    failure.map_or(Ok(()), Err)
}

fn summary(lines: &[Line]) -> String {
    let row = |name: &str, result: &str, elapsed: Duration| {
        format!("{name:<12} {result:<8} {:>7.1}", elapsed.as_secs_f64())
    };
    let mut rows = vec![String::new(), format!("{:<12} {:<8} {:>7}", "step", "result", "seconds")];
    rows.extend(lines.iter().map(|line| row(line.name, line.result, line.elapsed)));
    rows.extend(STEPS[lines.len()..].iter().map(|(name, _)| format!("{name:<12} not run")));
    rows.push(row("total", "", lines.iter().map(|line| line.elapsed).sum()));
    rows.join("\n") + "\n"
}

fn clippy(shell: &Shell) -> Result<Outcome> {
    shell.cargo(&["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    Ok(Outcome::Passed)
}

fn doc(shell: &Shell) -> Result<Outcome> {
    let mut command = shell.command("cargo");
    command
        .args(["doc", "--no-deps", "--workspace", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings");
    shell::run(&mut command)?;
    Ok(Outcome::Passed)
}

/// Runs the tests as the README says to: so what it says is true.
fn test(shell: &Shell) -> Result<Outcome> {
    let command = tidy::test_command(&shell.read("README.md")?)
        .map_err(|violation| anyhow!("README.md: {violation}"))?;
    println!("$ {}", command.join(" "));
    let arguments: Vec<&str> = command.iter().skip(1).map(String::as_str).collect();
    shell.cargo(&arguments)?;
    Ok(Outcome::Passed)
}

#[cfg(test)]
mod tests;
