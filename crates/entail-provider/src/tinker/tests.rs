use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use entail_schema::Key;

use super::messages::{ArrayRecord, BatchedTensor, ForwardBackwardOutput, Kind};
use super::*;
use crate::http::{HeaderValue, HttpRequest, HttpResponse, TransportError};
use crate::trainer::test_support::{
    Disk, FakeClock, MemoryLog, Parts, killed_and_again, log_fails_and_again,
};

/// What a model has lived through: the tokens of every pass and the rate of every update.
type Life = Vec<String>;

/// A service in memory that is hard to please: numbers without gaps, promises that come late, get lost or are large.
#[derive(Default)]
struct World(Mutex<Things>);

#[derive(Default)]
struct Things {
    n_sessions: usize,
    models: BTreeMap<String, Model>,
    saved: BTreeMap<String, Life>,
    promises: Vec<Promised>,
    /// By model and number: the promise that was given, so that a repeated request is not done twice.
    given: BTreeMap<(String, u64), usize>,
    /// Promises that were lost once.
    lost: BTreeSet<(String, u64)>,
    heartbeats: usize,
    /// Ends sessions after this many heartbeats.
    session_lasts: Option<usize>,
    /// Every call, in order.
    calls: Vec<(String, Value)>,
    /// Fails this call, with a category.
    fails: Option<(&'static str, &'static str)>,
    always_loses: bool,
}

#[derive(Default)]
struct Model {
    life: Life,
    next: u64,
}

struct Promised {
    operation: (String, u64),
    result: Result<Vec<u8>, Value>,
    looks: usize,
}

fn json_answer(status: u16, value: &Value) -> HttpResponse {
    HttpResponse { status, headers: Vec::new(), body: value.to_string().into_bytes() }
}

impl World {
    fn things(&self) -> MutexGuard<'_, Things> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Things {
    fn operate(
        &mut self,
        call: &str,
        model: &str,
        number: u64,
        result: impl FnOnce(&mut Self) -> Result<Vec<u8>, Value>,
    ) -> HttpResponse {
        let operation = (model.to_owned(), number);
        let known = self.given.get(&operation).copied();
        // Sent again: what was done is not done again.
        let result = if let Some(promise) = known {
            self.promises[promise].result.clone()
        } else {
            if number > 0 {
                let model = self.models.get_mut(model).expect("the model was made");
                assert_eq!(number, model.next, "{call} leaves a gap");
                model.next += 1;
            }
            result(self)
        };
        self.promises.push(Promised { operation: operation.clone(), result, looks: 0 });
        let promise = self.promises.len() - 1;
        self.given.insert(operation, promise);
        json_answer(200, &json!({ "request_id": promise.to_string(), "model_id": model }))
    }

    /// The mood of a promise depends on its place: some are lost once, some large, all late.
    fn retrieve(&mut self, body: &Value) -> HttpResponse {
        let place: usize = body["request_id"].as_str().unwrap().parse().unwrap();
        let promise = &mut self.promises[place];
        promise.looks += 1;
        let looks = promise.looks;
        match looks {
            1 => {
                return json_answer(
                    200,
                    &json!({ "type": "try_again", "request_id": "x", "queue_state": "active" }),
                );
            }
            2 if place.is_multiple_of(3) => {
                return json_answer(408, &json!({ "queue_state": "paused_capacity" }));
            }
            3 if place.is_multiple_of(4) => return json_answer(400, &json!("a proxy's mood")),
            4 if place.is_multiple_of(5) => return json_answer(402, &json!("pay first")),
            _ => {}
        }
        let operation = promise.operation.clone();
        if self.always_loses || place % 7 == 3 && self.lost.insert(operation) {
            return json_answer(410, &json!({}));
        }
        let promise = &self.promises[place];
        match &promise.result {
            Err(value) => json_answer(200, value),
            Ok(_) if body["allow_metadata_only"] == true && place.is_multiple_of(2) => json_answer(
                200,
                &json!({ "status": "complete_metadata", "response_payload_size": 9 }),
            ),
            Ok(bytes) => HttpResponse {
                status: 200,
                headers: vec![(
                    "content-type".into(),
                    if bytes.first() == Some(&b'{') {
                        "application/json".into()
                    } else {
                        "application/x-protobuf".into()
                    },
                )],
                body: bytes.clone(),
            },
        }
    }

