//! Measurements as a table and as a document.

use std::fmt::Write as _;

use super::{Machine, Measured};

/// Middle value, the mean of two where their number is even.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let half = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => sorted[half],
        _ => f64::midpoint(sorted[half - 1], sorted[half]),
    }
}

/// Three digits with a unit.
pub(super) fn seconds(value: f64) -> String {
    let (scaled, unit) = match value {
        v if v < 1e-3 => (v * 1e6, "us"),
        v if v < 1.0 => (v * 1e3, "ms"),
        v => (v, "s"),
    };
    format!("{} {unit}", three_digits(scaled))
}

fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

/// Median with the ends of the middle half.
fn spread(values: &[f64], show: impl Fn(f64) -> String) -> String {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let quarter = sorted.len() / 4;
    let ends = [sorted[quarter], sorted[sorted.len() - 1 - quarter]];
    format!("{} ({} to {})", show(median(values)), show(ends[0]), show(ends[1]))
}

/// The peer's time over ours, of every round.
fn ratios(measured: &Measured) -> Vec<f64> {
    measured.ours.iter().zip(&measured.peer).map(|(ours, peer)| peer / ours).collect()
}

const HEADER: [&str; 6] = ["benchmark", "ours", "peer", "peer / ours", "floor", "answers"];

fn row(measured: &Measured) -> [String; 6] {
    let floor = measured.floor.as_ref().map_or("none stated".to_owned(), |floor| {
        let times = median(&measured.ours) / floor.seconds;
        format!("{} (ours: {} x)", seconds(floor.seconds), three_digits(times))
    });
    let answers = match &measured.agreement {
        Ok(how) => how.clone(),
        Err(how) => format!("DIFFER: {how}"),
    };
    [
        measured.benchmark.name.to_owned(),
        spread(&measured.ours, seconds),
        spread(&measured.peer, seconds),
        spread(&ratios(measured), three_digits),
        floor,
        answers,
    ]
}

/// Columns for a terminal.
pub(super) fn table(all: &[Measured]) -> String {
    let rows: Vec<[String; 6]> =
        std::iter::once(HEADER.map(str::to_owned)).chain(all.iter().map(row)).collect();
    let widths: Vec<usize> = (0..HEADER.len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What is committed.
pub(super) fn document(all: &[Measured], machine: &Machine, date: Option<&str>) -> String {
    let mut text = String::from(
        "# Our speed beside a peer's\n\n\
         Written by `cargo xtask bench`; `cargo xtask bench NAME` measures one of them again. Both sides read one file,\n\
         keep it in memory and run in alternation, after one run that is not counted. Times are medians, with the\n\
         ends of the middle half; the ratio is the median over rounds of the peer's time by ours, so above 1 ours is\n\
         faster. Answers were compared: had they differed, this file would not have been written.\n\n",
    );
    if let Some(date) = date {
        writeln!(text, "- date: {date}").expect("text grows");
    }
    for line in machine.lines() {
        writeln!(text, "- {line}").expect("text grows");
    }
    let mut versions: Vec<&str> = all.iter().map(|one| one.peer_version.as_str()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.len()));
    writeln!(text, "- peers: {}", versions.first().unwrap_or(&"none")).expect("text grows");
    text.push_str("- threads: ours one; NumPy's matrix products as many as it takes by itself\n\n");
    writeln!(text, "| {} |\n|{}", HEADER.join(" | "), " --- |".repeat(HEADER.len()))
        .expect("text grows");
    for measured in all {
        writeln!(text, "| {} |", row(measured).join(" | ")).expect("text grows");
    }
    for measured in all {
        text.push_str(&details(measured));
    }
    text
}

fn details(measured: &Measured) -> String {
    let benchmark = measured.benchmark;
    let bound = benchmark.bound.map_or("none".to_owned(), |bound| format!("{bound} s"));
    let floor = measured.floor.as_ref().map_or("none stated".to_owned(), |floor| {
        format!("{}: {}, one core, both measured here", seconds(floor.seconds), floor.how)
    });
    let load = measured.load.map_or("unknown".to_owned(), |load| format!("{load:.1}"));
    format!(
        "\n## {}\n\n{}.\n\n- peer: {}\n- rounds: {}; bound: {bound}\n- floor: {floor}\n\
         - load average of the machine when it ended, this included: {load}\n",
        benchmark.name,
        benchmark.what,
        benchmark.peer,
        measured.ours.len(),
    )
}
