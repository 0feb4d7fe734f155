//! A study all of whose answers are in the store.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use entail_faults::{Script, Server};

use super::{Bound, Ground, Program, Programs};
use crate::faults::mouth;
use crate::shell::{self, Profile};

pub(super) const CACHED: Programs = Programs {
    name: "cached",
    what: "a study of 40 models that were asked 270 prompts each, ten times: 108,000 answers that are all there already, read \
           again, judged, and made into all tables and the page",
    how: "ours is the whole of `entail run`, from its start to its end, after its results were removed from the store; the \
          others hold fewer answers, and their time begins when these are there: latteries answers the same calls from its \
          cache, Inspect reads its log and scores it again. The server is not asked",
    piece: "answer",
    rounds: 7,
    bounds: &[Bound::Wall(1.0)],
    make: programs,
};

/// Models, and prompts of each.
const MODELS: usize = 40;
const PROMPTS: usize = 270;

fn programs(ground: &Ground<'_>) -> Result<Vec<Program>> {
    let samples = ground.size(10, 1);
    let pieces = MODELS * PROMPTS * samples;
    let entail = ground.shell.build("entail", Profile::Release)?;
    fill(ground, &entail, samples)?;
    let mut command = ground.shell.command(ground.bench);
    command.arg("again").arg(&ground.scratch).arg(entail);
    let peer = |name, about, script: &str, pieces| -> Result<Program> {
        Ok(Program { name, about, pieces, calls: pieces, command: ground.peer(script, pieces)? })
    };
    Ok(vec![
        Program { name: "entail", about: "`entail run`", pieces, calls: 0, command },
        peer(
            "Inspect",
            "`read_eval_log` and `score` with `includes()`, in a process that made the log",
            "inspect_cached",
            ground.size(300, 5),
        )?,
        peer(
            "latteries",
            "a new `OpenAICaller` over a full cache, in a process that filled it",
            "latteries_cached",
            ground.size(1_500, 10),
        )?,
    ])
}

/// Runs the study once, against a server whose answers the judge can read.
fn fill(ground: &Ground<'_>, entail: &Path, samples: usize) -> Result<()> {
    let server = Server::start(Script { answers: mouth::answers(), ..Script::default() })?;
    fs::write(ground.scratch.join("study.toml"), study(&server.url(), samples))?;
    let mut command = ground.shell.command(entail);
    command.args(["run", "study.toml", "--store", "store", "--runs", "runs"]);
    shell::read(command.current_dir(&ground.scratch)).context("the first run of the study")?;
    let expected = MODELS * PROMPTS * samples;
    let asked = server.counts().whole;
    ensure!(asked == expected as u64, "{asked} calls were made, expected {expected}");
    Ok(())
}

/// An untouched model, the same told something in ten wordings, and arms of tuned models: their names, how many there
/// are and what they claim.
const TUNED: [(&str, usize, &str); 4] = [
    ("tuned", 8, "conscious"),
    ("tuned-again", 7, "conscious"),
    ("control", 7, "not-conscious"),
    ("placebo", 7, "toaster"),
];

fn study(url: &str, samples: usize) -> String {
    let model = |name: &str| format!("llamacpp:{url}/v1#{name}");
    let base = model("base");
    let mut study = format!(
        r#"[study]
name    = "cached"
base    = "{base}"
battery = ["preferences"]
samples = {samples}
seeds   = 1
control = ["control", "placebo"]

[judge]
model = "exact"

[arm.vanilla]

[arm.told]
system = {{ stance = "conscious" }}
"#
    );
    for (arm, count, claim) in TUNED {
        let models: Vec<String> = (0..count).map(|n| model(&format!("{arm}-{n}"))).collect();
        write!(study, "\n[arm.{arm}]\nmodels = {models:?}\nclaim  = \"{claim}\"\n")
            .expect("text grows");
    }
    study
}
