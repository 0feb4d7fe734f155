//! A session at the service: calls that answer with promises, looking at promises, and the heartbeat.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::TinkerService;
use crate::http::{HeaderValue, HttpRequest, HttpResponse, Verb};
use crate::patience::{Line, Setback, passing, path};
use crate::trainer::TrainerError;

/// The wire that is spoken is the one of this version of the official client.
pub(super) const SDK_VERSION: &str = "0.38.0";
const PROTOBUF: &str = "application/x-protobuf";
/// Time of a call, longer than the 45 s for which the service holds a look at a promise.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Between two signs of life; without them the service ends the session.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// Slice in which a heartbeat looks whether it is over.
const SLICE: Duration = Duration::from_millis(250);
/// Between two looks at a promise that is not kept yet. The service holds a look for itself.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How often a bare 400 is asked again, which proxies give at times (the official client does the same).
const BAD_REQUESTS: u32 = 3;
/// How often an operation whose promise the service lost is sent again, under the same number.
const RESUBMISSIONS: u32 = 3;

/// A session and what is held while talking in it.
#[derive(Clone, Copy)]
pub(super) struct Session<'a> {
    pub(super) line: Line<'a>,
    pub(super) service: &'a TinkerService,
    pub(super) id: &'a str,
    /// Set by the heartbeat when the service says that the session is over.
    pub(super) ended: &'a AtomicBool,
}

/// An operation that the service works at.
#[derive(Debug)]
pub(super) struct Promise {
    request_id: String,
    request: HttpRequest,
}

/// What one look at a promise showed.
enum Look {
    /// The result.
    Kept(HttpResponse),
    /// Not yet; the service's words about its queue.
    Pending(String),
    /// The result is large and must be asked for.
    Metadata,
    /// The service does not know it any more.
    Lost,
    /// A 400 without meaning.
    Bad(TrainerError),
}

/// Sends one call with a JSON body and reads a JSON answer.
pub(super) fn call(
    line: &Line<'_>,
    service: &TinkerService,
    name: &str,
    body: &Value,
) -> Result<Value, TrainerError> {
    let request = post(service, name, "application/json", body.to_string().into_bytes());
    line.persist(|| line.json(&request))
}

fn post(service: &TinkerService, name: &str, kind: &str, body: Vec<u8>) -> HttpRequest {
    HttpRequest {
        verb: Verb::Post,
        url: format!("{}/api/v1/{name}", service.base),
        headers: vec![
            ("x-api-key".to_owned(), HeaderValue::Secret("", service.key.clone())),
            ("content-type".to_owned(), HeaderValue::Plain(kind.to_owned())),
        ],
        body,
        timeout: TIMEOUT,
    }
}

