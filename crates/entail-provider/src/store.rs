//! Every completion ever drawn, by the key of its recipe, in one `SQLite` database.
//!
//! A completion is durable before it is used. [`CompletionStore::put`] returns when its rows outlive this process,
//! however it ends; callers that meet share one transaction. The log of changes is handed to the operating system at
//! once and to the disk by the way, so a power failure may take the last seconds of completions, never the others.
//! What is recorded of jobs is on the disk when [`CompletionStore::record`] returns: a job that was paid for must be
//! found again.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entail_schema::Key;
use rusqlite::{Connection, OpenFlags, params};

use crate::Completion;

mod exchange;
mod inspect;
mod jobs;
mod layout;
mod pages;
mod row;

pub use exchange::{ExchangeError, Imported};
pub use inspect::{DamagedRow, Group, Stats, Verified};
pub use pages::Salvaged;
pub use row::Origin;
use row::{COLUMNS, Row};

/// The layout of the tables that this code writes.
const VERSION: i64 = 2;

/// How long a process waits for another that writes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Pause before a store is opened again that others are opening too.
const OPENING: Duration = Duration::from_millis(20);

/// Completions by key, and what remote jobs recorded on their way.
#[derive(Debug)]
pub struct CompletionStore {
    /// `None` for a store in memory, which has one connection only. They stand first, so that they are closed first:
    /// the last to be closed brings the log into the file, which only a writer can.
    readers: Option<Readers>,
    writer: Mutex<Connection>,
    /// What waits to be written.
    waiting: Mutex<Vec<Batch>>,
}

/// Sets a connection up and lays out the tables of a new file.
fn prepare(connection: &mut Connection) -> Result<(), StoreError> {
    let found = layout::version(connection)?;
    if found > VERSION {
        return Err(StoreError::Newer { found });
    }
    if !connection.is_readonly("main")? {
        // Write-ahead logging lets others read and write meanwhile; the setting answers with a row.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
    }
    if found < VERSION {
        layout::lay_out(connection)?;
    }
    Ok(())
}

/// Connections that read while others write: no more than cores, since each maps the file anew and more would read no
/// faster.
#[derive(Debug)]
struct Readers {
    path: PathBuf,
    most: usize,
    state: Mutex<ReaderState>,
    free: Condvar,
}

#[derive(Debug, Default)]
struct ReaderState {
    idle: Vec<Connection>,
    /// Connections that are open, idle or not, and those about to be.
    open: usize,
}

/// A connection that nobody else reads with; given back when dropped.
struct Reader<'a> {
    readers: &'a Readers,
    /// `None` for one that could not be opened.
    connection: Option<Connection>,
}

/// Rows of one caller, and where it looks for what became of them.
#[derive(Debug)]
struct Batch {
    rows: Vec<Row>,
    outcome: Arc<Mutex<Option<Result<(), StoreError>>>>,
}

impl Batch {
    /// Tells the caller what became of it.
    fn end(&self, outcome: Result<(), StoreError>) {
        *lock(&self.outcome) = Some(outcome);
    }
}

/// Why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file comes from a later version of this program.
    #[error(
        "the store has layout {found}, this program knows layouts up to {VERSION}: use a newer entail"
    )]
    Newer {
        /// The layout found.
        found: i64,
    },
    /// A row says something that this program never writes.
    #[error(
        "completion {key} in the store is damaged: {field} is {found:?}, expected {expected}; \
         `entail store verify --quarantine` takes it out"
    )]
    Damaged {
        /// Its key, in hexadecimal digits where it is one.
        key: String,
        /// The column.
        field: &'static str,
        /// What stands there.
        found: String,
        /// What this program writes there.
        expected: &'static str,
    },
    /// Another process writes and does not end.
    #[error(
        "the store is locked: another process has been writing for {} seconds; wait for it, or end it",
        PATIENCE.as_secs()
    )]
    Busy,
    /// `SQLite` failed: disk full, not a database, no right to write.
    #[error("the store failed")]
    Sqlite(#[source] rusqlite::Error),
}

impl StoreError {
    /// Whether what the file holds is at fault, as against a full disk, a lock or a missing right.
    pub fn is_of_contents(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase, Unknown};
        match self {
            Self::Newer { .. } | Self::Damaged { .. } => true,
            Self::Busy => false,
            // A table or column that is not there is an unknown error to `SQLite`.
            Self::Sqlite(error) => {
                matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase | Unknown))
            }
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        match error.sqlite_error_code() {
            Some(DatabaseBusy | DatabaseLocked) => Self::Busy,
            _ => Self::Sqlite(error),
        }
    }
}

