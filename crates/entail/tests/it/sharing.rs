//! Two processes on one store.

use crate::bench::{Bench, Live};

#[test]
fn two_runs_at_once_both_finish_with_the_same_results() {
    let bench = Bench::new();
    let both = ["runs-a", "runs-b"].map(|runs| {
        let mut command = bench.run_command_into(runs, &["--threads", "1"]);
        Live::start(&mut command)
    });
    for live in both {
        let (status, said) = live.end();
        assert_eq!(status.code(), Some(0), "{said}");
    }
    for runs in ["runs-a", "runs-b"] {
        std::fs::rename(bench.path().join(runs), bench.path().join("runs")).unwrap();
        bench.equals_undisturbed();
        std::fs::remove_dir_all(bench.path().join("runs")).unwrap();
    }
    let left =
        std::fs::read_dir(bench.store().join("artifacts")).unwrap().map(|e| e.unwrap().file_name());
    let left: Vec<_> = left.filter(|name| name.to_string_lossy().ends_with(".tmp")).collect();
    assert!(left.is_empty(), "{left:?}");
}