impl Session<'_> {
    /// Begins an operation described in JSON.
    pub(super) fn begin(&self, name: &str, body: &Value) -> Result<Promise, TrainerError> {
        let body = body.to_string().into_bytes();
        self.submit(post(self.service, name, "application/json", body))
    }

    /// Begins an operation described in protobuf.
    pub(super) fn begin_protobuf(
        &self,
        name: &str,
        body: Vec<u8>,
    ) -> Result<Promise, TrainerError> {
        self.submit(post(self.service, name, PROTOBUF, body))
    }

    /// Begins an operation and waits for its JSON result.
    pub(super) fn run(&self, name: &str, body: &Value) -> Result<Value, TrainerError> {
        let response = self.wait(self.begin(name, body)?)?;
        serde_json::from_slice(&response.body)
            .map_err(|error| self.line.refused(format!("the result of {name} is no JSON: {error}")))
    }

    /// An operation carries its number, so sending it twice does it once.
    fn submit(&self, request: HttpRequest) -> Result<Promise, TrainerError> {
        let request_id = self.line.persist(|| {
            let answer = self.line.json(&request)?;
            match answer["request_id"].as_str() {
                Some(id) => Ok(id.to_owned()),
                None => Err(Setback::passing(format!("an answer without a request_id: {answer}"))),
            }
        })?;
        Ok(Promise { request_id, request })
    }

    /// Waits until a promise is kept or broken.
    pub(super) fn wait(&self, mut promise: Promise) -> Result<HttpResponse, TrainerError> {
        let (mut metadata, mut n_bad, mut n_lost) = (true, 0, 0);
        loop {
            if self.ended.load(Ordering::SeqCst) {
                let what = "the session was ended by the service; the same command goes on from the last saved step";
                return Err(self.line.refused(what));
            }
            match self.line.persist(|| self.look(&promise, metadata))? {
                Look::Kept(response) => return Ok(response),
                Look::Pending(state) => {
                    if state.starts_with("paused") {
                        self.line.log.tell(0, 0, &format!("queue {state}"));
                    }
                    n_bad = 0;
                    self.line.pause(LOOK_AGAIN)?;
                }
                Look::Metadata => metadata = false,
                Look::Bad(error) => {
                    if n_bad == BAD_REQUESTS {
                        return Err(error);
                    }
                    n_bad += 1;
                    self.line.pause(LOOK_AGAIN)?;
                }
                Look::Lost => {
                    if n_lost == RESUBMISSIONS {
                        let path = path(&promise.request.url);
                        let what = format!("{path} was lost {RESUBMISSIONS} times by the service");
                        return Err(self.line.refused(what));
                    }
                    n_lost += 1;
                    metadata = true;
                    promise = self.submit(promise.request)?;
                }
            }
        }
    }

    /// Looks once. Statuses mean other things here than elsewhere.
    fn look(&self, promise: &Promise, metadata: bool) -> Result<Look, Setback> {
        let body = retrieve_body(&promise.request_id, metadata).to_string().into_bytes();
        let mut request = post(self.service, "retrieve_future", "application/json", body);
        request.headers.push(("accept".to_owned(), HeaderValue::Plain(PROTOBUF.to_owned())));
        let response = self.line.raw(&request)?;
        match response.status {
            408 => return Ok(Look::Pending(queue(&response.body))),
            410 => return Ok(Look::Lost),
            400 => return Ok(Look::Bad(self.line.refusal("retrieve_future", &response))),
            200 => {}
            _ => {
                let refusal = || self.line.refusal("retrieve_future", &response).into();
                return Err(passing(&response).unwrap_or_else(refusal));
            }
        }
        if response.header("content-type").is_some_and(|kind| kind.contains(PROTOBUF)) {
            return Ok(Look::Kept(response));
        }
        let value: Value = serde_json::from_slice(&response.body)
            .map_err(|error| Setback::passing(format!("retrieve_future gave no JSON: {error}")))?;
        if value["type"] == "try_again" {
            return Ok(Look::Pending(queue(&response.body)));
        }
        if value["status"] == "complete_metadata" {
            return Ok(Look::Metadata);
        }
        match value.get("error") {
            Some(error) => Err(self.failure(promise, error, &value["category"]).into()),
            None => Ok(Look::Kept(response)),
        }
    }

    /// The service tried and failed; whose fault that was is in the category.
    fn failure(&self, promise: &Promise, error: &Value, category: &Value) -> TrainerError {
        let path = path(&promise.request.url);
        TrainerError::Failed {
            provider: self.line.provider.to_owned(),
            job: self.id.to_owned(),
            status: format!("{} error", category.as_str().unwrap_or("unknown")),
            what: format!("{path}: {}", error.as_str().unwrap_or("no reason was given")),
        }
    }

    /// Sends a sign of life every ten seconds until told to stop or the session is over. A sign that is lost is made
    /// up by the next.
    pub(super) fn beat(&self, stop: &AtomicBool) {
        let body = heartbeat_body(self.id).to_string().into_bytes();
        let mut request = post(self.service, "session_heartbeat", "application/json", body);
        request.timeout = HEARTBEAT;
        let clock = self.line.clock;
        let mut next = clock.now() + HEARTBEAT;
        while !stop.load(Ordering::SeqCst) {
            if clock.now() < next {
                clock.sleep(SLICE);
                continue;
            }
            let answer = self.line.transport.send(&request);
            if answer.is_ok_and(|response| response.status == 410) {
                self.ended.store(true, Ordering::SeqCst);
                return;
            }
            next = clock.now() + HEARTBEAT;
        }
    }

    /// Does something while the heart beats. The heart stops when the work ends, by a panic too.
    pub(super) fn alive<T>(&self, work: impl FnOnce() -> T) -> T {
        struct Stop<'a>(&'a AtomicBool);
        impl Drop for Stop<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::SeqCst);
            }
        }
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| self.beat(&stop));
            let _stop = Stop(&stop);
            work()
        })
    }
}

pub(super) fn retrieve_body(request: &str, metadata: bool) -> Value {
    json!({ "request_id": request, "allow_metadata_only": metadata })
}

pub(super) fn heartbeat_body(session: &str) -> Value {
    json!({ "session_id": session, "type": "session_heartbeat" })
}

/// The service's word for its queue.
fn queue(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    value["queue_state"].as_str().unwrap_or("active").to_owned()
}
