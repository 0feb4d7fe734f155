//! `entail store verify`: is everything as it was written? What is not can be moved out of the way, never away.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use entail_provider::{CompletionStore, DamagedRow, ExchangeError, StoreError, Verified};
use entail_schema::Key;
use rayon::prelude::*;
use serde_json::json;

use super::VerifyArgs;
use crate::folder::{self, Condition, FolderShelf, write_durable};
use crate::run::{DATABASE, Failure};
use crate::speech::print;

/// What was found, in the database and among the artifacts.
struct Findings {
    database: Verified,
    conditions: BTreeMap<Key, Condition>,
}

/// What was moved out of the way.
#[derive(Debug, Default, serde::Serialize)]
struct Moved {
    /// Damaged rows, as JSON Lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<PathBuf>,
    /// The database that was damaged as a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<PathBuf>,
    /// Keys of completions that the damaged database names and nobody can read.
    lost: Vec<Key>,
    /// Damaged artifacts.
    artifacts: Vec<PathBuf>,
}

pub(crate) fn verify(args: &VerifyArgs) -> Result<(), Failure> {
    let folder = &args.store.folder;
    args.store.exists()?;
    let failed = |error| args.store.failure(error);
    let _lock = if args.quarantine {
        let alone = folder::hold_alone(folder).map_err(failed)?;
        Some(alone.ok_or_else(|| Failure::InUse { path: folder.clone() })?)
    } else {
        folder::share(folder).map_err(failed)?
    };
    let path = folder.join(DATABASE);
    let store_failed = |error| Failure::Store { path: path.clone(), error };
    let (store, database) = look(&path).map_err(store_failed)?;
    let shelf = FolderShelf::open(folder).map_err(failed)?;
    let keys = shelf.keys().map_err(failed)?;
    let conditions = keys.into_par_iter().map(|key| Ok((key, shelf.condition(&key)?)));
    let findings =
        Findings { database, conditions: conditions.collect::<io::Result<_>>().map_err(failed)? };
    let moved = if args.quarantine && findings.n_damaged() > 0 {
        Some(quarantine(folder, store, &shelf, &findings).map_err(|error| match error {
            ExchangeError::Store(error) => store_failed(error),
            ExchangeError::File(error) => failed(error),
            ExchangeError::Line { .. } => unreachable!("no lines are read"),
        })?)
    } else {
        None
    };
    print(&findings.tell(args, moved.as_ref()))?;
    match findings.n_damaged() {
        0 => Ok(()),
        n => Err(Failure::Damage(format!(
            "{}: {n} damaged{}",
            folder.display(),
            if moved.is_some() {
                ", moved out of the way"
            } else {
                "; --quarantine moves it out of the way, and a run makes it again"
            }
        ))),
    }
}

/// Opens and reads the database. A file that cannot be opened for what it holds is a finding.
fn look(path: &Path) -> Result<(Option<CompletionStore>, Verified), StoreError> {
    match CompletionStore::open(path) {
        Ok(store) => store.verify().map(|found| (Some(store), found)),
        Err(error) if error.is_of_contents() && !matches!(error, StoreError::Newer { .. }) => {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let structure = vec![cause.unwrap_or_else(|| error.to_string())];
            Ok((None, Verified { structure, ..Verified::default() }))
        }
        Err(error) => Err(error),
    }
}

impl Findings {
    fn n_damaged(&self) -> usize {
        let artifacts = self.conditions.values().filter(|c| matches!(c, Condition::Damaged(_)));
        self.database.damaged.len() + self.database.structure.len() + artifacts.count()
    }

    fn n_artifacts(&self, condition: &Condition) -> usize {
        self.conditions.values().filter(|found| *found == condition).count()
    }

    fn damaged_artifacts(&self) -> impl Iterator<Item = (&Key, &BTreeMap<String, String>)> {
        self.conditions.iter().filter_map(|(key, condition)| match condition {
            Condition::Damaged(wrong) => Some((key, wrong)),
            Condition::Sound | Condition::Unchecked => None,
        })
    }

