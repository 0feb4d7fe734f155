//! Artifacts as folders: `artifacts/<key>/…`, each made under a temporary name and renamed when it is whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use entail_schema::Key;
use entail_study::Shelf;

/// A shelf in the file system.
#[derive(Debug)]
pub(crate) struct FolderShelf {
    root: PathBuf,
}

static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl FolderShelf {
    /// The shelf in a folder, which is made if it is not there.
    pub(crate) fn open(root: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&root)?;
        Ok(Self { root })
    }

    fn folder(&self, key: &Key) -> PathBuf {
        self.root.join(key.to_string())
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
        let serial = TEMPORARY.fetch_add(1, Ordering::Relaxed);
        let temporary =
            self.root.join(format!("{}.{}.{serial}.tmp", key.short(), std::process::id()));
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

    /// By a lock on a file, which the system lifts when a process ends, however it ends.
    fn hold(&self, key: &Key) -> io::Result<Box<dyn Send>> {
        let path = self.root.join("..").join("locks").join(key.short());
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))?;
        let file = fs::File::create(&path).map_err(|error| named(&path, &error))?;
        file.lock().map_err(|error| named(&path, &error))?;
        Ok(Box::new(file))
    }
}

fn write_folder(folder: &Path, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        write_durable(&path, bytes).map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

fn write_durable(path: &Path, bytes: &[u8]) -> io::Result<()> {
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
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path)).inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = FolderShelf::open(folder.path().join("artifacts")).unwrap();
        let key = Key::of(&"a");
        assert!(!shelf.has(&key).unwrap());
        assert_eq!(shelf.get(&key, "x").unwrap(), None);
        // A name that is no file name fails half-way: nothing of the artifact may be visible.
        let bad = [("x", b"1".to_vec()), ("no/such/folder", b"2".to_vec())];
        assert!(shelf.put(&key, &bad).is_err());
        assert!(!shelf.has(&key).unwrap());
        assert_eq!(
            fs::read_dir(folder.path().join("artifacts")).unwrap().count(),
            0,
            "nothing is left behind"
        );
        shelf.put(&key, &[("x", b"1".to_vec())]).unwrap();
        shelf.put(&key, &[("x", b"1".to_vec())]).unwrap();
        assert_eq!(shelf.get(&key, "x").unwrap(), Some(b"1".to_vec()));
    }
}
