//! A state file that anybody wrote: it is refused or holds what was committed, and opening never panics.
//!
//! The input makes a history, then forges the file. Where the forger has the key (state without a key), anything
//! may be found; where he has not, only the content after some transaction, and with an anchor only the last.

#![no_main]

use ironroot_journal::anchor::{Anchored, SLOT_LEN};
use ironroot_journal::{Change, Header, Journal, JournalError, Medium, MediumError, RecordId};
use ironroot_platform::{Entropy, EntropyError};
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

const SEGMENT: u32 = 4 * 4096;
const KEY: &[u8] = b"a key that the forger has not";

type Content = BTreeMap<u32, Vec<u8>>;

struct Ram(Vec<u8>);

impl Medium for Ram {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }
    fn read(&self, at: u64, out: &mut [u8]) -> Result<(), MediumError> {
        let from = self
            .0
            .get(at as usize..)
            .and_then(|from| from.get(..out.len()));
        out.copy_from_slice(from.ok_or(MediumError)?);
        Ok(())
    }
    fn write(&mut self, at: u64, data: &[u8]) -> Result<(), MediumError> {
        let to = self
            .0
            .get_mut(at as usize..)
            .and_then(|to| to.get_mut(..data.len()));
        to.ok_or(MediumError)?.copy_from_slice(data);
        Ok(())
    }
    fn sync(&mut self) -> Result<(), MediumError> {
        Ok(())
    }
}

struct Counting(u8);

impl Entropy for Counting {
    fn fill(&mut self, out: &mut [u8]) -> Result<(), EntropyError> {
        out.iter_mut().for_each(|byte| {
            self.0 = self.0.wrapping_mul(29).wrapping_add(17);
            *byte = self.0;
        });
        Ok(())
    }
}

struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((byte, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        *byte
    }

    fn word(&mut self) -> usize {
        usize::from(u16::from_le_bytes([self.byte(), self.byte()]))
    }
}

fuzz_target!(|input: &[u8]| {
    // The file as it is, and the slots of an anchor.
    let _ = Header::parse(input);
    let _ = open(input.to_vec(), None, None);
    if let Some((one, rest)) = input.split_first_chunk::<SLOT_LEN>()
        && let Some(two) = rest.first_chunk()
    {
        let _ = Anchored::read([one, two]);
    }
    let mut input = Input(input);
    let mut buffer = vec![0; SEGMENT as usize];
    let file = Ram(vec![0; Journal::<Ram>::file_len(SEGMENT) as usize]);
    let mut entropy = Counting(input.byte());
    let Ok(mut journal) = Journal::create(file, SEGMENT, Some(KEY), &mut entropy, &mut buffer)
    else {
        panic!("a journal can be made");
    };
    let mut history = vec![Content::new()];
    for _ in 0..input.byte() % 16 {
        let mut content = history.last().expect("one at least").clone();
        let id = u32::from(input.byte() % 4);
        let data = vec![input.byte(); input.word() % 6000];
        let change = match input.byte() % 4 {
            0 => Change::Remove(RecordId(id)),
            _ => Change::Set(RecordId(id), &data),
        };
        let live = content
            .iter()
            .map(|(id, data)| (RecordId(*id), data.as_slice()));
        if journal.commit(&[change], live, &mut buffer).is_ok() {
            apply(&mut content, &change);
            history.push(content);
        }
    }
    let anchor = journal.position();
    let mut file = journal.medium().0.clone();
    let (whole, _) = open(file.clone(), Some(KEY), Some(&anchor)).expect("it opens");
    assert_eq!(Some(&whole), history.last());
    for _ in 0..input.byte() % 8 {
        let at = input.word() % file.len();
        match input.byte() % 3 {
            0 => file[at] ^= input.byte(),
            1 => file[at..]
                .iter_mut()
                .take(64)
                .for_each(|byte| *byte = input.byte()),
            _ => {
                let from = input.word() % 9 * 4096;
                file.copy_within(from..from + 4096, at / 4096 * 4096);
            }
        }
    }
    if let Ok((content, _)) = open(file.clone(), Some(KEY), None) {
        assert!(history.contains(&content), "a content that never was");
    }
    if let Ok((content, _)) = open(file, Some(KEY), Some(&anchor)) {
        assert_eq!(Some(&content), history.last(), "an older content");
    }
});

fn apply(content: &mut Content, change: &Change<'_>) {
    match change {
        Change::Set(id, data) => content.insert(id.0, data.to_vec()),
        Change::Remove(id) => content.remove(&id.0),
    };
}

fn open(
    file: Vec<u8>,
    key: Option<&[u8]>,
    anchor: Option<&ironroot_journal::Position>,
) -> Result<(Content, u64), JournalError> {
    let mut content = Content::new();
    let mut buffer = vec![0; SEGMENT as usize];
    let journal = Journal::open(
        Ram(file),
        key,
        anchor,
        &mut Counting(3),
        &mut buffer,
        &mut |change| apply(&mut content, &change),
    )?;
    Ok((content, journal.position().number))
}
