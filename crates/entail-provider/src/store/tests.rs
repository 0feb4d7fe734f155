use std::io::Cursor;

use crate::{Finish, TokenLogprob, Usage};
use entail_schema::Seed;

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

/// With everything that an answer can have; the raw answer is this long.
fn whole(text: &str, raw: usize) -> Completion {
    let token = |token: &str, logprob| TokenLogprob {
        token: token.into(),
        logprob,
        top: vec![("ja".into(), -0.5), ("\u{1f642}\0".into(), -7.25)],
    };
    Completion {
        text: text.into(),
        reasoning: Some("because\n".into()),
        finish: Finish::Length,
        usage: Usage { prompt: Some(0), drawn: Some(7), reasoning: Some(2), cost: Some(0.1 + 0.2) },
        logprob: Some(-3.0),
        tokens: Some(vec![token("a", Some(-1.5)), token("", None)]),
        served_by: Some("model-2".into()),
        raw: Some("{\"id\": \"é\"}\n".repeat(raw / 12)),
    }
}

struct OnDisk {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl OnDisk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a store?.db");
        Self { _folder: folder, path }
    }

    fn open(&self) -> CompletionStore {
        CompletionStore::open(&self.path).unwrap()
    }

    fn edit(&self, sql: &str) {
        Connection::open(&self.path).unwrap().execute_batch(sql).unwrap();
    }
}

fn memory() -> CompletionStore {
    CompletionStore::new(Connection::open_in_memory().unwrap()).unwrap()
}

#[test]
fn everything_that_an_answer_has_comes_back() {
    let store = memory();
    for (index, raw) in [0, 100, 2047, 2048, 100_000].into_iter().enumerate() {
        for text in ["", "a", "nul \0 inside", &"long ".repeat(2000)] {
            let (key, answer) = (Key::of(&(index, text)), whole(text, raw));
            store.put([(key, &answer)]).unwrap();
            assert_eq!(store.get(&[key]).unwrap(), [Some(answer)]);
        }
    }
}

#[test]
fn what_is_no_number_is_not_known() {
    let store = memory();
    for (index, logprob) in [f64::NAN, f64::NEG_INFINITY, -0.0].into_iter().enumerate() {
        let top = vec![("a".into(), -1.0), ("b".into(), logprob)];
        let token = TokenLogprob { token: "a".into(), logprob: Some(logprob), top };
        let answer =
            Completion { logprob: Some(logprob), tokens: Some(vec![token]), ..whole("a", 0) };
        let key = Key::of(&index);
        store.put([(key, &answer)]).unwrap();
        let got = store.get(&[key]).unwrap().remove(0).unwrap();
        let zero = logprob.is_finite().then_some(0.0);
        assert_eq!((got.logprob, got.tokens.unwrap()[0].logprob), (zero, zero));
    }
}

#[test]
fn an_answer_with_many_alternatives_takes_a_fraction_of_its_length() {
    let on_disk = OnDisk::new();
    let answer = whole("a", 50_000);
    let rows: Vec<_> = (0..40).map(|i| (Key::of(&i), &answer)).collect();
    on_disk.open().put(rows).unwrap();
    let bytes = std::fs::metadata(&on_disk.path).unwrap().len();
    assert!(bytes < 40 * 50_000 / 10, "{bytes}");
}

const LAYOUT_1: &str = "CREATE TABLE completion (
    key BLOB PRIMARY KEY, text TEXT NOT NULL, finish TEXT NOT NULL, tokens INTEGER NOT NULL, logprob REAL NOT NULL
) WITHOUT ROWID; PRAGMA user_version = 1;";

fn layout_1(path: &Path, rows: u32) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(LAYOUT_1).unwrap();
    for i in 0..rows {
        let sql = "INSERT INTO completion VALUES (?1, ?2, 'stop', 3, -1.25)";
        let (key, text) = (Key::of(&i), format!("answer {i}"));
        connection.execute(sql, params![key.as_bytes(), text]).unwrap();
    }
}

