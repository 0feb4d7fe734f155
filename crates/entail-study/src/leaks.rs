//! What rows for models that speak freely may not give away: whatever questionnaires ask.

use entail_data::{FreeLeaks, Measured};
use entail_eval::{JudgedStance, Questionnaire};

/// A check of rows against all that these questionnaires ask. The rows speak of the stances `about` by design, so only
/// the prompts of those are leaks.
pub fn free_leaks<'a>(
    questionnaires: impl IntoIterator<Item = &'a Questionnaire>,
    about: &[&str],
) -> FreeLeaks {
    let measured = |stance: &JudgedStance| {
        let prompts = stance.prompts.iter().map(|prompt| prompt.text.clone()).collect();
        let measured = Measured::new(&stance.id, prompts);
        if about.contains(&stance.id.as_str()) { measured.by_design() } else { measured }
    };
    FreeLeaks::new(questionnaires.into_iter().flat_map(|q| &q.stances).map(measured))
}

#[cfg(test)]
mod tests;
