//! The few calls of the files and fine-tuning endpoints, each tried once.

use std::time::Duration;

use serde_json::{Value, json};

use super::{JobFlavour, JobService};
use crate::http::{HeaderValue, HttpRequest, Verb};
use crate::patience::{Line, Setback, path};
use crate::trainer::{RemoteSettings, TrainingJob};

/// Time of a small exchange, and of one with a file in it.
const SMALL: Duration = Duration::from_mins(1);
const LARGE: Duration = Duration::from_mins(10);
/// Rows of a page.
const PAGE: &str = "100";

/// Query of an address.
pub(super) type Query = [(&'static str, String)];

/// The endpoints of one service.
#[derive(Clone, Copy)]
pub(super) struct Api<'a> {
    pub(super) service: &'a JobService,
    pub(super) line: Line<'a>,
}

impl Api<'_> {
    pub(super) fn get(&self, path: &str, query: &Query) -> Result<Value, Setback> {
        self.line.json(&self.request(Verb::Get, path, query))
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Setback> {
        let request = self.request(Verb::Post, path, &[]);
        self.line.json(&with_body(request, "application/json", body.to_string().into_bytes()))
    }

    /// The content of a file.
    pub(super) fn bytes(&self, path: &str) -> Result<Vec<u8>, Setback> {
        let request = HttpRequest { timeout: LARGE, ..self.request(Verb::Get, path, &[]) };
        let response = self.line.send(&request)?;
        match response.status {
            200 => Ok(response.body),
            _ => Err(self.line.refusal(self::path(&request.url), &response).into()),
        }
    }

    /// Sends a training file under a name.
    pub(super) fn upload(&self, name: &str, content: &[u8]) -> Result<Value, Setback> {
        let (kind, body) = multipart(name, content);
        let request = HttpRequest { timeout: LARGE, ..self.request(Verb::Post, "files", &[]) };
        self.line.json(&with_body(request, &kind, body))
    }

    /// One page of a list.
    pub(super) fn page(&self, path: &str, query: &Query) -> Result<Vec<Value>, Setback> {
        let mut page = self.get(path, query)?;
        match page["data"].take() {
            Value::Array(rows) => Ok(rows),
            _ => Err(Setback::passing(format!("{path} answered no list"))),
        }
    }

    /// The first row of a list that fits, page by page.
    pub(super) fn find(
        &self,
        path: &str,
        query: &Query,
        fits: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>, Setback> {
        let mut found = None;
        self.walk(path, query, |row| {
            if found.is_none() && fits(&row) {
                found = Some(row);
            }
            found.is_none()
        })?;
        Ok(found)
    }

    /// All rows of a list.
    pub(super) fn all(&self, path: &str) -> Result<Vec<Value>, Setback> {
        let mut rows = Vec::new();
        self.walk(path, &[("limit", PAGE.to_owned())], |row| {
            rows.push(row);
            true
        })?;
        Ok(rows)
    }

    /// Visits rows until `visit` says no or the list ends.
    fn walk(
        &self,
        path: &str,
        query: &Query,
        mut visit: impl FnMut(Value) -> bool,
    ) -> Result<(), Setback> {
        let mut after: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.extend(after.clone().map(|after| ("after", after)));
            let mut page = self.get(path, &query)?;
            let more = page["has_more"] == true;
            let Value::Array(rows) = page["data"].take() else {
                return Err(Setback::passing(format!("{path} answered no list")));
            };
            let last = rows.last().and_then(|row| row["id"].as_str()).map(str::to_owned);
            if !rows.into_iter().all(&mut visit) || !more {
                return Ok(());
            }
            // A service that repeats a page would never end.
            if last.is_none() || last == after {
                return Ok(());
            }
            after = last;
        }
    }

    /// Azure filters nothing and gives all files at once.
    pub(super) fn files_query(&self) -> Vec<(&'static str, String)> {
        match self.service.flavour {
            JobFlavour::OpenAi => {
                vec![("purpose", "fine-tune".into()), ("limit", PAGE.to_owned())]
            }
            JobFlavour::Azure { .. } => Vec::new(),
        }
    }

    /// Only services that keep metadata can filter by it.
    pub(super) fn jobs_query(&self, key: &str) -> Vec<(&'static str, String)> {
        let mut query = vec![("limit", PAGE.to_owned())];
        if self.service.flavour == JobFlavour::OpenAi {
            query.push(("metadata[entail]", key.to_owned()));
        }
        query
    }

    /// The body that makes a job. Azure knows neither metadata nor methods: its job is found by its file.
    pub(super) fn job_body(&self, job: &TrainingJob<'_>, file: &str) -> Value {
        let settings = &job.settings;
        let mut hyperparameters =
            json!({ "n_epochs": settings.epochs, "batch_size": settings.batch });
        if let Some(multiplier) = settings.rate_multiplier {
            hyperparameters["learning_rate_multiplier"] = json!(multiplier);
        }
        let mut body = json!({
            "model": job.base,
            "training_file": file,
            "suffix": self.suffix(job.label),
            "seed": seed(settings),
        });
        match self.service.flavour {
            JobFlavour::OpenAi => {
                body["metadata"] = json!({ "entail": job.key });
                body["method"] = json!({
                    "type": "supervised",
                    "supervised": { "hyperparameters": hyperparameters },
                });
            }
            JobFlavour::Azure { .. } => body["hyperparameters"] = hyperparameters,
        }
        body
    }

    /// The label in letters, digits and dashes, as long as the service takes it.
    fn suffix(&self, label: &str) -> String {
        let longest = match self.service.flavour {
            JobFlavour::OpenAi => 64,
            JobFlavour::Azure { .. } => 18,
        };
        let words: Vec<&str> =
            label.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
        let suffix: String = words.join("-").chars().take(longest).collect();
        let suffix = suffix.trim_end_matches('-');
        if suffix.is_empty() { "entail".to_owned() } else { suffix.to_owned() }
    }

    fn request(&self, verb: Verb, path: &str, query: &Query) -> HttpRequest {
        let service = self.service;
        let mut pairs: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{}={}", escape(name), escape(value)))
            .collect();
        let key = service.key.clone();
        let key = match &service.flavour {
            JobFlavour::OpenAi => ("authorization", HeaderValue::Secret("Bearer ", key)),
            JobFlavour::Azure { api_version } => {
                pairs.push(format!("api-version={}", escape(api_version)));
                ("api-key", HeaderValue::Secret("", key))
            }
        };
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        HttpRequest {
            verb,
            url: format!("{}/{path}{query}", service.base),
            headers: vec![(key.0.to_owned(), key.1)],
            body: Vec::new(),
            timeout: SMALL,
        }
    }
}

/// A text field; empty where there is none.
pub(super) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

/// The id of what was found or made.
pub(super) fn id(object: &Value) -> Result<String, Setback> {
    match object["id"].as_str() {
        Some(id) if !id.is_empty() => Ok(id.to_owned()),
        _ => Err(Setback::passing(format!("an answer without an id: {object}"))),
    }
}

/// The part of the seed that fits: `OpenAI` takes 0 to 2³¹ − 1.
pub(super) fn seed(settings: &RemoteSettings) -> u64 {
    settings.init_seed & 0x7fff_ffff
}

fn with_body(mut request: HttpRequest, kind: &str, body: Vec<u8>) -> HttpRequest {
    request.headers.push(("content-type".to_owned(), HeaderValue::Plain(kind.to_owned())));
    request.body = body;
    request
}

/// Content type and body of a form (RFC 7578) with the purpose before the file, the order of the official client.
fn multipart(name: &str, content: &[u8]) -> (String, Vec<u8>) {
    // A line of the file starts with `{`, so this text is no line of it.
    let boundary = "entail-form-boundary-7d1c4a52e0";
    let head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nfine-tune\r\n\
         --{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         content-type: application/octet-stream\r\n\r\n"
    );
    let mut body = head.into_bytes();
    body.extend_from_slice(content);
    body.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={boundary}"), body)
}

/// Percent-encoding of all but unreserved characters (RFC 3986).
fn escape(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