#[test]
fn a_store_of_layout_1_is_taken_over_with_checksums() {
    let on_disk = OnDisk::new();
    layout_1(&on_disk.path, 100);
    for _ in 0..2 {
        let store = on_disk.open();
        let keys: Vec<Key> = (0..100).map(|i| Key::of(&i)).collect();
        for (i, got) in store.get(&keys).unwrap().into_iter().enumerate() {
            assert_eq!(got, Some(completion(&format!("answer {i}"))));
        }
        let verified = store.verify().unwrap();
        assert!(verified.is_sound() && verified.completions == 100, "{verified:?}");
        assert_eq!(store.keys(Origin::Study).unwrap().len(), 100);
    }
    on_disk.edit("UPDATE completion SET text = 'other' WHERE id = 5");
    assert_eq!(on_disk.open().verify().unwrap().damaged.len(), 1);
}

#[test]
fn a_take_over_that_does_not_fit_leaves_the_earlier_layout() {
    let on_disk = OnDisk::new();
    layout_1(&on_disk.path, 1000);
    let connection = Connection::open(&on_disk.path).unwrap();
    let pages: i64 = connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    let limit = format!("PRAGMA max_page_count = {}", pages + 1);
    connection.query_row(&limit, [], |_| Ok(())).unwrap();
    assert!(matches!(CompletionStore::new(connection), Err(StoreError::Sqlite(_))));
    assert_eq!(layout::version(&Connection::open(&on_disk.path).unwrap()).unwrap(), 1);
    assert_eq!(on_disk.open().verify().unwrap().completions, 1000);
}

#[test]
fn a_change_of_any_column_is_damage_and_names_the_key() {
    let changes = [
        "text = text || 'x'",
        "text = x'ff'",
        "finish = 'stop'",
        "finish = 'tired'",
        "drawn = 8",
        "drawn = NULL",
        "drawn = -1",
        "drawn = 'many'",
        "logprob = -3.5",
        "logprob = NULL",
        "more = NULL",
        "more = replace(more, 'because', 'perhaps')",
        "more = 7",
        "raw = replace(raw, 'id', 'di')",
        "raw = CAST(raw AS BLOB)",
        "origin = 'capture'",
        "origin = 'x'",
        "checksum = checksum + 1",
    ];
    for change in changes {
        let on_disk = OnDisk::new();
        let (damaged, other) = (Key::of(&"a"), Key::of(&"b"));
        on_disk.open().put([(damaged, &whole("a", 500)), (other, &whole("b", 500))]).unwrap();
        on_disk.edit(&format!("UPDATE completion SET {change} WHERE id = 1"));
        let store = on_disk.open();
        let error = store.get(&[other, damaged]).unwrap_err();
        assert!(error.is_of_contents(), "{change}: {error}");
        assert!(error.to_string().contains(&damaged.to_string()), "{change}: {error}");
        assert_eq!(store.get(&[other]).unwrap(), [Some(whole("b", 500))]);
        let found = store.verify().unwrap();
        assert_eq!((found.completions, found.damaged.len()), (1, 1), "{change}: {found:?}");
        assert!(found.damaged[0].problem.contains(&damaged.to_string()), "{found:?}");
        store.remove_damaged(&found.damaged).unwrap();
        assert_eq!(store.get(&[damaged, other]).unwrap(), [None, Some(whole("b", 500))]);
        assert!(store.verify().unwrap().is_sound());
    }
}

#[test]
fn what_many_threads_put_is_there_for_others_when_it_returns() {
    let on_disk = OnDisk::new();
    let (store, other) = (on_disk.open(), on_disk.open());
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (store, other) = (&store, &other);
            scope.spawn(move || {
                for i in 0..50 {
                    let (key, answer) = (Key::of(&(thread, i)), whole("a", 700));
                    store.put([(key, &answer)]).unwrap();
                    assert_eq!(other.get(&[key]).unwrap(), [Some(answer)]);
                }
            });
        }
    });
    let found = other.verify().unwrap();
    assert!(found.is_sound() && found.completions == 400, "{found:?}");
}

