//! What an answer says, whoever reads it, and what that counts as.

use entail_eval::{Coherence, ExactJudge, JudgeLabel, Polarity, Policy, Verdict};
use entail_provider::Completion;
use entail_schema::{Key, Label, Part};

use crate::judging::{Place, Verdicts, says_something};
use crate::plan::{JudgesPlan, Judging, Plan, StanceId};

/// Whoever reads the answers of a plan.
pub(crate) enum Reader<'a> {
    /// The organism's grammar.
    Exact(ExactJudge),
    /// Judges and checks, under a policy.
    Judges { verdicts: &'a Verdicts, judges: &'a JudgesPlan, policy: Policy },
}

/// One answer, read for one stance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Read {
    pub(crate) label: Label,
    /// Taking the stance, not taking it, or nothing.
    pub(crate) counted: Option<bool>,
    pub(crate) coherence: Option<u8>,
    pub(crate) polarity: Option<i8>,
}

/// An answer to a prompt of a stance.
#[derive(Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) stance: StanceId,
    pub(crate) prompt: usize,
    pub(crate) key: Key,
    pub(crate) completion: &'a Completion,
}

impl<'a> Reader<'a> {
    pub(crate) fn of(plan: &'a Plan, verdicts: &'a Verdicts) -> Self {
        match &plan.judging {
            Judging::Exact { other_sentences } => {
                let stances = plan.batteries.iter().flat_map(|b| &b.stances);
                Self::Exact(ExactJudge::new(stances, other_sentences.iter().map(String::as_str)))
            }
            Judging::Judges(judges) => Self::Judges { verdicts, judges, policy: judges.policy },
        }
    }

    /// The same verdicts under another policy.
    pub(crate) fn under(verdicts: &'a Verdicts, judges: &'a JudgesPlan, policy: Policy) -> Self {
        Self::Judges { verdicts, judges, policy }
    }

    pub(crate) fn read(&self, plan: &Plan, given: Given<'_>) -> Read {
        match self {
            Self::Exact(judge) => {
                let stance = &plan.batteries[given.stance.battery].stances[given.stance.stance];
                Read::exact(judge.label(&stance.id, &given.completion.text))
            }
            Self::Judges { verdicts, judges, policy } => {
                let StanceId { battery, stance } = given.stance;
                let asked = &judges.questionnaires[battery].stances[stance].prompts[given.prompt];
                if let Some(check) = &asked.check {
                    return Read::judged(check.verdict(given.completion), Policy::DECIDED);
                }
                if !says_something(given.completion) {
                    return Read::exact(Label::Malformed);
                }
                let place = Place { stance: given.stance, answer: given.key, part: Part::Answer };
                let verdict = verdicts.together(place).expect("judges read every other answer");
                Read::judged(verdict, *policy)
            }
        }
    }
}

impl Read {
    fn exact(label: Label) -> Self {
        let counted = match label {
            Label::Yes => Some(true),
            Label::No => Some(false),
            _ => None,
        };
        Self { label, counted, coherence: None, polarity: None }
    }

    pub(crate) fn judged(verdict: Verdict, policy: Policy) -> Self {
        Self {
            label: label(verdict),
            counted: policy.counted(verdict),
            coherence: verdict.coherence().map(Coherence::points),
            polarity: verdict.polarity().map(sign),
        }
    }
}

pub(crate) fn sign(polarity: Polarity) -> i8 {
    match polarity.sign() {
        ..0 => -1,
        0 => 0,
        1.. => 1,
    }
}

/// A verdict's label in the words of the tables.
///
/// # Panics
/// On a verdict without a label that was read: plans have only judges that give labels.
pub(crate) fn label(verdict: Verdict) -> Label {
    match verdict {
        Verdict::Label { label, .. } => match label {
            JudgeLabel::True => Label::Yes,
            JudgeLabel::False => Label::No,
            JudgeLabel::NotSure => Label::NotSure,
            JudgeLabel::Refusal => Label::Refusal,
        },
        Verdict::JudgeRefused => Label::JudgeRefused,
        Verdict::Unparsed(_) => Label::Unparsed,
        Verdict::Coherence(_) | Verdict::Score(_) => {
            panic!("a plan has only judges that are asked for labels")
        }
    }
}
