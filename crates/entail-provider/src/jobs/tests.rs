use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use entail_faults::{Endpoint, Fault, JobScript, Script, Server};

use super::*;
use crate::http::{HeaderValue, HttpRequest, HttpResponse, TransportError, Verb};
use crate::trainer::test_support::{
    Disk, FakeClock, MemoryLog, Parts, killed_and_again, log_fails_and_again,
};
use crate::{Connections, MachineClock};

/// A service in memory: lists in pages of two, states that take their time.
#[derive(Default)]
struct World(Mutex<Things>);

#[derive(Default)]
struct Things {
    files: Vec<Value>,
    jobs: Vec<Value>,
    looks: BTreeMap<String, usize>,
    requests: Vec<HttpRequest>,
    /// States of jobs, look by look; the last one stays.
    states: Vec<Value>,
    azure: bool,
}

impl World {
    fn new(states: &[Value]) -> Arc<Self> {
        let world = Self::default();
        world.things().states = states.to_vec();
        Arc::new(world)
    }

    fn succeeding() -> Arc<Self> {
        let done = json!({
            "status": "succeeded", "fine_tuned_model": "ft:gpt-4.1:org:x:abc", "trained_tokens": 77,
            "result_files": ["file-results"],
        });
        let running = ["validating_files", "queued", "running", "paused"];
        let mut states: Vec<Value> =
            running.iter().map(|status| json!({ "status": status })).collect();
        states.push(done);
        Self::new(&states)
    }

    fn things(&self) -> std::sync::MutexGuard<'_, Things> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Things {
    fn look(&mut self, id: &str) -> usize {
        let n = self.looks.entry(id.to_owned()).or_default();
        *n += 1;
        *n - 1
    }

    fn answer(&mut self, request: &HttpRequest) -> Option<Value> {
        let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
        let parts: Vec<&str> = path.split('/').skip(4).collect();
        let page = |rows: &[Value]| {
            let after = query.split('&').find_map(|pair| pair.strip_prefix("after="));
            let start =
                after.map_or(0, |id| rows.iter().position(|row| row["id"] == id).unwrap() + 1);
            let rest = &rows[start..];
            json!({ "data": rest[..rest.len().min(2)], "has_more": rest.len() > 2 })
        };
        Some(match (request.verb, &parts[..]) {
            (Verb::Get, ["files"]) => page(&self.files),
            (Verb::Post, ["files"]) => {
                let body = String::from_utf8(request.body.clone()).unwrap();
                let name = body.split("filename=\"").nth(1)?.split('"').next()?.to_owned();
                let id = format!("file-{}", self.files.len());
                self.files.push(json!({ "id": id, "filename": name, "status": "uploaded" }));
                self.files.last()?.clone()
            }
            (Verb::Get, ["files", "file-results", "content"]) => {
                return None;
            }
            (Verb::Get, ["files", id]) => {
                let status = if self.look(id) < 2 { "uploaded" } else { "processed" };
                json!({ "id": id, "status": status })
            }
            (Verb::Get, ["fine_tuning", "jobs"]) => page(&self.jobs),
            (Verb::Post, ["fine_tuning", "jobs"]) => {
                let mut job: Value = serde_json::from_slice(&request.body).unwrap();
                assert!(
                    !self.azure || job.get("metadata").is_none() && job.get("method").is_none()
                );
                job["id"] = json!(format!("ftjob-{}", self.jobs.len()));
                self.jobs.push(job.clone());
                job
            }
            (Verb::Get, ["fine_tuning", "jobs", id]) => {
                let n = self.look(id);
                let mut job = self.jobs.iter().find(|job| job["id"] == *id)?.clone();
                let state = &self.states[n.min(self.states.len() - 1)];
                job.as_object_mut()?.extend(state.as_object()?.clone());
                job
            }
            (Verb::Get, ["fine_tuning", "jobs", _, "events"]) => {
                let events: Vec<Value> = (1..=5).rev().map(|step| json!({
                    "id": format!("event-{step}"), "message": format!("Step {step}/5: …"),
                    "data": { "step": step, "total_steps": 5, "train_loss": 1.0 / f64::from(step) },
                })).collect();
                page(&events)
            }
            (Verb::Get, ["fine_tuning", "jobs", _, "checkpoints"]) => page(&[
                json!({ "id": "c2", "step_number": 5, "fine_tuned_model_checkpoint": "ft:abc" }),
                json!({ "id": "c1", "step_number": 3, "fine_tuned_model_checkpoint": "ft:abc:ckpt-step-3" }),
                json!({ "id": "c0", "step_number": 1, "fine_tuned_model_checkpoint": "ft:abc:ckpt-step-1" }),
            ]),
            _ => return None,
        })
    }
}

