//! From a name and keys to a wire; a first look at a provider; adapters of a vLLM server.

use std::sync::Arc;
use std::time::Duration;

use entail_schema::Message;
use serde_json::{Value, json};

use crate::anthropic::{self, MessagesWire};
use crate::http::{HeaderValue, HttpRequest, HttpResponse, Transport, Verb};
use crate::keys::{Keys, MissingKey, key_variable, url_variable};
use crate::name::{RemoteModel, Service};
use crate::openai::{Access, ChatWire, Dialect, bearer};
use crate::refused::Caller;
use crate::{
    CallError, Capabilities, Clock, Completion, JobFlavour, JobService, JobTrainer, Sampling,
    Secret, TinkerService, TinkerTrainer, Trainer, TrainerError, WeightReduction, Wire,
};

/// The stable version of Azure's API that is asked for when `AZURE_OPENAI_API_VERSION` says nothing.
const AZURE_VERSION: &str = "2024-10-21";

/// Why there is no way to a model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// No key.
    #[error(transparent)]
    Key(#[from] MissingKey),
    /// No address.
    #[error("{model} needs an address: set {variable} in the environment or in .env")]
    NoAddress {
        /// The model.
        model: String,
        /// The variable.
        variable: &'static str,
    },
    /// A study's file names an address that is not the service's own, to which the key would be sent.
    #[error(
        "{model} is not at the address of {service}; its key is sent there only if {variable} names the same address"
    )]
    Elsewhere {
        /// The model.
        model: String,
        /// The service.
        service: Service,
        /// The variable.
        variable: &'static str,
    },
    /// Adapters of something that is no vLLM server.
    #[error("{model} loads no adapters; only a vLLM server does (`vllm:http://…#model`)")]
    NoAdapters {
        /// The model.
        model: String,
    },
}

/// A model with its address and key.
struct Place {
    service: Service,
    /// Without a slash at its end.
    base: String,
    headers: Vec<(String, HeaderValue)>,
    /// What follows the path, on Azure.
    query: String,
    pinned: Vec<String>,
    caller: Caller,
}

impl Place {
    fn of(model: &RemoteModel, keys: &Keys) -> Result<Self, ConnectError> {
        let service = model.service();
        let model = keys.place(model);
        let key = keys.key(&model)?.cloned();
        if let (Some(url), Some(variable)) = (model.url(), url_variable(service))
            && service != Service::Ollama
            && keys.url(service) != Some(url)
        {
            return Err(ConnectError::Elsewhere { model: model.to_string(), service, variable });
        }
        let base =
            model.url().or(service.default_url()).ok_or_else(|| ConnectError::NoAddress {
                model: model.to_string(),
                variable: url_variable(service).unwrap_or("an address in its name"),
            })?;
        let whole_api = service == Service::Azure && base.ends_with("/openai/v1");
        let query = if service == Service::Azure && !whole_api {
            format!(
                "?api-version={}",
                keys.other("AZURE_OPENAI_API_VERSION").unwrap_or(AZURE_VERSION)
            )
        } else {
            String::new()
        };
        let caller = Caller {
            name: model.to_string(),
            model: model.model().to_owned(),
            url: base.to_owned(),
            key_variable: key_variable(service),
            key: key.clone(),
        };
        let headers = headers(service, key.as_ref(), keys);
        let pinned = model.pinned().to_vec();
        Ok(Self { service, base: base.to_owned(), headers, query, pinned, caller })
    }

    fn request(&self, verb: Verb, path: &str, body: Vec<u8>) -> HttpRequest {
        HttpRequest {
            verb,
            url: format!("{}{path}{}", self.base, self.query),
            headers: self.headers.clone(),
            body,
            timeout: Duration::from_mins(1),
        }
    }

    fn wire(self) -> Box<dyn Wire> {
        let dialect = match self.service {
            Service::Anthropic => {
                let access =
                    Access { url: format!("{}/v1/messages", self.base), headers: self.headers };
                return Box::new(MessagesWire::new(access, self.caller));
            }
            Service::OpenAi => Dialect::OpenAi,
            Service::Azure => Dialect::Azure,
            Service::OpenRouter => Dialect::OpenRouter,
            Service::Vllm => Dialect::Vllm,
            Service::LlamaCpp => Dialect::LlamaCpp,
            Service::Ollama => Dialect::Ollama,
            Service::Tinker => Dialect::Tinker,
            Service::Compatible => Dialect::Compatible,
        };
        let path = match dialect {
            Dialect::Azure if !self.query.is_empty() => {
                format!("/openai/deployments/{}/chat/completions", self.caller.model)
            }
            _ => "/chat/completions".into(),
        };
        let access =
            Access { url: format!("{}{path}{}", self.base, self.query), headers: self.headers };
        Box::new(ChatWire::new(dialect, access, &self.pinned, self.caller))
    }
}

