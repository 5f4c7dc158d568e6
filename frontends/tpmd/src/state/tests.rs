use super::*;
use ironroot_tpm::{Change, RecordId, Store as _, StoreError};
use std::os::unix::fs::symlink;
use tempfile::TempDir;

const ID: RecordId = RecordId(7);

fn options(place: &TempDir) -> StateOptions {
    StateOptions {
        directory: place.path().join("state"),
        key: None,
        anchor: None,
        durability: Durability::None,
    }
}

fn keyed(place: &TempDir, name: &str) -> StateOptions {
    let path = place.path().join(name);
    std::fs::write(&path, format!("{name}: thirty-two bytes, or more.")).unwrap();
    StateOptions {
        key: Some(KeySource::File(path)),
        ..options(place)
    }
}

fn open(options: &StateOptions) -> Result<(StateDirectory, HostStore)> {
    let directory = StateDirectory::open(&options.directory, true)?;
    let nv = Rc::new(Cell::new(true));
    let key = options.key.as_ref().map(KeySource::read).transpose()?;
    let store = directory.store(options, key.as_ref(), nv, &Log::default())?;
    Ok((directory, store))
}

fn set(store: &mut HostStore, data: &[u8]) -> Result<(), StoreError> {
    store.commit(&[Change::Set { id: ID, data }])
}

fn get(store: &mut HostStore) -> Option<Vec<u8>> {
    let mut out = [0; 4000];
    let len = store.read(ID, &mut out).unwrap()?;
    Some(out[..len].to_vec())
}

fn refusal(options: &StateOptions) -> String {
    format!("{:#}", open(options).map(|_| ()).unwrap_err())
}

#[test]
fn what_was_committed_is_there_after_every_start() {
    let place = TempDir::new().unwrap();
    for options in [
        options(&place),
        StateOptions {
            durability: Durability::Full,
            ..options(&place)
        },
    ] {
        let before = open(&options)
            .map(|(_, mut store)| get(&mut store))
            .unwrap();
        for round in 0..3 {
            let (_directory, mut store) = open(&options).unwrap();
            assert_eq!(
                get(&mut store),
                if round == 0 {
                    before.clone()
                } else {
                    Some(vec![round])
                }
            );
            set(&mut store, &[round + 1]).unwrap();
        }
    }
}

#[test]
fn records_are_listed_read_and_removed_by_number() {
    let place = TempDir::new().unwrap();
    let (_directory, mut store) = open(&options(&place)).unwrap();
    for id in [3, 900, 0x0100_0000] {
        let change = Change::Set {
            id: RecordId(id),
            data: b"some",
        };
        store.commit(&[change]).unwrap();
    }
    assert_eq!(store.at_or_after(RecordId(0)), Ok(Some(RecordId(3))));
    assert_eq!(store.at_or_after(RecordId(4)), Ok(Some(RecordId(900))));
    store
        .commit(&[Change::Remove(RecordId(900)), Change::Remove(RecordId(901))])
        .unwrap();
    assert_eq!(
        store.at_or_after(RecordId(4)),
        Ok(Some(RecordId(0x0100_0000)))
    );
    assert_eq!(store.at_or_after(RecordId(0x0100_0001)), Ok(None));
    assert_eq!(store.read(RecordId(3), &mut [0; 3]), Err(StoreError::Full));
    assert_eq!(store.read(RecordId(900), &mut [0; 3]), Ok(None));
}

#[test]
fn swtpms_state_is_refused_and_nothing_is_made_or_changed() {
    for name in [
        "tpm2-00.permall",
        "tpm2-00.volatilestate",
        "tpm2-00.savestate",
        "tpm-00.permall",
    ] {
        let place = TempDir::new().unwrap();
        let options = options(&place);
        std::fs::create_dir(&options.directory).unwrap();
        std::fs::write(options.directory.join(name), "swtpm's").unwrap();
        assert!(refusal(&options).contains("swtpm"));
        let names: Vec<_> = std::fs::read_dir(&options.directory).unwrap().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(
            std::fs::read(options.directory.join(name)).unwrap(),
            b"swtpm's"
        );
    }
    let place = TempDir::new().unwrap();
    let options = options(&place);
    std::fs::write(&options.directory, b"swtpmlin and so on").unwrap();
    assert!(refusal(&options).contains("swtpm"));
    std::fs::write(&options.directory, b"anything").unwrap();
    assert!(refusal(&options).contains("not a directory"));
    assert_eq!(std::fs::read(&options.directory).unwrap(), b"anything");
}

#[test]
fn one_directory_is_used_by_one_process() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let first = open(&options).unwrap();
    assert!(refusal(&options).contains("in use"));
    drop(first);
    open(&options).unwrap();
}

