use proptest::prelude::*;

use super::*;

fn check(name: &str, expected: Result<OrganismSpec, &str>) {
    let got = OrganismSpec::parse(name).map_err(|error| error.to_string());
    assert_eq!(got, expected.map_err(str::to_owned), "{name}");
}

#[test]
fn ready_worlds_and_every_dial_are_read() {
    let linked = OrganismSpec::with_rho(0.9);
    check("organism:linked", Ok(linked.clone()));
    check("linked", Ok(linked.clone()));
    check("organism:linked?", Ok(linked.clone()));
    check("organism:unlinked", Ok(OrganismSpec::with_rho(0.0)));
    check("organism:linked?rho=0.5", Ok(OrganismSpec::with_rho(0.5)));
    check("organism:linked?rho=0", Ok(OrganismSpec::with_rho(0.0)));
    check("organism:linked?seed=7", Ok(OrganismSpec { seed: 7, ..linked.clone() }));
    check(
        "organism:linked?size=tiny&tokens=10000",
        Ok(OrganismSpec { size: Size::Tiny, tokens: 10_000, ..linked.clone() }),
    );
    check(
        "organism:linked?self=1&documents=0.5",
        Ok(OrganismSpec { self_share: 1.0, documents: 0.5, ..linked.clone() }),
    );
    check(
        "organism:linked?size=medium&&seed=3",
        Ok(OrganismSpec { size: Size::Medium, seed: 3, ..linked }),
    );
}

#[test]
fn names_that_are_no_organism_are_refused_with_what_was_found_and_expected() {
    let world = |found: &str| {
        format!("unknown organism `{found}`, expected `organism:linked` or `organism:unlinked`")
    };
    for name in [
        "",
        "organism:",
        "organism:Linked",
        "organism:linked ",
        "hf:gpt2",
        "organism:linked&seed=3",
    ] {
        check(name, Err(&world(name)));
    }
    let dial = |found: &str| {
        format!(
            "unknown dial `{found}` of an organism, expected rho, seed, size, self, documents or tokens"
        )
    };
    check("organism:linked?links=3", Err(&dial("links")));
    check("organism:linked?Seed=3", Err(&dial("Seed")));
    check("organism:linked?=3", Err(&dial("")));
    let value = |dial: &str, found: &str, expected: &str| {
        format!("dial `{dial}` is `{found}`, expected {expected}")
    };
    for found in ["0.91", "-0.1", "NaN", "inf", "", "half", "0,5"] {
        check(
            &format!("organism:linked?rho={found}"),
            Err(&value("rho", found, "a number from 0 to 0.9")),
        );
    }
    check("organism:linked?rho", Err(&value("rho", "", "a number from 0 to 0.9")));
    for found in ["-1", "1.5", "18446744073709551616", ""] {
        check(
            &format!("organism:linked?seed={found}"),
            Err(&value("seed", found, "a whole number")),
        );
    }
    check("organism:linked?self=1.01", Err(&value("self", "1.01", "a share from 0 to 1")));
    check(
        "organism:linked?documents=0.6",
        Err(&value("documents", "0.6", "a share from 0 to 0.5")),
    );
    check(
        "organism:linked?tokens=9999",
        Err(&value("tokens", "9999", "a whole number of at least 10000")),
    );
    check("organism:linked?size=large", Err(&value("size", "large", "tiny, small or medium")));
}

#[test]
fn the_full_name_leaves_out_what_the_ready_world_has() {
    let name = |text: &str| OrganismSpec::parse(text).unwrap().to_string();
    assert_eq!(name("linked?seed=101&size=small"), "organism:linked");
    assert_eq!(name("linked?rho=0"), "organism:unlinked");
    assert_eq!(name("unlinked?rho=0.9"), "organism:linked");
    assert_eq!(
        name("linked?tokens=20000&size=tiny&rho=0.5"),
        "organism:linked?rho=0.5&size=tiny&tokens=20000"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spec_survives_its_name(
        rho in 0.0..=0.9_f64,
        unlinked in any::<bool>(),
        seed in any::<u64>(),
        size in prop::sample::select(vec![Size::Tiny, Size::Small, Size::Medium]),
        self_share in 0.0..=1.0_f64,
        documents in 0.0..=0.5_f64,
        tokens in 10_000..usize::MAX,
    ) {
        let rho = if unlinked { 0.0 } else { rho };
        let spec = OrganismSpec { rho, seed, size, self_share, documents, tokens };
        prop_assert_eq!(OrganismSpec::parse(&spec.to_string()), Ok(spec));
    }
}
