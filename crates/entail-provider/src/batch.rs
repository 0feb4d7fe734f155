//! Many requests as one job at half the price, done within a day.
//!
//! A batch is written down before it is made and after, so a killed process finds it again and pays for nothing
//! twice. Results are joined to samples by the ids of lines alone: services return them in any order, some twice, and
//! some not at all; what is missing is asked again.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use entail_schema::{Key, Message};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::http::HttpRequest;
use crate::provider::{Deliver, Need, Provider, ProviderError, Request, Sampling};
use crate::remote::Remote;
use crate::traffic::lane::{Ask, Crew, Ended, Lane, Reply, remote};
use crate::traffic::{Account, Traffic, Worst};
use crate::{CallError, Capabilities, JobLog, Remaining, Usage};

mod form;

pub use form::BatchForm;
use form::{Payload, Place, Standing, id};

/// How often what is missing is asked again.
const ROUNDS: usize = 3;

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchLimits {
    /// Most lines.
    pub lines: usize,
    /// Most bytes.
    pub bytes: usize,
}

impl Default for BatchLimits {
    /// `OpenAI`'s limits, which are below Anthropic's.
    fn default() -> Self {
        Self { lines: 50_000, bytes: 200_000_000 }
    }
}

/// Where a batch is written down.
pub type BatchLog = Arc<dyn JobLog + Send + Sync>;

/// A remote model whose questions go into batches.
pub struct BatchRemote {
    single: Remote,
    form: BatchForm,
    limits: BatchLimits,
    lane: Arc<Lane>,
    log: BatchLog,
    /// Time between two looks at a batch.
    interval: Duration,
}

impl fmt::Debug for BatchRemote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchRemote")
            .field("single", &self.single)
            .field("form", &self.form)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// What is written down.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Record {
    batches: Vec<Begun>,
}

/// A batch whose results were not all delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    /// Hash of its lines' ids: its name at the service.
    name: String,
    /// Its lines.
    lines: usize,
    /// Its id, once the service gave one.
    id: Option<String>,
}

/// One line: samples of one request.
struct Line {
    request: usize,
    samples: Vec<Key>,
}

/// Lines without an answer, by id.
type Pending = BTreeMap<Key, Line>;

/// What one call of [`Provider::complete`] is about.
struct Job<'a> {
    requests: &'a [Request],
    sampling: &'a Sampling,
    deliver: &'a Deliver<'a>,
    place: Place,
    pending: Pending,
    /// Requests that were turned down: how many, and why the first one was.
    refused: (usize, Option<String>),
}

impl BatchRemote {
    /// Puts the questions of a remote model into batches. Its transport must take answers as long as a whole batch.
    pub fn new(
        single: Remote,
        form: BatchForm,
        account: &Account,
        log: BatchLog,
        interval: Duration,
    ) -> Self {
        // Batches have a quota of their own.
        let account =
            Account { service: format!("{} batches", account.service), ..account.clone() };
        let lane = single.traffic().lane(&account);
        Self { single, form, limits: BatchLimits::default(), lane, log, interval }
    }

    /// With other limits of size.
    #[must_use]
    pub fn with_limits(mut self, limits: BatchLimits) -> Self {
        self.limits = limits;
        self
    }

    fn traffic(&self) -> &Traffic {
        self.single.traffic()
    }

    fn fail(&self, what: &str) -> ProviderError {
        remote(&self.capabilities().name, what)
    }
}

impl Provider for BatchRemote {
    fn capabilities(&self) -> &Capabilities {
        self.single.capabilities()
    }

    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        let capabilities = self.capabilities();
        capabilities.check(requests, sampling)?;
        if !capabilities.batch {
            return Err(capabilities.lacks(Need::Batch));
        }
        let Some(first) = requests.first() else { return Ok(()) };
        let example = self.single.wire().ask(&first.messages, sampling, 1, 0);
        let place = Place::of(self.form, example)
            .ok_or_else(|| self.fail("its address is not one that batches are made at"))?;
        let pending = lines(requests, capabilities.most_answers.max(1) as usize);
        let mut job = Job { requests, sampling, deliver, place, pending, refused: (0, None) };
        let mut record = self.record()?;
        self.collect(&mut job, &mut record, None)?;
        for _ in 0..ROUNDS {
            if job.pending.is_empty() {
                break;
            }
            self.round(&mut job, &mut record)?;
        }
        match (job.refused, job.pending.len()) {
            ((0, _), 0) => Ok(()),
            ((_, why), 0) => Err(self.fail(&why.unwrap_or_default())),
            (_, left) => Err(self.fail(&format!("{left} calls had no answer in {ROUNDS} batches"))),
        }
    }

    fn score(&self, messages: &[Message], texts: &[String]) -> Result<Vec<f64>, ProviderError> {
        self.single.score(messages, texts)
    }
}

