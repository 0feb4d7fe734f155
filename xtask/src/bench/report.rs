//! Measurements as a table and as a document.

use std::fmt::Write as _;

use super::computation::{self, Floor};
use super::programs::{self, Bound, Runs};
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
fn ratios(measured: &computation::Measured) -> Vec<f64> {
    measured.ours.iter().zip(&measured.peer).map(|(ours, peer)| peer / ours).collect()
}

/// Lines of cells, the header first.
type Table = Vec<Vec<String>>;

fn computations(all: &[&computation::Measured]) -> Table {
    let header = ["benchmark", "ours", "peer", "peer / ours", "floor", "answers"];
    let row = |measured: &&computation::Measured| {
        let floor = measured.floor.as_ref().map_or("none stated".to_owned(), |floor| {
            let times = median(&measured.ours) / floor.seconds;
            format!("{} (ours: {} x)", seconds(floor.seconds), three_digits(times))
        });
        let answers = match &measured.agreement {
            Ok(how) => how.clone(),
            Err(how) => format!("DIFFER: {how}"),
        };
        vec![
            measured.benchmark.name.to_owned(),
            spread(&measured.ours, seconds),
            spread(&measured.peer, seconds),
            spread(&ratios(measured), three_digits),
            floor,
            answers,
        ]
    };
    std::iter::once(header.map(str::to_owned).to_vec()).chain(all.iter().map(row)).collect()
}

fn programs(measured: &programs::Measured) -> Table {
    let programs::Programs { name, piece, .. } = measured.benchmark;
    let header = [
        (*name).to_owned(),
        format!("{piece}s"),
        format!("{piece}s a second"),
        format!("processor a {piece}"),
        "by ours".to_owned(),
        "seconds".to_owned(),
        format!("server's processor a {piece}"),
        "most memory".to_owned(),
    ];
    let ours = measured.programs.first().map(Runs::cpu_a_piece);
    let row = |runs: &Runs| {
        let of = |figure: fn(&programs::Took) -> f64| runs.took.iter().map(figure).collect();
        let (walls, cpus): (Vec<f64>, Vec<f64>) = (of(|t| t.seconds), of(|t| t.cpu_seconds));
        let pieces = runs.pieces as f64;
        let rates: Vec<f64> = walls.iter().map(|seconds| pieces / seconds).collect();
        let cpus: Vec<f64> = cpus.iter().map(|cpu| cpu / pieces).collect();
        vec![
            runs.name.to_owned(),
            runs.pieces.to_string(),
            spread(&rates, three_digits),
            spread(&cpus, seconds),
            ours.map_or("none".to_owned(), |ours| {
                format!("{} x", three_digits(runs.cpu_a_piece() / ours))
            }),
            spread(&walls, seconds),
            seconds(runs.server_cpu_a_piece()),
            format!("{:.0} MB", runs.peak_mb()),
        ]
    };
    std::iter::once(header.to_vec()).chain(measured.programs.iter().map(row)).collect()
}

/// All computations are one table, and each benchmark of programs is one.
fn split(all: &[Measured]) -> (Vec<&computation::Measured>, Vec<&programs::Measured>) {
    let (mut computed, mut ran) = (Vec::new(), Vec::new());
    for measured in all {
        match measured {
            Measured::Computation(one) => computed.push(one),
            Measured::Programs(one) => ran.push(one),
        }
    }
    (computed, ran)
}

/// Columns for a terminal.
pub(super) fn tables(all: &[Measured]) -> String {
    let (computed, ran) = split(all);
    let computed = (!computed.is_empty()).then(|| columns(&computations(&computed)));
    let ran = ran.into_iter().map(|one| columns(&programs(one)));
    computed.into_iter().chain(ran).collect::<Vec<_>>().join("\n")
}