impl CompletionStore {
    /// Opens the store in this file and lays out its tables if it is new. Where the file may not be written, it is
    /// still read.
    ///
    /// # Errors
    /// As [`CompletionStore::new`].
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let opened = Connection::open(path).map_err(StoreError::from).and_then(Self::new);
        opened.or_else(|error| match open_unchanging(path) {
            Some(connection) => Self::new(connection),
            None => Err(error),
        })
    }

    /// Takes over an open database and lays out its tables if it is new.
    ///
    /// # Errors
    /// [`StoreError`] when the file is from a later version, is no database, or cannot be written.
    pub fn new(mut connection: Connection) -> Result<Self, StoreError> {
        // Of several that make a new file a log at once, `SQLite` sends all but one away without any wait, since those
        // that wait could wait for each other. So it is asked again.
        connection.busy_timeout(Duration::ZERO)?;
        let mut tries = 0;
        while let Err(error) = prepare(&mut connection) {
            tries += 1;
            if !matches!(error, StoreError::Busy) || OPENING * tries > PATIENCE {
                return Err(error);
            }
            std::thread::sleep(OPENING);
        }
        connection.busy_timeout(PATIENCE)?;
        let path = connection.path().filter(|path| !path.is_empty()).map(PathBuf::from);
        let readers = path.map(Readers::new);
        Ok(Self { writer: Mutex::new(connection), waiting: Mutex::default(), readers })
    }

    /// What is stored for each key, in order; `None` where nothing is.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a row is damaged.
    pub fn get(&self, keys: &[Key]) -> Result<Vec<Option<Completion>>, StoreError> {
        self.find(keys, Row::completion)
    }

    /// The same without the answers as they came, which may be a hundred times as long as what was said.
    ///
    /// # Errors
    /// As [`CompletionStore::get`].
    pub fn said(&self, keys: &[Key]) -> Result<Vec<Option<Completion>>, StoreError> {
        self.find(keys, Row::said)
    }

    fn find(
        &self,
        keys: &[Key],
        take: fn(Row) -> Result<(Completion, Origin), StoreError>,
    ) -> Result<Vec<Option<Completion>>, StoreError> {
        self.read(|connection| {
            let sql = format!("SELECT {COLUMNS} FROM completion WHERE key = ?1");
            let mut statement = connection.prepare_cached(&sql)?;
            // In the order of the index, where neighbors share a page.
            let mut order: Vec<usize> = (0..keys.len()).collect();
            order.sort_unstable_by_key(|&at| keys[at]);
            let mut found: Vec<Option<Completion>> = vec![None; keys.len()];
            for at in order {
                let mut rows = statement.query(params![keys[at].as_bytes()])?;
                let row = rows.next()?.map(Row::read).transpose()?;
                found[at] = row.map(take).transpose()?.map(|(completion, _)| completion);
            }
            Ok(found)
        })
    }

    /// How many of the keys are stored.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails.
    pub fn count_present(&self, keys: &[Key]) -> Result<usize, StoreError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT 1 FROM completion WHERE key = ?1")?;
            let mut present = 0;
            for key in keys {
                present += usize::from(statement.exists(params![key.as_bytes()])?);
            }
            Ok(present)
        })
    }

    /// Stores completions of a study: all of them or none. Whoever stores a key first stays. They outlive this
    /// process when this returns.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; nothing of this call is stored then.
    pub fn put<'c>(
        &self,
        rows: impl IntoIterator<Item = (Key, &'c Completion)>,
    ) -> Result<(), StoreError> {
        self.put_from(Origin::Study, rows)
    }

    /// The same, of any origin.
    ///
    /// # Errors
    /// As [`CompletionStore::put`].
    pub fn put_from<'c>(
        &self,
        origin: Origin,
        rows: impl IntoIterator<Item = (Key, &'c Completion)>,
    ) -> Result<(), StoreError> {
        let rows = rows.into_iter().map(|(key, c)| Row::of(key, c, origin)).collect();
        let outcome = Arc::new(Mutex::new(None));
        lock(&self.waiting).push(Batch { rows, outcome: outcome.clone() });
        // Whoever gets here first writes for all who wait: the more threads, the larger the transactions.
        let mut connection = lock(&self.writer);
        if let Some(done) = lock(&outcome).take() {
            return done;
        }
        // Others that are about to come are let in first. Where nobody is, this takes no time.
        std::thread::yield_now();
        let mut batches = std::mem::take(&mut *lock(&self.waiting));
        if write_together(&mut connection, &batches) == Lock::Held {
            // Who came meanwhile would wait for the same lock again, one after the other.
            batches = std::mem::take(&mut *lock(&self.waiting));
            for batch in &batches {
                batch.end(Err(StoreError::Busy));
            }
        }
        lock(&outcome).take().expect("this batch was among those that waited")
    }

    /// Reads with a connection that nobody else uses, in one transaction.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let Some(readers) = &self.readers else {
            return work(&lock(&self.writer));
        };
        let mut reader = readers.take()?;
        let connection = reader.connection.as_mut().expect("one that was taken is open");
        let transaction = connection.transaction()?;
        work(&transaction)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.readers.state);
        match self.connection.take() {
            Some(connection) => state.idle.push(connection),
            None => state.open -= 1,
        }
        drop(state);
        self.readers.free.notify_one();
    }
}

