//! The kept corpus of a fuzz target: one file, `fuzz/corpus/TARGET.bin`, of many small inputs.
//!
//! Each input is its length, four bytes little-endian, and its bytes. Inputs are sorted by length, then by
//! content, so that the same inputs always make the same file.

use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::path::Path;

/// Longest kept file, in bytes. What is longest is left out first: a checkout is no dump.
pub(super) const LIMIT: usize = 300_000;

/// Inputs, each once.
pub(super) type Inputs = BTreeSet<(usize, Vec<u8>)>;

/// The files of a directory; none if it is not there.
pub(super) fn of_directory(directory: &Path) -> Result<Inputs> {
    let mut inputs = Inputs::new();
    if directory.is_dir() {
        for entry in std::fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_file() {
                let bytes = std::fs::read(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                inputs.insert((bytes.len(), bytes));
            }
        }
    }
    Ok(inputs)
}

/// Writes each input to a file of a directory that was not there before.
pub(super) fn unpack(inputs: &Inputs, directory: &Path) -> Result<()> {
    if directory.exists() {
        std::fs::remove_dir_all(directory)?;
    }
    std::fs::create_dir_all(directory)?;
    for (number, (_, bytes)) in inputs.iter().enumerate() {
        std::fs::write(directory.join(format!("{number:05}")), bytes)?;
    }
    Ok(())
}

/// The inputs in one file, as many of the shortest as fit.
pub(super) fn to_bytes(inputs: &Inputs) -> Vec<u8> {
    let mut out = Vec::new();
    for (len, bytes) in inputs {
        let Ok(len) = u32::try_from(*len) else { break };
        if out.len() + 4 + bytes.len() > LIMIT {
            break;
        }
        out.extend(len.to_le_bytes());
        out.extend(bytes);
    }
    out
}

/// The inputs of such a file.
pub(super) fn from_bytes(mut file: &[u8]) -> Result<Inputs> {
    let mut inputs = Inputs::new();
    while let Some((len, rest)) = file.split_first_chunk() {
        let len = u32::from_le_bytes(*len) as usize;
        let Some((bytes, rest)) = rest.split_at_checked(len) else {
            bail!("a kept corpus ends in the middle of an input");
        };
        inputs.insert((len, bytes.to_vec()));
        file = rest;
    }
    if !file.is_empty() {
        bail!("a kept corpus ends in the middle of a length");
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(list: &[&[u8]]) -> Inputs {
        list.iter()
            .map(|bytes| (bytes.len(), bytes.to_vec()))
            .collect()
    }

    #[test]
    fn what_was_packed_comes_out_again() {
        let given = inputs(&[b"", b"abc", b"b", &[0; 300]]);
        assert_eq!(from_bytes(&to_bytes(&given)).unwrap(), given);
    }

    #[test]
    fn the_longest_inputs_are_left_out_when_there_are_too_many() {
        let packed = to_bytes(&inputs(&[&[1; 10], &[2; LIMIT - 4]]));
        assert_eq!(from_bytes(&packed).unwrap(), inputs(&[&[1; 10]]));
    }

    #[test]
    fn a_file_that_was_cut_is_refused() {
        let packed = to_bytes(&inputs(&[b"abc", b"defg"]));
        for len in [1, 3, 4, 6, 8, 14] {
            assert!(from_bytes(&packed[..len]).is_err(), "{len}");
        }
    }
}
