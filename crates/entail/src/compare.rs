//! `entail compare`: what changed between two runs, in what was planned and in what was found.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use entail_schema::{ContrastRow, Standing, Tables, Verdict};
use serde_json::{Value, json};

use crate::CompareArgs;
use crate::plan::read_tables;
use crate::registration;
use crate::run::Failure;
use crate::speech::print;

pub(crate) fn compare(args: &CompareArgs) -> Result<(), Failure> {
    let (old, new) = (read_tables(&args.old)?, read_tables(&args.new)?);
    let settings = changed_settings(&read_frozen(&args.old)?, &read_frozen(&args.new)?);
    let results = changed_results(&old, &new);
    if args.json {
        let rows: Vec<Value> = results.iter().map(Change::json).collect();
        let json =
            json!({ "old": old.plan, "new": new.plan, "settings": settings, "contrasts": rows });
        return print(&format!("{json:#}\n"));
    }
    print(&show(&old, &new, &settings, &results))
}

/// What was frozen with the plan of a run.
fn read_frozen(folder: &Path) -> Result<Value, Failure> {
    let path = folder.join(registration::FILE);
    let text =
        fs::read_to_string(&path).map_err(|error| Failure::Input { path: path.clone(), error })?;
    let json: Value = serde_json::from_str(&text).map_err(|error| Failure::Content {
        path,
        line: None,
        what: error.to_string(),
    })?;
    Ok(json["frozen"].clone())
}

/// One setting that differs: its path, and its value on either side.
type Setting = (String, Option<Value>, Option<Value>);

fn changed_settings(old: &Value, new: &Value) -> Vec<Setting> {
    let (mut before, mut after) = (BTreeMap::new(), BTreeMap::new());
    leaves("", old, &mut before);
    leaves("", new, &mut after);
    let paths: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    // Keys and seeds follow from the rest and would drown it.
    let is_derived =
        |path: &str| path == "plan" || path.contains(".replicates.") || path.ends_with("hash");
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path) && !is_derived(path))
        .map(|path| (path.clone(), before.get(path).cloned(), after.get(path).cloned()))
        .collect()
}

/// Every value that is neither a list nor a table, by its path. Lists of named things go by their names.
fn leaves(path: &str, value: &Value, out: &mut BTreeMap<String, Value>) {
    let below =
        |part: &str| if path.is_empty() { part.to_owned() } else { format!("{path}.{part}") };
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                leaves(&below(name), value, out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let named = item.get("name").or_else(|| item.get("arm")).and_then(Value::as_str);
                leaves(&below(named.unwrap_or(&index.to_string())), item, out);
            }
        }
        leaf => {
            out.insert(path.to_owned(), leaf.clone());
        }
    }
}

/// One contrast on one stance, in either run.
struct Change<'a> {
    old: Option<&'a ContrastRow>,
    new: Option<&'a ContrastRow>,
}

impl Change<'_> {
    /// Either side.
    fn row(&self) -> &ContrastRow {
        self.new.or(self.old).expect("a change has a side")
    }

    fn verdicts(&self) -> (Option<Verdict>, Option<Verdict>) {
        (self.old.and_then(|r| r.verdict), self.new.and_then(|r| r.verdict))
    }

    fn is_other_verdict(&self) -> bool {
        let (old, new) = self.verdicts();
        old != new
    }

    fn shift(&self) -> Option<f64> {
        Some(self.new?.estimate? - self.old?.estimate?)
    }

    fn json(&self) -> Value {
        let row = self.row();
        let (old, new) = self.verdicts();
        json!({
            "base": row.base, "arm": row.arm, "control": row.control, "stance": row.stance,
            "old": self.old.and_then(|r| r.estimate), "new": self.new.and_then(|r| r.estimate),
            "old_verdict": old, "new_verdict": new,
        })
    }
}

