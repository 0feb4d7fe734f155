//! Elicitation of stances, the exact judge, and readings by log-probability. Models are seen only as providers.

mod elicit;
mod judge;
mod reading;

pub use elicit::{Item, items};
pub use judge::ExactJudge;
pub use reading::{Reading, read};
