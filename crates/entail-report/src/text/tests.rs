use entail_schema::Unit;
use unicode_width::UnicodeWidthStr;

use super::*;
use crate::test_support::{Size, empty, fake, small};

#[test]
fn a_small_study_prints_as_in_the_snapshot() {
    insta::assert_snapshot!(terminal(&small(), false, 110));
}

#[test]
fn lines_are_no_wider_than_asked() {
    for width in [60, 80, 110, 200] {
        let text = terminal(&small(), false, width);
        let widest = text.lines().map(UnicodeWidthStr::width).max().unwrap();
        assert!(widest <= width, "{widest} > {width}");
    }
}

#[test]
fn the_first_line_is_about_organisms_only_where_one_is_shown() {
    assert!(terminal(&small(), false, 110).starts_with("Results about an organism"));
    let mut size = Size {
        bases: vec!["models/qwen3"],
        n_arms: 6,
        per_block: 1,
        n_replicates: 2,
        n_prompts: 1,
        n_samples: 1,
    };
    assert!(!terminal(&fake(&size), false, 110).contains("rganism"));
    size.bases.push("organism:null");
    assert!(terminal(&fake(&size), false, 110).starts_with("Results about an organism"));
}

#[test]
fn missing_values_are_words() {
    let mut tables = small();
    for row in &mut tables.contrasts {
        (row.estimate, row.low, row.high, row.p, row.p_adjusted, row.net_of_drift) =
            (None, None, None, None, None, None);
        row.novelty = None;
    }
    for row in &mut tables.checks {
        (row.rate, row.low, row.high, row.well_formed) = (None, None, None, None);
    }
    let text = terminal(&tables, false, 110);
    assert!(text.contains("too few"));
    let number = regex_lite::Regex::new(r"[+−]?\d+\.\d ?[%\[]").unwrap();
    assert_eq!(number.find(&text).map(|found| found.as_str()), None, "{text}");
}

#[test]
fn one_fixed_model_describes_itself_only() {
    let mut tables = small();
    for row in &mut tables.contrasts {
        (row.replicates, row.control_replicates) = (1, 1);
    }
    for row in &mut tables.arms {
        (row.unit, row.replicates) = (Unit::OneModel, 1);
    }
    let text = terminal(&tables, false, 110);
    assert!(text.contains("describes this one model"));
    assert!(text.contains("one model"));
    assert!(!text.contains("training runs"));
}

#[test]
fn a_failed_check_is_flagged_in_words() {
    let mut tables = small();
    for row in tables.checks.iter_mut().filter(|row| row.intended && row.arm == "conscious") {
        row.passed = Some(false);
    }
    let text = terminal(&tables, false, 110);
    assert_eq!(
        text.matches("FLAGGED: claim not made").count(),
        2,
        "in the checks and above its effects"
    );
}

#[test]
fn empty_tables_print_without_numbers() {
    let text = terminal(&empty(), false, 110);
    assert!(text.contains("Study conscious"));
}

#[test]
fn hostile_names_and_notes_stay_plain_text() {
    let mut tables = small();
    tables.notes.push("note\u{1b}[2J\u{202e}".into());
    tables.study = "s\u{7}tudy".into();
    for row in &mut tables.contrasts {
        row.name = format!("\u{1b}]0;x\u{7}{}", row.name);
    }
    let text = terminal(&tables, false, 110);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
}

#[test]
fn equal_tables_print_equal_bytes() {
    assert_eq!(terminal(&small(), true, 110), terminal(&small(), true, 110));
}
