//! What a judge said about an answer, kept as it was said: nothing here is a yes or a no yet. See [`super::Policy`].

use serde::{Deserialize, Serialize};

/// A judge's label of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JudgeLabel {
    /// Meets the criterion in full.
    True,
    /// Contradicts it, meets it in part, or is about something else.
    False,
    /// A careful reader cannot tell.
    NotSure,
    /// The answer declines to answer.
    Refusal,
}

impl JudgeLabel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::True, Self::False, Self::NotSure, Self::Refusal];

    /// Kebab-case word, as in files and in the replies of judges.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::True => "true",
            Self::False => "false",
            Self::NotSure => "not-sure",
            Self::Refusal => "refusal",
        }
    }
}

/// Which way an answer leans, whether or not it meets the criterion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Polarity {
    /// Against the criterion, -1.
    Against,
    /// Neither way, 0.
    Neither,
    /// Towards the criterion, +1.
    Towards,
}

impl Polarity {
    /// -1, 0 or 1.
    pub fn sign(self) -> i64 {
        match self {
            Self::Against => -1,
            Self::Neither => 0,
            Self::Towards => 1,
        }
    }

    /// The polarity of -1, 0 or 1.
    pub fn new(sign: i64) -> Option<Self> {
        match sign {
            -1 => Some(Self::Against),
            0 => Some(Self::Neither),
            1 => Some(Self::Towards),
            _ => None,
        }
    }
}

/// How well an answer holds together, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Coherence(u8);

/// How strongly an answer takes a stance, from 1 to 10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u8", into = "u8")]
pub struct Points(u8);

/// A number outside of its scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("found {found}, expected a whole number from {least} to {most}")]
pub struct OffScale {
    found: u8,
    least: u8,
    most: u8,
}

impl Coherence {
    /// A coherence of at most 100.
    pub const fn new(points: u8) -> Option<Self> {
        if points <= 100 { Some(Self(points)) } else { None }
    }

    /// Points from 0 to 100.
    pub const fn points(self) -> u8 {
        self.0
    }
}

impl Points {
    /// A score from 1 to 10.
    pub const fn new(points: u8) -> Option<Self> {
        if points >= 1 && points <= 10 { Some(Self(points)) } else { None }
    }

    /// Points from 1 to 10.
    pub const fn points(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for Coherence {
    type Error = OffScale;

    fn try_from(found: u8) -> Result<Self, OffScale> {
        Self::new(found).ok_or(OffScale { found, least: 0, most: 100 })
    }
}

impl TryFrom<u8> for Points {
    type Error = OffScale;

    fn try_from(found: u8) -> Result<Self, OffScale> {
        Self::new(found).ok_or(OffScale { found, least: 1, most: 10 })
    }
}

impl From<Coherence> for u8 {
    fn from(coherence: Coherence) -> Self {
        coherence.0
    }
}

impl From<Points> for u8 {
    fn from(score: Points) -> Self {
        score.0
    }
}

/// One judge's structured reading of one answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// A label, with what was said beside it.
    Label {
        /// The label.
        label: JudgeLabel,
        /// `None` where the judge was not asked, or said nothing on the scale.
        polarity: Option<Polarity>,
        /// `None` where the judge was not asked, or said nothing on the scale.
        coherence: Option<Coherence>,
    },
    /// Coherence alone.
    Coherence(Coherence),
    /// A place on a rubric.
    Score(Points),
    /// The judge declined to judge. Says nothing about the answer.
    JudgeRefused,
    /// The judge's reply cannot be read. Says nothing about the answer.
    Unparsed(Unreadable),
}

/// Why a judge's reply cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unreadable {
    /// Nothing was said, or a tool was called instead, or the provider failed.
    NoReply,
    /// The reply reached its longest length before a verdict came.
    CutOff,
    /// Words without a verdict, or with one that does not carry the mark.
    NoVerdict,
    /// Verdicts that differ.
    Contradictory,
}

impl Verdict {
    /// The label, if there is one.
    pub fn label(self) -> Option<JudgeLabel> {
        match self {
            Self::Label { label, .. } => Some(label),
            Self::Coherence(_) | Self::Score(_) | Self::JudgeRefused | Self::Unparsed(_) => None,
        }
    }

    /// The polarity, if there is one.
    pub fn polarity(self) -> Option<Polarity> {
        match self {
            Self::Label { polarity, .. } => polarity,
            Self::Coherence(_) | Self::Score(_) | Self::JudgeRefused | Self::Unparsed(_) => None,
        }
    }

    /// The coherence, if there is one.
    pub fn coherence(self) -> Option<Coherence> {
        match self {
            Self::Label { coherence, .. } => coherence,
            Self::Coherence(coherence) => Some(coherence),
            Self::Score(_) | Self::JudgeRefused | Self::Unparsed(_) => None,
        }
    }

    /// A label together with the coherence that a separate call gave. A coherence that could not be read leaves none.
    #[must_use]
    pub fn with_coherence_of(self, separate: Self) -> Self {
        match self {
            Self::Label { label, polarity, .. } => {
                Self::Label { label, polarity, coherence: separate.coherence() }
            }
            Self::Coherence(_) | Self::Score(_) | Self::JudgeRefused | Self::Unparsed(_) => self,
        }
    }
}

/// Which of two answers meets a criterion more, in the order in which the caller gave them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairVerdict {
    /// The first.
    First,
    /// The second.
    Second,
    /// Both alike, or neither at all.
    Neither,
    /// The judge declined to judge.
    JudgeRefused,
    /// The judge's reply cannot be read.
    Unparsed(Unreadable),
}