fn columns(table: &Table) -> String {
    let length = |cell: Option<&String>| cell.map_or(0, |cell| cell.chars().count());
    let widths: Vec<usize> = (0..table.first().map_or(0, Vec::len))
        .map(|column| table.iter().map(|row| length(row.get(column))).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in table {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn markdown(table: &Table) -> String {
    let mut lines: Vec<String> =
        table.iter().map(|row| format!("| {} |\n", row.join(" | "))).collect();
    let rule = format!("|{}\n", " --- |".repeat(table.first().map_or(0, Vec::len)));
    lines.insert(lines.len().min(1), rule);
    lines.concat()
}

/// What is committed.
pub(super) fn document(all: &[Measured], machine: &Machine, date: Option<&str>) -> String {
    let (computed, ran) = split(all);
    let mut text = String::from(
        "# Our speed beside a peer's\n\n\
         Written by `cargo xtask bench`; `cargo xtask bench NAME` measures one of them again. Figures are medians, with the\n\
         ends of the middle half.\n\n",
    );
    if let Some(date) = date {
        writeln!(text, "- date: {date}").expect("text grows");
    }
    for line in machine.lines() {
        writeln!(text, "- {line}").expect("text grows");
    }
    let mut versions: Vec<&str> = computed.iter().map(|one| one.peer_version.as_str()).collect();
    versions.sort_by_key(|version| std::cmp::Reverse(version.len()));
    writeln!(text, "- peers of computations: {}", versions.first().unwrap_or(&"none"))
        .expect("text grows");
    text.push_str(
        "- peers that make calls: the versions of `bench/requirements-calls.txt`\n\n\
         # Computations\n\n\
         Both sides read one file, keep it in memory and run in alternation, after one run that is not counted. The ratio is\n\
         the median over rounds of the peer's time by ours, so above 1 ours is faster. Answers were compared: had they\n\
         differed, this file would not have been written. Ours has one thread; NumPy's matrix products have as many as it\n\
         takes by itself.\n\n",
    );
    text.push_str(&markdown(&computations(&computed)));
    for measured in computed {
        text.push_str(&of_computation(measured));
    }
    text.push_str(
        "\n# Programs\n\n\
         Each is run in a process of its own, in turns, and says what it took (`getrusage`). \"By ours\" is processor time a\n\
         piece over that of the first line. The server answers every call at once and is the same for all.\n",
    );
    for measured in ran {
        text.push_str(&of_programs(measured));
    }
    text
}

fn of_computation(measured: &computation::Measured) -> String {
    let benchmark = measured.benchmark;
    let bound = benchmark.bound.map_or("none".to_owned(), |bound| format!("{bound} s"));
    let told = |Floor { seconds: floor, how }: &Floor| {
        format!("{}: {how}, one core, both measured here", seconds(*floor))
    };
    let floor = measured.floor.as_ref().map_or("none stated".to_owned(), told);
    format!(
        "\n## {}\n\n{}.\n\n- peer: {}\n- rounds: {}; bound: {bound}\n- floor: {floor}\n\
         - load average of the machine when it ended, this included: {}\n",
        benchmark.name,
        benchmark.what,
        benchmark.peer,
        measured.ours.len(),
        load(measured.load),
    )
}

fn of_programs(measured: &programs::Measured) -> String {
    let benchmark = measured.benchmark;
    let mut text = format!("\n## {}\n\n{}.\n\n", benchmark.name, benchmark.what);
    text.push_str(&markdown(&programs(measured)));
    text.push('\n');
    for runs in &measured.programs {
        writeln!(text, "- {}: {}; {} runs", runs.name, runs.about, runs.took.len())
            .expect("text grows");
    }
    if let Some(ours) = measured.programs.first() {
        let told = |bound: &Bound| bound.told(ours, benchmark.piece);
        let bounds: Vec<String> = benchmark.bounds.iter().map(told).collect();
        writeln!(text, "- {}: {}", ours.name, bounds.join("; ")).expect("text grows");
    }
    let [before, after] = measured.loads.map(load);
    writeln!(
        text,
        "- {}\n- load average of the machine before and after: {before}, {after}",
        benchmark.how
    )
    .expect("text grows");
    text
}

fn load(load: Option<f64>) -> String {
    load.map_or("unknown".to_owned(), |load| format!("{load:.1}"))
}
