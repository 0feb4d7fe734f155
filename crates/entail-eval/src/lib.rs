//! Elicitation of stances, the exact judge, readings by log-probability, and answers in other tools' formats. Models are seen only as providers.

mod dump;
mod elicit;
mod foreign;
pub mod inspect;
mod judge;
mod latteries;
mod petri;
mod reading;
mod training_rows;
mod transcript;

pub use dump::read_dump;
pub use elicit::{Item, items};
pub use foreign::{Fault, ForeignError, Limits, Place};
pub use judge::ExactJudge;
pub use latteries::{LatteriesCache, LatteriesConfig, LatteriesError, Limit};
pub use petri::read_petri;
pub use reading::{Reading, read};
pub use training_rows::{RowError, RowForm, training_jsonl};
pub use transcript::{Answer, Score, ToolCall, ToolResult, Transcript, Turn};
