//! One self-contained page: no network, no inline style, a content security policy that names its own two blocks.

mod browser;
mod details;
mod figures;
mod findings;
mod judges;
mod page;
mod pooling;
mod sections;
mod structure;
mod tables;

use entail_schema::Tables;

use crate::view::View;

/// The results of a study as one HTML file.
pub fn html(tables: &Tables) -> String {
    page(tables, browser::MOST_RESPONSES)
}

fn page(tables: &Tables, most_responses: usize) -> String {
    let view = View::new(tables);
    let mut body = sections::header(&view);
    body.push_str(&sections::navigation(&view));
    body.push_str("<main>");
    body.push_str(&sections::notes(&view));
    body.push_str(&findings::forecasts(&view));
    body.push_str(&findings::headlines(&view));
    body.push_str(&sections::checks(&view));
    body.push_str(&sections::blocks(&view));
    body.push_str(&sections::rates(&view));
    body.push_str(&sections::preferences(&view));
    body.push_str(&sections::doses(&view));
    body.push_str(&pooling::pooled(&view));
    body.push_str(&pooling::variance(&view));
    body.push_str(&structure::structure(&view));
    body.push_str(&findings::across_bases(&view));
    body.push_str(&judges::judges(&view));
    body.push_str(&sections::training(&view));
    body.push_str(&sections::arms(&view));
    body.push_str(&browser::section(&view, most_responses));
    body.push_str("</main>");
    page::document(&tables.study, &body)
}

#[cfg(test)]
mod tests;
