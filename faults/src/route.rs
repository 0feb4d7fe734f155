//! From an address to the code behind it, past the gates: key, rate limit, fault.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::batches::{self, Batch};
use crate::counts::Gate;
use crate::date::rfc3339;
use crate::files::Files;
use crate::jobs::{self, Job};
use crate::limit::{Buckets, Meter};
use crate::reply::{ApiError, Reply, Style};
use crate::wire::Request;
use crate::{Endpoint, Fault, Script, anthropic, chat, spoil};

/// What lasts between calls.
#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) script: Script,
    /// Address that clients reach, for links in answers.
    pub(crate) url: String,
    buckets: Option<Mutex<Buckets>>,
    world: Mutex<World>,
}

/// What clients have made.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) files: Files,
    pub(crate) batches: Vec<Batch>,
    pub(crate) jobs: Vec<Job>,
    /// Models that jobs made, with how often each is still said not to exist.
    pub(crate) trained: BTreeMap<String, u32>,
    /// Adapters that were loaded by name.
    pub(crate) adapters: BTreeSet<String>,
}

impl Provider {
    pub(crate) fn new(script: Script, url: String) -> Provider {
        let buckets = script.limit.map(|limit| Mutex::new(Buckets::new(limit)));
        Provider { script, url, buckets, world: Mutex::default() }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a model can be asked.
    pub(crate) fn check_model(&self, model: &str) -> Result<(), ApiError> {
        let models = &self.script.models;
        let mut world = self.world();
        let there = match world.trained.get_mut(model) {
            Some(loading) => {
                let loaded = *loading == 0;
                *loading = loading.saturating_sub(1);
                loaded
            }
            None => models.is_empty() || models.iter().any(|name| name == model),
        };
        if there || world.adapters.contains(model) {
            return Ok(());
        }
        Err(ApiError {
            status: 404,
            kind: "invalid_request_error",
            code: Some("model_not_found"),
            param: Some("model"),
            message: format!("the model `{model}` does not exist"),
        })
    }
}

/// Number and time of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) number: u64,
    /// Since the server started.
    pub(crate) elapsed: Duration,
    /// Since 1970.
    pub(crate) unix: Duration,
}

/// A reply, and what there is to count.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) endpoint: Endpoint,
    pub(crate) gate: Option<Gate>,
    /// The fault that the call met; none for a call that a gate turned away.
    pub(crate) fault: Option<Fault>,
    pub(crate) reply: Reply,
}

/// An address taken apart.
struct Place<'a> {
    /// Segments below the version.
    segments: Vec<&'a str>,
    /// Azure's deployment, which stands for the model.
    deployment: Option<&'a str>,
    style: Style,
}

/// `OpenAI` and vLLM serve under `/v1`, `OpenRouter` under `/api/v1`, Azure under `/openai` with or without `v1`.
fn place(path: &str) -> Place<'_> {
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let mut strip = |first: &str| {
        let has = segments.first() == Some(&first);
        if has {
            segments.remove(0);
        }
        has
    };
    let azure = strip("openai");
    let openrouter = strip("api");
    strip("v1");
    let deployment = if azure && strip("deployments") && !segments.is_empty() {
        Some(segments.remove(0))
    } else {
        None
    };
    let style = match segments.first() {
        Some(&"messages") => Style::Anthropic,
        _ if openrouter => Style::OpenRouter,
        _ => Style::OpenAi,
    };
    Place { segments, deployment, style }
}

fn endpoint(segments: &[&str]) -> Endpoint {
    match segments {
        ["chat", "completions"] => Endpoint::Chat,
        ["completions"] => Endpoint::Completions,
        ["messages"] => Endpoint::Messages,
        ["messages", "batches", ..] => Endpoint::MessageBatches,
        ["models", ..] => Endpoint::Models,
        ["files", ..] => Endpoint::Files,
        ["batches", ..] => Endpoint::Batches,
        ["fine_tuning", "jobs", ..] => Endpoint::Jobs,
        ["load_lora_adapter" | "unload_lora_adapter"] => Endpoint::Adapters,
        _ => Endpoint::Unknown,
    }
}

/// Answers one request; `drawn` is the fault of the call's number.
pub(crate) fn answer(
    provider: &Provider,
    request: &Request,
    call: Call,
    drawn: Option<Fault>,
) -> Answered {
    let place = place(&request.path);
    let endpoint = endpoint(&place.segments);
    let turned_away = |gate, reply| Answered { endpoint, gate: Some(gate), fault: None, reply };
    if provider.script.key.is_some() && provider.script.key != request.key {
        return turned_away(Gate::WrongKey, wrong_key(place.style));
    }
    let meter = provider.buckets.as_ref().map(|buckets| {
        // Four bytes to a token is the rule by which `OpenAI` meters a request before it is run.
        let cost = request.body.len() as f64 / 4.0;
        buckets.lock().unwrap_or_else(PoisonError::into_inner).take(call.elapsed, cost)
    });
    if let Some(wait) = meter.and_then(|meter| meter.wait) {
        let reply = spoil::too_many(place.style)
            .header("retry-after", spoil::whole_seconds(wait).to_string());
        return turned_away(Gate::Limited, metered(reply, meter, place.style, call.unix));
    }
    let instead = drawn.and_then(|fault| spoil::instead(fault, place.style));
    let reply = instead.unwrap_or_else(|| {
        serve(provider, request, &place, call)
            .unwrap_or_else(|error| Reply::error(place.style, &error))
    });
    let reply = metered(reply, meter, place.style, call.unix);
    Answered { endpoint, gate: None, fault: drawn, reply }
}

