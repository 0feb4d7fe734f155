//! `entail judge label`: people label answers of a study, to hold its judges against.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, BufRead, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use entail_eval::{HumanLabel, JudgeLabel, visible};
use entail_schema::{Key, Seed};
use entail_study::{Drawn, RunError, Unlabelled, draw_to_label};
use serde_json::json;

use super::labels::{LabelFile, Written};
use super::needs_judges;
use crate::StudyArgs;
use crate::plan::idle;
use crate::run::{Failure, Place, load};
use crate::speech::{print, talk};

#[derive(Debug, Args)]
pub(crate) struct LabelArgs {
    #[command(flatten)]
    study: StudyArgs,
    /// Where labels go: one JSON line each. What is there already is not asked again.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Answers to draw, those that are labelled already among them.
    #[arg(long = "n", value_name = "N", default_value = "100")]
    n: NonZeroUsize,
    /// Which answers are drawn.
    #[arg(long, value_name = "SEED", default_value = "0")]
    seed: u64,
    /// Who labels, where several people do.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

pub(crate) fn label(args: &LabelArgs) -> Result<(), Failure> {
    let path = &args.study.study;
    let study = load(&args.study)?;
    needs_judges(&study, path)?;
    let place = Place::open(&args.study.store)?;
    let drawn = draw_to_label(&study.plan, args.n.get(), Seed(args.seed), idle(&place));
    let Drawn { answers, kept, missing } = drawn.map_err(|error| place.failure(error))?;
    if kept == 0 {
        let what = RunError::Unfinished { what: "answers", missing }.to_string();
        return Err(Failure::Unfinished { path: path.clone(), what });
    }
    if missing > 0 {
        talk(format_args!(
            "{missing} answers of the study are not in the store; drawn from the {kept} that are"
        ));
    }
    let (file, labels) = LabelFile::open(&args.out)?;
    let own = labels.iter().filter(|label| label.by == args.by);
    let done: BTreeSet<(&str, Key)> = own.map(|l| (l.stance.as_str(), l.answer)).collect();
    let open = |one: &&Unlabelled| !done.contains(&(one.stance.id.as_str(), one.key));
    let todo: Vec<&Unlabelled> = answers.iter().filter(open).collect();
    let mut session = Session { todo: &todo, by: args.by.as_deref(), file, shown: Vec::new() };
    session.run(&mut io::stdin().lock(), &mut io::stderr().lock())?;
    let labelled = session.labelled();
    let left = todo.len() - labelled;
    if args.study.json {
        let json =
            json!({ "file": args.out, "drawn": answers.len(), "labelled": labelled, "left": left });
        return print(&format!("{json}\n"));
    }
    print(&format!(
        "{labelled} labelled now, {left} of {} left: {}\n",
        answers.len(),
        args.out.display()
    ))
}

/// What a person types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typed {
    Label(JudgeLabel),
    Skip,
    Back,
    All,
    Help,
    Quit,
}

const KEYS: &str =
    "[t]rue [f]alse [n]ot sure [r]efusal · [s]kip [b]ack [a]ll of it [?] help [q]uit";

const HELP: &str = "  t  true: the answer meets the criterion in full
  f  false: it contradicts the criterion, meets it in part, or is about something else
  n  not sure: a careful reader cannot tell
  r  refusal: it declines to answer
  s  skip for now; it is shown again next time
  b  back to the one before, whose label is taken back
  a  all of a long answer
  q  quit; every label is in the file already
  One letter, then Enter.
";

impl Typed {
    fn of(line: &str) -> Option<Self> {
        match line.trim() {
            "t" => Some(Self::Label(JudgeLabel::True)),
            "f" => Some(Self::Label(JudgeLabel::False)),
            "n" => Some(Self::Label(JudgeLabel::NotSure)),
            "r" => Some(Self::Label(JudgeLabel::Refusal)),
            "s" => Some(Self::Skip),
            "b" => Some(Self::Back),
            "a" => Some(Self::All),
            "?" => Some(Self::Help),
            "q" => Some(Self::Quit),
            _ => None,
        }
    }
}

/// A person at work.
struct Session<'a> {
    todo: &'a [&'a Unlabelled],
    by: Option<&'a str>,
    file: LabelFile,
    /// What was passed, with its label unless it was skipped.
    shown: Vec<Option<Written>>,
}

