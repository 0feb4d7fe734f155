//! The transcript browser: its form, and all answers as interned strings and columns of integers.

use std::collections::BTreeMap;

use entail_schema::{Label, ResponseRow, Tables};
use indexmap::IndexSet;
use serde::Serialize;
use serde_json::{Value, json};

use crate::escape::json_in_script;
use crate::format::count;
use crate::html::sections;
use crate::view::View;

/// More answers than this make a page that opens slowly: a subset is kept.
pub(crate) const MOST_RESPONSES: usize = 400_000;

/// The section, with at most `most` answers.
pub(crate) fn section(view: &View<'_>, most: usize) -> String {
    let kept = keep(&view.tables.responses, most);
    let total = view.tables.responses.len();
    let subset = if kept.len() < total {
        format!(
            r#"<p class="notes">This page holds {} of {} answers, those with the lowest sample numbers; responses.csv has them all.</p>"#,
            count(kept.len()),
            count(total)
        )
    } else {
        String::new()
    };
    let embedded = serde_json::to_string(&data(view.tables, &kept)).expect("plain data");
    let content = format!(
        r#"{subset}<noscript><p class="notes">Everything above reads without JavaScript; browsing single answers needs it.</p></noscript>{FORM}<script type="application/json" id="data">{}</script>"#,
        json_in_script(&embedded)
    );
    let organism = if view.any_organism() { " of the organism" } else { "" };
    let lead = format!(
        "Every sampled answer{organism}, with the judge's label. Choose two arms to read them side by side."
    );
    sections::section("transcripts", "Transcripts", &lead, &content)
}

/// Filled and shown by the script.
const FORM: &str = r#"<form id="filters" hidden>
<label>Base<select name="base"></select></label>
<label>Arm<select name="arm"></select></label>
<label>Beside it<select name="with"></select></label>
<label>Preference<select name="stance"></select></label>
<label>Label<select name="label"></select></label>
<label>Replicate<select name="replicate"></select></label>
<label>Text<input name="q" type="search" autocomplete="off" placeholder="in question or answer"></label>
<button type="reset">Clear</button>
</form>
<p id="found" role="status"></p>
<div id="answers"></div>
<div id="pages" hidden><button type="button" id="earlier">← Earlier</button><span id="page"></span><button type="button" id="later">Later →</button></div>
"#;

/// Rows that the page keeps: all, or those with the lowest sample numbers, so that arms stay comparable prompt by
/// prompt. If even one sample each is too much, every n-th row of those.
fn keep(rows: &[ResponseRow], most: usize) -> Vec<&ResponseRow> {
    let mut per_sample: BTreeMap<usize, usize> = BTreeMap::new();
    for row in rows {
        *per_sample.entry(row.sample).or_default() += 1;
    }
    let mut n_kept = 0;
    let mut below = 0;
    for (sample, n) in &per_sample {
        n_kept += n;
        if n_kept > most {
            break;
        }
        below = sample + 1;
    }
    let lowest = per_sample.keys().next().copied().unwrap_or(0);
    if below > 0 {
        return rows.iter().filter(|row| row.sample < below).collect();
    }
    let first: Vec<&ResponseRow> = rows.iter().filter(|row| row.sample == lowest).collect();
    let step = first.len().div_ceil(most.max(1)).max(1);
    first.into_iter().step_by(step).collect()
}

/// Everything the script needs: tables of strings, and per answer one integer per column.
#[derive(Serialize)]
struct Data<'a> {
    n: usize,
    bases: Vec<&'a str>,
    arms: Vec<&'a str>,
    batteries: Vec<&'a str>,
    stances: Vec<Value>,
    prompts: Vec<&'a str>,
    texts: Vec<&'a str>,
    finishes: Vec<&'a str>,
    labels: Vec<&'static str>,
    thoughts: Vec<&'a str>,
    columns: BTreeMap<&'static str, Column>,
    keys: Keys<'a>,
}

