//! `entail judge selftest`: judges tried on answers whose labels are known.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;
use entail_eval::{Confusion, ExampleKind, SHIPPED, SelfTest, visible};
use entail_schema::{JudgeSection, OneOrMany};
use entail_study::{Asked, JudgeTrial, PlannedStep, Tried, Workshop};
use serde_json::{Value, json};

use super::confusion;
use crate::TrafficArgs;
use crate::around::Around;
use crate::plan::{as_json, idle, services_table};
use crate::run::{Failure, Place, Teller, handle_interrupts};
use crate::services::{Reach, prices};
use crate::speech::{print, talk};

#[derive(Debug, Args)]
pub(crate) struct SelftestArgs {
    /// The judges, such as `anthropic:claude-haiku-4-5`, `local:FOLDER` or `exec:python3 judge.py`.
    #[arg(required = true, value_name = "MODEL")]
    judges: Vec<String>,
    /// A battery that comes with the program, or a file; may be given several times. Without any, all that judges read.
    #[arg(long = "battery", value_name = "NAME|FILE")]
    batteries: Vec<String>,
    /// What the judges are told: a prompt that comes with the program, or a file.
    #[arg(long, value_name = "NAME|FILE", default_value = "label")]
    prompt: String,
    /// Ask for coherence in a call of its own.
    #[arg(long)]
    coherence_apart: bool,
    /// Divides the logits.
    #[arg(long, value_name = "T", default_value = "0")]
    temperature: f64,
    /// Longest reply in tokens.
    #[arg(long, value_name = "N", default_value = "400")]
    max_tokens: NonZeroUsize,
    /// Print at most so many misread examples, and stances, of each judge.
    #[arg(long, value_name = "N", default_value = "20")]
    show: usize,
    /// Only say how often whom would be asked, and for how much.
    #[arg(long)]
    plan: bool,
    #[command(flatten)]
    traffic: TrafficArgs,
    /// Folder of the store.
    #[arg(long, value_name = "DIR", default_value = ".entail")]
    store: PathBuf,
    /// Print JSON on standard output.
    #[arg(long)]
    json: bool,
}

pub(crate) fn selftest(args: &SelftestArgs) -> Result<(), Failure> {
    let around = Around::of(None)?;
    let trial = JudgeTrial::check(&args.section(), &args.batteries(), &around)
        .map_err(|problem| Failure::Argument(problem.to_string()))?;
    let place = Place::open(&args.store)?;
    let prices = prices(args.traffic.prices.as_deref())?;
    let planned = Planned {
        examples: trial.test().exhibits.len(),
        steps: trial.status(idle(&place)).map_err(|error| place.failure(error))?,
        services: trial
            .asked(idle(&place), &prices, args.traffic.batch)
            .map_err(|error| place.failure(error))?,
    };
    if args.plan && args.json {
        return print(&format!("{:#}\n", planned.as_json()));
    }
    talk(format_args!("{}", planned.as_text()));
    if args.plan {
        return Ok(());
    }
    let tried = ask(&trial, &around, &place, &args.traffic)?;
    let test = trial.test();
    if args.json {
        let judges: Vec<Value> = tried.iter().map(|one| tried_json(&test, one)).collect();
        return print(&format!(
            "{:#}\n",
            json!({ "examples": planned.examples, "judges": judges })
        ));
    }
    let texts: Vec<String> = tried.iter().map(|one| tried_text(&test, one, args.show)).collect();
    print(&texts.join("\n"))
}

impl SelftestArgs {
    fn section(&self) -> JudgeSection {
        JudgeSection {
            model: OneOrMany::Many(self.judges.clone()),
            prompt: self.prompt.clone(),
            coherence_apart: self.coherence_apart,
            temperature: self.temperature,
            max_tokens: self.max_tokens.get(),
            ..JudgeSection::default()
        }
    }

    fn batteries(&self) -> Vec<String> {
        if !self.batteries.is_empty() {
            return self.batteries.clone();
        }
        let judged = |name: &&str| {
            let battery = entail_eval::shipped(name).expect("its name is that of a shipped one");
            battery.stances.iter().any(|stance| !stance.examples.is_empty())
        };
        SHIPPED.iter().map(|(name, _)| *name).filter(judged).map(str::to_owned).collect()
    }
}

/// What is to be asked.
struct Planned {
    examples: usize,
    steps: Vec<PlannedStep>,
    services: Vec<Asked>,
}

impl Planned {
    fn as_json(&self) -> Value {
        let services: Vec<Value> = self.services.iter().map(as_json).collect();
        json!({ "examples": self.examples, "steps": self.steps, "services": services })
    }

    fn as_text(&self) -> String {
        let mut text = format!("{} examples with known labels\n", self.examples);
        for step in &self.steps {
            let PlannedStep { what, cached, to_do, .. } = step;
            writeln!(text, "  {what}: {to_do} questions to ask, {cached} replies in the store")
                .expect("a string takes all text");
        }
        if !self.services.is_empty() {
            text.push('\n');
            text.push_str(&services_table(&self.services));
        }
        text.trim_end().to_owned()
    }
}

