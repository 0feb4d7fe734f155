//! A rate that is known beforehand.

use std::time::Duration;

/// Share of the rate that is used, so that a burst of [`BURST`] seconds on top stays below the minute's amount.
const SHARE: f64 = 0.98;
/// Seconds of the rate that may be taken at once.
const BURST: f64 = 1.0;

/// A token bucket: fills at a constant rate up to a burst.
#[derive(Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    level: f64,
    at: Duration,
}

impl Bucket {
    /// This much in any minute, and at least one at once.
    pub(crate) fn per_minute(amount: f64) -> Self {
        // A rate of nothing would be a wait without end.
        let per_second = (amount / 60.0).max(1e-3);
        let burst = (per_second * BURST).max(1.0);
        Self { per_second: per_second * SHARE, burst, level: burst, at: Duration::ZERO }
    }

    /// When this much may be taken. More than a whole burst waits for a full bucket.
    pub(crate) fn ready(&mut self, now: Duration, need: f64) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.level = (self.level + passed * self.per_second).min(self.burst);
        self.at = self.at.max(now);
        let missing = need.min(self.burst) - self.level;
        // Less than a thousandth of one is rounding.
        if missing <= 1e-3 {
            return now;
        }
        now + Duration::from_secs_f64(missing / self.per_second)
    }

    /// Takes this much; what is missing is owed.
    pub(crate) fn take(&mut self, amount: f64) {
        self.level -= amount;
    }
}
