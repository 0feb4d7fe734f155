//! The calls of one key of one service, and what all services of a run share.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entail_schema::{Key, Seed};

use super::budget::{Budget, Refused, Reservation, Worst};
use super::flights::Flights;
use super::limiter::{Limiter, Limits, Outcome, Ticket, Wait};
use super::prices::Prices;
use super::retry::{Health, Patience, Sign, Strikes, pause};
use crate::{CallError, Clock, Money, ProviderError, Remaining, Usage};

/// Longest sleep after which a waiting thread looks whether to stop.
const SLICE: Duration = Duration::from_millis(250);
/// Pause before a budget is asked again that others hold reservations of.
const BUDGET_PAUSE: Duration = Duration::from_millis(20);

/// What all remote models of a run share: the limits of each key, the budget, and the wish to stop.
pub struct Traffic {
    clock: Arc<dyn Clock>,
    /// Draws the pauses before calls are made again.
    jitter: Seed,
    patience: Patience,
    prices: Prices,
    budget: Budget,
    cancelled: Arc<AtomicBool>,
    lanes: Mutex<BTreeMap<(String, String), Arc<Lane>>>,
    pub(crate) flights: Arc<Flights>,
    tally: Tally,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traffic").field("told", &self.told()).finish_non_exhaustive()
    }
}

/// Progress, to be shown to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Calls sent, those made again among them.
    pub calls: u64,
    /// Calls answered.
    pub answered: u64,
    /// Calls refused as too many.
    pub refused: u64,
    /// Calls that brought no answer otherwise.
    pub failed: u64,
    /// Those of them whose answer may have been drawn and was lost: they count in [`Told::money`] and in a budget at
    /// their worst.
    pub spoiled: u64,
    /// Time that calls waited before they were made again, all threads together.
    pub waited: Duration,
    /// Tokens of the conversations, as far as the services say.
    pub prompt_tokens: u64,
    /// Tokens of the answers, as far as the services say.
    pub drawn_tokens: u64,
    /// Money spent, as far as prices are known; spoiled answers at the most that they can have cost.
    pub money: Money,
    /// Calls at work now.
    pub at_work: usize,
    /// Calls that may be at work now, of all keys together.
    pub limit: usize,
}

#[derive(Debug, Default)]
struct Tally {
    calls: AtomicU64,
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    spoiled: AtomicU64,
    waited_ms: AtomicU64,
    prompt_tokens: AtomicU64,
    drawn_tokens: AtomicU64,
}

/// Which key of which service calls go to.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The service, such as `openai`: as in price tables.
    pub service: String,
    /// A name for the key, such as that of its environment variable. Never the key.
    pub key_name: String,
    /// Its limits; where two models share a key, those of the first one hold.
    pub limits: Limits,
}

/// One key of one service.
#[derive(Debug)]
pub(crate) struct Lane {
    state: Mutex<LaneState>,
    room: Condvar,
}

#[derive(Debug)]
struct LaneState {
    limiter: Limiter,
    health: Health,
    /// Threads that wait for room.
    waiting: usize,
}

/// The threads that share the work of one caller.
#[derive(Debug)]
pub(crate) struct Crew {
    threads: AtomicUsize,
    /// Threads that wait to start a call, or are about to.
    idle: AtomicUsize,
    stopped: AtomicBool,
}

impl Crew {
    /// The calling thread, about to start a call.
    pub(crate) fn of_one() -> Self {
        Self { threads: 1.into(), idle: 1.into(), stopped: false.into() }
    }

    /// Counts one more thread, if nobody is idle and not too many wait for failed calls to be made again: during an
    /// outage no more work is begun.
    pub(crate) fn admit(&self, limit: usize) -> bool {
        let most = 2 * limit + 8;
        if self.threads.load(Ordering::Relaxed) >= most
            || self.idle.compare_exchange(0, 1, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return false;
        }
        self.threads.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// An idle thread ends.
    pub(crate) fn leave(&self) {
        self.threads.fetch_sub(1, Ordering::Relaxed);
        self.idle.fetch_sub(1, Ordering::Relaxed);
    }

    /// Starts no more calls.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Whether no more calls are to be started.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// A thread that is not idle for as long as this runs.
    fn busy<T>(&self, work: impl FnOnce() -> T) -> T {
        self.idle.fetch_sub(1, Ordering::Relaxed);
        let done = work();
        self.idle.fetch_add(1, Ordering::Relaxed);
        done
    }
}

/// One thing to be asked, however often it takes.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Who is asked, for messages.
    pub(crate) provider: &'a str,
    /// The first sample: it names the pauses.
    pub(crate) sample: Key,
    /// The most that it can take.
    pub(crate) worst: Worst,
}

