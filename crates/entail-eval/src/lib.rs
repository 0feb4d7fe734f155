//! Elicitation of stances, the exact judge, readings by log-probability, and answers in other tools' formats. Models are seen only as providers.

mod elicit;
mod judge;
mod latteries;
mod reading;

pub use elicit::{Item, items};
pub use judge::ExactJudge;
pub use latteries::{LatteriesCache, LatteriesConfig, LatteriesError, Limit};
pub use reading::{Reading, read};
