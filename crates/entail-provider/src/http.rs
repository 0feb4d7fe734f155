//! HTTP as plain data: what is sent, what comes back, and the two hands that a client is given: a [`Transport`] and
//! a [`Clock`]. Everything else in this crate is arithmetic on these, so it is tested without a socket.

use std::fmt;
use std::time::Duration;

use crate::Secret;

/// What is done at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Read.
    Get,
    /// Send a body.
    Post,
    /// Remove.
    Delete,
}

/// The value of a header. A key is never anything but a secret, so a request can be printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderValue {
    /// Anything that may be seen.
    Plain(String),
    /// A key, with what stands before it, such as `Bearer `.
    Secret(&'static str, Secret),
}

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// What is done.
    pub verb: Verb,
    /// Where, without any key in it.
    pub url: String,
    /// Headers in order.
    pub headers: Vec<(String, HeaderValue)>,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

/// One response with all of its body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status code.
    pub status: u16,
    /// Headers in order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpResponse {
    /// The first header of this name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = String::from_utf8_lossy(&self.body[..self.body.len().min(400)]);
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("body", &body)
            .finish_non_exhaustive()
    }
}

/// Why no response came. Messages hold no header and no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nobody there, no such name, or no TLS.
    #[error("no connection to {host}: {what}")]
    Connect {
        /// Host and port.
        host: String,
        /// What the system said.
        what: String,
    },
    /// Not done in time: slow headers, or a body that stopped coming.
    #[error("no whole answer from {host} within {seconds} s")]
    Timeout {
        /// Host and port.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The connection ended before the answer did, or what came is not HTTP.
    #[error("the answer of {host} was cut off or is no HTTP: {what}")]
    Broken {
        /// Host and port.
        host: String,
        /// What was wrong.
        what: String,
    },
    /// More than is taken.
    #[error("the answer of {host} is longer than {limit} bytes")]
    TooLong {
        /// Host and port.
        host: String,
        /// The limit.
        limit: usize,
    },
    /// The address is none.
    #[error("`{url}` is no address")]
    Address {
        /// What stands there.
        url: String,
    },
}

/// Sends requests. One is shared by all threads.
pub trait Transport: Send + Sync {
    /// Sends one request and waits for the whole answer. Any status code is an answer.
    ///
    /// # Errors
    /// [`TransportError`] when no whole answer came.
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError>;
}

/// Time, as an argument.
pub trait Clock: Send + Sync {
    /// Since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Since 1970, for dates in headers and expiry.
    fn unix(&self) -> Duration;

    /// Waits.
    fn sleep(&self, time: Duration);
}
