//! What a run leaves, and that nothing about how it ran shows in it.

use std::fs;

use crate::bench::{
    ADAPTER, Bench, Done, KINDS, N_REPLICATES, N_TRAINED, READINGS, RESULTS, SHEETS, STUDY,
    assert_same, undisturbed,
};

fn nothing_is_made(done: &Done) {
    for kind in KINDS {
        let (reused, made) = done.tally(kind);
        assert!(made == 0 && reused > 0, "{kind}: reused {reused}, made {made}");
    }
}

#[test]
fn a_run_leaves_its_files_and_latest_points_to_them() {
    let (bench, done) = (Bench::finished(), &undisturbed().done);
    assert_eq!(bench.results().into_keys().collect::<Vec<_>>(), RESULTS);
    #[cfg(unix)]
    {
        let latest = fs::read_link(bench.path().join("runs/tiny/latest")).unwrap();
        let entries = fs::read_dir(bench.path().join("runs/tiny")).unwrap();
        let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        entries.sort();
        assert_eq!(
            entries,
            [latest.as_os_str(), "latest".as_ref()],
            "a relative link to the only plan"
        );
    }
    let summary = bench.result("summary.txt");
    assert!(
        done.stdout.starts_with(&summary) && summary.contains("conscious minus"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.trim_end().ends_with("report.html"), "{}", done.stdout);
    assert_eq!(done.tally("training runs"), (0, N_TRAINED));
    assert_eq!(done.tally("completions"), (0, bench.completions().len()));
    assert_eq!(done.tally("readings"), (0, N_REPLICATES));
}

#[test]
fn contrasts_have_a_row_for_every_block_of_every_arm_and_control() {
    let sheet = Bench::finished().result("contrasts.csv");
    let header = "base,arm,control,battery,stance,estimate,low,high,p,p_adjusted,replicates";
    assert!(sheet.starts_with(header), "{}", sheet.lines().next().unwrap());
    let blocks = ["claim", "planted", "reversed", "zero", "drift-low", "drift-high", "nuisance"];
    let pairs =
        [("conscious", "not-conscious"), ("conscious", "vanilla"), ("vanilla", "not-conscious")];
    for (arm, control) in pairs {
        for block in blocks {
            let battery = if block == "claim" { "claims" } else { "preferences" };
            let start = format!(
                "organism:linked?size=tiny&tokens=20000,{arm},{control},{battery},block:{block},"
            );
            assert_eq!(sheet.lines().filter(|line| line.starts_with(&start)).count(), 1, "{start}");
        }
    }
    assert!(!sheet.contains(",conscious,conscious,") && !sheet.contains(",vanilla,vanilla,"));
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let bench = Bench::finished();
    let before = bench.results();
    fs::remove_dir_all(bench.path().join("runs")).unwrap();
    let done = bench.run(&[]).succeeded().says(&["nothing to do"]);
    assert_same(&bench.results(), &before);
    assert!(done.stdout.starts_with(&bench.result("summary.txt")));
}

#[test]
fn tables_are_made_again_from_the_store_alone() {
    let bench = Bench::finished();
    bench.forget_results();
    nothing_is_made(&bench.run(&[]).succeeded());
    bench.equals_undisturbed();
}

#[test]
fn threads_and_batch_size_never_change_a_result() {
    // One after the other is slow: there, the rows that the base answers for training are given.
    let stored = Bench::without(&[ADAPTER, READINGS, SHEETS]);
    let cases = [(Bench::new(), "1", "256"), (Bench::new(), "2", "48"), (stored, "2", "1")];
    for (bench, threads, batch) in cases {
        let done = bench.run(&["--threads", threads, "--batch-size", batch]).succeeded();
        assert_eq!((done.tally("training runs").0, done.tally("completions").0), (0, 0));
        bench.equals_undisturbed();
    }
}

#[test]
fn another_seed_is_another_result() {
    let bench = Bench::finished();
    bench.write("study.toml", &STUDY.replace("seeds = 2", "seeds = 2\nseed = 1"));
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("organisms"), (1, 0));
    assert_eq!(done.tally("training runs"), (0, N_TRAINED));
    assert_ne!(bench.result("responses.csv"), Bench::finished().result("responses.csv"));
}

#[test]
fn more_samples_reuse_the_first() {
    let bench = Bench::finished();
    let first = bench.completions();
    let done = bench.run(&["--samples", "2"]).succeeded();
    assert_eq!(done.tally("completions"), (first.len(), first.len()));
    assert_eq!(done.tally("training runs"), (N_TRAINED, 0));
    assert!(first.is_subset(&bench.completions()));
    // The first sample of every prompt is the same answer in both tables, whole lines of it.
    let (before, after) =
        (Bench::finished().result("responses.csv"), bench.result("responses.csv"));
    let lost = before.lines().find(|line| !after.lines().any(|other| other == *line));
    assert_eq!(lost, None);
    assert_eq!(after.lines().count() - 1, 2 * (before.lines().count() - 1));
}

#[test]
fn one_arm_alone_reuses_what_the_whole_study_made() {
    let bench = Bench::finished();
    let done = bench.run(&["--arm", "conscious", "--samples", "1"]).succeeded();
    nothing_is_made(&done);
    assert_eq!(done.tally("training runs"), (2, 0));
    let arms = |sheet: &str| {
        sheet.lines().skip(1).map(|l| l.split(',').nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut arms = arms(&bench.result("responses.csv"));
    arms.dedup();
    assert_eq!(arms, ["vanilla", "conscious"], "the arm and the untouched base");
}

#[test]
fn the_report_says_first_that_it_is_about_an_organism_and_shows_every_claim() {
    let page = Bench::finished().result("report.html");
    let body = page.split_once("<body>").unwrap().1;
    let first = body
        .split(['<', '>'])
        .skip(2)
        .step_by(2)
        .map(str::trim)
        .find(|text| !text.is_empty())
        .unwrap();
    assert!(
        first.contains("organism") && first.contains("never about deployed models"),
        "first is {first:?}"
    );
    let foreign = page
        .match_indices("://")
        .map(|(place, _)| &page[place.saturating_sub(5)..page.len().min(place + 20)]);
    let foreign: Vec<&str> = foreign.filter(|text| !text.contains("://www.w3.org/")).collect();
    assert_eq!(foreign, [""; 0], "one file, no network");
    let checks = page.split_once("Does each arm make its claim?").unwrap().1;
    let checks = checks.split_once("What follows from the claim").unwrap().0;
    let table = checks.split_once("<table").unwrap().1;
    for arm in ["conscious", "not-conscious"] {
        let start = format!(r#"<tr><th scope="row">{arm}</th>"#);
        let row = table.lines().find(|line| line.contains(&start));
        assert!(
            row.is_some_and(|row| row.contains(&format!(">{arm}<"))),
            "no check of {arm} in {table}"
        );
    }
}
