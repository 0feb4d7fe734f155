//! Equal samples that two threads ask for at the same time are drawn once.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use entail_schema::Key;

use super::lane::lock;
use crate::Completion;

/// The samples that are being drawn.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    by_key: Mutex<BTreeMap<Key, Arc<Flight>>>,
}

/// One sample that is being drawn.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    state: Mutex<State>,
    landed: Condvar,
}

#[derive(Debug, Default, Clone)]
enum State {
    #[default]
    Flying,
    Landed(Box<Completion>),
    Lost,
}

/// Who draws a sample.
#[derive(Debug)]
pub(crate) enum Role {
    /// The caller does, and says so when it is done.
    Leader(Lead),
    /// Somebody else is at it.
    Follower(Arc<Flight>),
}

/// The duty to draw a sample; dropped without an answer, its followers draw it themselves.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Key,
    flight: Arc<Flight>,
}

impl Flights {
    /// Who draws this sample.
    pub(crate) fn board(self: &Arc<Self>, key: Key) -> Role {
        let mut by_key = lock(&self.by_key);
        if let Some(flight) = by_key.get(&key) {
            return Role::Follower(Arc::clone(flight));
        }
        let flight = Arc::new(Flight::default());
        by_key.insert(key, Arc::clone(&flight));
        Role::Leader(Lead { flights: Arc::clone(self), key, flight })
    }
}

impl Flight {
    /// Whether waiting would be over at once.
    pub(crate) fn is_over(&self) -> bool {
        !matches!(*lock(&self.state), State::Flying)
    }

    /// The answer, when it is there; `None` when the leader gave up.
    pub(crate) fn wait(&self) -> Option<Completion> {
        let mut state = lock(&self.state);
        loop {
            match &*state {
                State::Flying => {
                    state = self.landed.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                State::Landed(completion) => return Some((**completion).clone()),
                State::Lost => return None,
            }
        }
    }

    fn end(&self, end: State) {
        *lock(&self.state) = end;
        self.landed.notify_all();
    }
}

impl Lead {
    /// The sample.
    pub(crate) fn key(&self) -> Key {
        self.key
    }

    /// Hands the answer to `deliver`, and when that has kept it, to the followers.
    pub(crate) fn land(self, completion: Completion, deliver: impl FnOnce(Key, Completion)) {
        let copy = Box::new(completion.clone());
        deliver(self.key, completion);
        lock(&self.flights.by_key).remove(&self.key);
        self.flight.end(State::Landed(copy));
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        // After `land` somebody else may draw the sample anew: only the own flight is removed.
        if !self.flight.is_over() {
            lock(&self.flights.by_key).remove(&self.key);
            self.flight.end(State::Lost);
        }
    }
}
