//! Judges tried on the hand-written answers of batteries, whose labels are known.

use std::collections::BTreeSet;

use entail_eval::{Questionnaire, SelfTest, SelfTestResult};
use entail_provider::{Origin, Prices};
use entail_schema::{JudgeSection, Key};

use crate::asked::{Asked, asked_of_judges};
use crate::error::{RunError, StudyProblem};
use crate::judging::{Expected, Source};
use crate::plan::{JudgePlan, Surroundings, Told, find_questionnaire};
use crate::run::{PlannedStep, Tally, Workshop, side_by_side};

/// Judges, and the batteries whose examples they read.
#[derive(Debug, Clone)]
pub struct JudgeTrial {
    judges: Vec<JudgePlan>,
    questionnaires: Vec<Questionnaire>,
}

/// What one judge made of the examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// The judge, as studies name it.
    pub judge: String,
    /// Name of what it is told.
    pub prompt: String,
    /// Hash of what it is told.
    pub prompt_key: Key,
    /// Its labels against the known ones.
    pub result: SelfTestResult,
    /// Replies that were in the store and that were asked for.
    pub tally: Tally,
}

impl JudgeTrial {
    /// Checks who is asked about what: the judges of a section, told and drawn as it says, and batteries by name or
    /// file. A battery that is named twice is read once.
    ///
    /// # Errors
    /// What is wrong with a judge, its prompt or a battery; a battery without examples.
    pub fn check(
        section: &JudgeSection,
        batteries: &[String],
        around: &dyn Surroundings,
    ) -> Result<Self, StudyProblem> {
        let told = Told::of(section, around).map_err(|(_, problem)| problem)?;
        let judges = section.model.values().iter();
        let judges = judges.map(|name| JudgePlan::resolve(around, name, &told));
        let judges = judges.collect::<Result<_, _>>()?;
        let mut met = BTreeSet::new();
        let mut questionnaires = Vec::new();
        for name in batteries.iter().filter(|name| met.insert(*name)) {
            let found = find_questionnaire(around, name)?;
            if found.stances.iter().all(|stance| stance.examples.is_empty()) {
                return Err(StudyProblem::Value {
                    field: "battery",
                    found: format!("`{name}`, which has no examples with known labels"),
                    expected: "a battery that has some".into(),
                });
            }
            questionnaires.push(found);
        }
        Ok(Self { judges, questionnaires })
    }

    /// The examples that every judge reads.
    pub fn test(&self) -> SelfTest<'_> {
        SelfTest::new(&self.questionnaires)
    }

    fn expected<'a>(&'a self, test: &SelfTest<'a>) -> Vec<Expected<'a>> {
        let of = |judge| Expected { judge, at_most: false, exhibits: test.exhibits.clone() };
        self.judges.iter().map(of).collect()
    }

    /// How many replies of each judge are in the store, and how many are not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn status(&self, workshop: Workshop<'_>) -> Result<Vec<PlannedStep>, RunError> {
        let test = self.test();
        let step = |judge: &JudgePlan| {
            let keys: Vec<Key> = test.exhibits.iter().flat_map(|e| judge.keys(e)).collect();
            let cached = workshop.completions.count_present(&keys)?;
            let (what, to_do) = (judge.name.clone(), keys.len() - cached);
            Ok(PlannedStep { kind: "verdict", what, cached, to_do })
        };
        self.judges.iter().map(step).collect()
    }

    /// What [`Self::run`] would ask of served judges at these prices, or at those of batches.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn asked(
        &self,
        workshop: Workshop<'_>,
        prices: &Prices,
        batch: bool,
    ) -> Result<Vec<Asked>, RunError> {
        asked_of_judges(&self.expected(&self.test()), workshop, prices, batch)
    }

    /// Has every judge read every example. Replies are kept like captures: they were paid for, and no study needs them.
    ///
    /// # Errors
    /// When a judge cannot be asked; what was said before is kept.
    pub fn run(&self, workshop: Workshop<'_>) -> Result<Vec<Tried>, RunError> {
        let test = self.test();
        let source = Source::Asked(Origin::Capture);
        let read = |judge: &JudgePlan| judge.read(&test.exhibits, source, workshop);
        let (all, ()) = side_by_side(&self.judges, read, || ());
        let tried = |(judge, (verdicts, tally)): (&JudgePlan, (Vec<_>, Tally))| {
            let (prompt, prompt_key) = judge.prompt();
            let (judge, result) = (judge.name.clone(), test.result(&verdicts));
            Tried { judge, prompt, prompt_key, result, tally }
        };
        Ok(self.judges.iter().zip(all?).map(tried).collect())
    }
}