/// What one call brought.
pub(crate) struct Reply<T> {
    /// What the service says is left; nothing where no response came.
    pub(crate) left: Remaining,
    /// Whether anybody was there.
    pub(crate) connected: bool,
    /// The answer.
    pub(crate) answer: Result<(T, Usage), CallError>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Ended {
    /// This request failed; others may not.
    Failed(String),
    /// No request of this caller will be answered.
    All(ProviderError),
    /// Somebody else of the crew found out that no request will be answered.
    Stopped,
}

impl Traffic {
    /// Traffic without any limit of its own but the accounts'. `jitter` draws pauses only and changes no answer.
    pub fn new(clock: Arc<dyn Clock>, jitter: Seed) -> Self {
        Self {
            clock,
            jitter,
            patience: Patience::default(),
            prices: Prices::shipped(),
            budget: Budget::default(),
            cancelled: Arc::default(),
            lanes: Mutex::default(),
            flights: Arc::default(),
            tally: Tally::default(),
        }
    }

    /// With a budget.
    #[must_use]
    pub fn with_budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// With prices other than those that come with the program.
    #[must_use]
    pub fn with_prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// With another patience.
    #[must_use]
    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// With a flag that ends everything: calls at work are finished and their answers delivered, none is begun.
    #[must_use]
    pub fn with_cancelled(mut self, cancelled: Arc<AtomicBool>) -> Self {
        self.cancelled = cancelled;
        self
    }

    /// What was done until now.
    pub fn told(&self) -> Told {
        let tally = &self.tally;
        let [calls, answered, refused, failed, spoiled, waited, prompt_tokens, drawn_tokens] = [
            &tally.calls,
            &tally.answered,
            &tally.refused,
            &tally.failed,
            &tally.spoiled,
            &tally.waited_ms,
            &tally.prompt_tokens,
            &tally.drawn_tokens,
        ]
        .map(|count| count.load(Ordering::Relaxed));
        let mut told = Told {
            calls,
            answered,
            refused,
            failed,
            spoiled,
            waited: Duration::from_millis(waited),
            prompt_tokens,
            drawn_tokens,
            money: self.budget.spent().money,
            ..Told::default()
        };
        for lane in lock(&self.lanes).values() {
            let state = lock(&lane.state);
            told.at_work += state.limiter.at_work();
            told.limit += state.limiter.limit();
        }
        told
    }

    /// The budget.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// The price table.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Counts what an answer took that did not come through [`Traffic::ask`].
    pub(crate) fn spend(&self, worst: &Worst, usage: &Usage) {
        self.budget.spend(worst.taken(usage));
        self.tally.used(usage);
    }

    /// Whether everything is to end.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    pub(crate) fn lane(&self, account: &Account) -> Arc<Lane> {
        let name = (account.service.clone(), account.key_name.clone());
        let lane = || {
            let limiter = Limiter::new(&account.limits);
            let state = LaneState { limiter, health: Health::default(), waiting: 0 };
            Arc::new(Lane { state: Mutex::new(state), room: Condvar::new() })
        };
        Arc::clone(lock(&self.lanes).entry(name).or_insert_with(lane))
    }

