//! How batches are written and read: bytes in, values out.

use entail_schema::Key;
use serde_json::{Value, json};

use crate::http::{HeaderValue, HttpRequest, HttpResponse, Verb};

/// Name of the metadata by which a batch of ours is found again.
const METADATA: &str = "entail";
/// What ends a part of an upload. No JSON line holds it: its line breaks are written as `\n`.
const BOUNDARY: &str = "entail-part-7b1f0c";

/// A kind of batch service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchForm {
    /// A file of lines, a batch over it, and files of results: `OpenAI`'s `/v1/files` and `/v1/batches`.
    OpenAi,
    /// Requests within the batch: Anthropic's `/v1/messages/batches`.
    Anthropic,
}

/// Where batches of one model are made, taken from how a single call would be made.
#[derive(Debug, Clone)]
pub(super) struct Place {
    form: BatchForm,
    /// Address without what is below it.
    base: String,
    /// What each line asks, as `OpenAI` names it.
    endpoint: String,
    single: HttpRequest,
}

/// Lines as they are sent.
#[derive(Debug, Default)]
pub(super) struct Payload {
    bytes: Vec<u8>,
    pub(super) lines: usize,
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// So many lines of so many are done.
    Running(u64, u64),
    /// Results are to be read, in these files where there are files.
    Ended(Vec<String>),
    /// It was never begun.
    Invalid(String),
}

/// The result of one line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    /// Of the line.
    pub(super) custom_id: String,
    /// The response to a single call that says the same; `None` where the line was not run or failed without one.
    pub(super) response: Option<HttpResponse>,
}

impl Place {
    /// From a single call; `None` where its address does not look like the form's.
    pub(super) fn of(form: BatchForm, single: HttpRequest) -> Option<Self> {
        let ends = match form {
            BatchForm::OpenAi => ["/chat/completions", "/completions"].as_slice(),
            BatchForm::Anthropic => &["/messages"],
        };
        let (base, end) = ends.iter().find_map(|e| Some((single.url.strip_suffix(e)?, e)))?;
        let (base, endpoint) = (base.to_owned(), format!("/v1{end}"));
        Some(Self { form, base, endpoint, single: HttpRequest { body: vec![], ..single } })
    }

