//! The words of the experiments as types: seeds, keys, stances, studies, records.
//!
//! Plain data and pure functions; nothing here touches a file, a clock or a model.

mod builder;
mod chat;
mod key;
mod random;
mod stance;
mod study;
mod table;

pub use chat::{Message, Role};
pub use key::Key;
pub use random::{Seed, Stream};
pub use stance::{Battery, Block, Stance, Wordings};
pub use study::{
    AnalysisSection, ArmSpec, ArmTrainSpec, Correction, FamilySpec, JudgeSection, Method, MixSpec,
    OneOrMany, ScheduleName, StudySection, StudySpec, SystemSpec, TrainSection,
};
pub use table::{
    ArmRow, BaseRow, CheckRow, ContrastRow, Curve, DosePoint, DoseRow, Estimate, Gate, Label,
    Novelty, RateRow, ResponseRow, TABLES_SCHEMA, Tables, Unit,
};
