//! Pre-registration: what is planned is written down before the first answer is there.

use std::time::{SystemTime, UNIX_EPOCH};

use entail_schema::{Key, Registration};
use entail_study::{Plan, RunError, Shelf};

use crate::plan::idle;
use crate::run::{Failure, Place, Study};

/// Name of the file, in the store and beside the results.
pub(crate) const FILE: &str = "registration.json";

/// When it was written down.
const TIME: &str = "seconds-since-1970";

/// A plan that was written down.
pub(crate) struct Registered {
    pub(crate) counts: Registration,
    pub(crate) bytes: Vec<u8>,
}

/// The registration of a plan, made on its first run and never changed after.
pub(crate) fn ensure(study: &Study, place: &Place) -> Result<Registered, Failure> {
    let plan = &study.plan;
    let key = key(plan);
    let failed = |source| Failure::Run(RunError::Shelf { key, source });
    if !place.shelf.has(&key).map_err(failed)? {
        let steps =
            entail_study::status(plan, idle(place)).map_err(|error| place.failure(error))?;
        let answers = steps.iter().filter(|step| step.kind == "completion");
        let (before, all) = answers.fold((0, 0), |(before, all), step| {
            (before + step.cached, all + step.cached + step.to_do)
        });
        let counts = Registration { answers_before: before, answers: all };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let frozen = serde_json::json!({
            "registration": counts,
            TIME: now.map_or(0, |d| d.as_secs()),
            "frozen": plan.frozen(&study.spec),
        });
        let bytes = format!("{frozen:#}\n").into_bytes();
        place.shelf.put(&key, &[(FILE, bytes)]).map_err(failed)?;
    }
    find(plan, place)?.ok_or_else(|| damaged(key, "the file is missing"))
}

/// When a plan was first run, in seconds since 1970; `None` if it never was.
pub(crate) fn begun(plan: &Plan, place: &Place) -> Result<Option<u64>, Failure> {
    let Some(found) = find(plan, place)? else { return Ok(None) };
    let json: serde_json::Value = serde_json::from_slice(&found.bytes)
        .map_err(|error| damaged(key(plan), &error.to_string()))?;
    let time = json[TIME].as_u64();
    time.map(Some).ok_or_else(|| damaged(key(plan), "it does not say when it was written"))
}

/// The registration of a plan, if it was ever run.
pub(crate) fn find(plan: &Plan, place: &Place) -> Result<Option<Registered>, Failure> {
    let key = key(plan);
    let failed = |source| Failure::Run(RunError::Shelf { key, source });
    let Some(bytes) = place.shelf.get(&key, FILE).map_err(failed)? else { return Ok(None) };
    let json: serde_json::Value =
        serde_json::from_slice(&bytes).map_err(|error| damaged(key, &error.to_string()))?;
    let counts = serde_json::from_value(json["registration"].clone())
        .map_err(|error| damaged(key, &error.to_string()))?;
    Ok(Some(Registered { counts, bytes }))
}

fn key(plan: &Plan) -> Key {
    Key::of(&("registration", plan.key()))
}

fn damaged(key: Key, what: &str) -> Failure {
    Failure::Run(RunError::Damaged { key, file: FILE, source: what.to_owned().into() })
}
