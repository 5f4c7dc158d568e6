//! Transcripts: what happened, one line each, compared with what is checked in.

use std::fs;
use std::path::Path;

/// Compares `lines` with `transcripts/NAME.out`, or writes it when `IRONROOT_BLESS` is set.
///
/// # Panics
/// When they differ; both lines are shown.
pub fn compare(name: &str, lines: &[String]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("transcripts")
        .join(format!("{name}.out"));
    if std::env::var_os("IRONROOT_BLESS").is_some() {
        fs::write(&path, lines.join("\n") + "\n").expect("transcripts/ can be written");
        return;
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; IRONROOT_BLESS=1 makes it", path.display()));
    let mut expected = expected.lines();
    for (number, line) in lines.iter().enumerate() {
        let wanted = expected.next().unwrap_or("(nothing)");
        assert_eq!(line, wanted, "{name}.out line {}", number + 1);
    }
    assert_eq!(expected.next(), None, "{name}.out goes on");
}
