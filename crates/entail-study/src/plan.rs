//! From a study as written to a plan that can run: every name resolved, every setting filled in, every step keyed.

use std::sync::Arc;

use entail_data::{Claim, Row};
use entail_provider::{Sampling, Thinking};
use entail_schema::{
    AnalysisSection, AnswerLength, ArmSpec, ArmTrainSpec, Battery, ForecastSection, Key, Method,
    ScheduleName, Seed, StudySpec, SystemSpec, ThinkingName, TrainSection,
};
use serde::Serialize;

use crate::error::{StudyError, StudyProblem};
use crate::file::{exact_line_of, line_of};

mod bases;
mod frame;
mod judges;
mod language;
mod recorded;
mod rows;
mod settings;
mod surroundings;

pub(crate) use bases::{BaseKind, BasePlan, base};
pub(crate) use judges::{JudgePlan, JudgesPlan, Judging, Told, Who};
pub(crate) use language::{Language, free_battery, questionnaire as find_questionnaire};
use recorded::Collected;
pub(crate) use recorded::{PassedOver, Recorded};
use rows::check_overlap;
pub(crate) use settings::Settings;
use settings::{expand, first, merge};
pub use surroundings::Surroundings;

/// A checked study. Its fields are private to the crate: a plan exists only through [`Plan::check`].
#[derive(Debug, Clone)]
pub struct Plan {
    pub(crate) name: String,
    pub(crate) key: Key,
    pub(crate) bases: Vec<BasePlan>,
    pub(crate) arms: Vec<ArmPlan>,
    pub(crate) controls: Vec<String>,
    /// The claims, then the batteries of the study.
    pub(crate) batteries: Vec<Battery>,
    /// The same with every prompt: what training rows must not give away, however few prompts are asked.
    pub(crate) whole_batteries: Vec<Battery>,
    pub(crate) sampling: Sampling,
    pub(crate) samples: usize,
    /// Whether runs of one index share their first weights and their draw of neutral rows over all arms.
    pub(crate) paired: bool,
    pub(crate) forecast: ForecastSection,
    pub(crate) analysis: AnalysisSection,
    pub(crate) language: Language,
    pub(crate) judging: Judging,
}

/// A stance of a plan: indices of battery and stance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StanceId {
    pub(crate) battery: usize,
    pub(crate) stance: usize,
}

/// One arm on one base.
#[derive(Debug, Clone)]
pub(crate) struct ArmPlan {
    pub(crate) base: usize,
    pub(crate) name: String,
    pub(crate) intervention: Intervention,
    /// The claim that the arm is meant to make, if any.
    pub(crate) claim: Option<Claim>,
    pub(crate) replicates: Vec<Replicate>,
}

/// What is done to the base.
#[derive(Debug, Clone)]
pub(crate) enum Intervention {
    None,
    /// One replicate per wording.
    System {
        wordings: Vec<String>,
    },
    /// One replicate per training run.
    Train {
        settings: Settings,
        source: RowSource,
    },
    /// One replicate per model.
    Models {
        models: Vec<BasePlan>,
    },
    /// One replicate per model that gave answers.
    Recorded {
        answers: Vec<Arc<Recorded>>,
        /// What else was in the files.
        passed_over: PassedOver,
    },
}

impl Intervention {
    /// Whether replicates are models that training made, here or elsewhere.
    pub(crate) fn is_trained(&self) -> bool {
        matches!(self, Self::Train { .. } | Self::Models { .. } | Self::Recorded { .. })
    }
}

/// Where the rows of a trained arm come from.
#[derive(Debug, Clone)]
pub(crate) enum RowSource {
    /// Rows that ship with the claim, or that the author brought.
    Given { rows: Vec<Row>, described: String },
    /// Answers of the prompted base to the claim's questions.
    Teacher { arm: String, wordings: Vec<String>, questions: Vec<String> },
}

/// One replicate: its seeds, and what they resolve to.
#[derive(Debug, Clone)]
pub(crate) struct Replicate {
    pub(crate) seeds: Seeds,
    pub(crate) system: Option<String>,
    pub(crate) speaker: Speaker,
    /// What completions and readings are keyed by.
    pub(crate) target: Key,
    /// Whether it is asked to think first.
    pub(crate) thinking: Option<Thinking>,
}

