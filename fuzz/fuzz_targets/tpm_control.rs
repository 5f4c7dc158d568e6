//! The daemon's three protocols: whatever comes, messages are taken in order, none is longer than what came,
//! none appears from nothing, and cutting the stream into pieces changes no message.

#![no_main]

use ironroot_tpmd::protocol::{control, data, platform};
use libfuzzer_sys::fuzz_target;

const MAX_COMMAND: usize = 4096;

fuzz_target!(|input: &[u8]| {
    let Some((kind, input)) = input.split_first() else {
        return;
    };
    match kind % 3 {
        0 => walk(input, |rest| {
            data::parse(rest, MAX_COMMAND).map(|(message, len)| {
                if let data::Message::Command { command, .. } = message {
                    assert!(command.len() <= MAX_COMMAND && command.len() <= len);
                }
                (matches!(message, data::Message::Unreadable(_)), len)
            })
        }),
        1 => walk(input, |rest| {
            control::parse(rest).map(|(request, len)| {
                if let control::Request::HashData(bytes) = request {
                    assert!(bytes.len() <= control::MAX_DATA && bytes.len() < len);
                }
                if let control::Request::SetStateBlob { data, .. } = request {
                    assert!(data.len() <= control::MAX_BLOB && data.len() < len);
                }
                (false, len)
            })
        }),
        _ => walk(input, |rest| {
            platform::parse(rest).map(|(signal, len)| {
                if let platform::Signal::HashData(bytes) = signal {
                    assert!(bytes.len() <= platform::MAX_DATA && bytes.len() < len);
                }
                (false, len)
            })
        }),
    }
});

/// Takes message after message; `parse` says whether the stream ends with it, and its length.
fn walk(mut input: &[u8], parse: impl Fn(&[u8]) -> Option<(bool, usize)>) {
    while let Some((last, len)) = parse(input) {
        assert!(len > 0 && len <= input.len());
        // Had less come, there would have been no message yet, or one that says it is impossible.
        if len >= 4 {
            assert!(parse(&input[..3]).is_none());
        }
        if last {
            return;
        }
        input = &input[len..];
    }
    assert!(input.len() < 9 + control::MAX_DATA.max(MAX_COMMAND));
}
