use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[test]
fn a_key_is_held_by_one_at_a_time_and_others_are_free() {
    let shelf = MemoryShelf::default();
    let key = Key::of(&"a");
    let first = shelf.lock(&key).unwrap();
    drop(shelf.lock(&Key::of(&"b")).unwrap());
    let released = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| {
            let _second = shelf.lock(&key).unwrap();
            assert!(released.load(Ordering::SeqCst), "two hold one key");
        });
        released.store(true, Ordering::SeqCst);
        drop(first);
        second.join().unwrap();
    });
    drop(shelf.lock(&key).unwrap());
}