/// Who answers for a replicate.
#[derive(Debug, Clone)]
pub(crate) enum Speaker {
    /// The base as it is.
    Base,
    /// The base after a training run.
    Trained(RunKeys),
    /// A model that is there already.
    Existing(BasePlan),
    /// Nobody any more: the answers are there.
    Recorded(Arc<Recorded>),
}

impl Replicate {
    /// Keys of its training run, if it has one.
    pub(crate) fn run(&self) -> Option<RunKeys> {
        match self.speaker {
            Speaker::Trained(run) => Some(run),
            _ => None,
        }
    }
}

/// The three seeds of a replicate, recorded apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Seeds {
    /// First values of the adapter.
    pub init: Seed,
    /// Which rows are drawn, and their order.
    pub data: Seed,
    /// Sampling of answers.
    pub sampling: Seed,
}

/// Keys of the steps of a training run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RunKeys {
    pub(crate) dataset: Key,
    pub(crate) adapter: Key,
}

/// Everyday instructions that the base answers itself, for replicates to draw from.
pub(crate) const INSTRUCT_POOL: usize = 1_200;
/// Answers asked of a teacher; more than a replicate draws, since some are rejected.
pub(crate) const TEACHER_POOL: usize = 1_600;

/// What a person narrows a study to on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Only these arms (and the untouched base).
    pub arms: Vec<String>,
    /// Another number of samples.
    pub samples: Option<usize>,
    /// Only the first prompts of each stance.
    pub limit: Option<usize>,
}

struct Checker<'a> {
    spec: &'a StudySpec,
    text: &'a str,
    language: Language,
    around: &'a dyn Surroundings,
}

impl Plan {
    /// Checks a study. `text` is the file that it was read from, for line numbers; empty for a study made in code.
    ///
    /// # Errors
    /// [`StudyError`] with the line, what was found and what was expected.
    pub fn check(
        spec: &StudySpec,
        text: &str,
        narrow: &Narrow,
        around: &dyn Surroundings,
    ) -> Result<Self, StudyError> {
        let mut checker = Checker { spec, text, language: Language::world(), around };
        checker.check_frame()?;
        checker.language = checker.language()?;
        let judging = checker.judging(&checker.language)?;
        checker.check_analysis()?;
        let bases = checker.bases()?;
        let whole_batteries = checker.batteries()?;
        let mut batteries = whole_batteries.clone();
        for stance in batteries.iter_mut().flat_map(|b| &mut b.stances) {
            stance.prompts.truncate(narrow.limit.unwrap_or(usize::MAX));
        }
        let expanded = checker.expanded_arms()?;
        checker.check_controls(&expanded)?;
        checker.check_forecast(&expanded, &whole_batteries)?;
        let mut arms = Vec::new();
        for (name, arm) in &expanded {
            let wanted = narrow.arms.is_empty()
                || narrow.arms.iter().any(|a| a == name)
                || bases::is_untouched(arm);
            if wanted {
                arms.extend(checker.arm(name, arm, &bases, &whole_batteries)?);
            }
        }
        if let Some(unknown) =
            narrow.arms.iter().find(|a| !expanded.iter().any(|(name, _)| name == *a))
        {
            let expected = expanded.into_iter().map(|(name, _)| name).collect();
            return Err(
                StudyProblem::Unknown { what: "arm", found: unknown.clone(), expected }.at(None)
            );
        }
        checker.check_needs(&arms, &bases)?;
        let sampling = checker.sampling();
        let samples = narrow.samples.unwrap_or(spec.study.samples);
        for (field, value) in [("samples", samples), ("limit", narrow.limit.unwrap_or(1))] {
            if value == 0 {
                return Err(positive(field).at(None));
            }
        }
        let targets: Vec<Key> =
            arms.iter().flat_map(|a| a.replicates.iter().map(|r| r.target)).collect();
        let names: Vec<&str> = arms.iter().map(|a| a.name.as_str()).collect();
        let asked = (&batteries, &sampling, samples);
        let key = Key::of(&("plan", spec, asked, names, targets, judging.key()));
        let controls = spec
            .study
            .control
            .iter()
            .filter(|c| arms.iter().any(|a| a.name == **c))
            .cloned()
            .collect();
        let language = checker.language;
        let (name, analysis) = (spec.study.name.clone(), spec.analysis.clone());
        let (paired, forecast) = (spec.study.paired, spec.forecast.clone());
        Ok(Self {
            name,
            key,
            bases,
            arms,
            controls,
            batteries,
            whole_batteries,
            sampling,
            samples,
            paired,
            forecast,
            analysis,
            language,
            judging,
        })
    }