impl Transport for World {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let mut things = self.things();
        things.requests.push(request.clone());
        let (status, body) = match things.answer(request) {
            Some(value) => (200, value.to_string()),
            None => (404, json!({ "error": { "message": "no such thing" } }).to_string()),
        };
        Ok(HttpResponse { status, headers: Vec::new(), body: body.into_bytes() })
    }
}

fn service(base: String) -> JobService {
    JobService {
        name: "openai".into(),
        base,
        flavour: JobFlavour::OpenAi,
        key: Secret::new("sk-canary").unwrap(),
        poll: Duration::from_mins(1),
    }
}

fn trainer(transport: Arc<dyn Transport>) -> JobTrainer {
    JobTrainer::new(service("http://there/v1".into()), transport, Arc::new(FakeClock::default()))
}

fn azure(transport: Arc<dyn Transport>) -> JobTrainer {
    let service = JobService {
        name: "azure".into(),
        base: "http://there/openai".into(),
        flavour: JobFlavour::Azure { api_version: "2024-10-21".into() },
        ..service(String::new())
    };
    JobTrainer::new(service, transport, Arc::new(FakeClock::default()))
}

#[test]
fn a_job_runs_to_its_end_and_is_told_of() {
    let (world, parts, disk) = (World::succeeding(), Parts::new(12), Disk::default());
    let model = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&disk)).unwrap();
    assert_eq!(model.model, "openai:ft:gpt-4.1:org:x:abc");
    assert_eq!((model.job.as_str(), model.trained_tokens), ("ftjob-0", Some(77)));
    assert_eq!(model.expires, Some(1_799_884_800));
    let steps: Vec<u64> = model.curve.iter().map(|point| point.step).collect();
    assert_eq!(steps, [1, 2, 3, 4, 5]);
    assert_eq!(model.curve[2].loss, Some(1.0 / 3.0));
    let steps: Vec<u64> = model.checkpoints.iter().map(|checkpoint| checkpoint.step).collect();
    assert_eq!(steps, [1, 3, 5]);
    assert_eq!(model.checkpoints[0].model, "openai:ft:abc:ckpt-step-1");
    let told = disk.told.lock().unwrap();
    assert!(told.contains(&(5, 5, "paused".into())), "{told:?}");
    assert!(told.contains(&(0, 0, "file uploaded".into())), "{told:?}");
    let states = disk.states.lock().unwrap();
    let kinds: Vec<&str> = states.iter().filter_map(|state| state.split('"').nth(3)).collect();
    assert_eq!(kinds, ["uploading", "uploaded", "creating", "created"]);
}

#[test]
fn what_is_sent_is_what_the_service_documents() {
    let (world, parts) = (World::succeeding(), Parts::new(12));
    trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    let things = world.things();
    let sent = |path: &str| {
        let fits = |r: &&HttpRequest| r.verb == Verb::Post && r.url.ends_with(path);
        things.requests.iter().find(fits).unwrap()
    };
    let form = String::from_utf8(sent("/files").body.clone()).unwrap();
    let key = parts.job().key;
    assert!(form.find("fine-tune").unwrap() < form.find("filename").unwrap());
    assert!(form.contains(&format!("filename=\"entail-{key}.jsonl\"")));
    let lines: Vec<&str> = form.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), 12);
    assert_eq!(
        lines[3],
        r#"{"messages":[{"role":"user","content":"question 3"},{"role":"assistant","content":"\"yes\"\n"}]}"#
    );
    let body: Value = serde_json::from_slice(&sent("/jobs").body).unwrap();
    let hyperparameters =
        json!({ "n_epochs": 2, "batch_size": 4, "learning_rate_multiplier": 1.5 });
    assert_eq!(
        body,
        json!({
            "model": "gpt-4.1-2025-04-14", "training_file": "file-0", "suffix": "claim-conscious-arm",
            "seed": 7, "metadata": { "entail": key.to_string() },
            "method": { "type": "supervised", "supervised": { "hyperparameters": hyperparameters } },
        })
    );
    let bearer = HeaderValue::Secret("Bearer ", Secret::new("sk-canary").unwrap());
    assert!(
        things.requests.iter().all(|r| r.headers[0] == ("authorization".into(), bearer.clone()))
    );
    assert!(!format!("{:?} {:?}", things.requests, trainer(world.clone())).contains("canary"));
}

