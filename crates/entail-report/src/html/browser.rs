//! The transcript browser: its form, and all answers as interned strings and columns of integers.

use std::collections::BTreeMap;

use entail_schema::{Label, ResponseRow, Tables};
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
    let content = format!(
        r#"{subset}<noscript><p class="notes">Everything above reads without JavaScript; browsing single answers needs it.</p></noscript>{FORM}<script type="application/json" id="data">{}</script>"#,
        json_in_script(&data(view.tables, &kept).to_string())
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
fn data(tables: &Tables, rows: &[&ResponseRow]) -> Value {
    let mut words = Words::default();
    let mut columns: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let any_coherence = rows.iter().any(|row| row.coherence.is_some());
    let any_reasoning = rows.iter().any(|row| row.reasoning.is_some());
    let used = |label: &Label| rows.iter().any(|row| row.label == *label);
    let labels: Vec<Label> = Label::ALL.into_iter().filter(used).collect();
    for row in rows {
        let mut put = |name, value| columns.entry(name).or_default().push(value);
        put("base", words.bases.id(&row.base));
        put("arm", words.arms.id(&row.arm));
        put("battery", words.batteries.id(&row.battery));
        put("stance", words.stances.id(&row.stance));
        put("replicate", row.replicate);
        put("prompt", words.prompts.id(&row.prompt));
        put("place", row.prompt_index);
        put("sample", row.sample);
        put("text", words.texts.id(&row.text));
        put(
            "label",
            labels.iter().position(|l| *l == row.label).expect("every label of a row is used"),
        );
        put("finish", words.finishes.id(&row.finish));
        // One more than the value; zero is nothing.
        if any_coherence {
            put("coherence", row.coherence.map_or(0, |points| usize::from(points) + 1));
        }
        if any_reasoning {
            put("reasoning", row.reasoning.as_ref().map_or(0, |text| words.texts.id(text) + 1));
        }
    }
    let columns: serde_json::Map<String, Value> =
        columns.into_iter().map(|(name, values)| (name.to_owned(), column(&values))).collect();
    json!({
        "n": rows.len(),
        "bases": words.bases.strings,
        "arms": words.arms.strings,
        "batteries": words.batteries.strings,
        "stances": words.stances.strings.iter().map(|id| stance(tables, id)).collect::<Vec<_>>(),
        "prompts": words.prompts.strings,
        "texts": words.texts.strings,
        "finishes": words.finishes.strings,
        "labels": labels.into_iter().map(Label::as_str).collect::<Vec<_>>(),
        "columns": columns,
        "keys": keys(rows),
    })
}

#[derive(Default)]
struct Words<'a> {
    bases: Interned<'a>,
    arms: Interned<'a>,
    batteries: Interned<'a>,
    stances: Interned<'a>,
    prompts: Interned<'a>,
    texts: Interned<'a>,
    finishes: Interned<'a>,
}

/// Strings numbered in the order in which they are first seen.
#[derive(Default)]
struct Interned<'a> {
    ids: BTreeMap<&'a str, usize>,
    strings: Vec<&'a str>,
}

impl<'a> Interned<'a> {
    fn id(&mut self, text: &'a str) -> usize {
        *self.ids.entry(text).or_insert_with(|| {
            self.strings.push(text);
            self.strings.len() - 1
        })
    }
}

/// A column as it is, or as (value, how often) pairs where that is shorter.
fn column(values: &[usize]) -> Value {
    let runs: Vec<usize> =
        values.chunk_by(|a, b| a == b).flat_map(|run| [run[0], run.len()]).collect();
    if runs.len() < values.len() { json!({ "runs": runs }) } else { json!(values) }
}

/// Keys of 16 characters as one string, else one by one.
fn keys(rows: &[&ResponseRow]) -> Value {
    if rows.iter().all(|row| row.key.len() == 16 && row.key.is_ascii()) {
        json!(rows.iter().map(|row| row.key.as_str()).collect::<String>())
    } else {
        json!(rows.iter().map(|row| row.key.as_str()).collect::<Vec<_>>())
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