    fn tell(&self, args: &VerifyArgs, moved: Option<&Moved>) -> String {
        let Verified { completions, jobs, damaged, structure, .. } = &self.database;
        let (sound, unchecked) =
            (self.n_artifacts(&Condition::Sound), self.n_artifacts(&Condition::Unchecked));
        if args.store.json {
            let artifacts: Vec<_> = self
                .damaged_artifacts()
                .map(|(key, wrong)| json!({ "artifact": key, "files": wrong }))
                .collect();
            let rows = |table: &str| -> Vec<&DamagedRow> {
                damaged.iter().filter(|row| row.table == table).collect()
            };
            let json = json!({
                "completions": { "sound": completions, "damaged": rows("completion") },
                "jobs": { "sound": jobs, "damaged": rows("job") },
                "structure": structure,
                "artifacts": { "sound": sound, "unchecked": unchecked, "damaged": artifacts },
                "quarantine": moved,
            });
            return format!("{json:#}\n");
        }
        let mut text = format!(
            "completions: {completions} sound\njobs: {jobs} sound\n\
             artifacts: {sound} sound, {unchecked} unchecked (made before artifacts had checksums)\n"
        );
        let mut line = |line: std::fmt::Arguments<'_>| {
            writeln!(text, "{line}").expect("a string takes all text");
        };
        for problem in structure {
            line(format_args!("damaged: {DATABASE}: {problem}"));
        }
        for row in damaged {
            line(format_args!("damaged: {}", row.problem));
        }
        for (key, wrong) in self.damaged_artifacts() {
            for (file, problem) in wrong {
                line(format_args!("damaged: artifact {key}: {file} {problem}"));
            }
        }
        if let Some(moved) = moved {
            for key in &moved.lost {
                line(format_args!("lost: completion {key}"));
            }
            for path in moved.rows.iter().chain(&moved.database).chain(&moved.artifacts) {
                line(format_args!("kept: {}", path.display()));
            }
        }
        text
    }
}

/// Moves what is damaged out of the way. Nothing is deleted before it lies elsewhere.
fn quarantine(
    folder: &Path,
    store: Option<CompletionStore>,
    shelf: &FolderShelf,
    findings: &Findings,
) -> Result<Moved, ExchangeError> {
    let place = folder.join("quarantine");
    fs::create_dir_all(&place)?;
    let mut moved = Moved::default();
    let damaged = &findings.database.damaged;
    if !damaged.is_empty() {
        let path = free(&place.join("rows"), ".jsonl")?;
        let lines =
            damaged.iter().map(|row| serde_json::to_string(row).expect("plain data") + "\n");
        write_durable(&path, lines.collect::<String>().as_bytes())?;
        moved.rows = Some(path);
    }
    if findings.database.structure.is_empty() {
        if let Some(store) = store {
            store.remove_damaged(damaged)?;
        }
    } else {
        drop(store);
        let (database, lost) = rebuild(&folder.join(DATABASE), &findings.database.keys)?;
        (moved.database, moved.lost) = (Some(database), lost);
    }
    for (key, _) in findings.damaged_artifacts() {
        let path = free(&place.join(key.to_string()), "")?;
        shelf.move_to(key, &path)?;
        moved.artifacts.push(path);
    }
    Ok(moved)
}

/// Puts all rows of a damaged database that are whole into a new one, and keeps the old file. Returns where, and the
/// keys that it names and whose rows are lost.
fn rebuild(path: &Path, known: &BTreeSet<Key>) -> Result<(PathBuf, Vec<Key>), ExchangeError> {
    let fresh = with_suffix(path, ".new");
    for suffix in ["", "-wal", "-shm"] {
        remove_if_there(&with_suffix(&fresh, suffix))?;
    }
    let store = CompletionStore::open(&fresh)?;
    store.salvage(&mut File::open(path)?)?;
    let keys: Vec<Key> = known.iter().copied().collect();
    let lost: Vec<Key> = keys
        .iter()
        .zip(store.get(&keys)?)
        .filter_map(|(key, found)| found.is_none().then_some(*key))
        .collect();
    drop(store);
    File::open(&fresh)?.sync_all()?;
    let kept = free(&with_suffix(path, ".damaged"), "")?;
    // A log that is left belongs to the old file and must not meet the new one.
    for suffix in ["-wal", "-shm"] {
        let log = with_suffix(path, suffix);
        if log.try_exists()? {
            fs::rename(&log, with_suffix(&kept, suffix))?;
        }
    }
    // The new file takes the old one's name at once: at no moment is there no store.
    fs::hard_link(path, &kept).or_else(|_| fs::copy(path, &kept).map(|_| ()))?;
    fs::rename(&fresh, path)?;
    Ok((kept, lost))
}

/// `stem-1suffix`, or the first number that is free.
fn free(stem: &Path, suffix: &str) -> io::Result<PathBuf> {
    let mut n = 1;
    loop {
        let path = with_suffix(stem, &format!("-{n}{suffix}"));
        if !path.try_exists()? {
            return Ok(path);
        }
        n += 1;
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