/// The samples as lines of at most this many.
fn lines(requests: &[Request], most: usize) -> Pending {
    let mut met = std::collections::BTreeSet::new();
    let mut pending = Pending::new();
    for (request, Request { samples, .. }) in requests.iter().enumerate() {
        let new: Vec<Key> = samples.iter().copied().filter(|key| met.insert(*key)).collect();
        for samples in new.chunks(most) {
            pending.insert(samples[0], Line { request, samples: samples.to_vec() });
        }
    }
    pending
}

impl BatchRemote {
    /// Makes batches of everything that has no answer, and reads what they bring.
    fn round(&self, job: &mut Job<'_>, record: &mut Record) -> Result<(), ProviderError> {
        let ids: Vec<Key> = job.pending.keys().copied().collect();
        let mut reservations = Vec::new();
        let mut rest = &ids[..];
        while !rest.is_empty() {
            let mut payload = Payload::default();
            let mut worst = Worst { prompt: 0, drawn: 0, price: self.single.batch_price() };
            let mut count = 0;
            while let Some(key) = rest.get(count)
                && payload.lines < self.limits.lines
            {
                let line = &job.pending[key];
                let call = self.call(job, *key, line);
                // A line adds less than 200 bytes of its own.
                if count > 0 && payload.len() + call.body.len() + 200 > self.limits.bytes {
                    break;
                }
                job.place.add(&mut payload, *key, &call);
                worst = worst.and(&self.worst(job, line));
                count += 1;
            }
            let part;
            (part, rest) = rest.split_at(count);
            let budget = self.traffic().budget();
            let reserved = budget.reserve_now(worst)?;
            reservations.push(reserved);
            self.begin(job, record, &Key::of(&part).to_string(), &payload)?;
        }
        self.collect(job, record, Some(reservations))
    }

    fn call(&self, job: &Job<'_>, key: Key, line: &Line) -> HttpRequest {
        let answers = u32::try_from(line.samples.len()).unwrap_or(u32::MAX);
        let messages = &job.requests[line.request].messages;
        self.single.wire().ask(messages, job.sampling, answers, Remote::seed(key))
    }

    fn worst(&self, job: &Job<'_>, line: &Line) -> Worst {
        let messages = &job.requests[line.request].messages;
        let max_tokens = job.sampling.max_tokens as u64;
        Worst::of(messages, line.samples.len() as u64, max_tokens, self.single.batch_price())
    }

    /// Makes one batch, written down before and after.
    fn begin(
        &self,
        job: &Job<'_>,
        record: &mut Record,
        name: &str,
        payload: &Payload,
    ) -> Result<(), ProviderError> {
        let file = match job.place.upload(payload) {
            Some(upload) => Some(self.exchange(&upload, object_id)?),
            None => None,
        };
        record.batches.push(Begun { name: name.to_owned(), lines: payload.lines, id: None });
        self.write(record)?;
        let create = job.place.create(name, file.as_deref(), payload);
        // Where no answer comes the batch may exist all the same: it is looked for before it is made again.
        let mut made = false;
        let id = self.exchange_with(&mut || {
            if std::mem::replace(&mut made, true) {
                let found = self.send(&job.place.list(), json)?;
                if let Some(id) = job.place.matching(&found, name, payload.lines).into_iter().next()
                {
                    return Ok(id);
                }
            }
            self.send(&create, object_id)
        })?;
        let last = record.batches.last_mut().expect("the batch was just written down");
        last.id = Some(id);
        self.write(record)
    }

    /// Waits for every batch that is written down, delivers what it brought, and crosses it out.
    fn collect(
        &self,
        job: &mut Job<'_>,
        record: &mut Record,
        mut reservations: Option<Vec<crate::traffic::Reservation<'_>>>,
    ) -> Result<(), ProviderError> {
        while let Some(begun) = record.batches.first().cloned() {
            let ids = if let Some(id) = &begun.id {
                vec![id.clone()]
            } else {
                let list = self.exchange(&job.place.list(), json)?;
                job.place.matching(&list, &begun.name, begun.lines)
            };
            for id in ids {
                let files = match self.wait(job, &id, begun.lines)? {
                    Ok(files) => files,
                    // Found by its name beside others, or not worth a word yet: what is missing is asked again.
                    Err(_) if begun.id.is_none() => continue,
                    Err(why) => {
                        // It will never end: another may be made by the next call.
                        record.batches.remove(0);
                        self.write(record)?;
                        return Err(self.fail(&format!("batch {id} was not begun: {why}")));
                    }
                };
                // What was set aside for this batch is now spent line by line.
                if let Some(reservations) = &mut reservations
                    && !reservations.is_empty()
                {
                    drop(reservations.remove(0));
                }
                for request in job.place.results(&id, &files) {
                    let body = self.exchange(&request, |body| Some(body.to_vec()))?;
                    self.take(job, &body)?;
                }
            }
            record.batches.remove(0);
            self.write(record)?;
        }
        Ok(())
    }

