//! A model that somebody else runs.
//!
//! Plain threads: one thread makes one call at a time. The thread that asks is the first of them, and each call that
//! begins while there is more to do brings the next thread, so a single question needs none and twenty thousand have
//! as many as the limit lets work. A request's body exists only while its call is made.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, Scope};

use entail_schema::{Key, Message};

use crate::http::{HttpRequest, HttpResponse};
use crate::provider::{Deliver, Need, Provider, ProviderError, Request, Sampling};
use crate::traffic::flights::{self, Flight, Lead};
use crate::traffic::lane::{Ask, Crew, Ended, Lane, Reply, lock, remote};
use crate::traffic::{Account, Price, Traffic, Worst};
use crate::{
    CallError, Capabilities, Completion, Remaining, Transport, TransportError, Usage, Wire,
};

/// Stack of a thread that makes calls: TLS in a build without optimisation fits with room to spare.
const STACK: usize = 512 * 1024;

/// A model behind a wire format, as a [`Provider`].
pub struct Remote {
    wire: Box<dyn Wire>,
    transport: Arc<dyn Transport>,
    traffic: Arc<Traffic>,
    lane: Arc<Lane>,
    price: Option<Price>,
    batch_price: Option<Price>,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote")
            .field("wire", &self.wire)
            .field("price", &self.price)
            .finish_non_exhaustive()
    }
}

impl Remote {
    /// The model of a wire, asked with one key.
    ///
    /// # Errors
    /// [`ProviderError::NoPrice`] when the budget is in money and nobody knows the model's price.
    pub fn new(
        wire: Box<dyn Wire>,
        account: &Account,
        transport: Arc<dyn Transport>,
        traffic: Arc<Traffic>,
    ) -> Result<Self, ProviderError> {
        let price = traffic.prices().of(&account.service, wire.model());
        let batch_price = traffic.prices().of_batch(&account.service, wire.model());
        traffic.budget().check(wire.model(), price)?;
        let lane = traffic.lane(account);
        Ok(Self { wire, transport, traffic, lane, price, batch_price })
    }

    pub(crate) fn wire(&self) -> &dyn Wire {
        &*self.wire
    }

    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    pub(crate) fn batch_price(&self) -> Option<Price> {
        self.batch_price
    }

    /// The seed that a call is sent with, whole: each wire narrows it to what its service takes.
    pub(crate) fn seed(sample: Key) -> u64 {
        sample.seed().0
    }

    /// Sends one request; what the response says is left, and whether anybody was there, whatever else it says.
    pub(crate) fn send(
        &self,
        request: &HttpRequest,
    ) -> (Remaining, bool, Result<HttpResponse, CallError>) {
        match self.transport.send(request) {
            Ok(response) => (Remaining::of(&response), true, Ok(response)),
            Err(error) => {
                let connected = !matches!(error, TransportError::Connect { .. });
                (Remaining::default(), connected, Err(error.into()))
            }
        }
    }
}

impl Provider for Remote {
    fn capabilities(&self) -> &Capabilities {
        self.wire.capabilities()
    }

    fn complete(
        &self,
        requests: &[Request],
        sampling: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        self.wire.capabilities().check(requests, sampling)?;
        let work = Work {
            remote: self,
            requests,
            sampling,
            deliver,
            crew: Crew::of_one(),
            queue: Mutex::default(),
            failures: Mutex::default(),
        };
        std::thread::scope(|scope| work.run(scope));
        let failures = work.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
        failures.result(&self.wire.capabilities().name)
    }

    fn score(
        &self,
        messages: &[Message],
        continuations: &[String],
    ) -> Result<Vec<f64>, ProviderError> {
        let capabilities = self.wire.capabilities();
        if !capabilities.score {
            return Err(capabilities.lacks(Need::Score));
        }
        let requests = self.wire.ask_scores(messages, continuations);
        let answers = requests.len() as u64;
        let longest = continuations.iter().map(|c| c.len() as u64 / 2 + 20).max().unwrap_or(0);
        let once = Worst::of(messages, 1, longest, self.price);
        let worst = Worst {
            prompt: once.prompt.saturating_mul(answers),
            drawn: once.drawn.saturating_mul(answers),
            ..once
        };
        let sample = Key::of(&(messages, continuations));
        let ask = Ask { provider: &capabilities.name, sample, worst };
        let answer = self.traffic.ask(&self.lane, &Crew::of_one(), &ask, &|_| {}, &mut || {
            self.send_scores(&requests, continuations)
        });
        answer.map_err(|ended| match ended {
            Ended::All(error) => error,
            Ended::Failed(what) => remote(&capabilities.name, &what),
            Ended::Stopped => ProviderError::Cancelled,
        })
    }
}

