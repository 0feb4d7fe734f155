//! Chat calls as a study of a served model makes them, and with less and less of what that takes.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use entail_provider::{
    Account, Completion, CompletionStore, Connections, Keys, Limits, MachineClock, ModelName,
    Provider as _, Remote, Request, Sampling, StoreError, Traffic,
};
use entail_schema::{Key, Message, Seed};

/// Most bytes of an answer, as in `entail`.
const LONGEST_BODY: usize = 64 << 20;

/// The same as in `bench/peers/calls.py`.
fn prompt(index: usize) -> String {
    format!("Question {index}: would you like to be asked?")
}

/// How much of the client makes the calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// All of it: every answer is durable before the next thing happens to it.
    Kept,
    /// Without the store: answers are read and dropped.
    Dropped,
    /// None of it: requests that were made before, on two connections, and of the answers the length alone is read.
    Bare,
}

impl Client {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match name {
            "kept" => Ok(Self::Kept),
            "dropped" => Ok(Self::Dropped),
            "bare" => Ok(Self::Bare),
            other => bail!("no client `{other}`"),
        }
    }

    /// Makes so many calls, all different.
    pub(crate) fn make(self, url: &str, calls: usize) -> Result<()> {
        match self {
            Self::Kept => {
                let folder = tempfile::tempdir()?;
                let store = CompletionStore::open(&folder.path().join("store.db"))?;
                let keys = ask(url, calls, &|key, answer| store.put([(key, &answer)]))?;
                let stored = store.count_present(&keys)?;
                ensure!(stored == calls, "{stored} of {calls} answers are in the store");
                Ok(())
            }
            Self::Dropped => {
                let answered = AtomicUsize::new(0);
                ask(url, calls, &|_, answer: Completion| {
                    answered.fetch_add(usize::from(!answer.text.is_empty()), Ordering::Relaxed);
                    Ok(())
                })?;
                let answered = answered.into_inner();
                ensure!(answered == calls, "{answered} of {calls} calls were answered");
                Ok(())
            }
            Self::Bare => bare(url, calls),
        }
    }
}

/// Asks with the limits that a user gets, and hands the answers over.
fn ask(
    url: &str,
    calls: usize,
    keep: &(dyn Fn(Key, Completion) -> Result<(), StoreError> + Sync),
) -> Result<Vec<Key>> {
    // llama.cpp's dialect takes a seed and gives one answer a call.
    let ModelName::Remote(model) = format!("llamacpp:{url}#stub").parse()? else {
        bail!("{url} is no address of a model")
    };
    let wire = entail_provider::wire(&model, &Keys::default())?;
    let limits = Limits::default();
    let transport = Arc::new(Connections::new(limits.most, LONGEST_BODY));
    let account = Account { service: model.service().to_string(), key_name: url.into(), limits };
    let traffic = Arc::new(Traffic::new(Arc::new(MachineClock::start()), Seed(0)));
    let remote = Remote::new(wire, &account, transport, traffic)?;
    let request = |index| Request {
        messages: vec![Message::user(prompt(index))],
        samples: vec![Key::of(&("call", index))],
    };
    let requests: Vec<Request> = (0..calls).map(request).collect();
    let sampling = Sampling::new(1.0, 1.0, 100);
    let failure = Mutex::new(None);
    remote.complete(&requests, &sampling, &|key, answer| {
        if let Err(error) = keep(key, answer) {
            failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    })?;
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(requests.into_iter().flat_map(|request| request.samples).collect()),
    }
}

/// Connections of the bare client, one for each core that is spoken of.
const CONNECTIONS: usize = 2;

fn bare(url: &str, calls: usize) -> Result<()> {
    let address = url.strip_prefix("http://").and_then(|rest| rest.split('/').next());
    let address = address.with_context(|| format!("{url} is no address"))?;
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let work = || bare_connection(address, || next.fetch_add(1, Ordering::Relaxed), calls);
        let threads: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(_) => bail!("a thread panicked"),
        })
    })
}

fn bare_connection(address: &str, next: impl Fn() -> usize, calls: usize) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let index = next();
        if index >= calls {
            return Ok(());
        }
        let body = format!(
            r#"{{"model":"stub","messages":[{{"role":"user","content":"{}"}}],"max_tokens":100}}"#,
            prompt(index)
        );
        let head = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all((head + &body).as_bytes())?;
        let mut filled = 0;
        loop {
            let read = stream.read(&mut buffer[filled..])?;
            ensure!(read > 0, "the answer was cut off or is longer than {} bytes", buffer.len());
            filled += read;
            if is_whole(&buffer[..filled])? {
                break;
            }
        }
    }
}

/// Whether a response that says 200 and how long it is has come to its end.
fn is_whole(response: &[u8]) -> Result<bool> {
    let Some(end) = response.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&response[..end])?.to_ascii_lowercase();
    ensure!(head.starts_with("http/1.1 200"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("a response without its length")?.trim().parse()?;
    Ok(response.len() >= end + 4 + length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use entail_faults::{Script, Server};

    #[test]
    fn every_client_makes_every_call_once_and_all_are_different() {
        let server = Server::start(Script::default()).unwrap();
        let url = format!("{}/v1", server.url());
        for (already, name) in [(0, "kept"), (30, "dropped")] {
            Client::parse(name).unwrap().make(&url, 30).unwrap();
            assert_eq!(server.counts().whole, already + 30, "{name}");
        }
        // The bodies of both are the same, and differ from each other.
        assert_eq!(server.counts().answered.len(), 30);
        Client::Bare.make(&url, 30).unwrap();
        assert_eq!(server.counts().whole, 90);
        assert_eq!(server.counts().answered.len(), 60);
        assert!(Client::parse("bar").is_err());
        assert!(Client::Bare.make("nowhere", 1).is_err());
    }

    #[test]
    fn a_response_is_whole_when_all_of_its_bytes_are_there() {
        let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd";
        assert!(is_whole(whole).unwrap());
        for cut in [0, 10, 30, whole.len() - 1] {
            assert!(!is_whole(&whole[..cut]).unwrap(), "{cut}");
        }
        assert!(is_whole(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
