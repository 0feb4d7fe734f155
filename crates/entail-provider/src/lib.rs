//! Models behind one trait, and the store of what they said.
//!
//! An experiment sees a [`Provider`] and cannot tell a local model from a remote one.

mod anthropic;
mod batch;
mod completion;
mod connect;
mod connection;
mod dates;
mod dotenv;
mod http;
mod jobs;
mod keys;
mod limits;
mod name;
mod openai;
mod patience;
mod provider;
mod refused;
mod remote;
mod schema;
mod scripted;
mod secret;
mod store;
mod thinking;
mod tinker;
mod traffic;
mod trainer;
mod wire;

pub use batch::{BatchForm, BatchLimits, BatchLog, BatchRemote};
pub use completion::{Completion, Finish, TokenLogprob, Usage};
pub use connect::{Adapters, ConnectError, Probe, capabilities, probe, trainer, wire};
pub use connection::{Connections, MachineClock};
pub use http::{Clock, HeaderValue, HttpRequest, HttpResponse, Transport, TransportError, Verb};
pub use jobs::{JobFlavour, JobService, JobTrainer};
pub use keys::{Keys, KeysError, MissingKey};
pub use limits::Remaining;
pub use name::{AddressError, ModelName, NameError, RemoteModel, Service};
pub use provider::{
    Capabilities, Deliver, Need, Provider, ProviderError, Request, Sampling, SystemPlace,
    ThinkingChoice, complete_in_order,
};
pub use remote::Remote;
pub use schema::{Schema, SchemaError};
pub use scripted::Scripted;
pub use secret::Secret;
pub use store::{
    CompletionStore, DamagedRow, ExchangeError, Group, Imported, Origin, Salvaged, Stats,
    StoreError, Verified,
};
pub use thinking::{Thinking, ThinkingFormat, split_thinking};
pub use tinker::{TinkerService, TinkerTrainer, WeightReduction};
pub use traffic::{
    Account, Allowance, AllowanceError, Budget, Cost, Limits, Money, Patience, Price, Prices,
    PricesError, Told, Traffic, Worst,
};
pub use trainer::{
    Checkpoint, JobLog, LogError, RemoteSettings, TokenRow, TrainedModel, Trainer, TrainerError,
    TrainingJob, TrainingPoint,
};
pub use wire::{CallError, Wire};
