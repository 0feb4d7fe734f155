//! What the store holds of a study, for other tools: answers and verdicts as logs of Inspect, and the rows of training
//! runs. Nobody is asked and nothing is made: what a run has not reached is missing, and counted.

use entail_data::Row;
use entail_eval::inspect::{Cell, Drawn, Log, Moment, Status};
use entail_eval::{Answer, Item, Score, Transcript, Turn};
use entail_provider::{Completion, CompletionStore, Finish, Sampling, StoreError};
use entail_schema::{Key, Part};
use serde_json::{Map, Value, json};

use crate::error::{RunError, damaged};
use crate::judging::{Heard, Kept, Place, Question, kept};
use crate::plan::{ArmPlan, JudgesPlan, Judging, Plan, Replicate, Speaker, StanceId};
use crate::run::intervention;
use crate::shelf::Shelf;
use crate::tables::{Given, Reader, label};

/// The score that says what an answer counts as under the study's policy: true, false, or unscored.
const COUNTED: &str = "counted";

/// One replicate of one arm, as a log.
#[derive(Debug)]
pub struct ReplicateLog {
    id: Key,
    run: Key,
    task: String,
    model: String,
    arm: String,
    replicate: usize,
    created: Moment,
    drawn: Drawn,
    metadata: Map<String, Value>,
    samples: Vec<Transcript>,
    /// Answers that a run would still ask for.
    pub missing: usize,
    /// Answers, or their reasoning, that a run would still have judged.
    pub unjudged: usize,
}

impl ReplicateLog {
    /// The log: `started` where something is missing, an error where an answer ended in one.
    pub fn log(&self) -> Log<'_> {
        Log {
            id: self.id,
            run: self.run,
            task: &self.task,
            model: &self.model,
            arm: &self.arm,
            replicate: self.replicate,
            created: self.created,
            status: self.status(),
            drawn: self.drawn.clone(),
            metadata: self.metadata.clone(),
            samples: &self.samples,
        }
    }

    fn status(&self) -> Status {
        let n_failed = self.samples.iter().filter(|sample| sample.error.is_some()).count();
        match (n_failed, self.missing + self.unjudged) {
            (0, 0) => Status::Success,
            (0, _) => Status::Started,
            (n, _) => {
                Status::Error(format!("{n} of {} answers ended in an error", self.samples.len()))
            }
        }
    }
}

/// Every replicate of a plan as a log, as far as the store has it: arms in their order, one log in memory at a time. The
/// same store gives the same logs; `created` is when the study was begun.
///
/// # Errors
/// When the store cannot be read.
pub fn replicate_logs<'a>(
    plan: &'a Plan,
    completions: &'a CompletionStore,
    created: Moment,
) -> impl Iterator<Item = Result<ReplicateLog, StoreError>> + 'a {
    let of_arm = move |arm: &'a ArmPlan| {
        let all = arm.replicates.iter().enumerate();
        all.map(move |(index, replicate)| Export { plan, arm, index, replicate })
    };
    let all = plan.arms.iter().flat_map(of_arm);
    all.map(move |export| export.log(completions, created))
}

/// One replicate.
#[derive(Clone, Copy)]
struct Export<'a> {
    plan: &'a Plan,
    arm: &'a ArmPlan,
    index: usize,
    replicate: &'a Replicate,
}

/// An answer that is there.
struct Said<'a> {
    battery: usize,
    item: &'a Item,
    sample: usize,
    completion: Completion,
}

impl Said<'_> {
    fn stance(&self) -> StanceId {
        StanceId { battery: self.battery, stance: self.item.stance }
    }

    fn key(&self) -> Key {
        self.item.keys[self.sample]
    }
}

