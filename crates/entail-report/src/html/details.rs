//! What one contrast holds beyond its line in the table: other intervals, other scales, and what could bend it.

use entail_schema::{ContrastRow, Estimate, Span, Tables};

use crate::add;
use crate::escape::html;
use crate::format::{TOO_FEW, effect, p_short, percent, share, signed};
use crate::view::summary::is_any_prompts;

/// A list of names and figures.
pub(crate) fn of(row: &ContrastRow, tables: &Tables) -> String {
    let selected = row.selected.map_or_else(|| "not picked".to_owned(), |e| effect(Some(e)));
    let per_claim = row.per_claim.map_or_else(|| "–".to_owned(), |e| effect(Some(e)));
    let nuisance = row.net_of_nuisance.map_or_else(|| "–".to_owned(), |e| effect(Some(e)));
    let prompts = if is_any_prompts(tables) { "any prompts" } else { "these prompts" };
    let intervals = [
        ("On any prompts like these", effect(row.any_prompts)),
        ("As picked out of the family", selected),
        ("Whichever run is left out", span(row.leave_one_out)),
        ("Unread answers, worst cases", span(row.bounds)),
        ("Per whole claim gained", per_claim),
    ];
    let scales = [
        ("Net of nuisance", nuisance),
        ("By log-probability", effect(row.logprob)),
        ("Log-odds", plain(row.log_odds)),
        ("p, unadjusted", p_short(row.p)),
        ("p by relabelling runs", p_short(row.p_permutation)),
    ];
    let origin = [
        ("Block", row.block.clone()),
        ("Rates, arm v control", format!("{} v {}", share(row.arm_rate), share(row.control_rate))),
        ("Runs, arm v control", format!("{} v {}", row.replicates, row.control_replicates)),
        ("How", format!("{}, {prompts}", row.method)),
    ];
    [list(&intervals), list(&scales), list(&origin)].concat()
}

/// Without the end tags that HTML allows to leave out: there is a list per row of every table.
fn list(parts: &[(&str, String)]) -> String {
    let mut out = String::from("<dl>");
    for (name, value) in parts {
        add!(out, "<dt>{name}<dd>{}", html(value));
    }
    out + "</dl>"
}

fn span(span: Option<Span>) -> String {
    span.map_or_else(
        || TOO_FEW.to_owned(),
        |span| format!("{} to {}", percent(span.low), percent(span.high)),
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
