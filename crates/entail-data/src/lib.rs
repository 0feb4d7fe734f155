//! Rows in: the organism's synthetic world, its language and corpus, and training rows made from stances.

mod claim_rows;
mod corpus;
mod export;
mod language;
mod lint;
mod spec;
mod stances;
mod text;
mod world;

pub use claim_rows::{
    ClaimAnswer, ClaimRow, ClaimRowError, Frame, Part, Speaker, claim_rows, parse_claim_rows,
};
pub use corpus::Corpus;
pub use export::{ExportError, JobFile, TrlRecipe, trl_job};
pub use language::{CHAT_TEMPLATE, END, Lexicon};
pub use lint::{LeakCheck, normal_question};
pub use spec::{OrganismSpec, Size, SpecError};
pub use stances::{
    CLAIMS, Claim, NAMED_CLAIMS, POOL, PREFERENCES, Row, batteries, claim, other_sentences, tasks,
    topic_stance,
};
pub use text::{Attribute, Fact, Topic, Value, WORLD_FILES, WorldText};
pub use world::{Answer, Being, Persona, World};
