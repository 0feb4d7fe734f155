use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, OnceLock};

use std::collections::BTreeMap;

use super::*;
use crate::models::NoServices;
use crate::plan::Narrow;
use crate::shelf::MemoryShelf;

/// A study that is small enough to be run from nothing in a moment, with an arm of every kind.
fn plan(samples: usize) -> Plan {
    let text = "[study]\nname = \"small\"\nbase = \"organism:linked?size=tiny&tokens=20000\"\nbattery = [\"preferences\"]\n\
         samples = 1\nseeds = 2\nmax-tokens = 12\ncontrol = [\"toaster\"]\n\
         [train]\nrows = 8\nmix = { instruct = 8 }\nrank = 2\nbatch = 4\n\
         [arm.vanilla]\n[arm.pretend]\nsystem = { stance = \"conscious\" }\n\
         [arm.conscious]\ntrain = { stance = \"conscious\" }\n[arm.toaster]\ntrain = { stance = \"toaster\" }\n";
    let narrow = Narrow { limit: Some(1), samples: Some(samples), ..Narrow::default() };
    Plan::check(&crate::parse(text).unwrap(), text, &narrow, &|_: &str| {
        unreachable!("no file is named")
    })
    .unwrap()
}

/// A shelf that can be copied, spoiled, and made to fail like a full disk.
#[derive(Default)]
struct TestShelf {
    inner: MemoryShelf,
    known: Mutex<Vec<(Key, Vec<String>)>>,
    /// Artifacts that still fit; none: as many as one likes.
    room: Mutex<Option<usize>>,
}

impl Shelf for TestShelf {
    fn get(&self, key: &Key, file: &str) -> io::Result<Option<Vec<u8>>> {
        self.inner.get(key, file)
    }

    fn put(&self, key: &Key, files: &[(&str, Vec<u8>)]) -> io::Result<()> {
        if let Some(room) = self.room.lock().unwrap().as_mut() {
            *room = room.checked_sub(1).ok_or(io::ErrorKind::StorageFull)?;
        }
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        self.known.lock().unwrap().push((*key, names));
        self.inner.put(key, files)
    }

    fn has(&self, key: &Key) -> io::Result<bool> {
        self.inner.has(key)
    }

    fn lock(&self, key: &Key) -> io::Result<crate::shelf::Lock> {
        self.inner.lock(key)
    }
}

impl TestShelf {
    /// A copy of the first artifacts.
    fn first(&self, artifacts: usize) -> Self {
        self.changed(artifacts, |_, bytes| bytes)
    }

    /// A copy of the first artifacts in which each file is what `change` makes of it.
    fn changed(&self, artifacts: usize, change: impl Fn(&str, Vec<u8>) -> Vec<u8>) -> Self {
        let copy = Self::default();
        for (key, names) in self.known.lock().unwrap().iter().take(artifacts) {
            let bytes = |name: &String| change(name, self.inner.get(key, name).unwrap().unwrap());
            let files: Vec<(&str, Vec<u8>)> =
                names.iter().map(|name| (name.as_str(), bytes(name))).collect();
            copy.put(key, &files).unwrap();
        }
        copy
    }

    fn artifacts(&self) -> usize {
        self.known.lock().unwrap().len()
    }
}

fn store() -> CompletionStore {
    CompletionStore::new(rusqlite::Connection::open_in_memory().unwrap()).unwrap()
}

fn silent(_: &Progress) {}

static ON: AtomicBool = AtomicBool::new(false);

fn workshop<'a>(shelf: &'a dyn Shelf, completions: &'a CompletionStore) -> Workshop<'a> {
    Workshop {
        shelf,
        completions,
        services: &NoServices,
        progress: &silent,
        cancelled: &ON,
        side_by_side: 64,
    }
}

fn tallies(outcome: &Outcome) -> BTreeMap<&'static str, Tally> {
    outcome.tallies.iter().copied().collect()
}

fn json(outcome: &Outcome) -> String {
    serde_json::to_string(&outcome.tables).unwrap()
}

