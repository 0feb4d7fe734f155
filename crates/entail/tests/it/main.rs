//! The program as a person meets it: every test runs the binary on a tiny organism in a folder of its own.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "tests: a failing helper fails its test, and files are laid out here"
)]

mod bench;
mod capture;
mod command;
mod damage;
#[cfg(unix)]
mod disk;
mod documents;
mod elsewhere;
#[cfg(unix)]
mod export;
#[cfg(unix)]
mod free;
mod inference;
#[cfg(unix)]
mod judge;
mod lint;
mod refusals;
mod results;
#[cfg(unix)]
mod resume;
mod served;
mod sharing;
mod store;
