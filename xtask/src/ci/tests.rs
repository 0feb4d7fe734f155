use super::*;

#[test]
fn the_summary_names_what_ran_and_what_did_not() {
    let line =
        |name, result, seconds| Line { name, result, elapsed: Duration::from_millis(seconds) };
    let text = summary(&[line("tidy", "ok", 1_540), line("clippy", "RED", 62_000)]);
    let want = "
step         result   seconds
tidy         ok           1.5
clippy       RED         62.0
test         not run
doc          not run
coverage     not run
faults       not run
conformance  not run
total                    63.5
";
    assert_eq!(text, want);
}
