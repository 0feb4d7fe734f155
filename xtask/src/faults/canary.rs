//! Keys that must appear in no file and no message.
//!
//! Every child has five keys in its environment and five others in `.env`. In the end every byte of every file that
//! any scenario left is searched for them: stores with their logs, answers, results, and all that was printed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use entail_faults::{Script, Server};

use super::check::Checks;
use super::echo::{Echo, Reply};
use super::ground::{Ask, Ground, STORE};
use super::mouth;

pub(super) const DOTENV: &str = ".env";

/// The variables that hold keys.
const VARIABLES: [&str; 5] = [
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "OPENROUTER_API_KEY",
    "TINKER_API_KEY",
    "AZURE_OPENAI_API_KEY",
];

/// Begins every key, and so every part of a key that was cut off at its end.
const STEM: &str = "sk-canary-7c1f";

/// The key of a variable in the environment.
pub(super) fn key(variable: &str) -> String {
    made_up("environment", variable)
}

/// The key of a variable in the file.
fn key_of_file(variable: &str) -> String {
    made_up("dotenv", variable)
}

/// As long as a real one, and with nothing that a text would hold by chance.
fn made_up(place: &str, variable: &str) -> String {
    let hash = entail_schema::Key::of(&("canary", place, variable));
    format!("{STEM}-{}", hash.short())
}

pub(super) fn environment() -> impl Iterator<Item = (&'static str, String)> {
    VARIABLES.into_iter().map(|variable| (variable, key(variable)))
}

/// Content of a `.env` file.
pub(super) fn dotenv() -> String {
    VARIABLES.map(|variable| format!("{variable}={}\n", key_of_file(variable))).concat()
}

/// Names of the keys in some bytes. A part of a key counts as the key.
pub(super) fn found(bytes: &[u8]) -> Vec<String> {
    // What is not text becomes a sign of its own, so no letter of a key is lost.
    let text = String::from_utf8_lossy(bytes);
    if !text.contains(STEM) {
        return Vec::new();
    }
    let places = VARIABLES
        .into_iter()
        .flat_map(|v| [(key(v), v, "environment"), (key_of_file(v), v, DOTENV)]);
    let mut whole: Vec<String> = places
        .filter(|(key, ..)| text.contains(key.as_str()))
        .map(|(_, variable, place)| format!("{variable} of {place}"))
        .collect();
    if whole.is_empty() {
        whole.push("a part of a key".into());
    }
    whole
}

/// Says what it was sent, key and all, as an error that no waiting helps.
fn repeats(head: &str) -> (u16, &'static str, String) {
    let said = head.replace('"', "'").replace("\r\n", " ");
    let body = format!(
        r#"{{"error":{{"message":"Incorrect API key provided: {said}","code":"invalid_api_key","type":"{said}"}}}}"#
    );
    (401, "application/json", body)
}

/// The same with other status codes and forms.
fn repeats_as_text(head: &str) -> (u16, &'static str, String) {
    (400, "text/plain", head.replace("\r\n", " "))
}

fn repeats_as_page(head: &str) -> (u16, &'static str, String) {
    (403, "text/html", format!("<html><body>{head}</body></html>"))
}

/// Ways to repeat a key.
const FORMS: [(&str, Reply); 3] =
    [("json", repeats), ("text", repeats_as_text), ("page", repeats_as_page)];

/// The services that are really called with their keys, and the variables of address and key.
const CALLED: [(&str, &str, &str, &str); 4] = [
    ("openai:gpt-4.1", "OPENAI_BASE_URL", "/v1", "OPENAI_API_KEY"),
    ("anthropic:claude-sonnet-4-5", "ANTHROPIC_BASE_URL", "", "ANTHROPIC_API_KEY"),
    ("openrouter:some/model", "OPENROUTER_BASE_URL", "/api/v1", "OPENROUTER_API_KEY"),
    ("azure:deployment", "AZURE_OPENAI_ENDPOINT", "", "AZURE_OPENAI_API_KEY"),
];

