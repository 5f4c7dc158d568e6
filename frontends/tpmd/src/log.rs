//! The log: one line per event, with the time; never a command's content.

use crate::listen::inherited;
use anyhow::{Context as _, Result};
use ironroot_port_host::open_log;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where lines go.
#[derive(Clone, Default)]
pub(crate) struct Log {
    target: Target,
    /// Stands before every line.
    name: String,
}

#[derive(Clone, Default)]
enum Target {
    #[default]
    Nowhere,
    StandardError,
    File(Arc<File>),
}

/// A log as swtpm's options describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Where it goes.
    pub target: LogTarget,
    /// Stands before every line.
    pub prefix: String,
    /// Begin with an empty file.
    pub truncate: bool,
}

/// Where a log goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogTarget {
    /// Nowhere.
    Nowhere,
    /// Standard error.
    #[default]
    StandardError,
    /// A file.
    File(PathBuf),
    /// An inherited descriptor.
    Descriptor(i32),
}

impl Log {
    /// As `options` say.
    pub(crate) fn open_with(options: &LogOptions) -> Result<Self> {
        let target = match &options.target {
            LogTarget::Nowhere => Target::Nowhere,
            LogTarget::StandardError => Target::StandardError,
            LogTarget::File(path) => {
                let file = open_log(path)
                    .with_context(|| format!("cannot write the log {}", path.display()))?;
                if options.truncate {
                    file.set_len(0)?;
                }
                Target::File(Arc::new(file))
            }
            LogTarget::Descriptor(number) => Target::File(Arc::new(inherited(*number)?.into())),
        };
        Ok(Self {
            target,
            name: options.prefix.clone(),
        })
    }

    /// `None`: nowhere; `-`: standard error; else a file, which is appended to.
    pub(crate) fn open(path: Option<&Path>) -> Result<Self> {
        let target = match path {
            None => Target::Nowhere,
            Some(path) if path == Path::new("-") => Target::StandardError,
            Some(path) => {
                let file = open_log(path)
                    .with_context(|| format!("cannot write the log {}", path.display()))?;
                Target::File(Arc::new(file))
            }
        };
        Ok(Self {
            target,
            name: String::new(),
        })
    }

    /// The same, with a name before every line: one of several TPMs.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = format!("{name}: ");
        self
    }

    pub(crate) fn line(&self, text: &str) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let line = format!(
            "{} {}{text}\n",
            date_and_time(now.map_or(0, |now| now.as_secs())),
            self.name
        );
        // A log that cannot be written is no reason not to serve.
        let _ = match &self.target {
            Target::Nowhere => Ok(()),
            Target::StandardError => std::io::stderr().write_all(line.as_bytes()),
            Target::File(file) => (&**file).write_all(line.as_bytes()),
        };
    }
}

/// `2026-11-21T19:30:00Z` (RFC 3339) from seconds since 1970. The calendar repeats every 400 years, which
/// are counted from a March, so that the leap day is the last.
fn date_and_time(seconds: u64) -> String {
    let (days, of_day) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_what_date_says() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(date_and_time(seconds), text);
        }
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("precious");
        std::fs::write(&target, "precious").unwrap();
        let link = place.path().join("log");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(Log::open(Some(&link)).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"precious");
    }

    #[test]
    fn lines_are_appended() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("log");
        for text in ["one", "two"] {
            Log::open(Some(&path)).unwrap().line(text);
        }
        let log = std::fs::read_to_string(path).unwrap();
        let lines: Vec<_> = log.lines().map(|line| &line[20..]).collect();
        assert_eq!(lines, [" one", " two"]);
    }
}
