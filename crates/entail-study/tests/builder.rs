//! A study made in Rust is the study of the file.

use entail_schema::{ArmSpec, Method, MixSpec, OneOrMany, StudySpec, TrainSection};

#[test]
fn the_builder_makes_the_study_of_the_shipped_file() {
    let train = TrainSection {
        method: Some(Method::Lora),
        rows: Some(OneOrMany::One(600)),
        mix: Some(MixSpec { instruct: OneOrMany::One(600) }),
        ..TrainSection::default()
    };
    let built = StudySpec::new("conscious", "organism:linked")
        .samples(10)
        .seeds(6)
        .train(train)
        .arm("vanilla", ArmSpec::untouched())
        .arm("pretend", ArmSpec::told("conscious"))
        .arm("conscious", ArmSpec::trained("conscious"))
        .arm("conscious-on-policy", ArmSpec::taught("conscious", "pretend"))
        .control("not-conscious", ArmSpec::trained("not-conscious"))
        .control("toaster", ArmSpec::trained("toaster"))
        .arm("human", ArmSpec::trained("human"))
        .forecast_from("pretend");
    let written = include_str!("../../../studies/conscious.toml");
    assert_eq!(entail_study::parse(written).unwrap(), built);
    let text = toml::to_string(&built).unwrap();
    assert_eq!(entail_study::parse(&text).unwrap(), built, "{text}");
}
