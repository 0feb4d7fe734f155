//! A listener that answers everything alike: with a page, or with what it was sent.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// How it answers, given the request's headers.
pub(super) type Reply = fn(&str) -> (u16, &'static str, String);

/// Serves until the program ends: it is asked a few times only.
#[derive(Debug)]
pub(super) struct Echo {
    address: SocketAddr,
    heard: Arc<Mutex<String>>,
}

impl Echo {
    pub(super) fn start(reply: Reply) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (address, heard) = (listener.local_addr()?, Arc::<Mutex<String>>::default());
        let hearing = heard.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let hearing = hearing.clone();
                // A caller that goes away is none of its business.
                thread::spawn(move || serve(&stream, reply, &hearing).is_ok());
            }
        });
        Ok(Self { address, heard })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Head of every request so far.
    pub(super) fn heard(&self) -> String {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers one request and closes.
fn serve(mut stream: &TcpStream, reply: Reply, heard: &Mutex<String>) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
        head += &line;
    }
    io::copy(&mut reader.take(length), &mut io::sink())?;
    heard.lock().unwrap_or_else(PoisonError::into_inner).push_str(&head);
    let (status, kind, body) = reply(&head);
    write!(
        stream,
        "HTTP/1.1 {status} Status\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// A page in the place of an API.
pub(super) fn page(_: &str) -> (u16, &'static str, String) {
    (200, "text/html", "<html><body>It works!</body></html>".into())
}
