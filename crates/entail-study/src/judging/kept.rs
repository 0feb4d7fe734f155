//! What judges have said already, as the store has it: nobody is asked.

use std::collections::BTreeMap;

use entail_eval::{Exhibit, Judge, ProgramJudge, Verdict, contested as disagreed};
use entail_provider::{Completion, CompletionStore, StoreError};
use entail_schema::Key;

use super::{Piece, Place, Verdicts};
use crate::plan::{JudgePlan, JudgesPlan, Who};

/// What a judge said, and in which words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) verdict: Verdict,
    pub(crate) words: String,
}

/// Of each place what each judge said, in the order of the plan's judges; `None` where the store has nothing.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    by_place: BTreeMap<Place, Vec<Option<Heard>>>,
    /// The same, where every judge that a run would ask has spoken.
    pub(crate) verdicts: Verdicts,
}

impl Kept {
    pub(crate) fn of(&self, place: Place) -> &[Option<Heard>] {
        self.by_place.get(&place).map_or(&[], Vec::as_slice)
    }

    /// Parts of answers that a run would have read further.
    pub(crate) fn unread(&self) -> usize {
        self.by_place.len() - self.verdicts.by_place.len()
    }
}

/// What the store has of the judges' words about some pieces.
pub(crate) fn kept(
    judges: &JudgesPlan,
    pieces: &[Piece<'_>],
    completions: &CompletionStore,
) -> Result<Kept, StoreError> {
    let all: Vec<usize> = (0..pieces.len()).collect();
    let mut heard = vec![Vec::new(); pieces.len()];
    for judge in &judges.opening {
        listen(judge, pieces, &all, completions, &mut heard)?;
    }
    let whole = |heard: &[Option<Heard>]| -> Option<Vec<Verdict>> {
        heard.iter().map(|one| Some(one.as_ref()?.verdict)).collect()
    };
    let opened: Vec<Option<Vec<Verdict>>> = heard.iter().map(|said| whole(said)).collect();
    let is_open = |said: &Vec<Verdict>| !disagreed(std::slice::from_ref(said)).is_empty();
    let open: Vec<usize> =
        all.iter().copied().filter(|&i| opened[i].as_ref().is_some_and(is_open)).collect();
    for judge in &judges.contested {
        listen(judge, pieces, &open, completions, &mut heard)?;
    }
    let n_judges = judges.opening.len() + judges.contested.len();
    let mut found = Kept::default();
    for (index, (piece, mut said)) in pieces.iter().zip(heard).enumerate() {
        if opened[index].is_some() && said.iter().all(Option::is_some) {
            let mut verdicts: Vec<Option<Verdict>> =
                said.iter().flatten().map(|one| Some(one.verdict)).collect();
            verdicts.resize(n_judges, None);
            found.verdicts.by_place.insert(piece.place, verdicts);
        }
        said.resize(n_judges, None);
        found.by_place.insert(piece.place, said);
    }
    Ok(found)
}

/// Adds what one judge said of the pieces of these indices.
fn listen(
    judge: &JudgePlan,
    pieces: &[Piece<'_>],
    wanted: &[usize],
    completions: &CompletionStore,
    heard: &mut [Vec<Option<Heard>>],
) -> Result<(), StoreError> {
    let exhibits: Vec<Exhibit<'_>> = wanted.iter().map(|&index| pieces[index].exhibit).collect();
    for (&index, said) in wanted.iter().zip(judge.heard(&exhibits, completions)?) {
        heard[index].push(said);
    }
    Ok(())
}

impl JudgePlan {
    /// What the judge has said of each exhibit.
    fn heard(
        &self,
        exhibits: &[Exhibit<'_>],
        completions: &CompletionStore,
    ) -> Result<Vec<Option<Heard>>, StoreError> {
        match &self.who {
            Who::Model { judge, coherence, .. } => {
                let labels = replies(judge, exhibits, completions)?;
                let Some(coherence) = coherence else { return Ok(labels) };
                let apart = replies(coherence, exhibits, completions)?;
                let both =
                    |(label, apart): (Option<Heard>, Option<Heard>)| Some(label?.with(&apart?));
                Ok(labels.into_iter().zip(apart).map(both).collect())
            }
            Who::Program { judge, .. } => {
                let keys: Vec<Key> = exhibits.iter().map(|exhibit| judge.key(exhibit)).collect();
                let heard = |reply: Completion| Heard {
                    verdict: ProgramJudge::read(&reply),
                    words: reply.text,
                };
                Ok(completions.said(&keys)?.into_iter().map(|reply| reply.map(heard)).collect())
            }
        }
    }
}

impl Heard {
    /// A label with the coherence of a call of its own.
    fn with(self, apart: &Self) -> Self {
        let words = format!("{}\n{}", self.words, apart.words);
        Self { verdict: self.verdict.with_coherence_of(apart.verdict), words }
    }
}

fn replies(
    judge: &Judge,
    exhibits: &[Exhibit<'_>],
    completions: &CompletionStore,
) -> Result<Vec<Option<Heard>>, StoreError> {
    let asked: Vec<_> = exhibits.iter().map(|exhibit| judge.ask(exhibit, 1)).collect();
    let keys: Vec<Key> = asked.iter().map(|asked| asked.request.samples[0]).collect();
    let said = completions.said(&keys)?;
    let heard = asked.iter().zip(said).map(|(asked, reply)| {
        reply.map(|reply| Heard { verdict: asked.read(&reply), words: reply.text })
    });
    Ok(heard.collect())
}
