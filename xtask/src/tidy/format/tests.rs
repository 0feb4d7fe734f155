use super::*;

#[test]
fn places_are_read_from_what_rustfmt_prints() {
    let check = |line, expected: Option<Violation>| {
        assert_eq!(difference(line, "/w/"), expected, "{line:?}");
    };
    let violation = |line| Violation::at("crates/a/src/lib.rs", line, "not as rustfmt writes it");
    check("Diff in /w/crates/a/src/lib.rs:12:", Some(violation(12)));
    check("Diff in crates/a/src/lib.rs:3:", Some(violation(3)));
    check("-fn  a( ) {}", None);
    check("Diff in nowhere", None);
}
