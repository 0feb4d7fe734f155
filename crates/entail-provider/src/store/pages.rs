//! Rows out of a database file that `SQLite` can no longer read.
//!
//! A malformed file is not asked what it holds: every byte of it is taken as the possible beginning of a row, and a
//! row counts if its checksum holds. So no page, index or header needs to be right but for the bytes of the row itself.
//! The format is that of <https://www.sqlite.org/fileformat2.html>, sections 1.6 (cells) and 2.1 (records).

use std::io::{self, Read, Seek, SeekFrom};

use entail_schema::Key;
use rusqlite::types::Value;

use super::exchange::ExchangeError;
use super::jobs::Job;
use super::row::{Packed, Row};
use super::{CompletionStore, StoreError, insert, lock};

/// Bytes of a page: what `SQLite` takes unless it is told otherwise, and it is not.
const PAGE: usize = 4096;
/// Most bytes of a row that stay on its page.
const LOCAL_MOST: usize = PAGE - 35;
/// Bytes that stay at least, where the rest goes to other pages.
const LOCAL_LEAST: usize = (PAGE - 12) * 32 / 255 - 23;
/// Serial type of 32 bytes.
const KEY_TYPE: u64 = 12 + 2 * 32;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Salvaged {
    /// Completions.
    pub completions: u64,
    /// States of jobs.
    pub jobs: u64,
}

impl CompletionStore {
    /// Copies every whole row of a database file of this layout into this store, whatever state the file is in.
    ///
    /// # Errors
    /// [`ExchangeError`] when the file cannot be read or this store cannot be written.
    pub fn salvage(&self, file: &mut (impl Read + Seek)) -> Result<Salvaged, ExchangeError> {
        let mut connection = lock(&self.writer);
        let transaction = connection.transaction()?;
        let mut salvaged = Salvaged::default();
        let n_pages = file.seek(SeekFrom::End(0))?.div_ceil(PAGE as u64);
        let mut page = [0; PAGE];
        for number in 0..n_pages {
            read_page(file, number, &mut page)?;
            for start in 0..PAGE {
                match Cell::parse(&page[start..]).map(|cell| cell.found(file)) {
                    Some(Found::Completion(row)) => {
                        salvaged.completions += u64::from(insert(&transaction, &row)?);
                    }
                    Some(Found::Job(job)) => {
                        job.insert(&transaction)?;
                        salvaged.jobs += transaction.changes();
                    }
                    Some(Found::Nothing) | None => {}
                }
            }
        }
        transaction.commit()?;
        Ok(salvaged)
    }
}

/// Reads a page, counted from zero; what is beyond the end of the file is zero.
fn read_page(file: &mut (impl Read + Seek), number: u64, page: &mut [u8; PAGE]) -> io::Result<()> {
    file.seek(SeekFrom::Start(number * PAGE as u64))?;
    page.fill(0);
    let mut filled = 0;
    loop {
        match file.read(&mut page[filled..])? {
            0 => return Ok(()),
            n => filled += n,
        }
    }
}

/// Bytes that begin as a row does.
struct Cell<'p> {
    id: i64,
    /// Bytes of the whole row.
    length: usize,
    /// Those that are on the page.
    local: &'p [u8],
    /// The page with the others, counted from one.
    overflow: Option<u32>,
}

enum Found {
    Completion(Row),
    Job(Job),
    Nothing,
}

impl<'p> Cell<'p> {
    /// A row may begin here: it has a length, a number, and a header whose second column is a key.
    fn parse(bytes: &'p [u8]) -> Option<Self> {
        let (length, rest) = varint(bytes)?;
        let (id, rest) = varint(rest)?;
        let (_, types) = varint(rest)?;
        let (_, types) = varint(types).filter(|(first, _)| *first == 0)?;
        varint(types).filter(|(second, _)| *second == KEY_TYPE)?;
        let length = usize::try_from(length).ok()?;
        let n_local = if length <= LOCAL_MOST {
            length
        } else {
            let fitted = LOCAL_LEAST + (length - LOCAL_LEAST) % (PAGE - 4);
            if fitted <= LOCAL_MOST { fitted } else { LOCAL_LEAST }
        };
        let (local, rest) = rest.split_at_checked(n_local)?;
        let overflow = if n_local == length { None } else { Some(number_of(rest)?) };
        Some(Self { id: id.cast_signed(), length, local, overflow })
    }

