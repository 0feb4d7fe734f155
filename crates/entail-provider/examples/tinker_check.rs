//! Trains a few steps at a Tinker service, stops in the middle, goes on, and prints the model as JSON.
//!
//! `python fixtures/provider/fake_tinker.py -- cargo run -p entail-provider --example tinker_check --` starts a service
//! that is made of the official package's own classes, and checks what it was asked.
#![expect(clippy::print_stdout, reason = "a program to be run by hand and by checks")]

use std::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use entail_provider::{
    Connections, JobLog, LogError, MachineClock, RemoteSettings, Secret, TinkerService,
    TinkerTrainer, TokenRow, Trainer, TrainerError, TrainingJob, WeightReduction,
};
use entail_schema::Key;

/// Where the first call is stopped: one step past a saved state.
const STOP_AT: u64 = 3;

/// A log in memory that says stop once.
#[derive(Default)]
struct Log {
    state: Mutex<Option<String>>,
    stop: AtomicBool,
    stopped: AtomicBool,
}

impl JobLog for Log {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        Ok(self.state.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(state.to_owned());
        Ok(())
    }

    fn tell(&self, done: u64, _: u64, _: &str) {
        if done == STOP_AT && !self.stopped.swap(true, Ordering::SeqCst) {
            self.stop.store(true, Ordering::SeqCst);
        }
    }

    fn cancelled(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(base) = std::env::args().nth(1) else {
        println!("tinker_check: SKIPPED, no address of a service was given");
        return Ok(());
    };
    let service = TinkerService {
        base,
        key: Secret::new("tml-no-key").ok_or("no key")?,
        save_every: 2,
        reduction: WeightReduction::Mean,
    };
    let connections = Connections::new(4, 64 << 20);
    let trainer =
        TinkerTrainer::new(service, Arc::new(connections), Arc::new(MachineClock::start()));
    // 1,200 rows in the first batch: two requests.
    let rows: Vec<TokenRow> = (0..1_200)
        .map(|i| TokenRow {
            tokens: vec![1, 10 + i, 2, 7, 3],
            learned: vec![false, false, false, true, true],
        })
        .collect();
    let batches: Vec<Vec<usize>> =
        vec![(0..1_200).collect(), vec![0, 1], vec![2, 3], vec![4, 5], vec![6, 7]];
    let job = TrainingJob {
        key: Key::of(&"tinker_check"),
        label: "check",
        base: "Qwen/Qwen3-8B",
        rows: &[],
        batches: &batches,
        tokens: Some(&rows),
        settings: RemoteSettings {
            epochs: 1,
            batch: 2,
            rate: 1e-4,
            rate_multiplier: None,
            rank: 8,
            linear: true,
            init_seed: 7,
        },
    };
    let log = Log::default();
    let first = trainer.train(&job, &log);
    let Err(TrainerError::Cancelled) = first else {
        return Err(format!("the first call was not stopped: {first:?}").into());
    };
    log.stop.store(false, Ordering::SeqCst);
    let model = trainer.train(&job, &log)?;
    println!("{}", serde_json::to_string(&model)?);
    Ok(())
}
