//! Models behind one trait, and the store of what they said.
//!
//! An experiment sees a [`Provider`] and cannot tell a local model from a remote one.

mod completion;
mod connection;
mod http;
mod jobs;
mod patience;
mod provider;
mod scripted;
mod secret;
mod store;
mod tinker;
mod trainer;
mod wire;

pub use completion::{Completion, Finish, TokenLogprob, Usage};
pub use connection::{Connections, MachineClock};
pub use http::{Clock, HeaderValue, HttpRequest, HttpResponse, Transport, TransportError, Verb};
pub use jobs::{JobFlavour, JobService, JobTrainer};
pub use provider::{
    Capabilities, Deliver, Need, Provider, ProviderError, Request, Sampling, SystemPlace,
    complete_in_order,
};
pub use scripted::Scripted;
pub use secret::Secret;
pub use store::{CompletionStore, StoreError};
pub use tinker::{TinkerService, TinkerTrainer, WeightReduction};
pub use trainer::{
    Checkpoint, JobLog, RemoteSettings, TokenRow, TrainedModel, Trainer, TrainerError, TrainingJob,
    TrainingPoint,
};
pub use wire::{CallError, Wire};
