//! What stands around a study: files beside it, folders of models, keys in the environment.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use entail_provider::{Keys, RemoteModel};
use entail_schema::Key;
use entail_study::Surroundings;

use crate::run::Failure;

/// Files are looked for beside the study; keys come from the environment and from `.env` in the working folder.
#[derive(Debug)]
pub(crate) struct Around {
    folder: PathBuf,
    pub(crate) keys: Keys,
}

/// The file of keys, in the working folder.
const DOTENV: &str = ".env";

impl Around {
    /// The surroundings of a study file, or of the working folder.
    pub(crate) fn of(study: Option<&Path>) -> Result<Self, Failure> {
        let folder = study.and_then(Path::parent).unwrap_or(Path::new("")).to_owned();
        let input = |error| Failure::Input { path: DOTENV.into(), error };
        let dotenv = match fs::read_to_string(DOTENV) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(input(error)),
        };
        let keys = Keys::read(&|name| env::var(name).ok(), dotenv.as_deref())
            .map_err(|error| Failure::Setup(format!("{DOTENV}: {error}")))?;
        Ok(Self { folder, keys })
    }

    /// Where a path of the study lies.
    pub(crate) fn path(&self, written: &str) -> PathBuf {
        self.folder.join(written)
    }
}

impl Surroundings for Around {
    fn read(&self, path: &str) -> io::Result<String> {
        fs::read_to_string(self.path(path))
    }

    fn read_bytes(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(self.path(path))
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<String>> {
        if !pattern.contains('*') {
            return Ok(if self.path(pattern).is_file() {
                vec![pattern.to_owned()]
            } else {
                Vec::new()
            });
        }
        let (folder, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let mut found = Vec::new();
        for entry in fs::read_dir(self.path(if folder.is_empty() { "." } else { folder }))? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            if matches(name, &file) {
                found.push(if folder.is_empty() { file } else { format!("{folder}/{file}") });
            }
        }
        found.sort();
        Ok(found)
    }

    fn folder_key(&self, folder: &str) -> io::Result<Key> {
        let path = self.path(folder);
        let mut files = Vec::new();
        for entry in fs::read_dir(&path)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if WHAT_IT_SAYS.contains(&name.as_str()) || name.ends_with(".safetensors") {
                let bytes = fs::read(path.join(&name))?;
                files.push((name, Key::of_bytes(&bytes)));
            }
        }
        files.sort();
        if files.iter().any(|(name, _)| name == "config.json") {
            Ok(Key::of(&files))
        } else {
            let what = format!("{} holds no config.json: no folder of a model", path.display());
            Err(io::Error::new(io::ErrorKind::NotFound, what))
        }
    }

    fn program_key(&self, command: &str) -> io::Result<Key> {
        let mut words = Vec::new();
        for word in command.split_whitespace() {
            let path = self.path(word);
            let content = if path.is_file() { Some(Key::of_bytes(&fs::read(path)?)) } else { None };
            words.push((word, content));
        }
        if words.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "found no program to run"));
        }
        Ok(Key::of(&("program", words)))
    }

    fn place(&self, model: RemoteModel) -> RemoteModel {
        self.keys.place(&model)
    }
}

/// Files of a model's folder that change what it says, beside its weights.
const WHAT_IT_SAYS: [&str; 5] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
];

/// Whether a file's name fits a pattern in which `*` stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, rest)) => name.strip_prefix(start).is_some_and(|left| {
            (0..=left.len())
                .filter(|&at| left.is_char_boundary(at))
                .any(|at| matches(rest, &left[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let fits = [("*.jsonl", "a.jsonl"), ("a*b*c", "aXbc"), ("*", ""), ("dump", "dump")];
        assert!(fits.iter().all(|(pattern, name)| matches(pattern, name)));
        let not = [("*.jsonl", "a.json"), ("a*b", "acbd"), ("dump", "dump2"), ("*é", "e")];
        assert!(not.iter().all(|(pattern, name)| !matches(pattern, name)));
    }

    #[test]
    fn a_folder_of_a_model_is_known_by_what_changes_its_answers() {
        let folder = tempfile::tempdir().unwrap();
        let around =
            Around { folder: folder.path().to_owned(), keys: Keys::read(&|_| None, None).unwrap() };
        assert!(around.folder_key("m").is_err());
        fs::create_dir(folder.path().join("m")).unwrap();
        let error = around.folder_key("m").unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
        let write =
            |name: &str, text: &str| fs::write(folder.path().join("m").join(name), text).unwrap();
        write("config.json", "{}");
        let first = around.folder_key("m").unwrap();
        write("README.md", "hello");
        assert_eq!(around.folder_key("m").unwrap(), first);
        write("model.safetensors", "weights");
        assert_ne!(around.folder_key("m").unwrap(), first);
    }

    #[test]
    fn patterns_name_files_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let around =
            Around { folder: folder.path().to_owned(), keys: Keys::read(&|_| None, None).unwrap() };
        fs::create_dir(folder.path().join("dump")).unwrap();
        for name in ["b.jsonl", "a.jsonl", "c.txt"] {
            fs::write(folder.path().join("dump").join(name), "").unwrap();
        }
        assert_eq!(around.matching("dump/*.jsonl").unwrap(), ["dump/a.jsonl", "dump/b.jsonl"]);
        assert_eq!(around.matching("dump/c.txt").unwrap(), ["dump/c.txt"]);
        assert_eq!(around.matching("dump/none.txt").unwrap(), Vec::<String>::new());
    }
}
