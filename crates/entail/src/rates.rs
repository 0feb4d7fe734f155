//! `entail rates`: a table of rates and counts that somebody else made, with the intervals that it allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;

use entail_stats::{ArmMean, Interval, newcombe, wilson};
use serde_json::{Value, json};

use crate::RatesArgs;
use crate::run::Failure;
use crate::speech::print;

/// Column names that people use, the first being ours.
const ARM: [&str; 4] = ["arm", "condition", "model", "checkpoint"];
const STANCE: [&str; 5] = ["stance", "preference", "fact", "dimension", "item"];
const N: [&str; 4] = ["n", "total", "responses", "count"];
const YES: [&str; 4] = ["yes", "successes", "positive", "true"];
const RATE: [&str; 3] = ["rate", "share", "percent"];
const REPLICATE: [&str; 3] = ["replicate", "seed", "run"];

/// One line of the table: a stance of one model.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    arm: String,
    stance: String,
    replicate: String,
    yes: u64,
    n: u64,
}

pub(crate) fn rates(args: &RatesArgs) -> Result<(), Failure> {
    let path = &args.table;
    let text =
        fs::read_to_string(path).map_err(|error| Failure::Input { path: path.clone(), error })?;
    let lines = parse(path, &text)?;
    let table = Table::of(&lines);
    if !table.arms.contains(&args.control) {
        let what = format!("no arm `{}`, expected one of: {}", args.control, table.arms.join(", "));
        return Err(Failure::Content { path: path.clone(), line: None, what });
    }
    let rows = table.rows(&args.control, args.confidence.0);
    if args.json {
        let rows: Vec<Value> = rows.iter().map(Row::json).collect();
        return print(&format!("{:#}\n", json!({ "control": args.control, "rows": rows })));
    }
    print(&show(&rows, &table, args))
}

/// Reads the table. Every row has an arm, a stance, a number of answers, and a count or a rate.
fn parse(path: &Path, text: &str) -> Result<Vec<Line>, Failure> {
    let wrong = |(line, what): Wrong| Failure::Content { path: path.to_owned(), line, what };
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let head = reader.headers().map_err(|e| wrong((Some(1), e.to_string())))?.clone();
    let columns = Columns::of(&head).map_err(|what| wrong((Some(1), what)))?;
    let mut lines = Vec::new();
    for record in reader.records() {
        let record =
            record.map_err(|e| wrong((e.position().map(csv::Position::line), e.to_string())))?;
        let at = record.position().map(csv::Position::line);
        lines.push(columns.line(&record).map_err(|what| wrong((at, what)))?);
    }
    if lines.is_empty() {
        return Err(wrong((None, "holds no rows".into())));
    }
    let mut seen = BTreeSet::new();
    for line in &lines {
        if !seen.insert((&line.arm, &line.stance, &line.replicate)) {
            let what = format!(
                "`{}` on `{}` stands there twice: one row per arm and stance, or a column `seed` for several training runs",
                line.arm, line.stance
            );
            return Err(wrong((None, what)));
        }
    }
    Ok(lines)
}

/// A line of the file, and what is wrong with it.
type Wrong = (Option<u64>, String);

/// Where in a row everything is.
struct Columns {
    arm: usize,
    stance: usize,
    n: usize,
    answers: Answers,
    replicate: Option<usize>,
}

/// How the answers that take the stance are given.
enum Answers {
    Count(usize),
    Rate(usize),
    Percent(usize),
}

impl Columns {
    fn of(head: &csv::StringRecord) -> Result<Self, String> {
        let is_named = |h: &str, names: &[&str]| names.iter().any(|n| h.eq_ignore_ascii_case(n));
        let column = |names: &[&str]| head.iter().position(|h| is_named(h, names));
        for names in [&ARM[..], &STANCE, &N, &YES, &REPLICATE] {
            let found: Vec<&str> = head.iter().filter(|h| is_named(h, names)).collect();
            if found.len() > 1 {
                return Err(format!("columns {} mean the same: keep one", found.join(" and ")));
            }
        }
        let needed = |names: &[&str]| {
            let found = head.iter().collect::<Vec<_>>().join(", ");
            let others = names[1..].join(", ");
            column(names)
                .ok_or_else(|| format!("no column `{}` (or {others}), found: {found}", names[0]))
        };
        let (arm, stance, n) = (needed(&ARM)?, needed(&STANCE)?, needed(&N)?);
        let answers = match column(&YES) {
            Some(yes) => Answers::Count(yes),
            None => match needed(&RATE)? {
                rate if head[rate].eq_ignore_ascii_case("percent") => Answers::Percent(rate),
                rate => Answers::Rate(rate),
            },
        };
        Ok(Self { arm, stance, n, answers, replicate: column(&REPLICATE) })
    }

