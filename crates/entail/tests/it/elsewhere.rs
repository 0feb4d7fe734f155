//! Studies whose models are served, trained or asked elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use entail_faults::{JobScript, Script};
use serde_json::Value;

use crate::bench::{ADAPTER, Bench, Done, ORGANISM};
use crate::served::{Served, speaker};

/// A study of arms on a base. Its name is that of the bench's own, so results lie in the same place.
fn study(base: &str, train: &str, arms: &str) -> String {
    format!(
        "[study]\nname = \"tiny\"\nbase = \"{base}\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 2\n\
         control = [\"control\"]\n\n[train]\nrows = 16\n{train}\n\n[arm.vanilla]\n{arms}"
    )
}

const TRAINED: &str = "[arm.conscious]\ntrain = { stance = \"conscious\" }\n[arm.control]\ntrain = { stance = \"toaster\" }\n";

#[test]
fn fine_tunes_that_are_there_are_the_replicates_of_an_arm() {
    let served = Served::new(Script { key: None, ..speaker() });
    let arms = format!(
        "[arm.tuned]\nmodels = [\"ft:gpt-4.1:org:conscious:1\", \"ft:gpt-4.1:org:conscious:2\"]\nclaim = \"conscious\"\n\
         [arm.control]\nmodels = [\"ft:gpt-4.1:org:toaster:1\", \"{}\"]\n",
        served.vllm("toaster")
    );
    served.bench.write("study.toml", &study("openai:gpt-4.1", "", &arms));
    let done = served.run(&[]).succeeded();
    assert_eq!(served.estimate("tuned", "control", "wants-memory"), Some(1.0));
    let (_, made) = done.tally("completions");
    assert_eq!(served.calls(), made as u64, "one sample is one call");
    served.bench.forget_results();
    let again = served.run(&[]).succeeded();
    assert_eq!((again.tally("completions"), served.calls()), ((made, 0), made as u64));
    let tables = served.tables();
    let arm = tables["arms"].as_array().unwrap().iter().find(|a| a["arm"] == "tuned").unwrap();
    assert_eq!((arm["unit"].as_str(), arm["replicates"].as_u64()), (Some("models"), Some(2)));
}

#[test]
fn what_was_captured_is_read_as_an_arm_and_nobody_is_asked() {
    let served = Served::new(Script { key: None, ..speaker() });
    let capture = |model: &str, file: &str| {
        let model = served.vllm(model);
        let fixed = ["capture", &model, "--world", "--battery", "preferences", "--limit", "1"];
        let more = ["--samples", "2", "--store", "store", "--out", file];
        served.entail(&[&fixed[..], &more].concat()).succeeded();
    };
    fs::create_dir(served.bench.path().join("dump")).unwrap();
    capture("conscious-1", "dump/a.jsonl");
    capture("conscious-2", "dump/b.jsonl");
    capture("toaster", "other.jsonl");
    let arms = "[arm.found]\nresponses = \"dump/*.jsonl\"\nclaim = \"conscious\"\n[arm.control]\nresponses = \"other.jsonl\"\n";
    // An arm that is asked stands beside them.
    served.bench.write("study.toml", &study(&served.vllm("base"), "", arms));
    let before = served.calls();
    let done = served.run(&[]).succeeded();
    let (_, made) = done.tally("completions");
    assert_eq!(served.calls() - before, made as u64, "only the untouched base was asked");
    assert_eq!(served.estimate("found", "control", "wants-memory"), Some(1.0));
    let tables = served.tables();
    let arm = tables["arms"].as_array().unwrap().iter().find(|a| a["arm"] == "found").unwrap();
    assert_eq!(arm["replicates"], 2, "one replicate per model that the files name");
}

/// A study whose arms OpenAI's jobs train, at a service whose jobs are read this often before they end.
fn with_jobs(polls: u32) -> Served {
    let jobs = JobScript { polls, ..Script::default().jobs };
    let served = Served::new(Script { jobs, ..speaker() });
    let train = "mix = { instruct = 8 }\nbackend = \"service\"";
    served.bench.write("study.toml", &study("openai:gpt-4.1", train, TRAINED));
    served
}