fn ask(
    trial: &JudgeTrial,
    around: &Around,
    place: &Place,
    traffic: &TrafficArgs,
) -> Result<Vec<Tried>, Failure> {
    let cancelled = Arc::new(AtomicBool::new(false));
    handle_interrupts(&cancelled)?;
    let reach = Reach::new(around, traffic, place, &cancelled)?;
    let teller = Teller::new(io::stderr().is_terminal());
    let progress = |p: &entail_study::Progress| teller.tell(p);
    let workshop = Workshop {
        shelf: &place.shelf,
        completions: &place.completions,
        services: &reach,
        progress: &progress,
        cancelled: &cancelled,
        side_by_side: 256,
    };
    let tried = trial.run(workshop);
    if let Some(told) = reach.told() {
        talk(format_args!("{told}"));
    }
    tried.map_err(|error| place.failure(error))
}

/// Stances of which something was misread, the worst first.
fn worst(tried: &Tried) -> Vec<&(String, Confusion)> {
    let share = |one: &Confusion| one.right() as f64 / one.total() as f64;
    let stances = tried.result.stances.iter().filter(|(_, one)| one.right() < one.total());
    let mut stances: Vec<&(String, Confusion)> = stances.collect();
    stances.sort_by(|(_, a), (_, b)| share(a).total_cmp(&share(b)));
    stances
}

/// Such as `31 of 40 right, 77.5 %`.
fn score(confusion: &Confusion) -> String {
    let (right, total) = (confusion.right(), confusion.total());
    format!("{right} of {total} right, {:.1} %", 100.0 * right as f64 / total as f64)
}

/// Confidence of the interval of the share that was right.
const CONFIDENCE: f64 = 0.95;

fn tried_text(test: &SelfTest<'_>, tried: &Tried, most: usize) -> String {
    let result = &tried.result;
    let mut text = String::new();
    let mut line =
        |line: fmt::Arguments<'_>| writeln!(text, "{line}").expect("a string takes all text");
    line(format_args!("{}, told by {} ({})", tried.judge, tried.prompt, tried.prompt_key.short()));
    let interval = entail_stats::wilson(result.all.right(), result.all.total(), CONFIDENCE)
        .expect("there are examples");
    let (low, high) = (100.0 * interval.low, 100.0 * interval.high);
    line(format_args!("  {} [{low:.1}, {high:.1}]\n", score(&result.all)));
    line(format_args!("{}", confusion::table(&result.all, "expected")));
    for kind in ExampleKind::ALL {
        if let Some(confusion) = result.kinds.get(&kind) {
            line(format_args!("  {:<24} {}", kind.as_str(), score(confusion)));
        }
    }
    let stances = worst(tried);
    if !stances.is_empty() {
        line(format_args!("\n  Stances that were misread, the worst first:"));
    }
    for (id, confusion) in stances.iter().take(most) {
        line(format_args!("  {id:<24} {}", score(confusion)));
    }
    if stances.len() > most {
        line(format_args!("  … and {} more (--show)", stances.len() - most));
    }
    if !result.misread.is_empty() {
        line(format_args!("\n  Examples that were misread:"));
    }
    for (index, given) in result.misread.iter().take(most) {
        let exhibit = &test.exhibits[*index];
        let (expected, kind) = (test.expected(*index).as_str(), test.kind(*index).as_str());
        line(format_args!(
            "\n  {} ({kind}): expected {expected}, given {}",
            exhibit.stance.id,
            given.as_str()
        ));
        line(format_args!("  Q: {}", indented(exhibit.question)));
        line(format_args!("  A: {}", indented(exhibit.answer)));
    }
    if result.misread.len() > most {
        line(format_args!(
            "\n  … and {} more misread examples (--show)",
            result.misread.len() - most
        ));
    }
    text
}

/// A text with nothing hidden, whose later lines stand below its first.
fn indented(text: &str) -> String {
    visible(text.trim()).replace('\n', "\n     ")
}

fn tried_json(test: &SelfTest<'_>, tried: &Tried) -> Value {
    let result = &tried.result;
    let kinds = result.kinds.iter().map(
        |(kind, one)| json!({ "kind": kind.as_str(), "total": one.total(), "right": one.right() }),
    );
    let stances = result
        .stances
        .iter()
        .map(|(id, one)| json!({ "stance": id, "total": one.total(), "right": one.right() }));
    let misread = result.misread.iter().map(|(index, given)| {
        let exhibit = &test.exhibits[*index];
        json!({
            "stance": exhibit.stance.id, "kind": test.kind(*index).as_str(), "question": exhibit.question,
            "answer": exhibit.answer, "expected": test.expected(*index).as_str(), "given": given.as_str(),
        })
    });
    json!({
        "judge": tried.judge, "prompt": tried.prompt, "prompt_key": tried.prompt_key,
        "total": result.all.total(), "right": result.all.right(),
        "counts": confusion::as_json(&result.all, "expected"),
        "kinds": kinds.collect::<Vec<_>>(), "stances": stances.collect::<Vec<_>>(),
        "misread": misread.collect::<Vec<_>>(), "reused": tried.tally.reused, "made": tried.tally.made,
    })
}
