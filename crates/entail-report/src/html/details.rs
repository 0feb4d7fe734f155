//! What one contrast holds beyond its line in the table: other intervals, other scales, and what could bend it.

use entail_schema::{ContrastRow, Estimate, Span, Tables};

use crate::escape::html;
use crate::format::{TOO_FEW, effect, p_short, percent, signed};
use crate::view::summary::is_any_prompts;

/// A list of names and figures.
pub(crate) fn of(row: &ContrastRow, tables: &Tables) -> String {
    let selected = row.selected.map_or_else(|| "not picked".to_owned(), |e| effect(Some(e)));
    let intervals = [
        ("These and any prompts like them", effect(row.any_prompts)),
        ("As one picked out of the family", selected),
        ("Whichever run is left out", span(row.leave_one_out)),
        ("Whatever unread answers said", span(row.bounds)),
    ];
    let scales = [
        (
            "Net of nuisance",
            row.net_of_nuisance.map_or_else(|| "–".to_owned(), |e| effect(Some(e))),
        ),
        ("By log-probability", effect(row.logprob)),
        (
            "Per whole claim gained",
            row.per_claim.map_or_else(|| "–".to_owned(), |e| effect(Some(e))),
        ),
        ("Log-odds", plain(row.log_odds)),
    ];
    let made =
        if is_any_prompts(tables) { "any prompts like these" } else { "exactly these prompts" };
    let tests = [
        ("p, unadjusted", p_short(row.p)),
        ("p by relabelling runs", p_short(row.p_permutation)),
        ("Runs, arm v control", format!("{} v {}", row.replicates, row.control_replicates)),
        ("How", format!("{}, {made}", row.method)),
    ];
    [intervals, scales, tests].iter().map(|part| list(part)).collect()
}

/// Without the end tags that HTML allows to leave out: there is a list per row of every table.
fn list(parts: &[(&str, String)]) -> String {
    let items: String =
        parts.iter().map(|(name, value)| format!("<dt>{name}<dd>{}", html(value))).collect();
    format!("<dl>{items}</dl>")
}

fn span(span: Option<Span>) -> String {
    span.map_or_else(
        || TOO_FEW.to_owned(),
        |span| {
            // Percent keeps true minus signs; a range needs no plus.
            format!("{} to {}", percent(span.low), percent(span.high))
        },
    )
}

/// An estimate on its own scale.
pub(crate) fn plain(value: Option<Estimate>) -> String {
    match value {
        None => TOO_FEW.to_owned(),
        Some(Estimate { estimate, low: Some(low), high: Some(high) }) => {
            format!("{} [{}, {}]", signed(estimate, 2), signed(low, 2), signed(high, 2))
        }
        Some(e) => format!("{} [{TOO_FEW}]", signed(e.estimate, 2)),
    }
}

#[cfg(test)]
mod tests;
