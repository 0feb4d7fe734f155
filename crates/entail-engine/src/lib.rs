//! A small exact decoder for the CPU: forward and hand-written backward passes, low-rank adapters, an optimizer, a cached
//! sampler, taps and edits of the residual stream, stock Hugging Face folders in and out.
//!
//! Everything is generic over [`Real`] so that the code that runs in `f32` is the code that finite differences
//! check in `f64`. Nothing here reads a file, a clock or a global generator.

#![expect(
    clippy::inline_always,
    reason = "loops get their vector instructions from the caller that they are compiled into"
)]

mod adapter;
mod config;
mod decoder;
mod edit;
mod folder;
#[cfg(test)]
mod goldens;
mod ops;
mod optimizer;
mod product;
mod real;
mod sample;
#[cfg(test)]
mod test_support;
mod tokenizer;
mod train;
mod weights;

pub use adapter::{Adapter, AdapterConfig, Target};
pub use config::{Config, ConfigError, Family};
pub use decoder::{Example, Loss, Model, Trained, loss, loss_and_gradient};
pub use edit::{Change, Edit, Taps};
pub use entail_schema::{Message, Role};
pub use folder::{LoadError, read_adapter, read_weights, write_adapter, write_weights};
pub use optimizer::{AdamW, Decay, OptimizerConfig, Schedule};
pub use real::Real;
pub use sample::{Finish, Request, Sampled, Sampling, continuation_logprobs, sample};
pub use tokenizer::{Tokenizer, TokenizerError};
pub use train::{TrainError, TrainPlan, TrainState, Trainee, train};
pub use weights::{Layout, Tensor, Weights};

/// The family of instructions that the kernels run with on this CPU. Sums come in another order with another family,
/// so it is part of what weights and samples depend on.
pub fn kernels() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512f") {
            return "avx512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
        {
            return "avx2";
        }
    }
    std::env::consts::ARCH
}
