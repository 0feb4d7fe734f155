//! Our code beside the code of others: Hugging Face's libraries, servers that run here, the vendors' own types.
//!
//! Each part has an environment of pinned Python packages. One that cannot be installed is skipped, and says so.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clap::builder::PossibleValuesParser;
use tempfile::TempDir;

use crate::child::Running;
use crate::shell::{Output, Shell};
use crate::venv::{self, Install};

mod engine;
mod model;
mod scripts;
mod served;

use engine::Folder;

/// What is compared.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// One part; all without it
    #[arg(value_parser = PossibleValuesParser::new(PARTS.map(|part| part.name)))]
    name: Option<String>,
    /// Use the Python packages only if they are installed already
    #[arg(long)]
    skip_install: bool,
    /// For `engine`: a model folder instead of the generated ones and the fixtures
    #[arg(long, requires = "name")]
    folder: Option<PathBuf>,
    /// For `engine`: an adapter folder of that model; a random adapter without it
    #[arg(long, requires = "folder")]
    adapter: Option<PathBuf>,
}

/// One comparison.
struct Part {
    name: &'static str,
    /// Whose code ours is held against.
    beside: &'static str,
    /// File of the pinned packages. Parts of the same file share an environment.
    requirements: &'static str,
    /// Those of the packages that are compared with.
    packages: &'static [&'static str],
    when: When,
    compare: fn(&Ground<'_>) -> Result<String>,
}

/// When a part runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    /// In the gate, and when it is asked for.
    Gate,
    /// Only when it is asked for: it takes minutes.
    Asked,
}

/// All that needs torch.
const TORCH: &str = "tools/requirements-min.txt";

const PARTS: [Part; 7] = [
    Part {
        name: "engine",
        beside: "logits, chat templates and tokens of transformers and peft",
        requirements: TORCH,
        packages: &["torch", "transformers", "peft"],
        when: When::Gate,
        compare: engine::compare,
    },
    Part {
        name: "fixtures",
        beside: "the vendors' own Python types, which parse our recorded and documented replies",
        requirements: "fixtures/provider/requirements-latteries.txt",
        packages: &["openai", "anthropic"],
        when: When::Gate,
        compare: scripts::fixtures,
    },
    Part {
        name: "tinker",
        beside: "a service made of the tinker package's own message classes",
        requirements: "fixtures/provider/requirements-tinker.txt",
        packages: &["tinker"],
        when: When::Gate,
        compare: scripts::tinker,
    },
    Part {
        name: "inspect",
        beside: "Inspect's readers, schema and viewer on our logs, and ours on its logs",
        requirements: "fixtures/inspect/requirements.txt",
        packages: &["inspect_ai"],
        when: When::Gate,
        compare: scripts::inspect,
    },
    Part {
        name: "transformers-serve",
        beside: "`transformers serve` with a model folder of ours",
        requirements: TORCH,
        packages: &["transformers", "torch", "fastapi"],
        when: When::Gate,
        compare: served::transformers,
    },
    Part {
        name: "llama-cpp",
        beside: "llama.cpp's Python server with the same folder as GGUF",
        requirements: "fixtures/provider/requirements-llama-cpp.txt",
        packages: &["llama_cpp_python", "gguf", "fastapi"],
        when: When::Asked,
        compare: served::llama_cpp,
    },
    Part {
        name: "trl",
        beside: "TRL, which trains from a job folder of ours, and plain PyTorch",
        requirements: TORCH,
        packages: &["trl", "peft", "transformers", "torch"],
        when: When::Asked,
        compare: scripts::trl,
    },
];

/// How a check that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    /// At least a part was not compared; the reason was printed.
    Skipped,
}

/// Printed where something could not be compared.
pub(crate) const SKIPPED: &str = "conformance: SKIPPED";

/// What a part works with.
struct Ground<'a> {
    shell: &'a Shell,
    /// Of the part's environment.
    python: PathBuf,
    /// Removed in the end.
    scratch: TempDir,
    /// Compared by `engine` in the place of its own.
    folder: Option<&'a Folder>,
}

/// How a part ended, and what it compared or why not.
#[derive(Debug)]
enum Verdict {
    Passed(String),
    Skipped(String),
    Failed(String),
}

/// A part that was tried.
struct Tried {
    name: &'static str,
    /// The packages that it compared with, with their versions.
    packages: String,
    verdict: Verdict,
    installed: Duration,
    ran: Duration,
}

/// Compares what is asked for.
pub(crate) fn run(shell: &Shell, options: Options) -> Result<Outcome> {
    let Options { name, skip_install, folder, adapter } = options;
    ensure!(
        folder.is_none() || name.as_deref() == Some(PARTS[0].name),
        "a folder is compared by `{}` alone",
        PARTS[0].name
    );
    let folder = folder.map(|model| Folder { model, adapter });
    let install = if skip_install { Install::Never } else { Install::WhereMissing };
    let wanted = |part: &&Part| name.as_deref().is_none_or(|name| name == part.name);
    compare(shell, install, PARTS.iter().filter(wanted), folder.as_ref())
}

