//! The old content or the new, whatever part of the unsynced sectors reached the disk.
//!
//! `IRONROOT_FULL=1` takes longer lives and more subsets.

mod common;

use common::{Content, Dice, Store, any_changes, changes_of, disk_of, images};

fn full() -> bool {
    std::env::var_os("IRONROOT_FULL").is_some()
}

#[test]
fn a_power_cut_with_any_part_of_the_unsynced_writes_leaves_the_old_or_the_new_content() {
    let (lives, commits, samples) = if full() { (40, 60, 400) } else { (2, 16, 40) };
    let mut cuts = 0_u64;
    for life in 1..=lives {
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 ^ life);
        let mut store = Store::create(life);
        for _ in 0..commits {
            cuts += one_commit(&mut store, &mut dice, samples, true);
        }
    }
    assert!(cuts > 1_000, "{cuts}");
    println!("{cuts} cuts");
}

/// Commits, and looks at every disk that a cut meanwhile could have left.
fn one_commit(store: &mut Store, dice: &mut Dice, samples: u64, and_then: bool) -> u64 {
    let before = store.content.clone();
    let list = any_changes(dice);
    store.journal.medium_mut().moments.clear();
    store.commit(&changes_of(&list)).unwrap();
    let after = store.content.clone();
    let moments = disk_of(&store.journal).moments.clone();
    assert_eq!(moments.len(), 1, "one sync per transaction");
    let mut cuts = 0;
    for (durable, pending) in &moments {
        for image in images(durable, pending, 8, samples, dice) {
            cuts += 1;
            let mut survivor = Store::open(image, dice.roll(1 << 40) + 1).unwrap();
            assert!(
                survivor.content == before || survivor.content == after,
                "neither old nor new"
            );
            if and_then && dice.roll(if full() { 4 } else { 16 }) == 0 {
                for _ in 0..3 {
                    cuts += one_commit(&mut survivor, dice, 6, false);
                }
            }
        }
    }
    cuts
}

#[test]
fn a_cut_while_opening_changes_nothing() {
    let mut dice = Dice(5);
    let mut store = Store::create(5);
    for _ in 0..10 {
        store.commit(&changes_of(&any_changes(&mut dice))).unwrap();
        let image = disk_of(&store.journal).cached();
        let opened = Store::open(image.clone(), 6).unwrap();
        assert_eq!(disk_of(&opened.journal).cached(), image);
    }
}

#[test]
fn a_transaction_that_failed_does_not_come_back() {
    let mut failed = 0;
    for seed in 1..if full() { 2_000 } else { 60 } {
        let mut dice = Dice(seed * 0x1_0001);
        let mut store = Store::create(seed);
        for _ in 0..12 {
            let operations = disk_of(&store.journal).operations;
            store.journal.medium_mut().moments.clear();
            let fail = (dice.roll(3) == 0).then(|| operations + dice.roll(2));
            store.journal.medium_mut().fail = fail.into_iter().collect();
            let before = store.content.clone();
            let done = store.commit(&changes_of(&any_changes(&mut dice)));
            if done.is_err() {
                failed += 1;
                assert_eq!(store.content, before);
                // Erasing the head worked: no part of what is pending brings it back.
                let disk = disk_of(&store.journal).clone();
                for image in images(&disk.durable, &disk.pending, 4, 8, &mut dice) {
                    assert_eq!(Store::open(image, 9).unwrap().content, before);
                }
            }
        }
        let image = disk_of(&store.journal).cached();
        assert_eq!(Store::open(image, 9).unwrap().content, store.content);
    }
    assert!(failed > 50, "{failed}");
}

#[test]
fn a_disk_that_fails_for_a_while_loses_nothing_that_was_acknowledged() {
    for seed in 1..if full() { 2_000 } else { 60 } {
        let mut dice = Dice(seed * 0x7_0001);
        let mut store = Store::create(seed);
        // What failed since the last success, and could not be erased at once.
        let mut unsure: Vec<Content> = Vec::new();
        for _ in 0..14 {
            let operations = disk_of(&store.journal).operations;
            store.journal.medium_mut().moments.clear();
            // A run of failures that also hits the erasing.
            let run = if dice.roll(3) == 0 { dice.roll(6) } else { 0 };
            store.journal.medium_mut().fail = (operations..operations + run).collect();
            let list = any_changes(&mut dice);
            let mut wanted = store.content.clone();
            changes_of(&list)
                .iter()
                .for_each(|change| common::apply(&mut wanted, change));
            match store.commit(&changes_of(&list)) {
                Ok(()) => unsure.clear(),
                Err(_) => unsure.push(wanted),
            }
            let disk = disk_of(&store.journal).clone();
            for image in images(&disk.durable, &disk.pending, 3, 6, &mut dice) {
                let found = Store::open(image, 11).unwrap().content;
                assert!(found == store.content || unsure.contains(&found));
            }
        }
    }
}
