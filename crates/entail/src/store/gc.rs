//! `entail store gc`: what none of the named studies needs. It is shown first, and removed when that is confirmed.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use entail_provider::Origin;
use entail_schema::Key;
use entail_study::{Narrow, Plan, Reach, Shelf};
use serde_json::json;

use super::GcArgs;
use crate::registration;
use crate::run::{Failure, Place, load_narrow, program_hash, results_key};
use crate::speech::{print, talk};

/// What would go.
struct Rubbish {
    completions: Vec<Key>,
    artifacts: Vec<Artifact>,
    half_written: Vec<PathBuf>,
}

#[derive(serde::Serialize)]
struct Artifact {
    key: Key,
    /// What it is, told from its files.
    kind: &'static str,
    bytes: u64,
}

pub(crate) fn gc(args: &GcArgs) -> Result<(), Failure> {
    let plans: Vec<Plan> =
        args.studies.iter().map(|study| plans(study)).collect::<Result<Vec<_>, _>>()?.concat();
    args.store.exists()?;
    let folder = &args.store.folder;
    let place = if args.yes { Place::open_alone(folder)? } else { Place::open(folder)? };
    let mut reach = Reach::default();
    let program = program_hash()?;
    for plan in &plans {
        reach.extend(plan.reach());
        if let Some(found) = registration::find(plan, &place)? {
            for stage in [None, plan.first_stage()] {
                reach.artifacts.insert(results_key(plan, stage.as_ref(), found.counts, program));
            }
        }
    }
    let rubbish = rubbish(args, &place, &reach)?;
    tell(args, &rubbish)?;
    if args.yes {
        remove(args, &place, &rubbish)?;
    } else {
        talk(format_args!("nothing was removed; --yes removes this"));
    }
    Ok(())
}

/// A study, and what `--limit` makes of it: fewer prompts have readings and results of their own.
fn plans(study: &Path) -> Result<Vec<Plan>, Failure> {
    let whole = load_narrow(study, &Narrow::default())?.plan;
    let limits = 1..whole.most_prompts();
    let narrowed = limits.map(|limit| {
        let narrow = Narrow { limit: Some(limit), ..Narrow::default() };
        load_narrow(study, &narrow).map(|study| study.plan)
    });
    let mut plans = narrowed.collect::<Result<Vec<_>, _>>()?;
    plans.push(whole);
    Ok(plans)
}

fn rubbish(args: &GcArgs, place: &Place, reach: &Reach) -> Result<Rubbish, Failure> {
    let failed = |error| args.store.failure(error);
    let mut completions = Vec::new();
    let captures = args.captures.then_some(Origin::Capture);
    for origin in [Origin::Study].into_iter().chain(captures) {
        let keys = place.completions.keys(origin).map_err(|error| place.store_failure(error))?;
        completions.extend(keys.into_iter().filter(|key| !reach.completions.contains(key)));
    }
    let artifacts = artifacts(args, place, reach).map_err(failed)?;
    let half_written = place.shelf.abandoned(now()).map_err(failed)?;
    Ok(Rubbish { completions, artifacts, half_written })
}

fn now() -> SystemTime {
    SystemTime::now()
}

fn artifacts(args: &GcArgs, place: &Place, reach: &Reach) -> io::Result<Vec<Artifact>> {
    let mut rubbish = Vec::new();
    // What a training run that stays was trained on stays with it.
    let mut datasets = BTreeSet::new();
    for key in place.shelf.keys()? {
        let kind = kind(place, &key)?;
        let reached = reach.artifacts.contains(&key);
        if reached || kind == REGISTRATION || kind == TRAINING_RUN && !args.adapters {
            let recipe = place.shelf.recipe(&key)?.unwrap_or_default();
            datasets.extend(recipe["dataset"].as_str().and_then(Key::parse));
        } else {
            rubbish.push(Artifact { key, kind, bytes: place.shelf.size(&key)? });
        }
    }
    rubbish.retain(|artifact| !datasets.contains(&artifact.key));
    Ok(rubbish)
}

const TRAINING_RUN: &str = "training run";
const REGISTRATION: &str = "registration";

/// What an artifact is. What has a recipe and is no organism counts as a training run: paid for, perhaps, by the hour.
fn kind(place: &Place, key: &Key) -> io::Result<&'static str> {
    if let Some(recipe) = place.shelf.recipe(key)? {
        return Ok(if recipe["step"] == "organism" { "organism" } else { TRAINING_RUN });
    }
    let kinds = [
        ("facts.json", TRAINING_RUN),
        (registration::FILE, REGISTRATION),
        ("rows.jsonl", "dataset"),
        ("pool.json", "row pool"),
        ("readings.json", "readings"),
        ("tables.json", "results"),
    ];
    for (file, kind) in kinds {
        if place.shelf.get(key, file)?.is_some() {
            return Ok(kind);
        }
    }
    Ok("other")
}

fn tell(args: &GcArgs, rubbish: &Rubbish) -> Result<(), Failure> {
    let bytes: u64 = rubbish.artifacts.iter().map(|artifact| artifact.bytes).sum();
    if args.store.json {
        let json = json!({
            "removed": args.yes, "completions": rubbish.completions, "artifacts": rubbish.artifacts,
            "half_written": rubbish.half_written, "bytes": bytes,
        });
        return print(&format!("{json:#}\n"));
    }
    let mut text = format!(
        "{} completions, {} artifacts in {bytes} bytes, {} half-written\n",
        rubbish.completions.len(),
        rubbish.artifacts.len(),
        rubbish.half_written.len()
    );
    text.extend(rubbish.artifacts.iter().map(|Artifact { key, kind, bytes }| {
        format!("{kind:<14} {} {bytes:>12} bytes\n", key.short())
    }));
    let half_written = rubbish.half_written.iter();
    text.extend(half_written.map(|path| format!("half-written   {}\n", path.display())));
    print(&text)
}

fn remove(args: &GcArgs, place: &Place, rubbish: &Rubbish) -> Result<(), Failure> {
    let removed = place.completions.remove(&rubbish.completions);
    removed.map_err(|error| place.store_failure(error))?;
    let artifacts = rubbish.artifacts.iter().try_for_each(|a| place.shelf.remove(&a.key));
    let all = artifacts.and_then(|()| rubbish.half_written.iter().try_for_each(fs::remove_dir_all));
    all.map_err(|error| args.store.failure(error))
}