fn wrong_key(style: Style) -> Reply {
    let error = ApiError {
        status: 401,
        kind: "invalid_request_error",
        code: Some("invalid_api_key"),
        param: None,
        message: "the API key is not the right one".into(),
    };
    Reply::error(style, &error)
}

/// Adds the headers that tell how much is left.
fn metered(mut reply: Reply, meter: Option<Meter>, style: Style, unix: Duration) -> Reply {
    let Some(meter) = meter else { return reply };
    let levels = [("requests", Some(meter.requests)), ("tokens", meter.tokens)];
    let levels = levels.into_iter().filter_map(|(what, level)| Some((what, level?)));
    for (what, level) in levels {
        let (limit, left) = (format!("{:.0}", level.size), format!("{:.0}", level.left.floor()));
        let mut add = |name: String, value| reply.headers.push((name.into(), value));
        if style == Style::Anthropic {
            add(format!("anthropic-ratelimit-{what}-limit"), limit);
            add(format!("anthropic-ratelimit-{what}-remaining"), left);
            add(format!("anthropic-ratelimit-{what}-reset"), rfc3339(unix + level.reset));
        } else {
            add(format!("x-ratelimit-limit-{what}"), limit);
            add(format!("x-ratelimit-remaining-{what}"), left);
            add(format!("x-ratelimit-reset-{what}"), format!("{}ms", level.reset.as_millis()));
        }
    }
    reply
}

fn serve(
    provider: &Provider,
    request: &Request,
    place: &Place<'_>,
    call: Call,
) -> Result<Reply, ApiError> {
    let Place { segments, deployment, style } = place;
    let generate = |kind| chat::reply(provider, request, &call, kind, *deployment);
    match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["chat", "completions"]) => generate(chat::Kind::Chat(*style)),
        ("POST", ["completions"]) => generate(chat::Kind::Completion),
        ("POST", ["messages"]) => anthropic::reply(provider, request, &call),
        (_, ["messages", "batches", below @ ..] | ["batches", below @ ..]) => {
            batches::serve(provider, request, below, call, *style)
        }
        (_, ["files", below @ ..]) => provider.world().files.serve(request, below, call),
        (_, ["fine_tuning", "jobs", below @ ..]) => jobs::serve(provider, request, below, call),
        ("POST", ["load_lora_adapter"]) => load_adapter(provider, request),
        ("POST", ["unload_lora_adapter"]) => unload_adapter(provider, request),
        ("GET", ["models"]) => Ok(Reply::json(200, &models(provider))),
        ("GET", ["models", name]) => {
            provider.check_model(name)?;
            Ok(Reply::json(200, &model(name)))
        }
        _ => Err(ApiError::not_found(&request.path)),
    }
}

fn models(provider: &Provider) -> Value {
    let world = provider.world();
    let names = provider.script.models.iter().chain(world.trained.keys()).chain(&world.adapters);
    let data: Vec<Value> = names.map(|name| model(name)).collect();
    json!({ "object": "list", "data": data, "has_more": false })
}

fn model(name: &str) -> Value {
    json!({ "id": name, "object": "model", "created": 0, "owned_by": "stub" })
}

/// vLLM's `load_lora_adapter`.
fn load_adapter(provider: &Provider, request: &Request) -> Result<Reply, ApiError> {
    let body = chat::parse_object(&request.body)?;
    let (name, _) = (chat::text(&body, "lora_name")?, chat::text(&body, "lora_path")?);
    if !provider.world().adapters.insert(name.to_owned()) {
        let message = format!("the adapter `{name}` is loaded already");
        return Err(ApiError::bad(Some("lora_name"), message));
    }
    let done = format!("Success: adapter `{name}` was added");
    Ok(Reply::bytes(200, "text/plain", done.into_bytes()))
}

/// vLLM's `unload_lora_adapter`.
fn unload_adapter(provider: &Provider, request: &Request) -> Result<Reply, ApiError> {
    let body = chat::parse_object(&request.body)?;
    let name = chat::text(&body, "lora_name")?;
    if !provider.world().adapters.remove(name) {
        return Err(ApiError::not_found(name));
    }
    let done = format!("Success: adapter `{name}` was removed");
    Ok(Reply::bytes(200, "text/plain", done.into_bytes()))
}

/// The state that something is in after so many of the reads it takes.
pub(crate) fn stage(n_reads: u32, polls: u32, stages: &[&'static str]) -> &'static str {
    let place = n_reads as usize * stages.len() / polls.max(1) as usize;
    stages[place.min(stages.len() - 1)]
}

#[cfg(test)]
mod tests;
