use std::io::Cursor;

use super::*;

/// A stream that hands out a few bytes at a time and keeps what is written to it.
struct Trickle {
    bytes: Cursor<Vec<u8>>,
    step: usize,
    written: Vec<u8>,
}

impl Read for Trickle {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = out.len().min(self.step);
        self.bytes.read(&mut out[..n])
    }
}

impl Write for Trickle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read_all(text: &str, step: usize) -> io::Result<(Vec<Request>, Vec<u8>)> {
    let mut stream = Trickle { bytes: Cursor::new(text.into()), step, written: Vec::new() };
    let (mut reader, mut requests) = (Reader::default(), Vec::new());
    while let Some(request) = reader.next(&mut stream)? {
        requests.push(request);
    }
    Ok((requests, stream.written))
}

#[test]
fn requests_are_read_however_the_bytes_arrive() {
    let text = "POST /v1/files?a=b HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.0\r\nx-api-key: j\r\n\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nt: 1\r\n\r\n";
    for step in [1, 2, 7, 1000] {
        let (requests, _) = read_all(text, step).unwrap();
        let [post, get, chunked] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!((post.path.as_str(), post.query.as_str()), ("/v1/files", "a=b"));
        assert_eq!((post.key.as_deref(), post.body.as_slice()), (Some("k"), b"abc".as_slice()));
        assert!(post.keep_alive && !get.keep_alive);
        assert_eq!((get.key.as_deref(), get.body.len()), (Some("j"), 0));
        assert_eq!(chunked.body, b"abc");
    }
}

#[test]
fn a_client_that_waits_for_leave_gets_it() {
    let head = "POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    let (requests, written) = read_all(&format!("{head}ab"), head.len()).unwrap();
    assert_eq!(requests[0].body, b"ab");
    assert_eq!(written, b"HTTP/1.1 100 Continue\r\n\r\n");
}

#[test]
fn what_is_no_request_is_an_error() {
    let long = format!("GET / HTTP/1.1\r\na: {}", "x".repeat(MAX_HEAD));
    for text in [
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\n",
        "POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nab",
        "POST / HTTP/1.1\r\ncontent-length: 999999999999\r\n\r\nab",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &long,
    ] {
        assert!(read_all(text, 64).is_err(), "{text:.60}");
    }
}
