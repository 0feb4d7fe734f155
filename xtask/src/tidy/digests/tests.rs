use super::*;

fn check(list: &str, expected: &[&str]) {
    let files = BTreeMap::from([("a.bin".to_owned(), sha256(b"abc"))]);
    let found: Vec<String> = compare(list, &files).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}");
    }
}

/// FIPS 180-2, appendix B.1.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn equal_digests_are_silent() {
    check(&format!("{ABC}  a.bin\n"), &[]);
}

#[test]
fn every_difference_is_named() {
    let other = ABC.replace('b', "c");
    check(&format!("{other}  a.bin\n"), &["SHA256SUMS:1: digest of a.bin is ba78"]);
    check(&format!("{ABC}  a.bin\n{ABC}  b.bin\n"), &["SHA256SUMS:2: there is no b.bin"]);
    check(&format!("{ABC}  a.bin\n{ABC}\n"), &["SHA256SUMS:2: not a digest"]);
    check("", &["no digests", "fixtures/engine/a.bin: no digest in SHA256SUMS"]);
}
