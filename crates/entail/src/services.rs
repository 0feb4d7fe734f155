//! Services as this machine reaches them: keys, connections, traffic; and folders of models and jobs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use entail_provider::{
    Account, Adapters, BatchForm, BatchRemote, Budget, CallError, CompletionStore, Connections,
    JobLog, Limits, LogError, MachineClock, Prices, Provider, ProviderError, Remote, RemoteModel,
    Service, Told, Traffic, Trainer, TrainerError, Transport,
};
use entail_schema::{Key, Seed};
use entail_study::Services;

use crate::TrafficArgs;
use crate::around::Around;
use crate::folder::write_whole;
use crate::memory;
use crate::program::Program;
use crate::run::{Failure, Place};
use crate::speech::talk;

/// Most bytes of an answer. Ten answers of 4,000 tokens with 20 alternatives each are about 50 MB.
pub(crate) const LONGEST_BODY: usize = 64 << 20;

/// The prices in a file, before those that are built in.
pub(crate) fn prices(file: Option<&Path>) -> Result<Prices, Failure> {
    let Some(path) = file else { return Ok(Prices::shipped()) };
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::Input { path: path.to_owned(), error })?;
    let table = Prices::parse(&text).map_err(|error| Failure::Content {
        path: path.to_owned(),
        line: Some(error.line as u64),
        what: error.what,
    })?;
    Ok(table.or(Prices::shipped()))
}

/// The services of one command.
pub(crate) struct Reach<'a> {
    around: &'a Around,
    transport: Arc<dyn Transport>,
    traffic: Arc<Traffic>,
    most_calls: usize,
    /// Time between two looks at a batch, where batches are wanted.
    batch: Option<Duration>,
    store: Arc<CompletionStore>,
    cancelled: Arc<AtomicBool>,
    /// Folders of artifacts and of jobs.
    artifacts: PathBuf,
    jobs: PathBuf,
}

impl<'a> Reach<'a> {
    /// Connections and traffic as the command line asks for them. Nothing is opened yet.
    pub(crate) fn new(
        around: &'a Around,
        args: &TrafficArgs,
        place: &Place,
        cancelled: &Arc<AtomicBool>,
    ) -> Result<Self, Failure> {
        let prices = prices(args.prices.as_deref())?;
        let traffic = Traffic::new(Arc::new(MachineClock::start()), Seed(0))
            .with_prices(prices)
            .with_budget(Budget::new(args.budget.unwrap_or_default()))
            .with_cancelled(cancelled.clone());
        let most_calls = args.calls.get();
        let connections = Connections::new(most_calls, LONGEST_BODY)
            .with_longest_wait(Duration::from_secs(args.timeout.get()));
        Ok(Self {
            around,
            transport: Arc::new(connections),
            traffic: Arc::new(traffic),
            most_calls,
            batch: args.batch.then(|| Duration::from_secs(args.batch_interval.get())),
            store: place.completions.clone(),
            cancelled: cancelled.clone(),
            artifacts: place.artifacts(),
            jobs: place.jobs(),
        })
    }

    /// What was asked of services, in one line; nothing if nothing was.
    pub(crate) fn told(&self) -> Option<String> {
        let Told {
            calls,
            answered,
            refused,
            failed,
            spoiled,
            prompt_tokens,
            drawn_tokens,
            money,
            ..
        } = self.traffic.told();
        let lost = match spoiled {
            0 => String::new(),
            n => format!("; {n} answers were lost and count as the most that they can have taken"),
        };
        (calls > 0).then(|| {
            format!(
                "services: {calls} calls, {answered} answered, {refused} refused as too many, {failed} failed and were made again; \
                 {prompt_tokens} tokens asked, {drawn_tokens} drawn, {money}{lost}"
            )
        })
    }
}

/// What is written down about batches, in the store's list of jobs.
struct StoreLog {
    store: Arc<CompletionStore>,
    key: Key,
    cancelled: Arc<AtomicBool>,
}

