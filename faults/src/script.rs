//! What the server is told to do.

use std::time::Duration;

use crate::{Answers, draw};

/// One way in which a provider fails. A fault that spoils an answer spoils it after the work was done: a job
/// whose confirmation was cut off exists, as it would at a real provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// 429 that does not say when to come back.
    TooMany,
    /// 429 with `retry-after`, rounded up to whole seconds.
    TooManyAfter(Duration),
    /// 429 with `retry-after-ms`.
    TooManyAfterMillis(Duration),
    /// 429 of `insufficient_quota`: paying helps, waiting does not.
    QuotaGone,
    /// 500.
    InternalError,
    /// 502 with a page of HTML, as a proxy sends it.
    BadGateway,
    /// 503.
    Unavailable,
    /// 529, Anthropic's `overloaded_error`.
    Overloaded,
    /// A good answer whose first byte comes this late.
    SlowHeaders(Duration),
    /// Headers and half of the body, then silence until the client gives up.
    StalledBody,
    /// Headers and half of the body, then the connection ends.
    CutBody,
    /// 200 with a body that is no JSON.
    MalformedJson,
    /// 200 with `{"error":{"code":…}}` and no choices, as `OpenRouter` does; the code is given.
    ErrorInside200(u16),
    /// More bytes are announced than come before the connection ends.
    LengthTooLong,
    /// Fewer bytes are announced than come; the rest stays on a connection that is kept open.
    LengthTooShort,
    /// 200 with valid JSON and a field of this many MiB.
    HugeBody(usize),
    /// The connection is reset before any answer.
    Refused,
}

impl Fault {
    /// Equal shares of every transient fault, together the given share of calls. Waits are short, so that a run
    /// over thousands of calls ends. [`Fault::QuotaGone`] is left out because a client rightly stops at it.
    pub fn mixture(share: f64) -> Vec<(Fault, f64)> {
        let faults = [
            Fault::TooMany,
            Fault::TooManyAfter(Duration::from_secs(1)),
            Fault::TooManyAfterMillis(Duration::from_millis(20)),
            Fault::InternalError,
            Fault::BadGateway,
            Fault::Unavailable,
            Fault::Overloaded,
            Fault::SlowHeaders(Duration::from_millis(200)),
            Fault::StalledBody,
            Fault::CutBody,
            Fault::MalformedJson,
            Fault::ErrorInside200(429),
            Fault::ErrorInside200(502),
            Fault::LengthTooLong,
            Fault::LengthTooShort,
            Fault::HugeBody(1),
            Fault::Refused,
        ];
        faults.map(|fault| (fault, share / faults.len() as f64)).to_vec()
    }
}

/// How many requests, and tokens if limited, a second may bring.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// Rate at which the bucket of requests fills.
    pub requests_per_second: f64,
    /// Size of the bucket of requests, at least 1.
    pub burst: f64,
    /// Rate at which the bucket of tokens fills; it holds one minute's worth. A request is taken to need a token
    /// for each four bytes of its body.
    pub tokens_per_second: Option<f64>,
}

/// What becomes of batches. The lines of a result are always out of order.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchScript {
    /// How often a batch is read before it has ended; its states share these reads evenly.
    pub polls: u32,
    /// Share of lines that come twice.
    pub duplicated: f64,
    /// Share of lines that fail, with a 500 in the error file.
    pub failed: f64,
    /// Share of lines that were never run. If any was, the batch ends as `expired`.
    pub unanswered: f64,
}

/// How the content of a job's `step_metrics.csv` comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CsvForm {
    /// As CSV.
    Plain,
    /// As base64 of CSV, seen in 2024.
    Base64,
}

/// What becomes of fine-tuning jobs.
#[derive(Debug, Clone, PartialEq)]
pub struct JobScript {
    /// How often a job is read before it has ended; its states share these reads evenly.
    pub polls: u32,
    /// Share of jobs that fail while they run.
    pub failed: f64,
    /// How often a new model is asked and said not to exist before it is loaded.
    pub loading_calls: u32,
    /// The organization within names of models.
    pub organization: String,
    /// Form of the file of results.
    pub csv: CsvForm,
}

/// What the server does.
#[derive(Debug, Clone)]
pub struct Script {
    /// What every draw follows from.
    pub seed: u64,
    /// Faults with the share of calls that meet each; together at most 1. Which call meets which follows from the
    /// seed and the running number of the call, so a retry draws anew and a run of the same length meets the
    /// same mix.
    pub faults: Vec<(Fault, f64)>,
    /// How long every answer takes.
    pub latency: Duration,
    /// How answers follow from questions.
    pub answers: Answers,
    /// The rate limit, if there is one.
    pub limit: Option<RateLimit>,
    /// The key that is right; any other gets 401. Without one every caller is let in.
    pub key: Option<String>,
    /// The models there are; others get 404, except those that were trained or loaded here. Empty means any.
    pub models: Vec<String>,
    /// What becomes of batches.
    pub batch: BatchScript,
    /// What becomes of fine-tuning jobs.
    pub jobs: JobScript,
}

impl Default for Script {
    /// A well-behaved provider without a limit that answers at once.
    fn default() -> Script {
        Script {
            seed: 0,
            faults: Vec::new(),
            latency: Duration::ZERO,
            answers: Answers::echo(),
            limit: None,
            key: None,
            models: Vec::new(),
            batch: BatchScript { polls: 3, duplicated: 0.0, failed: 0.0, unanswered: 0.0 },
            jobs: JobScript {
                polls: 6,
                failed: 0.0,
                loading_calls: 0,
                organization: "org".into(),
                csv: CsvForm::Plain,
            },
        }
    }
}

impl Script {
    /// The fault that the call of this number meets.
    pub(crate) fn fault(&self, call: u64) -> Option<Fault> {
        if self.faults.is_empty() {
            return None;
        }
        let mut rest = draw::share(draw::mix(draw::mix(self.seed) ^ call));
        self.faults.iter().find_map(|&(fault, share)| {
            rest -= share;
            (rest < 0.0).then_some(fault)
        })
    }

    /// Whether any call may be reset: then a call's fault must be known before the call is read.
    pub(crate) fn refuses(&self) -> bool {
        self.faults.iter().any(|(fault, _)| *fault == Fault::Refused)
    }

    /// What is wrong with the numbers of this script.
    pub(crate) fn complaint(&self) -> Option<String> {
        let total: f64 = self.faults.iter().map(|(_, share)| share).sum();
        // Sums of shares such as 17 times 1/17 end a few units above 1.
        if !(0.0..=1.0 + 1e-9).contains(&total) || self.faults.iter().any(|(_, share)| *share < 0.0)
        {
            return Some(format!("shares of faults are {total} together, expected 0 to 1"));
        }
        let limit = self.limit?;
        let rates = [limit.requests_per_second, limit.tokens_per_second.unwrap_or(1.0)];
        if rates.iter().any(|rate| rate.is_nan() || *rate <= 0.0) || limit.burst < 1.0 {
            return Some(format!(
                "rates must be above 0 and the burst at least 1, found {limit:?}"
            ));
        }
        None
    }
}
