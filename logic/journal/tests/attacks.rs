//! Damage, wrong keys, old copies.

mod common;

use common::{Dice, KEY, SEGMENT, Store, any_changes, changes_of, disk_of};
use ironroot_journal::{Change, Header, Journal, JournalError, Position, Protection, RecordId};

/// A store with a few transactions, and its image and position after each.
fn history(seed: u64, commits: usize) -> Vec<(Vec<u8>, Position, common::Content)> {
    let mut dice = Dice(seed);
    let mut store = Store::create(seed);
    (0..commits)
        .map(|_| {
            store.commit(&changes_of(&any_changes(&mut dice))).unwrap();
            let image = disk_of(&store.journal).cached();
            (image, store.journal.position(), store.content.clone())
        })
        .collect()
}

#[test]
fn damage_is_refused_or_costs_the_last_transaction_only() {
    let history = history(3, 9);
    for pair in history.windows(2) {
        let [(_, _, before), (image, _, now)] = pair else {
            unreachable!()
        };
        let mut refused = 0;
        for at in (0..image.len()).step_by(37).chain(0..72) {
            let mut image = image.clone();
            image[at] ^= 0x40;
            match Store::open(image, 1) {
                Ok(store) => assert!(store.content == *now || store.content == *before, "{at}"),
                Err(_) => refused += 1,
            }
        }
        assert!(refused > 72 - 1);
    }
}

#[test]
fn a_damaged_transaction_before_the_last_is_noticed() {
    let mut store = Store::create(8);
    let mut places = Vec::new();
    for number in 0..3 {
        places.push(4096 + store.journal.fill().0 as usize);
        store
            .commit(&[Change::Set(RecordId(number), b"some data")])
            .unwrap();
    }
    let image = disk_of(&store.journal).cached();
    for (index, place) in places.iter().enumerate() {
        for offset in [0, 5, 9, 17, 30, 50, 66, 80] {
            let mut image = image.clone();
            image[place + offset] ^= 1;
            let opened = Store::open(image, 1).map(|store| store.content.len());
            let last = index == places.len() - 1;
            let expected = if last {
                Ok(2)
            } else {
                Err(JournalError::Damaged)
            };
            assert_eq!(opened, expected, "{index} {offset}");
        }
    }
}

#[test]
fn once_the_new_segment_counts_the_old_one_does_not_come_back() {
    let mut store = Store::create(2);
    // Three small transactions fill the segment, the fourth begins another.
    for number in 0..5 {
        store
            .commit(&[Change::Set(RecordId(number), b"some data")])
            .unwrap();
    }
    assert!(store.journal.fill().0 <= 2 * 4096);
    let mut image = disk_of(&store.journal).cached();
    let second = 4096 + SEGMENT as usize;
    image[second + 70] ^= 1;
    let opened = Store::open(image, 1).err();
    assert_eq!(opened, Some(JournalError::Damaged));
}

#[test]
fn an_anchor_refuses_every_older_state_and_every_other_branch() {
    let history = history(4, 14);
    for (anchored, (_, anchor, _)) in history.iter().enumerate() {
        for (shown, (image, position, content)) in history.iter().enumerate() {
            let opened = Store::open_with(image.clone(), 7, KEY, Some(anchor));
            match opened {
                Ok(store) => {
                    assert!(shown >= anchored);
                    assert_eq!(store.content, *content);
                    assert_eq!(store.journal.position(), *position);
                }
                Err(JournalError::RolledBack) => assert!(shown < anchored),
                Err(JournalError::AnchorTooOld) => assert!(shown > anchored + 1),
                Err(error) => panic!("{error:?}"),
            }
            assert!(
                shown != anchored || Store::open_with(image.clone(), 7, KEY, Some(anchor)).is_ok()
            );
        }
    }
    // Two lives of one image.
    let (image, ..) = &history[6];
    let mut left = Store::open(image.clone(), 21).unwrap();
    let mut right = Store::open(image.clone(), 22).unwrap();
    for store in [&mut left, &mut right] {
        store.commit(&[Change::Set(RecordId(1), b"same")]).unwrap();
    }
    let image = disk_of(&left.journal).cached();
    let anchor = right.journal.position();
    assert_eq!(anchor.number, left.journal.position().number);
    let opened = Store::open_with(image, 7, KEY, Some(&anchor)).err();
    assert_eq!(opened, Some(JournalError::RolledBack));
}