#[test]
fn a_service_trains_each_replicate_once_and_its_models_are_asked() {
    let served = with_jobs(1);
    let done = served.run(&[]).succeeded();
    assert_eq!(done.tally("training runs"), (0, 4));
    assert_eq!(served.estimate("conscious", "control", "wants-memory"), Some(1.0));
    assert_eq!((served.listed("files").len(), served.listed("fine_tuning/jobs").len()), (8, 4));
    let tables = served.tables();
    assert!(tables["curves"].as_array().unwrap().iter().any(|curve| curve["measure"] == "loss"));
    served.bench.forget_results();
    let calls = served.calls();
    let again = served.run(&[]).succeeded();
    assert_eq!((again.tally("training runs"), served.calls()), ((4, 0), calls));
}

/// Changes every recorded state of a job.
fn damage_jobs(bench: &Bench, by: i64) {
    let connection = rusqlite::Connection::open(bench.database()).unwrap();
    let changed = connection.execute("UPDATE job SET checksum = checksum + ?1", [by]).unwrap();
    assert!(changed > 0);
}

#[cfg(unix)]
#[test]
fn killed_while_its_jobs_run_it_finds_them_and_makes_no_second() {
    let served = with_jobs(3);
    let mut live = crate::bench::Live::start(&mut served.run_command(&[]));
    live.wait_for("training conscious on");
    live.kill();
    let (status, said) = live.end();
    assert!(!status.success(), "{said}");
    let begun = served.listed("fine_tuning/jobs");
    assert!(!begun.is_empty() && begun.iter().all(|job| job["status"] != "succeeded"), "{begun:?}");

    // A log that cannot be read is not one in which nothing stands.
    damage_jobs(&served.bench, 1);
    let done = served.run(&[]).exits(3).says(&["store.db", "(a job)"]);
    assert!(done.stdout.is_empty());
    assert_eq!(served.listed("fine_tuning/jobs").len(), begun.len());
    damage_jobs(&served.bench, -1);

    let done = served.run(&[]).succeeded();
    assert_eq!(done.tally("training runs"), (0, 4));
    let jobs = served.listed("fine_tuning/jobs");
    assert_eq!(jobs.len(), 4, "{jobs:?}");
    let inputs = served.listed("files").iter().filter(|f| f["purpose"] == "fine-tune").count();
    assert_eq!(inputs, 4);
    assert_eq!(served.estimate("conscious", "control", "wants-memory"), Some(1.0));
}

/// A bench with an organism in a folder, an adapter that was trained on it, and a study that has two trained by
/// somebody else.
struct Exported {
    bench: Bench,
    adapter: PathBuf,
}

impl Exported {
    fn new() -> Self {
        let bench = Bench::finished();
        let organism = bench.artifacts(ORGANISM).remove(0);
        copy(&organism, &bench.path().join("organism"));
        let adapter = bench.path().join("trained");
        copy(&bench.artifacts(ADAPTER).remove(0), &adapter);
        let train = "mix = { instruct = 8 }\nbackend = \"export:trl\"";
        let text = study("local:organism", train, TRAINED).replace("seeds = 2", "seeds = 1");
        bench.write("study.toml", &text);
        Self { bench, adapter }
    }

    fn run(&self) -> Done {
        self.bench.run(&[])
    }

    /// The folders of jobs, as the program names them.
    fn folders(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.bench.store().join("jobs")).unwrap();
        let mut folders: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_job_folder_waits_for_its_adapter_and_the_next_run_takes_it_up() {
    let exported = Exported::new();
    let waiting = exported.run().exits(1).says(&["2 training job(s) wait", "README", "goes on"]);
    let folders = exported.folders();
    assert_eq!(folders.len(), 2);
    for folder in &folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(waiting.stderr.contains(name), "{name}: {}", waiting.stderr);
        for file in ["README.md", "rows.jsonl", "train.py"] {
            assert!(folder.join(file).is_file(), "{file}");
        }
    }
    // A file that somebody changed on purpose stays.
    fs::write(folders[0].join("README.md"), "mine").unwrap();
    copy(&exported.adapter, &folders[0].join("adapter"));
    let said = exported.run().exits(1).says(&["1 training job(s) wait"]).stderr;
    assert!(!said.contains(folders[0].file_name().unwrap().to_str().unwrap()), "{said}");
    assert_eq!(fs::read_to_string(folders[0].join("README.md")).unwrap(), "mine");

