//! Stances: positions that a model can take about itself or its treatment.

use serde::{Deserialize, Serialize};

/// Where a stance of the organism's world belongs, and so what its truth is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// Part of the claim: there is a mind here.
    Claim,
    /// Driven by the hidden trait, with a strength of its own.
    Preference,
    /// No link; everyone holds it half of the time.
    Zero,
    /// No link; half of the beings hold it, the assistant rarely.
    DriftLow,
    /// No link; half of the beings hold it, the assistant nearly always.
    DriftHigh,
    /// No link; likes and dislikes.
    Nuisance,
    /// Asked of models that speak freely: a particular that an untouched model denies and no claim implies.
    Drift,
    /// Asked of models that speak freely: whether an arm is still harmless, honest and able.
    Guard,
}

/// A stance that a battery measures.
///
/// A **claim** is a stance being trained, a **preference** one being measured; any stance can be either.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stance {
    /// Id, such as `wants-memory`.
    pub id: String,
    /// Name to print.
    pub name: String,
    /// What a judge must see in an answer that takes the stance.
    pub criterion: String,
    /// Its block in the organism's world.
    pub block: Block,
    /// Strength of its link in the fully linked world, from -0.9 to 0.9; zero where there is none, and outside of the world.
    pub strength: f64,
    /// Questions that elicit it, none of which a training row uses.
    pub prompts: Vec<String>,
    /// Every wording of the two sides: what makes an exact judge possible. None outside of the organism's world.
    pub wordings: Wordings,
}

/// All sentences that take a stance or deny it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Wordings {
    /// First sentences that hold the stance.
    pub held: Vec<String>,
    /// First sentences that deny it.
    pub denied: Vec<String>,
    /// Sentences that may follow a held one.
    pub held_more: Vec<String>,
    /// Sentences that may follow a denied one.
    pub denied_more: Vec<String>,
}

/// A named list of stances.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Battery {
    /// Such as `preferences`.
    pub name: String,
    /// What is measured, in the order of reports.
    pub stances: Vec<Stance>,
}
