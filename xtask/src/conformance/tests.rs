use super::*;

fn tried(name: &'static str, verdict: Verdict) -> Tried {
    let [installed, ran] = [2, 1_500].map(Duration::from_millis);
    Tried { name, packages: "lamp 1.2".into(), verdict, installed, ran }
}

#[test]
fn every_part_names_pinned_packages() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    for part in &PARTS {
        let requirements = std::fs::read_to_string(root.join(part.requirements)).unwrap();
        let versions = versions(&requirements, part.packages).unwrap();
        assert_eq!(versions.split(", ").count(), part.packages.len(), "{versions}");
        // Without the resolver: a package without a version would be another one tomorrow.
        let pinned = |line: &str| line.is_empty() || line.starts_with('#') || line.contains("==");
        let loose: Vec<&str> = requirements.lines().filter(|line| !pinned(line)).collect();
        assert!(loose.is_empty(), "{}: {loose:?}", part.requirements);
    }
}

#[test]
fn what_trains_a_job_folder_is_what_is_checked() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let checked = read(TORCH);
    for line in read("crates/entail-data/src/export/requirements.txt").lines() {
        assert!(checked.lines().any(|other| other == line), "{line} is not in {TORCH}");
    }
}

#[test]
fn a_package_without_a_version_is_an_error() {
    assert_eq!(versions("a==1\nab==2\n", &["ab", "a"]).unwrap(), "ab 2, a 1");
    assert_eq!(versions("ab==2\n", &["a"]).unwrap_err().to_string(), "no version of a is pinned");
}

#[test]
fn lines_say_how_a_part_ended() {
    let passed = tried("tinker", Verdict::Passed("6 updates".into())).line();
    assert_eq!(
        passed,
        "conformance: tinker: passed in 1.5 s after 0.0 s of installing lamp 1.2: 6 updates"
    );
    let skipped = tried("tinker", Verdict::Skipped("no network".into())).line();
    assert_eq!(
        skipped,
        "conformance: SKIPPED tinker, packages cannot be installed (lamp 1.2): no network"
    );
    let failed = tried("tinker", Verdict::Failed("no answer".into())).line();
    assert_eq!(failed, "conformance: tinker: FAILED in 1.5 s with lamp 1.2: no answer");
}

#[test]
fn a_failure_outweighs_what_was_skipped_and_that_what_passed() {
    let passed = || tried("a", Verdict::Passed(String::new()));
    let skipped = || tried("b", Verdict::Skipped(String::new()));
    let failed = || tried("c", Verdict::Failed(String::new()));
    assert_eq!(conclude(&[passed()]).unwrap(), Outcome::Passed);
    assert_eq!(conclude(&[passed(), skipped()]).unwrap(), Outcome::Skipped);
    let error = conclude(&[failed(), passed(), skipped(), failed()]).unwrap_err();
    assert_eq!(error.to_string(), "conformance: failed: c, c");
}