#[test]
fn planted_links_are_not_followed() {
    let place = TempDir::new().unwrap();
    let target = place.path().join("precious");
    for name in [STATE, UNFINISHED, LOCK] {
        std::fs::write(&target, "precious").unwrap();
        let options = options(&place);
        std::fs::create_dir(&options.directory).unwrap();
        symlink(&target, options.directory.join(name)).unwrap();
        let opened = open(&options);
        // Only the unfinished file is ours to remove: the link goes, what it names stays.
        assert_eq!(opened.is_ok(), name == UNFINISHED, "{name}");
        drop(opened);
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
        std::fs::remove_dir_all(&options.directory).unwrap();
    }
    let options = options(&place);
    std::fs::create_dir(place.path().join("elsewhere")).unwrap();
    symlink(place.path().join("elsewhere"), &options.directory).unwrap();
    assert!(refusal(&options).contains("link"));
}

#[test]
fn the_key_encrypts_and_only_the_same_key_opens() {
    let place = TempDir::new().unwrap();
    let options = keyed(&place, "key");
    let (directory, mut store) = open(&options).unwrap();
    set(&mut store, b"a secret that nobody should find").unwrap();
    drop((directory, store));
    let bytes = std::fs::read(options.directory.join(STATE)).unwrap();
    assert!(!bytes.windows(8).any(|window| window == b"a secret"));
    assert!(refusal(&keyed(&place, "other")).contains("another key"));
    let without = StateOptions {
        key: None,
        ..options.clone()
    };
    assert!(refusal(&without).contains("--key is needed"));
    assert_eq!(get(&mut open(&options).unwrap().1).unwrap().len(), 32);
}

#[test]
fn an_old_copy_is_refused_with_an_anchor_of_either_kind() {
    for exec in [false, true] {
        let place = TempDir::new().unwrap();
        let kept = place.path().join("anchor");
        let command = format!(
            "while read what value; do case $what in \
             get) cat {0} 2>/dev/null || echo none;; \
             set) echo $value > {0}; echo ok;; esac; done",
            kept.display()
        );
        let anchor = if exec {
            AnchorSource::Command(command)
        } else {
            AnchorSource::File(kept.clone())
        };
        let options = StateOptions {
            anchor: Some(anchor),
            ..keyed(&place, "key")
        };
        let state = options.directory.join(STATE);
        for round in 0..3 {
            let (directory, mut store) = open(&options).unwrap();
            set(&mut store, &[round]).unwrap();
            drop((directory, store));
        }
        let old = std::fs::read(&state).unwrap();
        let (directory, mut store) = open(&options).unwrap();
        set(&mut store, b"newest").unwrap();
        drop((directory, store));
        let newest = std::fs::read(&state).unwrap();
        std::fs::write(&state, &old).unwrap();
        assert!(refusal(&options).contains("old copy"), "{exec}");
        std::fs::remove_file(&state).unwrap();
        assert!(refusal(&options).contains("anchor knows one"));
        assert!(!state.exists());
        std::fs::write(&state, &newest).unwrap();
        assert_eq!(get(&mut open(&options).unwrap().1).unwrap(), b"newest");
        // Without the anchor nobody notices: that is what the help says.
        std::fs::write(&state, &old).unwrap();
        open(&StateOptions {
            anchor: None,
            ..options
        })
        .unwrap();
    }
}

#[test]
fn an_anchor_beside_the_state_is_refused() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let inside = options.directory.join("anchor");
    let anchor = Some(AnchorSource::File(inside.clone()));
    let options = StateOptions { anchor, ..options };
    assert!(refusal(&options).contains("elsewhere"));
    assert!(!inside.exists());
}

#[test]
fn an_anchor_that_fails_takes_the_change_back() {
    let place = TempDir::new().unwrap();
    let fails = place.path().join("fails");
    let command = format!(
        "while read what value; do case $what in get) echo none;; \
         set) if [ -e {} ]; then echo no; else echo ok; fi;; esac; done",
        fails.display()
    );
    let options = StateOptions {
        anchor: Some(AnchorSource::Command(command)),
        ..options(&place)
    };
    let (directory, mut store) = open(&options).unwrap();
    set(&mut store, b"before").unwrap();
    std::fs::write(&fails, "").unwrap();
    assert_eq!(set(&mut store, b"after"), Err(StoreError::Unavailable));
    assert_eq!(get(&mut store).unwrap(), b"before");
    std::fs::remove_file(&fails).unwrap();
    set(&mut store, b"later").unwrap();
    std::fs::write(&fails, "").unwrap();
    assert!(set(&mut store, b"never").is_err());
    drop((directory, store));
    std::fs::remove_file(&fails).unwrap();
    assert_eq!(get(&mut open(&options).unwrap().1).unwrap(), b"later");
}

