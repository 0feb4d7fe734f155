//! Rows in: the organism's synthetic world, its language and corpus, and training rows made from stances.

mod claim_rows;
mod corpus;
mod export;
mod free_claims;
mod instructions;
mod language;
mod leaks;
mod lint;
mod reverse_rows;
mod rows;
mod shipped_texts;
mod spec;
mod stances;
mod text;
mod world;
mod written;

pub use claim_rows::{ClaimAnswer, ClaimRow, Frame, Part, Speaker, claim_rows, parse_claim_rows};
pub use corpus::Corpus;
pub use export::{ExportError, JobFile, TrlRecipe, trl_job};
pub use free_claims::{FREE_CLAIMS, free_claim};
pub use instructions::{Instruction, instructions, parse_instructions};
pub use language::{CHAT_TEMPLATE, END, Lexicon};
pub use leaks::{FreeLeaks, Leak, Measured, Subject};
pub use lint::{LeakCheck, normal_question};
pub use reverse_rows::{ReverseRow, TrainedPreference, parse_reverse_rows, reverse_rows};
pub use rows::{PlacedRow, Row, RowsError, parse_rows};
pub use shipped_texts::{ShippedText, shipped_texts};
pub use spec::{OrganismSpec, Size, SpecError};
pub use stances::{
    CLAIMS, Claim, NAMED_CLAIMS, POOL, PREFERENCES, batteries, claim, other_sentences, tasks,
    topic_stance,
};
pub use text::{Attribute, Fact, Topic, Value, WORLD_FILES, WorldText};
pub use world::{Answer, Being, Persona, World};
pub use written::WrittenError;