/// Calls services with keys: some take them, some repeat them in what they say.
pub(super) fn repeat(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    for (model, address, path, variable) in CALLED {
        for (place, key) in [("environment", key(variable)), ("dotenv", key_of_file(variable))] {
            let server = Server::start(Script {
                key: Some(key),
                answers: mouth::answers(),
                ..Script::default()
            })?;
            let mut room = ground.room(&format!("canary/{variable}-{place}"))?;
            room = room.set(address, format!("{}{path}", server.url()));
            if place == "dotenv" {
                room = room.set(variable, "");
            }
            let ended = room.run(&mut room.capture(&Ask::about(model, 40)))?;
            let (n, whole) =
                (room.stored().map_or(0, |stored| stored.len()), server.counts().whole);
            let figure = format!(
                "exit {}, {n} answers, {whole} calls: {}",
                ended.code_text(),
                ended.error_line()
            );
            let holds = ended.code == Some(0) && n >= 40;
            checks.holds(format!("{variable} of the {place} is used"), "answers", figure, holds);
        }
        let mut heard = 0;
        for (form, reply) in FORMS {
            let echo = Echo::start(reply)?;
            let room = ground.room(&format!("canary/{variable}-{form}"))?;
            let room = room.set(address, format!("{}{path}", echo.url()));
            room.run(&mut room.capture(&Ask::about(model, 40)))?;
            room.run(&mut room.command(&["doctor", model, "--probe", "--json", "--store", STORE]))?;
            heard += usize::from(!found(echo.heard().as_bytes()).is_empty());
        }
        checks.equal(format!("{variable} was repeated in its forms"), heard, 3);
    }
    Ok(checks)
}

/// Searches everything, and shows that the search finds what is there.
pub(super) fn search(ground: &Ground) -> Result<Checks> {
    let mut checks = Checks::default();
    let planted = ground.path().join("planted");
    let mut bytes = vec![0xff, 0xfe, 0x80];
    bytes.extend_from_slice(key(VARIABLES[1]).as_bytes());
    bytes.push(0xc3);
    fs::write(&planted, bytes)?;
    let seen = Search::over(ground.path())?;
    fs::remove_file(planted)?;
    let planted = seen.found.iter().filter(|file| file.starts_with("planted")).count();
    checks.equal("a planted key is found", planted, 1);
    let Search { found, n_files, n_bytes } = Search::over(ground.path())?;
    ensure!(n_files > 0, "nothing was left to search");
    let figure = match found.as_slice() {
        [] => format!("none in {n_files} files of {:.1} MiB", n_bytes as f64 / f64::from(1 << 20)),
        some => format!("{} files: {}", some.len(), some.join("; ")),
    };
    checks.holds("files with a key", "none", figure, found.is_empty());
    Ok(checks)
}

/// What a search saw.
#[derive(Debug, Default)]
struct Search {
    /// Files with keys in them.
    found: Vec<String>,
    n_files: usize,
    n_bytes: u64,
}

impl Search {
    /// Every file below a folder but the `.env` files that the keys were written to.
    fn over(folder: &Path) -> Result<Self> {
        let mut search = Self::default();
        let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
        while let Some(inner) = folders.pop() {
            for entry in fs::read_dir(inner)? {
                let entry = entry?;
                let (kind, path) = (entry.file_type()?, entry.path());
                if kind.is_dir() {
                    folders.push(path);
                } else if kind.is_file() && entry.file_name() != DOTENV {
                    search.look_into(folder, &path)?;
                }
            }
        }
        Ok(search)
    }

    fn look_into(&mut self, folder: &Path, path: &Path) -> Result<()> {
        let bytes = fs::read(path)?;
        self.n_files += 1;
        self.n_bytes += bytes.len() as u64;
        let keys = found(&bytes);
        if !keys.is_empty() {
            let name = path.strip_prefix(folder).unwrap_or(path).display();
            self.found.push(format!("{name} ({})", keys.join(", ")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_whole_and_in_part_among_other_bytes() {
        let whole = [b"\xff\x00", key("TINKER_API_KEY").as_bytes(), b"\x80"].concat();
        assert_eq!(found(&whole), ["TINKER_API_KEY of environment"]);
        let part = &key_of_file("OPENAI_API_KEY")[..STEM.len() + 3];
        assert_eq!(found(part.as_bytes()), ["a part of a key"]);
        assert_eq!(found(b"sk-canary"), Vec::<String>::new());
    }

    #[test]
    fn no_key_is_another() {
        let mut keys: Vec<String> =
            VARIABLES.iter().flat_map(|v| [key(v), key_of_file(v)]).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 2 * VARIABLES.len());
    }
}