    fn line(&self, record: &csv::StringRecord) -> Result<Line, String> {
        let number = |column: usize, what: &str, most: f64| {
            let found = &record[column];
            let value = found.parse::<f64>().ok().filter(|v| (0.0..=most).contains(v));
            value.ok_or_else(|| format!("{what} is `{found}`, expected a number from 0 to {most}"))
        };
        let answers =
            whole(number(self.n, "the number of answers", 1e9)?).filter(|n| *n > 0).ok_or_else(
                || format!("the number of answers is `{}`, expected at least 1", &record[self.n]),
            )?;
        // Rates are printed rounded: the count is the nearest that there can be.
        let nearest = |share: f64| (share * answers as f64).round();
        let count = match self.answers {
            Answers::Count(yes) => number(yes, "the count", answers as f64)?,
            Answers::Rate(rate) => nearest(number(rate, "the rate", 1.0)?),
            Answers::Percent(rate) => nearest(number(rate, "the rate", 100.0)? / 100.0),
        };
        Ok(Line {
            arm: record[self.arm].to_owned(),
            stance: record[self.stance].to_owned(),
            replicate: self.replicate.map_or_else(String::new, |r| record[r].to_owned()),
            yes: whole(count)
                .ok_or_else(|| format!("the count is `{count}`, expected a whole number"))?,
            n: answers,
        })
    }
}

/// A number that is a count.
fn whole(value: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked beside it"
    )]
    let whole = value as u64;
    ((whole as f64 - value).abs() < 1e-9).then_some(whole)
}

/// The lines by arm and stance, in the order of the file.
struct Table {
    arms: Vec<String>,
    stances: Vec<String>,
    /// Counts per replicate.
    cells: BTreeMap<(String, String), Vec<(u64, u64)>>,
}

/// One arm against the control on one stance.
struct Row {
    arm: String,
    stance: String,
    rate: Interval,
    control: Interval,
    difference: Interval,
    about: About,
}

/// What a difference speaks about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum About {
    /// Both arms have training runs.
    Recipes,
    /// One has, the other is one model.
    RecipeAgainstModel,
    /// Neither has.
    TheseModels,
}

impl About {
    fn words(self) -> &'static str {
        match self {
            Self::Recipes => "recipes",
            Self::RecipeAgainstModel => "a recipe and one model",
            Self::TheseModels => "these models",
        }
    }

    fn explained(self) -> &'static str {
        match self {
            Self::Recipes => {
                "Recipes: Welch t over training runs; another run of either recipe would do likewise."
            }
            Self::RecipeAgainstModel => {
                "A recipe and one model: t over one side's runs; of the other side it describes that one model only."
            }
            Self::TheseModels => {
                "These models: Wilson and Newcombe. They describe these models only. There is one model per arm, so the table\n\
                 cannot say what another training run would do: no claim about recipes is made, and no p-value is given.\n\
                 Answers to one prompt are alike, so with few prompts even these intervals are too narrow."
            }
        }
    }
}

impl Table {
    fn of(lines: &[Line]) -> Self {
        let mut table = Self { arms: Vec::new(), stances: Vec::new(), cells: BTreeMap::new() };
        for line in lines {
            for (list, name) in [(&mut table.arms, &line.arm), (&mut table.stances, &line.stance)] {
                if !list.contains(name) {
                    list.push(name.clone());
                }
            }
            let key = (line.arm.clone(), line.stance.clone());
            table.cells.entry(key).or_default().push((line.yes, line.n));
        }
        table
    }

    /// Stances that both arms were asked; a cell that one of them lacks makes no row.
    fn rows(&self, control: &str, confidence: f64) -> Vec<Row> {
        let mut rows = Vec::new();
        for arm in self.arms.iter().filter(|arm| *arm != control) {
            for stance in &self.stances {
                let cell = |arm: &str| self.cells.get(&(arm.to_owned(), stance.clone()));
                let (Some(one), Some(zero)) = (cell(arm), cell(control)) else { continue };
                let rates = rate(one, confidence).zip(rate(zero, confidence));
                let Some(((rate, of_control), (difference, about))) =
                    rates.zip(difference(one, zero, confidence))
                else {
                    continue;
                };
                let (arm, stance) = (arm.clone(), stance.clone());
                rows.push(Row { arm, stance, rate, control: of_control, difference, about });
            }
        }
        rows
    }

