//! How many calls may be at work for one key of one service.
//!
//! Slow start, then additive increase and multiplicative decrease, as TCP does it (Jacobson 1988) and as Inspect's
//! adaptive connections do. By Little's law a number of calls at work, divided by how long a call takes, is a rate: so
//! a limit below one is kept by pauses between the calls, and a service that takes one call in ten seconds is met as
//! well as one that takes a hundred in one.
//!
//! One refusal alone says little: services refuse now and then whatever the rate is, and a pause of a whole second is
//! worth hundreds of calls. The call that was refused waits as it was told to, and the others go on. What counts is a
//! share of refusals that chance does not explain, as a cumulative sum finds it (Page 1954), and several refusals in a
//! row: then the service takes nothing, and everything waits.

use std::collections::VecDeque;
use std::time::Duration;

use super::bucket::Bucket;
use crate::Remaining;

/// Share of the limit that is kept after an episode of refusals.
const CUT: f64 = 0.8;
/// Share by which the limit grows in a round, once there was an episode.
const GROWTH: f64 = 0.06;
/// What an answer takes off the suspicion that a refusal adds one to. With [`ENOUGH`] it makes that a service that
/// refuses one call in thirty, whatever the rate is, is met at full speed, and that a service with a rate refuses one
/// call in twenty while the limit is held and tried anew.
const TRUST: f64 = 0.1;
/// Suspicion at which the limit is cut.
const ENOUGH: f64 = 4.0;
/// Answers for each refusal of a round in which the limit grows, at least.
const MOST_REFUSED: usize = 8;
/// Refusals without an answer in between after which nothing is started before the pause is over.
const IN_A_ROW: u32 = 3;
/// Fewest answers in a round, so that a low limit does not grow into a refusal every few calls.
const ROUND: usize = 16;
/// Share of the limit that must have been at work at some time of a round for the limit to grow.
const USED: f64 = 0.8;
/// The limit stops growing while calls take this many times as long as at best.
const SLOWED: f64 = 4.0;
/// The best time is forgotten by this factor a round: conversations change, and with them what is possible.
const FORGET: f64 = 1.02;
/// Calls whose times are remembered.
const REMEMBERED: usize = 64;
/// Rounds after an episode in which the limit stays: each time it is tried anew, a few calls are refused. The longer
/// nothing comes of it, the larger the steps.
const HOLD: f64 = 12.0;
/// Pause after a refusal that names none; twice as long each time nothing was answered since the last one.
const COOLDOWN: Duration = Duration::from_millis(500);
/// Longest of these.
const LONGEST_COOLDOWN: Duration = Duration::from_secs(30);
/// Longest pause that a service may ask for.
pub(crate) const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// Lowest limit: one call at work for a tenth of the time. Slower services are met by their own pauses.
const LOWEST: f64 = 0.1;
/// Pauses shorter than this are not worth a thread's sleep.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// What a user may set for one service.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Calls at work in the beginning.
    pub start: usize,
    /// Most calls at work.
    pub most: usize,
    /// Most calls per minute, if that is known beforehand.
    pub requests_per_minute: Option<f64>,
    /// Most tokens per minute, asked and reserved for the answer, if that is known beforehand.
    pub tokens_per_minute: Option<f64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { start: 8, most: 200, requests_per_minute: None, tokens_per_minute: None }
    }
}

/// Permission for one call; given back to [`Limiter::end`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Ticket {
    serial: u64,
    since: Duration,
}

/// Why a call may not start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing starts before this moment.
    Until(Duration),
    /// As many are at work as may be: when one ends, ask again.
    ForRoom,
}

/// How a call ended, as far as the limit is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered.
    Answered,
    /// It was refused as one too many, with the pause that was asked for.
    Slow(Option<Duration>),
    /// It failed otherwise.
    Failed,
    /// It was answered with a no that says nothing about how many calls there may be.
    Aside,
}

/// The state of one key of one service. Times are since any fixed moment.
#[derive(Debug)]
pub(crate) struct Limiter {
    limit: f64,
    most: f64,
    at_work: usize,
    next_serial: u64,
    /// Calls that began before this one belong to an episode that was already paid for; `None` in slow start.
    episode: Option<u64>,
    /// Refusals beyond those that chance explains; never below zero.
    suspicion: f64,
    /// Refusals since the last answer.
    in_a_row: u32,
    /// Rounds since the last episode in which the limit could grow.
    rounds: f64,
    /// The next pause of our own choice; `None` when something was answered since the last one.
    cooldown: Option<Duration>,
    closed_until: Duration,
    round: Round,
    times: VecDeque<Duration>,
    /// Seconds of the median call when it was shortest.
    best: Option<f64>,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

#[derive(Debug, Default)]
struct Round {
    answered: usize,
    refused: usize,
    failed: usize,
    most_at_work: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        let most = limits.most.max(1) as f64;
        Self {
            limit: (limits.start.max(1) as f64).min(most),
            most,
            at_work: 0,
            next_serial: 0,
            episode: None,
            suspicion: 0.0,
            in_a_row: 0,
            rounds: 0.0,
            cooldown: None,
            closed_until: Duration::ZERO,
            round: Round::default(),
            times: VecDeque::with_capacity(REMEMBERED),
            best: None,
            requests: limits.requests_per_minute.map(Bucket::per_minute),
            tokens: limits.tokens_per_minute.map(Bucket::per_minute),
        }
    }

