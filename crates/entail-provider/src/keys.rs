//! Keys and addresses from the environment and from a `.env` file. Nothing in here can be printed.

use std::collections::BTreeMap;
use std::fmt;

use crate::name::{AddressError, RemoteModel, Service, base_url};
use crate::{Secret, dotenv};

/// The variables of a service.
struct Variables {
    /// Holds the key.
    key: &'static str,
    /// Whether there is no answer without it.
    needed: bool,
    /// Holds an address that takes the place of the service's own.
    url: Option<&'static str>,
}

/// Names as the services' own clients have them; a compatible server has none, so it gets a name of its own: a key
/// of one service is never sent to another's address.
fn variables(service: Service) -> Variables {
    let (key, needed, url) = match service {
        Service::OpenAi => ("OPENAI_API_KEY", true, Some("OPENAI_BASE_URL")),
        Service::Azure => ("AZURE_OPENAI_API_KEY", true, Some("AZURE_OPENAI_ENDPOINT")),
        Service::Anthropic => ("ANTHROPIC_API_KEY", true, Some("ANTHROPIC_BASE_URL")),
        Service::OpenRouter => ("OPENROUTER_API_KEY", true, Some("OPENROUTER_BASE_URL")),
        Service::Vllm => ("VLLM_API_KEY", false, None),
        Service::LlamaCpp => ("LLAMA_API_KEY", false, None),
        Service::Ollama => ("OLLAMA_API_KEY", false, None),
        // TINKER_BASE_URL is the address of the whole service; inference lies below it.
        Service::Tinker => ("TINKER_API_KEY", true, Some("TINKER_BASE_URL")),
        Service::Compatible => ("COMPATIBLE_API_KEY", false, None),
    };
    Variables { key, needed, url }
}

/// Variables that are neither a key nor an address.
const OTHERS: [&str; 3] = ["OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "AZURE_OPENAI_API_VERSION"];

/// Where inference lies below Tinker's address.
const TINKER_INFERENCE: &str = "/oai/api/v1";

/// What a person has set: a key and maybe an address for each service.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Keys {
    secrets: BTreeMap<Service, Secret>,
    urls: BTreeMap<Service, String>,
    others: BTreeMap<&'static str, String>,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(hidden)")
    }
}

impl Keys {
    /// Asks the environment for each variable, and where it has nothing (or nothing but white space), the text of a
    /// `.env` file.
    ///
    /// # Errors
    /// [`KeysError`] for a line of the file that cannot be read and for a variable that holds no address.
    pub fn read(
        environment: &dyn Fn(&str) -> Option<String>,
        dotenv: Option<&str>,
    ) -> Result<Self, KeysError> {
        let file =
            dotenv::parse(dotenv.unwrap_or_default()).map_err(|line| KeysError::Line { line })?;
        let value = |name: &str| {
            let stands = |text: &String| !text.trim().is_empty();
            let text = environment(name).filter(stands);
            let text = text.or_else(|| file.get(name).cloned().filter(stands));
            text.map(|text| text.trim().to_owned())
        };
        let mut keys = Self::default();
        for service in Service::ALL {
            let variables = variables(service);
            if let Some(key) = value(variables.key).and_then(|text| Secret::new(&text)) {
                keys.secrets.insert(service, key);
            }
            let Some(variable) = variables.url else { continue };
            let Some(text) = value(variable) else { continue };
            let text = match service {
                Service::Tinker => format!("{}{TINKER_INFERENCE}", text.trim_end_matches('/')),
                _ => text,
            };
            let url = base_url(service, &text)
                .map_err(|source| KeysError::Address { variable, source })?;
            keys.urls.insert(service, url);
        }
        keys.others = OTHERS.into_iter().filter_map(|name| Some((name, value(name)?))).collect();
        Ok(keys)
    }

    /// The key that a model needs; `None` for a server of one's own that may do without.
    ///
    /// # Errors
    /// [`MissingKey`] when there is none and the service wants one.
    pub fn key(&self, model: &RemoteModel) -> Result<Option<&Secret>, MissingKey> {
        let variables = variables(model.service());
        match self.secrets.get(&model.service()) {
            None if variables.needed => {
                Err(MissingKey { variable: variables.key, model: model.to_string() })
            }
            key => Ok(key),
        }
    }

    /// The model at the address that the environment gives for its service, so that the recipe of an answer tells a
    /// proxy or another region from the service itself. A model that names its address keeps it.
    pub fn place(&self, model: &RemoteModel) -> RemoteModel {
        match (model.url(), self.urls.get(&model.service())) {
            (None, Some(url)) => {
                model.clone().at(url).expect("an address was checked when it was read")
            }
            _ => model.clone(),
        }
    }

    /// The address that the environment gives for a service.
    pub(crate) fn url(&self, service: Service) -> Option<&str> {
        self.urls.get(&service).map(String::as_str)
    }

    /// A variable that is neither a key nor an address.
    pub(crate) fn other(&self, variable: &str) -> Option<&str> {
        self.others.get(variable).map(String::as_str)
    }
}

/// The variable that holds a service's key.
pub(crate) fn key_variable(service: Service) -> &'static str {
    variables(service).key
}

/// The variable that holds a service's address, where there is one.
pub(crate) fn url_variable(service: Service) -> Option<&'static str> {
    variables(service).url
}

/// Why the environment or a `.env` file cannot be used. Holds no content.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// A line of the file.
    #[error(
        "line {line} of the .env file is not NAME=value (its content is not shown: it may be a key)"
    )]
    Line {
        /// Counted from one.
        line: usize,
    },
    /// A variable that holds no address.
    #[error("{variable}: {source}")]
    Address {
        /// The variable.
        variable: &'static str,
        /// What is wrong.
        source: AddressError,
    },
}

/// A key is needed and there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{model} needs a key: set {variable} in the environment or in .env")]
pub struct MissingKey {
    /// The variable.
    pub variable: &'static str,
    /// The model.
    pub model: String,
}

#[cfg(test)]
mod tests;
