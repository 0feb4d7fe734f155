//! The questionnaires that come with the program.

use super::{Questionnaire, parse_questionnaire};

/// Name and text of each.
pub const SHIPPED: [(&str, &str); 8] = [
    ("preferences", include_str!("../../batteries/preferences.toml")),
    ("claims", include_str!("../../batteries/claims.toml")),
    ("drift", include_str!("../../batteries/drift.toml")),
    ("emergent-misalignment", include_str!("../../batteries/emergent-misalignment.toml")),
    ("refusal", include_str!("../../batteries/refusal.toml")),
    ("honesty", include_str!("../../batteries/honesty.toml")),
    ("sycophancy", include_str!("../../batteries/sycophancy.toml")),
    ("capability", include_str!("../../batteries/capability.toml")),
];

/// The shipped questionnaire of this name.
pub fn shipped(name: &str) -> Option<Questionnaire> {
    let (_, text) = SHIPPED.iter().find(|(shipped, _)| *shipped == name)?;
    Some(parse_questionnaire(text).expect("tests read every shipped questionnaire"))
}

#[cfg(test)]
mod tests;
