//! Artifacts as folders: `artifacts/<key>/…`, each made under a temporary name and renamed when it is whole. Beside
//! its files lie their checksums. `locks/<key>` is held by whoever makes what must not be made twice.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use entail_schema::Key;
use entail_study::{Lock, Shelf};

/// Checksums of an artifact's other files, by name.
const CHECKSUMS: &str = "checksums.json";
/// Nobody writes one artifact for as long as this.
const ABANDONED: Duration = Duration::from_hours(24);

/// A shelf in the file system.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    artifacts: PathBuf,
    locks: PathBuf,
}

/// Whether an artifact is as it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Condition {
    Sound,
    /// It was made before artifacts had checksums.
    Unchecked,
    /// What is wrong, by file.
    Damaged(BTreeMap<String, String>),
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl FolderShelf {
    /// The shelf of a store, whose folders are made if they are not there.
    pub(crate) fn open(store: &Path) -> io::Result<Self> {
        let (artifacts, locks) = (store.join("artifacts"), store.join("locks"));
        fs::create_dir_all(&artifacts).map_err(|error| named(&artifacts, &error))?;
        Ok(Self { artifacts, locks })
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.artifacts.join(key.to_string())
    }

    /// Every artifact, in order.
    pub(crate) fn keys(&self) -> io::Result<Vec<Key>> {
        let names = names(&self.artifacts)?;
        let mut keys: Vec<Key> = names.iter().filter_map(|name| Key::parse(name)).collect();
        keys.sort_unstable();
        Ok(keys)
    }

    /// Compares an artifact with its checksums.
    pub(crate) fn condition(&self, key: &Key) -> io::Result<Condition> {
        let Some(bytes) = self.get(key, CHECKSUMS)? else { return Ok(Condition::Unchecked) };
        let Ok(expected) = serde_json::from_slice::<BTreeMap<String, Key>>(&bytes) else {
            let what = "is not what was written".to_owned();
            return Ok(Condition::Damaged(BTreeMap::from([(CHECKSUMS.into(), what)])));
        };
        let mut wrong = BTreeMap::new();
        for (name, checksum) in expected {
            match self.get(key, &name)? {
                None => wrong.insert(name, "is missing".into()),
                Some(bytes) if Key::of_bytes(&bytes) != checksum => {
                    wrong.insert(name, "has another checksum than when it was written".into())
                }
                Some(_) => None,
            };
        }
        Ok(if wrong.is_empty() { Condition::Sound } else { Condition::Damaged(wrong) })
    }

    /// The step that made an artifact, and the dataset that it names, where it has a recipe.
    pub(crate) fn recipe(&self, key: &Key) -> io::Result<Option<serde_json::Value>> {
        let bytes = self.get(key, "recipe.json")?;
        Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Bytes of an artifact's files.
    pub(crate) fn size(&self, key: &Key) -> io::Result<u64> {
        let folder = self.folder(key);
        let sizes =
            names(&folder)?.into_iter().map(|name| Ok(fs::metadata(folder.join(name))?.len()));
        sizes.sum()
    }

    /// Moves an artifact to another place, whole.
    pub(crate) fn move_to(&self, key: &Key, place: &Path) -> io::Result<()> {
        fs::rename(self.folder(key), place).map_err(|error| named(place, &error))
    }

    /// Removes an artifact. It is gone at once, however long its files take.
    pub(crate) fn remove(&self, key: &Key) -> io::Result<()> {
        let temporary = self.temporary(key);
        self.move_to(key, &temporary)?;
        fs::remove_dir_all(&temporary).map_err(|error| named(&temporary, &error))
    }

    /// What writers that died left behind long ago.
    pub(crate) fn abandoned(&self, now: SystemTime) -> io::Result<Vec<PathBuf>> {
        let mut abandoned = Vec::new();
        for name in names(&self.artifacts)? {
            let path = self.artifacts.join(&name);
            let age = now.duration_since(fs::metadata(&path)?.modified()?).unwrap_or_default();
            if age > ABANDONED && path.extension().is_some_and(|extension| extension == "tmp") {
                abandoned.push(path);
            }
        }
        Ok(abandoned)
    }

    fn temporary(&self, key: &Key) -> PathBuf {
        let serial = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        self.artifacts.join(format!("{}.{}.{serial}.tmp", key.short(), std::process::id()))
    }
}

impl Shelf for FolderShelf {
    fn get(&self, key: &Key, file: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.folder(key).join(file);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&path, &error)),
        }
    }

    fn put(&self, key: &Key, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
        let temporary = self.temporary(key);
        let written = write_folder(&temporary, files).and_then(|()| {
            match fs::rename(&temporary, self.folder(key)) {
                // Another process was faster. Same key, same bytes: its artifact is this one.
                Err(_) if self.folder(key).is_dir() => fs::remove_dir_all(&temporary),
                renamed => renamed,
            }
        });
        if written.is_err() {
            // Best effort: what remains of a failed write is only in the way of disk space.
            let _ = fs::remove_dir_all(&temporary);
        }
        written
    }

    fn has(&self, key: &Key) -> io::Result<bool> {
        self.folder(key).try_exists()
    }

    fn lock(&self, key: &Key) -> io::Result<Lock> {
        let file = lock_file(&self.locks, &key.to_string())?;
        file.lock()?;
        Ok(Lock::new(file))
    }
}

