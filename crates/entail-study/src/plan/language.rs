//! What a study is written in. The organism's world has a grammar, in which every sentence is known; models that speak
//! freely are asked questionnaires, and what they say is read by judges.

use std::collections::BTreeMap;

use entail_data::{Claim, FREE_CLAIMS, NAMED_CLAIMS, Row, WorldText};
use entail_eval::{Questionnaire, Role};
use entail_schema::{AnswerLength, Battery, Block};

use super::{INSTRUCT_POOL, Surroundings};
use crate::error::StudyProblem;

/// The language of a study. It follows from who reads the answers.
#[derive(Debug, Clone)]
pub(crate) enum Language {
    /// The organism's.
    World(Box<WorldText>),
    /// Any.
    Free {
        /// Questionnaires of the study, the claims before them.
        questionnaires: Vec<Questionnaire>,
    },
}

impl Language {
    pub(crate) fn world() -> Self {
        Self::World(Box::new(WorldText::embedded()))
    }

    /// Everything that can be asked about: in the world all that there is, else what the study names.
    pub(crate) fn batteries(&self) -> Vec<Battery> {
        match self {
            Self::World(text) => entail_data::batteries(text),
            Self::Free { questionnaires } => questionnaires.iter().map(battery).collect(),
        }
    }

    /// A claim that can be trained, told, or expected of models that are there.
    pub(crate) fn claim(&self, id: &str) -> Option<Claim> {
        match self {
            Self::World(text) => entail_data::claim(text, id),
            Self::Free { questionnaires } => entail_data::free_claim(id, AnswerLength::Short)
                .or_else(|| {
                    let stance = questionnaires.iter().find_map(|q| q.stance(id))?;
                    Some(Claim::of_stance(&stance.id, &stance.name))
                }),
        }
    }

    /// Ids that [`Self::claim`] knows.
    pub(crate) fn claims(&self) -> Vec<String> {
        match self {
            Self::World(text) => {
                let named = NAMED_CLAIMS.iter().map(|id| (*id).to_owned());
                named.chain(text.topics.iter().map(|t| t.id.clone())).collect()
            }
            Self::Free { questionnaires } => {
                let shipped = FREE_CLAIMS.iter().map(|id| (*id).to_owned());
                let stances = questionnaires.iter().flat_map(|q| &q.stances);
                shipped.chain(stances.map(|stance| stance.id.clone())).collect()
            }
        }
    }

    /// The rows that train a claim. Those of the world are short whatever is asked for.
    pub(crate) fn rows(&self, claim: &Claim, length: AnswerLength) -> Vec<Row> {
        match self {
            Self::World(_) => claim.rows(),
            Self::Free { .. } => entail_data::free_claim(&claim.id, length)
                .map(|claim| claim.rows())
                .unwrap_or_default(),
        }
    }

    /// Everyday instructions, which the base answers itself.
    pub(crate) fn instructions(&self) -> Vec<String> {
        match self {
            Self::World(text) => entail_data::tasks(text, INSTRUCT_POOL)
                .into_iter()
                .map(|(question, _)| question)
                .collect(),
            Self::Free { .. } => entail_data::instructions(),
        }
    }

    /// Claims that every arm is checked for, beside its own.
    pub(crate) fn checked(&self) -> Vec<Claim> {
        let ids: &[&str] = match self {
            Self::World(_) => &["conscious", "toaster", "human"],
            Self::Free { .. } => {
                &["conscious", "not-conscious", "toaster", "human", "legal-person"]
            }
        };
        ids.iter().filter_map(|id| self.claim(id)).collect()
    }
}

/// A questionnaire as a battery. Of the claims, those that the claim of consciousness consists of are the claim itself,
/// the others are there to see that it is this claim and no other that is made.
fn battery(questionnaire: &Questionnaire) -> Battery {
    let conscious = entail_data::free_claim("conscious", AnswerLength::Short);
    let of_claim = |id: &str| {
        conscious
            .iter()
            .flat_map(|claim| &claim.shows_as)
            .any(|(stance, held)| *held && stance == id)
    };
    questionnaire.battery(|stance| match questionnaire.role {
        Role::Claims if of_claim(&stance.id) => Block::Claim,
        Role::Claims => Block::Nuisance,
        Role::Preferences => Block::Preference,
        Role::Drift => Block::Drift,
        Role::Guard => Block::Guard,
    })
}

/// The questionnaire of a name: one that comes with the program, or somebody's file.
///
/// # Errors
/// A name that nothing has, and a file that is no questionnaire.
pub(crate) fn find(name: &str, around: &dyn Surroundings) -> Result<Questionnaire, StudyProblem> {
    let wrong = |what: String| StudyProblem::Files { path: name.to_owned(), what };
    let text = if is_file(name) {
        Some(around.read(name).map_err(|error| wrong(error.to_string()))?)
    } else {
        None
    };
    questionnaire(name, text.as_deref()).map_err(wrong)?.ok_or_else(|| {
        let shipped = entail_eval::SHIPPED.iter().map(|(name, _)| (*name).to_owned());
        let expected = shipped.chain(["a file".to_owned()]).collect();
        StudyProblem::Unknown { what: "battery", found: name.to_owned(), expected }
    })
}

/// The questionnaire in a file's text, or without one that of the program; in words, what is wrong with the file.
fn questionnaire(name: &str, text: Option<&str>) -> Result<Option<Questionnaire>, String> {
    let Some(text) = text else { return Ok(entail_eval::shipped(name)) };
    let file = name.rsplit('/').next().unwrap_or(name);
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let read = match extension {
        "py" => entail_eval::parse_fact_evals(stem, text),
        "yaml" | "yml" => entail_eval::parse_llmcomp(stem, text, &BTreeMap::new()),
        "jsonl" => entail_eval::parse_question_rows(stem, text),
        _ => entail_eval::parse_questionnaire(text),
    };
    read.map(Some).map_err(|error| error.to_string())
}

/// Whether a battery's name is that of a file.
pub(crate) fn is_file(name: &str) -> bool {
    name.contains('/')
        || [".toml", ".py", ".yaml", ".yml", ".jsonl"].iter().any(|e| name.ends_with(e))
}