impl Remote {
    fn send_scores(&self, requests: &[HttpRequest], continuations: &[String]) -> Reply<Vec<f64>> {
        let mut responses = Vec::with_capacity(requests.len());
        let mut left = Remaining::default();
        for request in requests {
            let (now_left, connected, response) = self.send(request);
            left = now_left;
            match response {
                Ok(response) => responses.push(response),
                Err(error) => return Reply { left, connected, answer: Err(error) },
            }
        }
        let scores = self.wire.scores(continuations, &responses);
        Reply { left, connected: true, answer: scores.map(|s| (s, Usage::default())) }
    }
}

/// One call of [`Provider::complete`].
struct Work<'a> {
    remote: &'a Remote,
    requests: &'a [Request],
    sampling: &'a Sampling,
    deliver: &'a Deliver<'a>,
    crew: Crew,
    queue: Mutex<Queue>,
    failures: Mutex<Failures>,
}

/// What is still to be done: requests from `request` on, its samples from `sample` on, and what came back.
#[derive(Default)]
struct Queue {
    request: usize,
    sample: usize,
    /// Keys that were met, so that each is delivered once.
    met: BTreeSet<Key>,
    /// Samples that a call was asked for and did not answer.
    again: Vec<Task>,
    /// Samples that somebody else draws just now.
    followed: VecDeque<(usize, Key, Arc<Flight>)>,
}

/// One call: samples of one request.
struct Task {
    request: usize,
    samples: Vec<Lead>,
}

enum Next {
    Call(Task),
    Follow(usize, Key, Arc<Flight>),
    Nothing,
}

/// What went wrong.
#[derive(Default)]
struct Failures {
    /// Ended all of it.
    all: Option<ProviderError>,
    /// The first request that was not answered.
    first: Option<String>,
    /// Calls that were not answered for good.
    count: usize,
}

impl Failures {
    fn result(self, provider: &str) -> Result<(), ProviderError> {
        match (self.all, self.first) {
            (Some(error), _) => Err(error),
            (None, None) => Ok(()),
            (None, Some(what)) if self.count == 1 => Err(remote(provider, &what)),
            (None, Some(what)) => {
                let others = self.count - 1;
                Err(remote(provider, &format!("{what} ({others} other calls failed as well)")))
            }
        }
    }
}

impl Queue {
    fn next(&mut self, work: &Work<'_>) -> Next {
        if let Some(task) = self.again.pop() {
            return Next::Call(task);
        }
        if self.followed.front().is_some_and(|(_, _, flight)| flight.is_over()) {
            return self.next_followed();
        }
        let most = work.remote.wire.capabilities().most_answers.max(1) as usize;
        while let Some(request) = work.requests.get(self.request) {
            let mut samples = Vec::with_capacity(most.min(request.samples.len() - self.sample));
            while samples.len() < most
                && let Some(&key) = request.samples.get(self.sample)
            {
                self.sample += 1;
                if !self.met.insert(key) {
                    continue;
                }
                match work.remote.traffic.flights.board(key) {
                    flights::Role::Leader(lead) => samples.push(lead),
                    flights::Role::Follower(flight) => {
                        self.followed.push_back((self.request, key, flight));
                    }
                }
            }
            let request = self.request;
            if work.requests[request].samples.len() == self.sample {
                self.request += 1;
                self.sample = 0;
            }
            if !samples.is_empty() {
                return Next::Call(Task { request, samples });
            }
        }
        self.next_followed()
    }

    fn next_followed(&mut self) -> Next {
        match self.followed.pop_front() {
            Some((request, key, flight)) => Next::Follow(request, key, flight),
            None => Next::Nothing,
        }
    }

