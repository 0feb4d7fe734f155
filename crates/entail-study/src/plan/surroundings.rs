//! What stands around a study.

use std::io;

use entail_provider::RemoteModel;
use entail_schema::Key;

/// What stands around a study: the files that it names.
pub trait Surroundings {
    /// The text of a file.
    ///
    /// # Errors
    /// When it cannot be read as text.
    fn read(&self, path: &str) -> io::Result<String>;

    /// The bytes of a file.
    ///
    /// # Errors
    /// When it cannot be read.
    fn read_bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        self.read(path).map(String::into_bytes)
    }

    /// The files that a pattern such as `dump/*.jsonl` names, in order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn matching(&self, pattern: &str) -> io::Result<Vec<String>>;

    /// A served model at the address that is meant where it names none, such as `OPENAI_BASE_URL`.
    fn place(&self, model: RemoteModel) -> RemoteModel {
        model
    }

    /// Hash of everything in a model's folder that changes what it says.
    ///
    /// # Errors
    /// When it is no folder of a model, or cannot be read.
    fn folder_key(&self, folder: &str) -> io::Result<Key>;

    /// Hash of a program's command line and of the files that stand in it.
    ///
    /// # Errors
    /// When a file cannot be read.
    fn program_key(&self, command: &str) -> io::Result<Key> {
        Ok(Key::of(&("program", command)))
    }
}

/// Files by a function, for studies that name nothing but files of rows.
impl<F: Fn(&str) -> io::Result<String>> Surroundings for F {
    fn read(&self, path: &str) -> io::Result<String> {
        self(path)
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<String>> {
        Ok(vec![pattern.to_owned()])
    }

    fn folder_key(&self, _: &str) -> io::Result<Key> {
        Err(io::ErrorKind::NotFound.into())
    }
}
