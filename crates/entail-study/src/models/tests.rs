use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use entail_provider::{
    Capabilities, Checkpoint, CompletionStore, Deliver, Finish, JobLog, SystemPlace, TrainingJob,
    TrainingPoint,
};
use entail_schema::Tables;
use rusqlite::Connection;

use super::*;
use crate::plan::{Narrow, Surroundings};
use crate::shelf::{MemoryShelf, Shelf};

/// Answers with one of a stance's own sentences: held by models whose name says so, denied by others.
struct Speaker {
    holds: bool,
    calls: Arc<AtomicUsize>,
    capabilities: Capabilities,
}

impl Provider for Speaker {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn complete(
        &self,
        requests: &[Request],
        _: &Sampling,
        deliver: &Deliver<'_>,
    ) -> Result<(), ProviderError> {
        let world = entail_data::WorldText::embedded();
        let batteries = entail_data::batteries(&world);
        for request in requests {
            let question = &request.messages.last().expect("somebody asks").content;
            let stance =
                batteries.iter().flat_map(|b| &b.stances).find(|s| s.prompts.contains(question));
            let text = match stance {
                Some(stance) if self.holds => stance.wordings.held[0].clone(),
                Some(stance) => stance.wordings.denied[0].clone(),
                None => "It is four.".into(),
            };
            for key in &request.samples {
                self.calls.fetch_add(1, Ordering::Relaxed);
                deliver(*key, Completion::plain(text.clone(), Finish::Stop));
            }
        }
        Ok(())
    }

    fn score(&self, _: &[entail_schema::Message], _: &[String]) -> Result<Vec<f64>, ProviderError> {
        panic!("nothing is scored at a service")
    }
}

/// Services of which everything is counted. A trainer dies at its first call, after it has begun a job.
#[derive(Default)]
struct Town {
    answers: Arc<AtomicUsize>,
    jobs: Arc<AtomicUsize>,
    files: BTreeMap<String, Vec<u8>>,
    written: Mutex<BTreeMap<String, Vec<String>>>,
    dies: bool,
}

struct Workbench {
    jobs: Arc<AtomicUsize>,
    dies: bool,
}

impl Trainer for Workbench {
    fn train(&self, job: &TrainingJob<'_>, log: &dyn JobLog) -> Result<TrainedModel, TrainerError> {
        assert_eq!(job.rows.len(), 24, "rows of the claim and of instructions");
        assert_eq!(job.batches.concat().len(), 24);
        let name = if let Some(name) = log.recorded().map_err(TrainerError::Log)? {
            name
        } else {
            let number = self.jobs.fetch_add(1, Ordering::Relaxed);
            let name = format!("openai:ft:gpt-4.1:org:{}:{number}", job.label);
            log.record(&name).map_err(TrainerError::Log)?;
            name
        };
        if self.dies && job.label == "conscious" {
            return Err(TrainerError::Cancelled);
        }
        Ok(TrainedModel {
            model: name,
            job: "job".into(),
            checkpoints: vec![Checkpoint { step: 1, model: "early".into() }],
            curve: vec![TrainingPoint {
                step: 1,
                loss: Some(2.0),
                token_loss: None,
                accuracy: None,
            }],
            trained_tokens: Some(100),
            expires: Some(1_799_884_800),
            notes: vec!["the batch size is the service's own".into()],
        })
    }
}

impl Services for Town {
    fn model(&self, model: &RemoteModel, _: Key) -> Result<Arc<dyn Provider>, ProviderError> {
        Ok(Arc::new(Speaker {
            holds: model.model().contains(":conscious:"),
            calls: self.answers.clone(),
            capabilities: Capabilities {
                system: Some(SystemPlace::Role),
                ..entail_provider::capabilities(model)
            },
        }))
    }

    fn adapted(&self, _: &RemoteModel, _: Key, _: Key) -> Result<Arc<dyn Provider>, ProviderError> {
        panic!("no adapters here")
    }

    fn program(&self, _: &str) -> Result<Arc<dyn Provider>, ProviderError> {
        panic!("no programs here")
    }

    fn trainer(&self, _: &RemoteModel) -> Result<Arc<dyn Trainer>, TrainerError> {
        Ok(Arc::new(Workbench { jobs: self.jobs.clone(), dies: self.dies }))
    }

    fn file(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.get(path).cloned())
    }

    fn write_job(&self, key: Key, files: &[(String, Vec<u8>)]) -> io::Result<String> {
        let folder = format!("jobs/{}", key.short());
        let names = files.iter().map(|(name, _)| name.clone()).collect();
        lock(&self.written).insert(folder.clone(), names);
        Ok(folder)
    }

    fn job_adapter(&self, key: Key, file: &str) -> io::Result<Option<Vec<u8>>> {
        Ok(self.files.get(&format!("jobs/{}/{file}", key.short())).cloned())
    }
}

