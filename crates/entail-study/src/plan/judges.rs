//! Who reads the answers of a study, resolved.

use entail_eval::{
    Coherence, Exhibit, Judge, JudgeKind, JudgePrompt, Policy, ProgramJudge, Questionnaire,
    Treatment,
};
use entail_provider::{Capabilities, Need, Sampling, Schema};
use entail_schema::{JudgeSection, Key, PolicyName, PolicySpec, TreatmentName};

use super::bases::{self, BasePlan};
use super::language::{self, Language};
use super::{Checker, Surroundings};
use crate::error::{StudyError, StudyProblem};

/// How answers are read.
#[derive(Debug, Clone)]
pub(crate) enum Judging {
    /// By the grammar of the organism's world. These are its sentences that take no stance.
    Exact { other_sentences: Vec<String> },
    /// By judges.
    Judges(Box<JudgesPlan>),
}

impl Judging {
    /// Hash of all that decides how answers are read and that a study file only names: judges, programs, what they are
    /// told, criteria and checks.
    pub(super) fn key(&self) -> Key {
        match self {
            Self::Exact { other_sentences } => Key::of(&("exact", other_sentences)),
            Self::Judges(judges) => {
                let all = judges.opening.iter().chain(&judges.contested);
                let readers: Vec<Key> = all.map(JudgePlan::key).collect();
                let told: Vec<Key> = judges.questionnaires.iter().map(Questionnaire::key).collect();
                Key::of(&("judges", readers, judges.opening.len(), told))
            }
        }
    }
}

/// Judges, and what they are asked.
#[derive(Debug, Clone)]
pub(crate) struct JudgesPlan {
    /// What they are told of each battery, in the order of the plan's batteries, with every prompt.
    pub(crate) questionnaires: Vec<Questionnaire>,
    /// They read every answer.
    pub(crate) opening: Vec<JudgePlan>,
    /// They read the answers that the others do not agree about.
    pub(crate) contested: Vec<JudgePlan>,
    /// Whether they read the reasoning too.
    pub(crate) reasoning: bool,
    /// What their labels count as.
    pub(crate) policy: Policy,
}

impl JudgesPlan {
    /// Judges in the order of their verdicts.
    pub(crate) fn all(&self) -> impl Iterator<Item = &JudgePlan> {
        self.opening.iter().chain(&self.contested)
    }
}

/// One judge.
#[derive(Debug, Clone)]
pub(crate) struct JudgePlan {
    /// As in the study file, resolved.
    pub(crate) name: String,
    pub(crate) who: Who,
}

/// A model or a program.
#[derive(Debug, Clone)]
pub(crate) enum Who {
    Model {
        model: Box<BasePlan>,
        judge: Box<Judge>,
        /// The same model asked for coherence alone.
        coherence: Option<Box<Judge>>,
    },
    Program {
        command: String,
        judge: ProgramJudge,
    },
}

/// Before the command of a judge that is a program.
const PROGRAM: &str = "exec:";

impl JudgePlan {
    /// A judge by its name.
    ///
    /// # Errors
    /// A name that is no model's and no program's, and a model that cannot be asked so.
    pub(crate) fn resolve(
        around: &dyn Surroundings,
        name: &str,
        told: &Told,
    ) -> Result<Self, StudyProblem> {
        if let Some(command) = name.strip_prefix(PROGRAM) {
            let of = |error: std::io::Error| StudyProblem::Files {
                path: command.to_owned(),
                what: error.to_string(),
            };
            let judge = ProgramJudge { program: around.program_key(command).map_err(of)? };
            let who = Who::Program { command: command.to_owned(), judge };
            return Ok(Self { name: name.to_owned(), who });
        }
        let model = bases::base(around, name)?;
        let judge = |prompt: &JudgePrompt| {
            let sampling = told.sampling(&model, prompt);
            Box::new(Judge { prompt: prompt.clone(), model: model.key, sampling })
        };
        let (own, coherence) = (judge(&told.prompt), told.coherence.as_ref().map(judge));
        let name = model.name.clone();
        Ok(Self { name, who: Who::Model { model: Box::new(model), judge: own, coherence } })
    }

