//! Where artifacts are kept: a folder per key, in the shell's hands.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};

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

    /// Waits until nobody else, in this process or another, holds the key, and holds it until the value is dropped.
    ///
    /// # Errors
    /// When that cannot be done.
    fn hold(&self, key: &Key) -> io::Result<Box<dyn Send>>;
}

/// A shelf in memory.
#[derive(Debug, Default)]
pub struct MemoryShelf {
    files: Mutex<BTreeMap<Key, BTreeMap<String, Vec<u8>>>>,
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

    /// A shelf in memory has one owner, whose steps are all different: nobody else can hold the key.
    fn hold(&self, _: &Key) -> io::Result<Box<dyn Send>> {
        Ok(Box::new(()))
    }
}
