//! A client of a few lines, so that nothing between the test and the socket tidies up what was sent.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Server;

/// What came over the wire.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    /// Whether all announced bytes came.
    pub(crate) complete: bool,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (other, value) = line.split_once(": ")?;
            (other == name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// One connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
}

impl Client {
    pub(crate) fn new(server: &Server) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        Client { stream }
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, headers: &str, body: &[u8]) {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n"
        );
        self.stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    /// One answer; an error when none begins.
    pub(crate) fn hear(&mut self) -> std::io::Result<Heard> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut heard = Heard { status, head, body: Vec::new(), complete: true };
        let length: usize = heard.header("content-length").unwrap().parse().unwrap();
        let mut chunk = vec![0; length];
        while heard.body.len() < length {
            match self.stream.read(&mut chunk[..length - heard.body.len()]) {
                Ok(0) | Err(_) => {
                    heard.complete = false;
                    break;
                }
                Ok(n) => heard.body.extend_from_slice(&chunk[..n]),
            }
        }
        Ok(heard)
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value) -> Heard {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, "anthropic-version: 2023-06-01\r\n", &body);
        self.hear().unwrap()
    }

    pub(crate) fn get(&mut self, path: &str) -> Value {
        let heard = self.ask("GET", path, &Value::Null);
        assert_eq!(heard.status, 200, "{}", String::from_utf8_lossy(&heard.body));
        heard.json()
    }

    pub(crate) fn post(&mut self, path: &str, body: &Value) -> Value {
        let heard = self.ask("POST", path, body);
        assert_eq!(heard.status, 200, "{}", String::from_utf8_lossy(&heard.body));
        heard.json()
    }

    /// The id of a new file; the purpose comes after the file, which is allowed.
    pub(crate) fn upload(&mut self, purpose: &str, content: &str) -> String {
        let body = format!(
            "--xyz\r\ncontent-disposition: form-data; name=\"file\"; filename=\"in.jsonl\"\r\n\r\n{content}\r\n--xyz\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\n{purpose}\r\n--xyz--\r\n"
        );
        let headers = "content-type: multipart/form-data; boundary=xyz\r\n";
        self.send("POST", "/v1/files", headers, body.as_bytes());
        let file = self.hear().unwrap().json();
        assert_eq!(file["bytes"], content.len());
        file["id"].as_str().unwrap().to_owned()
    }

    /// The content of a file.
    pub(crate) fn download(&mut self, id: &Value) -> String {
        let path = format!("/v1/files/{}/content", id.as_str().unwrap());
        String::from_utf8(self.ask("GET", &path, &Value::Null).body).unwrap()
    }
}

/// A request for a chat with one user turn.
pub(crate) fn chat(text: &str) -> Value {
    json!({ "model": "m", "messages": [{ "role": "user", "content": text }] })
}
