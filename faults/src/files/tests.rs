use serde_json::{Value, json};

use super::*;
use crate::test_support::Client;
use crate::{Script, Server};

#[test]
fn a_file_comes_back_byte_for_byte_and_can_be_removed() {
    let server = Server::start(Script::default()).unwrap();
    let mut client = Client::new(&server);
    let content = "a\r\n--xy\r\n\r\nb\n";
    let id = client.upload("batch", content);
    let file = client.get(&format!("/v1/files/{id}"));
    assert_eq!((&file["purpose"], &file["filename"]), (&json!("batch"), &json!("in.jsonl")));
    assert_eq!(client.download(&json!(id)), content);
    let gone = client.ask("DELETE", &format!("/v1/files/{id}"), &Value::Null);
    assert_eq!(gone.json()["deleted"], true);
    assert_eq!(client.ask("GET", &format!("/v1/files/{id}"), &Value::Null).status, 404);
}

#[test]
fn lists_are_filtered_by_purpose_newest_first() {
    let server = Server::start(Script::default()).unwrap();
    let mut client = Client::new(&server);
    let ids = ["batch", "fine-tune", "batch"].map(|purpose| client.upload(purpose, "x"));
    let mut list = |query: &str| -> Vec<String> {
        let list = client.get(&format!("/v1/files{query}"));
        let rows = list["data"].as_array().unwrap();
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(list("?purpose=batch"), [ids[2].clone(), ids[0].clone()]);
    assert_eq!(list("?order=asc&limit=1"), [ids[0].clone()]);
    assert_eq!(list(&format!("?after={}", ids[1])), [ids[0].clone()]);
}

#[test]
fn forms_that_lack_something_are_turned_down() {
    let form = |content_type: &str, body: &str| {
        let request =
            Request { content_type: content_type.into(), body: body.into(), ..Request::default() };
        upload(&request, 0).map(|file| file.name).map_err(|error| error.param)
    };
    let part =
        |name: &str| format!("--x\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\nv\r\n");
    let multipart = "multipart/form-data; boundary=x";
    assert_eq!(form("application/json", "{}"), Err(None));
    assert_eq!(form(multipart, &format!("{}--x--", part("file"))), Err(Some("purpose")));
    assert_eq!(form(multipart, &format!("{}--x--", part("purpose"))), Err(Some("file")));
    assert_eq!(form(multipart, "--x\r\nno head\r\n--x--"), Err(None));
    assert_eq!(
        form(multipart, &format!("{}{}--x--", part("file"), part("purpose"))),
        Ok("upload".into())
    );
}
