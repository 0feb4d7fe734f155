use serde_json::json;

use super::*;

fn dependency(name: &str, kind: &Value) -> Value {
    json!({ "name": name, "kind": kind })
}

/// A workspace with every crate of the table, none of which uses anything, beside these.
fn workspace(packages: &[(&str, Vec<Value>)]) -> Value {
    let package = |name: &str, dependencies: &[Value]| {
        let manifest_path = format!("/w/crates/{name}/Cargo.toml");
        json!({ "name": name, "manifest_path": manifest_path, "dependencies": dependencies })
    };
    let given = |row: &&Crate| packages.iter().all(|(name, _)| *name != row.name);
    let mut all: Vec<Value> =
        CRATES.iter().filter(given).map(|row| package(row.name, &[])).collect();
    all.extend(packages.iter().map(|(name, dependencies)| package(name, dependencies)));
    json!({ "workspace_root": "/w", "packages": all })
}

fn check(packages: &[(&str, Vec<Value>)], expected: &[&str]) {
    let members = members(&workspace(packages)).unwrap();
    let violations = compare(&members, |_, _| Some(7));
    assert_eq!(violations.len(), expected.len(), "{violations:?}");
    for (violation, expected) in violations.iter().zip(expected) {
        assert!(violation.to_string().starts_with(expected), "{violation}");
    }
}

#[test]
fn allowed_edges_are_silent() {
    let normal = |name| dependency(name, &Value::Null);
    check(&[("entail-eval", vec![normal("entail-schema"), normal("serde")])], &[]);
    check(&[("entail", vec![normal("entail-study"), normal("entail-report")])], &[]);
}

#[test]
fn a_forbidden_edge_names_both_crates_and_the_place() {
    for kind in [Value::Null, json!("build")] {
        check(
            &[("entail-eval", vec![dependency("entail-engine", &kind)])],
            &[
                "crates/entail-eval/Cargo.toml:7: forbidden edge: `entail-eval` (layer 2) may not use `entail-engine`",
            ],
        );
    }
}

#[test]
fn dev_dependencies_are_free() {
    check(&[("entail-eval", vec![dependency("entail-engine", &json!("dev"))])], &[]);
}

#[test]
fn a_crate_outside_the_table_is_named() {
    let uses = vec![dependency("entail-engine", &Value::Null)];
    check(&[("entail-new", uses)], &["crates/entail-new/Cargo.toml: unknown crate `entail-new`"]);
}

#[test]
fn a_row_without_a_crate_is_named() {
    let mut members = members(&workspace(&[])).unwrap();
    members.remove("entail-stats");
    let violations = compare(&members, |_, _| None);
    assert_eq!(violations.len(), 1);
    assert!(violations[0].what.contains("has `entail-stats`, the workspace does not"));
}

#[test]
fn every_edge_of_the_table_goes_down() {
    let layer = |name: &str| CRATES.iter().find(|row| row.name == name).unwrap().layer;
    for row in &CRATES {
        assert!(row.may_use.iter().all(|used| layer(used) < row.layer), "{}", row.name);
    }
}

#[test]
fn output_that_is_not_understood_is_no_workspace() {
    assert_eq!(members(&json!({})), None);
    assert_eq!(members(&json!({ "workspace_root": "/w", "packages": [{ "name": "x" }] })), None);
}