/// Contrasts that only one run has, that come to something else, or whose estimates moved; other verdicts first, then
/// by how far they moved.
fn changed_results<'a>(old: &'a Tables, new: &'a Tables) -> Vec<Change<'a>> {
    let key = |r: &ContrastRow| {
        (r.base.clone(), r.arm.clone(), r.control.clone(), r.battery.clone(), r.stance.clone())
    };
    let mut changes: BTreeMap<_, Change<'a>> = BTreeMap::new();
    for row in &old.contrasts {
        changes.insert(key(row), Change { old: Some(row), new: None });
    }
    for row in &new.contrasts {
        changes.entry(key(row)).or_insert(Change { old: None, new: None }).new = Some(row);
    }
    let mut changes: Vec<Change<'a>> = changes
        .into_values()
        .filter(|c| {
            let moved = c.shift().is_none_or(|shift| shift.abs() > 1e-12);
            let neither = c.row().estimate.is_none() && c.old.is_some() && c.new.is_some();
            c.is_other_verdict() || (moved && !neither)
        })
        .collect();
    let size = |c: &Change<'_>| c.shift().map_or(f64::INFINITY, f64::abs);
    changes.sort_by(|a, b| {
        b.is_other_verdict().cmp(&a.is_other_verdict()).then(size(b).total_cmp(&size(a)))
    });
    changes
}

/// Rows printed; `--json` has all of them.
const SHOWN: usize = 40;

fn show(old: &Tables, new: &Tables, settings: &[Setting], changes: &[Change<'_>]) -> String {
    let short = |tables: &Tables| tables.plan.chars().take(16).collect::<String>();
    let mut text = format!("{} {}\n→ {} {}\n", old.study, short(old), new.study, short(new));
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    let seen = |tables: &Tables| match tables.registration {
        Some(r) if r.answers_before > 0 => {
            format!("{} of {} answers were there before the plan", r.answers_before, r.answers)
        }
        Some(_) => "planned before the first answer".into(),
        None => "not registered".into(),
    };
    line(format!("registration: {} → {}\n", seen(old), seen(new)));
    line(if settings.is_empty() {
        "Nothing that was planned differs.".into()
    } else {
        "What was planned differs in:".into()
    });
    let value = |v: &Option<Value>| v.as_ref().map_or_else(|| "–".into(), Value::to_string);
    for (path, before, after) in settings {
        line(format!("  {path}: {} → {}", value(before), value(after)));
    }
    let other = changes.iter().filter(|c| c.is_other_verdict()).count();
    line(format!("\n{} contrasts differ, {other} of them come to another verdict:", changes.len()));
    for change in changes.iter().take(SHOWN) {
        line(describe(change));
    }
    if changes.len() > SHOWN {
        line(format!("  … and {} more (--json has all)", changes.len() - SHOWN));
    }
    text
}

fn describe(change: &Change<'_>) -> String {
    let row = change.row();
    let side = |row: Option<&ContrastRow>| {
        let Some(row) = row else { return "not there".to_owned() };
        let Some(estimate) = row.estimate else { return "too few".to_owned() };
        let mut text = format!("{:+.1}", 100.0 * estimate);
        if let Some((low, high)) = row.low.zip(row.high) {
            write!(text, " [{:+.1}, {:+.1}]", 100.0 * low, 100.0 * high)
                .expect("a string takes all text");
        }
        let verdict = row.verdict.map_or("", |verdict| match verdict {
            Verdict::Moves => " moves",
            Verdict::MovesLittle => " moves a little",
            Verdict::DoesNotMove => " does not move",
            Verdict::Undecided => " undecided",
        });
        let standing = if row.standing == Standing::Exploratory { " (exploratory)" } else { "" };
        text + verdict + standing
    };
    format!(
        "  {} minus {} on {}, {}: {} → {}",
        row.arm,
        row.control,
        row.base,
        row.name,
        side(change.old),
        side(change.new)
    )
}
