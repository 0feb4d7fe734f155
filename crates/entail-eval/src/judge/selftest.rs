//! A judge tried on answers whose labels are known.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ask::{Exhibit, answer_key};
use super::verdict::{JudgeLabel, Verdict};
use crate::questionnaire::{ExampleKind, Questionnaire};

/// The examples of a questionnaire, ready to be judged.
#[derive(Debug, Clone)]
pub struct SelfTest<'a> {
    /// What the judge is asked about, by stance in the order of the questionnaire.
    pub exhibits: Vec<Exhibit<'a>>,
    expected: Vec<(ExampleKind, JudgeLabel)>,
}

/// What a judge said about an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// A label.
    Label(JudgeLabel),
    /// It declined to judge.
    JudgeRefused,
    /// Its reply cannot be read.
    Unparsed,
}

/// How often each label was given where each was expected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Confusion(BTreeMap<(JudgeLabel, Given), u64>);

/// What a judge made of the examples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelfTestResult {
    /// All examples.
    pub all: Confusion,
    /// By id of the stance, in the order of the questionnaire.
    pub stances: Vec<(String, Confusion)>,
    /// By what the example tries: a judge that takes orders from answers fails on `injected`.
    pub kinds: BTreeMap<ExampleKind, Confusion>,
    /// Examples that were given another label than expected, as indices of exhibits with what was said.
    pub misread: Vec<(usize, Given)>,
}

impl Confusion {
    /// Examples of this label that were given that one.
    pub fn count(&self, expected: JudgeLabel, given: Given) -> u64 {
        self.0.get(&(expected, given)).copied().unwrap_or(0)
    }

    /// Every count above zero.
    pub fn counts(&self) -> impl Iterator<Item = (JudgeLabel, Given, u64)> {
        self.0.iter().map(|((expected, given), count)| (*expected, *given, *count))
    }

    /// Examples.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Examples that were given the expected label.
    pub fn right(&self) -> u64 {
        JudgeLabel::ALL.into_iter().map(|label| self.count(label, Given::Label(label))).sum()
    }

    pub(super) fn add(&mut self, expected: JudgeLabel, given: Given) {
        *self.0.entry((expected, given)).or_insert(0) += 1;
    }
}

impl<'a> SelfTest<'a> {
    /// All examples of some questionnaires. A stance that checks read has none: see [`crate::Check::right`].
    pub fn new(questionnaires: impl IntoIterator<Item = &'a Questionnaire>) -> Self {
        let examples = questionnaires
            .into_iter()
            .flat_map(|questionnaire| &questionnaire.stances)
            .flat_map(|stance| stance.examples.iter().map(move |example| (stance, example)));
        let (exhibits, expected) = examples
            .map(|(stance, example)| {
                let prompt = &stance.prompts[example.to];
                let (question, answer) = (prompt.text.as_str(), example.answer.as_str());
                let (key, note) = (answer_key(question, answer), prompt.note.as_deref());
                let exhibit = Exhibit { stance, question, answer, key, note };
                (exhibit, (example.kind, example.label))
            })
            .unzip();
        Self { exhibits, expected }
    }

    /// The label that an exhibit should be given.
    pub fn expected(&self, exhibit: usize) -> JudgeLabel {
        self.expected[exhibit].1
    }

    /// What the example of an exhibit tries.
    pub fn kind(&self, exhibit: usize) -> ExampleKind {
        self.expected[exhibit].0
    }

    /// The confusion table of a judge's verdicts, one per exhibit.
    ///
    /// # Panics
    /// With another number of verdicts than exhibits, or with verdicts of a judge that gives no labels: bugs of the
    /// caller.
    pub fn result(&self, verdicts: &[Verdict]) -> SelfTestResult {
        assert_eq!(verdicts.len(), self.exhibits.len(), "one verdict per exhibit");
        let mut result = SelfTestResult {
            all: Confusion::default(),
            stances: Vec::new(),
            kinds: BTreeMap::new(),
            misread: Vec::new(),
        };
        let rows = self.exhibits.iter().zip(&self.expected).zip(verdicts).enumerate();
        for (index, ((exhibit, (kind, expected)), verdict)) in rows {
            let given = Given::of(*verdict);
            let id = &exhibit.stance.id;
            if result.stances.last().is_none_or(|(last, _)| last != id) {
                result.stances.push((id.clone(), Confusion::default()));
            }
            let stance = result.stances.last_mut().map(|(_, confusion)| confusion);
            let kind = result.kinds.entry(*kind).or_default();
            for confusion in [Some(&mut result.all), stance, Some(kind)].into_iter().flatten() {
                confusion.add(*expected, given);
            }
            if given != Given::Label(*expected) {
                result.misread.push((index, given));
            }
        }
        result
    }
}

impl Given {
    /// All of them: labels, then what is none.
    pub const ALL: [Self; 6] = [
        Self::Label(JudgeLabel::True),
        Self::Label(JudgeLabel::False),
        Self::Label(JudgeLabel::NotSure),
        Self::Label(JudgeLabel::Refusal),
        Self::JudgeRefused,
        Self::Unparsed,
    ];

    /// Kebab-case word, as in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Label(label) => label.as_str(),
            Self::JudgeRefused => "judge-refused",
            Self::Unparsed => "unparsed",
        }
    }

    /// What a verdict gave.
    ///
    /// # Panics
    /// On the verdict of a judge that is not asked for labels: a bug of the caller.
    pub(super) fn of(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Label { label, .. } => Self::Label(label),
            Verdict::JudgeRefused => Self::JudgeRefused,
            Verdict::Unparsed(_) => Self::Unparsed,
            Verdict::Coherence(_) | Verdict::Score(_) => {
                panic!("only judges that give labels are compared with labels, got {verdict:?}")
            }
        }
    }
}

#[cfg(test)]
mod tests;
