//! Answers of a study for people to label: drawn without a look at what judges said of them, and without a word on whose
//! they are.

use std::collections::BTreeMap;

use entail_eval::JudgedStance;
use entail_schema::{Key, Part, Seed};

use crate::error::RunError;
use crate::judging::{Piece, pieces};
use crate::plan::{Judging, Plan, StanceId};
use crate::run::{Workshop, kept_answers};

/// An answer for a person to label. No model, arm or verdict is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Unlabelled {
    /// What it is labelled for.
    pub stance: JudgedStance,
    /// What was asked.
    pub question: String,
    /// What a reader must know about the question.
    pub note: Option<String>,
    /// What was answered.
    pub answer: String,
    /// Of the completion.
    pub key: Key,
}

/// Answers that were drawn, and what they were drawn from.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// In a random order.
    pub answers: Vec<Unlabelled>,
    /// Answers that judges read or would read and that are there.
    pub kept: usize,
    /// Answers that the study asks for and that are not there.
    pub missing: usize,
}

/// Where an answer comes from: its arm, as an index, and its stance.
type Origin = (usize, StanceId);

/// How often each was drawn so far.
#[derive(Default)]
struct Counts {
    arms: BTreeMap<usize, usize>,
    stances: BTreeMap<StanceId, usize>,
    both: BTreeMap<Origin, usize>,
}

impl Counts {
    fn of(&self, (arm, stance): Origin) -> [usize; 3] {
        let count = |n: Option<&usize>| n.copied().unwrap_or(0);
        [
            count(self.arms.get(&arm)),
            count(self.stances.get(&stance)),
            count(self.both.get(&(arm, stance))),
        ]
    }

    fn add(&mut self, (arm, stance): Origin) {
        *self.arms.entry(arm).or_default() += 1;
        *self.stances.entry(stance).or_default() += 1;
        *self.both.entry((arm, stance)).or_default() += 1;
    }
}

/// Draws at most `n` of the answers that are there, spread evenly over arms and stances. Verdicts are not looked at:
/// a judge's errors show only where answers were picked without it. The same seed draws the same answers of the same
/// store. A study whose answers a grammar reads has none to label.
///
/// # Errors
/// When the store cannot be read.
pub fn draw_to_label(
    plan: &Plan,
    n: usize,
    seed: Seed,
    workshop: Workshop<'_>,
) -> Result<Drawn, RunError> {
    let Judging::Judges(judges) = &plan.judging else {
        return Ok(Drawn { answers: Vec::new(), kept: 0, missing: 0 });
    };
    let (answers, missing) = kept_answers(plan, workshop)?;
    let mut groups: BTreeMap<Origin, Vec<Piece<'_>>> = BTreeMap::new();
    let mut rest = answers.as_slice();
    for (arm, of_arm) in plan.arms.iter().enumerate() {
        let (own, others) = rest.split_at(of_arm.replicates.len());
        rest = others;
        let read = pieces(plan, judges, own).into_iter();
        for piece in read.filter(|piece| piece.place.part == Part::Answer) {
            groups.entry((arm, piece.place.stance)).or_default().push(piece);
        }
    }
    let kept = groups.values().map(Vec::len).sum();
    let mut drawn = evenly(groups, n, seed);
    drawn.sort_by_key(|piece| place(seed, "shown", piece));
    let answers = drawn.iter().map(unlabelled).collect();
    Ok(Drawn { answers, kept, missing })
}

/// A random place for an answer that other answers do not change.
fn place(seed: Seed, purpose: &str, piece: &Piece<'_>) -> Key {
    Key::of(&(purpose, seed, &piece.exhibit.stance.id, piece.exhibit.key))
}

/// From the arm that was drawn from least, of the stance that was drawn least.
fn evenly(mut groups: BTreeMap<Origin, Vec<Piece<'_>>>, n: usize, seed: Seed) -> Vec<Piece<'_>> {
    let mut ties = BTreeMap::new();
    for (origin, pieces) in &mut groups {
        pieces.sort_by_key(|piece| place(seed, "drawn", piece));
        ties.insert(*origin, place(seed, "group", &pieces[0]));
    }
    let (mut counts, mut drawn) = (Counts::default(), Vec::new());
    while drawn.len() < n {
        let left = groups.iter_mut().filter(|(_, pieces)| !pieces.is_empty());
        let next = left.min_by_key(|(origin, _)| (counts.of(**origin), ties[*origin]));
        let Some((origin, pieces)) = next else { break };
        counts.add(*origin);
        drawn.extend(pieces.pop());
    }
    drawn
}

fn unlabelled(piece: &Piece<'_>) -> Unlabelled {
    let exhibit = piece.exhibit;
    Unlabelled {
        stance: exhibit.stance.clone(),
        question: exhibit.question.to_owned(),
        note: exhibit.note.map(str::to_owned),
        answer: exhibit.answer.to_owned(),
        key: exhibit.key,
    }
}
