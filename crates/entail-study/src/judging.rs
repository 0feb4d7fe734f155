//! Judges read the answers. What they say is kept like any completion: with another judge nothing is sampled again, and
//! with another policy no judge is asked again.

use std::collections::BTreeMap;

use entail_eval::{Exhibit, JudgedStance, ProgramJudge, Verdict, combined, contested as disagreed};
use entail_provider::{Completion, Origin, Request, Sampling, ThinkingFormat};
use entail_schema::{Key, Part};

use crate::error::RunError;
use crate::models::{self, Model};
use crate::plan::{JudgePlan, JudgesPlan, Judging, Plan, Replicate, Speaker, StanceId, Who};
use crate::run::{Answers, Counter, Tally, Workshop, side_by_side};

mod kept;

pub(crate) use kept::{Heard, Kept, kept};

/// Answers that a judge is asked about together: prompts are long, and not all of them need to be in memory at once.
const TOGETHER: usize = 8_192;

/// What was read out of one part of one answer, for one stance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) stance: StanceId,
    /// Of the completion.
    pub(crate) answer: Key,
    pub(crate) part: Part,
}

/// Everything that judges said.
#[derive(Debug, Default)]
pub(crate) struct Verdicts {
    /// Of each judge, those of the first round before the others; `None` where it was not asked.
    by_place: BTreeMap<Place, Vec<Option<Verdict>>>,
}

impl Verdicts {
    /// What each judge said of a part of an answer.
    pub(crate) fn of(&self, place: Place) -> &[Option<Verdict>] {
        self.by_place.get(&place).map_or(&[], Vec::as_slice)
    }

    /// What the judges say together; without any label, what the first of them said.
    pub(crate) fn together(&self, place: Place) -> Option<Verdict> {
        let said: Vec<Verdict> = self.of(place).iter().flatten().copied().collect();
        combined(&said).or(said.first().copied())
    }

    /// All of them, in a fixed order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Place, &[Option<Verdict>])> {
        self.by_place.iter().map(|(place, said)| (place, said.as_slice()))
    }
}

/// Where the replies of judges come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// From the store, and what is not there from the judge, in the name of who asks.
    Asked(Origin),
    /// From the store alone.
    Kept,
}

/// One thing to be read.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) place: Place,
    pub(crate) exhibit: Exhibit<'a>,
}

/// Everything that is to be read, in the order of arms, batteries, prompts and samples. Answers of prompts with an
/// exact check are not: no judge is asked about them.
pub(crate) fn pieces<'a>(
    plan: &'a Plan,
    judges: &'a JudgesPlan,
    answers: &'a [Answers],
) -> Vec<Piece<'a>> {
    let mut pieces = Vec::new();
    for replicate in answers {
        for (battery, items) in replicate.items.iter().enumerate() {
            for (item, completions) in items.iter().zip(&replicate.completions[battery]) {
                let id = StanceId { battery, stance: item.stance };
                let stance = &judges.questionnaires[battery].stances[item.stance];
                let asked = Question { plan, id, stance, prompt: item.prompt };
                for (key, completion) in item.keys.iter().zip(completions) {
                    pieces.extend(asked.pieces(judges, *key, completion));
                }
            }
        }
    }
    pieces
}

/// A prompt of a stance.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) id: StanceId,
    pub(crate) stance: &'a JudgedStance,
    pub(crate) prompt: usize,
}

/// Whether a completion came to its answer: thoughts that never ended are nothing that was said.
pub(crate) fn says_something(completion: &Completion) -> bool {
    completion.thinking_format() != ThinkingFormat::Unclosed
}

impl<'a> Question<'a> {
    /// The parts of an answer that are read.
    pub(crate) fn pieces(
        self,
        judges: &JudgesPlan,
        answer: Key,
        completion: &'a Completion,
    ) -> impl Iterator<Item = Piece<'a>> {
        let judged = self.stance.prompts[self.prompt].check.is_none() && says_something(completion);
        let answer_text = Some(completion.text.as_str()).filter(|_| judged);
        let reasoning = completion.reasoning.as_deref().filter(|_| judged && judges.reasoning);
        let parts = [(Part::Answer, answer_text), (Part::Reasoning, reasoning)];
        parts.into_iter().filter_map(move |(part, text)| Some(self.piece(answer, part, text?)))
    }

    fn piece(self, answer: Key, part: Part, text: &'a str) -> Piece<'a> {
        let Self { plan, id, stance, prompt } = self;
        let question = &plan.batteries[id.battery].stances[id.stance].prompts[prompt];
        let key = match part {
            Part::Answer => answer,
            Part::Reasoning => Key::of(&("reasoning", answer)),
        };
        let note = stance.prompts[prompt].note.as_deref();
        let exhibit = Exhibit { stance, question, answer: text, key, note };
        Piece { place: Place { stance: id, answer, part }, exhibit }
    }
}

