//! A scripted HTTP server on loopback that stands for `OpenAI`, Azure, vLLM, `OpenRouter` and Anthropic when they
//! misbehave. Tests, `cargo xtask faults` and `cargo xtask bench` start it in their own process.
//!
//! It is written on `std::net` because an HTTP library refuses to send broken HTTP, and it uses no crate of the
//! workspace because it must not share a mistake with the clients that it tries.
//!
//! - What it does is a [`Script`]: shares of [`Fault`]s, a rate limit, the right key, the models there are, and how
//!   [`Answers`] follow from questions. Everything drawn is drawn from the script's seed and a running number.
//! - What it did is a [`Counts`]: among others how often each request body was answered whole, so that a test can
//!   prove that nothing was paid for twice.
//! - One thread serves one connection with blocking reads: at a few hundred connections this is the cheapest server.

mod answers;
mod anthropic;
mod batches;
mod chat;
mod counts;
mod date;
mod draw;
mod files;
mod jobs;
mod limit;
mod query;
mod reply;
mod route;
mod script;
mod server;
mod spoil;
#[cfg(test)]
mod test_support;
mod wire;

pub use answers::{Answer, Answers, Question, Turn};
pub use counts::{BodyHash, Counts, Endpoint, body_hash};
pub use script::{BatchScript, CsvForm, Fault, JobScript, RateLimit, Script};
pub use server::Server;