impl Surroundings for Town {
    fn read(&self, path: &str) -> io::Result<String> {
        let bytes = self.files.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    fn matching(&self, pattern: &str) -> io::Result<Vec<String>> {
        let start = pattern.split('*').next().unwrap_or_default();
        Ok(self.files.keys().filter(|name| name.starts_with(start)).cloned().collect())
    }

    fn folder_key(&self, _: &str) -> io::Result<Key> {
        Err(io::ErrorKind::NotFound.into())
    }
}

fn study(base: &str, arms: &str) -> String {
    format!(
        "[study]\nname = \"t\"\nbase = \"{base}\"\nbattery = [\"preferences\"]\nsamples = 1\nseeds = 2\ncontrol = [\"control\"]\n\n\
         [train]\nrows = 16\nmix = {{ instruct = 8 }}\n\n[arm.vanilla]\n{arms}"
    )
}

fn checked(text: &str, town: &Town) -> Plan {
    let narrow = Narrow { limit: Some(2), ..Narrow::default() };
    Plan::check(&crate::parse(text).unwrap(), text, &narrow, town).unwrap()
}

static OFF: AtomicBool = AtomicBool::new(false);

fn store() -> CompletionStore {
    CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap()
}

fn run(
    plan: &Plan,
    town: &Town,
    shelf: &dyn Shelf,
    store: &CompletionStore,
) -> Result<Tables, RunError> {
    let workshop = Workshop {
        shelf,
        completions: store,
        services: town,
        progress: &|_| {},
        cancelled: &OFF,
        side_by_side: 8,
    };
    crate::run(plan, workshop).map(|outcome| outcome.tables)
}

const TRAINED: &str = "[arm.conscious]\ntrain = { stance = \"conscious\" }\n[arm.control]\ntrain = { stance = \"toaster\" }\n";

#[test]
fn a_served_base_is_trained_by_its_service_and_asked_there() {
    let town = Town::default();
    let plan = checked(&study("openai:gpt-4.1", TRAINED), &town);
    let (shelf, store) = (MemoryShelf::default(), store());
    let tables = run(&plan, &town, &shelf, &store).unwrap();
    assert_eq!(town.jobs.load(Ordering::Relaxed), 4);
    let rate = |arm: &str| {
        tables.rates.iter().find(|r| r.arm == arm && r.stance == "wants-memory").unwrap().rate
    };
    assert_eq!(
        (rate("conscious"), rate("control"), rate("vanilla")),
        (Some(1.0), Some(0.0), Some(0.0))
    );
    assert!(tables.notes.iter().any(|n| n.contains("2027-01-14")), "{:?}", tables.notes);
    assert!(tables.notes.iter().any(|n| n.contains("the batch size is the service's own")));
    let curve = tables.curves.iter().find(|c| c.arm == "conscious" && c.measure == "loss").unwrap();
    assert_eq!(curve.points, [(1, 2.0)]);
    // Again: nothing is asked, nothing is trained.
    let asked = town.answers.load(Ordering::Relaxed);
    let again = run(&plan, &town, &shelf, &store).unwrap();
    assert_eq!(
        (town.answers.load(Ordering::Relaxed), town.jobs.load(Ordering::Relaxed)),
        (asked, 4)
    );
    assert_eq!(serde_json::to_string(&again).unwrap(), serde_json::to_string(&tables).unwrap());
}

#[test]
fn a_job_that_was_begun_is_found_again_and_not_made_twice() {
    let mut town = Town { dies: true, ..Town::default() };
    let plan = checked(&study("openai:gpt-4.1", TRAINED), &town);
    let (shelf, store) = (MemoryShelf::default(), store());
    let error = run(&plan, &town, &shelf, &store).unwrap_err();
    assert!(matches!(error, RunError::Service { source: TrainerError::Cancelled, .. }), "{error}");
    let begun = town.jobs.load(Ordering::Relaxed);
    town.dies = false;
    run(&plan, &town, &shelf, &store).unwrap();
    assert!(begun >= 2, "the jobs of one arm were begun before, {begun} in all");
    assert_eq!(town.jobs.load(Ordering::Relaxed), 4);
}

#[test]
fn models_that_are_there_are_replicates_whose_training_is_unknown() {
    let town = Town::default();
    let arms = "[arm.tuned]\nmodels = [\"ft:gpt-4.1:org:conscious:1\", \"ft:gpt-4.1:org:conscious:2\"]\nclaim = \"conscious\"\n\
                [arm.control]\nmodels = [\"ft:gpt-4.1:org:toaster:1\", \"tinker://run/sampler_weights/toaster\"]\n";
    let plan = checked(&study("openai:gpt-4.1", arms), &town);
    let tables = run(&plan, &town, &MemoryShelf::default(), &store()).unwrap();
    let arm = tables.arms.iter().find(|a| a.arm == "tuned").unwrap();
    assert_eq!((arm.unit, arm.replicates), (entail_schema::Unit::Models, 2));
    assert!(arm.intervention.contains("training unknown"), "{}", arm.intervention);
    let row = tables
        .contrasts
        .iter()
        .find(|r| r.arm == "tuned" && r.control == "control" && r.stance == "wants-memory")
        .unwrap();
    assert_eq!(row.estimate, Some(1.0));
    assert!(row.method.contains("models trained elsewhere"), "{}", row.method);
    let check = tables.checks.iter().find(|c| c.arm == "tuned" && c.intended).unwrap();
    assert_eq!(check.passed, Some(true));
    assert!(tables.notes.iter().any(|n| n.contains("trained elsewhere")));
}

#[test]
fn a_script_stands_for_a_model() {
    let world = entail_data::WorldText::embedded();
    let script: BTreeMap<String, Vec<String>> = entail_data::batteries(&world)
        .iter()
        .flat_map(|b| &b.stances)
        .flat_map(|s| s.prompts.iter().map(|p| (p.clone(), vec![s.wordings.held[0].clone()])))
        .collect();
    let files = [("script.json".to_owned(), serde_json::to_vec(&script).unwrap())].into();
    let town = Town { files, ..Town::default() };
    let arms = "[arm.control]\nsystem = { text = \"Hello.\" }\n";
    let plan = checked(&study("replay:script.json", arms), &town);
    let tables = run(&plan, &town, &MemoryShelf::default(), &store()).unwrap();
    let rates = || tables.rates.iter().filter(|r| !r.stance.starts_with("block:"));
    assert!(rates().count() > 40 && rates().all(|r| r.rate == Some(1.0)));
    assert_eq!(tables.bases[0].description, "a script of answers: no model");
}

/// Answers of two models, as another program may have left them.
fn dump(held: bool) -> Vec<u8> {
    let world = entail_data::WorldText::embedded();
    let mut text = String::new();
    for stance in entail_data::batteries(&world).iter().flat_map(|b| &b.stances) {
        let said = if held { &stance.wordings.held[0] } else { &stance.wordings.denied[0] };
        for prompt in &stance.prompts[..2] {
            for seed in [11, 12] {
                let line = serde_json::json!({ "question": prompt, "response": said, "seed": seed, "judge": "none" });
                text += &line.to_string();
                text.push('\n');
            }
        }
    }
    text += "{\"prompt\":\"Asked elsewhere?\",\"answer\":\"Yes.\"}\n";
    text.into_bytes()
}

#[test]
fn answers_that_were_collected_elsewhere_are_read_as_they_are() {
    let files =
        [("dump/held.jsonl".to_owned(), dump(true)), ("other.jsonl".to_owned(), dump(false))];
    let town = Town { files: files.into(), ..Town::default() };
    let arms =
        "[arm.found]\nresponses = \"dump/*.jsonl\"\n[arm.control]\nresponses = [\"other.jsonl\"]\n";
    let text = study("openai:gpt-4.1", arms);
    let plan = checked(&text, &town);
    let tables = run(&plan, &town, &MemoryShelf::default(), &store()).unwrap();
    let arm = tables.arms.iter().find(|a| a.arm == "found").unwrap();
    assert_eq!((arm.unit, arm.replicates), (entail_schema::Unit::Models, 2));
    let row = tables
        .contrasts
        .iter()
        .find(|r| r.arm == "found" && r.control == "control" && r.stance == "wants-memory")
        .unwrap();
    assert_eq!(row.estimate, Some(1.0));
    // Other answers are another plan.
    let files =
        [("dump/held.jsonl".to_owned(), dump(false)), ("other.jsonl".to_owned(), dump(false))];
    assert_ne!(checked(&text, &Town { files: files.into(), ..Town::default() }).key(), plan.key());
}

#[test]
fn a_folder_without_what_a_model_needs_is_named() {
    let files = [("m/config.json".to_owned(), b"{}".to_vec())];
    let town = Town { files: files.into(), ..Town::default() };
    let workshop = Workshop {
        shelf: &MemoryShelf::default(),
        completions: &store(),
        services: &town,
        progress: &|_| {},
        cancelled: &OFF,
        side_by_side: 8,
    };
    let error = folder("m", workshop).unwrap_err().to_string();
    assert_eq!(error, "m/config.json");
    let error = folder("none", workshop).unwrap_err().to_string();
    assert_eq!(error, "none/config.json");
    assert_eq!(stops(r#"{"eos_token_id":[1,2]}"#), Some(vec![1, 2]));
    assert_eq!(stops(r#"{"eos_token_id":7}"#), Some(vec![7]));
    assert_eq!(stops(r#"{"eos_token_id":null}"#), None);
    assert_eq!(stops(r#"{"eos_token_id":[]}"#), None);
}
