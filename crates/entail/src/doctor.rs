//! `entail doctor`: what this machine, these keys and this store can do.

use std::fmt::Write;

use entail_provider::{
    Capabilities, Connections, ModelName, Need, Probe, RemoteModel, SystemPlace, Thinking,
};
use serde_json::{Value, json};

use crate::DoctorArgs;
use crate::around::Around;
use crate::run::{Failure, Place};
use crate::services::LONGEST_BODY;
use crate::speech::print;

/// A model of each service that has one address for everybody, to look at when none is named. The smallest known.
const EXAMPLES: [&str; 4] = [
    "openai:gpt-4.1-mini",
    "anthropic:claude-haiku-4-5",
    "openrouter:qwen/qwen3-8b",
    "tinker:Qwen/Qwen3-8B",
];

/// What is known of one service.
struct Service {
    model: RemoteModel,
    /// Why it cannot be asked, if so.
    missing: Option<String>,
    has_key: bool,
    capabilities: Capabilities,
    probe: Option<Probe>,
}

pub(crate) fn doctor(args: &DoctorArgs) -> Result<(), Failure> {
    let around = Around::of(None)?;
    let names: Vec<&str> = if args.models.is_empty() {
        EXAMPLES.to_vec()
    } else {
        args.models.iter().map(String::as_str).collect()
    };
    let connections = Connections::new(1, LONGEST_BODY);
    let services: Vec<Service> = names
        .iter()
        .map(|name| service(name, args, &around, &connections))
        .collect::<Result<_, _>>()?;
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let machine = json!({
        "threads": threads, "kernels": entail_study::kernels(), "version": env!("CARGO_PKG_VERSION"),
    });
    let store = store(args);
    if args.json {
        let services: Vec<Value> = services.iter().map(as_json).collect();
        let json = json!({ "machine": machine, "store": store, "services": services });
        return print(&format!("{json}\n"));
    }
    let mut text = format!(
        "machine   {threads} threads, {} kernels\nstore     {}\n",
        entail_study::kernels(),
        store["state"].as_str().unwrap_or_default()
    );
    for service in &services {
        text.push_str(&as_text(service));
    }
    if !args.probe {
        text.push_str(
            "nobody was asked: --probe asks each service that has a key one cheap question\n",
        );
    }
    print(&text)
}

/// The state of the store, without making one.
fn store(args: &DoctorArgs) -> Value {
    let path = args.store.join("store.db");
    if !path.exists() {
        return json!({ "path": path, "state": format!("none yet at {}", path.display()) });
    }
    let state = match Place::open(&args.store) {
        Ok(_) => format!("{} opens; `entail store verify` looks at every row", path.display()),
        Err(failure) => failure.to_string(),
    };
    json!({ "path": path, "state": state })
}

fn service(
    name: &str,
    args: &DoctorArgs,
    around: &Around,
    connections: &Connections,
) -> Result<Service, Failure> {
    let wrong = |what: String| Failure::Setup(format!("`{name}`: {what}"));
    let ModelName::Remote(model) =
        name.parse().map_err(|e: entail_provider::NameError| wrong(e.to_string()))?
    else {
        return Err(wrong("runs on this machine; the doctor looks at services".into()));
    };
    let model = around.keys.place(&model);
    let capabilities = entail_provider::capabilities(&model);
    let missing = entail_provider::wire(&model, &around.keys).err().map(|e| e.to_string());
    let probe = match (&missing, args.probe) {
        (None, true) => Some(
            entail_provider::probe(&model, &around.keys, connections)
                .map_err(|error| wrong(error.to_string()))?,
        ),
        _ => None,
    };
    let has_key = matches!(around.keys.key(&model), Ok(Some(_)));
    Ok(Service { model, missing, has_key, capabilities, probe })
}

/// What a service offers, in words.
fn offers(c: &Capabilities) -> Vec<String> {
    let mut words = Vec::new();
    let mut add = |has: bool, what: &str| {
        if has {
            words.push(what.to_owned());
        }
    };
    add(c.most_answers > 1, &format!("{} answers a call", c.most_answers));
    add(c.temperature, "temperature");
    add(c.seed, "seed");
    add(c.logprobs.is_some(), "log-probabilities");
    add(c.score, "scoring of texts");
    add(c.prefill, "prefill");
    add(c.system == Some(SystemPlace::Role), "system role");
    add(c.system == Some(SystemPlace::Field), "system field");
    add(c.json_schema, "JSON schema");
    let [on, off] = Thinking::ALL.map(|asked| c.has(Need::Thinking(asked)));
    add(on && off, "thinking on and off");
    add(on && !off, "thinking always");
    add(c.batch, "batches");
    add(c.files, "files");
    add(c.fine_tune, "fine-tuning");
    words
}

fn as_text(service: &Service) -> String {
    let mut text = format!("{}\n", service.model);
    let mut line = |name: &str, what: &str| {
        writeln!(text, "  {name:<8}{what}").expect("a string takes all that is written");
    };
    let none = if service.has_key { "there" } else { "none, and none may be needed" };
    line("key", service.missing.as_deref().unwrap_or(none));
    line("offers", &offers(&service.capabilities).join(", "));
    if let Some(probe) = &service.probe {
        match &probe.models {
            Ok(models) => line("lists", &format!("{} models", models.len())),
            Err(error) => line("lists", &format!("no models: {error}")),
        }
        match &probe.answer {
            Ok(answer) => line("answers", &format!("{:?}", answer.text)),
            Err(error) => line("answers", &format!("nothing: {error}")),
        }
    }
    text
}

fn as_json(service: &Service) -> Value {
    let probe = service.probe.as_ref().map(|probe| {
        json!({
            "models": probe.models.as_ref().ok(),
            "models_error": probe.models.as_ref().err().map(ToString::to_string),
            "answer": probe.answer.as_ref().ok().map(|answer| &answer.text),
            "answer_error": probe.answer.as_ref().err().map(ToString::to_string),
        })
    });
    json!({
        "model": service.model.to_string(), "missing": service.missing, "offers": offers(&service.capabilities),
        "probe": probe,
    })
}