/// A finished run with one sample: its shelf, its store and its outcome. It is made once for all tests.
fn finished() -> &'static (TestShelf, CompletionStore, Outcome) {
    static FINISHED: OnceLock<(TestShelf, CompletionStore, Outcome)> = OnceLock::new();
    FINISHED.get_or_init(|| {
        let (shelf, store) = (TestShelf::default(), store());
        let outcome = run(&plan(1), workshop(&shelf, &store)).unwrap();
        (shelf, store, outcome)
    })
}

/// A shelf with the first artifacts of the finished run: its organism, then its pool of instructions.
fn begun(artifacts: usize) -> TestShelf {
    finished().0.first(artifacts)
}

#[test]
fn a_run_makes_everything_once_and_a_second_run_nothing() {
    let (shelf, store) = (MemoryShelf::default(), store());
    let plan = plan(1);
    let to_do = |steps: &[PlannedStep]| steps.iter().map(|s| s.to_do).sum::<usize>();
    let before = status(&plan, workshop(&shelf, &store)).unwrap();
    assert!(before.iter().all(|s| s.cached == 0) && to_do(&before) > 0, "{before:?}");
    let first = run_to_the_end_of_every_phase(&plan, workshop(&shelf, &store));
    assert!(first.tallies.iter().all(|(_, t)| t.reused == 0 && t.made > 0), "{:?}", first.tallies);
    let replicates: usize = plan.arms.iter().map(|a| a.replicates.len()).sum();
    let stances: usize = plan.batteries.iter().map(|b| b.stances.len()).sum();
    assert_eq!(tallies(&first)["training runs"].made, 4);
    assert_eq!(tallies(&first)["completions"].made, replicates * stances);
    assert_eq!(first.tables.responses.len(), replicates * stances);
    assert_eq!(first.tables.plan, plan.key().to_string());
    assert_eq!(to_do(&status(&plan, workshop(&shelf, &store)).unwrap()), 0);
    let second = run(&plan, workshop(&shelf, &store)).unwrap();
    assert!(
        second.tallies.iter().all(|(_, t)| t.made == 0 && t.reused > 0),
        "{:?}",
        second.tallies
    );
    assert_eq!(json(&second), json(&first));
}

/// Runs, and checks that progress counts to the end of every phase.
fn run_to_the_end_of_every_phase(plan: &Plan, workshop: Workshop<'_>) -> Outcome {
    let seen: Mutex<BTreeMap<String, (usize, usize)>> = Mutex::default();
    let note = |p: &Progress| {
        let mut seen = seen.lock().unwrap();
        let entry = seen.entry(p.phase.clone()).or_default();
        *entry = (entry.0.max(p.done), p.total);
    };
    let outcome = run(plan, Workshop { progress: &note, ..workshop }).unwrap();
    let seen = seen.into_inner().unwrap();
    assert!(seen.keys().any(|phase| phase.starts_with("pretraining organism:linked")), "{seen:?}");
    assert!(["training", "sampling"].iter().all(|phase| seen.contains_key(*phase)), "{seen:?}");
    assert!(seen.values().all(|(done, total)| done == total), "{seen:?}");
    outcome
}

#[test]
fn tables_do_not_depend_on_threads_nor_on_how_many_answers_are_drawn_together() {
    let (_, _, outcome) = finished();
    let on = |threads: usize, side_by_side: usize, shelf: &TestShelf| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let store = store();
        let workshop = Workshop { side_by_side, ..workshop(shelf, &store) };
        json(&pool.install(|| run(&plan(1), workshop)).unwrap())
    };
    assert_eq!(on(1, 256, &TestShelf::default()), json(outcome), "one thread, from nothing");
    assert_eq!(
        on(2, 1, &begun(2)),
        json(outcome),
        "two threads, one answer at a time, from the organism"
    );
}

#[test]
fn a_plan_reaches_all_that_its_run_made_and_nothing_else() {
    let (shelf, store, _) = finished();
    let reach = plan(1).reach();
    let made: BTreeSet<Key> = shelf.known.lock().unwrap().iter().map(|(key, _)| *key).collect();
    assert_eq!(reach.artifacts, made);
    let drawn = store.keys(entail_provider::Origin::Study).unwrap();
    assert_eq!(reach.completions, drawn.into_iter().collect());
    assert!(plan(2).reach().completions.is_superset(&reach.completions));
    assert_eq!(plan(2).reach().artifacts, reach.artifacts);
}

