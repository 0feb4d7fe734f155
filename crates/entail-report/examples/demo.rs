//! Writes the page of a made-up study to standard output: `cargo run --example demo -- 4 > report.html`,
//! with the number of samples per prompt; `4 3` for three pretraining seeds. `cargo run --example demo -- terminal 110` prints the terminal's tables,
//! and `small` in place of `terminal` those of a smaller study.

#[path = "../src/test_support.rs"]
mod test_support;

use std::io::Write;

use test_support::{Size, fake, small};

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |idx: usize, otherwise| {
        words.get(idx).and_then(|word| word.parse().ok()).unwrap_or(otherwise)
    };
    let seeds =
        ["organism:linked?seed=101", "organism:linked?seed=102", "organism:linked?seed=103"];
    let is_page = words.first().is_none_or(|word| word.parse::<usize>().is_ok());
    let n_bases = if is_page { number(1, 1).clamp(1, seeds.len()) } else { 1 };
    let size = Size {
        bases: seeds[..n_bases].to_vec(),
        n_arms: 7,
        per_block: 12,
        n_replicates: 6,
        n_prompts: 6,
        n_samples: number(0, 4),
    };
    let text = match words.first().map(String::as_str) {
        Some("terminal") => {
            entail_report::terminal(&fake(&Size { n_samples: 1, ..size }), true, number(1, 110))
        }
        Some("small") => entail_report::terminal(&small(), true, number(1, 110)),
        _ => entail_report::html(&fake(&size)),
    };
    std::io::stdout().write_all(text.as_bytes())
}
