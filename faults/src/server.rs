//! The shell: the socket, the clock and the threads.
#![expect(clippy::disallowed_methods, reason = "this file owns the server's clock")]

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::counts::{Delivery, Entry, Tally};
use crate::route::{self, Call, Provider};
use crate::spoil::{self, After};
use crate::wire::{Reader, Request};
use crate::{Counts, Fault, Script};

/// Stack of a connection's thread: JSON as deep as the parser takes fits.
const STACK_BYTES: usize = 256 << 10;

/// A running server. Dropping it closes every connection and waits for its threads.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<thread::JoinHandle<()>>,
}

/// What every thread sees.
#[derive(Debug)]
struct Shared {
    provider: Provider,
    tally: Tally,
    started: Instant,
    started_unix: Duration,
    connections: Mutex<Connections>,
    changed: Condvar,
}

/// The connections that are open, so that stopping can end them.
#[derive(Debug, Default)]
struct Connections {
    open: BTreeMap<u64, Arc<TcpStream>>,
    n_accepted: u64,
    stopping: bool,
}

impl Server {
    /// Starts a server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`] for a script whose numbers make no sense; whatever binding the socket gives.
    pub fn start(script: Script) -> io::Result<Server> {
        Server::start_at(0, script)
    }

    /// Starts a server on a given port, for one that comes back after it was stopped.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub fn start_at(port: u16, script: Script) -> io::Result<Server> {
        if let Some(complaint) = script.complaint() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, complaint));
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            provider: Provider::new(script, format!("http://{address}")),
            tally: Tally::default(),
            started: Instant::now(),
            started_unix: SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .expect("the clock is past 1970"),
            connections: Mutex::default(),
            changed: Condvar::new(),
        });
        let accepting = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("faults-accept".into())
            .spawn(move || accept(&listener, &accepting))?;
        Ok(Server { address, shared, acceptor: Some(acceptor) })
    }

    /// Where it listens: `http://127.0.0.1:PORT`, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// What was done so far. Copies the map of bodies, so it is not for use within a loop.
    pub fn counts(&self) -> Counts {
        self.shared.tally.counts()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut connections = self.shared.connections();
            connections.stopping = true;
            for stream in connections.open.values() {
                // A connection that its client has closed cannot be shut down; it is ending anyway.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        self.shared.changed.notify_all();
        // The acceptor is woken by a caller; without one, the port was never reachable.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            // A panic of the acceptor was printed by its own thread.
            let _ = acceptor.join();
        }
        let mut connections = self.shared.connections();
        while !connections.open.is_empty() {
            connections =
                self.shared.changed.wait(connections).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Shared {
    fn connections(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits; `false` when the server is stopped meanwhile.
    fn wait(&self, duration: Duration) -> bool {
        let guard = self.connections();
        let (guard, _) = self
            .changed
            .wait_timeout_while(guard, duration, |connections| !connections.stopping)
            .unwrap_or_else(PoisonError::into_inner);
        !guard.stopping
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        let mut connections = shared.connections();
        if connections.stopping {
            return;
        }
        // A connection that failed while it waited to be accepted is its client's to notice.
        let Ok(stream) = stream.map(Arc::new) else { continue };
        let number = connections.n_accepted;
        connections.n_accepted += 1;
        connections.open.insert(number, Arc::clone(&stream));
        drop(connections);
        let guard = Registered { shared: Arc::clone(shared), number };
        // Out of threads: the closure is dropped, and with it the guard and the connection.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            // An error ends this connection, as it would at any server.
            let _ = serve(&guard.shared, &stream);
            drop(stream);
            drop(guard);
        });
    }
}

/// A connection's place in the list, given up when its thread ends for whatever reason.
struct Registered {
    shared: Arc<Shared>,
    number: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut connections = self.shared.connections();
        connections.open.remove(&self.number);
        if connections.stopping {
            self.shared.changed.notify_all();
        }
    }
}

/// A call at work.
struct AtWork<'a> {
    tally: &'a Tally,
    number: u64,
}

impl AtWork<'_> {
    fn begin(tally: &Tally) -> AtWork<'_> {
        AtWork { tally, number: tally.begin() }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.tally.end();
    }
}

/// Serves one connection until it ends.
fn serve(shared: &Shared, mut stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let script = &shared.provider.script;
    let (mut reader, mut out) = (Reader::default(), Vec::new());
    loop {
        // Closing a socket with unread bytes resets the connection, so a call to be reset must not be read.
        if script.refuses() && reader.is_empty() && stream.peek(&mut [0])? == 0 {
            return Ok(());
        }
        let early = script.refuses().then(|| AtWork::begin(&shared.tally));
        if early.as_ref().and_then(|work| script.fault(work.number)) == Some(Fault::Refused) {
            shared.tally.note(|counts| *counts.faults.entry(Fault::Refused).or_default() += 1);
            return Ok(());
        }
        let Some(request) = reader.next(&mut stream)? else { return Ok(()) };
        let work = early.unwrap_or_else(|| AtWork::begin(&shared.tally));
        if !answer(shared, stream, &request, work.number, &mut out)? {
            return Ok(());
        }
    }
}

/// Answers one request; whether the connection goes on.
fn answer(
    shared: &Shared,
    mut stream: &TcpStream,
    request: &Request,
    number: u64,
    out: &mut Vec<u8>,
) -> io::Result<bool> {
    let elapsed = shared.started.elapsed();
    let unix = shared.started_unix + elapsed;
    let call = Call { number, elapsed, unix };
    let script = &shared.provider.script;
    let drawn = script.fault(number);
    let answered = route::answer(&shared.provider, request, call, drawn);
    let route::Answered { endpoint, gate, fault, mut reply } = answered;
    let slow = match fault {
        Some(Fault::SlowHeaders(slow)) => slow,
        _ => Duration::ZERO,
    };
    let wait = script.latency + slow;
    let mut there = true;
    if !wait.is_zero() {
        there = shared.wait(wait) && is_open(stream);
    }
    let (status, paid) = (reply.status, std::mem::take(&mut reply.paid));
    let settled = std::mem::take(&mut reply.settled);
    out.clear();
    let after = spoil::render(out, reply, fault, request.keep_alive);
    let delivery =
        if there && spoil::leaves_whole(fault) { Delivery::Whole } else { Delivery::Spoiled };
    let entry = Entry { endpoint, gate, fault, status, paid, delivery, settled };
    shared.tally.enter(&entry);
    if !there {
        return Ok(false);
    }
    stream.write_all(out).inspect_err(|_| shared.tally.spoil(&entry))?;
    if after == After::Stall {
        // The client's end of patience is the end of its half of the connection.
        while stream.read(&mut [0; 64])? > 0 {}
    }
    Ok(after == After::KeepOpen)
}

/// Whether the client is still there: it has neither closed nor reset its half.
fn is_open(stream: &TcpStream) -> bool {
    let peek = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    let restored = stream.set_nonblocking(false);
    let open = match peek {
        Ok(n) => n > 0,
        Err(error) => error.kind() == io::ErrorKind::WouldBlock,
    };
    open && restored.is_ok()
}

#[cfg(test)]
mod tests;
