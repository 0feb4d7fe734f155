//! Calls of a trainer, which are few and may take hours together: passing failures are waited out, one at a time.

use std::time::Duration;

use serde_json::Value;

use crate::http::{Clock, HttpRequest, HttpResponse, Transport, TransportError};
use crate::trainer::{JobLog, TrainerError};

/// How long nothing but passing failures is taken before the call is given up.
const PATIENCE: Duration = Duration::from_mins(10);
/// How long a service may be paused for an unpaid bill, and how often it is asked meanwhile (Tinker's client does
/// the same).
const UNPAID: (Duration, Duration) = (Duration::from_hours(1), Duration::from_secs(5));
/// First and longest wait between two tries, where the service names none.
const WAITS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// The longest wait that a service may ask for.
const LONGEST_ASKED: Duration = Duration::from_mins(2);
/// Between two looks at whether to stop.
const SLICE: Duration = Duration::from_millis(500);

/// Why one try gave nothing.
#[derive(Debug)]
pub(crate) enum Setback {
    /// May be otherwise in a moment.
    Passing {
        /// What happened.
        what: String,
        /// How long to wait, if the service said so.
        after: Option<Duration>,
        /// How long to go on with this kind of failure.
        patience: Duration,
    },
    /// Will not change.
    Final(TrainerError),
}

impl Setback {
    /// A failure that may pass, without a word about when.
    pub(crate) fn passing(what: impl Into<String>) -> Self {
        Self::Passing { what: what.into(), after: None, patience: PATIENCE }
    }
}

impl From<TrainerError> for Setback {
    fn from(error: TrainerError) -> Self {
        Self::Final(error)
    }
}

/// What a trainer holds while it talks to its service.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    /// Name of the service in errors.
    pub(crate) provider: &'a str,
    pub(crate) transport: &'a dyn Transport,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) log: &'a dyn JobLog,
}

impl Line<'_> {
    /// Sends once. Any answer is an answer.
    pub(crate) fn raw(&self, request: &HttpRequest) -> Result<HttpResponse, Setback> {
        self.transport.send(request).map_err(|error| match error {
            TransportError::Address { .. } | TransportError::TooLong { .. } => {
                Setback::Final(self.refused(error.to_string()))
            }
            TransportError::Connect { .. }
            | TransportError::Timeout { .. }
            | TransportError::Broken { .. } => Setback::passing(error.to_string()),
        })
    }

    /// Sends once. Any answer but a passing failure is an answer.
    pub(crate) fn send(&self, request: &HttpRequest) -> Result<HttpResponse, Setback> {
        let response = self.raw(request)?;
        passing(&response).map_or(Ok(response), Err)
    }

    /// Sends once and reads the answer as JSON. An answer that is none, or an error within a good status, is a
    /// failure of something in between and may pass.
    pub(crate) fn json(&self, request: &HttpRequest) -> Result<Value, Setback> {
        let response = self.send(request)?;
        let path = path(&request.url);
        if !(200..300).contains(&response.status) {
            return Err(self.refusal(path, &response).into());
        }
        let value: Value = serde_json::from_slice(&response.body)
            .map_err(|error| Setback::passing(format!("{path} answered no JSON: {error}")))?;
        match value.get("error").filter(|error| error.get("code").is_some_and(Value::is_number)) {
            Some(error) => Err(Setback::passing(format!("{path} answered {error}"))),
            None => Ok(value),
        }
    }

    /// Tries until there is a result, an error that will not change, or no patience left.
    pub(crate) fn persist<T>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Setback>,
    ) -> Result<T, TrainerError> {
        let start = self.clock.now();
        let mut next = WAITS.0;
        loop {
            let (what, after, patience) = match attempt() {
                Ok(result) => return Ok(result),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Passing { what, after, patience }) => (what, after, patience),
            };
            let spent = self.clock.now().saturating_sub(start);
            if spent > patience {
                let what = format!("gave up after {} s: {what}", spent.as_secs());
                return Err(self.refused(what));
            }
            self.pause(after.map_or(next, |asked| asked.min(LONGEST_ASKED)))?;
            next = (next * 2).min(WAITS.1);
        }
    }

    /// Waits in slices, so that Ctrl-C is heard.
    pub(crate) fn pause(&self, time: Duration) -> Result<(), TrainerError> {
        let end = self.clock.now() + time;
        loop {
            if self.log.cancelled() {
                return Err(TrainerError::Cancelled);
            }
            let left = end.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(SLICE));
        }
    }

    /// The service, or this trainer in its name, says no.
    pub(crate) fn refused(&self, what: impl Into<String>) -> TrainerError {
        TrainerError::Refused { provider: self.provider.to_owned(), what: what.into() }
    }

    /// What the service says with a bad status.
    pub(crate) fn refusal(&self, path: &str, response: &HttpResponse) -> TrainerError {
        self.refused(format!("{path} answered {}: {}", response.status, words(&response.body)))
    }
}

/// Everything after the host, without the query.
pub(crate) fn path(url: &str) -> &str {
    let after_scheme = url.find("://").map_or(0, |at| at + 3);
    let start = url[after_scheme..].find('/').map_or(url.len(), |at| after_scheme + at);
    url[start..].split('?').next().unwrap_or_default()
}

/// Reads a passing failure off an answer. Quotas come back by paying, not by waiting.
pub(crate) fn passing(response: &HttpResponse) -> Option<Setback> {
    let said = || format!("answered {}: {}", response.status, words(&response.body));
    match response.status {
        402 => Some(Setback::Passing { what: said(), after: Some(UNPAID.1), patience: UNPAID.0 }),
        429 if ["insufficient_quota", "billing_hard_limit_reached"]
            .iter()
            .any(|code| error_field(&response.body, "code").as_deref() == Some(*code)) =>
        {
            None
        }
        408 | 409 | 429 | 500.. => {
            Some(Setback::Passing { what: said(), after: asked(response), patience: PATIENCE })
        }
        _ => None,
    }
}

/// `retry-after-ms`, or `retry-after` in seconds. A date is not read: the usual wait does.
fn asked(response: &HttpResponse) -> Option<Duration> {
    let number = |name| response.header(name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|ms| ms / 1e3).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds).ok()
}

/// A field of `{"error": {…}}`.
fn error_field(body: &[u8], name: &str) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    Some(value.get("error")?.get(name)?.as_str()?.to_owned())
}

/// The service's own words, or the start of its body.
fn words(body: &[u8]) -> String {
    let text = || String::from_utf8_lossy(&body[..body.len().min(300)]).into_owned();
    match (error_field(body, "message"), error_field(body, "code")) {
        (Some(message), Some(code)) => format!("{message} ({code})"),
        (Some(message), None) => message,
        (None, _) => text(),
    }
}

#[cfg(test)]
mod tests;