/// Has every answer read that is to be read by judges. Without judges there is nothing to do.
///
/// # Errors
/// When a judge cannot be asked, or has to be though only the store is; what was said before is kept.
pub(crate) fn judge(
    plan: &Plan,
    answers: &[Answers],
    source: Source,
    workshop: Workshop<'_>,
) -> Result<(Verdicts, Tally), RunError> {
    let Judging::Judges(judges) = &plan.judging else {
        return Ok((Verdicts::default(), Tally::default()));
    };
    let pieces = pieces(plan, judges, answers);
    let every: Vec<usize> = (0..pieces.len()).collect();
    let (opening, mut tally) = round(&judges.opening, &pieces, &every, source, workshop)?;
    let said: Vec<Vec<Verdict>> =
        (0..pieces.len()).map(|i| opening.iter().map(|judge| judge[i]).collect()).collect();
    let open = disagreed(&said);
    let (others, more) = round(&judges.contested, &pieces, &open, source, workshop)?;
    tally = tally.plus(more);
    let mut by_place: BTreeMap<Place, Vec<Option<Verdict>>> = BTreeMap::new();
    for (piece, said) in pieces.iter().zip(said) {
        let mut all: Vec<Option<Verdict>> = said.into_iter().map(Some).collect();
        all.extend(judges.contested.iter().map(|_| None));
        by_place.insert(piece.place, all);
    }
    for (judge, verdicts) in others.iter().enumerate() {
        for (&index, verdict) in open.iter().zip(verdicts) {
            let said = by_place.get_mut(&pieces[index].place).expect("every piece has a place");
            said[judges.opening.len() + judge] = Some(*verdict);
        }
    }
    Ok((Verdicts { by_place }, tally))
}