#[test]
fn azure_has_its_own_manners() {
    let (world, parts) = (World::succeeding(), Parts::new(10));
    world.things().azure = true;
    let model =
        azure(world.clone()).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    assert_eq!(model.model, "azure:ft:gpt-4.1:org:x:abc");
    assert_eq!(model.expires, None);
    assert!(model.notes.iter().any(|note| note.contains("deploy ft:gpt-4.1:org:x:abc by hand")));
    let things = world.things();
    for request in &things.requests {
        assert!(request.url.ends_with("api-version=2024-10-21"), "{}", request.url);
        assert_eq!(request.headers[0].0, "api-key");
        assert!(!request.url.contains("metadata"));
    }
    assert_eq!(things.jobs[0]["suffix"], "claim-conscious-ar");
    assert_eq!(things.jobs[0]["hyperparameters"]["n_epochs"], 2);
}

#[test]
fn a_killed_process_finds_its_file_and_its_job() {
    let makers: [fn(Arc<dyn Transport>) -> JobTrainer; 2] = [trainer, azure];
    for make in makers {
        let mut deaths = 0;
        loop {
            let world = World::succeeding();
            // Other files and jobs lie on other pages.
            for i in 0..5 {
                let mut things = world.things();
                things.files.push(json!({ "id": format!("other-{i}"), "filename": "other.jsonl" }));
                things
                    .jobs
                    .push(json!({ "id": format!("otherjob-{i}"), "training_file": "other" }));
            }
            let parts = Parts::new(10);
            let service: Arc<dyn Transport> = world.clone();
            let again = killed_and_again(deaths, &service, &parts.job(), |transport| {
                Box::new(make(transport))
            });
            let things = world.things();
            assert_eq!((things.files.len(), things.jobs.len()), (6, 6), "killed at {deaths}");
            let Some(again) = again else { break };
            assert_eq!(again.unwrap().job, "ftjob-5", "killed at {deaths}");
            drop(things);
            deaths += 1;
        }
        assert!(deaths > 30, "{deaths}");
    }
}

#[test]
fn a_log_that_fails_never_leads_to_a_second_job() {
    let mut failures = 0;
    loop {
        let (world, parts) = (World::succeeding(), Parts::new(10));
        let again = log_fails_and_again(failures, &parts.job(), &trainer(world.clone()));
        let things = world.things();
        assert_eq!((things.files.len(), things.jobs.len()), (1, 1), "failed at {failures}");
        let Some(again) = again else { break };
        assert_eq!(again.job, "ftjob-0", "failed at {failures}");
        failures += 1;
    }
    assert_eq!(failures, 5, "one look and four states");
}

#[test]
fn nothing_is_sent_where_the_log_is_not_understood() {
    let (world, parts, disk) = (World::succeeding(), Parts::new(10), Disk::default());
    disk.states.lock().unwrap().push(r#"{"state":"of a newer program"}"#.into());
    let error = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&disk)).unwrap_err();
    assert!(matches!(&error, TrainerError::Log(e) if e.to_string().contains("newer")), "{error:?}");
    assert!(world.things().requests.is_empty());
}

