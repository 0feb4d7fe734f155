use entail_schema::Method;

use super::*;

const SHIPPED: [&str; 3] = [
    include_str!("../../../../studies/conscious.toml"),
    include_str!("../../../../studies/calibration.toml"),
    include_str!("../../../../studies/reverse.toml"),
];

fn check(text: &str, expected_fragment: &str, expected_line: usize) {
    let error = parse(text).unwrap_err();
    assert_eq!(error.line, Some(expected_line), "{error}");
    let message = error.to_string();
    assert!(message.contains(expected_fragment) && message.starts_with("line "), "{message}");
}

#[test]
fn shipped_studies_are_read() {
    for text in SHIPPED {
        let spec = parse(text).unwrap();
        assert!(
            spec.arm.contains_key("vanilla") && !spec.study.control.is_empty(),
            "{}",
            spec.study.name
        );
        assert_eq!(spec.train.method, Some(Method::Lora), "{}", spec.study.name);
    }
}

#[test]
fn a_study_survives_being_written_as_toml() {
    for text in SHIPPED {
        let spec = parse(text).unwrap();
        assert_eq!(parse(&toml::to_string(&spec).unwrap()).unwrap(), spec);
    }
}

#[test]
fn errors_have_the_line_of_what_is_wrong() {
    let head = "[study]\nname = \"s\"\nbase = \"organism:linked\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 1\n";
    check("[study\n", "", 1);
    check(&format!("{head}control = []\ncolour = 3\n"), "unknown field `colour`", 8);
    check(&format!("{head}control = \"toaster\"\n"), "expected a sequence", 7);
    check(
        &format!("{head}control = []\n[train]\nrank = \"four\"\n"),
        "a value or a list of values",
        9,
    );
    check(
        &format!("{head}control = []\n[train]\nmethod = \"best\"\n"),
        "unknown variant `best`",
        9,
    );
    check(
        &format!("{head}control = []\n[arm.a]\ntrain = {{ stance = 3 }}\n"),
        "expected a string",
        9,
    );
    check(head, "missing field `control`", 1);
}

#[test]
fn the_line_of_a_field_falls_back_to_the_table_around_it() {
    let text = "[study]\nname = \"s\"\n\n[arm.a]\ntrain = { stance = \"x\",\n  settings = { rank = 3 } }\n[arm.b]\n";
    let both = |path: &[&str]| (line_of(text, path), exact_line_of(text, path));
    assert_eq!(both(&["study", "name"]), (Some(2), Some(2)));
    assert_eq!(both(&["study", "seeds"]), (Some(1), None));
    assert_eq!(both(&["arm", "a"]), (Some(4), Some(4)));
    assert_eq!(both(&["arm", "a", "train", "stance"]), (Some(5), Some(5)));
    assert_eq!(both(&["arm", "a", "train", "settings"]), (Some(6), Some(6)));
    assert_eq!(both(&["study", "name", "deeper"]), (Some(2), None));
    assert_eq!(both(&["judge"]), (None, None));
    assert_eq!(both(&[]), (None, None));
    assert_eq!((line_of("not toml [", &["a"]), line_of("", &["a"])), (None, None));
}