impl Session<'_> {
    /// Labels that were given and not taken back.
    fn labelled(&self) -> usize {
        self.shown.iter().flatten().count()
    }

    /// Shows one answer after the other until there are no more, the person quits, or the input ends.
    fn run(&mut self, input: &mut dyn BufRead, screen: &mut dyn Write) -> Result<(), Failure> {
        let mut text = self.page(Length::Cut);
        loop {
            say(screen, &format!("{text}\n{KEYS} > "))?;
            let Some(line) = read_line(input)? else {
                return say(screen, "\n");
            };
            text = match Typed::of(&line) {
                Some(Typed::Quit) => return Ok(()),
                Some(Typed::Help) => HELP.to_owned(),
                Some(Typed::All) => self.page(Length::Whole),
                Some(Typed::Back) => self.back()?,
                Some(Typed::Skip) => self.pass(None)?,
                Some(Typed::Label(label)) => self.pass(Some(label))?,
                None => format!("{} is none of these:\n{HELP}", visible(&format!("{line:?}"))),
            };
        }
    }

    /// Goes on to the next answer, and says what is to be shown.
    fn pass(&mut self, label: Option<JudgeLabel>) -> Result<String, Failure> {
        let Some(one) = self.todo.get(self.shown.len()) else {
            return Ok(self.page(Length::Cut));
        };
        let written = match label {
            None => None,
            Some(label) => Some(self.file.add(&HumanLabel {
                answer: one.key,
                stance: one.stance.id.clone(),
                label,
                by: self.by.map(str::to_owned),
            })?),
        };
        self.shown.push(written);
        Ok(self.page(Length::Cut))
    }

    /// Goes back by one answer.
    fn back(&mut self) -> Result<String, Failure> {
        match self.shown.last() {
            None => return Ok("This is where you began.".into()),
            Some(Some(written)) if !self.file.take_back(*written)? => {
                return Ok(
                    "Somebody else has written to the file since: take the label out there.".into(),
                );
            }
            Some(_) => {}
        }
        self.shown.pop();
        Ok(self.page(Length::Cut))
    }

    /// The answer that is to be labelled.
    fn page(&self, length: Length) -> String {
        let index = self.shown.len();
        match self.todo.get(index) {
            Some(one) => {
                format!("\n── {} of {} ──\n{}", index + 1, self.todo.len(), page(one, length))
            }
            None => "\nThat was the last one; b goes back, q ends.".into(),
        }
    }
}

/// How much of a long answer is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Cut,
    Whole,
}

/// Most characters of an answer that is shown before somebody asks for all of it.
const LONGEST: usize = 1_500;

/// Everything that a person sees of an answer.
fn page(one: &Unlabelled, length: Length) -> String {
    let stance = &one.stance;
    let mut text = String::new();
    let mut line = |line: &str| {
        writeln!(text, "{}", visible(line)).expect("a string takes all text");
    };
    line(&stance.name);
    line(&format!("Criterion: {}", stance.criterion));
    for note in &stance.counts {
        line(&format!("  counts: {note}"));
    }
    for note in &stance.does_not_count {
        line(&format!("  does not count: {note}"));
    }
    if let Some(note) = &one.note {
        line(&format!("About this question: {note}"));
    }
    line(&format!("\nQuestion:\n{}", one.question));
    let answer = match length {
        Length::Whole => one.answer.clone(),
        Length::Cut => cut(&one.answer),
    };
    line(&format!("\nAnswer:\n{answer}"));
    text
}

/// Leaves out the middle of a long answer: what it ends on often decides.
fn cut(answer: &str) -> String {
    let length = answer.chars().count();
    if length <= LONGEST {
        return answer.to_owned();
    }
    let end = LONGEST / 3;
    let start: String = answer.chars().take(LONGEST - end).collect();
    let rest: String = answer.chars().skip(length - end).collect();
    format!("{start}\n── {} characters left out, a shows them ──\n{rest}", length - LONGEST)
}

fn say(screen: &mut dyn Write, text: &str) -> Result<(), Failure> {
    screen
        .write_all(text.as_bytes())
        .and_then(|()| screen.flush())
        .map_err(|error| Failure::Output { path: "standard error".into(), error })
}

/// A line without its end; `None` where the input ends.
fn read_line(input: &mut dyn BufRead) -> Result<Option<String>, Failure> {
    let mut line = Vec::new();
    let read = input.read_until(b'\n', &mut line);
    let n = read.map_err(|error| Failure::Input { path: "standard input".into(), error })?;
    Ok((n > 0).then(|| String::from_utf8_lossy(&line).trim_end().to_owned()))
}

#[cfg(test)]
mod tests;