fn data<'a>(tables: &'a Tables, rows: &[&'a ResponseRow]) -> Data<'a> {
    let mut words: [Interned<'a>; 8] = Default::default();
    let mut numbers: [Vec<usize>; 5] = Default::default();
    let used = |label: &Label| rows.iter().any(|row| row.label == *label);
    let labels: Vec<Label> = Label::ALL.into_iter().filter(used).collect();
    for row in rows {
        let thought = row.reasoning.as_deref().unwrap_or("");
        let texts = [
            &row.base,
            &row.arm,
            &row.battery,
            &row.stance,
            &row.prompt,
            &row.text,
            &row.finish,
            thought,
        ];
        words.iter_mut().zip(texts).for_each(|(words, text)| words.push(text));
        let label = labels.iter().position(|l| *l == row.label).expect("a row's label is used");
        // One more than the points; zero where there are none.
        let coherence = row.coherence.map_or(0, |points| usize::from(points) + 1);
        let own = [row.replicate, row.prompt_index, row.sample, label, coherence];
        numbers.iter_mut().zip(own).for_each(|(numbers, own)| numbers.push(own));
    }
    let words = words.map(|words| (Vec::from_iter(words.strings), Column::of(words.places)));
    let [
        (bases, base),
        (arms, arm),
        (batteries, battery),
        (stances, stance_places),
        (prompts, prompt),
        (texts, text),
        (finishes, finish),
        (thoughts, thought),
    ] = words;
    let [replicate, place, sample, label, coherence] = numbers.map(Column::of);
    let columns = BTreeMap::from([
        ("base", base),
        ("arm", arm),
        ("battery", battery),
        ("stance", stance_places),
        ("replicate", replicate),
        ("prompt", prompt),
        ("place", place),
        ("sample", sample),
        ("text", text),
        ("label", label),
        ("finish", finish),
        ("thought", thought),
        ("coherence", coherence),
    ]);
    Data {
        n: rows.len(),
        bases,
        arms,
        batteries,
        stances: stances.iter().map(|id| stance(tables, id)).collect(),
        prompts,
        texts,
        finishes,
        labels: labels.into_iter().map(Label::as_str).collect(),
        thoughts,
        columns,
        keys: Keys::of(rows),
    }
}

/// Strings in the order in which they are first seen, and the place there of each row's.
#[derive(Default)]
struct Interned<'a> {
    strings: IndexSet<&'a str>,
    places: Vec<usize>,
}

impl<'a> Interned<'a> {
    fn push(&mut self, text: &'a str) {
        let (place, _) = self.strings.insert_full(text);
        self.places.push(place);
    }
}

/// A column as it is, or as (value, how often) pairs where that is shorter.
#[derive(Serialize)]
#[serde(untagged)]
enum Column {
    Runs { runs: Vec<usize> },
    Values(Vec<usize>),
}

impl Column {
    fn of(values: Vec<usize>) -> Self {
        let n_runs = values.chunk_by(|a, b| a == b).count();
        if 2 * n_runs < values.len() {
            let runs = values.chunk_by(|a, b| a == b).flat_map(|run| [run[0], run.len()]);
            Self::Runs { runs: runs.collect() }
        } else {
            Self::Values(values)
        }
    }
}

/// Keys of 16 characters as one string, else one by one.
#[derive(Serialize)]
#[serde(untagged)]
enum Keys<'a> {
    Joined(String),
    Each(Vec<&'a str>),
}

impl<'a> Keys<'a> {
    fn of(rows: &[&'a ResponseRow]) -> Self {
        let keys = rows.iter().map(|row| row.key.as_str());
        if keys.clone().all(|key| key.len() == 16 && key.is_ascii()) {
            Self::Joined(keys.collect())
        } else {
            Self::Each(keys.collect())
        }
    }
}

/// Id, name and block of a stance.
fn stance(tables: &Tables, id: &str) -> Value {
    let rate = tables.rates.iter().find(|row| row.stance == id).map(|row| (&row.name, &row.block));
    let contrast =
        || tables.contrasts.iter().find(|row| row.stance == id).map(|row| (&row.name, &row.block));
    match rate.or_else(contrast) {
        Some((name, block)) => json!([id, name, block]),
        None => json!([id, id, "other"]),
    }
}

#[cfg(test)]
mod tests;
