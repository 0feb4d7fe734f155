use super::*;

fn check_crates(text: &str, expected: &[&str]) {
    let crates = ["entail", "entail-data", "entail-stats"].map(str::to_owned);
    let found = compare_crates("A.md", text, &crates);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{text:?}");
}

const ALL: &str = "entail and `entail-data` and\n**entail-stats**";

#[test]
fn a_complete_list_is_silent() {
    check_crates(ALL, &[]);
    check_crates(&format!("{ALL} in crates/entail-data/src, `entail run`, ENTAIL_SLOW"), &[]);
}

#[test]
fn a_crate_that_is_not_named_is_missed() {
    let missed = ["A.md: does not name the crate `entail-data`"];
    check_crates(&ALL.replace("`entail-data`", "the data"), &missed);
    check_crates(&ALL.replace("entail and", ""), &["A.md: does not name the crate `entail`"]);
}

#[test]
fn a_crate_that_is_not_there_is_named_once_with_its_line() {
    let text = format!("{ALL}\n`entail-serve` and crates/entail-serve/src");
    check_crates(&text, &["A.md:3: there is no crate `entail-serve`"]);
}

fn check_layers(text: &str, expected: &[&str]) {
    let crates = ["entail", "entail-data"].map(str::to_owned);
    let layer = |name: &str| Some(if name == "entail" { 4 } else { 2 });
    let found = compare_layers(text, &crates, layer);
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found, expected, "{text:?}");
}

#[test]
fn the_picture_is_compared_with_the_table() {
    check_layers("```\n 4  entail       paths\n 2  entail-data   rows, 1 of 2\n```", &[]);
    let low = "ARCHITECTURE.md:3: the picture has `entail-data` on layer 1, the table does not";
    check_layers("```\n 4  entail\n 1  entail-data\n```", &[low]);
    let none = ["ARCHITECTURE.md: the picture lacks `entail`"];
    check_layers(" 4  entail\n```\n 2  entail-data\n```", &none);
}

fn check_command(readme: &str, expected: Result<&str, &str>) {
    let found = test_command(readme).map(|words| words.join(" "));
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{readme:?}"),
        (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
        (found, expected) => panic!("{readme:?}: {found:?} instead of {expected:?}"),
    }
}

#[test]
fn the_test_command_is_the_fenced_line() {
    let command = "cargo test --workspace --locked";
    check_command(&format!("```console\n$ {command}\n```"), Ok(command));
    check_command(&format!("```\n$ cargo run\n$ {command}   # two minutes\n```"), Ok(command));
}

#[test]
fn a_readme_without_one_clear_command_is_refused() {
    check_command("$ cargo test --workspace", Err("no fenced line"));
    check_command("```\ncargo test --workspace\n```", Err("no fenced line"));
    check_command("```\n```\n$ cargo test --workspace\n", Err("no fenced line"));
    check_command(
        "```\n$ cargo test -p entail-stats\n```",
        Err("does not test the whole workspace"),
    );
    check_command(
        "```\n$ cargo test --workspace\n$ cargo test --workspace -q\n```",
        Err("2 lines"),
    );
}
