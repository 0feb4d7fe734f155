use super::*;

fn kind(content: &[u8]) -> &'static str {
    match Conversations::open("file", content.to_vec(), Limits::default()) {
        Ok(Conversations::Inspect(_)) => "inspect",
        Ok(Conversations::Petri(_)) => "petri",
        Ok(Conversations::Lines(_)) => "lines",
        Err(_) => "broken",
    }
}

#[test]
fn what_stands_in_a_file_tells_who_wrote_it() {
    let log = |status: &str| {
        format!(
            "{{\"version\": 2, \"status\": \"{status}\", \"eval\": {{\"task\": \"t\", \"model\": \"m\"}}, \"x\": NaN}}"
        )
    };
    let petri = "{\"metadata\": {\"transcript_id\": \"i\"}, \"events\": [], \
                 \"target_messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}";
    for (content, expected) in [
        (log("success").as_str(), "inspect"),
        (&format!("\n  {}", log("started")), "inspect"),
        (&log("sideways"), "broken"),
        ("PK\u{3}\u{4} and no more", "broken"),
        (petri, "petri"),
        ("{\"metadata\": {}, \"events\": []}", "broken"),
        ("{\"prompt\": \"p\", \"answer\": \"a\"}\n{\"prompt\": \"p\"}", "lines"),
        ("{\"prompt\": \"p\", \"answer\": \"a\", \"metadata\": {}}", "lines"),
        ("no JSON at all", "lines"),
        ("{", "lines"),
        ("", "lines"),
    ] {
        assert_eq!(kind(content.as_bytes()), expected, "{content}");
    }
}

#[test]
fn logs_that_inspect_wrote_are_logs() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/inspect/recorded");
    for name in ["chat.eval", "chat.json", "started.eval", "stored.eval"] {
        let content = std::fs::read(format!("{folder}/{name}")).unwrap();
        assert_eq!(kind(&content), "inspect", "{name}");
    }
}
