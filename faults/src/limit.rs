//! Token buckets.

use std::time::Duration;

use crate::RateLimit;

/// How full a bucket is after a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Level {
    pub(crate) size: f64,
    pub(crate) left: f64,
    /// Until the bucket is full.
    pub(crate) reset: Duration,
}

/// What a request met.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Meter {
    pub(crate) requests: Level,
    pub(crate) tokens: Option<Level>,
    /// How long until this request would pass; `None` if it did.
    pub(crate) wait: Option<Duration>,
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    size: f64,
    left: f64,
}

impl Bucket {
    fn full(rate: f64, size: f64) -> Bucket {
        Bucket { rate, size, left: size }
    }

    fn fill(&mut self, elapsed: Duration) {
        self.left = (self.left + self.rate * elapsed.as_secs_f64()).min(self.size);
    }

    /// Until there is this much; a request above the bucket's size passes when the bucket is full.
    fn wait(&self, cost: f64) -> Option<Duration> {
        let missing = cost.min(self.size) - self.left;
        (missing > 0.0).then(|| Duration::from_secs_f64(missing / self.rate))
    }

    fn level(&self) -> Level {
        let reset = Duration::from_secs_f64((self.size - self.left) / self.rate);
        Level { size: self.size, left: self.left.max(0.0), reset }
    }
}

/// The buckets of one server.
#[derive(Debug)]
pub(crate) struct Buckets {
    requests: Bucket,
    tokens: Option<Bucket>,
    filled: Duration,
}

impl Buckets {
    pub(crate) fn new(limit: RateLimit) -> Buckets {
        Buckets {
            requests: Bucket::full(limit.requests_per_second, limit.burst),
            tokens: limit.tokens_per_second.map(|rate| Bucket::full(rate, rate * 60.0)),
            filled: Duration::ZERO,
        }
    }

    /// Takes a request of this many tokens at a time since the start, or leaves all as it was and says how long to wait.
    pub(crate) fn take(&mut self, now: Duration, cost: f64) -> Meter {
        let elapsed = now.saturating_sub(self.filled);
        self.filled = self.filled.max(now);
        self.requests.fill(elapsed);
        let mut wait = self.requests.wait(1.0);
        if let Some(tokens) = &mut self.tokens {
            tokens.fill(elapsed);
            wait = wait.max(tokens.wait(cost));
        }
        if wait.is_none() {
            self.requests.left -= 1.0;
            self.tokens.iter_mut().for_each(|tokens| tokens.left -= cost);
        }
        let tokens = self.tokens.as_ref().map(Bucket::level);
        Meter { requests: self.requests.level(), tokens, wait }
    }
}

#[cfg(test)]
mod tests;