/// Compares what the gate has the time for.
pub(crate) fn gate(shell: &Shell) -> Result<Outcome> {
    let wanted = PARTS.iter().filter(|part| part.when == When::Gate);
    compare(shell, Install::WhereMissing, wanted, None)
}

/// Every part to its end, whatever the others say.
fn compare<'a>(
    shell: &Shell,
    install: Install,
    parts: impl Iterator<Item = &'a Part>,
    folder: Option<&Folder>,
) -> Result<Outcome> {
    let mut all = Vec::new();
    for part in parts {
        println!("conformance: {} beside {}", part.name, part.beside);
        let tried = attempt(shell, install, part, folder)?;
        println!("{}", tried.line());
        all.push(tried);
    }
    if all.len() > 1 {
        println!("conformance: all parts");
        for tried in &all {
            println!("{}", tried.line());
        }
    }
    conclude(&all)
}

/// Runs one part. One that ends in an error has failed.
fn attempt(shell: &Shell, install: Install, part: &Part, folder: Option<&Folder>) -> Result<Tried> {
    let packages = versions(&shell.read(part.requirements)?, part.packages)?;
    let start = Instant::now();
    let found = venv::python(shell, part.requirements, install)?;
    let installed = start.elapsed();
    let start = Instant::now();
    let verdict = match found {
        venv::Found::Unavailable(why) => Verdict::Skipped(why),
        venv::Found::Python(python) => {
            let ground = Ground { shell, python, scratch: tempfile::tempdir()?, folder };
            match (part.compare)(&ground) {
                Ok(figures) => Verdict::Passed(figures),
                Err(error) => Verdict::Failed(format!("{error:#}")),
            }
        }
    };
    Ok(Tried { name: part.name, packages, verdict, installed, ran: start.elapsed() })
}

impl Tried {
    fn line(&self) -> String {
        let Self { name, packages, verdict, installed, ran } = self;
        let [installed, ran] = [installed, ran].map(Duration::as_secs_f64);
        let head = format!("conformance: {name}");
        match verdict {
            Verdict::Passed(figures) => format!(
                "{head}: passed in {ran:.1} s after {installed:.1} s of installing {packages}: {figures}"
            ),
            Verdict::Skipped(why) => {
                format!("{SKIPPED} {name}, packages cannot be installed ({packages}): {why}")
            }
            Verdict::Failed(why) => format!("{head}: FAILED in {ran:.1} s with {packages}: {why}"),
        }
    }
}

fn conclude(all: &[Tried]) -> Result<Outcome> {
    let named = |is: fn(&Verdict) -> bool| -> Vec<&str> {
        all.iter().filter(|tried| is(&tried.verdict)).map(|tried| tried.name).collect()
    };
    let failed = named(|verdict| matches!(verdict, Verdict::Failed(_)));
    ensure!(failed.is_empty(), "conformance: failed: {}", failed.join(", "));
    let skipped = named(|verdict| matches!(verdict, Verdict::Skipped(_)));
    Ok(if skipped.is_empty() { Outcome::Passed } else { Outcome::Skipped })
}

/// The pinned versions of some packages: `name version, name version`.
fn versions(requirements: &str, packages: &[&str]) -> Result<String> {
    let version = |package: &&str| {
        let pinned = |line: &str| Some(line.strip_prefix(package)?.strip_prefix("==")?.to_owned());
        let version = requirements.lines().find_map(pinned);
        let version = version.with_context(|| format!("no version of {package} is pinned"))?;
        Ok(format!("{package} {version}"))
    };
    Ok(packages.iter().map(version).collect::<Result<Vec<_>>>()?.join(", "))
}

impl Ground<'_> {
    /// Python of the part's environment with a script.
    fn python(&self, script: &str) -> Command {
        let mut command = self.shell.command(&self.python);
        // Scripts leave files where they please; here they are removed.
        command.arg(script).env("TMPDIR", self.scratch.path());
        command
    }

    /// File names of standard output and standard error of a child.
    fn logs(&self, child: &str) -> [PathBuf; 2] {
        ["out", "err"].map(|name| self.scratch.path().join(format!("{child}.{name}")))
    }

    /// Runs a script to its end, or to the limit.
    fn capture(&self, command: &mut Command, limit: Duration) -> Result<Output> {
        let logs = self.logs("script");
        let ended = Running::start(command, logs.clone())?.finish(limit)?;
        let [out, _] = logs;
        let out = std::fs::read(out)?;
        let text = format!("{}{}", String::from_utf8_lossy(&out), ended.stderr);
        Ok(Output { success: ended.code == Some(0), text })
    }
}

#[cfg(test)]
mod tests;
