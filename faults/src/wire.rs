//! HTTP/1.1 by hand: requests from bytes, replies to bytes.

use std::io::{self, Read, Write};

use crate::reply::Reply;

/// Most bytes of a request's head.
const MAX_HEAD: usize = 64 << 10;
/// Most bytes of a request's body: `OpenAI`'s limit for a file.
const MAX_BODY: usize = 512 << 20;

/// One request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Path without query.
    pub(crate) path: String,
    /// What follows `?`; empty if nothing does.
    pub(crate) query: String,
    /// The key, from whichever header it came in.
    pub(crate) key: Option<String>,
    pub(crate) content_type: String,
    pub(crate) anthropic_version: Option<String>,
    pub(crate) body: Vec<u8>,
    /// Whether the client wants to keep the connection.
    pub(crate) keep_alive: bool,
}

/// How the length of a body is told.
enum Framing {
    Length(usize),
    Chunked,
}

/// Reads requests from one connection, keeping what came too early for the next.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

impl Reader {
    /// Whether nothing of the next request was read yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The next request; `None` when the client closed the connection between requests. `stream` is also written
    /// to, where the client waits for leave to send its body.
    pub(crate) fn next(&mut self, stream: &mut (impl Read + Write)) -> io::Result<Option<Request>> {
        let Some(head_end) = self.read_head(stream)? else { return Ok(None) };
        let head =
            std::str::from_utf8(&self.buffer[..head_end]).map_err(|_| bad("head is no text"))?;
        let (mut request, framing, expects) = parse_head(head)?;
        self.buffer.drain(..head_end);
        if expects && self.buffer.is_empty() {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = match framing {
            Framing::Length(length) if length > MAX_BODY => return Err(bad("body is too long")),
            Framing::Length(length) => self.take(stream, length)?,
            Framing::Chunked => self.take_chunks(stream)?,
        };
        Ok(Some(request))
    }

    /// Where the head ends, after its empty line.
    fn read_head(&mut self, stream: &mut impl Read) -> io::Result<Option<usize>> {
        let mut searched = 0;
        loop {
            let found = self.buffer[searched..].windows(4).position(|w| w == b"\r\n\r\n");
            if let Some(place) = found {
                return Ok(Some(searched + place + 4));
            }
            searched = self.buffer.len().saturating_sub(3);
            if self.buffer.len() > MAX_HEAD {
                return Err(bad("head is too long"));
            }
            if self.fill(stream)? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(bad("head was cut off"))
                };
            }
        }
    }

    fn fill(&mut self, stream: &mut impl Read) -> io::Result<usize> {
        let length = self.buffer.len();
        self.buffer.resize(length + (16 << 10), 0);
        let n = stream.read(&mut self.buffer[length..]);
        self.buffer.truncate(length + *n.as_ref().unwrap_or(&0));
        n
    }

    /// This many bytes.
    fn take(&mut self, stream: &mut impl Read, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes: Vec<u8> = self.buffer.drain(..length.min(self.buffer.len())).collect();
        let had = bytes.len();
        bytes.resize(length, 0);
        stream.read_exact(&mut bytes[had..])?;
        Ok(bytes)
    }

    /// One line without its end.
    fn line(&mut self, stream: &mut impl Read) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|w| w == b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line).map_err(|_| bad("line is no text"));
            }
            if self.buffer.len() > MAX_HEAD || self.fill(stream)? == 0 {
                return Err(bad("line was cut off"));
            }
        }
    }

    fn take_chunks(&mut self, stream: &mut impl Read) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.line(stream)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16).map_err(|_| bad("chunk has no size"))?;
            if size > MAX_BODY - body.len() {
                return Err(bad("body is too long"));
            }
            if size == 0 {
                // Trailers, then an empty line.
                while !self.line(stream)?.is_empty() {}
                return Ok(body);
            }
            body.extend(self.take(stream, size)?);
            self.line(stream)?;
        }
    }
}

/// The request without its body, how its body comes, and whether the client waits for leave to send it.
fn parse_head(head: &str) -> io::Result<(Request, Framing, bool)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Err(bad("request line is not `METHOD target HTTP/1.1`"));
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        keep_alive: version == "HTTP/1.1",
        ..Request::default()
    };
    let (mut framing, mut expects) = (Framing::Length(0), false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        if is("content-length") {
            framing =
                Framing::Length(value.parse().map_err(|_| bad("content-length is no number"))?);
        } else if is("transfer-encoding") {
            framing = Framing::Chunked;
        } else if is("connection") {
            request.keep_alive = !value.eq_ignore_ascii_case("close");
        } else if is("authorization") {
            request.key = Some(value.strip_prefix("Bearer ").unwrap_or(value).into());
        } else if is("x-api-key") || is("api-key") {
            request.key = Some(value.into());
        } else if is("content-type") {
            request.content_type = value.into();
        } else if is("anthropic-version") {
            request.anthropic_version = Some(value.into());
        } else if is("expect") {
            expects = value.eq_ignore_ascii_case("100-continue");
        }
    }
    Ok((request, framing, expects))
}

/// Appends the head of a reply that announces `length` bytes.
pub(crate) fn write_head(out: &mut Vec<u8>, reply: &Reply, length: usize, keep_alive: bool) {
    let reason = reason(reply.status);
    let start = format_args!("HTTP/1.1 {} {reason}\r\n", reply.status);
    let put = |out: &mut Vec<u8>, text: std::fmt::Arguments<'_>| {
        out.write_fmt(text).expect("writing to memory works");
    };
    put(out, start);
    put(out, format_args!("content-type: {}\r\ncontent-length: {length}\r\n", reply.content_type));
    for (name, value) in &reply.headers {
        put(out, format_args!("{name}: {value}\r\n"));
    }
    out.extend_from_slice(if keep_alive { b"\r\n" } else { b"connection: close\r\n\r\n" });
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        409 => "Conflict",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        529 => "Overloaded",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests;