    /// Whether another thread would find a call to make.
    fn has_more(&self, requests: &[Request]) -> bool {
        self.request < requests.len() || !self.again.is_empty()
    }
}

impl<'a> Work<'a> {
    /// What a thread does: calls, until there are none left.
    fn run<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>)
    where
        'a: 'scope,
    {
        while !self.crew.is_stopped() {
            let next = lock(&self.queue).next(self);
            match next {
                Next::Nothing => break,
                Next::Follow(request, key, flight) => self.follow(request, key, &flight),
                Next::Call(task) => self.call(task, &|limit| self.bring_next(scope, limit)),
            }
        }
        self.crew.leave();
    }

    /// Brings another thread, if there is more to do and nobody is free for it.
    fn bring_next<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>, limit: usize)
    where
        'a: 'scope,
    {
        if !lock(&self.queue).has_more(self.requests) || !self.crew.admit(limit) {
            return;
        }
        let thread = Builder::new().stack_size(STACK).spawn_scoped(scope, || self.run(scope));
        if thread.is_err() {
            // The system has no more threads: those that are there do the work.
            self.crew.leave();
        }
    }

    fn call(&self, task: Task, started: &dyn Fn(usize)) {
        let Task { request: index, samples } = task;
        let Some(first) = samples.first().map(Lead::key) else { return };
        let messages = &self.requests[index].messages;
        let remote = self.remote;
        let answers = u32::try_from(samples.len()).unwrap_or(u32::MAX);
        let max_tokens = self.sampling.max_tokens as u64;
        let worst = Worst::of(messages, answers.into(), max_tokens, remote.price);
        let seed = Remote::seed(first);
        let ask = Ask { provider: &remote.wire.capabilities().name, sample: first, worst };
        let mut samples = VecDeque::from(samples);
        let ended = remote.traffic.ask(&remote.lane, &self.crew, &ask, started, &mut || {
            let request = remote.wire.ask(messages, self.sampling, answers, seed);
            let (left, connected, response) = remote.send(&request);
            let completions = response.and_then(|response| remote.wire.answers(&response));
            let answer = completions.and_then(|completions| self.land(&mut samples, completions));
            Reply { left, connected, answer: answer.map(|usage| ((), usage)) }
        });
        match ended {
            Ok(()) => lock(&self.queue).again.extend(
                samples.into_iter().map(|lead| Task { request: index, samples: vec![lead] }),
            ),
            Err(ended) => self.note(ended),
        }
    }

    /// Delivers answers to the first samples.
    fn land(
        &self,
        samples: &mut VecDeque<Lead>,
        completions: Vec<Completion>,
    ) -> Result<Usage, CallError> {
        if completions.is_empty() {
            let what = "a response without any answer".to_owned();
            return Err(CallError::Spoiled { after: None, what });
        }
        let usage = Usage::sum(completions.iter().map(|completion| &completion.usage));
        for completion in completions {
            // More answers than asked for are paid for all the same.
            if let Some(lead) = samples.pop_front() {
                lead.land(completion, self.deliver);
            }
        }
        Ok(usage)
    }

    /// Takes the answer that somebody else draws, or draws it where that failed.
    fn follow(&self, request: usize, key: Key, flight: &Arc<Flight>) {
        if let Some(completion) = flight.wait() {
            return (self.deliver)(key, completion);
        }
        let mut queue = lock(&self.queue);
        match self.remote.traffic.flights.board(key) {
            flights::Role::Leader(lead) => {
                queue.again.push(Task { request, samples: vec![lead] });
            }
            flights::Role::Follower(flight) => queue.followed.push_back((request, key, flight)),
        }
    }

    fn note(&self, ended: Ended) {
        let mut failures = lock(&self.failures);
        match ended {
            Ended::Failed(what) => {
                failures.count += 1;
                failures.first.get_or_insert(what);
            }
            Ended::All(error) => {
                failures.all.get_or_insert(error);
                self.crew.stop();
                drop(failures);
                self.remote.lane.wake();
            }
            Ended::Stopped => {}
        }
    }
}

#[cfg(test)]
mod tests;