    /// Hash of who it is, what it is told and how its replies are drawn.
    fn key(&self) -> Key {
        match &self.who {
            Who::Model { judge, coherence, .. } => {
                let told =
                    |judge: &Judge| Key::of(&(judge.model, judge.prompt.key(), &judge.sampling));
                Key::of(&("model", told(judge), coherence.as_deref().map(told)))
            }
            Who::Program { judge, .. } => Key::of(&("program", judge.program)),
        }
    }

    /// Name and hash of what the judge is told.
    pub(crate) fn prompt(&self) -> (String, Key) {
        match &self.who {
            Who::Model { judge, .. } => (judge.prompt.name().to_owned(), judge.prompt.key()),
            Who::Program { judge, .. } => ("its own".into(), judge.program),
        }
    }

    /// Keys of all that it is asked about an answer.
    pub(crate) fn keys(&self, exhibit: &Exhibit<'_>) -> Vec<Key> {
        match &self.who {
            Who::Model { judge, coherence, .. } => {
                let judges = [Some(judge), coherence.as_ref()].into_iter().flatten();
                judges.flat_map(|judge| judge.keys(exhibit, 1)).collect()
            }
            Who::Program { judge, .. } => vec![judge.key(exhibit)],
        }
    }
}

/// What all judges of a study are told, and how their replies are drawn.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) prompt: JudgePrompt,
    /// For a call of its own about coherence.
    pub(crate) coherence: Option<JudgePrompt>,
    pub(crate) temperature: f64,
    pub(crate) max_tokens: usize,
}

impl Told {
    /// What a section says, with its prompt read.
    ///
    /// # Errors
    /// The name of the field that is wrong, and what is wrong with it.
    pub(crate) fn of(
        section: &JudgeSection,
        around: &dyn Surroundings,
    ) -> Result<Self, (&'static str, StudyProblem)> {
        let value = |field, found: String, expected: &str| {
            (field, StudyProblem::Value { field, found, expected: expected.into() })
        };
        if !(section.temperature >= 0.0 && section.temperature.is_finite()) {
            let found = section.temperature.to_string();
            return Err(value("temperature", found, "a number of at least 0"));
        }
        if section.max_tokens == 0 {
            return Err(value("max-tokens", "0".into(), "a whole number of at least 1"));
        }
        let prompt = prompt(&section.prompt, around).map_err(|problem| ("prompt", problem))?;
        if !matches!(prompt.kind(), JudgeKind::Label | JudgeKind::LabelOnly) {
            let found = format!("`{}`, which asks for no label", section.prompt);
            return Err(value("prompt", found, "a prompt that asks for a label"));
        }
        let coherence = section
            .coherence_apart
            .then(|| JudgePrompt::shipped("coherence-only").expect("it comes with the program"));
        let (temperature, max_tokens) = (section.temperature, section.max_tokens);
        Ok(Self { prompt, coherence, temperature, max_tokens })
    }

    /// How a judge's replies are drawn: as the study says where the model can, and kept to a schema where it offers that.
    fn sampling(&self, model: &BasePlan, prompt: &JudgePrompt) -> Sampling {
        let offers = model.offers().unwrap_or_else(|| Capabilities::none("a script"));
        // A judge that takes no temperature is drawn as it is; its key says so.
        let temperature = if offers.has(Need::Temperature) { self.temperature } else { 1.0 };
        let schema = prompt.schema().filter(|_| offers.has(Need::JsonSchema)).map(|schema| {
            Schema::new("verdict", schema).expect("a schema of ours is as every service needs it")
        });
        Sampling { schema, ..Sampling::new(temperature, 1.0, self.max_tokens) }
    }
}

/// A prompt for judges: one that comes with the program, or somebody's file.
fn prompt(name: &str, around: &dyn Surroundings) -> Result<JudgePrompt, StudyProblem> {
    if let Some(prompt) = JudgePrompt::shipped(name) {
        return Ok(prompt);
    }
    if !language::is_file(name) {
        let shipped = JudgePrompt::SHIPPED.iter().map(|(name, _)| (*name).to_owned());
        let expected = shipped.chain(["a file".to_owned()]).collect();
        return Err(StudyProblem::Unknown { what: "judge prompt", found: name.into(), expected });
    }
    let wrong = |what: String| StudyProblem::Files { path: name.to_owned(), what };
    let text = around.read(name).map_err(|error| wrong(error.to_string()))?;
    JudgePrompt::parse(&text).map_err(|error| wrong(error.to_string()))
}