impl JobLog for StoreLog {
    fn recorded(&self) -> Result<Option<String>, LogError> {
        Ok(self.store.recorded(&self.key)?)
    }

    fn record(&self, state: &str) -> Result<(), LogError> {
        Ok(self.store.record(&self.key, state)?)
    }

    fn tell(&self, done: u64, total: u64, what: &str) {
        talk(format_args!("{what}: {done}/{total}"));
    }

    fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

fn refused(model: &RemoteModel, what: &dyn std::fmt::Display) -> ProviderError {
    ProviderError::Remote { provider: model.to_string(), what: what.to_string() }
}

impl Services for Reach<'_> {
    fn model(&self, model: &RemoteModel, purpose: Key) -> Result<Arc<dyn Provider>, ProviderError> {
        memory::give_back_long_answers();
        let wire =
            entail_provider::wire(model, &self.around.keys).map_err(|e| refused(model, &e))?;
        let limits = Limits { most: self.most_calls, ..Limits::default() };
        // One key is one account; servers that take none are told apart by their addresses.
        let key_name = model.url().unwrap_or_default().to_owned();
        let account = Account { service: model.service().to_string(), key_name, limits };
        let (transport, traffic) = (self.transport.clone(), self.traffic.clone());
        let remote = Remote::new(wire, &account, transport, traffic)?;
        let form = match model.service() {
            Service::Anthropic => BatchForm::Anthropic,
            _ => BatchForm::OpenAi,
        };
        if let Some(interval) = self.batch.filter(|_| remote.capabilities().batch) {
            let log = Arc::new(StoreLog {
                store: self.store.clone(),
                key: Key::of(&("batches", purpose)),
                cancelled: self.cancelled.clone(),
            });
            return Ok(Arc::new(BatchRemote::new(remote, form, &account, log, interval)));
        }
        Ok(Arc::new(remote))
    }

    fn adapted(
        &self,
        base: &RemoteModel,
        adapter: Key,
        purpose: Key,
    ) -> Result<Arc<dyn Provider>, ProviderError> {
        let adapters =
            Adapters::of(base, &self.around.keys).map_err(|error| refused(base, &error))?;
        let folder = fs::canonicalize(self.artifacts.join(adapter.to_string()))
            .map_err(|error| refused(base, &error))?;
        let name = format!("entail-{}", adapter.short());
        let request = adapters.load(&name, &folder.display().to_string());
        let response = self.transport.send(&request).map_err(CallError::from);
        response
            .and_then(|response| adapters.loaded(&response))
            .map_err(|error| refused(base, &error))?;
        self.model(&base.clone().named(&name), purpose)
    }

    fn program(&self, command: &str) -> Result<Arc<dyn Provider>, ProviderError> {
        let folder = self.around.path("");
        Ok(Arc::new(Program::new(command, folder, self.cancelled.clone())))
    }

    fn trainer(&self, base: &RemoteModel) -> Result<Arc<dyn Trainer>, TrainerError> {
        let clock = Arc::new(MachineClock::start());
        entail_provider::trainer(base, &self.around.keys, self.transport.clone(), clock)
    }

    fn file(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        optional(fs::read(self.around.path(path)))
    }

    fn write_job(&self, key: Key, files: &[(String, Vec<u8>)]) -> io::Result<String> {
        let folder = self.jobs.join(key.short());
        fs::create_dir_all(&folder)?;
        for (name, bytes) in files {
            let path = folder.join(name);
            // A file that somebody changed on purpose stays.
            if !path.exists() {
                write_whole(&path, bytes)?;
            }
        }
        Ok(folder.display().to_string())
    }

    fn job_adapter(&self, key: Key, file: &str) -> io::Result<Option<Vec<u8>>> {
        optional(fs::read(self.jobs.join(key.short()).join("adapter").join(file)))
    }
}

fn optional(read: io::Result<Vec<u8>>) -> io::Result<Option<Vec<u8>>> {
    match read {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