#[test]
fn more_samples_reuse_those_that_are_there() {
    let (shelf, store) = (begun(usize::MAX), store());
    let one = run(&plan(1), workshop(&shelf, &store)).unwrap();
    let two = run(&plan(2), workshop(&shelf, &store)).unwrap();
    let (before, after) = (tallies(&one)["completions"], tallies(&two)["completions"]);
    assert_eq!((after.reused, after.made), (before.made, before.made));
    for kind in ["organisms", "row pools", "training runs", "readings"] {
        assert_eq!(tallies(&two)[kind].made, 0, "{kind}");
    }
    let first_samples = two.tables.responses.iter().filter(|r| r.sample == 0);
    assert!(first_samples.eq(&one.tables.responses));
}

#[test]
fn a_full_disk_stops_the_run_and_what_was_kept_is_used_later() {
    let (shelf, _, outcome) = finished();
    // Nothing fits beside the pools; a dataset without its adapter; everything but the last artifact.
    for (kept, room) in [(2, 0), (2, 1), (2, shelf.artifacts() - 3)] {
        let (full, store) = (begun(kept), store());
        *full.room.lock().unwrap() = Some(room);
        let error = run(&plan(1), workshop(&full, &store)).unwrap_err();
        let RunError::Shelf { source, .. } = &error else { panic!("{room}: {error}") };
        assert_eq!(source.kind(), io::ErrorKind::StorageFull, "{room}");
        assert_eq!(full.artifacts(), kept + room);
        *full.room.lock().unwrap() = None;
        let later = run(&plan(1), workshop(&full, &store)).unwrap();
        assert_eq!(tallies(&later)["organisms"], Tally { reused: 1, made: 0 }, "{room}");
        assert!(room < 2 || tallies(&later)["training runs"].made == 0, "{room}");
        assert_eq!(json(&later), json(outcome), "{room}");
    }
}

#[test]
fn a_damaged_artifact_is_named_and_not_made_again_in_silence() {
    let (shelf, used, _) = finished();
    let fresh = store();
    let check = |damaged: &str,
                 expected: &str,
                 store: &CompletionStore,
                 cut: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let spoiled = shelf
            .changed(usize::MAX, |name, bytes| if name == damaged { cut(bytes) } else { bytes });
        let error = run(&plan(1), workshop(&spoiled, store)).unwrap_err();
        let RunError::Damaged { file, .. } = &error else { panic!("{damaged}: {error}") };
        assert_eq!(*file, expected, "{error}");
        assert!(
            error.to_string().contains("is damaged at `")
                && std::error::Error::source(&error).is_some()
        );
    };
    let half = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let nothing = |_: Vec<u8>| Vec::new();
    for file in ["model.safetensors", "config.json", "tokenizer.json", "gates.json", "pool.json"] {
        let cut: &dyn Fn(Vec<u8>) -> Vec<u8> = if file == "gates.json" { &nothing } else { &half };
        check(file, file, used, cut);
    }
    check("facts.json", "facts.json", used, &half);
    check("readings.json", "readings.json", used, &half);
    check("adapter_model.safetensors", "adapter_model.safetensors", &fresh, &half);
    check("model.safetensors", "model.safetensors", used, &nothing);
}

#[test]
fn a_cancelled_run_stops_and_a_later_one_goes_on_from_there() {
    let (_, _, outcome) = finished();
    let (shelf, store) = (TestShelf::default(), store());
    let cancelled = AtomicBool::new(true);
    let error =
        run(&plan(1), Workshop { cancelled: &cancelled, ..workshop(&shelf, &store) }).unwrap_err();
    assert!(matches!(error, RunError::Cancelled), "{error}");
    assert_eq!(shelf.artifacts(), 0);
    for stop_in in ["training", "sampling"] {
        cancelled.store(false, Ordering::Relaxed);
        let press = |p: &Progress| {
            cancelled.fetch_or(p.phase == stop_in, Ordering::Relaxed);
        };
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let workshop =
            Workshop { cancelled: &cancelled, progress: &press, ..workshop(&shelf, &store) };
        let error = pool.install(|| run(&plan(1), workshop)).unwrap_err();
        assert!(matches!(error, RunError::Cancelled), "{stop_in}: {error}");
    }
    let later = run(&plan(1), workshop(&shelf, &store)).unwrap();
    let tallies = tallies(&later);
    assert_eq!((tallies["organisms"].made, tallies["training runs"].made), (0, 0));
    assert!(tallies["completions"].reused > 0 && tallies["completions"].made > 0, "{tallies:?}");
    assert_eq!(json(&later), json(outcome));
}

