use serde_json::json;

use super::*;
use crate::test_support::{Client, chat};
use crate::{Script, Server};

fn start(change: impl FnOnce(&mut JobScript)) -> (Server, Client) {
    let mut script = Script { models: vec!["base".into()], ..Script::default() };
    change(&mut script.jobs);
    let server = Server::start(script).unwrap();
    let client = Client::new(&server);
    (server, client)
}

fn examples(n: usize) -> String {
    format!("{}\n", chat("q")).repeat(n)
}

fn create(client: &mut Client, training: &str, more: &Value) -> Value {
    let file = client.upload("fine-tune", training);
    let mut body = json!({ "model": "base", "training_file": file });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.post("/v1/fine_tuning/jobs", &body)
}

/// The job when it has ended, and the states on the way.
fn finish(client: &mut Client, job: &Value) -> (Value, Vec<String>) {
    let path = format!("/v1/fine_tuning/jobs/{}", job["id"].as_str().unwrap());
    let mut states = Vec::new();
    loop {
        let job = client.get(&path);
        states.push(job["status"].as_str().unwrap().to_owned());
        if !job["finished_at"].is_null() {
            return (job, states);
        }
    }
}

#[test]
fn a_good_job_goes_through_its_states_and_leaves_a_model() {
    let (_server, mut client) = start(|jobs| jobs.loading_calls = 2);
    let more = json!({ "suffix": "sfx", "seed": 7, "hyperparameters": { "n_epochs": 4, "batch_size": 3 } });
    let job = create(&mut client, &examples(10), &more);
    assert_eq!(
        (&job["status"], &job["hyperparameters"]["n_epochs"]),
        (&json!("validating_files"), &json!("auto"))
    );
    let (job, states) = finish(&mut client, &job);
    assert_eq!(states, ["validating_files", "queued", "queued", "running", "running", "succeeded"]);
    assert_eq!((&job["hyperparameters"]["n_epochs"], &job["seed"]), (&json!(4), &json!(7)));
    assert_eq!(job["trained_tokens"], 4 * 10 * 6);
    let model = job["fine_tuned_model"].as_str().unwrap();
    assert!(model.starts_with("ft:base:org:sfx:"), "{model}");
    let mut body = chat("hi");
    body["model"] = json!(model);
    let mut ask = || client.ask("POST", "/v1/chat/completions", &body).status;
    assert_eq!([ask(), ask(), ask()], [404, 404, 200]);
}

#[test]
fn results_come_as_csv_events_and_checkpoints_that_agree() {
    for form in [CsvForm::Plain, CsvForm::Base64] {
        let (_server, mut client) = start(|jobs| jobs.csv = form);
        let job =
            create(&mut client, &examples(10), &json!({ "hyperparameters": { "n_epochs": 4 } }));
        let (job, _) = finish(&mut client, &job);
        let csv = client.download(&job["result_files"][0]);
        let plain = "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy\n1,";
        let expected =
            if form == CsvForm::Plain { plain.to_owned() } else { base64(&plain.as_bytes()[..69]) };
        assert!(csv.starts_with(&expected), "{csv:.90}");
        let path = format!("/v1/fine_tuning/jobs/{}", job["id"].as_str().unwrap());
        let events = client.get(&format!("{path}/events?limit=3"));
        assert_eq!(
            (&events["data"][0]["message"], &events["has_more"]),
            (&json!("The job has successfully completed"), &json!(true))
        );
        let last = &events["data"][2];
        assert_eq!((&last["data"]["step"], &last["data"]["total_steps"]), (&json!(40), &json!(40)));
        let checkpoints = client.get(&format!("{path}/checkpoints"));
        let steps: Vec<&Value> =
            checkpoints["data"].as_array().unwrap().iter().map(|row| &row["step_number"]).collect();
        assert_eq!(steps, [40, 30, 20]);
        assert_eq!(checkpoints["data"][0]["metrics"]["train_loss"], last["data"]["train_loss"]);
        if form == CsvForm::Plain {
            let row: Vec<&str> = csv.lines().nth(40).unwrap().split(',').collect();
            let loss: f64 = row[1].parse().unwrap();
            assert!((loss - last["data"]["train_loss"].as_f64().unwrap()).abs() < 1e-5);
        }
    }
}

