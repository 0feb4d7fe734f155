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
    tables.forecasts.iter_mut().for_each(|row| row.found = None);
    for row in &mut tables.headlines {
        (row.effect, row.net_of_drift, row.p) = (None, None, None);
    }
    tables.pooled.clear();
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

#[test]
fn forecasts_that_missed_stand_before_every_other_number_and_undecided_ones_are_counted() {
    let mut tables = small();
    tables.forecasts.reverse();
    let text = terminal(&tables, false, 110);
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what}"));
    assert!(at("made-up study") < at("between +30.0 and +60.0 points"));
    assert!(at("between +30.0 and +60.0 points") < at("4 of 12 forecasts missed"));
    assert!(at("4 of 12 forecasts missed") < at("Manipulation checks"));
    assert!(at("Manipulation checks") < at("Headlines"));
    assert!(at("Headlines") < at("minus each control by block"));
    assert!(at("by preference") < at("The declared family"));
    assert!(at("The declared family") < at("Where the variance is"));
    assert!(at("Where the variance is") < at("The family as a whole"));
    assert!(!text.contains("stays within 10 points"), "undecided ones are counted, not listed");
}

#[test]
fn many_misses_are_cut_and_counted() {
    let mut tables = small();
    let miss = tables.forecasts[0].clone();
    tables.forecasts = vec![miss; 40];
    let text = terminal(&tables, false, 110);
    assert_eq!(text.matches("between +30.0").count(), 12);
    assert!(text.contains("And 28 more misses"));
}

#[test]
fn new_parts_without_values_are_words() {
    let mut tables = small();
    tables.contrasts.iter_mut().for_each(|row| row.verdict = None);
    tables.forecasts.iter_mut().for_each(|row| row.found = None);
    for row in &mut tables.headlines {
        (row.effect, row.net_of_drift, row.p, row.beats_all) = (None, None, None, false);
    }
    tables.variance.iter_mut().for_each(|row| row.replicate_upper = None);
    for row in &mut tables.pooled {
        (row.cluster.low, row.cluster.high) = (None, None);
    }
    let text = terminal(&tables, false, 110);
    let part = |from: &str, to: &str| {
        text.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned()
    };
    let number = regex_lite::Regex::new(r"[+−]\d+\.\d \[").unwrap();
    for section in [part("Forecasts", "4 of 12"), part("Headlines", "Difference from")] {
        assert!(section.contains("too few") && !number.is_match(&section), "{section}");
    }
    assert!(part("Where the variance", "Runs:").contains("too few"));
    assert!(part("The declared family", "Where").contains("conscious minus toaster"));
    assert!(text.contains("[too few]"));
}

#[test]
fn one_headline_over_several_seeds_is_printed_once_under_its_own_name() {
    let bases = vec!["organism:linked?seed=1", "organism:linked?seed=2"];
    let size = Size { bases, n_arms: 6, per_block: 2, n_replicates: 2, n_prompts: 1, n_samples: 1 };
    let mut tables = fake(&size);
    tables.headlines.retain(|row| row.base.ends_with('1'));
    tables.headlines.iter_mut().for_each(|row| row.base = "organism:linked".into());
    assert_eq!(terminal(&tables, false, 110).matches("Headlines").count(), 1);
    tables.headlines.truncate(1);
    tables.headlines[0].base = "organism:a".into();
    tables.headlines.push(tables.headlines[0].clone());
    tables.headlines[1].base = "organism:b".into();
    let text = terminal(&tables, false, 110);
    assert!(text.contains("Headlines of organism:a") && text.contains("Headlines of organism:b"));
}

#[test]
fn hostile_text_in_the_new_parts_stays_plain() {
    let mut tables = small();
    let spoil = |text: &mut String| text.insert_str(0, "\u{1b}[2J\u{202e}");
    for row in &mut tables.forecasts {
        [&mut row.name, &mut row.expected, &mut row.by, &mut row.arm].into_iter().for_each(spoil);
    }
    for row in &mut tables.headlines {
        [&mut row.base, &mut row.name, &mut row.arm].into_iter().for_each(spoil);
    }
    tables.variance.iter_mut().for_each(|row| spoil(&mut row.arm));
    tables.pooled.iter_mut().for_each(|row| spoil(&mut row.control));
    let text = terminal(&tables, false, 110);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()));
    assert!(text.contains("␛[2J[U+202E]"));
}