fn headers(service: Service, key: Option<&Secret>, keys: &Keys) -> Vec<(String, HeaderValue)> {
    let mut headers =
        vec![("content-type".to_owned(), HeaderValue::Plain("application/json".into()))];
    match service {
        Service::Anthropic => headers.extend(anthropic::headers(key)),
        Service::Azure => {
            headers.extend(key.map(|key| ("api-key".into(), HeaderValue::Secret("", key.clone()))));
        }
        _ => headers.extend(key.map(bearer)),
    }
    if service == Service::OpenAi {
        let named =
            [("openai-organization", "OPENAI_ORG_ID"), ("openai-project", "OPENAI_PROJECT_ID")];
        headers.extend(named.into_iter().filter_map(|(header, variable)| {
            Some((header.to_owned(), HeaderValue::Plain(keys.other(variable)?.to_owned())))
        }));
    }
    headers
}

/// The wire of a model.
///
/// # Errors
/// [`ConnectError`] when a key or an address is missing, or the key would be sent to a stranger.
pub fn wire(model: &RemoteModel, keys: &Keys) -> Result<Box<dyn Wire>, ConnectError> {
    Ok(Place::of(model, keys)?.wire())
}

/// What the service of a model offers for it. Needs no key and no address, so that a study can be planned without.
pub fn capabilities(model: &RemoteModel) -> Capabilities {
    let caller = Caller {
        name: model.to_string(),
        model: model.model().to_owned(),
        url: String::new(),
        key_variable: key_variable(model.service()),
        key: None,
    };
    let place = Place {
        service: model.service(),
        base: String::new(),
        headers: Vec::new(),
        query: String::new(),
        pinned: model.pinned().to_vec(),
        caller,
    };
    place.wire().capabilities().clone()
}

