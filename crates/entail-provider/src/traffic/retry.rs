//! When a failed call is made again, and when no more are made at all.

use std::time::Duration;

use entail_schema::{Key, Seed};

use super::limiter::LONGEST_PAUSE;

/// The first pause; each later one is twice as long.
const FIRST: Duration = Duration::from_millis(500);
/// The longest pause of our own choice.
const LONGEST: Duration = Duration::from_secs(30);

/// How long failures are borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How often one call may fail with something that passes, before its request counts as failed.
    pub failures: u32,
    /// How long a key may go without any answer while calls are refused or fail.
    pub silence: Duration,
    /// How long connections may fail to a host that never answered anything: a wrong address.
    pub nobody: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { failures: 8, silence: Duration::from_secs(30 * 60), nobody: Duration::from_secs(5) }
    }
}

/// Pause before a call is made again after it failed `failures` times (one or more): what the service asks for, up to
/// two minutes, else anything up to 0.5 s · 2ⁿ, drawn so that many callers do not come back at once ("full jitter",
/// AWS Architecture Blog 2015). The draw belongs to the sample and the count, not to the order of calls.
pub(crate) fn pause(seed: Seed, sample: Key, failures: u32, after: Option<Duration>) -> Duration {
    if let Some(after) = after {
        return after.min(LONGEST_PAUSE);
    }
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST);
    let key = sample.seed().0 ^ seed.0;
    doubled.mul_f64(Seed(key).stream("pause", u64::from(failures)).uniform())
}

/// How a call to a host went, as far as patience is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// An answer.
    Answer,
    /// A response that is no answer: somebody is there.
    Trouble,
    /// No connection.
    Nobody,
}

/// What is known about the other side of one key.
#[derive(Debug, Default)]
pub(crate) struct Health {
    heard: bool,
    /// The first failure since the last answer.
    troubled_since: Option<Duration>,
}

impl Health {
    /// Takes in how a call went; the reason to stop all calls, if there is one now.
    pub(crate) fn note(
        &mut self,
        now: Duration,
        sign: Sign,
        patience: &Patience,
    ) -> Option<String> {
        self.heard |= sign != Sign::Nobody;
        if sign == Sign::Answer {
            self.troubled_since = None;
            return None;
        }
        let since = now.saturating_sub(*self.troubled_since.get_or_insert(now));
        if !self.heard && since >= patience.nobody {
            return Some(format!(
                "nobody answered for {} s; is the address right, and does a server run there?",
                since.as_secs()
            ));
        }
        (since >= patience.silence).then(|| {
            format!("no answer for {} minutes, though calls were made again", since.as_secs() / 60)
        })
    }
}

#[cfg(test)]
mod tests;
