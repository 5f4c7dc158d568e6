//! The values of swtpm's options: `name=value` and bare names between commas.

use super::options::Wrong;

/// One option's value, taken apart.
pub(super) struct Parts<'a> {
    /// For complaints: the option without its dashes.
    option: &'static str,
    parts: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Parts<'a> {
    /// Takes it apart; every name must be one of `known`.
    pub(super) fn of(option: &'static str, text: &'a str, known: &[&str]) -> Result<Self, Wrong> {
        let mut parts = Vec::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (part, None),
            };
            if !known.contains(&name) {
                return Err(Wrong::said(format!(
                    "Error parsing {option} options: Unknown option '{part}'"
                )));
            }
            parts.push((name, value));
        }
        Ok(Self { option, parts })
    }

    /// Whether a bare name stands there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.parts.iter().any(|(known, _)| *known == name)
    }

    /// The value of a name.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut parts = self.parts.iter().rev();
        parts.find_map(|(known, value)| value.filter(|_| *known == name))
    }

    /// A decimal number.
    pub(super) fn number(&self, name: &str) -> Result<Option<i64>, Wrong> {
        self.get(name)
            .map(|text| text.parse().map_err(|_| self.invalid(name, text)))
            .transpose()
    }

    /// A descriptor's number.
    pub(super) fn descriptor(&self, name: &str) -> Result<Option<i32>, Wrong> {
        let number = self.number(name)?;
        number
            .map(|number| {
                let fits = i32::try_from(number).ok().filter(|number| *number >= 0);
                fits.ok_or_else(|| self.invalid(name, &number.to_string()))
            })
            .transpose()
    }

    /// A file's mode: octal digits behind a zero, at most 0777.
    pub(super) fn mode(&self) -> Result<Option<u32>, Wrong> {
        self.get("mode")
            .map(|text| {
                let mode = u32::from_str_radix(text, 8).ok();
                mode.filter(|mode| text.starts_with('0') && *mode <= 0o777)
                    .ok_or_else(|| {
                        Wrong::said(format!(
                            "Error parsing {} options: invalid mode type '{text}'",
                            self.option
                        ))
                    })
            })
            .transpose()
    }

    fn invalid(&self, name: &str, text: &str) -> Wrong {
        Wrong::said(format!(
            "Error parsing {} options: invalid {name} '{text}'",
            self.option
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_apart_and_strangers_are_refused() {
        let known = ["dir", "mode", "fd", "lock"];
        let parts = Parts::of("tpmstate", "dir=/a=b,mode=0640,lock,fd=3", &known).ok();
        let parts = parts.unwrap();
        assert_eq!(parts.get("dir"), Some("/a=b"));
        assert!(parts.has("lock") && !parts.has("disconnect"));
        assert_eq!(parts.mode().ok(), Some(Some(0o640)));
        assert_eq!(parts.descriptor("fd").ok(), Some(Some(3)));
        assert!(Parts::of("tpmstate", "dir=/a,foo=1", &known).is_err());
        for mode in ["640", "0999", "01777", "0x1", ""] {
            let text = format!("mode={mode}");
            let parts = Parts::of("tpmstate", &text, &known).ok().unwrap();
            assert!(parts.mode().is_err(), "{mode}");
        }
        for number in ["-1", "x", "99999999999", ""] {
            let text = format!("fd={number}");
            let parts = Parts::of("tpmstate", &text, &known).ok().unwrap();
            assert!(parts.descriptor("fd").is_err(), "{number}");
        }
    }
}