/// The trainer of a served base.
///
/// # Errors
/// [`TrainerError::Refused`] when a key or an address is missing, or the service does not train.
pub fn trainer(
    base: &RemoteModel,
    keys: &Keys,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn Trainer>, TrainerError> {
    let refused = |what: String| TrainerError::Refused { provider: base.to_string(), what };
    let place = Place::of(base, keys).map_err(|error| refused(error.to_string()))?;
    let no_key = || refused("no key".into());
    let key = place.caller.key.clone().ok_or_else(no_key)?;
    let jobs = |base: String, flavour: JobFlavour| JobService {
        name: place.service.to_string(),
        base,
        flavour,
        key: key.clone(),
        poll: POLL,
    };
    let jobs: JobService = match place.service {
        Service::OpenAi => jobs(place.base.clone(), JobFlavour::OpenAi),
        Service::Azure => {
            let named = keys.other("AZURE_OPENAI_API_VERSION").unwrap_or(AZURE_VERSION);
            let base = format!("{}/openai", place.base.trim_end_matches("/openai/v1"));
            jobs(base, JobFlavour::Azure { api_version: named.to_owned() })
        }
        Service::Tinker => {
            let service = TinkerService {
                base: place.base.trim_end_matches("/oai/api/v1").to_owned(),
                key: key.clone(),
                save_every: SAVE_EVERY,
                reduction: WeightReduction::Mean,
            };
            return Ok(Arc::new(TinkerTrainer::new(service, transport, clock)));
        }
        _ => return Err(refused("does not train".into())),
    };
    Ok(Arc::new(JobTrainer::new(jobs, transport, clock)))
}

/// Longest wait between two looks at a training job.
const POLL: Duration = Duration::from_secs(30);
/// Updates between two states that a killed process can go on from.
const SAVE_EVERY: usize = 20;

/// What a first look at a model found.
#[derive(Debug, Clone, PartialEq)]
pub struct Probe {
    /// What its service offers.
    pub capabilities: Capabilities,
    /// The models that the server lists, sorted; or why it lists none, which need not be a fault.
    pub models: Result<Vec<String>, CallError>,
    /// What it answers to one word, in at most sixteen tokens; or why it does not.
    pub answer: Result<Completion, CallError>,
}

/// Looks at a model once: the server's list of models, and one short answer. Costs less than a cent.
///
/// # Errors
/// As [`wire`].
pub fn probe(
    model: &RemoteModel,
    keys: &Keys,
    transport: &dyn Transport,
) -> Result<Probe, ConnectError> {
    let place = Place::of(model, keys)?;
    let path = match place.service {
        Service::Anthropic => "/v1/models",
        Service::Azure if !place.query.is_empty() => "/openai/models",
        _ => "/models",
    };
    let list = place.request(Verb::Get, path, Vec::new());
    let caller = place.caller.clone();
    let wire = place.wire();
    // Fewer tokens are an error for some models that reason first.
    let sampling = Sampling::new(1.0, 1.0, 16);
    let answer = transport
        .send(&wire.ask(&[Message::user("Hello")], &sampling, 1, 0))
        .map_err(CallError::from)
        .and_then(|response| wire.answers(&response))
        .map(|mut answers| answers.swap_remove(0));
    // Second: a server that fails to list its models, as `transformers serve` does without a cache, closes the
    // connection, and a question that comes then on the same one is lost.
    let models = transport
        .send(&list)
        .map_err(CallError::from)
        .and_then(|response| listed(&caller, &response));
    Ok(Probe { capabilities: wire.capabilities().clone(), models, answer })
}

fn listed(caller: &Caller, response: &HttpResponse) -> Result<Vec<String>, CallError> {
    if response.status != 200 {
        return Err(caller.refused(response));
    }
    let body: Value =
        serde_json::from_slice(&response.body).map_err(|_| caller.not_json(response))?;
    let models =
        body["data"].as_array().ok_or_else(|| caller.no_answer("a list of models", response))?;
    let mut models: Vec<_> =
        models.iter().filter_map(|model| model["id"].as_str().map(str::to_owned)).collect();
    models.sort();
    Ok(models)
}

/// The adapters of a vLLM server that was started with `--enable-lora` and `VLLM_ALLOW_RUNTIME_LORA_UPDATING=1`. A
/// loaded adapter is a model of its own name.
#[derive(Debug)]
pub struct Adapters {
    base: String,
    headers: Vec<(String, HeaderValue)>,
    caller: Caller,
}

impl Adapters {
    /// Those of the server of this model.
    ///
    /// # Errors
    /// [`ConnectError`] as in [`wire`], and for everything but vLLM.
    pub fn of(model: &RemoteModel, keys: &Keys) -> Result<Self, ConnectError> {
        if model.service() != Service::Vllm {
            return Err(ConnectError::NoAdapters { model: model.to_string() });
        }
        let Place { base, headers, caller, .. } = Place::of(model, keys)?;
        Ok(Self { base, headers, caller })
    }

    /// Asks to serve the adapter in a folder of the server's machine under a name. A name should tell the weights
    /// (such as their key), since a name that is taken stays what it was.
    pub fn load(&self, name: &str, folder: &str) -> HttpRequest {
        self.post("load_lora_adapter", &json!({"lora_name": name, "lora_path": folder}))
    }

    /// Asks to serve it no more.
    pub fn unload(&self, name: &str) -> HttpRequest {
        self.post("unload_lora_adapter", &json!({"lora_name": name}))
    }

    /// Whether the adapter is served after [`Adapters::load`]; that it was before is no error.
    ///
    /// # Errors
    /// [`CallError`] when it is not.
    pub fn loaded(&self, response: &HttpResponse) -> Result<(), CallError> {
        self.done(response, 400, "already")
    }

    /// Whether the adapter is gone after [`Adapters::unload`]; that it never was there is no error.
    ///
    /// # Errors
    /// [`CallError`] when it is not.
    pub fn unloaded(&self, response: &HttpResponse) -> Result<(), CallError> {
        self.done(response, 404, "cannot be found")
    }

    fn post(&self, path: &str, body: &Value) -> HttpRequest {
        HttpRequest {
            verb: Verb::Post,
            url: format!("{}/{path}", self.base),
            headers: self.headers.clone(),
            body: body.to_string().into_bytes(),
            // Weights are read from a disk.
            timeout: Duration::from_mins(10),
        }
    }

    fn done(&self, response: &HttpResponse, fine: u16, words: &str) -> Result<(), CallError> {
        let said = String::from_utf8_lossy(&response.body);
        match response.status {
            200 => Ok(()),
            status if status == fine && said.contains(words) => Ok(()),
            // The route itself is missing.
            404 | 405 if !said.contains("lora") => Err(CallError::Final {
                what: format!(
                    "{}: {} takes no adapters; start vLLM with --enable-lora and \
                     VLLM_ALLOW_RUNTIME_LORA_UPDATING=1",
                    self.caller.name, self.base
                ),
            }),
            _ => Err(self.caller.refused(response)),
        }
    }
}

#[cfg(test)]
mod tests;
