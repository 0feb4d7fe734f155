//! Stopped at any moment, by force or by Ctrl-C: the same command goes on and arrives at the same bytes.

use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use crate::bench::{ADAPTER, Bench, KINDS, Live, N_TRAINED, READINGS, SHEETS, STUDY};

/// Kills a run when it says a line and lets another finish. Returns what that one reused, per kind of step.
fn check_killed(bench: &Bench, moment: &str) -> Vec<usize> {
    let mut live = Live::start(&mut bench.run_command(&["--threads", "1"]));
    live.wait_for(moment);
    live.kill();
    let (status, said) = live.end();
    assert_eq!(status.signal(), Some(9), "it was over before it was killed:\n{said}");
    assert!(bench.artifacts(SHEETS).is_empty(), "no results of a run that was killed");
    let done = bench.run(&[]).succeeded();
    bench.equals_undisturbed();
    KINDS.iter().map(|kind| done.tally(kind).0).collect()
}

fn interrupt(live: &Live) {
    assert!(
        Command::new("kill").args(["-INT", &live.id().to_string()]).status().unwrap().success()
    );
}

#[test]
fn killed_while_pretraining_it_starts_over() {
    assert_eq!(check_killed(&Bench::new(), "pretraining organism:linked"), [0; 5]);
}

#[test]
fn killed_while_training_it_keeps_the_trained() {
    let bench = Bench::without(&[ADAPTER, READINGS, SHEETS]);
    let reused = check_killed(&bench, "training: 2/4");
    assert!(reused[..2] == [1, 1] && (2..=N_TRAINED).contains(&reused[2]), "{reused:?}");
}

#[test]
fn killed_while_sampling_it_keeps_the_sampled() {
    let bench = Bench::without(&[READINGS, SHEETS]);
    let reused = check_killed(&bench, "sampling: 2/5");
    let per_replicate = Bench::finished().completions().len() / 5;
    assert_eq!(reused[..3], [1, 1, N_TRAINED]);
    assert!(reused[3] >= 2 * per_replicate && reused[3] < 5 * per_replicate, "{reused:?}");
    assert!(reused[4] >= 2 && reused[4] < 5, "{reused:?}");
}

#[test]
fn what_a_killed_write_left_behind_is_in_nobodys_way() {
    let bench = Bench::without(&[READINGS, SHEETS]);
    let half = bench.store().join("artifacts/0123456789abcdef.1.0.tmp");
    std::fs::create_dir(&half).unwrap();
    std::fs::write(half.join("readings.json"), "[[{").unwrap();
    bench.run(&[]).succeeded();
    bench.equals_undisturbed();
}

#[test]
fn ctrl_c_keeps_what_is_finished_and_says_how_to_go_on() {
    let bench = Bench::without(&[ADAPTER, READINGS, SHEETS]);
    let mut live = Live::start(&mut bench.run_command(&["--threads", "1"]));
    live.wait_for("training: 1/4");
    interrupt(&live);
    let (status, said) = live.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(
        said.contains("stopping after the steps in flight")
            && said.contains("the same command goes on"),
        "{said}"
    );
    let done = bench.run(&[]).succeeded();
    assert!(done.tally("training runs").0 >= 1, "{done:?}");
    bench.equals_undisturbed();
}

#[test]
fn a_second_ctrl_c_waits_for_nothing() {
    let bench = Bench::new();
    // Pretraining of some minutes: the first Ctrl-C alone would wait for its end.
    bench.write("study.toml", &STUDY.replace("tokens=20000", "tokens=20000000"));
    let mut live = Live::start(&mut bench.run_command(&[]));
    live.wait_for("pretraining");
    interrupt(&live);
    live.wait_for("stopping after the steps in flight");
    interrupt(&live);
    let (status, said) = live.end();
    assert_eq!(status.code(), Some(130), "{said}");
    assert!(said.contains("the same command goes on"), "{said}");
}