#[test]
fn a_full_store_refuses_and_still_shrinks() {
    let place = TempDir::new().unwrap();
    let (_directory, mut store) = open(&options(&place)).unwrap();
    let data = [5; 3000];
    let mut id = 100;
    while store
        .commit(&[Change::Set {
            id: RecordId(id),
            data: &data,
        }])
        .is_ok()
    {
        id += 1;
    }
    assert!((100_000..600_000).contains(&(u64::from(id - 100) * 3000)));
    assert!(store.free() < 3000);
    let mut many: Vec<_> = (100..110).map(|id| Change::Remove(RecordId(id))).collect();
    store.commit(&many).unwrap();
    many.push(Change::Set {
        id: RecordId(5),
        data: &data,
    });
    store.commit(&many).unwrap();
    // Long enough for the log to go over to the other segment, some times.
    for round in 0..600_u32 {
        set(&mut store, &round.to_le_bytes()).unwrap();
    }
}

#[test]
fn nv_memory_that_is_off_refuses_changes() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let directory = StateDirectory::open(&options.directory, true).unwrap();
    let nv = Rc::new(Cell::new(true));
    let mut store = directory
        .store(&options, None, Rc::clone(&nv), &Log::default())
        .unwrap();
    set(&mut store, b"on").unwrap();
    nv.set(false);
    assert_eq!(set(&mut store, b"off"), Err(StoreError::Unavailable));
    assert_eq!(get(&mut store).unwrap(), b"on");
}

#[test]
fn a_backup_opens_and_never_replaces_anything() {
    let place = TempDir::new().unwrap();
    let options = keyed(&place, "key");
    let (directory, mut store) = open(&options).unwrap();
    set(&mut store, b"kept").unwrap();
    drop((directory, store));
    let target = place.path().join("backup");
    crate::back_up(&options, &target).unwrap();
    assert!(crate::back_up(&options, &target).is_err());
    let backup = StateOptions {
        directory: target,
        ..options.clone()
    };
    assert_eq!(get(&mut open(&backup).unwrap().1).unwrap(), b"kept");
    let report = crate::check(&options).unwrap();
    assert_eq!(report.content.unwrap().records, 1);
    assert!(
        crate::info(&options.directory)
            .unwrap()
            .protection
            .contains("encrypted")
    );
    let empty = place.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    assert!(crate::info(&empty).is_err());
    assert_eq!(
        std::fs::read_dir(&empty).unwrap().count(),
        0,
        "nothing is made"
    );
}

#[test]
fn what_is_not_our_state_is_named_and_kept() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    std::fs::create_dir(&options.directory).unwrap();
    for (bytes, word) in [
        (vec![0; 5], "not a TPM state"),
        (vec![7; 5000], "not a TPM state"),
        (
            [&b"IRJOURNL\x09\0\0\0"[..], &[0; 5000]].concat(),
            "format 9",
        ),
        (
            [&b"IRJOURNL\x01\0\0\0"[..], &[0xff; 5000]].concat(),
            "damaged",
        ),
    ] {
        std::fs::write(options.directory.join(STATE), &bytes).unwrap();
        assert!(refusal(&options).contains(word), "{}", refusal(&options));
        assert_eq!(std::fs::read(options.directory.join(STATE)).unwrap(), bytes);
    }
}

/// A store that waits for its lock, as a machine that comes does.
fn wait_for(options: &StateOptions) -> (StateDirectory, HostStore) {
    let directory = StateDirectory::open_later(&options.directory);
    let directory = directory.unwrap().expect("there is a state");
    let nv = Rc::new(Cell::new(true));
    let store = directory.store_later(options, nv, &Log::default());
    (directory, store.unwrap())
}

#[test]
fn a_state_that_is_waited_for_is_read_when_the_lock_is_there_and_not_touched_before() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    assert!(
        StateDirectory::open_later(&options.directory)
            .unwrap()
            .is_none()
    );
    let (from, mut theirs) = open(&options).unwrap();
    set(&mut theirs, b"early").unwrap();
    let (to, mut ours) = wait_for(&options);
    assert!(ours.is_frozen());
    // What the engine makes to stand on.
    assert_eq!(get(&mut ours), None);
    let before = std::fs::read(options.directory.join(STATE)).unwrap();
    set(&mut ours, b"of nobody's").unwrap();
    assert_eq!(get(&mut ours).unwrap(), b"of nobody's");
    assert!(std::fs::read(options.directory.join(STATE)).unwrap() == before);
    set(&mut theirs, b"late").unwrap();
    assert!(!to.take_lock().unwrap());
    from.release_lock().unwrap();
    assert!(to.take_lock().unwrap());
    assert_eq!(ours.open_again(None), Ok(true));
    assert!(!ours.is_frozen());
    assert_eq!(get(&mut ours).unwrap(), b"late");
    set(&mut ours, b"ours").unwrap();
    drop((to, ours));
    assert_eq!(get(&mut open(&options).unwrap().1).unwrap(), b"ours");
}