impl Readers {
    fn new(path: PathBuf) -> Self {
        let most = std::thread::available_parallelism().map_or(1, usize::from);
        Self { path, most, state: Mutex::default(), free: Condvar::new() }
    }

    /// Waits for a connection.
    fn take(&self) -> Result<Reader<'_>, StoreError> {
        let mut state = lock(&self.state);
        while state.idle.is_empty() && state.open >= self.most {
            state = self.free.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if let Some(connection) = state.idle.pop() {
            return Ok(Reader { readers: self, connection: Some(connection) });
        }
        state.open += 1;
        drop(state);
        let mut reader = Reader { readers: self, connection: None };
        reader.connection = Some(self.open()?);
        Ok(reader)
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let opened = Connection::open_with_flags(&self.path, flags);
        let checked = opened.and_then(|connection| {
            connection.query_row("PRAGMA user_version", [], |_| Ok(()))?;
            Ok(connection)
        });
        let connection = match checked {
            Ok(connection) => connection,
            Err(error) => open_unchanging(&self.path).ok_or(error)?,
        };
        connection.busy_timeout(PATIENCE)?;
        connection.pragma_update(None, "mmap_size", MAPPED)?;
        Ok(connection)
    }
}

/// Bytes of a store that readers map into memory, and no more: what is mapped counts as this program's. What is beyond
/// is read page by page.
const MAPPED: i64 = 1 << 26;

/// The database of a medium that cannot be written, on which `SQLite` finds no room for its locks. Only where no log of
/// changes is left: without it the file alone is the truth.
fn open_unchanging(path: &Path) -> Option<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if std::fs::metadata(log).is_ok_and(|log| log.len() > 0) {
        return None;
    }
    let mut uri = String::from("file:");
    for byte in std::path::absolute(path).ok()?.to_str()?.bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(byte));
            }
            _ => write!(uri, "%{byte:02x}").expect("a string takes all text"),
        }
    }
    uri += "?immutable=1";
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(uri, flags).ok()?;
    let writable = std::fs::OpenOptions::new().append(true).open(path).is_ok();
    (!writable && layout::version(&connection).is_ok()).then_some(connection)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether another process kept the store locked for longer than is waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lock {
    Free,
    Held,
}

/// Writes batches in one transaction; where that fails, one by one, so that none suffers for its neighbor.
fn write_together(connection: &mut Connection, batches: &[Batch]) -> Lock {
    let mut lock = Lock::Free;
    if batches.len() > 1 {
        match write(connection, batches) {
            Ok(()) => {
                for batch in batches {
                    batch.end(Ok(()));
                }
                return Lock::Free;
            }
            Err(StoreError::Busy) => lock = Lock::Held,
            Err(_) => {}
        }
    }
    for batch in batches {
        // All of them have waited already.
        let written = match lock {
            Lock::Held => Err(StoreError::Busy),
            Lock::Free => write(connection, std::slice::from_ref(batch)),
        };
        if matches!(written, Err(StoreError::Busy)) {
            lock = Lock::Held;
        }
        batch.end(written);
    }
    lock
}

fn write(connection: &mut Connection, batches: &[Batch]) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for row in batches.iter().flat_map(|batch| &batch.rows) {
        insert(&transaction, row)?;
    }
    Ok(transaction.commit()?)
}

/// Whether the row is new.
fn insert(connection: &Connection, row: &Row) -> Result<bool, StoreError> {
    let mut insert = connection.prepare_cached(&format!(
        "INSERT OR IGNORE INTO completion ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
    ))?;
    let changed = insert.execute(params![
        row.key.as_bytes(),
        row.text,
        row.finish,
        row.drawn,
        row.logprob,
        row.more,
        row.raw,
        row.origin,
        row.checksum,
    ])?;
    Ok(changed == 1)
}

#[cfg(test)]
mod tests;