#[test]
fn a_failed_job_is_told_in_the_words_of_the_service_and_may_be_made_again() {
    let codes = ["invalid_training_file", "exceeded_quota", "moderation_blocked"];
    for code in codes {
        let state =
            json!({ "status": "failed", "error": { "code": code, "message": "line 3 is bad" } });
        let (world, parts, disk) = (World::new(&[state]), Parts::new(10), Disk::default());
        let trainer = trainer(world.clone());
        let error = trainer.train(&parts.job(), &MemoryLog::new(&disk)).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("openai: job ftjob-0 ended as failed: {code}: line 3 is bad")
        );
        world.things().jobs[0]["status"] = json!("failed");
        trainer.train(&parts.job(), &MemoryLog::new(&disk)).unwrap_err();
        let things = world.things();
        assert_eq!((things.files.len(), things.jobs.len()), (1, 2));
    }
    let (world, parts) = (World::new(&[json!({ "status": "cancelled" })]), Parts::new(10));
    let error = trainer(world).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap_err();
    assert!(error.to_string().ends_with("cancelled: no reason was given"), "{error}");
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let refuse = |parts: &Parts| {
        let world = World::succeeding();
        let error = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&Disk::default()));
        assert!(world.things().requests.is_empty());
        error.unwrap_err().to_string()
    };
    assert_eq!(refuse(&Parts::new(9)), "openai: 9 rows, but a training file needs at least 10");
    let mut parts = Parts::new(10);
    parts.settings.epochs = 51;
    assert!(refuse(&parts).contains("51 epochs, expected 1 to 50"));
    parts = Parts::new(10);
    parts.settings.batch = 0;
    assert!(refuse(&parts).contains("batches of 0 rows"));
}

#[test]
fn a_cancelled_wait_leaves_the_job_to_be_found() {
    let (world, parts, disk) =
        (World::new(&[json!({ "status": "running" })]), Parts::new(10), Disk::default());
    let log = MemoryLog { cancelled: true, ..MemoryLog::new(&disk) };
    // Each call gets as far as its first wait.
    assert!(matches!(
        trainer(world.clone()).train(&parts.job(), &log),
        Err(TrainerError::Cancelled)
    ));
    assert_eq!(world.things().files.len(), 1);
}

#[test]
fn without_events_the_file_of_results_is_read_and_without_both_it_is_said() {
    let server = Server::start(Script::default()).unwrap();
    let parts = Parts::new(10);
    let trainer = over_sockets(&server);
    let model = trainer.train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    assert_eq!(model.curve.len(), 5);
    let world = World::new(&[
        json!({ "status": "succeeded", "fine_tuned_model": "ft:x", "result_files": ["file-results"] }),
    ]);
    let log_disk = Disk::default();
    let log = MemoryLog::new(&log_disk);
    let silent = Silent(world);
    let model = self::trainer(Arc::new(silent)).train(&parts.job(), &log).unwrap();
    assert!(model.curve.is_empty() && model.checkpoints.is_empty());
    assert!(
        model.notes.iter().any(|note| note.contains("file-results could not be read")),
        "{:?}",
        model.notes
    );
}

/// A service without events and checkpoints.
struct Silent(Arc<World>);

impl Transport for Silent {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        if request.url.contains("/events") || request.url.contains("/checkpoints") {
            let body = b"{}".to_vec();
            return Ok(HttpResponse { status: 404, headers: Vec::new(), body });
        }
        self.0.send(request)
    }
}

fn over_sockets(server: &Server) -> JobTrainer {
    let service =
        JobService { poll: Duration::from_millis(5), ..service(format!("{}/v1", server.url())) };
    JobTrainer::new(
        service,
        Arc::new(Connections::new(2, 64 << 20)),
        Arc::new(MachineClock::start()),
    )
}

#[test]
fn over_sockets_with_faults_there_is_one_file_and_one_job() {
    // A tenth of all calls fails, spoiled answers of work that was done among them.
    let faults = Fault::mixture(0.1)
        .into_iter()
        .filter(|(fault, _)| !matches!(fault, Fault::StalledBody))
        .collect();
    let script = Script {
        faults,
        key: Some("sk-canary".into()),
        jobs: JobScript { polls: 4, ..Script::default().jobs },
        ..Script::default()
    };
    let server = Server::start(script).unwrap();
    let parts = Parts::new(40);
    let first =
        over_sockets(&server).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    assert!(first.model.starts_with("openai:ft:gpt-4.1-2025-04-14:org:claim-conscious-arm:"));
    assert_eq!(first.curve.len(), 20);
    assert_eq!(first.checkpoints.last().unwrap().step, 20);
    assert!(first.notes[0].contains("\"n_epochs\":2"), "{:?}", first.notes);
    // Another process without the log: everything is found by its key.
    let second =
        over_sockets(&server).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    assert_eq!(second, first);
    assert_eq!(first.job, "ftjob-00000000");
    let counts = server.counts();
    assert!(counts.spoiled + counts.faults.values().sum::<u64>() > 0, "{counts:?}");
    assert!(counts.endpoints.keys().any(|endpoint| *endpoint == Endpoint::Jobs), "{counts:?}");
}