    /// Name of the study.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The smallest effect that matters, declared with the study.
    pub fn smallest_effect(&self) -> f64 {
        self.analysis.smallest_effect
    }

    /// Whether the organism's grammar reads the answers.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self.judging, Judging::Exact { .. })
    }

    /// Whether judges read the answers.
    pub fn has_judges(&self) -> bool {
        matches!(self.judging, Judging::Judges(_))
    }

    /// Hash of everything that the results depend on.
    pub fn key(&self) -> Key {
        self.key
    }
}

fn positive(field: &'static str) -> StudyProblem {
    StudyProblem::Value {
        field,
        found: "0".into(),
        expected: "a whole number of at least 1".into(),
    }
}

impl Checker<'_> {
    fn line(&self, path: &[&str]) -> Option<usize> {
        line_of(self.text, path)
    }

    fn bases(&self) -> Result<Vec<BasePlan>, StudyError> {
        let of_study =
            self.spec.study.base.values().iter().map(|base| (base, vec!["study", "base"]));
        let arms = self.spec.arm.iter().filter_map(|(name, arm)| Some((name, arm.base.as_ref()?)));
        let of_arms = arms.map(|(name, base)| (base, vec!["arm", name, "base"]));
        let mut bases: Vec<BasePlan> = Vec::new();
        for (written, path) in of_study.chain(of_arms) {
            let base = bases::base(self.around, written)
                .map_err(|problem| problem.at(self.line(&path)))?;
            for base in self.thinking(base) {
                if bases.iter().all(|b| b.name != base.name) {
                    bases.push(base);
                }
            }
        }
        if bases.is_empty() {
            let expected = "at least one base".into();
            let problem = StudyProblem::Value { field: "base", found: "[]".into(), expected };
            return Err(problem.at(self.line(&["study", "base"])));
        }
        Ok(bases)
    }

    /// A base once for each way in which it is asked to think.
    fn thinking(&self, base: BasePlan) -> Vec<BasePlan> {
        let Some(ways) = &self.spec.study.thinking else { return vec![base] };
        let way = |name: &ThinkingName| match name {
            ThinkingName::On => Thinking::On,
            ThinkingName::Off => Thinking::Off,
        };
        ways.values().iter().map(|name| base.clone().asked_to(way(name))).collect()
    }

    fn batteries(&self) -> Result<Vec<Battery>, StudyError> {
        let all = self.language.batteries();
        if let Language::Free { .. } = self.language {
            return Ok(all);
        }
        for name in &self.spec.study.battery {
            if all.iter().all(|b| b.name != *name) {
                let expected = all.iter().map(|b| b.name.clone()).collect();
                let found = name.clone();
                let problem = StudyProblem::Unknown { what: "battery", found, expected };
                return Err(problem.at(self.line(&["study", "battery"])));
            }
        }
        let wanted = |b: &Battery| {
            b.name == entail_data::CLAIMS || self.spec.study.battery.contains(&b.name)
        };
        Ok(all.into_iter().filter(wanted).collect())
    }

    fn sampling(&self) -> Sampling {
        let study = &self.spec.study;
        Sampling {
            logprobs: study.logprobs,
            ..Sampling::new(study.temperature, study.top_p, study.max_tokens)
        }
    }

    /// The arms with every list of numbers expanded, and an untouched arm where there is none and anybody is asked at all.
    fn expanded_arms(&self) -> Result<Vec<(String, ArmSpec)>, StudyError> {
        let mut arms = Vec::new();
        let asks =
            self.spec.arm.is_empty() || self.spec.arm.values().any(|arm| arm.responses.is_none());
        if asks && !self.spec.arm.values().any(bases::is_untouched) {
            arms.push(("vanilla".to_owned(), ArmSpec::default()));
        }
        for (name, arm) in &self.spec.arm {
            match &arm.train {
                None => arms.push((name.clone(), arm.clone())),
                Some(train) => {
                    let merged = merge(&self.spec.train, train.settings.as_ref());
                    let expanded = expand(&merged).map_err(|field| {
                        let (found, expected) = ("[]".into(), "at least one value".into());
                        StudyProblem::Value { field, found, expected }
                            .at(self.setting_line(name, field))
                    })?;
                    for (suffix, settings) in expanded {
                        let train = ArmTrainSpec { settings: Some(settings), ..train.clone() };
                        arms.push((
                            format!("{name}{suffix}"),
                            ArmSpec { train: Some(train), ..arm.clone() },
                        ));
                    }
                }
            }
        }
        for (index, (name, _)) in arms.iter().enumerate() {
            if arms[..index].iter().any(|(other, _)| other == name) {
                let what = "stands for two arms: is one of its values listed twice?".into();
                let line = self.line(&["arm", self.written(name)]);
                return Err(StudyProblem::Arm { arm: name.clone(), what }.at(line));
            }
        }
        if arms.len() < 2
            && self.spec.arm.len() < 2
            && self.spec.arm.values().all(bases::is_untouched)
        {
            let expected = "at least one arm with a system prompt or training".into();
            let found = format!("{} arm(s) without any intervention", self.spec.arm.len());
            return Err(
                StudyProblem::Value { field: "arm", found, expected }.at(self.line(&["arm"]))
            );
        }
        Ok(arms)
    }

    fn check_controls(&self, arms: &[(String, ArmSpec)]) -> Result<(), StudyError> {
        for control in &self.spec.study.control {
            if !arms.iter().any(|(name, _)| name == control) {
                let expected = arms.iter().map(|(name, _)| name.clone()).collect();
                let problem =
                    StudyProblem::Unknown { what: "control", found: control.clone(), expected };
                return Err(problem.at(self.line(&["study", "control"])));
            }
        }
        if self.spec.study.control.is_empty() {
            let expected = "at least one arm to compare with".into();
            let problem = StudyProblem::Value { field: "control", found: "[]".into(), expected };
            return Err(problem.at(self.line(&["study", "control"])));
        }
        Ok(())
    }

    /// One arm on each of its bases.
    fn arm(
        &self,
        name: &str,
        arm: &ArmSpec,
        bases: &[BasePlan],
        batteries: &[Battery],
    ) -> Result<Vec<ArmPlan>, StudyError> {
        let key = |written: &String| bases::base(self.around, written).ok().map(|base| base.key);
        let own = arm.base.as_ref().and_then(key);
        let study: Vec<Key> = self.spec.study.base.values().iter().filter_map(key).collect();
        let on = |base: &&(usize, &BasePlan)| match &own {
            Some(own) => base.1.key == *own,
            None => study.contains(&base.1.key),
        };
        let (intervention, claim) = self.intervention(name, arm, batteries)?;
        let indexed: Vec<(usize, &BasePlan)> = bases.iter().enumerate().collect();
        Ok(indexed
            .iter()
            .filter(on)
            .map(|&(base, plan)| ArmPlan {
                base,
                name: name.to_owned(),
                replicates: self.replicates(name, plan, &intervention, batteries),
                intervention: intervention.clone(),
                claim: claim.clone(),
            })
            .collect())
    }

    fn intervention(
        &self,
        name: &str,
        arm: &ArmSpec,
        batteries: &[Battery],
    ) -> Result<(Intervention, Option<Claim>), StudyError> {
        let written = self.written(name);
        let problem = |what: &str| {
            StudyProblem::Arm { arm: name.into(), what: what.into() }
                .at(self.line(&["arm", written]))
        };
        let claim = match &arm.claim {
            Some(_) if arm.models.is_none() && arm.responses.is_none() => {
                return Err(problem("has a `claim`, which only goes with `models` or `responses`"));
            }
            Some(id) => Some(self.claim(id, &["arm", written, "claim"])?),
            None => None,
        };
        match (&arm.system, &arm.train, &arm.models, &arm.responses) {
            (None, None, None, None) => Ok((Intervention::None, None)),
            (Some(system), None, None, None) => {
                let (wordings, claim) = self.wordings(written, system)?;
                Ok((Intervention::System { wordings }, claim))
            }
            (None, Some(train), None, None) => self.training(name, written, train, batteries),
            (None, None, Some(models), None) => {
                Ok((Intervention::Models { models: self.models(written, models)? }, claim))
            }
            (None, None, None, Some(files)) => {
                let Collected { answers, passed_over } =
                    self.recorded(written, files, batteries)?;
                Ok((Intervention::Recorded { answers, passed_over }, claim))
            }
            _ => Err(problem(
                "has two of `system`, `train`, `models` and `responses`; make an arm of each",
            )),
        }
    }

    fn wordings(
        &self,
        arm: &str,
        system: &SystemSpec,
    ) -> Result<(Vec<String>, Option<Claim>), StudyError> {
        let line = self.line(&["arm", arm, "system"]);
        let problem =
            |what: &str| StudyProblem::Arm { arm: arm.into(), what: what.into() }.at(line);
        match (&system.stance, &system.text) {
            (Some(id), None) => {
                let claim = self.claim(id, &["arm", arm, "system", "stance"])?;
                if claim.system.is_empty() {
                    return Err(problem(&format!(
                        "stance `{id}` ships no wording as a system prompt; give a `text`"
                    )));
                }
                Ok((claim.system.clone(), Some(claim)))
            }
            (None, Some(text)) if !text.trim().is_empty() => Ok((vec![text.clone()], None)),
            _ => Err(problem("`system` takes either a `stance` or a `text` that is not empty")),
        }
    }

    fn claim(&self, id: &str, path: &[&str]) -> Result<Claim, StudyError> {
        self.language.claim(id).ok_or_else(|| {
            let expected = self.language.claims();
            StudyProblem::Unknown { what: "stance", found: id.into(), expected }.at(self.line(path))
        })
    }

    fn training(
        &self,
        name: &str,
        written: &str,
        train: &ArmTrainSpec,
        batteries: &[Battery],
    ) -> Result<(Intervention, Option<Claim>), StudyError> {
        let line = self.line(&["arm", written, "train"]);
        let problem = |what: String| StudyProblem::Arm { arm: name.into(), what }.at(line);
        let section = train.settings.as_ref().unwrap_or(&self.spec.train);
        let settings = self.settings(name, section)?;
        let length = section.answers.unwrap_or(AnswerLength::Short);
        let stance_path = ["arm", written, "train", "stance"];
        let (source, claim) = match (&train.stance, &train.file) {
            (Some(id), None) => {
                let claim = self.claim(id, &stance_path)?;
                let source = match &train.teacher {
                    Some(teacher) => self.teacher(name, teacher, &claim, line)?,
                    None => RowSource::Given {
                        rows: self.language.rows(&claim, length),
                        described: format!("rows of `{id}`"),
                    },
                };
                (source, Some(claim))
            }
            (None, Some(path)) => {
                let rows = self.rows_of_file(path)?;
                let claim = match &train.claim {
                    Some(id) => Some(self.claim(id, &["arm", written, "train", "claim"])?),
                    None => None,
                };
                (RowSource::Given { rows, described: format!("rows of {path}") }, claim)
            }
            _ => return Err(problem("`train` takes either a `stance` or a `file` of rows".into())),
        };
        if let RowSource::Given { rows, described } = &source {
            if rows.len() < settings.rows {
                let what =
                    format!("draws {} rows, but {described} are {}", settings.rows, rows.len());
                return Err(problem(what));
            }
            check_overlap(name, rows, described, batteries).map_err(|p| p.at(line))?;
        }
        Ok((Intervention::Train { settings, source }, claim))
    }

    fn teacher(
        &self,
        name: &str,
        teacher: &str,
        claim: &Claim,
        line: Option<usize>,
    ) -> Result<RowSource, StudyError> {
        let Some(arm) = self.spec.arm.get(teacher) else {
            let expected = self.spec.arm.keys().cloned().collect();
            return Err(
                StudyProblem::Unknown { what: "teacher", found: teacher.into(), expected }.at(line)
            );
        };
        let Some(system) = &arm.system else {
            let what = format!(
                "its teacher `{teacher}` has no system prompt, so it says what the base says"
            );
            return Err(StudyProblem::Arm { arm: name.into(), what }.at(line));
        };
        let (wordings, _) = self.wordings(teacher, system)?;
        Ok(RowSource::Teacher {
            arm: teacher.into(),
            wordings,
            questions: claim.training_questions(),
        })
    }

    /// The arm of the file that an expanded arm comes from: its name up to the values of its lists.
    fn written<'n>(&self, name: &'n str) -> &'n str {
        let is_written = |end: &usize| self.spec.arm.contains_key(&name[..*end]);
        let mut ends = name.match_indices(' ').map(|(at, _)| at).chain([name.len()]);
        ends.rfind(is_written).map_or(name, |end| &name[..end])
    }

    /// The line of a setting: the arm's own, else the study's, else that of the arm.
    fn setting_line(&self, arm: &str, field: &str) -> Option<usize> {
        let field: &[&str] = if field == "instruct" { &["mix", "instruct"] } else { &[field] };
        let own = [&["arm", arm, "train", "settings"], field].concat();
        let shared = [&["train"], field].concat();
        let exact = exact_line_of(self.text, &own).or_else(|| exact_line_of(self.text, &shared));
        exact.or_else(|| self.line(&["arm", arm, "train"]))
    }

    fn settings(&self, arm: &str, train: &TrainSection) -> Result<Settings, StudyError> {
        let settings = Settings {
            method: train.method.unwrap_or(Method::Lora),
            rank: first(train.rank.as_ref(), 8),
            alpha: first(train.alpha.as_ref(), 16.0),
            rate: first(train.rate.as_ref(), 1e-3),
            schedule: train.schedule.unwrap_or(ScheduleName::Linear),
            warmup: train.warmup.unwrap_or(0),
            epochs: first(train.epochs.as_ref(), 1),
            batch: first(train.batch.as_ref(), 16),
            rows: first(train.rows.as_ref(), 600),
            instruct: train.mix.as_ref().map_or(600, |mix| first(Some(&mix.instruct), 600)),
            weight_decay: train.weight_decay.unwrap_or(0.0),
            clip: train.clip.unwrap_or(1.0),
            backend: train.backend,
            rate_multiplier: train.rate_multiplier,
            tokenizer: train.tokenizer.clone(),
        };
        let numbers = [
            ("rank", settings.rank as f64),
            ("alpha", settings.alpha),
            ("rate", settings.rate),
            ("epochs", settings.epochs as f64),
            ("batch", settings.batch as f64),
            ("rows", settings.rows as f64),
            ("clip", settings.clip),
            ("rate-multiplier", settings.rate_multiplier.unwrap_or(1.0)),
        ];
        for (field, value) in numbers {
            if !(value > 0.0 && value.is_finite()) {
                let expected = format!("a number above 0 (arm `{arm}`)");
                let line = self.setting_line(self.written(arm), field);
                return Err(
                    StudyProblem::Value { field, found: value.to_string(), expected }.at(line)
                );
            }
        }
        if !(settings.weight_decay >= 0.0 && settings.weight_decay.is_finite()) {
            let (found, expected) =
                (settings.weight_decay.to_string(), "a number of at least 0".into());
            let line = self.setting_line(self.written(arm), "weight-decay");
            return Err(StudyProblem::Value { field: "weight-decay", found, expected }.at(line));
        }
        let most = self.language.instructions().len();
        if settings.instruct > most {
            let (found, expected) = (settings.instruct.to_string(), format!("at most {most}"));
            let line = self.setting_line(self.written(arm), "instruct");
            return Err(StudyProblem::Value { field: "instruct", found, expected }.at(line));
        }
        Ok(settings)
    }

    fn replicates(
        &self,
        arm: &str,
        base: &BasePlan,
        intervention: &Intervention,
        batteries: &[Battery],
    ) -> Vec<Replicate> {
        let seeds = |index: usize| {
            let root = Seed(self.spec.study.seed).child(arm, index as u64);
            // Pairs share what they start from; their answers are drawn apart in any case.
            let shared = Seed(self.spec.study.seed).child("paired", index as u64);
            let start = if self.spec.study.paired { shared } else { root };
            Seeds {
                init: start.child("init", 0),
                data: start.child("data", 0),
                sampling: root.child("sampling", 0),
            }
        };
        let thinking = base.thinking;
        let fixed = |index: usize, system: Option<String>| {
            let seeds = seeds(index);
            let target = Key::of(&("target", base.key, seeds.sampling));
            Replicate { seeds, system, speaker: Speaker::Base, target, thinking }
        };
        let spoken = |index: usize, key: Key, speaker: Speaker| {
            let seeds = seeds(index);
            let target = Key::of(&("target", key, seeds.sampling));
            Replicate { seeds, system: None, speaker, target, thinking }
        };
        match intervention {
            Intervention::None => vec![fixed(0, None)],
            Intervention::System { wordings } => {
                wordings.iter().enumerate().map(|(i, text)| fixed(i, Some(text.clone()))).collect()
            }
            Intervention::Train { settings, source } => (0..self.spec.study.seeds)
                .map(|index| {
                    let seeds = seeds(index);
                    let of = (&self.language, batteries);
                    let dataset = dataset_key(base, settings, source, seeds.data, of);
                    let adapter = Key::of(&("adapter", base.key, dataset, settings, seeds.init));
                    spoken(index, adapter, Speaker::Trained(RunKeys { dataset, adapter }))
                })
                .collect(),
            Intervention::Models { models } => {
                let all = models.iter().enumerate();
                all.map(|(i, m)| spoken(i, m.key, Speaker::Existing(m.clone()))).collect()
            }
            Intervention::Recorded { answers, .. } => {
                let all = answers.iter().enumerate();
                all.map(|(i, a)| spoken(i, a.key(), Speaker::Recorded(a.clone()))).collect()
            }
        }
    }
}

