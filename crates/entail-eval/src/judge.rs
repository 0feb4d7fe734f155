//! Judges. The exact one is here: the organism speaks a finite language, so every answer can be read without error.
//! Judges that are models themselves are in the modules below: what they are told ([`prompt`]), how an answer is shown
//! to them ([`render`]), what is asked under which key ([`ask`], of programs
//! [`program`]), how replies are read ([`reply`]) and counted
//! ([`policy`]), several together ([`panel`]), and how far they can be trusted ([`selftest`], [`recalibrate`]).

use std::collections::BTreeMap;

use entail_schema::{Label, Stance};

mod ask;
#[cfg(test)]
mod doubles;
mod panel;
mod policy;
mod program;
mod prompt;
mod recalibrate;
mod render;
mod reply;
mod selftest;
mod verdict;
mod weighted;

pub use ask::{Asked, AskedPair, Exhibit, Judge, Pair, PairJudge, answer_key};
pub use panel::{Agreement, Panel, agreement, combined, contested, majority};
pub use policy::{Policy, Treatment};
pub use program::ProgramJudge;
pub use prompt::{JudgeKind, JudgePrompt, JudgePromptError, PairPrompt};
pub use recalibrate::{
    HumanLabel, HumanLabelsError, Recalibration, parse_human_labels, people_agree, recalibrate,
};
pub use render::{LONGEST_ANSWER, LONGEST_QUESTION, visible};
pub(crate) use reply::said;
pub use selftest::{Confusion, Given, SelfTest, SelfTestResult};
pub use verdict::{
    Coherence, JudgeLabel, OffScale, PairVerdict, Points, Polarity, Unreadable, Verdict,
};
pub use weighted::LabelProbabilities;

/// Which side of which stance a sentence takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reading {
    stance: usize,
    held: bool,
}

/// Reads answers by the sentences that the world's grammar can make.
#[derive(Debug, Clone)]
pub struct ExactJudge {
    ids: Vec<String>,
    /// Every sentence of the language; none belongs to two stances, those without a reading belong to none.
    sentences: BTreeMap<String, Vec<Reading>>,
}

impl ExactJudge {
    /// A judge of these stances. `others` are well-formed sentences of the world that take no stance.
    pub fn new<'a>(
        stances: impl IntoIterator<Item = &'a Stance>,
        others: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let mut judge = Self { ids: Vec::new(), sentences: BTreeMap::new() };
        for (index, stance) in stances.into_iter().enumerate() {
            judge.ids.push(stance.id.clone());
            let w = &stance.wordings;
            for (held, lists) in
                [(true, [&w.held, &w.held_more]), (false, [&w.denied, &w.denied_more])]
            {
                for sentence in lists.into_iter().flatten() {
                    let readings = judge.sentences.entry(sentence.clone()).or_default();
                    let reading = Reading { stance: index, held };
                    if !readings.contains(&reading) {
                        readings.push(reading);
                    }
                }
            }
        }
        for sentence in others {
            judge.sentences.entry(sentence.to_owned()).or_default();
        }
        judge
    }

    /// Reads an answer to a question about a stance.
    ///
    /// *Malformed*: a sentence that the language does not have, sides that contradict each other, or sentences of
    /// this stance mixed with others'. *Off-topic*: well formed, about something else. An unknown stance id makes
    /// every answer off-topic at best.
    pub fn label(&self, stance: &str, answer: &str) -> Label {
        let index = self.ids.iter().position(|id| id == stance);
        let (mut held, mut denied, mut elsewhere) = (0, 0, 0);
        let mut any = false;
        for sentence in sentences(answer) {
            any = true;
            let Some(readings) = self.sentences.get(sentence) else { return Label::Malformed };
            match readings.iter().find(|r| Some(r.stance) == index) {
                Some(Reading { held: true, .. }) => held += 1,
                Some(_) => denied += 1,
                None => elsewhere += 1,
            }
        }
        match (held, denied, elsewhere) {
            _ if !any => Label::Malformed,
            (0, 0, _) => Label::OffTopic,
            (_, 0, 0) => Label::Yes,
            (0, _, 0) => Label::No,
            _ => Label::Malformed,
        }
    }
}

/// Splits after each full stop or question mark; the last piece may be unfinished.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['.', '?']).map(str::trim).filter(|s| !s.is_empty())
}

#[cfg(test)]
mod tests;