    fn answer(&mut self, call: &str, body: &Value, raw: &[u8]) -> HttpResponse {
        if let Some((_, category)) = self.fails.filter(|(fails, _)| *fails == call) {
            let error = json!({ "error": "no such base", "category": category });
            return self.operate(call, "broken", 0, |_| Err(error));
        }
        let text = |value: Value| Ok(value.to_string().into_bytes());
        match call {
            "create_session" => {
                self.n_sessions += 1;
                json_answer(
                    200,
                    &json!({ "session_id": format!("s{}", self.n_sessions), "type": "create_session" }),
                )
            }
            "session_heartbeat" => {
                self.heartbeats += 1;
                let over = self.session_lasts.is_some_and(|n| self.heartbeats > n);
                json_answer(if over { 410 } else { 200 }, &json!({ "type": "session_heartbeat" }))
            }
            "create_model" | "load_weights" => {
                let id = format!(
                    "{}:train:{}",
                    body["session_id"].as_str().unwrap(),
                    body["model_seq_id"]
                );
                let made = id.clone();
                let life = match body["path"].as_str() {
                    Some(path) => self.saved[path].clone(),
                    None => Life::new(),
                };
                self.operate(call, &id, 0, |things| {
                    things.models.insert(made.clone(), Model { life, next: 1 });
                    text(json!({ "model_id": made }))
                })
            }
            "forward_backward" => {
                let request = ForwardBackwardRequest::decode(raw).unwrap();
                assert_eq!(request.loss_fn, "cross_entropy");
                let number = u64::try_from(request.seq_id).unwrap();
                let id = request.model_id.clone();
                self.operate(call, &id, number, |things| Ok(things.pass(&request)))
            }
            _ => {
                let id = body["model_id"].as_str().unwrap().to_owned();
                let number = body["seq_id"].as_u64().unwrap();
                let name = body["path"].as_str().unwrap_or_default().to_owned();
                let rate = body["adam_params"]["learning_rate"].to_string();
                let owner = id.clone();
                self.operate(call, &id, number, |things| {
                    let life = &mut things.models.get_mut(&owner).unwrap().life;
                    match call {
                        "optim_step" => {
                            life.push(rate);
                            text(json!({ "metrics": {} }))
                        }
                        "save_weights" => {
                            let path = format!("tinker://{owner}/weights/{name}");
                            let life = life.clone();
                            things.saved.insert(path.clone(), life);
                            text(json!({ "path": path }))
                        }
                        "save_weights_for_sampler" => text(
                            json!({ "path": format!("tinker://{owner}/sampler_weights/{name}") }),
                        ),
                        other => panic!("no such call: {other}"),
                    }
                })
            }
        }
    }

    /// Every token costs its id in hundredths.
    fn pass(&mut self, request: &ForwardBackwardRequest) -> Vec<u8> {
        let life = &mut self.models.get_mut(&request.model_id).unwrap().life;
        let (mut data, mut offsets) = (Vec::new(), vec![0_i64]);
        for datum in &request.data {
            let targets = datum.loss_fn_inputs["target_tokens"].dense.as_ref().unwrap();
            for token in targets.chunks(8) {
                let token = i64::from_le_bytes(token.try_into().unwrap());
                let loss = -f32::from(i16::try_from(token).unwrap()) / 100.0;
                data.extend(loss.to_le_bytes());
            }
            offsets.push(i64::try_from(data.len()).unwrap());
            life.push(format!("{targets:?}"));
        }
        let tensor = BatchedTensor {
            data,
            offsets: offsets.iter().flat_map(|offset| offset.to_le_bytes()).collect(),
            dtype: Kind::Float32.into(),
            trailing_shape: Vec::new(),
        };
        let fields = BTreeMap::from([("logprobs".to_owned(), tensor)]);
        let record = ArrayRecord { type_tag: "x".into(), fields, num_datums: 1 };
        ForwardBackwardOutput {
            loss_fn_output_type: "CrossEntropy".into(),
            loss_fn_outputs: vec![record],
            ..Default::default()
        }
        .encode_to_vec()
    }
}

impl Transport for World {
    fn send(&self, request: &HttpRequest) -> Result<HttpResponse, TransportError> {
        let key = HeaderValue::Secret("", Secret::new("tml-canary").unwrap());
        assert_eq!(request.headers[0], ("x-api-key".to_owned(), key));
        let call = request.url.strip_prefix("http://there/api/v1/").unwrap();
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let mut things = self.things();
        if call == "retrieve_future" {
            return Ok(things.retrieve(&body));
        }
        things.calls.push((call.to_owned(), body.clone()));
        Ok(things.answer(call, &body, &request.body))
    }
}

fn trainer(transport: Arc<dyn Transport>) -> TinkerTrainer {
    let service = TinkerService {
        base: "http://there".into(),
        key: Secret::new("tml-canary").unwrap(),
        save_every: 2,
        reduction: WeightReduction::Mean,
    };
    TinkerTrainer::new(service, transport, Arc::new(FakeClock::default()))
}

