//! A clock without time, a log in memory, and the kill of a process at its nth deed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use entail_schema::{Key, Message};

use crate::http::{Clock, HttpRequest, HttpResponse, Transport, TransportError};
use crate::trainer::{
    JobLog, LogError, RemoteSettings, TokenRow, TrainedModel, Trainer, TrainerError, TrainingJob,
};

/// Time passes when somebody sleeps, a thousand times faster than on the wall.
#[derive(Debug, Default)]
pub(crate) struct FakeClock(AtomicU64);

impl Clock for FakeClock {
    fn now(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn unix(&self) -> Duration {
        Duration::from_secs(1_790_000_000) + self.now()
    }

    fn sleep(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
        // Other threads get their turn.
        std::thread::sleep(time / 10_000);
    }
}

/// What kills a process: its nth deed, before or after it had an effect.
#[derive(Debug)]
pub(crate) struct Fate {
    n_done: AtomicUsize,
    dies_at: Option<usize>,
}

impl Fate {
    pub(crate) fn dies_at(dies_at: Option<usize>) -> Arc<Self> {
        Arc::new(Self { n_done: AtomicUsize::new(0), dies_at })
    }

    /// Counts two deeds: the moment before and the moment after.
    fn around<T>(&self, deed: impl FnOnce() -> T) -> T {
        let tick = || {
            let n = self.n_done.fetch_add(1, Ordering::SeqCst);
            assert!(self.dies_at != Some(n), "killed at {n}");
        };
        tick();
        let result = deed();
        tick();
        result
    }
}

/// A transport of a process that may be killed.
pub(crate) struct Mortal {
    pub(crate) inner: Arc<dyn Transport>,
    pub(crate) fate: Arc<Fate>,
}

impl Transport for Mortal {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        // Heartbeats come when they come: they are no deeds.
        if request.url.ends_with("/session_heartbeat") {
            return self.inner.send(request);
        }
        self.fate.around(|| self.inner.send(request))
    }
}

/// What outlives a process.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    pub(crate) states: Mutex<Vec<String>>,
    pub(crate) told: Mutex<Vec<(u64, u64, String)>>,
}

/// A log of a process that may be killed.
pub(crate) struct MemoryLog<'a> {
    pub(crate) disk: &'a Disk,
    pub(crate) fate: Arc<Fate>,
    pub(crate) cancelled: bool,
}

impl<'a> MemoryLog<'a> {
    pub(crate) fn new(disk: &'a Disk) -> Self {
        Self { disk, fate: Fate::dies_at(None), cancelled: false }
    }
}

impl JobLog for MemoryLog<'_> {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        Ok(self.disk.states.lock().unwrap().last().cloned())
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        self.fate.around(|| {
            self.disk.states.lock().unwrap_or_else(PoisonError::into_inner).push(state.to_owned());
        });
        Ok(())
    }

    fn tell(&self, done: u64, total: u64, what: &str) {
        self.disk.told.lock().unwrap().push((done, total, what.to_owned()));
    }

    fn cancelled(&self) -> bool {
        self.cancelled
    }
}

/// A log that fails at its nth use, which is counted over reading and writing.
struct Brittle<'a> {
    log: MemoryLog<'a>,
    uses: AtomicUsize,
    fails_at: usize,
}

impl Brittle<'_> {
    fn used(&self) -> Result<(), LogError> {
        let n = self.uses.fetch_add(1, Ordering::SeqCst);
        if n == self.fails_at { Err(format!("use {n} failed").into()) } else { Ok(()) }
    }
}

impl JobLog for Brittle<'_> {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        self.used()?;
        self.log.recorded()
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        self.used()?;
        self.log.record(state)
    }

    fn tell(&self, done: u64, total: u64, what: &str) {
        self.log.tell(done, total, what);
    }

    fn cancelled(&self) -> bool {
        self.log.cancelled()
    }
}

/// Trains with a log that fails at use `n`, then with one whose first look fails, and again with one that works.
/// `None` when the first was through before use `n`.
pub(crate) fn log_fails_and_again(
    n: usize,
    job: &TrainingJob<'_>,
    trainer: &dyn Trainer,
) -> Option<TrainedModel> {
    let disk = Disk::default();
    let brittle = |fails_at| {
        let log = MemoryLog::new(&disk);
        trainer.train(job, &Brittle { log, uses: AtomicUsize::new(0), fails_at })
    };
    match brittle(n) {
        Ok(_) => return None,
        Err(TrainerError::Log(error)) => assert_eq!(error.to_string(), format!("use {n} failed")),
        Err(other) => panic!("{other}"),
    }
    assert!(matches!(brittle(0), Err(TrainerError::Log(_))));
    Some(trainer.train(job, &MemoryLog::new(&disk)).unwrap())
}

/// Trains with a process that is killed at deed `k`, and again with one that is not. `None` when the first was
/// through before deed `k`.
pub(crate) fn killed_and_again(
    k: usize,
    service: &Arc<dyn Transport>,
    job: &TrainingJob<'_>,
    trainer: impl Fn(Arc<dyn Transport>) -> Box<dyn Trainer>,
) -> Option<Result<TrainedModel, TrainerError>> {
    let disk = Disk::default();
    let fate = Fate::dies_at(Some(k));
    let mortal = Arc::new(Mortal { inner: Arc::clone(service), fate: Arc::clone(&fate) });
    let log = MemoryLog { disk: &disk, fate, cancelled: false };
    let first = catch_unwind(AssertUnwindSafe(|| trainer(mortal).train(job, &log)));
    if let Ok(result) = first {
        result.unwrap();
        return None;
    }
    Some(trainer(Arc::clone(service)).train(job, &MemoryLog::new(&disk)))
}

/// What a job is made of.
pub(crate) struct Parts {
    pub(crate) rows: Vec<Vec<Message>>,
    pub(crate) batches: Vec<Vec<usize>>,
    pub(crate) tokens: Vec<TokenRow>,
    pub(crate) settings: RemoteSettings,
}

impl Parts {
    /// This many short rows, two passes in batches of four.
    pub(crate) fn new(n_rows: usize) -> Self {
        let rows = (0..n_rows)
            .map(|i| vec![Message::user(format!("question {i}")), Message::assistant("\"yes\"\n")])
            .collect();
        let order: Vec<usize> = (0..n_rows).chain(0..n_rows).collect();
        let tokens = (0..u32::try_from(n_rows).unwrap())
            .map(|i| TokenRow {
                tokens: vec![1, 10 + i, 2, 7, 3],
                learned: vec![false, false, false, true, true],
            })
            .collect();
        Self {
            rows,
            batches: order.chunks(4).map(<[usize]>::to_vec).collect(),
            tokens,
            settings: RemoteSettings {
                epochs: 2,
                batch: 4,
                rate: 1e-4,
                rate_multiplier: Some(1.5),
                rank: 8,
                linear: true,
                init_seed: 0x1_0000_0007,
            },
        }
    }

    pub(crate) fn job(&self) -> TrainingJob<'_> {
        TrainingJob {
            key: Key::of(&"a recipe"),
            label: "claim: conscious / arm",
            base: "gpt-4.1-2025-04-14",
            rows: &self.rows,
            batches: &self.batches,
            tokens: Some(&self.tokens),
            settings: self.settings.clone(),
        }
    }
}
