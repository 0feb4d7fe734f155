//! Files (`OpenAI`'s API reference, "Files").

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::query::Query;
use crate::reply::{ApiError, Reply};
use crate::route::Call;
use crate::wire::Request;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) purpose: String,
    pub(crate) created: u64,
    pub(crate) content: Vec<u8>,
}

/// All files by number.
#[derive(Debug, Default)]
pub(crate) struct Files {
    files: BTreeMap<String, File>,
    n_made: usize,
}

impl Files {
    /// Keeps a file; its id. Ids sort in the order of making.
    pub(crate) fn add(&mut self, file: File) -> String {
        let id = format!("file-{:08}", self.n_made);
        self.n_made += 1;
        self.files.insert(id.clone(), file);
        id
    }

    pub(crate) fn get(&self, id: &str) -> Result<&File, ApiError> {
        self.files.get(id).ok_or_else(|| ApiError::not_found(id))
    }

    /// Everything below `files`.
    pub(crate) fn serve(
        &mut self,
        request: &Request,
        below: &[&str],
        call: Call,
    ) -> Result<Reply, ApiError> {
        match (request.method.as_str(), below) {
            ("POST", []) => {
                let id = self.add(upload(request, call.unix.as_secs())?);
                Ok(Reply::json(200, &self.files[&id].json(&id)))
            }
            ("GET", []) => Ok(Reply::json(200, &self.list(&Query::parse(&request.query))?)),
            ("GET", [id]) => Ok(Reply::json(200, &self.get(id)?.json(id))),
            ("GET", [id, "content"]) => {
                let content = self.get(id)?.content.clone();
                Ok(Reply::bytes(200, "application/octet-stream", content))
            }
            ("DELETE", [id]) => {
                self.files.remove(*id).ok_or_else(|| ApiError::not_found(id))?;
                Ok(Reply::json(200, &json!({ "id": id, "object": "file", "deleted": true })))
            }
            _ => Err(ApiError::not_found(&request.path)),
        }
    }

    /// Newest first unless asked otherwise.
    fn list(&self, query: &Query) -> Result<Value, ApiError> {
        let purpose = query.get("purpose");
        let mut rows: Vec<Value> = self
            .files
            .iter()
            .filter(|(_, file)| purpose.is_none_or(|purpose| file.purpose == purpose))
            .map(|(id, file)| file.json(id))
            .collect();
        if query.get("order") != Some("asc") {
            rows.reverse();
        }
        query.page(&rows, 10_000)
    }
}

impl File {
    fn json(&self, id: &str) -> Value {
        json!({
            "id": id,
            "object": "file",
            "bytes": self.content.len(),
            "created_at": self.created,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
        })
    }
}

/// The file of a form; parts may come in any order.
fn upload(request: &Request, created: u64) -> Result<File, ApiError> {
    let boundary = request
        .content_type
        .split_once("boundary=")
        .map(|(_, boundary)| boundary.split(';').next().unwrap_or_default().trim_matches('"'))
        .ok_or_else(|| ApiError::bad(None, "an upload is multipart/form-data with a boundary"))?;
    let (mut purpose, mut file) = (None, None);
    for part in parts(&request.body, boundary) {
        let end =
            find(part, b"\r\n\r\n", 0).ok_or_else(|| ApiError::bad(None, "a part has no head"))?;
        let (head, content) = (String::from_utf8_lossy(&part[..end]), &part[end + 4..]);
        match quoted(&head, "name").as_deref() {
            Some("purpose") => purpose = Some(String::from_utf8_lossy(content).into_owned()),
            Some("file") => {
                let name = quoted(&head, "filename").unwrap_or_else(|| "upload".into());
                file = Some((name, content.to_vec()));
            }
            _ => {}
        }
    }
    let purpose = purpose.ok_or_else(|| ApiError::bad(Some("purpose"), "`purpose` is missing"))?;
    let (name, content) = file.ok_or_else(|| ApiError::bad(Some("file"), "`file` is missing"))?;
    Ok(File { name, purpose, created, content })
}

/// The parts between boundaries, heads included.
fn parts<'a>(body: &'a [u8], boundary: &str) -> Vec<&'a [u8]> {
    let (first, next) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut parts = Vec::new();
    let mut start = find(body, first.as_bytes(), 0).map(|place| place + first.len());
    while let Some(from) = start {
        let end = find(body, next.as_bytes(), from);
        // A part starts after the line of its boundary; after the last one stands `--`.
        if let Some(part) = end.and_then(|end| body.get(from + 2..end)) {
            parts.push(part);
        }
        start = end.map(|end| end + next.len());
    }
    parts
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|window| window == what).map(|place| from + place)
}

/// The value in `name="value"` of a part's head.
fn quoted(head: &str, name: &str) -> Option<String> {
    let (_, rest) = head.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}

#[cfg(test)]
mod tests;