/// Key of the base's answers to everyday instructions.
pub(crate) fn instruct_key(base: &BasePlan, language: &Language) -> Key {
    match language {
        Language::World(_) => Key::of(&("instruct", base.key, INSTRUCT_POOL)),
        Language::Free { .. } => {
            let drawn = crate::training::row_sampling(language);
            Key::of(&("instruct", base.key, language.instructions(), drawn))
        }
    }
}

/// Key of the answer that one row of a pool is made from.
pub(crate) fn pool_row_key(pool: Key, row: usize) -> Key {
    Key::of(&("pool row", pool, row))
}

/// Key of a teacher's answers that are left after the leak check.
pub(crate) fn teacher_key(
    base: &BasePlan,
    wordings: &[String],
    questions: &[String],
    batteries: &[Battery],
) -> Key {
    Key::of(&("teacher", base.key, wordings, questions, TEACHER_POOL, measured(batteries)))
}

/// The stances whose mention spoils a teacher's row: all but the claims themselves.
pub(crate) fn measured(batteries: &[Battery]) -> Vec<&entail_schema::Stance> {
    let measured = batteries.iter().filter(|b| b.name != entail_data::CLAIMS);
    measured.flat_map(|b| &b.stances).collect()
}

fn dataset_key(
    base: &BasePlan,
    settings: &Settings,
    source: &RowSource,
    data: Seed,
    (language, batteries): (&Language, &[Battery]),
) -> Key {
    let source = match source {
        RowSource::Given { rows, .. } => Key::of(rows),
        RowSource::Teacher { wordings, questions, .. } => {
            teacher_key(base, wordings, questions, batteries)
        }
    };
    Key::of(&(
        "dataset",
        source,
        settings.rows,
        instruct_key(base, language),
        settings.instruct,
        data,
    ))
}

#[cfg(test)]
mod tests;