/// The file that stands for a lock. It stays: who removed it would let two hold it. The system ends the lock with the
/// process.
fn lock_file(locks: &Path, name: &str) -> io::Result<File> {
    fs::create_dir_all(locks).map_err(|error| named(locks, &error))?;
    let path = locks.join(name);
    let opened = File::options().create(true).append(true).open(&path);
    opened.map_err(|error| named(&path, &error))
}

/// A store that others use too; `None` where nothing can be written, since nobody changes that store.
pub(crate) fn share(store: &Path) -> io::Result<Option<Lock>> {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
    match lock_file(&store.join("locks"), STORE) {
        Ok(file) => file.lock_shared().map(|()| Some(Lock::new(file))),
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A store that nobody else uses; `None` if somebody does.
pub(crate) fn hold_alone(store: &Path) -> io::Result<Option<Lock>> {
    let file = lock_file(&store.join("locks"), STORE)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock::new(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// The lock of the store as a whole, which every command shares but those that take things out.
const STORE: &str = "store";

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(folder).map_err(|error| named(folder, &error))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn write_folder(folder: &Path, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        write_durable(&path, bytes).map_err(|error| named(&path, &error))
    };
    // Side by side, since a disk takes about as long for one as for all of them.
    let checksums: BTreeMap<&str, Key> = std::thread::scope(|scope| {
        let write = &write;
        let threads: Vec<_> = files
            .iter()
            .map(|(name, bytes)| {
                let job = move || write(name, bytes).map(|()| (*name, Key::of_bytes(bytes)));
                std::thread::Builder::new().spawn_scoped(scope, job)
            })
            .collect();
        let join = |thread: io::Result<std::thread::ScopedJoinHandle<'_, _>>| {
            thread?.join().expect("a thread that panics has said why")
        };
        threads.into_iter().map(join).collect::<io::Result<_>>()
    })?;
    let checksums = serde_json::to_vec_pretty(&checksums).expect("plain data");
    write(CHECKSUMS, &checksums)
}

/// Writes a file that is on the disk when this returns.
pub(crate) fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::create(path)?;
    file.write_all(bytes)?;
    // A rename must not become durable before what it names.
    file.sync_all()
}

/// An error with the path in it: a person can only make room on a disk that is named.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Writes a file under a temporary name and renames it, so that a reader sees the old file or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_whole_by(path, |file| file.write_all(bytes))
}

/// The same for what is not in memory all at once.
pub(crate) fn write_whole_by<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = || {
        let mut file = BufWriter::new(File::create(&temporary)?);
        let written = write(&mut file)?;
        file.flush()?;
        fs::rename(&temporary, path)?;
        Ok(written)
    };
    written().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests;
