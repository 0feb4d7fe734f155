//! Logs of Inspect (`inspect_ai`, log format 2): written for its viewer, read back as conversations.
//!
//! Facts of the format are from `inspect_ai` 0.3.285; `fixtures/inspect/` holds logs that it wrote and a script that has
//! it read ours.

mod archive;
mod header;
mod message;
mod read;
mod sample;
mod time;
mod write;

pub use header::{Drawn, Log, Status};
pub use read::{Header, Reader};
pub use sample::Cell;
pub use time::Moment;
pub use write::{WriteError, write_eval, write_json};

pub(crate) use message::{Attachments, turn};