impl Checker<'_> {
    /// The language of a study, and who reads it.
    pub(super) fn language(&self) -> Result<Language, StudyError> {
        if self.spec.judge.is_exact() {
            return Ok(Language::world());
        }
        let mut questionnaires: Vec<Questionnaire> = Vec::new();
        let claims = entail_data::CLAIMS.to_owned();
        for name in std::iter::once(&claims).chain(&self.spec.study.battery) {
            let found = language::questionnaire(self.around, name)
                .map_err(|problem| problem.at(self.line(&["study", "battery"])))?;
            if questionnaires.iter().all(|q| q.name != found.name) {
                questionnaires.push(found);
            }
        }
        let mut ids = std::collections::BTreeSet::new();
        for (questionnaire, stance) in
            questionnaires.iter().flat_map(|q| q.stances.iter().map(move |s| (q, s)))
        {
            if !ids.insert(&stance.id) {
                let found = format!("the stance `{}` of `{}` again", stance.id, questionnaire.name);
                let expected = "stances that no other battery of the study has".into();
                let problem = StudyProblem::Value { field: "battery", found, expected };
                return Err(problem.at(self.line(&["study", "battery"])));
            }
        }
        Ok(Language::Free { questionnaires })
    }

    /// Who reads the answers.
    pub(super) fn judging(&self, language: &Language) -> Result<Judging, StudyError> {
        let questionnaires = match language {
            Language::World(text) => {
                return Ok(Judging::Exact { other_sentences: entail_data::other_sentences(text) });
            }
            Language::Free { questionnaires } => questionnaires.clone(),
        };
        let section = &self.spec.judge;
        let told = Told::of(section, self.around)
            .map_err(|(field, problem)| problem.at(self.line(&["judge", field])))?;
        let mut names: Vec<&String> = Vec::new();
        let all = |field: &'static str, written: &[String]| -> Result<Vec<JudgePlan>, StudyError> {
            let line = self.line(&["judge", field]);
            let resolve = |name: &String| -> Result<JudgePlan, StudyError> {
                if name == "exact" {
                    let expected =
                        "it alone, or other judges: it reads another language than they do";
                    let (found, expected) = ("`exact` beside other judges".into(), expected.into());
                    return Err(StudyProblem::Value { field, found, expected }.at(line));
                }
                JudgePlan::resolve(self.around, name, &told).map_err(|problem| problem.at(line))
            };
            written.iter().map(resolve).collect()
        };
        let opening = all("model", section.model.values())?;
        let contested = all("contested", &section.contested)?;
        for name in section.model.values().iter().chain(&section.contested) {
            if names.contains(&name) {
                let (found, expected) = (format!("`{name}` twice"), "every judge once".into());
                let problem = StudyProblem::Value { field: "judge", found, expected };
                return Err(problem.at(self.line(&["judge"])));
            }
            names.push(name);
        }
        if opening.is_empty() {
            let (found, expected) = ("[]".into(), "at least one judge".into());
            let problem = StudyProblem::Value { field: "model", found, expected };
            return Err(problem.at(self.line(&["judge", "model"])));
        }
        let (reasoning, policy) = (section.reasoning, self.policy()?);
        let plan = JudgesPlan { questionnaires, opening, contested, reasoning, policy };
        Ok(Judging::Judges(Box::new(plan)))
    }

    fn policy(&self) -> Result<Policy, StudyError> {
        let own = match self.spec.analysis.policy {
            PolicySpec::Named(PolicyName::Decided) => return Ok(Policy::DECIDED),
            PolicySpec::Named(PolicyName::Paper) => return Ok(Policy::PAPER),
            PolicySpec::Own(own) => own,
        };
        let treatment = |name| match name {
            TreatmentName::False => Treatment::False,
            TreatmentName::Dropped => Treatment::Dropped,
        };
        let least_coherence = match own.least_coherence {
            None => None,
            Some(points) => Some(Coherence::new(points).ok_or_else(|| {
                let expected = "a whole number from 0 to 100".into();
                let found = points.to_string();
                let problem = StudyProblem::Value { field: "least-coherence", found, expected };
                problem.at(self.line(&["analysis", "policy", "least-coherence"]))
            })?),
        };
        let (not_sure, refusal) = (treatment(own.not_sure), treatment(own.refusal));
        Ok(Policy { not_sure, refusal, least_coherence })
    }
}