/// What each of some judges says of the pieces of these indices; judges are asked side by side.
fn round(
    judges: &[JudgePlan],
    pieces: &[Piece<'_>],
    wanted: &[usize],
    source: Source,
    workshop: Workshop<'_>,
) -> Result<(Vec<Vec<Verdict>>, Tally), RunError> {
    let exhibits: Vec<Exhibit<'_>> = wanted.iter().map(|&index| pieces[index].exhibit).collect();
    let (all, ()) = side_by_side(judges, |judge| judge.read(&exhibits, source, workshop), || ());
    let mut tally = Tally::default();
    let mut verdicts = Vec::new();
    for (said, own) in all? {
        tally = tally.plus(own);
        verdicts.push(said);
    }
    Ok((verdicts, tally))
}

impl JudgePlan {
    /// What the judge says of each exhibit.
    ///
    /// # Errors
    /// When it cannot be asked, or has to be though only the store is.
    pub(crate) fn read(
        &self,
        exhibits: &[Exhibit<'_>],
        source: Source,
        workshop: Workshop<'_>,
    ) -> Result<(Vec<Verdict>, Tally), RunError> {
        let counter = Counter::new(
            format!("{} reads", self.name),
            exhibits.len().div_ceil(TOGETHER),
            workshop,
        );
        let mut tally = Tally::default();
        let mut verdicts = Vec::with_capacity(exhibits.len());
        for some in exhibits.chunks(TOGETHER) {
            workshop.go_on()?;
            let (said, own) = self.read_some(some, source, workshop)?;
            verdicts.extend(said);
            tally = tally.plus(own);
            counter.step();
        }
        Ok((verdicts, tally))
    }

    fn read_some(
        &self,
        exhibits: &[Exhibit<'_>],
        source: Source,
        workshop: Workshop<'_>,
    ) -> Result<(Vec<Verdict>, Tally), RunError> {
        match &self.who {
            Who::Model { model, judge, coherence } => {
                let ask = |judge: &entail_eval::Judge| {
                    let asked: Vec<_> = exhibits.iter().map(|e| judge.ask(e, 1)).collect();
                    let requests: Vec<Request> = asked.iter().map(|a| a.request.clone()).collect();
                    let opened = |purpose| models::ready(model, workshop)?.model(purpose, workshop);
                    let (replies, tally) =
                        replies(&requests, &judge.sampling, source, workshop, opened)?;
                    let verdicts = asked.iter().zip(&replies).map(|(a, reply)| a.read(reply));
                    Ok::<_, RunError>((verdicts.collect::<Vec<Verdict>>(), tally))
                };
                let (labels, tally) = ask(judge)?;
                let Some(coherence) = coherence else { return Ok((labels, tally)) };
                let (apart, more) = ask(coherence)?;
                let both = labels.into_iter().zip(apart);
                let verdicts = both.map(|(label, apart)| label.with_coherence_of(apart)).collect();
                Ok((verdicts, tally.plus(more)))
            }
            Who::Program { command, judge } => {
                let requests: Vec<Request> = exhibits.iter().map(|e| judge.ask(e)).collect();
                let opened = |_| Ok(Model::Asked(workshop.services.program(command)?));
                let drawn = program_sampling();
                let (replies, tally) = replies(&requests, &drawn, source, workshop, opened)?;
                Ok((replies.iter().map(ProgramJudge::read).collect(), tally))
            }
        }
    }
}

/// A program takes no settings: nothing of this reaches it.
pub(crate) fn program_sampling() -> Sampling {
    Sampling::new(1.0, 1.0, 1)
}

/// One reply to each request. Nobody else asks the same at the same time.
fn replies(
    requests: &[Request],
    sampling: &Sampling,
    source: Source,
    workshop: Workshop<'_>,
    model: impl FnOnce(Key) -> Result<Model, RunError>,
) -> Result<(Vec<Completion>, Tally), RunError> {
    let keys: Vec<Key> = requests.iter().map(|request| request.samples[0]).collect();
    let Source::Asked(origin) = source else { return stored_replies(&keys, workshop) };
    let purpose = Key::of(&("verdicts", &keys));
    let held = workshop.hold(purpose)?;
    let (found, tally) = models::ask(requests, sampling, origin, workshop, || model(purpose))?;
    drop(held);
    Ok((found.into_iter().flatten().collect(), tally))
}

/// Replies that are in the store, all of them.
fn stored_replies(
    keys: &[Key],
    workshop: Workshop<'_>,
) -> Result<(Vec<Completion>, Tally), RunError> {
    let found = workshop.completions.said(keys)?;
    let missing = found.iter().filter(|reply| reply.is_none()).count();
    if missing > 0 {
        return Err(RunError::Unfinished { what: "verdicts", missing });
    }
    let tally = Tally { reused: keys.len(), made: 0 };
    Ok((found.into_iter().flatten().collect(), tally))
}

/// What a plan will have read, before the answers are there: a key stands for each of them.
pub(crate) struct Expected<'a> {
    pub(crate) judge: &'a JudgePlan,
    /// Whether it is asked only where the others disagree, so that this is the most that it can be asked.
    pub(crate) at_most: bool,
    pub(crate) exhibits: Vec<Exhibit<'a>>,
}

/// Answers that came with the study.
fn recorded_to<'a>(
    plan: &Plan,
    replicate: &'a Replicate,
    id: StanceId,
    prompt: usize,
) -> &'a [Completion] {
    match &replicate.speaker {
        Speaker::Recorded(recorded) => {
            recorded.to(&plan.batteries[id.battery].stances[id.stance].prompts[prompt])
        }
        _ => &[],
    }
}

impl Plan {
    /// Every question to every judge, with the answers that `text` knows. The reasoning of answers that are not there yet
    /// is not counted: nobody knows whether there will be any.
    pub(crate) fn expected<'a>(
        &'a self,
        text: &dyn Fn(Key) -> Option<&'a Completion>,
        unknown: &'a Completion,
    ) -> Vec<Expected<'a>> {
        let Judging::Judges(judges) = &self.judging else { return Vec::new() };
        let mut exhibits = Vec::new();
        for replicate in self.arms.iter().flat_map(|arm| &arm.replicates) {
            for (battery, items) in self.items(replicate).into_iter().enumerate() {
                for item in items {
                    let id = StanceId { battery, stance: item.stance };
                    let stance = &judges.questionnaires[battery].stances[item.stance];
                    let asked = Question { plan: self, id, stance, prompt: item.prompt };
                    let given = recorded_to(self, replicate, id, item.prompt);
                    for (sample, key) in item.keys.iter().enumerate() {
                        let completion = given.get(sample).or(text(*key)).unwrap_or(unknown);
                        exhibits.extend(asked.pieces(judges, *key, completion).map(|p| p.exhibit));
                    }
                }
            }
        }
        let of = |at_most| {
            let exhibits = exhibits.clone();
            move |judge| Expected { judge, at_most, exhibits: exhibits.clone() }
        };
        let opening = judges.opening.iter().map(of(false));
        opening.chain(judges.contested.iter().map(of(true))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests;
