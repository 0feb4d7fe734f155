//! The real hands: sockets and the clock of this machine.
#![expect(clippy::disallowed_methods, reason = "the one place of this crate that reads the clock")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ureq::http;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::http::{Clock, HeaderValue, HttpRequest, HttpResponse, Transport, TransportError, Verb};

/// Connections over TCP and TLS that are kept open between requests. Redirects are not followed: a key is sent to
/// nobody but the address that the user gave.
#[derive(Debug, Clone)]
pub struct Connections {
    /// Those that no call uses now, by host. Each has one connection: the library looks through all that an agent keeps
    /// open, before every request and after it.
    idle: Arc<Mutex<BTreeMap<String, Vec<ureq::Agent>>>>,
    names: Names,
    /// Most that are kept for a host.
    open: usize,
    longest_body: usize,
    /// Shortens the patience of requests.
    longest_wait: Duration,
}

impl Connections {
    /// At most `open` connections to a host are kept open, and no answer may be longer than `longest_body` bytes.
    pub fn new(open: usize, longest_body: usize) -> Self {
        let (idle, names) = (Arc::default(), Names::default());
        Self { idle, names, open, longest_body, longest_wait: Duration::MAX }
    }

    fn agent(&self) -> ureq::Agent {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(1)
            .timeout_connect(Some(Duration::from_secs(10)))
            .user_agent("entail")
            .build();
        ureq::Agent::with_parts(config, DefaultConnector::default(), self.names.clone())
    }

    /// No answer is waited for longer than this, whatever its request says.
    #[must_use]
    pub fn with_longest_wait(self, longest_wait: Duration) -> Self {
        Self { longest_wait, ..self }
    }
}

/// How long a host's addresses are remembered.
const REMEMBERED: Duration = Duration::from_mins(1);

/// Looks a host up once a minute. The library does so before every request, also where a connection is open, and
/// on a thread of its own: that costs more than the request.
#[derive(Debug, Clone, Default)]
struct Names {
    found: Arc<Mutex<BTreeMap<String, (Instant, ResolvedSocketAddrs)>>>,
}

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &http::Uri,
        config: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        // Scheme, host and port, and nothing of the path.
        let host = format!("{:?} {:?}", uri.scheme(), uri.authority());
        let found = || lock(&self.found);
        if let Some((since, addresses)) = found().get(&host)
            && since.elapsed() < REMEMBERED
        {
            return Ok(addresses.clone());
        }
        let fresh = DefaultResolver::default().resolve(uri, config, timeout)?;
        found().insert(host, (Instant::now(), fresh.clone()));
        Ok(fresh)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Transport for Connections {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let host = host(&request.url)?;
        // The one that was used last is the one most likely to be open still.
        let idle = lock(&self.idle).get_mut(&host).and_then(Vec::pop);
        let agent = idle.unwrap_or_else(|| self.agent());
        let response = self.exchange(&agent, &host, request);
        let mut idle = lock(&self.idle);
        let agents = idle.entry(host).or_default();
        if agents.len() < self.open {
            agents.push(agent);
        }
        response
    }
}

impl Connections {
    fn exchange(
        &self,
        agent: &ureq::Agent,
        host: &str,
        request: &HttpRequest,
    ) -> Result<HttpResponse, TransportError> {
        let timeout = request.timeout.min(self.longest_wait);
        let failed = |error| failure(error, host, timeout, self.longest_body);
        let mut builder = http::Request::builder().uri(&request.url).method(match request.verb {
            Verb::Get => http::Method::GET,
            Verb::Post => http::Method::POST,
            Verb::Delete => http::Method::DELETE,
        });
        for (name, value) in &request.headers {
            let value = match value {
                HeaderValue::Plain(text) => http::HeaderValue::from_str(text),
                HeaderValue::Secret(before, secret) => {
                    http::HeaderValue::from_str(&format!("{before}{}", secret.expose()))
                }
            };
            let mut value = value.map_err(|_| TransportError::Broken {
                host: host.to_owned(),
                what: format!("header `{name}` holds characters that cannot be sent"),
            })?;
            value.set_sensitive(true);
            builder = builder.header(name, value);
        }
        let address = |_| TransportError::Address { url: request.url.clone() };
        let response = match request.verb {
            Verb::Post => {
                let whole = builder.body(&request.body[..]).map_err(address)?;
                let whole = agent.configure_request(whole).timeout_global(Some(timeout)).build();
                agent.run(whole)
            }
            Verb::Get | Verb::Delete => {
                let whole = builder.body(()).map_err(address)?;
                let whole = agent.configure_request(whole).timeout_global(Some(timeout)).build();
                agent.run(whole)
            }
        };
        let (parts, mut body) = response.map_err(failed)?.into_parts();
        let limit = u64::try_from(self.longest_body).unwrap_or(u64::MAX);
        let body = body.with_config().limit(limit).read_to_vec().map_err(failed)?;
        let text = |v: &http::HeaderValue| String::from_utf8_lossy(v.as_bytes()).into_owned();
        let headers = parts.headers.iter().map(|(n, v)| (n.as_str().to_owned(), text(v))).collect();
        Ok(HttpResponse { status: parts.status.as_u16(), headers, body })
    }
}

/// Host and port of an address, without any user or key in it.
fn host(url: &str) -> Result<String, TransportError> {
    let wrong = || TransportError::Address { url: url.to_owned() };
    let uri: http::Uri = url.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    Ok(match authority.port_u16() {
        Some(port) => format!("{}:{port}", authority.host()),
        None => authority.host().to_owned(),
    })
}

fn failure(error: ureq::Error, host: &str, timeout: Duration, limit: usize) -> TransportError {
    let host = host.to_owned();
    match error {
        ureq::Error::Timeout(ureq::Timeout::Connect) => {
            TransportError::Connect { host, what: "nobody answered within 10 s".into() }
        }
        ureq::Error::Timeout(_) => TransportError::Timeout { host, seconds: timeout.as_secs() },
        ureq::Error::BodyExceedsLimit(_) => TransportError::TooLong { host, limit },
        ureq::Error::HostNotFound => TransportError::Connect { host, what: "no such host".into() },
        ureq::Error::ConnectionFailed => {
            TransportError::Connect { host, what: "the connection failed".into() }
        }
        ureq::Error::Tls(what) => TransportError::Connect { host, what: what.into() },
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            TransportError::Connect { host, what: error.to_string() }
        }
        other => TransportError::Broken { host, what: other.to_string() },
    }
}

/// The clock of this machine.
#[derive(Debug, Clone, Copy)]
pub struct MachineClock {
    start: Instant,
}

impl MachineClock {
    /// A clock that begins now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
