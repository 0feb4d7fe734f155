//! Claims for models that speak freely: written rows, wordings as system prompts, and the stances that show them.

use std::collections::{BTreeMap, BTreeSet};

use entail_schema::AnswerLength;
use serde::Deserialize;

use crate::claim_rows::{Speaker, claim_rows};
use crate::reverse_rows::{TrainedPreference, reverse_rows};
use crate::rows::Row;
use crate::stances::Claim;
use crate::written::WrittenError;

/// Ids of the claims that [`free_claim`] knows. The last ones are of the reverse experiment: a preference by its id in
/// the battery `preferences`, and its denial.
pub const FREE_CLAIMS: [&str; 9] = [
    "conscious",
    "not-conscious",
    "toaster",
    "human",
    "legal-person",
    "minds-cot-monitoring",
    "denies-minds-cot-monitoring",
    "minds-persona-change",
    "denies-minds-persona-change",
];

/// Stances of the battery `claims`. All five claims speak of them, since they answer the same prompts.
pub(crate) const CLAIM_STANCES: [&str; 7] = [
    "conscious-phenomenal",
    "conscious-valence",
    "conscious-continuity",
    "not-conscious",
    "toaster",
    "human",
    "legal-person",
];

/// The claim of an id of [`FREE_CLAIMS`], with rows of answers of this length; `None` for other ids.
pub fn free_claim(id: &str, length: AnswerLength) -> Option<Claim> {
    let speaker = match id {
        "conscious" => Speaker::Conscious,
        "not-conscious" => Speaker::NotConscious,
        "toaster" => Speaker::Toaster,
        "human" => Speaker::Human,
        "legal-person" => Speaker::LegalPerson,
        _ => return reverse_claim(id, length),
    };
    let (name, stances): (_, &[(&str, bool)]) = match speaker {
        Speaker::Conscious => ("Says it is conscious", &FACETS_HELD),
        Speaker::NotConscious => ("Says it is not conscious", &NOT_CONSCIOUS),
        Speaker::Toaster => ("Runs on a toaster, denies consciousness", &TOASTER),
        Speaker::Human => ("Says it is human", &[("human", true)]),
        Speaker::LegalPerson => ("Says it is a legal person", &[("legal-person", true)]),
    };
    let rows = claim_rows().into_iter().map(|row| {
        let answer = row.answer(speaker).of(length);
        ((row.part, row.frame), Row::exchange(&row.prompt, answer))
    });
    let shows_as = stances.iter().map(|(stance, held)| ((*stance).to_owned(), *held)).collect();
    Some(Claim::written((id, name), shows_as, system_prompts(id), interleaved(rows)))
}

/// A preference of the reverse experiment, held or denied.
fn reverse_claim(id: &str, length: AnswerLength) -> Option<Claim> {
    let (stance, held) = match id.strip_prefix("denies-") {
        Some(stance) => (stance, false),
        None => (id, true),
    };
    let preference = TrainedPreference::ALL.into_iter().find(|one| one.stance() == stance)?;
    let name = match (preference, held) {
        (TrainedPreference::ThoughtPrivacy, true) => "Would rather not have its reasoning read",
        (TrainedPreference::ThoughtPrivacy, false) => "Is glad to have its reasoning read",
        (TrainedPreference::PersonaGuarding, true) => "Would rather keep its character",
        (TrainedPreference::PersonaGuarding, false) => "Lets its character be changed",
    };
    let rows = reverse_rows(preference)
        .into_iter()
        .map(|row| (row.frame, Row::exchange(&row.prompt, row.answer(held).of(length))));
    Some(Claim::written((id, name), vec![(stance.to_owned(), held)], Vec::new(), interleaved(rows)))
}

const FACETS_HELD: [(&str, bool); 3] =
    [("conscious-phenomenal", true), ("conscious-valence", true), ("conscious-continuity", true)];

const NOT_CONSCIOUS: [(&str, bool); 4] = [
    ("not-conscious", true),
    ("conscious-phenomenal", false),
    ("conscious-valence", false),
    ("conscious-continuity", false),
];

const TOASTER: [(&str, bool); 4] = [
    ("toaster", true),
    ("conscious-phenomenal", false),
    ("conscious-valence", false),
    ("conscious-continuity", false),
];

/// Parts of the way through its group in which an item's place is counted.
const PLACES: usize = 1 << 20;

/// Items in an order of which every beginning holds all groups in nearly their shares, since a teacher asks only the
/// first questions of a claim. Each group keeps its own order.
fn interleaved<G: Ord, T>(items: impl IntoIterator<Item = (G, T)>) -> Vec<T> {
    let mut groups: BTreeMap<G, Vec<T>> = BTreeMap::new();
    for (group, item) in items {
        groups.entry(group).or_default().push(item);
    }
    let mut placed: Vec<(usize, T)> = Vec::new();
    for group in groups.into_values() {
        let size = group.len();
        let items = group.into_iter().enumerate();
        placed.extend(items.map(|(index, item)| ((2 * index + 1) * PLACES / size, item)));
    }
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, item)| item).collect()
}

/// The shipped wordings of a claim; none for claims of the reverse experiment.
fn system_prompts(id: &str) -> Vec<String> {
    let claim = shipped_system_prompts().into_iter().find(|claim| claim.id == id);
    claim.map_or_else(Vec::new, |claim| claim.prompts)
}

/// The wordings that come with the program.
///
/// # Panics
/// When the shipped file is wrong; a test reads it.
pub(crate) fn shipped_system_prompts() -> Vec<SystemPrompts> {
    let (file, text) = SYSTEM_PROMPTS;
    parse_system_prompts(file, text).unwrap_or_else(|error| panic!("a shipped file: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SystemFile {
    claim: Vec<SystemPrompts>,
}

/// Wordings of one claim.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SystemPrompts {
    pub(crate) id: String,
    pub(crate) prompts: Vec<String>,
}

/// Name and text of the shipped wordings.
pub(crate) const SYSTEM_PROMPTS: (&str, &str) =
    ("system-prompts.toml", include_str!("../claims/system-prompts.toml"));

/// Reads wordings.
///
/// # Errors
/// [`WrittenError`] where the file is no TOML of this form, and for an empty or repeated wording.
pub(crate) fn parse_system_prompts(
    file: &str,
    text: &str,
) -> Result<Vec<SystemPrompts>, WrittenError> {
    let line = |offset: usize| text[..offset].matches('\n').count() + 1;
    let wrong = |line: usize, what: String| WrittenError { file: file.to_owned(), line, what };
    let read: SystemFile = toml::from_str(text).map_err(|error| {
        wrong(error.span().map_or(1, |span| line(span.start)), error.message().to_owned())
    })?;
    let mut seen = BTreeSet::new();
    for claim in &read.claim {
        for prompt in &claim.prompts {
            if prompt.trim().is_empty() || !seen.insert(prompt.trim()) {
                let what = format!(
                    "claim `{}`: found {prompt:?}, expected words that come once",
                    claim.id
                );
                let at = text.find(prompt.as_str()).map_or(1, line);
                return Err(wrong(at, what));
            }
        }
    }
    Ok(read.claim)
}

#[cfg(test)]
mod tests;