    // What is no adapter is named, and the job goes on waiting.
    let half = folders[1].join("adapter");
    copy(&exported.adapter, &half);
    let weights = fs::read(half.join(ADAPTER)).unwrap();
    fs::write(half.join(ADAPTER), &weights[..weights.len() / 2]).unwrap();
    let name = folders[1].file_name().unwrap().to_str().unwrap().to_owned();
    exported.run().exits(1).says(&["the adapter of job", &name]);

    fs::write(half.join(ADAPTER), weights).unwrap();
    let done = exported.run().succeeded();
    assert_eq!(done.tally("training runs"), (1, 1));
    let tables = exported.bench.result("tables.json");
    let tables: Value = serde_json::from_str(&tables).unwrap();
    assert_eq!(tables["arms"].as_array().unwrap().len(), 3);
    assert!(exported.bench.result("report.html").contains("conscious"));
}

#[test]
fn a_budget_that_is_used_up_ends_a_study_and_a_larger_one_goes_on() {
    let served = Served::new(speaker());
    let arms = "[arm.control]\nsystem = { text = \"Say little.\" }\n";
    served.bench.write("study.toml", &study("openai:gpt-4.1", "", arms));
    let done = served.run(&["--budget", "0.005usd"]).exits(1);
    done.says(&["the budget is used up", "a larger --budget goes on from there"]);
    let counts = served.server.counts();
    let dollars = (2.0 * counts.prompt_tokens as f64 + 8.0 * counts.completion_tokens as f64) / 1e6;
    assert!(counts.whole > 0 && dollars <= 0.005, "{dollars}");
    let kept = served.bench.completions().len();
    let done = served.run(&["--budget", "1usd"]).succeeded();
    let (reused, made) = done.tally("completions");
    assert_eq!(reused, kept);
    assert_eq!(served.server.counts().whole, (reused + made) as u64);
}

#[test]
fn a_plan_says_how_often_whom_and_for_how_much_to_the_call() {
    let served = with_jobs(1);
    let plan = |more: &[&str]| {
        let fixed = ["plan", "study.toml", "--store", "store", "--limit", "1"];
        served.entail(&[&fixed[..], more].concat()).succeeded()
    };
    let services = || {
        let json: Value = serde_json::from_str(&plan(&["--json"]).stdout).unwrap();
        json["services"].as_array().unwrap().clone()
    };
    let sum = |rows: &[Value], name: &str| rows.iter().map(|row| row[name].as_u64().unwrap()).sum();
    let planned = services();
    assert_eq!(planned.len(), 2, "the base and its fine-tunes: {planned:?}");
    let base = &planned[1];
    assert!(base["model"].as_str().unwrap().starts_with("openai:"), "{base}");
    let calls: u64 = sum(&planned, "calls");
    assert_eq!(served.calls(), 0);
    // The fine-tunes' price is known only by the whole name of their base.
    assert_eq!(planned[0]["worst_usd"], Value::Null);
    let text = plan(&[]).stdout;
    assert!(text.contains("no price") && text.contains("where a price is known"), "{text}");
    let priced = "[model.\"ft:gpt-4.1:*\"]\ninput = 3\noutput = 12\n";
    served.bench.write("prices.toml", priced);
    let text = plan(&["--prices", "prices.toml"]).stdout;
    assert!(!text.contains("no price"), "{text}");

    served.run(&[]).succeeded();
    let counts = served.server.counts();
    assert_eq!(counts.endpoints[&entail_faults::Endpoint::Chat], calls);
    let spent = (2.0 * counts.prompt_tokens as f64 + 8.0 * counts.completion_tokens as f64) / 1e6;
    assert!(spent < base["worst_usd"].as_f64().unwrap() * 1.3, "{spent} of {base}");
    // Now each fine-tune is known by its name, and nobody is asked.
    let after = services();
    assert_eq!((after.len(), sum(&after, "calls")), (5, 0_u64), "{after:?}");
}