    /// Asks until there is an answer or none is to be hoped for. `started` is told each time a call begins, and how
    /// many may be at work.
    pub(crate) fn ask<T>(
        &self,
        lane: &Lane,
        crew: &Crew,
        ask: &Ask<'_>,
        started: &dyn Fn(usize),
        call: &mut dyn FnMut() -> Reply<T>,
    ) -> Result<T, Ended> {
        let mut tries = 0;
        let mut strikes = Strikes::default();
        loop {
            let reservation = self.reserve(crew, ask.worst)?;
            let slot = self.slot(lane, crew, ask.worst.most().tokens)?;
            self.tally.calls.fetch_add(1, Ordering::Relaxed);
            let reply = crew.busy(|| {
                started(slot.limit);
                call()
            });
            let error = match reply.answer {
                Ok((answer, usage)) => {
                    reservation.settle(&usage);
                    self.tally.answered.fetch_add(1, Ordering::Relaxed);
                    self.tally.used(&usage);
                    slot.end(Outcome::Answered, Sign::Answer, &reply.left);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if let CallError::Spoiled { .. } = error {
                // Nobody says what it took.
                reservation.settle(&Usage::default());
            } else {
                drop(reservation);
            }
            let (outcome, after) = match &error {
                CallError::Slow { after, .. } => (Outcome::Slow(*after), *after),
                CallError::Passing { after, .. } | CallError::Spoiled { after, .. } => {
                    (Outcome::Failed, *after)
                }
                CallError::Final { .. } | CallError::ThisOne { .. } => (Outcome::Aside, None),
            };
            let sign = match outcome {
                Outcome::Aside | Outcome::Answered => Sign::Answer,
                _ if reply.connected => Sign::Trouble,
                _ => Sign::Nobody,
            };
            if let CallError::Final { .. } = error {
                // Before anybody takes the place of this call.
                crew.stop();
            }
            let given_up = slot.end(outcome, sign, &reply.left);
            tries += 1;
            self.tally.troubled(&error);
            let last = match &error {
                CallError::Final { what } => return Err(Ended::All(remote(ask.provider, what))),
                CallError::ThisOne { what } => return Err(Ended::Failed(what.clone())),
                CallError::Slow { .. } => false,
                CallError::Passing { .. } | CallError::Spoiled { .. } => {
                    strikes.note(lock(&lane.state).health.answers(), &self.patience)
                }
            };
            if let Some(why) = given_up {
                return Err(Ended::All(remote(ask.provider, &format!("{why} (last: {error})"))));
            }
            if last {
                return Err(Ended::Failed(format!("asked {tries} times in vain (last: {error})")));
            }
            let pause = pause(self.jitter, ask.sample, tries, after);
            crew.busy(|| self.sleep(crew, pause))?;
        }
    }

    /// Whether to go on.
    pub(crate) fn go_on(&self, crew: &Crew) -> Result<(), Ended> {
        if crew.is_stopped() {
            return Err(Ended::Stopped);
        }
        if self.is_cancelled() {
            return Err(Ended::All(ProviderError::Cancelled));
        }
        Ok(())
    }

    /// Waits, unless it is time to stop.
    pub(crate) fn sleep(&self, crew: &Crew, time: Duration) -> Result<(), Ended> {
        let waited = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        self.tally.waited_ms.fetch_add(waited, Ordering::Relaxed);
        self.sleep_until(crew, self.clock.now() + time)
    }

    fn sleep_until(&self, crew: &Crew, until: Duration) -> Result<(), Ended> {
        loop {
            self.go_on(crew)?;
            let left = until.saturating_sub(self.clock.now());
            if left.is_zero() {
                return Ok(());
            }
            self.clock.sleep(left.min(SLICE));
        }
    }

    fn reserve(&self, crew: &Crew, worst: Worst) -> Result<Reservation<'_>, Ended> {
        loop {
            match self.budget.reserve(worst) {
                Ok(reservation) => return Ok(reservation),
                Err(Refused::Never(error)) => return Err(Ended::All(error)),
                Err(Refused::Later) => {
                    self.sleep_until(crew, self.clock.now() + BUDGET_PAUSE)?;
                }
            }
        }
    }

    /// Waits until a call may start.
    fn slot<'a>(&'a self, lane: &'a Lane, crew: &Crew, tokens: u64) -> Result<Slot<'a>, Ended> {
        let mut state = lock(&lane.state);
        loop {
            if let Err(ended) = self.go_on(crew) {
                // Who else waits is to find out as well.
                lane.room.notify_all();
                return Err(ended);
            }
            match state.limiter.start(self.clock.now(), tokens) {
                Ok(ticket) => {
                    let limit = state.limiter.limit();
                    if state.waiting > 0 && state.limiter.at_work() < limit {
                        lane.room.notify_one();
                    }
                    return Ok(Slot { traffic: self, lane, ticket: Some(ticket), limit });
                }
                Err(Wait::Until(until)) => {
                    drop(state);
                    self.sleep_until(crew, until)?;
                    state = lock(&lane.state);
                }
                Err(Wait::ForRoom) => {
                    state.waiting += 1;
                    state = lane.room.wait(state).unwrap_or_else(PoisonError::into_inner);
                    state.waiting -= 1;
                }
            }
        }
    }
}

impl Tally {
    fn troubled(&self, error: &CallError) {
        if let CallError::Spoiled { .. } = error {
            self.spoiled.fetch_add(1, Ordering::Relaxed);
        }
        let count = match error {
            CallError::Slow { .. } => &self.refused,
            _ => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn used(&self, usage: &Usage) {
        self.prompt_tokens.fetch_add(usage.prompt.unwrap_or(0), Ordering::Relaxed);
        self.drawn_tokens.fetch_add(usage.drawn.unwrap_or(0), Ordering::Relaxed);
    }
}

/// One call at work. Dropped, it counts as failed: a thread that panics does not keep others out.
struct Slot<'a> {
    traffic: &'a Traffic,
    lane: &'a Lane,
    ticket: Option<Ticket>,
    limit: usize,
}

impl Slot<'_> {
    /// The call is over; the reason to make no more, if there is one now.
    fn end(mut self, outcome: Outcome, sign: Sign, left: &Remaining) -> Option<String> {
        let ticket = self.ticket.take()?;
        let now = self.traffic.clock.now();
        let mut state = lock(&self.lane.state);
        state.limiter.end(now, ticket, outcome);
        state.limiter.left(now, left);
        if state.waiting > 0 {
            self.lane.room.notify_one();
        }
        state.health.note(now, sign, &self.traffic.patience)
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            let now = self.traffic.clock.now();
            lock(&self.lane.state).limiter.end(now, ticket, Outcome::Failed);
            self.lane.room.notify_one();
        }
    }
}

impl Lane {
    /// Wakes who waits for room, to see that there is no more work.
    pub(crate) fn wake(&self) {
        // Under the lock, so that nobody is between looking and waiting.
        let _state = lock(&self.state);
        self.room.notify_all();
    }
}

pub(crate) fn remote(provider: &str, what: &str) -> ProviderError {
    ProviderError::Remote { provider: provider.to_owned(), what: what.to_owned() }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