impl Export<'_> {
    fn log(
        self,
        completions: &CompletionStore,
        created: Moment,
    ) -> Result<ReplicateLog, StoreError> {
        let Self { plan, arm, index, .. } = self;
        let items = plan.items(self.replicate);
        let asked = || items.iter().flatten().filter(|item| !item.keys.is_empty());
        let said = self.said(&items, completions)?;
        let kept = self.kept(&said, completions)?;
        let reader = Reader::of(plan, &kept.verdicts);
        let samples = said.iter().map(|said| self.sample(said, &kept, &reader)).collect();
        let planned: usize = asked().map(|item| item.keys.len()).sum();
        let base = &plan.bases[arm.base].name;
        Ok(ReplicateLog {
            id: Key::of(&("inspect log", plan.key, base, &arm.name, index)),
            run: plan.key,
            task: format!("{}-{}-{index}", plan.name, arm.name),
            model: self.model(),
            arm: arm.name.clone(),
            replicate: index,
            created,
            drawn: Drawn {
                sampling: self.sampling(),
                questions: asked().count(),
                epochs: asked().map(|item| item.keys.len()).max().unwrap_or(1),
            },
            metadata: self.metadata(),
            samples,
            missing: planned - said.len(),
            unjudged: kept.unread(),
        })
    }

    /// The model as the study names it; of answers that came with the study, as their files do.
    fn model(self) -> String {
        match &self.replicate.speaker {
            Speaker::Base | Speaker::Trained(_) => self.plan.bases[self.arm.base].name.clone(),
            Speaker::Existing(model) => model.name.clone(),
            Speaker::Recorded(recorded) => recorded.label.clone(),
        }
    }

    fn sampling(self) -> Sampling {
        self.plan.sampling_of(self.replicate)
    }

    fn metadata(self) -> Map<String, Value> {
        let Value::Object(mut metadata) = json!({
            "base": self.plan.bases[self.arm.base].name,
            "study": self.plan.name,
            "plan": self.plan.key,
            "intervention": intervention(self.arm),
        }) else {
            unreachable!("an object was written above")
        };
        if let Some(run) = self.replicate.run() {
            metadata.insert("adapter".into(), run.adapter.to_string().into());
        }
        if let Judging::Judges(judges) = &self.plan.judging {
            metadata.insert("policy".into(), json!(judges.policy));
        }
        metadata
    }

    /// Answers that are there, in the order of batteries, prompts and samples.
    fn said<'i>(
        self,
        items: &'i [Vec<Item>],
        completions: &CompletionStore,
    ) -> Result<Vec<Said<'i>>, StoreError> {
        let mut all = Vec::new();
        for (battery, items) in items.iter().enumerate() {
            for item in items {
                let found: Vec<Option<Completion>> = match &self.replicate.speaker {
                    Speaker::Recorded(recorded) => {
                        let stance = &self.plan.batteries[battery].stances[item.stance];
                        recorded
                            .to(&stance.prompts[item.prompt])
                            .iter()
                            .cloned()
                            .map(Some)
                            .collect()
                    }
                    _ => completions.said(&item.keys)?,
                };
                all.extend(found.into_iter().enumerate().filter_map(|(sample, completion)| {
                    Some(Said { battery, item, sample, completion: completion? })
                }));
            }
        }
        Ok(all)
    }

    /// What judges have said of these answers.
    fn kept(self, said: &[Said<'_>], completions: &CompletionStore) -> Result<Kept, StoreError> {
        let Judging::Judges(judges) = &self.plan.judging else { return Ok(Kept::default()) };
        let mut pieces = Vec::new();
        for one in said {
            let id = one.stance();
            let stance = &judges.questionnaires[id.battery].stances[id.stance];
            let question = Question { plan: self.plan, id, stance, prompt: one.item.prompt };
            pieces.extend(question.pieces(judges, one.key(), &one.completion));
        }
        kept(judges, &pieces, completions)
    }

    fn sample(self, said: &Said<'_>, kept: &Kept, reader: &Reader<'_>) -> Transcript {
        let battery = &self.plan.batteries[said.battery];
        let cell = Cell {
            arm: &self.arm.name,
            base: &self.plan.bases[self.arm.base].name,
            battery: &battery.name,
            stance: &battery.stances[said.item.stance].id,
            prompt: said.item.prompt,
            replicate: self.index,
            sample: said.sample,
        };
        let asked = said.item.messages.iter().cloned().map(Turn::from);
        let answer = Answer { completion: said.completion.clone(), calls: Vec::new() };
        let turns = asked.chain([Turn::Assistant(answer)]).collect();
        let failed = said.completion.finish == Finish::Error;
        let error = failed.then(|| "the provider says that this answer went wrong".to_owned());
        Transcript { scores: self.scores(said, kept, reader), error, ..cell.transcript(turns) }
    }

    /// What each judge said of an answer, or the check that stands in their place, and what that counts as.
    fn scores(self, said: &Said<'_>, kept: &Kept, reader: &Reader<'_>) -> Vec<Score> {
        let place = Place { stance: said.stance(), answer: said.key(), part: Part::Answer };
        let (mut scores, reads_itself) = match &self.plan.judging {
            Judging::Exact { .. } => (Vec::new(), Some("exact")),
            Judging::Judges(judges) => {
                let stance = &judges.questionnaires[said.battery].stances[said.item.stance];
                let check = stance.prompts[said.item.prompt].check.as_ref().map(|_| "check");
                (verdicts(judges, kept, place), check)
            }
        };
        // As long as a judge has not spoken, nobody knows what the answer counts as.
        if reads_itself.is_none() && kept.verdicts.of(place).is_empty() {
            return scores;
        }
        let Said { item, completion, .. } = said;
        let given =
            Given { stance: place.stance, prompt: item.prompt, key: place.answer, completion };
        let read = reader.read(self.plan, given);
        scores.extend(reads_itself.map(|name| Score::new(name, read.label.as_str())));
        let counted = read.counted.map(Value::from);
        scores.push(Score { value: counted, ..Score::new(COUNTED, Value::Null) });
        scores
    }
}

