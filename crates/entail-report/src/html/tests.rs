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

fn spoil_analysis(tables: &mut Tables, spoil: impl Fn(&mut String) + Copy) {
    for r in &mut tables.forecasts {
        [&mut r.base, &mut r.arm, &mut r.control, &mut r.stance].into_iter().for_each(spoil);
        [&mut r.name, &mut r.by, &mut r.expected].into_iter().for_each(spoil);
    }
    for r in &mut tables.headlines {
        [&mut r.base, &mut r.arm, &mut r.battery, &mut r.stance].into_iter().for_each(spoil);
        [&mut r.name, &mut r.block].into_iter().for_each(spoil);
        r.controls.iter_mut().for_each(spoil);
    }
    for r in &mut tables.across_bases {
        [&mut r.world, &mut r.arm, &mut r.control, &mut r.name].into_iter().for_each(spoil);
    }
    for r in &mut tables.pooled {
        [&mut r.base, &mut r.arm, &mut r.control].into_iter().for_each(spoil);
        r.stances.iter_mut().for_each(|s| [&mut s.stance, &mut s.name].into_iter().for_each(spoil));
    }
    for r in &mut tables.variance {
        [&mut r.base, &mut r.arm, &mut r.name].into_iter().for_each(spoil);
    }
    for r in &mut tables.structure {
        spoil(&mut r.base);
        r.stances.iter_mut().for_each(|(id, name)| [id, name].into_iter().for_each(spoil));
        for p in &mut r.profiles {
            [&mut p.arm, &mut p.other, &mut p.control].into_iter().for_each(spoil);
        }
        for m in &mut r.mediation {
            [&mut m.arm, &mut m.control, &mut m.outcome, &mut m.note].into_iter().for_each(spoil);
        }
        for d in &mut r.diagnosticity {
            [&mut d.stance, &mut d.name, &mut d.verdict].into_iter().for_each(spoil);
            d.moved_by.iter_mut().for_each(|(arm, _)| spoil(arm));
        }
    }
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
    spoil_analysis(&mut tables, spoil);
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

/// One section of a page.
fn part(page: &str, id: &str) -> String {
    let from = page.split_once(&format!(r#"<section id="{id}""#)).unwrap().1;
    from.split_once("</section>").unwrap().0.to_owned()
}

#[test]
fn several_seeds_have_a_section_and_one_has_none() {
    let bases = vec!["organism:linked?seed=1", "organism:linked?seed=2"];
    let mut tables = fake(&Size { bases, ..size() });
    tables.across_bases[0].effect = None;
    let page = html(&tables);
    let section = part(&page, "across");
    assert!(section.contains("too few") && section.contains("organism linked"));
    assert!(page.contains(r##"href="#across""##));
    assert!(!html(&small()).contains("across\""));
}

#[test]
fn exploratory_rows_and_checks_are_marked_and_the_family_is_not() {
    let page = html(&small());
    let section = part(&page, "preferences");
    let section = section.split_once("<table").unwrap().1;
    let in_table = |name: &str| {
        let at = section.find(&format!(">{name}</a>")).unwrap();
        section[at..].split_once("</tr>").unwrap().0.to_owned()
    };
    assert!(in_table("likes soup").contains(r#"<span class="tag">exploratory</span>"#));
    assert!(in_table("prefers mornings").contains(r#"<span class="tag">check</span>"#));
    assert!(!in_table("wants memory").contains("tag"));
    assert!(part(&page, "structure").contains(r#"<span class="tag">exploratory</span></h2>"#));
}

#[test]
fn every_row_with_details_is_followed_by_them() {
    let section = part(&html(&small()), "preferences");
    let n = section.matches(r#"<tr class="extra"><td colspan="8">"#).count();
    assert!(n > 0);
    assert_eq!(section.matches("more about ").count(), n);
    let heads = section.split_once("<thead>").unwrap().1.split_once("</thead>").unwrap().0;
    assert_eq!(heads.matches("<th ").count(), 8);
}

#[test]
fn missing_parts_of_the_structure_are_words() {
    let mut tables = small();
    for row in &mut tables.structure {
        row.factors = None;
        row.correlations.iter_mut().flatten().for_each(|r| *r = None);
        for profile in &mut row.profiles {
            (profile.slope_with_errors, profile.rank_correlation) = (None, None);
        }
        for mediation in &mut row.mediation {
            (mediation.indirect, mediation.direct, mediation.within_slope) = (None, None, None);
        }
        row.diagnosticity.iter_mut().for_each(|row| row.moved_by.clear());
    }
    let section = part(&html(&tables), "structure");
    assert!(section.contains("to look for factors") && !section.contains("Eigenvalue"));
    assert!(section.contains("does not vary") && !section.contains("NaN"));
    let lines = section.split_once("Not through it").unwrap().1.split_once("</table>").unwrap().0;
    assert_eq!(lines.matches("too few").count(), 3 * tables.structure[0].mediation.len());
    tables.structure[0].stances.truncate(1);
    assert!(part(&html(&tables), "structure").contains("nothing to correlate"));
}

#[test]
fn factors_are_named_by_the_stances_they_belong_to_and_the_cut_is_shown() {
    let mut tables = fake(&Size { per_block: 4, ..size() });
    let found = tables.structure[0].factors.as_mut().unwrap();
    found.stances.reverse();
    found.thresholds.truncate(3);
    let section = part(&html(&tables), "structure");
    let part = |from: &str| section.split_once(from).unwrap().1.split_once("</table>").unwrap().0;
    let eigenvalues = part("Eigenvalues beside");
    assert_eq!(eigenvalues.matches("✓ kept").count(), 2);
    assert_eq!(eigenvalues.matches("too few").count(), 2, "no threshold, no number");
    let first = part(r#"aria-label="Loadings"#).split_once("</th></tr>").unwrap().1;
    let last_stance = &tables.structure[0].stances[6].1;
    assert!(first.split_once("</tr>").unwrap().0.contains(last_stance.as_str()));
}

#[test]
fn pooled_effects_and_variance_say_what_they_lack() {
    let mut tables = small();
    tables.pooled.iter_mut().for_each(|row| (row.cluster.low, row.cluster.high) = (None, None));
    tables.variance.iter_mut().for_each(|row| {
        row.replicate = -0.001;
        row.replicate_upper = None;
    });
    let page = html(&tables);
    assert!(part(&page, "pooled").contains("[too few]"));
    let variance = part(&page, "variance");
    assert!(variance.contains("below 0") && variance.contains("too few"));
    (tables.pooled, tables.variance) = (vec![], vec![]);
    let page = html(&tables);
    assert!(part(&page, "pooled").contains("enough stances"));
    assert!(part(&page, "variance").contains("enough training runs"));
}
