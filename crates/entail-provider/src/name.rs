//! The name of a model as a person writes it: the service that runs it, where that is not evident, and its own name
//! there. One syntax for all: `service:[URL#]model[@host,host]`.

use std::fmt;
use std::str::FromStr;

use serde::{Serialize, Serializer};
use ureq::http;

/// Who answers for a remote model, and so which dialect it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// OpenAI itself.
    OpenAi,
    /// OpenAI's models on Azure; the model is the name of a deployment.
    Azure,
    /// Anthropic.
    Anthropic,
    /// OpenRouter, which passes a request on to one of many hosts.
    OpenRouter,
    /// A vLLM server.
    Vllm,
    /// A llama.cpp server.
    LlamaCpp,
    /// An Ollama server.
    Ollama,
    /// Tinker's OpenAI-compatible inference.
    Tinker,
    /// Any other server that speaks OpenAI's chat completions.
    Compatible,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::OpenAi,
        Self::Azure,
        Self::Anthropic,
        Self::OpenRouter,
        Self::Vllm,
        Self::LlamaCpp,
        Self::Ollama,
        Self::Tinker,
        Self::Compatible,
    ];

    /// What stands before the colon of a model's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Azure => "azure",
            Self::Anthropic => "anthropic",
            Self::OpenRouter => "openrouter",
            Self::Vllm => "vllm",
            Self::LlamaCpp => "llamacpp",
            Self::Ollama => "ollama",
            Self::Tinker => "tinker",
            Self::Compatible => "compatible",
        }
    }

    /// The address that is meant when none is given; `None` where everybody has an address of their own.
    pub fn default_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAi => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::OpenRouter => Some("https://openrouter.ai/api/v1"),
            Self::Ollama => Some("http://localhost:11434/v1"),
            Self::Tinker => {
                Some("https://tinker.thinkingmachines.dev/services/tinker-prod/oai/api/v1")
            }
            Self::Azure | Self::Vllm | Self::LlamaCpp | Self::Compatible => None,
        }
    }

    /// An example of a name, for messages.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::OpenAi => "openai:gpt-4.1",
            Self::Azure => "azure:DEPLOYMENT",
            Self::Anthropic => "anthropic:claude-sonnet-4-5",
            Self::OpenRouter => "openrouter:org/name@host",
            Self::Vllm => "vllm:http://localhost:8000#model",
            Self::LlamaCpp => "llamacpp:http://localhost:8080#model",
            Self::Ollama => "ollama:model",
            Self::Tinker => "tinker://run/sampler_weights/name",
            Self::Compatible => "compatible:http://localhost:8000#model",
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Service {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A model that somebody else runs. As part of a recipe it is its service, its name, the hosts that it is pinned to,
/// and its address where that is not the service's own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RemoteModel {
    service: Service,
    model: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pinned: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
}

impl RemoteModel {
    /// Who answers for it.
    pub fn service(&self) -> Service {
        self.service
    }

    /// Its name there, which is a deployment on Azure.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The hosts of OpenRouter that alone may answer, first choice first; empty when any may.
    pub fn pinned(&self) -> &[String] {
        &self.pinned
    }

    /// The address, without a slash at its end, where it is not [`Service::default_url`].
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    /// Another model of the same service, such as an adapter that its server has loaded.
    #[must_use]
    pub fn named(self, model: &str) -> Self {
        Self { model: model.to_owned(), ..self }
    }

    /// The model at this address instead.
    ///
    /// # Errors
    /// [`AddressError`] when that is no address.
    pub fn at(self, url: &str) -> Result<Self, AddressError> {
        let url = base_url(self.service, url)?;
        let url = (self.service.default_url() != Some(&url)).then_some(url);
        Ok(Self { url, ..self })
    }

    fn parse(service: Service, text: &str) -> Result<Self, NameError> {
        let wrong = |what| NameError::Model { service, what };
        let (url, rest) = if text.starts_with("http://") || text.starts_with("https://") {
            let (url, model) =
                text.split_once('#').ok_or_else(|| wrong("no # with a model after the address"))?;
            (Some(url), model)
        } else {
            (None, text)
        };
        let (model, pinned) = match rest.split_once('@') {
            Some((model, hosts)) if service == Service::OpenRouter => {
                (model, hosts.split(',').map(str::to_owned).collect())
            }
            _ => (rest, Vec::new()),
        };
        check_model(service, model).map_err(wrong)?;
        check_hosts(&pinned).map_err(wrong)?;
        let named = Self { service, model: model.to_owned(), pinned, url: None };
        match url {
            Some(url) => named.at(url).map_err(|source| NameError::Address { service, source }),
            None if matches!(service, Service::Vllm | Service::LlamaCpp | Service::Compatible) => {
                Err(wrong("no address"))
            }
            None => Ok(named),
        }
    }
}

impl fmt::Display for RemoteModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.url {
            Some(url) => write!(f, "{}:{url}#{}", self.service, self.model)?,
            None if self.model.starts_with("tinker://") => f.write_str(&self.model)?,
            None => write!(f, "{}:{}", self.service, self.model)?,
        }
        if self.pinned.is_empty() { Ok(()) } else { write!(f, "@{}", self.pinned.join(",")) }
    }
}

/// A model, wherever it runs. [`fmt::Display`] gives the one way to write it, which reads as the same name again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ModelName {
    /// Somebody else runs it.
    Remote(RemoteModel),
    /// A folder with weights, run here.
    Local(String),
    /// A made model with known answers; what follows the colon.
    Organism(String),
    /// A file of answers that were given before.
    Replay(String),
}

