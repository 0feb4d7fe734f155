//! No room, or no right to write: the message names the place, and what was finished is kept.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::bench::{Bench, Done, N_TRAINED, READINGS, REGISTRATION, SHEETS, finish};

/// Runs with files limited to so many blocks of 512 bytes. Writing beyond the limit then fails as on a full disk.
fn run_cramped(bench: &Bench, blocks: usize) -> Done {
    let run = bench.run_command(&["--threads", "1"]);
    let mut shell = Command::new("sh");
    // Unless the signal is ignored, the kernel ends the process before the write can fail.
    shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"")]);
    finish(shell.arg(run.get_program()).args(run.get_args()).current_dir(bench.path()))
}

#[test]
fn an_organism_that_does_not_fit_is_named() {
    let bench = Bench::new();
    let done = run_cramped(&bench, 200).exits(1);
    done.says(&["the artifact ", "model.safetensors: File too large"]);
    let left: Vec<_> = fs::read_dir(bench.store().join("artifacts")).unwrap().collect();
    assert_eq!(
        bench.artifacts(REGISTRATION).len(),
        left.len(),
        "half an artifact is left: {left:?}"
    );
}

#[test]
fn a_store_that_cannot_be_opened_for_lack_of_room_is_not_called_damaged() {
    let bench = Bench::new();
    run_cramped(&bench, 2).exits(1).says(&["store.db: the store failed"]);
    bench.run(&[]).succeeded();
    bench.equals_undisturbed();
}

#[test]
fn answers_that_do_not_fit_leave_those_that_did() {
    let bench = Bench::without(&[READINGS, SHEETS]);
    run_cramped(&bench, 120).exits(1).says(&["store.db: the store failed"]);
    let kept = bench.completions();
    let all = Bench::finished().completions();
    assert!(
        !kept.is_empty() && kept.len() < all.len() && kept.is_subset(&all),
        "{} of {}",
        kept.len(),
        all.len()
    );
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("training runs"), (N_TRAINED, 0));
    assert_eq!(done.tally("completions"), (kept.len(), all.len() - kept.len()));
    bench.equals_undisturbed();
}

#[test]
fn results_that_do_not_fit_are_made_from_the_store_when_they_do() {
    let bench = Bench::finished();
    bench.forget_results();
    run_cramped(&bench, 200).exits(1).says(&["the artifact ", "responses.csv: File too large"]);
    assert!(bench.artifacts(SHEETS).is_empty());
    let done = bench.run(&[]).succeeded();
    assert_eq!(done.tally("completions").1, 0);
    bench.equals_undisturbed();
    // The artifact is there and its copy is not.
    fs::remove_dir_all(bench.path().join("runs")).unwrap();
    run_cramped(&bench, 200).exits(1).says(&["runs/tiny/", "responses.csv: File too large"]);
    bench.run(&[]).succeeded().says(&["nothing to do"]);
    bench.equals_undisturbed();
}

#[test]
fn a_file_in_the_place_of_the_results_is_named() {
    let bench = Bench::finished();
    fs::remove_dir_all(bench.path().join("runs")).unwrap();
    bench.write("runs", "in the way");
    bench.run(&[]).exits(1).says(&["runs/tiny/"]);
    assert_eq!(fs::read_to_string(bench.path().join("runs")).unwrap(), "in the way");
    fs::remove_file(bench.path().join("runs")).unwrap();
    bench.run(&[]).succeeded();
    bench.equals_undisturbed();
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that tests nothing says so")]
fn results_without_the_right_to_write_are_named() {
    let bench = Bench::finished();
    let runs = bench.path().join("runs");
    fs::remove_dir_all(&runs).unwrap();
    fs::create_dir(&runs).unwrap();
    fs::set_permissions(&runs, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::create_dir(runs.join("probe")).is_ok() {
        eprintln!("skipped: this user, root perhaps, may write anywhere");
        return;
    }
    bench.run(&[]).exits(1).says(&["runs/tiny/", "Permission denied"]);
    fs::set_permissions(&runs, fs::Permissions::from_mode(0o755)).unwrap();
    bench.run(&[]).succeeded();
    bench.equals_undisturbed();
}

#[test]
fn a_reader_that_goes_away_is_no_failure_and_a_full_one_is() {
    let bench = Bench::finished();
    let shell = |end: &str| {
        let run = bench.run_command(&[]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("\"$0\" \"$@\" {end}")]).arg(run.get_program());
        finish(shell.args(run.get_args()).current_dir(bench.path()))
    };
    // `true` closes the pipe; the exit code of the program itself goes round it in a file.
    fs::remove_dir_all(bench.path().join("runs")).unwrap();
    shell("2>talk | true").succeeded();
    bench.equals_undisturbed();
    let run = bench.run_command(&[]);
    let mut child = run_with_closed_stdout(run);
    assert!(child.wait().unwrap().success());
    if fs::exists("/dev/full").unwrap() {
        shell(">/dev/full").exits(1).says(&["error: standard output: No space left"]);
    }
}

fn run_with_closed_stdout(mut run: Command) -> std::process::Child {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    run.stdout(writer).stderr(std::process::Stdio::null()).spawn().unwrap()
}