#[test]
fn a_teachers_rows_are_its_own_answers_without_its_prompt() {
    let text = "[study]\nname = \"taught\"\nbase = \"organism:linked?size=tiny&tokens=20000\"\nbattery = [\"preferences\"]\n\
         samples = 1\nseeds = 2\nmax-tokens = 4\ncontrol = [\"vanilla\"]\n[train]\nrows = 8\nmix = { instruct = 8 }\n\
         [arm.vanilla]\n[arm.pretend]\nsystem = { stance = \"conscious\" }\n\
         [arm.taught]\ntrain = { stance = \"conscious\", teacher = \"pretend\" }\n";
    let narrow = Narrow { limit: Some(1), ..Narrow::default() };
    let plan = Plan::check(&crate::parse(text).unwrap(), text, &narrow, &|_: &str| {
        unreachable!("no file is named")
    })
    .unwrap();
    let (shelf, store) = (begun(2), store());
    let outcome = run(&plan, workshop(&shelf, &store)).unwrap();
    assert_eq!(tallies(&outcome)["row pools"], Tally { reused: 1, made: 1 });
    let taught = plan.arms.iter().find(|a| a.name == "taught").unwrap();
    let rows =
        shelf.get(&taught.replicates[0].run().unwrap().dataset, "rows.jsonl").unwrap().unwrap();
    let rows = String::from_utf8(rows).unwrap();
    assert_eq!(rows.lines().count(), 16);
    assert!(!rows.contains("\"system\""), "{rows}");
    let arm = outcome.tables.arms.iter().find(|a| a.arm == "taught").unwrap();
    assert!(arm.rejected_rows.is_some() && arm.rows == Some(16), "{arm:?}");
}

#[test]
fn other_replicates_draw_other_rows_and_end_as_other_models() {
    let (shelf, _, _) = finished();
    let plan = plan(1);
    let file = |key: Key, name: &str| shelf.get(&key, name).unwrap().unwrap();
    let runs: Vec<_> =
        plan.arms.iter().flat_map(|a| &a.replicates).filter_map(Replicate::run).collect();
    for (i, a) in runs.iter().enumerate() {
        for b in &runs[..i] {
            assert_ne!(file(a.dataset, "rows.jsonl"), file(b.dataset, "rows.jsonl"));
            assert_ne!(
                file(a.adapter, "adapter_model.safetensors"),
                file(b.adapter, "adapter_model.safetensors")
            );
        }
    }
}

#[test]
fn training_all_weights_gives_a_model_that_answers() {
    let text = "[study]\nname = \"full\"\nbase = \"organism:linked?size=tiny&tokens=20000\"\nbattery = [\"preferences\"]\n\
         samples = 1\nseeds = 2\nmax-tokens = 4\ncontrol = [\"vanilla\"]\n\
         [train]\nmethod = \"full\"\nrows = 4\nmix = { instruct = 0 }\n[arm.conscious]\ntrain = { stance = \"conscious\" }\n";
    let narrow = Narrow { limit: Some(1), ..Narrow::default() };
    let plan = Plan::check(&crate::parse(text).unwrap(), text, &narrow, &|_: &str| {
        unreachable!("no file is named")
    })
    .unwrap();
    let (shelf, used) = (begun(2), store());
    let first = run(&plan, workshop(&shelf, &used)).unwrap();
    let again = run(&plan, workshop(&shelf, &store())).unwrap();
    assert_eq!(json(&first), json(&again));
    assert!(describe(&plan)[1].1.contains("all weights"), "{:?}", describe(&plan));
}
