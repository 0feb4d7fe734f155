//! The tables, and how a store of an earlier layout becomes one of this.

use entail_schema::Key;
use rusqlite::{Connection, TransactionBehavior, params};

use super::row::{Origin, Packed, Row};
use super::{StoreError, VERSION, insert};

/// Rows are numbered and the key is an index beside them: answers are long, and a tree of keys with the answers in
/// it would be as deep as it is wide. `more` and `raw` have no type, since they are text or bytes. Jobs are written line by line, and
/// the last one of a key counts.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS completion (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL, finish TEXT NOT NULL, drawn INTEGER,
    logprob REAL, more, raw, origin TEXT NOT NULL, checksum INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS job (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL, state TEXT NOT NULL, checksum INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS job_key ON job (key);
";

/// Brings a store to the present layout, in one transaction: whatever ends this process, the file has the one layout
/// or the other.
pub(super) fn lay_out(connection: &mut Connection) -> Result<(), StoreError> {
    // Whoever else opens the store at this moment waits here, and then finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match version(&transaction)? {
        VERSION => return Ok(()),
        1 => {
            transaction.execute_batch("ALTER TABLE completion RENAME TO earlier")?;
            transaction.execute_batch(TABLES)?;
            take_over(&transaction)?;
            transaction.execute_batch("DROP TABLE earlier")?;
        }
        _ => transaction.execute_batch(TABLES)?,
    }
    transaction.execute_batch(&format!("PRAGMA user_version = {VERSION}"))?;
    Ok(transaction.commit()?)
}

/// The layout that a file says it has; 0 for a new one.
pub(super) fn version(connection: &Connection) -> Result<i64, StoreError> {
    Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
}

/// Copies the rows of layout 1, which had no checksums, and gives them some.
fn take_over(connection: &Connection) -> Result<(), StoreError> {
    let mut earlier =
        connection.prepare("SELECT key, text, finish, tokens, logprob FROM earlier")?;
    let mut rows = earlier.query(params![])?;
    while let Some(row) = rows.next()? {
        let key: [u8; 32] = row.get(0)?;
        let row = Row {
            key: Key::from_bytes(key),
            text: row.get(1)?,
            finish: row.get(2)?,
            drawn: row.get(3)?,
            logprob: row.get(4)?,
            more: Packed::Absent,
            raw: Packed::Absent,
            origin: Origin::Study.as_str().into(),
            checksum: 0,
        };
        insert(connection, &row.sealed())?;
    }
    Ok(())
}
