//! What valgrind's memcheck says about a program whose secrets are uninitialised memory to it
//! (`ironroot-constant-time`).
//!
//! A place is told as `crate/file function`. The function is looked up in the source, by the line: valgrind does not
//! know the names of what was inlined from another crate, and generic names change with the compiler.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::Command;

/// Something that depends on a secret: what, and the functions that led there, innermost first.
#[derive(Debug, Clone)]
pub struct Report {
    /// In memcheck's words: a jump, or the use of a value as an address.
    pub what: String,
    /// Places whose source is here (the standard library's is not), functions that were inlined included.
    pub stack: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.what)?;
        let near = self.stack.iter().take(12);
        near.into_iter()
            .try_for_each(|at| writeln!(out, "    {at}"))
    }
}

/// Whether `valgrind` can be started.
#[must_use]
pub fn is_installed() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// Runs a program under memcheck, to its end, and gives what was reported and what the program said.
///
/// # Panics
/// When it cannot be started, when it fails, and when memcheck did not see it to its end.
#[must_use]
pub fn watch(program: &Path, argument: &str) -> (Vec<Report>, String) {
    let directory = tempfile::tempdir().expect("a folder for the report");
    let log = directory.path().join("memcheck.log");
    let output = Command::new("valgrind")
        .args(["--tool=memcheck", "--leak-check=no", "--error-limit=no"])
        .args([
            "--num-callers=60",
            "--read-inline-info=yes",
            "--fullpath-after=",
        ])
        .arg(format!("--log-file={}", log.display()))
        .arg(program)
        .arg(argument)
        .output()
        .expect("valgrind starts");
    let text = std::fs::read_to_string(&log).expect("memcheck's report");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said}{}{text}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(text.contains("ERROR SUMMARY:"), "it ended early: {text}");
    (reports(&text), said)
}

/// Reads memcheck's text: a line that says what, and lines that say where.
fn reports(text: &str) -> Vec<Report> {
    let mut sources = Sources::default();
    let mut reports: Vec<Report> = Vec::new();
    let mut what = "";
    for line in text.lines() {
        // Behind the number of the process.
        let line = line.split_once("== ").map_or("", |(_, line)| line.trim());
        let begins = line.starts_with("at 0x");
        if begins {
            let (what, stack) = (what.to_owned(), Vec::new());
            reports.push(Report { what, stack });
        }
        if begins || line.starts_with("by 0x") {
            let report = reports.last_mut();
            let place = file_and_line(line).and_then(|(file, line)| sources.place(file, line));
            report
                .into_iter()
                .for_each(|report| report.stack.extend(place.clone()));
        } else {
            what = line;
        }
    }
    reports
}

/// `… (file:line)`
fn file_and_line(text: &str) -> Option<(&str, usize)> {
    let (_, place) = text.strip_suffix(')')?.rsplit_once('(')?;
    let (file, line) = place.rsplit_once(':')?;
    Some((file, line.parse().ok()?))
}

/// Source files that were read, as lines.
#[derive(Default)]
struct Sources(HashMap<String, Vec<String>>);

impl Sources {
    fn place(&mut self, file: &str, line: usize) -> Option<String> {
        let lines = self.0.entry(file.to_owned()).or_insert_with(|| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        });
        let function = lines
            .get(..line)?
            .iter()
            .rev()
            .find_map(|line| function(line))?;
        Some(format!("{} {function}", in_crate(file)))
    }
}

/// The function that a line begins.
fn function(line: &str) -> Option<&str> {
    let line = line.trim();
    let (before, name) = line.split_once("fn ").filter(|_| !line.starts_with("//"))?;
    let is_word = before.is_empty() || before.ends_with([' ', '(']);
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    name.get(..end).filter(|name| is_word && !name.is_empty())
}

/// Behind the registry's folder and without the version, or behind the folder of the workspace.
fn in_crate(file: &str) -> String {
    if let Some((_, path)) = file.split_once("/registry/src/")
        && let Some((_, path)) = path.split_once('/')
        && let Some((package, path)) = path.split_once('/')
    {
        let name = package.rsplit_once('-').map_or(package, |(name, _)| name);
        return format!("{name}/{path}");
    }
    let ours = ["/logic/", "/tools/"].map(|folder| file.rsplit_once(folder));
    let path = ours
        .into_iter()
        .flatten()
        .next()
        .map_or(file, |(_, path)| path);
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_report_has_its_words_and_its_places() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("logic/example/a.rs");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        let source = "/// A fn of words.\npub(crate) const fn outer<T>() {\n    inner()\n}\nfn inner() {\n    1\n}\n";
        std::fs::write(&file, source).unwrap();
        let file = file.display();
        let text = format!(
            "==7== Memcheck, a memory error detector\n\
             ==7== \n\
             ==7== Conditional jump or move depends on uninitialised value(s)\n\
             ==7==    at 0x12AB: expect<u8> (library/core/src/option.rs:9)\n\
             ==7==    by 0x12AB: UnknownInlinedFun ({file}:6)\n\
             ==7==    by 0x34CD: outer<u8> ({file}:3)\n\
             ==7== \n\
             ==7== Use of uninitialised value of size 8\n\
             ==7==    at 0x56: third (in a library)\n\
             ==7== \n\
             ==7== ERROR SUMMARY: 2 errors from 2 contexts (suppressed: 0 from 0)\n"
        );
        let [first, second] = &reports(&text)[..] else {
            panic!("two reports");
        };
        assert!(first.what.starts_with("Conditional jump"));
        assert_eq!(first.stack, ["example/a.rs inner", "example/a.rs outer"]);
        assert_eq!(second.what, "Use of uninitialised value of size 8");
        assert!(second.stack.is_empty());
    }

    #[test]
    fn places_are_the_same_on_every_machine() {
        let registry = "/x/registry/src/host-12ab/crypto-bigint-0.7.10/src/uint/div.rs";
        assert_eq!(in_crate(registry), "crypto-bigint/src/uint/div.rs");
        assert_eq!(in_crate("/x/logic/crypto/src/lib.rs"), "crypto/src/lib.rs");
        assert_eq!(function("    pub fn new(a: u8) {"), Some("new"));
        assert_eq!(function("fn main() {"), Some("main"));
        assert_eq!(function("    // the fn new()"), None);
        assert_eq!(function("let f: fn(u8) = g;"), None);
    }
}