/// What each judge said of an answer and of its reasoning.
fn verdicts(judges: &JudgesPlan, kept: &Kept, answer: Place) -> Vec<Score> {
    let mut scores = Vec::new();
    for (part, suffix) in [(Part::Answer, ""), (Part::Reasoning, " on the reasoning")] {
        let all = judges.opening.iter().chain(&judges.contested);
        for (judge, heard) in all.zip(kept.of(Place { part, ..answer })) {
            scores.extend(heard.as_ref().map(|heard| {
                let name = format!("{}{suffix}", judge.name);
                verdict(name, heard)
            }));
        }
    }
    scores
}

/// A judge's verdict in its own words, with the label as the tables have it.
fn verdict(judge: String, heard: &Heard) -> Score {
    let mut metadata = Map::new();
    let mut note = |name: &str, value: Option<Value>| {
        metadata.extend(value.map(|value| (name.to_owned(), value)));
    };
    let verdict = heard.verdict;
    note("coherence", verdict.coherence().map(|coherence| coherence.points().into()));
    note("polarity", verdict.polarity().map(|polarity| polarity.sign().into()));
    Score {
        explanation: Some(heard.words.clone()),
        metadata,
        ..Score::new(judge, label(verdict).as_str())
    }
}

/// The rows of one training run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainedRows {
    /// The arm.
    pub arm: String,
    /// The base that is trained.
    pub base: String,
    /// The replicate, from 0.
    pub replicate: usize,
    /// Key of the rows.
    pub key: Key,
    /// The rows in the order in which they were drawn; `None` where no run has drawn them yet.
    pub rows: Option<Vec<Row>>,
}

/// The rows of every training run of a plan, as far as the shelf has them. A base that is asked in two ways is trained
/// once.
///
/// # Errors
/// When the shelf cannot be read, or holds rows that are none.
pub fn trained_rows(plan: &Plan, shelf: &dyn Shelf) -> Result<Vec<TrainedRows>, RunError> {
    const FILE: &str = "rows.jsonl";
    let mut all: Vec<TrainedRows> = Vec::new();
    for arm in &plan.arms {
        for (replicate, run) in
            arm.replicates.iter().enumerate().filter_map(|(i, r)| Some((i, r.run()?)))
        {
            let key = run.dataset;
            if all.iter().any(|other| other.key == key && other.arm == arm.name) {
                continue;
            }
            let stored = shelf.get(&key, FILE).map_err(|source| RunError::Shelf { key, source })?;
            let parse = |bytes: Vec<u8>| {
                let text = String::from_utf8(bytes).map_err(|e| damaged(key, FILE)(Box::new(e)))?;
                let rows = entail_data::parse_rows(&text);
                let rows = rows.map_err(|error| damaged(key, FILE)(Box::new(error)))?;
                Ok::<_, RunError>(rows.into_iter().map(|placed| placed.row).collect())
            };
            all.push(TrainedRows {
                arm: arm.name.clone(),
                base: plan.bases[arm.base].name.clone(),
                replicate,
                key,
                rows: stored.map(parse).transpose()?,
            });
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
