//! What remote training and batches write down on their way, so that nothing is begun twice.

use entail_schema::Key;
use rusqlite::{Connection, OptionalExtension, params};

use super::row::checksum;
use super::{CompletionStore, StoreError, lock};

impl CompletionStore {
    /// Keeps a job's state. It is on the disk when this returns. Earlier states stay; the last one counts.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails; the job's state is the earlier one then.
    pub fn record(&self, key: &Key, state: &str) -> Result<(), StoreError> {
        let mut connection = lock(&self.writer);
        connection.execute_batch("PRAGMA synchronous = FULL")?;
        let written = write(&mut connection, key, state);
        connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        written
    }

    /// A job's last state; `None` where nothing was recorded.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or the record is damaged.
    pub fn recorded(&self, key: &Key) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let last =
                "SELECT id, key, state, checksum FROM job WHERE key = ?1 ORDER BY id DESC LIMIT 1";
            let mut statement = connection.prepare_cached(last)?;
            let job = statement.query_row(params![key.as_bytes()], Job::read).optional()?;
            job.map(|job| job.checked().map(|job| job.state)).transpose()
        })
    }

    /// The last state of every job, in the order in which they were begun.
    ///
    /// # Errors
    /// [`StoreError`] when the database fails or a record is damaged.
    pub fn jobs(&self) -> Result<Vec<(Key, String)>, StoreError> {
        self.read(|connection| {
            let last = "SELECT id, key, state, checksum FROM job
                 JOIN (SELECT max(id) AS last, min(id) AS first FROM job GROUP BY key) ON id = last ORDER BY first";
            let mut statement = connection.prepare_cached(last)?;
            let rows = statement.query_map([], Job::read)?;
            rows.map(|job| job?.checked().map(|job| (job.key, job.state))).collect()
        })
    }
}

fn write(connection: &mut Connection, key: &Key, state: &str) -> Result<(), StoreError> {
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let id = transaction.query_row("SELECT ifnull(max(id), 0) + 1 FROM job", [], |r| r.get(0))?;
    Job { id, key: *key, state: state.into(), checksum: 0 }.sealed().insert(&transaction)?;
    Ok(transaction.commit()?)
}

/// A recorded state as it stands in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) id: i64,
    pub(super) key: Key,
    pub(super) state: String,
    pub(super) checksum: i64,
}

impl Job {
    pub(super) fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let key = Key::from_bytes(row.get(1)?);
        Ok(Self { id: row.get(0)?, key, state: row.get(2)?, checksum: row.get(3)? })
    }

    fn sealed(self) -> Self {
        Self { checksum: self.expected_checksum(), ..self }
    }

    /// # Errors
    /// [`StoreError::Damaged`] where the checksum is not that of the rest.
    pub(super) fn checked(self) -> Result<Self, StoreError> {
        if self.checksum == self.expected_checksum() {
            return Ok(self);
        }
        let found = format!("{:016x}", self.checksum);
        let (key, expected) = (format!("{} (a job)", self.key), "that of the other columns");
        Err(StoreError::Damaged { key, field: "checksum", found, expected })
    }

    pub(super) fn insert(&self, connection: &Connection) -> rusqlite::Result<()> {
        let sql = "INSERT OR IGNORE INTO job (id, key, state, checksum) VALUES (?1, ?2, ?3, ?4)";
        let values = params![self.id, self.key.as_bytes(), self.state, self.checksum];
        connection.prepare_cached(sql)?.execute(values).map(|_| ())
    }

    /// The number is a part of it: it tells which state is the last.
    fn expected_checksum(&self) -> i64 {
        let number = self.id.to_le_bytes();
        checksum(&[&number, self.key.as_bytes().as_slice(), self.state.as_bytes()].concat())
    }
}
