use super::*;

fn subject(name: &str) -> Subject {
    let [model, adapter, cases] = ["model", "adapter", "cases"].map(PathBuf::from);
    Subject { name: name.into(), model, adapter, cases, n_templates: 3 }
}

fn check(output: &str, expected: Result<&str, &str>) {
    let found = report(&[subject("tiny")], output);
    match (found, expected) {
        (Ok(found), Ok(expected)) => assert_eq!(found, expected),
        (Err(found), Err(expected)) => assert!(found.to_string().contains(expected), "{found}"),
        (found, expected) => panic!("{output:?}: {found:?} instead of {expected:?}"),
    }
}

fn line(base: &Value, adapter: f64, templates: usize) -> String {
    let summary = json!({ "name": "tiny", "base_max_abs": base, "adapter_max_abs": adapter,
                          "template_cases": templates });
    format!("a warning\n{summary}\n")
}

#[test]
fn small_differences_are_reported() {
    let expected = "conformance: tiny: base 1.50e-6, adapter 2.00e-5, 3 template cases\n";
    check(&line(&json!(1.5e-6), 2e-5, 3), Ok(expected));
}

#[test]
fn a_script_that_compared_less_than_it_was_asked_is_not_believed() {
    check("", Err("tiny was not compared"));
    check(&line(&json!(1e-6), 1e-6, 2), Err("in tiny"));
}

#[test]
fn large_and_missing_differences_fail() {
    check(&line(&json!(1.1e-4), 1e-6, 3), Err("base 1.10e-4"));
    check(&line(&json!(1e-6), 0.5, 3), Err("in tiny"));
    check(&line(&Value::Null, 1e-6, 3), Err("base not finite"));
}
