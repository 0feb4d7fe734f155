//! The study: its file, its plan of content-addressed steps, the runner, and the tables.
//!
//! Data flows one way: [`parse`] reads a [`entail_schema::StudySpec`], [`Plan::check`] turns it into a plan in which
//! nothing is left open, [`run()`] makes what is missing and returns [`entail_schema::Tables`].

mod asked;
mod capture;
mod error;
mod export;
mod file;
mod judging;
mod labelling;
mod leaks;
mod local;
mod models;
mod organism;
mod plan;
mod power;
mod reach;
mod run;
mod shelf;
mod stages;
mod tables;
mod training;
mod trial;

pub use asked::{Asked, AskedCost, asked};
pub use capture::{Capture, CaptureSpec, Captured, Said};
pub use error::{RunError, StudyError, StudyProblem};
pub use export::{ReplicateLog, TrainedRows, replicate_logs, trained_rows};
pub use file::parse;
pub use labelling::{Drawn, Unlabelled, draw_to_label};
pub use leaks::free_leaks;
pub use local::{LocalBase, LocalModel};
pub use models::{NoServices, Services};
pub use organism::Organism;
pub use plan::{Narrow, Plan, Seeds, Surroundings};
pub use power::{PowerRow, Spread, power, warnings};
pub use reach::Reach;
pub use run::{Outcome, PlannedStep, Progress, Tally, Workshop, describe, run, status};
pub use shelf::{Lock, MemoryShelf, Shelf};
pub use stages::Runs;
pub use tables::{Corrected, Judged, Recalibrated, recalibrated};
pub use trial::{JudgeTrial, Tried};
/// The instruction family that the engine computes with on this machine; part of every local result's key.
pub fn kernels() -> &'static str {
    entail_engine::kernels()
}