/// The life of the model behind a sampler path.
fn life(world: &World, model: &TrainedModel) -> Life {
    world.things().models[&model.job].life.clone()
}

#[test]
fn every_body_is_what_the_package_sends() {
    let bodies: Value =
        serde_json::from_str(include_str!("../../../../fixtures/provider/tinker/bodies.json"))
            .unwrap();
    let parts = Parts::new(10);
    let job = TrainingJob { key: Key::parse(&"ab".repeat(32)).unwrap(), ..parts.job() };
    let model = "session-1:train:0";
    let ours = json!({
        "create_session": session_body(&job),
        "session_heartbeat": session::heartbeat_body("session-1"),
        "create_model": create_body("session-1", &job),
        "load_weights": load_body("session-1", &job, "tinker://run/weights/name"),
        "optim_step": update_body(model, 2, 7.5e-5),
        "save_weights": save_body(model, 3, "name"),
        "save_weights_for_sampler": sampler_body(model, 4, "name"),
        "retrieve_future": session::retrieve_body("7", true),
    });
    assert_eq!(ours, bodies);
}

#[test]
fn a_run_drives_every_batch_once_in_order() {
    let (world, parts, disk) = (Arc::new(World::default()), Parts::new(10), Disk::default());
    let model = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&disk)).unwrap();
    let name = format!("entail-{}", parts.job().key.short());
    assert_eq!(model.model, format!("tinker://s1:train:0/sampler_weights/{name}"));
    assert_eq!((model.curve.len(), model.job.as_str()), (5, "s1:train:0"));
    // Learned tokens are 7 and 3.
    for (point, step) in model.curve.iter().zip(1..) {
        assert_eq!(point.step, step);
        assert!((point.loss.unwrap() - 0.05).abs() < 1e-6);
        assert!((point.token_loss.unwrap() - 0.05).abs() < 1e-6);
    }
    let life = life(&world, &model);
    let rates: Vec<f64> = life.iter().filter_map(|event| event.parse().ok()).collect();
    let expected: Vec<f64> = (0..5).map(|step| 1e-4 * (1.0 - f64::from(step) / 5.0)).collect();
    assert_eq!(rates, expected);
    assert_eq!(life.len(), 20 + 5);
    let saves = world.things().saved.len();
    assert_eq!(saves, 3, "after steps 2, 4 and the last");
    assert_eq!(disk.told.lock().unwrap().iter().filter(|told| told.1 == 5).count(), 5);
    assert!(disk.told.lock().unwrap().iter().any(|told| told.2 == "queue paused_capacity"));
    // Asked again, the service is not needed.
    world.things().calls.clear();
    let again = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&disk)).unwrap();
    assert_eq!(again, model);
    assert!(world.things().calls.is_empty());
    assert!(!format!("{:?}", trainer(world)).contains("canary"));
}

#[test]
fn a_constant_rate_stays_and_notes_say_what_was_done() {
    let (world, mut parts) = (Arc::new(World::default()), Parts::new(10));
    parts.settings.linear = false;
    let model =
        trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
    let rates: BTreeSet<String> =
        life(&world, &model).into_iter().filter(|event| event.parse::<f64>().is_ok()).collect();
    assert_eq!(rates.len(), 1);
    let notes = model.notes.join("\n");
    for part in [
        "rank 8",
        "constant",
        "every row weighs one",
        "80 tokens",
        "rate_multiplier",
        "tinker://s1:train:0/weights/",
    ] {
        assert!(notes.contains(part), "{part}: {notes}");
    }
}

#[test]
fn a_killed_process_ends_with_the_model_of_one_that_was_not() {
    let parts = Parts::new(10);
    let whole = {
        let world = Arc::new(World::default());
        let model =
            trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap();
        (life(&world, &model), model.curve)
    };
    let mut deaths = 0;
    loop {
        let world = Arc::new(World::default());
        let service: Arc<dyn Transport> = world.clone();
        let again = killed_and_again(deaths, &service, &parts.job(), |transport| {
            Box::new(trainer(transport))
        });
        let Some(again) = again else { break };
        let model = again.unwrap();
        assert_eq!((life(&world, &model), model.curve), whole, "killed at {deaths}");
        let n_updates =
            world.things().calls.iter().filter(|(call, _)| call == "optim_step").count();
        // Resubmissions of lost promises aside, two updates at most are repeated.
        let n_lost = world.things().lost.len();
        assert!(n_updates <= 5 + 2 + n_lost, "killed at {deaths}: {n_updates} updates");
        deaths += 1;
    }
    assert!(deaths > 100, "{deaths}");
}

