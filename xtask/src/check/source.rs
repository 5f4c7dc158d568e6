//! What may not stand in the source of `logic/`.

use super::packages::{Kind, Package};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// Each logic crate that is not `no_std` with unsafe code forbidden, and each `unsafe` in one.
pub(super) fn logic(packages: &[Package]) -> Result<Vec<String>> {
    let mut findings = Vec::new();
    for package in packages
        .iter()
        .filter(|package| package.kind() == Kind::Logic)
    {
        let root = std::fs::read_to_string(package.directory.join("src/lib.rs"))?;
        for attribute in ["#![no_std]", "#![forbid(unsafe_code)]"] {
            if !root.contains(attribute) {
                findings.push(format!(
                    "{}/src/lib.rs: {attribute} is missing",
                    package.folder
                ));
            }
        }
        for file in rust_files(&package.directory.join("src"))? {
            let text = std::fs::read_to_string(&file)?;
            for (number, line) in code_only(&text).lines().enumerate() {
                if has_word(line, "unsafe") {
                    let name = file
                        .strip_prefix(&package.directory)
                        .unwrap_or(&file)
                        .display();
                    findings.push(format!("{}/{name}:{}: unsafe", package.folder, number + 1));
                }
            }
        }
    }
    Ok(findings)
}

fn rust_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

/// The text without comments and string contents, line by line in place. Good enough to search words:
/// it does not know raw strings with quotes inside, which only makes it see too much.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    let mut depth = 0;
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('/', Some('*')) => {
                rest.next();
                depth += 1;
            }
            ('*', Some('/')) if depth > 0 => {
                rest.next();
                depth -= 1;
            }
            ('\n', _) => code.push('\n'),
            _ if depth > 0 => {}
            ('/', Some('/')) => while rest.next_if(|next| *next != '\n').is_some() {},
            ('"', _) => {
                while let Some(inside) = rest.next() {
                    match inside {
                        '\\' => drop(rest.next()),
                        '"' => break,
                        '\n' => code.push('\n'),
                        _ => {}
                    }
                }
            }
            ('\'', _) => skip_char_literal(&mut rest),
            _ => code.push(c),
        }
    }
    code
}

/// `'"'` and `'\''` are characters; `'a` may be a lifetime, which is left alone.
fn skip_char_literal(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    let mut ahead = rest.clone();
    let skip = match (ahead.next(), ahead.next(), ahead.next()) {
        (Some('\\'), Some(_), Some('\'')) => 3,
        (Some(_), Some('\''), _) => 2,
        _ => 0,
    };
    for _ in 0..skip {
        rest.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(text: &str) -> bool {
        code_only(text).lines().any(|line| has_word(line, "unsafe"))
    }

    #[test]
    fn unsafe_is_found_where_it_is_code() {
        assert!(finds("fn a() { unsafe { b() } }"));
        assert!(finds("unsafe impl Send for A {}"));
        assert!(finds("/* no */ unsafe fn a() {}"));
        assert!(finds("let quote = '\"'; unsafe {}"));
        assert!(finds("let text = \"a\\\"\"; unsafe {}"));
        assert!(finds("fn f<'a>() { unsafe {} }"));
    }

    #[test]
    fn unsafe_is_not_found_in_words_about_it() {
        assert!(!finds("// unsafe\n#![forbid(unsafe_code)]"));
        assert!(!finds("/* a /* nested */ unsafe */"));
        assert!(!finds("let text = \"unsafe\";"));
        assert!(!finds("//! what unsafe code may do"));
    }
}