#[test]
fn a_batch_that_does_not_fit_fails_alone() {
    let on_disk = OnDisk::new();
    let store = on_disk.open();
    let mut connection = lock(&store.writer);
    connection.query_row("PRAGMA max_page_count = 20", [], |_| Ok(())).unwrap();
    let batch = |name: &str, text: &str| Batch {
        rows: vec![Row::of(Key::of(&name), &completion(text), Origin::Study)],
        outcome: Arc::default(),
    };
    let batches = [batch("a", "a"), batch("b", &"x".repeat(200_000)), batch("c", "c")];
    write_together(&mut connection, &batches);
    drop(connection);
    let outcomes = batches.each_ref().map(|batch| lock(&batch.outcome).take().unwrap());
    assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{outcomes:?}");
    assert!(matches!(outcomes[1], Err(StoreError::Sqlite(_))), "{outcomes:?}");
    let keys = ["a", "b", "c"].map(|name| Key::of(&name));
    let found = store.get(&keys).unwrap();
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_store_that_another_process_writes_for_long_is_said_to_be_locked() {
    let on_disk = OnDisk::new();
    let store = on_disk.open();
    lock(&store.writer).busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(&on_disk.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = store.put([(Key::of(&1), &completion("a"))]).unwrap_err();
    assert!(matches!(error, StoreError::Busy) && !error.is_of_contents(), "{error}");
    assert!(error.to_string().contains("another process"), "{error}");
    assert!(matches!(store.record(&Key::of(&1), "a"), Err(StoreError::Busy)));
    assert_eq!(store.get(&[Key::of(&1)]).unwrap(), [None], "reading waits for nobody");
    other.execute_batch("COMMIT").unwrap();
    store.put([(Key::of(&1), &completion("a"))]).unwrap();
}

#[test]
#[expect(clippy::disallowed_methods, reason = "how long it takes is what is tested")]
fn those_who_come_while_one_waits_for_a_lock_wait_no_longer_than_it() {
    let on_disk = OnDisk::new();
    let store = on_disk.open();
    let patience = Duration::from_secs(1);
    lock(&store.writer).busy_timeout(patience).unwrap();
    let other = Connection::open(&on_disk.path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = std::time::Instant::now();
    std::thread::scope(|scope| {
        for i in 0..20 {
            let store = &store;
            scope.spawn(move || {
                let error = store.put([(Key::of(&i), &completion("a"))]).unwrap_err();
                assert!(matches!(error, StoreError::Busy), "{error}");
            });
        }
    });
    assert!(start.elapsed() < patience * 19 / 10, "{:?}", start.elapsed());
    other.execute_batch("COMMIT").unwrap();
    store.put([(Key::of(&1), &completion("a"))]).unwrap();
}

#[test]
fn many_that_open_a_new_store_at_once_all_get_it() {
    for _ in 0..40 {
        let on_disk = OnDisk::new();
        std::thread::scope(|scope| {
            let open = |i| {
                let on_disk = &on_disk;
                scope.spawn(move || {
                    on_disk.open().put([(Key::of(&i), &completion("a"))]).unwrap();
                })
            };
            let threads: Vec<_> = (0..8).map(open).collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        let keys: Vec<Key> = (0..8).map(|i| Key::of(&i)).collect();
        assert_eq!(on_disk.open().count_present(&keys).unwrap(), 8);
    }
}

#[test]
fn a_store_that_may_not_be_written_is_read() {
    let on_disk = OnDisk::new();
    let key = Key::of(&1);
    on_disk.open().put([(key, &completion("a"))]).unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let store =
        CompletionStore::new(Connection::open_with_flags(&on_disk.path, flags).unwrap()).unwrap();
    assert_eq!(store.get(&[key]).unwrap(), [Some(completion("a"))]);
    assert!(matches!(store.put([(key, &completion("b"))]), Err(StoreError::Sqlite(_))));
    drop(store);
    // What a medium without room for locks gives is read the other way, which a writable file never is.
    assert!(open_unchanging(&on_disk.path).is_none());
}

#[test]
fn a_closed_store_is_one_file() {
    let on_disk = OnDisk::new();
    let store = on_disk.open();
    store.put([(Key::of(&1), &completion("a"))]).unwrap();
    assert_eq!(store.count_present(&[Key::of(&1)]).unwrap(), 1);
    let log = format!("{}-wal", on_disk.path.display());
    assert!(std::fs::exists(&log).unwrap());
    drop(store);
    assert!(!std::fs::exists(&log).unwrap());
}

#[test]
fn the_last_state_of_a_job_counts_and_survives() {
    let on_disk = OnDisk::new();
    let (a, b) = (Key::of(&"a"), Key::of(&"b"));
    let store = on_disk.open();
    assert_eq!(store.recorded(&a).unwrap(), None);
    for (key, state) in [(a, "uploaded"), (b, "{\"job\": \"b-1\"}"), (a, "job a-1")] {
        store.record(&key, state).unwrap();
        assert_eq!(store.recorded(&key).unwrap().as_deref(), Some(state));
    }
    drop(store);
    let store = on_disk.open();
    let jobs = [(a, "job a-1".to_owned()), (b, "{\"job\": \"b-1\"}".to_owned())];
    assert_eq!(store.jobs().unwrap(), jobs);
    assert_eq!(store.stats().unwrap().jobs, jobs);
    on_disk.edit("UPDATE job SET state = 'job a-2' WHERE id = 3");
    assert!(matches!(store.recorded(&a), Err(StoreError::Damaged { .. })));
    assert_eq!(store.verify().unwrap().damaged[0].table, "job");
}

#[test]
fn stats_add_up_by_who_asked_and_who_answered() {
    let store = memory();
    store.put([(Key::of(&1), &whole("a", 0)), (Key::of(&2), &completion("b"))]).unwrap();
    store.put_from(Origin::Capture, [(Key::of(&3), &whole("c", 0))]).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!((stats.all.completions, stats.all.drawn_tokens), (3, 17));
    assert_eq!(stats.origins["study"].completions, 2);
    assert_eq!(stats.origins["capture"].reasoning_tokens, 2);
    let model = stats.models[&Some("model-2".to_owned())];
    assert!(model.completions == 2 && (model.cost - 0.6).abs() < 1e-9, "{model:?}");
    assert_eq!(store.keys(Origin::Capture).unwrap(), [Key::of(&3)]);
}

#[test]
fn what_is_exported_is_imported_as_it_was() {
    let (store, other) = (memory(), memory());
    let answers: Vec<Completion> = (0..50).map(|i| whole(&format!("{i}"), i * 100)).collect();
    store.put((0..).map(|i| Key::of(&i)).zip(&answers)).unwrap();
    store.put_from(Origin::Capture, [(Key::of(&"c"), &completion("c"))]).unwrap();
    let bytes = |store: &CompletionStore| {
        let mut bytes = Vec::new();
        assert_eq!(store.export(&mut bytes).unwrap(), 51);
        bytes
    };
    let exported = bytes(&store);
    let imported = other.import(Cursor::new(&exported)).unwrap();
    assert_eq!(imported, Imported { added: 51, present: 0 });
    assert_eq!(bytes(&other), exported);
    let again = other.import(Cursor::new(&exported)).unwrap();
    assert_eq!(again, Imported { added: 0, present: 51 });
    let keys: Vec<Key> = (0..50).map(|i| Key::of(&i)).collect();
    assert_eq!(other.get(&keys).unwrap(), answers.into_iter().map(Some).collect::<Vec<_>>());
    other.remove(&keys[..20]).unwrap();
    assert_eq!(other.count_present(&keys).unwrap(), 30);
}

#[test]
fn a_line_that_is_no_completion_is_named_and_none_is_kept() {
    let store = memory();
    store.put([(Key::of(&1), &completion("a"))]).unwrap();
    let mut line = Vec::new();
    store.export(&mut line).unwrap();
    let good = String::from_utf8(line).unwrap();
    for bad in ["", "[]", "{}", "{\"key\": \"00\"}", &good.replacen("\"text\"", "\"txt\"", 1)] {
        let other = memory();
        let error = other.import(Cursor::new(format!("{good}{bad}\n{good}"))).unwrap_err();
        assert!(matches!(error, ExchangeError::Line { line: 2, .. }), "{bad}: {error}");
        assert_eq!(other.stats().unwrap().all.completions, 0, "{bad}");
    }
    let not_text = [good.as_bytes(), b"\xff\n"].concat();
    let error = store.import(Cursor::new(not_text)).unwrap_err();
    assert!(error.to_string().contains("line 2: found bytes that are no UTF-8"), "{error}");
}

/// A closed store and what was put into it.
struct Filled {
    bytes: Vec<u8>,
    all: Vec<(Key, Completion)>,
    jobs: Vec<(Key, String)>,
}

/// With rows of every length.
fn filled() -> Filled {
    let on_disk = OnDisk::new();
    let answers: Vec<(Key, Completion)> = (0..300)
        .map(|i| {
            (
                Key::of(&i),
                whole(&"word ".repeat(i % 7 * 10), if i % 20 == 0 { 9000 } else { i * 3 }),
            )
        })
        .collect();
    // Some rows go over several pages.
    let long = (30..60).map(|i| (Key::of(&("long", i)), completion(&"text ".repeat(i * 40))));
    let store = on_disk.open();
    let all: Vec<(Key, Completion)> = answers.into_iter().chain(long).collect();
    for rows in all.chunks(10) {
        store.put(rows.iter().map(|(key, c)| (*key, c))).unwrap();
    }
    let jobs: Vec<(Key, String)> =
        (0..5).map(|i| (Key::of(&("job", i)), format!("state {i}"))).collect();
    for (key, state) in &jobs {
        store.record(key, "begun").unwrap();
        store.record(key, state).unwrap();
    }
    drop(store);
    Filled { bytes: std::fs::read(&on_disk.path).unwrap(), all, jobs }
}

/// What a person does who finds a store damaged: the rows out of it, or all that can be read into a new one.
fn heal(on_disk: &OnDisk) -> (CompletionStore, bool) {
    let opened = CompletionStore::open(&on_disk.path);
    if let Ok(store) = opened {
        let found = store.verify().unwrap();
        if found.structure.is_empty() {
            store.remove_damaged(&found.damaged).unwrap();
            return (store, !found.damaged.is_empty());
        }
    }
    let fresh = memory();
    fresh.salvage(&mut std::fs::File::open(&on_disk.path).unwrap()).unwrap();
    (fresh, true)
}

#[test]
fn changed_bytes_anywhere_cost_the_rows_that_they_are_in_and_no_others() {
    let Filled { bytes, all, jobs } = filled();
    let keys: Vec<Key> = all.iter().map(|(key, _)| *key).collect();
    let mut found = 0;
    for round in 0..30 {
        let mut stream = Seed(round).stream("damage", 0);
        let n_changed = 1 + stream.below(6);
        let mut changed = bytes.clone();
        for _ in 0..n_changed {
            // Heads of pages matter most and are few.
            let place = stream.below(bytes.len());
            let place = if stream.below(3) == 0 { place / 4096 * 4096 + place % 12 } else { place };
            changed[place] ^= 1 << stream.below(8);
        }
        let on_disk = OnDisk::new();
        std::io::Write::write_all(&mut std::fs::File::create(&on_disk.path).unwrap(), &changed)
            .unwrap();
        if let Ok(store) = CompletionStore::open(&on_disk.path) {
            for (key, answer) in &all {
                let got = store.get(&[*key]);
                assert!(
                    !matches!(&got, Ok(got) if got[0].as_ref().is_some_and(|got| got != answer)),
                    "{round}"
                );
            }
        }
        let (healed, was_damaged) = heal(&on_disk);
        found += usize::from(was_damaged);
        let got = healed.get(&keys).unwrap();
        let lost = got.iter().zip(&all).filter(|(got, (_, answer))| {
            assert!(got.as_ref().is_none_or(|got| got == answer), "{round}: a changed row");
            got.is_none()
        });
        let lost = lost.count();
        assert!(lost <= n_changed, "{round}: {lost} rows lost by {n_changed} changes");
        for (key, state) in &jobs {
            let recorded = healed.recorded(key).unwrap();
            assert!(recorded.is_none_or(|found| found == *state || found == "begun"), "{round}");
        }
        assert!(healed.verify().unwrap().is_sound(), "{round}");
    }
    assert!(found > 20, "most changes are found: {found}");
}

#[test]
fn a_file_that_was_cut_gives_what_is_left() {
    let Filled { bytes, all, .. } = filled();
    for share in [1, 3, 7] {
        let cut = &bytes[..bytes.len() / 8 * share + 17];
        let store = memory();
        let salvaged = store.salvage(&mut Cursor::new(cut)).unwrap();
        let n = usize::try_from(salvaged.completions).unwrap();
        assert!(n < all.len() && n + 60 > all.len() * share / 8 / 2, "{share}: {n}");
        for (key, answer) in &all {
            let got = store.get(&[*key]).unwrap().remove(0);
            assert!(got.is_none_or(|got| got == *answer));
        }
    }
    let (whole, n_jobs) = (memory(), 10);
    let salvaged = whole.salvage(&mut Cursor::new(&bytes)).unwrap();
    assert_eq!(salvaged, Salvaged { completions: all.len() as u64, jobs: n_jobs });
}

#[test]
fn what_was_said_comes_without_the_answer_as_it_came() {
    let store = memory();
    let key = Key::of(&1);
    let whole = whole("a", 5_000);
    store.put([(key, &whole)]).unwrap();
    assert_eq!(store.get(&[key]).unwrap(), [Some(whole.clone())]);
    assert_eq!(store.said(&[key]).unwrap(), [Some(Completion { raw: None, ..whole })]);
}