#[test]
fn files_that_are_no_training_data_fail_the_job() {
    for (training, code) in [
        (examples(3), "invalid_n_examples"),
        (format!("{}no json\n", examples(10)), "invalid_training_file"),
    ] {
        let (_server, mut client) = start(|_| {});
        let job = create(&mut client, &training, &json!({}));
        let (job, states) = finish(&mut client, &job);
        assert_eq!((&job["status"], &job["error"]["code"]), (&json!("failed"), &json!(code)));
        assert!(job["fine_tuned_model"].is_null() && !states.contains(&"running".to_owned()));
    }
}

#[test]
fn a_share_of_jobs_fails_by_script() {
    let (_server, mut client) = start(|jobs| jobs.failed = 0.5);
    let failed = (0..20).filter(|_| {
        let job = create(&mut client, &examples(10), &json!({}));
        finish(&mut client, &job).0["status"] == "failed"
    });
    assert!((4..=16).contains(&failed.count()));
}

#[test]
fn jobs_are_found_by_their_metadata_page_by_page() {
    let (_server, mut client) = start(|_| {});
    for number in 0..5 {
        let key = if number % 2 == 0 { "even" } else { "odd" };
        create(&mut client, &examples(10), &json!({ "metadata": { "key": key } }));
    }
    let first = client.get("/v1/fine_tuning/jobs?metadata%5Bkey%5D=even&limit=2");
    assert_eq!((first["data"].as_array().unwrap().len(), &first["has_more"]), (2, &json!(true)));
    let after = first["last_id"].as_str().unwrap();
    let rest =
        client.get(&format!("/v1/fine_tuning/jobs?metadata%5Bkey%5D=even&limit=2&after={after}"));
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["has_more"]), (1, &json!(false)));
    assert_eq!(rest["data"][0]["id"], "ftjob-00000000");
    assert_eq!(rest["data"][0]["status"], "validating_files", "a list is no poll");
}

#[test]
fn a_cancelled_job_stays_so() {
    let (_server, mut client) = start(|_| {});
    let job = create(&mut client, &examples(10), &json!({}));
    let path = format!("/v1/fine_tuning/jobs/{}/cancel", job["id"].as_str().unwrap());
    assert_eq!(client.post(&path, &json!({}))["status"], "cancelled");
    assert_eq!(finish(&mut client, &job).1, ["cancelled"]);
    assert_eq!(client.ask("POST", &path, &json!({})).status, 400);
}

#[test]
fn bad_requests_name_the_field() {
    let (_server, mut client) = start(|_| {});
    let file = client.upload("fine-tune", &examples(10));
    for (body, param) in [
        (json!({ "model": "base", "training_file": "file-x" }), "training_file"),
        (
            json!({ "model": "base", "training_file": file, "validation_file": "file-x" }),
            "validation_file",
        ),
        (json!({ "training_file": file }), "model"),
        (json!({ "model": "base", "training_file": file, "suffix": "x".repeat(65) }), "suffix"),
        (
            json!({ "model": "base", "training_file": file, "hyperparameters": { "n_epochs": 1.5 } }),
            "hyperparameters",
        ),
    ] {
        let heard = client.ask("POST", "/v1/fine_tuning/jobs", &body);
        assert_eq!((heard.status, &heard.json()["error"]["param"]), (400, &json!(param)));
    }
}

#[test]
fn base64_has_the_vectors_of_rfc_4648() {
    let vectors = [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ];
    for (text, encoded) in vectors {
        assert_eq!(base64(text.as_bytes()), encoded);
    }
}
