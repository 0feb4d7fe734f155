//! Where artifacts are kept: a folder per key, in the shell's hands.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use entail_schema::Key;

/// Artifacts by key. A key's files appear together or not at all, and never change afterwards.
pub trait Shelf: Sync {
    /// The bytes of one file of an artifact; `None` if there is no such artifact or file.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn get(&self, key: &Key, file: &str) -> io::Result<Option<Vec<u8>>>;

    /// Keeps an artifact.
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is visible then.
    fn put(&self, key: &Key, files: &[(&str, Vec<u8>)]) -> io::Result<()>;

    /// Whether an artifact is there.
    ///
    /// # Errors
    /// When that cannot be told.
    fn has(&self, key: &Key) -> io::Result<bool>;

    /// Waits until nobody else, in this process or another, holds this key. Whoever makes what must not be made twice
    /// holds its key, looks whether it is there now, and only then begins.
    ///
    /// # Errors
    /// When the key cannot be held.
    fn lock(&self, key: &Key) -> io::Result<Lock>;
}

/// A key that is held until this is dropped or the process ends.
pub struct Lock {
    _held: Box<dyn Any + Send>,
}

impl Lock {
    /// A lock that ends when `held` is dropped.
    pub fn new(held: impl Any + Send) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl fmt::Debug for Lock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lock").finish_non_exhaustive()
    }
}

/// A shelf in memory.
#[derive(Debug, Default)]
pub struct MemoryShelf {
    files: Mutex<BTreeMap<Key, BTreeMap<String, Vec<u8>>>>,
    held: Arc<Held>,
}

/// Keys that are held, and a bell for whoever waits for one of them.
#[derive(Debug, Default)]
struct Held {
    keys: Mutex<BTreeSet<Key>>,
    released: Condvar,
}

/// One of them.
struct HeldKey(Arc<Held>, Key);

impl Drop for HeldKey {
    fn drop(&mut self) {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
        self.0.released.notify_all();
    }
}

impl Shelf for MemoryShelf {
    fn get(&self, key: &Key, file: &str) -> io::Result<Option<Vec<u8>>> {
        let files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(files.get(key).and_then(|artifact| artifact.get(file)).cloned())
    }

    fn put(&self, key: &Key, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
        let artifact =
            files.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.clone())).collect();
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(*key, artifact);
        Ok(())
    }

    fn has(&self, key: &Key) -> io::Result<bool> {
        Ok(self.files.lock().unwrap_or_else(PoisonError::into_inner).contains_key(key))
    }

    fn lock(&self, key: &Key) -> io::Result<Lock> {
        let keys = self.held.keys.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.held.released.wait_while(keys, |keys| keys.contains(key));
        free.unwrap_or_else(PoisonError::into_inner).insert(*key);
        Ok(Lock::new(HeldKey(self.held.clone(), *key)))
    }
}

#[cfg(test)]
mod tests;
