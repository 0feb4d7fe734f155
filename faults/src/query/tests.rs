use super::*;

#[test]
fn brackets_arrive_escaped() {
    let query = Query::parse("metadata%5Ba%5D=b+c&limit=2&odd=100%");
    assert_eq!(query.metadata().collect::<Vec<_>>(), [("a", "b c")]);
    assert_eq!(query.get("odd"), Some("100%"));
}

#[test]
fn pages_join_up_and_say_when_they_end() {
    let row = |id: &str| json!({ "id": id });
    let rows = ["a", "b", "c"].map(row);
    let page = |query: &str| Query::parse(query).page(&rows, 2);
    let first = page("").unwrap();
    assert_eq!((&first["data"], &first["has_more"]), (&json!([row("a"), row("b")]), &json!(true)));
    let last = page("after=b").unwrap();
    assert_eq!((&last["data"], &last["has_more"]), (&json!([row("c")]), &json!(false)));
    assert_eq!(page("after=x").unwrap_err().status, 400);
    assert_eq!(page("limit=x").unwrap_err().status, 400);
}
