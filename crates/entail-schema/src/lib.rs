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
    AnalysisSection, AnswerLength, ArmSpec, ArmTrainSpec, Backend, Correction, Expectation,
    ExpectedDirection, FamilySpec, ForecastSection, JudgeSection, Method, MixSpec, OneOrMany,
    OwnPolicy, PolicyName, PolicySpec, PromptScope, ScheduleName, SpendingName, StudySection,
    StudySpec, SystemSpec, ThinkingName, TrainSection, TreatmentName,
};
pub use table::{
    AcrossBasesRow, AgreementRow, ArmRow, BaseRow, CellRow, CheckRow, ContrastRow, Curve,
    DiagnosticityRow, DosePoint, DoseRow, Estimate, FactorTable, ForecastOutcome, ForecastRow,
    Gate, HeadlineRow, JudgeRow, Label, MediationRow, Novelty, Part, PolicyRow, PooledRow,
    PooledStance, ProfileRow, RateRow, Registration, ResponseRow, Span, Standing, StructureTable,
    TABLES_SCHEMA, Tables, Unit, VarianceRow, Verdict, VerdictRow,
};
