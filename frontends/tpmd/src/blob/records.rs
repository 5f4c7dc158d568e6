//! A TPM's records one behind the other.
//!
//! ```text
//! count (4)  then for each, in ascending order:  number (4)  length (4)  bytes
//! ```

use super::Bytes;

/// More records than any profile can have.
const MOST: u32 = 4096;

/// Packs records that come in ascending order.
pub(crate) fn pack<'a>(records: impl Iterator<Item = (u32, &'a [u8])>) -> Bytes {
    // Room at once: a vector that grows leaves copies behind.
    let mut packed = Bytes(Vec::with_capacity(1024 * 1024));
    packed.0.extend([0; 4]);
    let mut count: u32 = 0;
    for (id, data) in records {
        count += 1;
        let len = u32::try_from(data.len()).unwrap_or(u32::MAX);
        packed.0.extend(id.to_be_bytes());
        packed.0.extend(len.to_be_bytes());
        packed.0.extend(data);
    }
    if let Some(head) = packed.0.first_chunk_mut() {
        *head = count.to_be_bytes();
    }
    packed
}

/// Unpacks records; `None`: not what [`pack`] makes.
pub(crate) fn unpack(packed: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let (count, mut rest) = word(packed)?;
    let mut records = Vec::new();
    for _ in 0..count.min(MOST) {
        let (id, after) = word(rest)?;
        let (len, after) = word(after)?;
        let (data, after) = after.split_at_checked(usize::try_from(len).ok()?)?;
        if records.last().is_some_and(|(last, _)| *last >= id) {
            return None;
        }
        records.push((id, data));
        rest = after;
    }
    (rest.is_empty() && count <= MOST).then_some(records)
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_come_back_and_nothing_else_does() {
        let records = [(1, &b"one"[..]), (2, b""), (0x0180_0001, b"an index")];
        let packed = pack(records.into_iter());
        assert_eq!(unpack(&packed.0).unwrap(), records);
        for len in 0..packed.0.len() {
            assert!(unpack(&packed.0[..len]).is_none(), "{len}");
        }
        let longer = [&packed.0[..], &[0]].concat();
        assert!(unpack(&longer).is_none());
        let twice = pack([(2, &b"one"[..]), (2, b"two")].into_iter());
        assert!(unpack(&twice.0).is_none());
        assert!(unpack(&[0xff; 4]).is_none());
    }
}
