use super::*;

fn check(file: &str, text: &str, expected: &[&str]) {
    let found: Vec<String> = look_through(file, text).iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{file}: {text:?}");
}

#[test]
fn long_files_are_named_unless_they_are_tests() {
    let long = "\n".repeat(MAX_LINES + 1);
    check("crates/a/src/lib.rs", &long, &["crates/a/src/lib.rs: 801 lines, more than 800"]);
    check("crates/a/src/lib.rs", &long[1..], &[]);
    check("crates/a/src/b/tests.rs", &long, &[]);
    check("crates/a/tests/it/main.rs", &long, &[]);
    check("docs/guide.md", &long, &[]);
}

#[test]
fn notes_are_found_as_whole_words() {
    let note = NOTES[0];
    let expected = format!("a.md:2: {note} does not reach the main branch");
    check("a.md", &format!("one\n{note}: two"), &[&expected]);
    check("a.md", &format!("A{note}S and {note}_LIST and {}", note.to_lowercase()), &[]);
}

#[test]
fn ignored_tests_are_found_in_sources() {
    let text = format!("#[test]\n    {IGNORED}]\nfn a() {{}}");
    check("a.rs", &text, &["a.rs:2: an ignored test: gate it on ENTAIL_SLOW instead"]);
    check("a.md", &text, &[]);
}

#[test]
fn paths_of_one_machine_are_found() {
    for folder in MACHINE_FOLDERS.map(|folder| format!("/{folder}/")) {
        let expected = format!("a.md:1: a path of one machine: {folder}");
        for line in [format!("{folder}x"), format!("in {folder}x"), format!("path = \"{folder}\"")]
        {
            check("a.md", &line, &[&expected]);
        }
        let other = format!("https://example.org{folder} ~{folder} $OUT{folder} ..{folder}");
        check("a.md", &other, &[]);
    }
}
