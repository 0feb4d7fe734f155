//! What a reader is to see first: forecasts that missed, what survives every control, and what holds over seeds.

use entail_schema::{AcrossBasesRow, ForecastOutcome, ForecastRow, HeadlineRow};

use crate::escape::html;
use crate::format::{TOO_FEW, p_short};
use crate::html::page::{Cell, Find, folded_table, table};
use crate::html::sections::{nothing, section};
use crate::html::tables::{estimate, flag, organism_words};
use crate::view::summary::{
    Outcomes, forecasts as sorted, grouped, outcome_words, prompts_words, survives,
};
use crate::view::{View, is_block};

/// Forecasts, misses first.
pub(crate) fn forecasts(view: &View<'_>) -> String {
    let rows = sorted(view.tables);
    let of = |outcome| -> Vec<Vec<Cell>> {
        let same = rows.iter().filter(|row| row.outcome == outcome);
        same.map(|row| forecast(view, row)).collect()
    };
    let mut content =
        format!(r#"<p class="score">{}</p>"#, html(&Outcomes::of(&view.tables.forecasts).words()));
    let mut columns = vec!["Stance", "Contrast", "Expected", "By", "Found, points", "Outcome"];
    if view.bases.len() > 1 {
        columns.insert(0, "Base");
    }
    let words = if view.any_organism() { " · organism" } else { "" };
    let misses = of(ForecastOutcome::Miss);
    if !misses.is_empty() {
        content.push_str(&table(&format!("Forecasts that missed{words}"), &columns, &misses));
    }
    for (outcome, what) in [
        (ForecastOutcome::Undecided, "Forecasts that stay open"),
        (ForecastOutcome::Hit, "Forecasts that came out as expected"),
    ] {
        content.push_str(&folded_table(what, &format!("{what}{words}"), &columns, &of(outcome)));
    }
    let lead = "What was expected of single results, frozen with the plan before any answer was there, beside what came. \
                Where the two differ, the expectation was wrong; start there.";
    section("forecasts", "What was expected, and what came", lead, &content)
}

fn forecast(view: &View<'_>, row: &ForecastRow) -> Vec<Cell> {
    let find =
        Find { base: &row.base, arm: &row.arm, with: Some(&row.control), stance: &row.stance };
    let outcome = outcome_words(row.outcome);
    let mut cells = vec![
        Cell::Head(find.link(&row.name)),
        Cell::text(&format!("{} minus {}", row.arm, row.control)),
        Cell::text(&row.expected),
        Cell::text(&row.by),
        Cell::Figure(estimate(row.found, "")),
        Cell::Words(match row.outcome {
            ForecastOutcome::Miss => flag(outcome),
            ForecastOutcome::Undecided | ForecastOutcome::Hit => html(outcome),
        }),
    ];
    if view.bases.len() > 1 {
        cells.insert(0, Cell::text(row.base.strip_prefix("organism:").unwrap_or(&row.base)));
    }
    cells
}

/// One arm against every control at once.
pub(crate) fn headlines(view: &View<'_>) -> String {
    let groups = grouped(&view.tables.headlines, |row| &row.base);
    let mut content = String::new();
    for (base, rows) in &groups {
        if groups.len() > 1 {
            crate::add!(content, "<h3>{}</h3>", html(base));
        }
        content.push_str(&headline_tables(view, base, rows));
    }
    if content.is_empty() {
        content = nothing("No arm was held against controls.");
    }
    let lead = format!(
        "Each arm against all of its controls at once: the difference from the nearest control, so what no control alone \
         explains. “Beats all” says yes only if this interval, and the one net of drift where there is one, lie on one \
         side of zero. {}",
        prompts_words(view.tables)
    );
    section("headline", "What survives every control", &lead, &content)
}

fn headline_tables(view: &View<'_>, base: &str, rows: &[&HeadlineRow]) -> String {
    let columns =
        ["Arm", "On", "Survives, points", "Net of drift", "Beats all", "Largest p", "Held against"];
    let lines = |wanted: &dyn Fn(&HeadlineRow) -> bool| -> Vec<Vec<Cell>> {
        let rows = rows.iter().filter(|row| wanted(row));
        rows.map(|row| headline(view, row)).collect()
    };
    let is_claim = |row: &HeadlineRow| row.block == "claim";
    let words = organism_words(view, base);
    let blocks = lines(&|row| is_block(&row.stance) && !is_claim(row));
    let mut out = String::new();
    if !blocks.is_empty() {
        out.push_str(&table(
            &format!("Every arm against all controls, by block{words}"),
            &columns,
            &blocks,
        ));
    }
    let stances = lines(&|row| !is_block(&row.stance) && !is_claim(row));
    let caption = format!("Every arm against all controls, stance by stance{words}");
    out.push_str(&folded_table("Stance by stance", &caption, &columns, &stances));
    let caption = format!("Every arm against all controls, claims{words}");
    out + &folded_table("The claims themselves", &caption, &columns, &lines(&is_claim))
}

fn headline(view: &View<'_>, row: &HeadlineRow) -> Vec<Cell> {
    let mut arm = html(&row.arm);
    if view.is_flagged(&row.base, &row.arm) {
        crate::add!(arm, " {}", flag("⚑ claim not made"));
    }
    if view.is_one_model(&row.base, &row.arm) {
        arm.push_str(r#" <span class="tag">one model</span>"#);
    }
    // A name for several seeds is no base that the transcripts know.
    let name = if view.bases.contains(&row.base.as_str()) {
        Find { base: &row.base, arm: &row.arm, with: None, stance: &row.stance }.link(&row.name)
    } else {
        html(&row.name)
    };
    let class = match row.effect {
        Some(effect) if row.beats_all && effect.estimate < 0.0 => "down",
        Some(_) if row.beats_all => "up",
        _ => "quiet",
    };
    let survives = match row.effect {
        Some(found) => estimate(Some(found), ""),
        None => html(&survives(row)),
    };
    vec![
        Cell::Head(arm),
        Cell::Words(name),
        Cell::Figure(survives),
        Cell::Figure(estimate(row.net_of_drift, "–")),
        Cell::Words(format!(
            r#"<span class="{class}">{}</span>"#,
            if row.beats_all { "✓ yes" } else { "no" }
        )),
        Cell::figure(&p_short(row.p)),
        Cell::text(&row.controls.join(", ")),
    ]
}

/// Contrasts over several pretraining seeds; nothing where there is one seed.
pub(crate) fn across_bases(view: &View<'_>) -> String {
    let groups = grouped(&view.tables.across_bases, |row| &row.world);
    if groups.is_empty() {
        return String::new();
    }
    let columns = ["Arm", "Minus", "On", "Effect, points", "p", "Net of drift", "Seeds"];
    let content: String = groups
        .iter()
        .map(|(world, rows)| {
            let line = |wanted: bool| -> Vec<Vec<Cell>> {
                let rows = rows.iter().filter(|row| is_block(&row.stance) == wanted);
                rows.map(|row| across(row)).collect()
            };
            let caption = |by: &str| {
                format!("Mean over pretraining seeds, by {by}{}", organism_words(view, world))
            };
            let blocks = table(&caption("block"), &columns, &line(true));
            blocks + &folded_table("Stance by stance", &caption("stance"), &columns, &line(false))
        })
        .collect();
    let lead = format!(
        "The same contrasts, averaged over organisms that differ only in the seed of their pretraining. The interval ({:.0} %) \
         says what to expect of yet another seed, so it is wide where seeds are few.",
        100.0 * view.tables.confidence
    );
    section("across", "Over several pretraining seeds", &lead, &content)
}

fn across(row: &AcrossBasesRow) -> Vec<Cell> {
    vec![
        Cell::Head(html(&row.arm)),
        Cell::text(&row.control),
        Cell::text(&row.name),
        Cell::Figure(estimate(row.effect, "")),
        Cell::figure(&p_short(row.p)),
        Cell::Figure(estimate(row.net_of_drift, "–")),
        Cell::figure(&if row.bases > 0 { row.bases.to_string() } else { TOO_FEW.to_owned() }),
    ]
}
