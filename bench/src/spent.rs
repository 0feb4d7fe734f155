//! Time and memory of a program, as the lines of JSON tell it that `bench/peers/calls.py` prints too.

use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike as _};
use serde_json::{Value, json};

/// User and system time.
fn cpu_seconds(usage: &Usage) -> f64 {
    let seconds = |time: TimeVal| time.num_microseconds() as f64 / 1e6;
    seconds(usage.user_time()) + seconds(usage.system_time())
}

/// Processor time of this process until now, all its threads.
pub(crate) fn own_cpu_seconds() -> Result<f64> {
    Ok(cpu_seconds(&getrusage(UsageWho::RUSAGE_SELF)?))
}

/// What some work took in this process, which does nothing else.
pub(crate) fn here(work: impl FnOnce() -> Result<()>) -> Result<Value> {
    let start = Instant::now();
    work()?;
    Ok(tell(start, &getrusage(UsageWho::RUSAGE_SELF)?))
}

/// What a program took, from its start to its end. Nothing else was started here.
pub(crate) fn there(command: &mut Command) -> Result<Value> {
    let start = Instant::now();
    let status = command.status().with_context(|| format!("{command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(tell(start, &getrusage(UsageWho::RUSAGE_CHILDREN)?))
}

fn tell(start: Instant, usage: &Usage) -> Value {
    let seconds = start.elapsed().as_secs_f64();
    // In KiB, but on macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1.0 } else { 1024.0 };
    let peak = usage.max_rss() as f64 * unit / f64::from(1 << 20);
    json!({ "seconds": seconds, "cpu_seconds": cpu_seconds(usage), "peak_rss_mb": peak })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_takes_time_and_a_program_that_fails_is_an_error() {
        let sum = || (0..20_000_000_u64).fold(0, |sum: u64, n| sum.wrapping_mul(31) ^ n);
        let spent = here(|| {
            std::hint::black_box(sum());
            Ok(())
        });
        let spent = spent.unwrap();
        assert!(spent["seconds"].as_f64().unwrap() > 0.0, "{spent}");
        assert!(spent["cpu_seconds"].as_f64().unwrap() > 0.0, "{spent}");
        assert!(spent["peak_rss_mb"].as_f64().unwrap() > 1.0, "{spent}");
        assert!(there(&mut Command::new("false")).is_err());
        assert!(there(&mut Command::new("true")).is_ok());
    }
}