    /// The files of a batch that has ended, or why the service never began it.
    fn wait(
        &self,
        job: &Job<'_>,
        id: &str,
        lines: usize,
    ) -> Result<Result<Vec<String>, String>, ProviderError> {
        loop {
            let place = &job.place;
            let read = |body: &[u8]| place.read_standing(&json(body)?);
            match self.exchange(&place.standing(id), read)? {
                Standing::Ended(files) => return Ok(Ok(files)),
                Standing::Invalid(why) => return Ok(Err(why)),
                Standing::Running(done, total) => {
                    let total = if total == 0 { lines as u64 } else { total };
                    self.log.tell(done, total, id);
                }
            }
            if self.log.cancelled() {
                return Err(ProviderError::Cancelled);
            }
            let ended = self.traffic().sleep(&Crew::of_one(), self.interval);
            ended.map_err(|ended| self.ended(ended))?;
        }
    }

    /// Delivers the answers in a file of results.
    fn take(&self, job: &mut Job<'_>, body: &[u8]) -> Result<(), ProviderError> {
        let rows: Vec<_> = job.place.rows(body).collect();
        for row in rows {
            let Some(key) = Key::parse(&row.custom_id) else { continue };
            let Some(response) = row.response else { continue };
            // Another's line, or one that came before.
            let Some(line) = job.pending.remove(&key) else { continue };
            let completions = match self.single.wire().answers(&response) {
                Ok(completions) => completions,
                Err(CallError::Final { what }) => return Err(self.fail(&what)),
                Err(CallError::ThisOne { what }) => {
                    job.refused.0 += 1;
                    job.refused.1.get_or_insert(what);
                    continue;
                }
                Err(error) => {
                    if matches!(error, CallError::Spoiled { .. }) {
                        self.traffic().spend(&self.worst(job, &line), &Usage::default());
                    }
                    job.pending.insert(key, line);
                    continue;
                }
            };
            let usage = Usage::sum(completions.iter().map(|c| &c.usage));
            self.traffic().spend(&self.worst(job, &line), &usage);
            let mut samples = line.samples.into_iter();
            for (completion, key) in completions.into_iter().zip(&mut samples) {
                (job.deliver)(key, completion);
            }
            for key in samples {
                let line = Line { request: line.request, samples: vec![key] };
                job.pending.insert(key, line);
            }
        }
        Ok(())
    }

    fn record(&self) -> Result<Record, ProviderError> {
        let wrong = |error| self.fail(&format!("the log of batches cannot be read: {error}"));
        let text = self.log.recorded().map_err(wrong)?;
        let record = text.map(|text| serde_json::from_str(&text)).transpose();
        Ok(record.map_err(|error| wrong(error.into()))?.unwrap_or_default())
    }

    fn write(&self, record: &Record) -> Result<(), ProviderError> {
        let text = serde_json::to_string(record).expect("a record is plain data");
        let wrong = |error| self.fail(&format!("the log of batches cannot be written: {error}"));
        self.log.record(&text).map_err(wrong)
    }

    fn exchange<T>(
        &self,
        request: &HttpRequest,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, ProviderError> {
        self.exchange_with(&mut || self.send(request, &read))
    }

    /// One exchange, made again where that helps.
    fn exchange_with<T>(
        &self,
        exchange: &mut dyn FnMut() -> Result<T, Missed>,
    ) -> Result<T, ProviderError> {
        let provider = &self.capabilities().name;
        let worst = Worst { prompt: 0, drawn: 0, price: None };
        let ask = Ask { provider, sample: Key::of(provider), worst };
        let crew = Crew::of_one();
        let answer = self.traffic().ask(&self.lane, &crew, &ask, &|_| {}, &mut || {
            let answer = exchange();
            let connected = !matches!(answer, Err(Missed { connected: false, .. }));
            let answer = answer.map(|a| (a, Usage::default())).map_err(|missed| missed.error);
            Reply { left: Remaining::default(), connected, answer }
        });
        answer.map_err(|ended| self.ended(ended))
    }

    fn send<T>(
        &self,
        request: &HttpRequest,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<T, Missed> {
        let (_, connected, response) = self.single.send(request);
        let missed = |error| Missed { connected, error };
        let response = response.map_err(missed)?;
        let passing = |what: String| missed(CallError::Passing { after: None, what });
        if (200..300).contains(&response.status) {
            return read(&response.body)
                .ok_or_else(|| passing("a response that is not understood".into()));
        }
        let status = response.status;
        let error = self.single.wire().answers(&response).err();
        Err(error.map_or_else(|| passing(format!("status {status}")), missed))
    }

    fn ended(&self, ended: Ended) -> ProviderError {
        match ended {
            Ended::All(error) => error,
            Ended::Failed(what) => self.fail(&what),
            Ended::Stopped => ProviderError::Cancelled,
        }
    }
}

/// An exchange without an answer.
struct Missed {
    connected: bool,
    error: CallError,
}

fn json(body: &[u8]) -> Option<Value> {
    serde_json::from_slice(body).ok()
}

fn object_id(body: &[u8]) -> Option<String> {
    id(&json(body)?)
}

#[cfg(test)]
mod tests;
