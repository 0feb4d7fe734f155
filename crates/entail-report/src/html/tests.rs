use base64::Engine as _;
use entail_schema::{ContrastRow, RateRow};
use sha2::{Digest, Sha256};

use super::*;
use crate::test_support::{Size, empty, fake, small};

fn size() -> Size {
    Size {
        bases: vec!["organism:linked?seed=101"],
        n_arms: 6,
        per_block: 2,
        n_replicates: 2,
        n_prompts: 1,
        n_samples: 2,
    }
}

/// Everything outside the style, the script and the data.
fn markup(page: &str) -> String {
    let blocks = regex_lite::Regex::new(r"(?s)<(style|script)[^>]*>.*?</(style|script)>").unwrap();
    blocks.replace_all(page, "").into_owned()
}

#[test]
fn the_policy_names_the_two_inline_blocks() {
    let page = html(&small());
    let hash = |open: &str, close: &str| {
        let block = page.split_once(open).unwrap().1.split_once(close).unwrap().0;
        base64::engine::general_purpose::STANDARD.encode(Sha256::digest(block.as_bytes()))
    };
    let style = hash("<style>", "</style>");
    let script = hash("<script>", "</script>");
    assert!(page.contains(&format!(
        "default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'"
    )));
}

#[test]
fn nothing_is_inline_but_the_two_blocks_and_nothing_is_loaded() {
    let page = html(&small());
    let markup = markup(&page);
    assert!(
        !markup.contains("style=")
            && !markup.contains("<script")
            && !markup.contains("javascript:")
    );
    assert_eq!(
        regex_lite::Regex::new(r"\son\w+=").unwrap().find(&markup).map(|m| m.as_str()),
        None
    );
    assert!(!page.contains("http://") && !page.contains("https://") && !page.contains("@import"));
    assert_eq!(page.matches("<style>").count(), 1);
    assert_eq!(page.matches("<script").count(), 2);
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    let bad = "</script></style><img src=x onerror=alert(1)>\"'`\u{0}\u{1b}\u{202e}\u{2028}";
    let mut tables = small();
    let spoil = |text: &mut String| text.push_str(bad);
    spoil(&mut tables.study);
    spoil(&mut tables.plan);
    spoil(&mut tables.correction);
    tables.notes.push(bad.into());
    for row in &mut tables.bases {
        [&mut row.base, &mut row.description].into_iter().for_each(spoil);
        row.gates
            .iter_mut()
            .for_each(|gate| [&mut gate.name, &mut gate.bound].into_iter().for_each(spoil));
    }
    tables
        .arms
        .iter_mut()
        .for_each(|r| [&mut r.base, &mut r.arm, &mut r.intervention].into_iter().for_each(spoil));
    tables
        .checks
        .iter_mut()
        .for_each(|r| [&mut r.base, &mut r.arm, &mut r.claim].into_iter().for_each(spoil));
    for RateRow { base, arm, battery, stance, name, .. } in &mut tables.rates {
        [base, arm, battery, stance, name].into_iter().for_each(spoil);
    }
    for ContrastRow { base, arm, control, battery, stance, name, method, note, .. } in
        &mut tables.contrasts
    {
        [base, arm, control, battery, stance, name, method, note].into_iter().for_each(spoil);
    }
    for row in &mut tables.doses {
        [&mut row.base, &mut row.arm, &mut row.control].into_iter().for_each(spoil);
        row.points
            .iter_mut()
            .for_each(|point| [&mut point.stance, &mut point.name].into_iter().for_each(spoil));
    }
    tables
        .curves
        .iter_mut()
        .for_each(|r| [&mut r.base, &mut r.arm, &mut r.measure].into_iter().for_each(spoil));
    for row in &mut tables.responses {
        let fields = [
            &mut row.base,
            &mut row.arm,
            &mut row.battery,
            &mut row.stance,
            &mut row.prompt,
            &mut row.text,
        ];
        fields.into_iter().for_each(spoil);
        [&mut row.finish, &mut row.key].into_iter().for_each(spoil);
    }
    let page = html(&tables);
    assert!(page.contains("onerror"), "the text is shown");
    assert!(!page.contains("<img"));
    assert_eq!([page.matches("</script>").count(), page.matches("</style>").count()], [2, 1]);
    let hidden = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{2028}');
    assert_eq!(page.chars().find(|c| hidden(*c)), None);
    // Every attribute that the markup opens is closed by its own quote.
    let attribute =
        regex_lite::Regex::new(r#"<[a-z0-9!]+( [a-zA-Z:-]+(="[^"<>]*")?)*\s*/?>"#).unwrap();
    let rest = attribute.replace_all(&page, "");
    assert!(!markup(&rest).contains("<svg") && !rest.contains("<a "));
}

#[test]
fn the_first_words_are_about_the_organism_and_every_figure_says_so() {
    let page = html(&small());
    let body = page.split_once("<body>").unwrap().1.trim_start();
    assert!(body.starts_with(r#"<header><p class="organism">Results about an organism"#));
    let titles = regex_lite::Regex::new(r#"aria-label="([^"]*)""#).unwrap();
    let svg = regex_lite::Regex::new(r#"<svg [^>]*aria-label="([^"]*)""#).unwrap();
    assert!(titles.is_match(&page));
    assert!(svg.captures_iter(&page).count() > 8);
    assert!(svg.captures_iter(&page).all(|found| found[1].contains("organism")));
    assert!(page.matches("<figcaption>").count() >= 5);
}

#[test]
fn other_models_are_not_called_organisms() {
    let page = html(&fake(&Size { bases: vec!["models/qwen3"], ..size() }));
    assert!(!markup(&page).to_lowercase().contains("organism"));
}

#[test]
fn sections_stand_in_their_order_with_the_misses_first() {
    let mut tables = small();
    tables.forecasts.reverse();
    let page = html(&tables);
    let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("no {what}"));
    let order = [
        "Before any number",
        r#"id="forecasts""#,
        "4 of 12 forecasts missed",
        "✗ missed",
        "? undecided",
        "✓ as expected",
        r#"id="headline""#,
        r#"id="checks""#,
        r#"id="blocks""#,
        r#"id="rates""#,
        r#"id="preferences""#,
        r#"id="dose""#,
        r#"id="pooled""#,
        r#"id="variance""#,
        r#"id="structure""#,
        r#"id="training""#,
    ];
    assert!(order.windows(2).all(|pair| at(pair[0]) < at(pair[1])));
    // What missed is open, the rest is folded.
    let forecasts = page.split_once(r#"id="forecasts""#).unwrap().1;
    assert!(forecasts.find("✗ missed").unwrap() < forecasts.find("<details>").unwrap());
}

#[test]
fn missing_values_are_words_and_never_numbers() {
    let mut tables = small();
    tables.responses.clear();
    tables.curves.clear();
    for row in &mut tables.contrasts {
        (row.estimate, row.low, row.high, row.p, row.p_adjusted) = (None, None, None, None, None);
        (row.net_of_drift, row.net_of_nuisance, row.logprob) = (None, None, None);
        (row.log_odds, row.arm_rate, row.control_rate, row.novelty) = (None, None, None, None);
        (row.selected, row.any_prompts, row.per_claim, row.verdict) = (None, None, None, None);
        (row.p_permutation, row.leave_one_out, row.bounds) = (None, None, None);
        row.planted = None;
    }
    tables.forecasts.iter_mut().for_each(|row| {
        row.found = None;
        row.expected = "rises".into();
    });
    for row in &mut tables.headlines {
        (row.effect, row.net_of_drift, row.p) = (None, None, None);
    }
    tables.pooled.clear();
    tables.variance.clear();
    tables.structure.clear();
    tables.rates.iter_mut().for_each(|r| (r.rate, r.low, r.high) = (None, None, None));
    tables.checks.iter_mut().for_each(|r| {
        (r.rate, r.low, r.high, r.well_formed, r.passed) = (None, None, None, None, None);
    });
    tables.doses.iter_mut().for_each(|r| {
        r.points.clear();
        (r.slope, r.r_squared, r.share_of_ideal) = (None, None, None);
    });
    let page = markup(&html(&tables));
    assert!(page.contains("too few"));
    assert!(!page.contains("</title><rect"), "no bar");
    assert!(
        !page.contains("<circle") && !page.contains(r#"class="w""#),
        "neither points nor whiskers"
    );
    let results =
        page.split_once(r#"id="forecasts""#).unwrap().1.split_once(r#"id="arms""#).unwrap().0;
    let number = regex_lite::Regex::new(r"[+−]?\d+\.\d|NaN|inf\b").unwrap();
    let cells: String = regex_lite::Regex::new(r"(?s)<td.*?</td>")
        .unwrap()
        .find_iter(results)
        .map(|found| found.as_str())
        .collect();
    assert!(!cells.is_empty());
    assert_eq!(number.find(&cells).map(|m| m.as_str()), None);
}

#[test]
fn odd_studies_make_a_page() {
    let check = |tables: &Tables| {
        let page = html(tables);
        assert!(page.ends_with("</html>\n"));
        let n_sections = 13 + usize::from(!tables.across_bases.is_empty());
        assert_eq!(page.matches("<section").count(), n_sections);
        let links = page.split_once("<nav").unwrap().1.split_once("</nav>").unwrap().0;
        assert_eq!(links.matches("<a ").count(), n_sections);
    };
    check(&empty());
    check(&fake(&Size { n_arms: 1, ..size() }));
    check(&fake(&Size { n_replicates: 1, per_block: 1, ..size() }));
    check(&fake(&Size { bases: vec!["organism:a", "organism:b", "models/c"], ..size() }));
    let mut only_responses = empty();
    only_responses.responses = small().responses;
    check(&only_responses);
}

#[test]
fn one_model_describes_itself() {
    let mut tables = small();
    tables.contrasts.iter_mut().for_each(|row| (row.replicates, row.control_replicates) = (1, 1));
    assert!(html(&tables).contains("describes this one model"));
}

#[test]
fn flagged_arms_are_flagged_beside_their_effects() {
    let mut tables = small();
    tables
        .checks
        .iter_mut()
        .filter(|row| row.arm == "conscious" && row.intended)
        .for_each(|r| r.passed = Some(false));
    let page = html(&tables);
    let part = |from: &str, to: &str| {
        page.split_once(from).unwrap().1.split_once(to).unwrap().0.to_owned()
    };
    assert!(part(r#"id="headline""#, r#"id="checks""#).contains("⚑ claim not made"));
    assert!(
        part(r#"id="blocks""#, r#"id="rates""#).contains("⚑ conscious does not make its claim")
    );
}

#[test]
fn equal_tables_make_equal_bytes() {
    assert_eq!(html(&small()), html(&small()));
}

#[test]
fn links_name_filters_that_the_script_knows() {
    let page = html(&small());
    let link = regex_lite::Regex::new(r##"href="#find\?([^"]*)""##).unwrap();
    let names = ["base", "arm", "with", "stance"];
    let mut n_links = 0;
    for found in link.captures_iter(&page) {
        n_links += 1;
        for part in found[1].split("&amp;") {
            assert!(names.contains(&part.split_once('=').unwrap().0), "{part}");
        }
    }
    assert!(n_links > 100);
    assert!(names.iter().all(|name| page.contains(&format!(r#"name="{name}""#))));
}

#[test]
fn a_page_of_many_answers_stays_small() {
    let page = html(&fake(&Size {
        n_arms: 7,
        per_block: 12,
        n_replicates: 3,
        n_prompts: 6,
        n_samples: 3,
        ..size()
    }));
    let n = page.split_once(r#""n":"#).unwrap().1.split_once(',').unwrap().0;
    assert_eq!(n, "16632");
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
}