    fn found(self, file: &mut (impl Read + Seek)) -> Found {
        let whole = self.whole(file).ok().flatten();
        let Some(columns) = whole.and_then(|bytes| record(&bytes)) else { return Found::Nothing };
        match columns.len() {
            10 => completion(columns).map_or(Found::Nothing, Found::Completion),
            4 => job(self.id, columns).map_or(Found::Nothing, Found::Job),
            _ => Found::Nothing,
        }
    }

    /// The row with what is on other pages.
    fn whole(&self, file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
        let mut whole = self.local.to_vec();
        let mut next = self.overflow;
        let mut page = [0; PAGE];
        while whole.len() < self.length {
            let Some(number) = next.and_then(|number| number.checked_sub(1)) else {
                return Ok(None);
            };
            read_page(file, u64::from(number), &mut page)?;
            next = number_of(&page);
            let n = (self.length - whole.len()).min(PAGE - 4);
            whole.extend_from_slice(&page[4..4 + n]);
        }
        Ok(Some(whole))
    }
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (index, byte) in bytes.iter().take(9).enumerate() {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), &bytes[9..]));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

/// The number of a page, in the first four bytes.
fn number_of(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// The columns of a record.
fn record(bytes: &[u8]) -> Option<Vec<Value>> {
    let (header, after) = varint(bytes)?;
    let header = usize::try_from(header).ok()?;
    let mut types = bytes.get(bytes.len() - after.len()..header)?;
    let mut body = &bytes[header..];
    let mut columns = Vec::new();
    while !types.is_empty() {
        let (kind, rest) = varint(types)?;
        types = rest;
        let length = match kind {
            0 | 8 | 9 => 0,
            1..=4 => usize::try_from(kind).ok()?,
            5 => 6,
            6 | 7 => 8,
            10 | 11 => return None,
            _ => usize::try_from((kind - 12) / 2).ok()?,
        };
        let (content, rest) = body.split_at_checked(length)?;
        body = rest;
        columns.push(value(kind, content)?);
    }
    Some(columns)
}

fn value(kind: u64, content: &[u8]) -> Option<Value> {
    Some(match kind {
        0 => Value::Null,
        1..=6 => {
            let negative = content[0] & 0x80 != 0;
            let mut wide = [if negative { 0xff } else { 0 }; 8];
            wide[8 - content.len()..].copy_from_slice(content);
            Value::Integer(i64::from_be_bytes(wide))
        }
        7 => Value::Real(f64::from_be_bytes(content.try_into().ok()?)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if kind.is_multiple_of(2) => Value::Blob(content.to_vec()),
        _ => Value::Text(String::from_utf8(content.to_vec()).ok()?),
    })
}

/// The completion of ten columns, if the checksum holds.
fn completion(columns: Vec<Value>) -> Option<Row> {
    let [
        _,
        Value::Blob(key),
        Value::Text(text),
        Value::Text(finish),
        drawn,
        logprob,
        more,
        raw,
        origin,
        checksum,
    ] = <[Value; 10]>::try_from(columns).ok()?
    else {
        return None;
    };
    let (Value::Text(origin), Value::Integer(checksum)) = (origin, checksum) else { return None };
    let drawn = match drawn {
        Value::Null => None,
        Value::Integer(n) => Some(n),
        _ => return None,
    };
    // A whole number in a column of reals is kept as an integer, which saves room.
    let logprob = match logprob {
        Value::Null => None,
        Value::Real(x) => Some(x),
        Value::Integer(n) => Some(n as f64),
        _ => return None,
    };
    let key = Key::from_bytes(key.try_into().ok()?);
    let (more, raw) = (packed(more)?, packed(raw)?);
    let row = Row { key, text, finish, drawn, logprob, more, raw, origin, checksum };
    row.clone().completion().is_ok().then_some(row)
}

fn packed(value: Value) -> Option<Packed> {
    match value {
        Value::Null => Some(Packed::Absent),
        Value::Text(json) => Some(Packed::Plain(json)),
        Value::Blob(deflated) => Some(Packed::Deflated(deflated)),
        _ => None,
    }
}

/// The job of four columns, if the checksum holds.
fn job(id: i64, columns: Vec<Value>) -> Option<Job> {
    let [_, Value::Blob(key), Value::Text(state), Value::Integer(checksum)] =
        <[Value; 4]>::try_from(columns).ok()?
    else {
        return None;
    };
    let checked: Result<Job, StoreError> =
        Job { id, key: Key::from_bytes(key.try_into().ok()?), state, checksum }.checked();
    checked.ok()
}
