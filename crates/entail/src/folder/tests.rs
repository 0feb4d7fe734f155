use super::*;

#[test]
fn an_artifact_appears_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let shelf = FolderShelf::open(folder.path()).unwrap();
    let key = Key::of(&"a");
    assert!(!shelf.has(&key).unwrap());
    assert_eq!(shelf.get(&key, "x").unwrap(), None);
    // A name that is no file name fails half-way: nothing of the artifact may be visible.
    let bad = [("x", b"1".to_vec()), ("no/such/folder", b"2".to_vec())];
    assert!(shelf.put(&key, &bad).is_err());
    assert!(!shelf.has(&key).unwrap());
    assert_eq!(
        fs::read_dir(folder.path().join("artifacts")).unwrap().count(),
        0,
        "nothing is left behind"
    );
    shelf.put(&key, &[("x", b"1".to_vec())]).unwrap();
    shelf.put(&key, &[("x", b"1".to_vec())]).unwrap();
    assert_eq!(shelf.get(&key, "x").unwrap(), Some(b"1".to_vec()));
}

fn shelf() -> (tempfile::TempDir, FolderShelf) {
    let folder = tempfile::tempdir().unwrap();
    let shelf = FolderShelf::open(folder.path()).unwrap();
    (folder, shelf)
}

#[test]
fn every_changed_byte_of_an_artifact_is_found() {
    let (_folder, shelf) = shelf();
    let key = Key::of(&"a");
    shelf.put(&key, &[("x", b"12".to_vec()), ("y", Vec::new())]).unwrap();
    assert_eq!(shelf.condition(&key).unwrap(), Condition::Sound);
    for (file, bytes) in [("x", "13"), ("x", "1"), ("x", ""), ("y", "0"), (CHECKSUMS, "{")] {
        let path = shelf.folder(&key).join(file);
        let before = fs::read(&path).unwrap();
        fs::write(&path, bytes).unwrap();
        let Condition::Damaged(wrong) = shelf.condition(&key).unwrap() else { panic!("{file}") };
        assert_eq!(wrong.keys().collect::<Vec<_>>(), [file]);
        fs::write(&path, before).unwrap();
    }
    fs::remove_file(shelf.folder(&key).join("y")).unwrap();
    let missing = BTreeMap::from([("y".to_owned(), "is missing".to_owned())]);
    assert_eq!(shelf.condition(&key).unwrap(), Condition::Damaged(missing));
    fs::remove_file(shelf.folder(&key).join(CHECKSUMS)).unwrap();
    assert_eq!(shelf.condition(&key).unwrap(), Condition::Unchecked);
}

#[test]
fn only_what_was_left_long_ago_is_abandoned() {
    let (_folder, shelf) = shelf();
    let key = Key::of(&"a");
    shelf.put(&key, &[("x", Vec::new())]).unwrap();
    let half = shelf.temporary(&key);
    fs::create_dir(&half).unwrap();
    let made = fs::metadata(&half).unwrap().modified().unwrap();
    assert_eq!(shelf.abandoned(made + ABANDONED).unwrap(), [] as [PathBuf; 0]);
    assert_eq!(shelf.abandoned(made - ABANDONED).unwrap(), [] as [PathBuf; 0], "a clock set back");
    let later = made + ABANDONED + Duration::from_secs(1);
    assert_eq!(shelf.abandoned(later).unwrap(), [half]);
}

#[test]
fn a_store_is_held_alone_or_shared() {
    let (folder, _) = shelf();
    let one = share(folder.path()).unwrap();
    let two = share(folder.path()).unwrap();
    assert!(one.is_some() && two.is_some());
    assert!(hold_alone(folder.path()).unwrap().is_none());
    drop((one, two));
    let alone = hold_alone(folder.path()).unwrap();
    assert!(alone.is_some() && hold_alone(folder.path()).unwrap().is_none());
}