#[test]
fn the_anchor_may_be_one_transaction_behind_also_over_a_new_segment() {
    let history = history(12, 30);
    for pair in history.windows(2) {
        let opened = Store::open_with(pair[1].0.clone(), 7, KEY, Some(&pair[0].1));
        assert!(opened.is_ok());
    }
}

#[test]
fn a_position_survives_its_encoding() {
    for (_, position, _) in history(9, 3) {
        assert_eq!(Position::decode(&position.encode()), position);
    }
}

#[test]
fn a_transaction_taken_back_is_gone_also_after_a_new_segment() {
    let mut dice = Dice(77);
    let mut store = Store::create(77);
    for _ in 0..20 {
        let before = store.content.clone();
        let position = store.journal.position();
        store.commit(&changes_of(&any_changes(&mut dice))).unwrap();
        store.journal.take_back().unwrap();
        store.content = before.clone();
        assert_eq!(store.journal.position(), position);
        let image = disk_of(&store.journal).durable.clone();
        let opened = Store::open_with(image, 7, KEY, Some(&position)).unwrap();
        assert_eq!(opened.content, before);
        store.commit(&changes_of(&any_changes(&mut dice))).unwrap();
    }
}

#[test]
fn the_key_decides() {
    let image = history(1, 3).remove(2).0;
    let open = |key| Store::open_with(image.clone(), 7, key, None).err();
    assert_eq!(open(KEY), None);
    assert_eq!(open(None), Some(JournalError::KeyNeeded));
    assert_eq!(open(Some(b"another")), Some(JournalError::WrongKey));
    assert_eq!(open(Some(b"")), Some(JournalError::WrongKey));
    assert_eq!(Header::parse(&image).unwrap().protection, Protection::Key);
}

#[test]
fn without_a_key_nothing_needs_one_and_damage_is_still_noticed() {
    let mut buffer = vec![0; SEGMENT as usize];
    let disk = common::Disk::new(Journal::<common::Disk>::file_len(SEGMENT) as usize);
    let mut journal = Journal::create(disk, SEGMENT, None, &mut Dice(1), &mut buffer).unwrap();
    for _ in 0..2 {
        journal
            .commit(
                &[Change::Set(RecordId(1), b"data")],
                std::iter::empty(),
                &mut buffer,
            )
            .unwrap();
    }
    let image = disk_of(&journal).cached();
    let open = |image: &[u8], key| Store::open_with(image.to_vec(), 7, key, None).err();
    assert_eq!(open(&image, None), None);
    assert_eq!(open(&image, KEY), Some(JournalError::NotEncrypted));
    let mut damaged = image.clone();
    damaged[4096 + 4096 + 70] ^= 1;
    assert_eq!(open(&damaged, None), Some(JournalError::Damaged));
}

#[test]
fn what_is_not_a_journal_is_called_so() {
    let image = history(1, 1).remove(0).0;
    let open = |image: Vec<u8>| Store::open(image, 1).err();
    let not = Some(JournalError::NotAJournal);
    for len in [0, 1, 7, 71, 72, 511, 4095] {
        assert_eq!(open(image[..len].to_vec()), not, "{len}");
        assert!(Header::parse(&image[..len.min(71)]).is_err());
    }
    assert_eq!(open(vec![0; image.len()]), not);
    assert_eq!(
        open(image[..image.len() - 1].to_vec()),
        Some(JournalError::Damaged)
    );
    let mut newer = image;
    newer[8] = 2;
    assert_eq!(open(newer), Some(JournalError::NewerFormat(2)));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut store = Store::create(1);
    let long = vec![7; SEGMENT as usize - 100];
    for (id, len, fits) in [
        (1, 6000, true),
        (2, 6000, true),
        (3, 6000, false),
        (1, long.len(), false),
    ] {
        let before = store.content.clone();
        let done = store.commit(&[Change::Set(RecordId(id), &long[..len])]);
        assert_eq!(
            done,
            if fits {
                Ok(())
            } else {
                Err(JournalError::Full)
            }
        );
        let image = disk_of(&store.journal).cached();
        let found = Store::open(image, 3).unwrap().content;
        assert_eq!(found, store.content);
        assert!(fits || found == before);
    }
    store.commit(&[Change::Remove(RecordId(1))]).unwrap();
    store
        .commit(&[Change::Set(RecordId(3), &long[..6000])])
        .unwrap();
}