impl FromStr for ModelName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.starts_with("ft:") {
            return RemoteModel::parse(Service::OpenAi, text).map(Self::Remote);
        }
        if text.starts_with("tinker://") {
            return RemoteModel::parse(Service::Tinker, text).map(Self::Remote);
        }
        let Some((kind, rest)) = text.split_once(':') else {
            return Err(NameError::NoService { found: shown(text) });
        };
        let whole = |make: fn(String) -> Self, kind| {
            if rest.is_empty() || rest.contains(char::is_control) {
                return Err(NameError::Rest { kind });
            }
            Ok(make(rest.to_owned()))
        };
        match kind {
            "local" => whole(Self::Local, "local"),
            "organism" => whole(Self::Organism, "organism"),
            "replay" => whole(Self::Replay, "replay"),
            _ => {
                let service = Service::ALL.into_iter().find(|service| service.as_str() == kind);
                let service = service.ok_or_else(|| NameError::NoService { found: shown(kind) })?;
                RemoteModel::parse(service, rest).map(Self::Remote)
            }
        }
    }
}

impl fmt::Display for ModelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Remote(model) => model.fmt(f),
            Self::Local(path) => write!(f, "local:{path}"),
            Self::Organism(text) => write!(f, "organism:{text}"),
            Self::Replay(path) => write!(f, "replay:{path}"),
        }
    }
}

/// Why a text is no model's name. Addresses are never printed: a key may stand in them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// No known word before a colon.
    #[error(
        "`{found}` names no service; a model is written {}, local:PATH, organism:… or replay:PATH",
        examples()
    )]
    NoService {
        /// What stands there, up to forty characters.
        found: String,
    },
    /// The service is known, but what follows is no model of it.
    #[error("{service}: {what}; expected such as `{}`", service.example())]
    Model {
        /// The service.
        service: Service,
        /// What is wrong.
        what: &'static str,
    },
    /// The address is none.
    #[error("{service}: {source}")]
    Address {
        /// The service.
        service: Service,
        /// What is wrong.
        source: AddressError,
    },
    /// Nothing after the colon, or something that cannot be printed.
    #[error("`{kind}:` is followed by nothing, or by control characters")]
    Rest {
        /// What stands before the colon.
        kind: &'static str,
    },
}

/// Why a text is no address of a server. The text is not repeated: a key may stand in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not http or https with a host.
    #[error("the address is not http:// or https:// with a host and a path")]
    Form,
    /// It holds a user or a password.
    #[error("the address holds a user or a password; keys are read from the environment or .env")]
    Login,
    /// It holds a query.
    #[error("the address holds a query (`?…`); keys are read from the environment or .env")]
    Query,
}

/// The address that paths are appended to. A server that is named without a path has its API under `/v1`, except
/// those whose paths bring their own.
pub(crate) fn base_url(service: Service, text: &str) -> Result<String, AddressError> {
    if text.contains('@') {
        return Err(AddressError::Login);
    }
    if text.contains('?') {
        return Err(AddressError::Query);
    }
    if text.contains('#') {
        return Err(AddressError::Form);
    }
    let uri: http::Uri = text.parse().map_err(|_| AddressError::Form)?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(AddressError::Form);
    };
    // A port that is no number passes the parser.
    let port_stands =
        authority.as_str().rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
    if !matches!(scheme, "http" | "https")
        || authority.host().is_empty()
        || (port_stands && authority.port_u16().is_none())
    {
        return Err(AddressError::Form);
    }
    let path = uri.path().trim_end_matches('/');
    let path = match service {
        Service::Anthropic => path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/'),
        Service::Azure => path,
        _ if path.is_empty() => "/v1",
        _ => path,
    };
    Ok(format!("{scheme}://{}{path}", authority.as_str().to_ascii_lowercase()))
}

fn check_model(service: Service, model: &str) -> Result<(), &'static str> {
    if model.is_empty() {
        return Err("no model");
    }
    if model.trim() != model || model.contains(char::is_control) {
        return Err("a model with white space around it or with control characters");
    }
    match service {
        // The name becomes part of an address.
        Service::Azure
            if !model
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')) =>
        {
            Err("a deployment with other characters than letters, digits, `-`, `_` and `.`")
        }
        Service::OpenRouter if !model.contains('/') => {
            Err("a model without an organisation before a /")
        }
        Service::Tinker if model.contains("tinker://") && !is_sampler(model) => Err(
            "a path that is not tinker://run/sampler_weights/name (training state cannot be sampled)",
        ),
        _ => Ok(()),
    }
}

/// Whether a Tinker path, maybe behind `base;`, leads to weights that can be sampled from.
fn is_sampler(model: &str) -> bool {
    let path = match model.split_once(";tinker://") {
        Some((base, path)) if !base.is_empty() => Some(path),
        _ => model.strip_prefix("tinker://"),
    };
    path.and_then(|path| path.split_once("/sampler_weights/"))
        .is_some_and(|(run, name)| !run.is_empty() && !name.is_empty())
}

fn check_hosts(hosts: &[String]) -> Result<(), &'static str> {
    let strange = |host: &String| {
        host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '@')
    };
    if hosts.iter().any(strange) {
        return Err("an empty or strange host after the @");
    }
    let twice = (1..hosts.len()).any(|i| hosts[..i].contains(&hosts[i]));
    if twice { Err("a host that is named twice") } else { Ok(()) }
}

/// The beginning of a text, for a message; nothing of what may be a login in an address.
fn shown(text: &str) -> String {
    if text.contains('@') { "…".into() } else { text.chars().take(40).collect() }
}

fn examples() -> String {
    Service::ALL.map(Service::example).join(", ")
}

#[cfg(test)]
mod tests;