    /// Calls that may be at work, rounded up.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to most")]
    pub(crate) fn limit(&self) -> usize {
        self.limit.ceil() as usize
    }

    /// Calls at work.
    pub(crate) fn at_work(&self) -> usize {
        self.at_work
    }

    /// Starts a call that may take this many tokens, if it may start now.
    pub(crate) fn start(&mut self, now: Duration, tokens: u64) -> Result<Ticket, Wait> {
        let tokens = tokens as f64;
        let mut open = self.closed_until;
        for (bucket, need) in [(&mut self.requests, 1.0), (&mut self.tokens, tokens)] {
            open = open.max(bucket.as_mut().map_or(now, |b| b.ready(now, need)));
        }
        if open > now {
            return Err(Wait::Until(open));
        }
        if self.at_work >= self.limit() {
            return Err(Wait::ForRoom);
        }
        for (bucket, need) in [(&mut self.requests, 1.0), (&mut self.tokens, tokens)] {
            if let Some(bucket) = bucket {
                bucket.take(need);
            }
        }
        if let Some(pause) = self.pause() {
            self.closed_until = now + pause;
        }
        self.at_work += 1;
        self.round.most_at_work = self.round.most_at_work.max(self.at_work);
        self.next_serial += 1;
        Ok(Ticket { serial: self.next_serial - 1, since: now })
    }

    /// A call ended.
    #[expect(clippy::needless_pass_by_value, reason = "a ticket is good for one end")]
    pub(crate) fn end(&mut self, now: Duration, ticket: Ticket, outcome: Outcome) {
        let Ticket { serial, since } = ticket;
        self.at_work -= 1;
        match outcome {
            Outcome::Answered => self.answered(now.saturating_sub(since)),
            Outcome::Slow(after) => self.refused(now, serial, after),
            Outcome::Failed => self.round.failed += 1,
            Outcome::Aside => {}
        }
    }

    /// Takes in what the service says is left. Where nothing is, nothing starts before the reset.
    pub(crate) fn left(&mut self, now: Duration, left: &Remaining) {
        let kinds = [(left.requests, left.requests_reset), (left.tokens, left.tokens_reset)];
        for kind in kinds {
            if let (Some(0), Some(reset)) = kind {
                self.close(now + reset.min(LONGEST_PAUSE));
            }
        }
    }

    fn close(&mut self, until: Duration) {
        self.closed_until = self.closed_until.max(until);
    }

    /// Time between two starts that keeps the limit, once the service showed that it counts calls.
    fn pause(&self) -> Option<Duration> {
        self.episode?;
        let pause = Duration::from_secs_f64(self.median()? / self.limit).min(LONGEST_PAUSE);
        (pause >= SHORTEST_PAUSE).then_some(pause)
    }

    fn answered(&mut self, time: Duration) {
        if self.times.len() == REMEMBERED {
            self.times.pop_front();
        }
        self.times.push_back(time);
        self.cooldown = None;
        self.in_a_row = 0;
        self.suspicion = (self.suspicion - TRUST).max(0.0);
        self.round.answered += 1;
        if self.round.answered >= self.limit().max(ROUND) {
            self.end_round();
        }
    }

    fn end_round(&mut self) {
        let round = std::mem::take(&mut self.round);
        self.round.most_at_work = self.at_work;
        let Some(median) = self.median() else { return };
        let best = self.best.map_or(median, |best| median.min(best * FORGET));
        self.best = Some(best);
        let used = round.most_at_work as f64 >= USED * self.limit;
        let troubled =
            round.failed > round.answered || MOST_REFUSED * round.refused > round.answered;
        if troubled || !used || median > SLOWED * best {
            return;
        }
        self.rounds += 1.0;
        let share = match self.episode {
            None => 1.0,
            Some(_) if self.rounds <= HOLD => 0.0,
            Some(_) => (GROWTH * self.rounds / HOLD).min(1.0),
        };
        self.limit = (self.limit * (1.0 + share)).min(self.most);
    }

    fn refused(&mut self, now: Duration, serial: u64, after: Option<Duration>) {
        self.in_a_row += 1;
        self.round.refused += 1;
        let shut = self.in_a_row >= IN_A_ROW;
        if self.episode.is_some_and(|first| serial < first) {
            if let Some(after) = after.filter(|_| shut) {
                self.close(now + after.min(LONGEST_PAUSE));
            }
            return;
        }
        self.suspicion += 1.0;
        if self.suspicion < ENOUGH && !shut {
            return;
        }
        // Refusals without an answer in between are an outage: they say nothing about the rate.
        if self.cooldown.is_none() {
            self.limit = (self.limit * CUT).max(LOWEST);
        }
        if shut {
            let cooldown = self.cooldown.unwrap_or(COOLDOWN);
            self.cooldown = Some((cooldown * 2).min(LONGEST_COOLDOWN));
            self.close(now + after.map_or(cooldown, |after| after.min(LONGEST_PAUSE)));
        }
        self.episode = Some(self.next_serial);
        self.suspicion = 0.0;
        self.rounds = 0.0;
        self.round = Round { most_at_work: self.at_work, ..Round::default() };
    }

    /// Seconds of the median of the remembered calls.
    fn median(&self) -> Option<f64> {
        let mut times: Vec<Duration> = self.times.iter().copied().collect();
        let middle = times.len().checked_sub(1)? / 2;
        Some(times.select_nth_unstable(middle).1.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;
