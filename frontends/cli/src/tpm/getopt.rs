//! Options as GNU's `getopt_long` reads them: `--name value`, `--name=value`, unambiguous beginnings of
//! names, operands anywhere, `--` ends them. Programs that stand in for others must read what those read.

use std::ffi::OsString;

/// An option: its name without dashes, and whether a value belongs to it.
#[derive(Clone, Copy)]
pub(crate) struct Known {
    pub(crate) name: &'static str,
    pub(crate) value: bool,
}

/// An option without a value.
pub(crate) const fn flag(name: &'static str) -> Known {
    Known { name, value: false }
}

/// An option with a value.
pub(crate) const fn value(name: &'static str) -> Known {
    Known { name, value: true }
}

/// How a program writes its long options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dashes {
    /// `--name` only.
    Two,
    /// `-name` as well.
    OneOrTwo,
}

/// What was given, in order.
#[derive(Default)]
pub(crate) struct Given {
    pub(crate) options: Vec<(&'static str, String)>,
    pub(crate) operands: Vec<String>,
}

impl Given {
    /// Whether a flag was given.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(given, _)| *given == name)
    }

    /// The last value given for a name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .rev()
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads `arguments`; what is wrong with them is said in getopt's words, without the program's name.
pub(crate) fn parse(
    known: &[Known],
    dashes: Dashes,
    arguments: Vec<OsString>,
) -> Result<Given, String> {
    let mut given = Given::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = text(argument)?;
        if argument == "--" {
            for rest in arguments {
                given.operands.push(text(rest)?);
            }
            break;
        }
        let Some(word) = option_word(&argument, dashes) else {
            given.operands.push(argument);
            continue;
        };
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let option = find(known, name, &argument)?;
        let value = match (option.value, inline) {
            (false, Some(_)) => {
                return Err(format!(
                    "option '--{}' doesn't allow an argument",
                    option.name
                ));
            }
            (false, None) => String::new(),
            (true, Some(value)) => value.to_owned(),
            (true, None) => match arguments.next() {
                Some(value) => text(value)?,
                None => return Err(format!("option '--{}' requires an argument", option.name)),
            },
        };
        given.options.push((option.name, value));
    }
    Ok(given)
}

/// The argument without its dashes, if it is an option.
fn option_word(argument: &str, dashes: Dashes) -> Option<&str> {
    if let Some(word) = argument.strip_prefix("--") {
        return Some(word);
    }
    let word = argument.strip_prefix('-').filter(|word| !word.is_empty())?;
    // `-h` is understood everywhere.
    (dashes == Dashes::OneOrTwo || word == "h").then_some(word)
}

fn find(known: &[Known], name: &str, argument: &str) -> Result<Known, String> {
    if let Some(exact) = known.iter().find(|option| option.name == name) {
        return Ok(*exact);
    }
    let begun: Vec<_> = known
        .iter()
        .filter(|option| option.name.starts_with(name))
        .collect();
    match begun[..] {
        [one] => Ok(*one),
        [] => Err(format!("unrecognized option '{argument}'")),
        _ => Err(format!("option '{argument}' is ambiguous")),
    }
}

fn text(argument: OsString) -> Result<String, String> {
    argument
        .into_string()
        .map_err(|argument| format!("not UTF-8: '{}'", argument.to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [Known; 5] = [
        flag("tpm2"),
        value("tpm"),
        value("tpmstate"),
        flag("overwrite"),
        flag("help"),
    ];

    fn read(words: &[&str]) -> Result<Given, String> {
        read_with(words, Dashes::Two)
    }

    fn read_with(words: &[&str], dashes: Dashes) -> Result<Given, String> {
        parse(&KNOWN, dashes, words.iter().map(OsString::from).collect())
    }

    #[test]
    fn values_come_behind_or_after_an_equals_sign() {
        let given = read(&[
            "--tpm",
            "a",
            "x",
            "--tpmstate=b=c",
            "--over",
            "--",
            "--tpm2",
        ])
        .unwrap();
        assert_eq!(given.get("tpm"), Some("a"));
        assert_eq!(given.get("tpmstate"), Some("b=c"));
        assert!(given.has("overwrite") && !given.has("tpm2"));
        assert_eq!(given.operands, ["x", "--tpm2"]);
        assert_eq!(
            read(&["--tpm", "a", "--tpm", "b"]).unwrap().get("tpm"),
            Some("b")
        );
        assert!(read(&["-h"]).unwrap().has("help"));
        assert!(read_with(&["-tpm2"], Dashes::OneOrTwo).unwrap().has("tpm2"));
        assert_eq!(read(&["-tpm2", "-"]).unwrap().operands, ["-tpm2", "-"]);
    }

    #[test]
    fn what_is_wrong_is_said_as_getopt_says_it() {
        for (words, complaint) in [
            (&["--bogus"][..], "unrecognized option '--bogus'"),
            (&["--tpm"], "option '--tpm' requires an argument"),
            (&["--tpm2=1"], "option '--tpm2' doesn't allow an argument"),
            (&["--t"], "option '--t' is ambiguous"),
        ] {
            assert_eq!(read(words).err().as_deref(), Some(complaint));
        }
    }
}