    /// Adds a call as a line.
    pub(super) fn add(&self, payload: &mut Payload, custom_id: Key, call: &HttpRequest) {
        let (bytes, id) = (&mut payload.bytes, custom_id.to_string());
        match self.form {
            BatchForm::OpenAi => {
                let head = format!(
                    r#"{{"custom_id":"{id}","method":"POST","url":"{}","body":"#,
                    self.endpoint
                );
                bytes.extend_from_slice(head.as_bytes());
                bytes.extend_from_slice(&call.body);
                bytes.extend_from_slice(b"}\n");
            }
            BatchForm::Anthropic => {
                bytes.extend_from_slice(if payload.lines == 0 { b"{\"requests\":[" } else { b"," });
                bytes.extend_from_slice(format!(r#"{{"custom_id":"{id}","params":"#).as_bytes());
                bytes.extend_from_slice(&call.body);
                bytes.push(b'}');
            }
        }
        payload.lines += 1;
    }

    /// What stores the lines before a batch is made over them, where that is needed.
    pub(super) fn upload(&self, payload: &Payload) -> Option<HttpRequest> {
        if self.form != BatchForm::OpenAi {
            return None;
        }
        let mut body = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n\
             --{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"entail.jsonl\"\r\n\
             Content-Type: application/jsonl\r\n\r\n"
        )
        .into_bytes();
        body.extend_from_slice(&payload.bytes);
        body.extend_from_slice(format!("\r\n--{BOUNDARY}--\r\n").as_bytes());
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        Some(self.post("/files", &kind, body))
    }

    /// What makes the batch, over the stored file or with the lines in it.
    pub(super) fn create(&self, name: &str, file: Option<&str>, payload: &Payload) -> HttpRequest {
        if self.form == BatchForm::Anthropic {
            let body = [&payload.bytes[..], b"]}"].concat();
            return self.post("/messages/batches", "application/json", body);
        }
        let body = json!({
            "input_file_id": file, "endpoint": self.endpoint, "completion_window": "24h",
            "metadata": { METADATA: name },
        });
        self.post("/batches", "application/json", body.to_string().into_bytes())
    }

    /// What lists the newest batches.
    pub(super) fn list(&self) -> HttpRequest {
        self.get(&format!("{}?limit=100", self.batches()))
    }

    /// What tells how far a batch is.
    pub(super) fn standing(&self, id: &str) -> HttpRequest {
        self.get(&format!("{}/{id}", self.batches()))
    }

    /// What reads the results of a batch. Addresses that a service names are not followed: the key goes with them.
    pub(super) fn results(&self, id: &str, files: &[String]) -> Vec<HttpRequest> {
        match self.form {
            BatchForm::OpenAi => {
                files.iter().map(|file| self.get(&format!("/files/{file}/content"))).collect()
            }
            BatchForm::Anthropic => vec![self.get(&format!("/messages/batches/{id}/results"))],
        }
    }

    /// Ids of the listed batches that may be the one of this name and number of lines. Anthropic keeps no names: there
    /// the number must do, and the lines of a strange batch are told apart by their ids.
    pub(super) fn matching(&self, list: &Value, name: &str, lines: usize) -> Vec<String> {
        let rows = list["data"].as_array().map(Vec::as_slice).unwrap_or_default();
        let ours = |row: &&Value| match self.form {
            BatchForm::OpenAi => row["metadata"][METADATA] == name,
            BatchForm::Anthropic => total(row) == lines as u64,
        };
        rows.iter().filter(ours).filter_map(id).collect()
    }

    /// How far the batch is; `None` where the object is no batch.
    pub(super) fn read_standing(&self, batch: &Value) -> Option<Standing> {
        let counts = &batch["request_counts"];
        let count = |name: &str| counts[name].as_u64().unwrap_or(0);
        if self.form == BatchForm::Anthropic {
            let left = count("processing");
            return match batch["processing_status"].as_str()? {
                "ended" => Some(Standing::Ended(vec![])),
                _ => Some(Standing::Running(total(batch) - left, total(batch))),
            };
        }
        Some(match batch["status"].as_str()? {
            "completed" | "expired" | "cancelled" => {
                let files = ["output_file_id", "error_file_id"].map(|name| batch[name].as_str());
                Standing::Ended(files.into_iter().flatten().map(str::to_owned).collect())
            }
            "failed" => {
                let errors = batch["errors"]["data"].as_array();
                let first = errors.and_then(|e| e.first()?["message"].as_str());
                Standing::Invalid(first.unwrap_or("the service gives no reason").to_owned())
            }
            _ => Standing::Running(count("completed") + count("failed"), count("total")),
        })
    }

    /// The results in a file of lines; a line that is none is left out.
    pub(super) fn rows(&self, body: &[u8]) -> impl Iterator<Item = Row> {
        body.split(|byte| *byte == b'\n')
            .filter_map(|line| self.row(&serde_json::from_slice(line).ok()?))
    }

    fn row(&self, line: &Value) -> Option<Row> {
        let custom_id = line["custom_id"].as_str()?.to_owned();
        let response = |status: u64, body: &Value| {
            let status = u16::try_from(status).ok()?;
            Some(HttpResponse { status, headers: vec![], body: serde_json::to_vec(body).ok()? })
        };
        let response = match self.form {
            BatchForm::OpenAi => line["response"]["status_code"]
                .as_u64()
                .and_then(|status| response(status, &line["response"]["body"])),
            BatchForm::Anthropic => {
                let result = &line["result"];
                match result["type"].as_str()? {
                    "succeeded" => response(200, &result["message"]),
                    "errored" => response(error_status(&result["error"])?, &result["error"]),
                    _ => None,
                }
            }
        };
        Some(Row { custom_id, response })
    }

    fn batches(&self) -> &'static str {
        match self.form {
            BatchForm::OpenAi => "/batches",
            BatchForm::Anthropic => "/messages/batches",
        }
    }

    fn get(&self, below: &str) -> HttpRequest {
        let headers = self.headers();
        let url = format!("{}{below}", self.base);
        HttpRequest { verb: Verb::Get, url, headers, ..self.single.clone() }
    }

    fn post(&self, below: &str, kind: &str, body: Vec<u8>) -> HttpRequest {
        let mut headers = self.headers();
        headers.push(("content-type".into(), HeaderValue::Plain(kind.into())));
        let url = format!("{}{below}", self.base);
        HttpRequest { verb: Verb::Post, url, headers, body, timeout: self.single.timeout }
    }

    /// Those of a single call but for the kind of its body: the key and the version.
    fn headers(&self) -> Vec<(String, HeaderValue)> {
        let kept = self.single.headers.iter();
        kept.filter(|(name, _)| !name.eq_ignore_ascii_case("content-type")).cloned().collect()
    }
}

impl Payload {
    /// Bytes until now.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// The id of a file or batch.
pub(super) fn id(object: &Value) -> Option<String> {
    object["id"].as_str().map(str::to_owned)
}

/// Lines of one of Anthropic's batches.
fn total(batch: &Value) -> u64 {
    let counts = batch["request_counts"].as_object();
    counts.into_iter().flat_map(|c| c.values()).filter_map(Value::as_u64).sum()
}

/// The status that a single call with this error has: Anthropic's table of errors.
fn error_status(error: &Value) -> Option<u64> {
    let inner = if error["error"].is_object() { &error["error"] } else { error };
    Some(match inner["type"].as_str()? {
        "invalid_request_error" => 400,
        "authentication_error" => 401,
        "billing_error" => 402,
        "permission_error" => 403,
        "not_found_error" => 404,
        "request_too_large" => 413,
        "rate_limit_error" => 429,
        "overloaded_error" => 529,
        _ => 500,
    })
}

#[cfg(test)]
mod tests;