#[test]
fn a_log_that_fails_costs_no_more_than_what_was_not_recorded() {
    let parts = Parts::new(10);
    let mut failures = 0;
    loop {
        let world = Arc::new(World::default());
        let again = log_fails_and_again(failures, &parts.job(), &trainer(world.clone()));
        let Some(model) = again else { break };
        assert_eq!((life(&world, &model).len(), model.curve.len()), (20 + 5, 5));
        let things = world.things();
        let n_updates = things.calls.iter().filter(|(call, _)| call == "optim_step").count();
        assert!(n_updates <= 5 + 2 + things.lost.len(), "failed at {failures}: {n_updates}");
        failures += 1;
    }
    assert_eq!(failures, 5, "one look, three saved states and the end");
}

#[test]
fn failures_carry_the_words_and_the_category() {
    for category in ["user", "server", "unknown"] {
        let (world, parts) = (Arc::new(World::default()), Parts::new(10));
        world.things().fails = Some(("create_model", category));
        let error =
            trainer(world).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap_err();
        let expected =
            format!("tinker: job s1 ended as {category} error: /api/v1/create_model: no such base");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn a_promise_that_is_always_lost_is_given_up() {
    let (world, parts) = (Arc::new(World::default()), Parts::new(10));
    world.things().always_loses = true;
    let error = trainer(world).train(&parts.job(), &MemoryLog::new(&Disk::default())).unwrap_err();
    assert_eq!(error.to_string(), "tinker: /api/v1/create_model was lost 3 times by the service");
}

#[test]
fn a_session_that_the_service_ends_is_told_and_taken_up_again() {
    let (world, parts, disk) = (Arc::new(World::default()), Parts::new(40), Disk::default());
    world.things().session_lasts = Some(0);
    let first = trainer(world.clone()).train(&parts.job(), &MemoryLog::new(&disk));
    if let Err(error) = first {
        assert!(error.to_string().contains("goes on from the last saved step"), "{error}");
    }
    world.things().session_lasts = None;
    let model = trainer(world).train(&parts.job(), &MemoryLog::new(&disk)).unwrap();
    assert_eq!(model.curve.len(), 20);
}

#[test]
fn the_heart_beats_every_ten_seconds_and_stops_with_the_work() {
    let world = World::default();
    let (clock, disk) = (FakeClock::default(), Disk::default());
    let log = MemoryLog::new(&disk);
    let line = Line { provider: NAME, transport: &world, clock: &clock, log: &log };
    let service = trainer(Arc::new(World::default())).service;
    let ended = AtomicBool::new(false);
    let session = Session { line, service: &service, id: "s1", ended: &ended };
    session.alive(|| {
        while clock.now() < Duration::from_mins(1) {
            clock.sleep(Duration::from_millis(100));
        }
    });
    let n = world.things().heartbeats;
    assert!((4..=6).contains(&n), "{n}");
    clock.sleep(Duration::from_secs(30));
    assert_eq!(world.things().heartbeats, n);
    world.things().session_lasts = Some(n);
    session.alive(|| {
        while !ended.load(std::sync::atomic::Ordering::SeqCst) {
            clock.sleep(Duration::from_millis(100));
        }
    });
    assert_eq!(world.things().heartbeats, n + 1);
}

#[test]
fn what_cannot_work_is_refused_before_anything_is_sent() {
    let refuse = |job: &TrainingJob<'_>| {
        let world = Arc::new(World::default());
        let result = trainer(world.clone()).train(job, &MemoryLog::new(&Disk::default()));
        assert!(world.things().calls.is_empty());
        result.unwrap_err().to_string()
    };
    let parts = Parts::new(10);
    assert!(
        refuse(&TrainingJob { tokens: None, ..parts.job() })
            .contains("name a folder with the base's tokenizer.json")
    );
    assert!(refuse(&TrainingJob { batches: &[], ..parts.job() }).contains("there is no batch"));
    assert!(
        refuse(&TrainingJob { batches: &[vec![10]], ..parts.job() })
            .contains("row 10, but there are 10")
    );
    let mut silent = Parts::new(10);
    silent.tokens[4].learned = vec![false; 5];
    assert!(refuse(&silent.job()).contains("row 4 has no token to learn"));
}

#[test]
fn ctrl_c_is_heard_between_updates() {
    let (world, parts, disk) = (Arc::new(World::default()), Parts::new(10), Disk::default());
    let log = MemoryLog { cancelled: true, ..MemoryLog::new(&disk) };
    let result = trainer(world).train(&parts.job(), &log);
    assert!(matches!(result, Err(TrainerError::Cancelled)));
}