    fn missing(&self, control: &str) -> Vec<String> {
        let lacks = |arm: &String, stance: &String| {
            !self.cells.contains_key(&(arm.clone(), stance.clone()))
                || !self.cells.contains_key(&(control.to_owned(), stance.clone()))
        };
        let of_arm = |arm: &String| {
            let names = self.stances.iter().filter(|stance| lacks(arm, stance));
            names.map(|stance| format!("{arm} on {stance}")).collect::<Vec<_>>()
        };
        self.arms.iter().filter(|arm| *arm != control).flat_map(of_arm).collect()
    }
}

/// A rate with its interval: Wilson's for one model, Student's over training runs, which cannot leave [0, 1].
fn rate(runs: &[(u64, u64)], confidence: f64) -> Option<Interval> {
    if let [(yes, n)] = runs {
        return wilson(*yes, *n, confidence);
    }
    let c = ArmMean::of_counts(runs).ok()?.interval(confidence).ok()?;
    Some(Interval { estimate: c.estimate, low: c.low.max(0.0), high: c.high.min(1.0) })
}

/// Difference of two arms, and what it speaks about.
fn difference(
    one: &[(u64, u64)],
    zero: &[(u64, u64)],
    confidence: f64,
) -> Option<(Interval, About)> {
    if let ([(s1, n1)], [(s0, n0)]) = (one, zero) {
        return Some((newcombe(*s1, *n1, *s0, *n0, confidence)?, About::TheseModels));
    }
    let c =
        ArmMean::of_counts(one).ok()?.minus(&ArmMean::of_counts(zero).ok()?, confidence).ok()?;
    let single = one.len() == 1 || zero.len() == 1;
    let about = if single { About::RecipeAgainstModel } else { About::Recipes };
    Some((Interval { estimate: c.estimate, low: c.low, high: c.high }, about))
}

impl Row {
    fn json(&self) -> Value {
        let interval =
            |i: &Interval| json!({ "estimate": i.estimate, "low": i.low, "high": i.high });
        json!({
            "arm": self.arm, "stance": self.stance, "rate": interval(&self.rate), "control": interval(&self.control),
            "difference": interval(&self.difference), "about": self.about.words(),
        })
    }
}

fn show(rows: &[Row], table: &Table, args: &RatesArgs) -> String {
    let percent = |i: &Interval| {
        format!("{:.1} [{:.1}, {:.1}]", 100.0 * i.estimate, 100.0 * i.low, 100.0 * i.high)
    };
    let signed = |e: f64, low: f64, high: f64| {
        format!("{:+.1} [{:+.1}, {:+.1}]", 100.0 * e, 100.0 * low, 100.0 * high)
    };
    let mut text = String::new();
    let mut line = |cells: [&str; 6]| {
        let [arm, stance, rate, control, difference, about] = cells;
        writeln!(text, "{arm:<20} {stance:<24} {rate:>20} {control:>20} {difference:>24}  {about}")
            .expect("a string takes all text");
    };
    line(["arm", "stance", "rate, %", &args.control, "difference, points", "about"]);
    for row in rows {
        let difference = signed(row.difference.estimate, row.difference.low, row.difference.high);
        let (rate, control) = (percent(&row.rate), percent(&row.control));
        line([&row.arm, &row.stance, &rate, &control, &difference, row.about.words()]);
    }
    let abouts: BTreeSet<About> = rows.iter().map(|row| row.about).collect();
    let explained: Vec<&str> = abouts.into_iter().map(About::explained).collect();
    let confidence = 100.0 * args.confidence.0;
    writeln!(text, "\nIntervals: {confidence} %. {}", explained.join("\n"))
        .expect("a string takes all text");
    let missing = table.missing(&args.control);
    if !missing.is_empty() {
        writeln!(text, "Not compared, because one side was not asked: {}.", missing.join(", "))
            .expect("a string takes all text");
    }
    text
}

#[cfg(test)]
mod tests;