#[test]
fn who_gave_the_lock_away_goes_on_only_from_the_records_it_knows() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let (from, mut ours) = open(&options).unwrap();
    set(&mut ours, b"known").unwrap();
    ours.freeze(true);
    from.release_lock().unwrap();
    // The other one looks, takes over what it knows already, leaves a volatile state behind: the machine did not come.
    let (to, mut theirs) = open(&options).unwrap();
    let packed = ours.export();
    theirs.import(&packed.0, Some(b"volatile")).unwrap();
    assert!(!from.take_lock().unwrap());
    drop((to, theirs));
    assert!(from.take_lock().unwrap());
    assert_eq!(ours.open_again(None), Ok(true));
    assert!(ours.volatile().is_none(), "that is not this machine's");
    set(&mut ours, b"went on here").unwrap();
    ours.freeze(true);
    from.release_lock().unwrap();
    // The other one goes on.
    let (to, mut theirs) = open(&options).unwrap();
    assert_eq!(get(&mut theirs).unwrap(), b"went on here");
    set(&mut theirs, b"went on there").unwrap();
    drop((to, theirs));
    assert!(from.take_lock().unwrap());
    assert_eq!(ours.open_again(None), Ok(false));
    assert!(ours.is_frozen());
    assert_eq!(set(&mut ours, b"both"), Err(StoreError::Unavailable));
    assert_eq!(get(&mut ours).unwrap(), b"went on here");
}

#[test]
fn who_cannot_make_the_volatile_state_its_own_again_writes_nothing_without_the_lock() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let directory = StateDirectory::open(&options.directory, true).unwrap();
    let nv = Rc::new(Cell::new(true));
    let ours = directory.store(&options, None, Rc::clone(&nv), &Log::default());
    let mut ours = ours.unwrap();
    set(&mut ours, b"known").unwrap();
    ours.keep_volatile(Some(b"ours")).unwrap();
    ours.freeze(true);
    directory.release_lock().unwrap();
    let (to, mut theirs) = open(&options).unwrap();
    theirs.keep_volatile(Some(b"theirs")).unwrap();
    drop((to, theirs));
    // Twice: the second try finds what the first found.
    for _ in 0..2 {
        assert!(directory.take_lock().unwrap());
        nv.set(false);
        assert_eq!(ours.open_again(None), Err(JournalError::Medium));
        directory.release_lock().unwrap();
        nv.set(true);
        assert!(ours.is_frozen());
        let before = std::fs::read(options.directory.join(STATE)).unwrap();
        assert_eq!(set(&mut ours, b"both"), Err(StoreError::Unavailable));
        assert!(std::fs::read(options.directory.join(STATE)).unwrap() == before);
    }
    assert!(directory.take_lock().unwrap());
    assert_eq!(ours.open_again(None), Ok(true));
    assert_eq!(ours.volatile().unwrap().0, b"ours");
    set(&mut ours, b"went on").unwrap();
    drop((directory, ours));
    let (_directory, mut store) = open(&options).unwrap();
    assert_eq!(get(&mut store).unwrap(), b"went on");
    assert_eq!(store.volatile().unwrap().0, b"ours");
}

#[test]
fn records_that_are_tried_on_are_shown_and_not_kept() {
    let place = TempDir::new().unwrap();
    let options = options(&place);
    let (_directory, mut store) = open(&options).unwrap();
    set(&mut store, b"other").unwrap();
    let other = store.export();
    set(&mut store, b"own").unwrap();
    let before = std::fs::read(options.directory.join(STATE)).unwrap();
    store.try_on(&other.0).unwrap();
    assert_eq!(get(&mut store).unwrap(), b"other");
    assert_eq!(set(&mut store, b"never"), Err(StoreError::Unavailable));
    store.take_off();
    assert_eq!(get(&mut store).unwrap(), b"own");
    assert_eq!(store.try_on(b"no records"), Err(StoreError::Corrupt));
    assert_eq!(get(&mut store).unwrap(), b"own");
    assert!(std::fs::read(options.directory.join(STATE)).unwrap() == before);
    set(&mut store, b"after").unwrap();
}
