use crate::{Finish, Usage};

use super::*;

fn completion(text: &str) -> Completion {
    let usage = Usage { drawn: Some(3), ..Usage::default() };
    Completion { usage, logprob: Some(-1.25), ..Completion::plain(text, Finish::Stop) }
}

#[test]
fn what_is_put_comes_back_and_the_rest_is_none() {
    let store = CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap();
    let (a, b) = (Key::of(&"a"), Key::of(&"b"));
    store.put([(a, &completion("a \"quoted\"\n line"))]).unwrap();
    assert_eq!(store.get(&[b, a]).unwrap(), vec![None, Some(completion("a \"quoted\"\n line"))]);
    assert_eq!(store.count_present(&[a, b, a]).unwrap(), 2);
}

#[test]
fn the_first_completion_of_a_key_stays() {
    let store = CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap();
    let key = Key::of(&"a");
    store.put([(key, &completion("first"))]).unwrap();
    store.put([(key, &completion("second"))]).unwrap();
    assert_eq!(store.get(&[key]).unwrap()[0].as_ref().unwrap().text, "first");
}

#[test]
fn a_store_from_a_newer_version_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 7").unwrap();
    let error = CompletionStore::new(Connection::open(&path).unwrap()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 7 }), "{error}");
    assert!(error.to_string().contains("layout 7"), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    std::fs::File::create(&path)
        .and_then(|mut f| std::io::Write::write_all(&mut f, &[7; 4096]))
        .unwrap();
    assert!(matches!(
        CompletionStore::new(Connection::open(&path).unwrap()),
        Err(StoreError::Sqlite(_))
    ));
}

#[test]
fn a_full_disk_fails_the_whole_put_and_keeps_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let store =
        CompletionStore::new(Connection::open(folder.path().join("store.db")).unwrap()).unwrap();
    let first = Key::of(&"first");
    store.put([(first, &completion("kept"))]).unwrap();
    // The page limit makes SQLite answer as a full disk does.
    let pages = {
        let connection = store.writer.lock().unwrap();
        let pages: i64 = connection.query_row("PRAGMA page_count", [], |r| r.get(0)).unwrap();
        connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(())).unwrap();
        pages
    };
    assert!(pages > 0);
    let long = completion(&"x".repeat(20_000));
    let rows: Vec<_> = (0..50).map(|i| (Key::of(&i), &long)).collect();
    let error = store.put(rows.iter().copied()).unwrap_err();
    let StoreError::Sqlite(rusqlite::Error::SqliteFailure(code, _)) = &error else {
        panic!("{error}")
    };
    assert_eq!(code.code, rusqlite::ErrorCode::DiskFull);
    assert_eq!(store.get(&[first]).unwrap(), vec![Some(completion("kept"))]);
    assert_eq!(store.count_present(&rows.iter().map(|r| r.0).collect::<Vec<_>>()).unwrap(), 0);
}

#[test]
fn two_handles_share_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let open =
        || CompletionStore::new(Connection::open(folder.path().join("store.db")).unwrap()).unwrap();
    let (one, two) = (open(), open());
    one.put([(Key::of(&1), &completion("one"))]).unwrap();
    two.put([(Key::of(&2), &completion("two"))]).unwrap();
    assert_eq!(one.count_present(&[Key::of(&1), Key::of(&2)]).unwrap(), 2);
}

#[test]
fn a_negative_count_of_tokens_is_damage_and_not_a_number() {
    let store = CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap();
    let key = Key::of(&"a");
    store.put([(key, &completion("a"))]).unwrap();
    store.writer.lock().unwrap().execute("UPDATE completion SET drawn = -4", []).unwrap();
    let error = store.get(&[key]).unwrap_err();
    assert!(error.to_string().contains("drawn is \"-4\", expected a count"), "{error}");
}
