//! Where a linked image can panic, and whose code that is.
//!
//! The panic handler, and the functions of `core` that only prepare its message, are the *panic
//! functions*. A *site* is a branch or call to one of them from any other function; code reaches the
//! handler no other way (a panic function's address is never taken). The debug information of the
//! site says through which inlined functions it came there. The innermost one outside the standard
//! library owns the site: `a[i]` in our code is ours, an `expect` inside a cryptography crate is that
//! crate's, even where it was inlined into ours. A site in a function of the standard library that was
//! not inlined belongs to whoever calls that function.
//!
//! Ours must be none. Those of other crates stand in `xtask/panic-sites.txt`, which may only shrink.

use crate::disassembly::{self, Instruction, plain};
use crate::elf::Elf;
use crate::firmware::Images;
use crate::place::Place;
use crate::shell::say;
use anyhow::{Context, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LIST: &str = "xtask/panic-sites.txt";

/// Whose code a site is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Owner {
    /// A folder of the checkout.
    Ours(String),
    /// A crate, without its version.
    Other(String),
}

/// One way to panic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Site {
    owner: Owner,
    /// The owner's function.
    function: String,
    /// Its source line.
    line: String,
    /// Image and panic function.
    what: String,
}

/// Sites of our crates.
pub(super) fn ours(place: &Place, images: &Images) -> Result<Vec<String>> {
    Ok(all_sites(place, &super::without_panics(images))?
        .into_iter()
        .filter(|site| matches!(site.owner, Owner::Ours(_)))
        .map(|site| format!("{} in {} ({})", site.line, site.function, site.what))
        .collect())
}

/// Sites of other crates that are not on the list.
pub(super) fn third_party(place: &Place, images: &Images) -> Result<Vec<String>> {
    let listed = read_list(place)?;
    let present = others(&all_sites(place, &super::trusted(images))?);
    let gone = listed.difference(&present).count();
    if gone > 0 {
        say!("{gone} lines of {LIST} can go: cargo xtask elf --shrink");
    }
    say!(
        "{} functions of other crates can panic, {} on the list",
        present.len(),
        listed.len()
    );
    Ok(present
        .difference(&listed)
        .map(|line| format!("not on the list: {line}"))
        .collect())
}

/// Takes what is gone off the list.
pub(super) fn shrink(place: &Place, images: &Images) -> Result<()> {
    let path = place.root.join(LIST);
    let present = others(&all_sites(place, &super::trusted(images))?);
    let text = std::fs::read_to_string(&path)?;
    let keep = |line: &&str| line.is_empty() || line.starts_with('#') || present.contains(*line);
    let mut kept: Vec<_> = text.lines().filter(keep).collect();
    let removed = text.lines().count() - kept.len();
    kept.push("");
    std::fs::write(path, kept.join("\n"))?;
    say!("{removed} lines removed");
    Ok(())
}

/// Prints the sites of any ELF files, and the lines that a list of them would have.
pub(super) fn show(place: &Place, files: &[PathBuf]) -> Result<()> {
    let sites = all_sites(place, files)?;
    for site in &sites {
        println!(
            "{:?}  {}  {}  {}",
            site.owner, site.function, site.line, site.what
        );
    }
    println!("\nas a list:");
    others(&sites).iter().for_each(|line| println!("{line}"));
    Ok(())
}

fn read_list(place: &Place) -> Result<BTreeSet<String>> {
    let text = std::fs::read_to_string(place.root.join(LIST)).unwrap_or_default();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// `crate: function`, without line numbers and counts, which a compiler may change.
fn others(sites: &BTreeSet<Site>) -> BTreeSet<String> {
    sites
        .iter()
        .filter_map(|site| match &site.owner {
            Owner::Other(name) => Some(format!("{name}: {}", site.function)),
            Owner::Ours(_) => None,
        })
        .collect()
}

fn all_sites(place: &Place, files: &[PathBuf]) -> Result<BTreeSet<Site>> {
    let mut sites = BTreeSet::new();
    for file in files {
        sites.extend(Image::read(place, file)?.sites()?);
    }
    Ok(sites)
}

/// What is asked about one ELF file.
struct Image {
    path: PathBuf,
    code: Vec<Instruction>,
    /// Start and demangled name of each function.
    functions: BTreeMap<u32, String>,
}

/// A function at an instruction, as the debug information tells it: (name, `file:line`).
type Frame = (String, String);

impl Image {
    fn read(place: &Place, path: &Path) -> Result<Self> {
        let elf = Elf::read(path)?;
        let code = disassembly::of(place, &elf)?;
        if code.is_empty() {
            bail!("{} has no code", path.display());
        }
        Ok(Self {
            path: path.to_path_buf(),
            code,
            functions: disassembly::functions(place, &elf)?,
        })
    }

    fn function_of(&self, address: u32) -> Option<(u32, &str)> {
        self.functions
            .range(..=address)
            .next_back()
            .map(|(start, name)| (*start, &**name))
    }

    /// Branches and calls from another function to one of `targets`.
    fn calls_of(&self, targets: &BTreeSet<u32>) -> Vec<u32> {
        let to_start = |i: &&Instruction| i.target.is_some_and(|target| targets.contains(&target));
        let from_outside = |i: &&Instruction| {
            self.function_of(i.address)
                .is_none_or(|(start, _)| !targets.contains(&start))
        };
        self.code
            .iter()
            .filter(to_start)
            .filter(from_outside)
            .map(|i| i.address)
            .collect()
    }

    fn sites(&self) -> Result<BTreeSet<Site>> {
        let panic_functions: BTreeSet<u32> = self
            .functions
            .iter()
            .filter(|(_, name)| is_panic_function(name))
            .map(|(start, _)| *start)
            .collect();
        let mut sites = BTreeSet::new();
        let mut open: Vec<(u32, String)> = Vec::new();
        for address in self.calls_of(&panic_functions) {
            let target = self
                .code
                .iter()
                .find(|i| i.address == address)
                .and_then(|i| i.target);
            let name = target.and_then(|target| self.functions.get(&target));
            let name = name.map(|name| plain(name)).unwrap_or_default();
            let name = name.rsplit("::").next().unwrap_or_default().to_owned();
            open.push((address, format!("{}, {name}", super::file_name(&self.path))));
        }
        let mut seen = BTreeSet::new();
        while !open.is_empty() {
            let addresses: Vec<_> = open.iter().map(|(address, _)| *address).collect();
            let frames = self.frames(&addresses)?;
            for (address, what) in std::mem::take(&mut open) {
                let frames = frames
                    .get(&address)
                    .context("addr2line left an address out")?;
                if let Some(site) = owned(frames, &what) {
                    sites.insert(site);
                    continue;
                }
                // Only standard library frames: the caller of this function owns it.
                let Some((start, name)) = self.function_of(address) else {
                    continue;
                };
                let callers = self.calls_of(&BTreeSet::from([start]));
                if callers.is_empty() || is_standing_on_its_own(name) {
                    let owner = Owner::Other("core".to_owned());
                    let line = frames
                        .last()
                        .map(|frame| frame.1.clone())
                        .unwrap_or_default();
                    sites.insert(Site {
                        owner,
                        function: plain(name),
                        line,
                        what,
                    });
                    continue;
                }
                if seen.insert(start) {
                    let through = format!("{what} through {}", plain(name));
                    open.extend(callers.into_iter().map(|caller| (caller, through.clone())));
                }
            }
        }
        Ok(sites)
    }

    /// Inlined functions at each address, innermost first.
    fn frames(&self, addresses: &[u32]) -> Result<BTreeMap<u32, Vec<Frame>>> {
        let mut child = Command::new("arm-none-eabi-addr2line")
            .args(["-a", "-f", "-i", "-C", "-e"])
            .arg(&self.path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run arm-none-eabi-addr2line (binutils-arm-none-eabi)")?;
        let question: String = addresses
            .iter()
            .map(|address| format!("{address:#x}\n"))
            .collect();
        let mut input = child.stdin.take().context("no pipe")?;
        let writer = std::thread::spawn(move || input.write_all(question.as_bytes()));
        let answer = child.wait_with_output()?;
        writer.join().ok().context("writer")??;
        Ok(parse_frames(&String::from_utf8_lossy(&answer.stdout)))
    }
}

/// addr2line: an address line, then name and place of each frame.
fn parse_frames(text: &str) -> BTreeMap<u32, Vec<Frame>> {
    let mut all: BTreeMap<u32, Vec<Frame>> = BTreeMap::new();
    let mut current = 0;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(address) = line
            .strip_prefix("0x")
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
        {
            current = address;
            all.entry(current).or_default();
        } else if let Some(place) = lines.next() {
            all.entry(current)
                .or_default()
                .push((line.to_owned(), place.to_owned()));
        }
    }
    all
}

/// The innermost frame outside the standard library; a frame without source counts as ours, so that
/// nothing hides.
fn owned(frames: &[Frame], what: &str) -> Option<Site> {
    let (function, line, owner) = frames
        .iter()
        .filter_map(|(function, line)| Some((function, line, owner_of(line)?)))
        .find(|(function, _, owner)| {
            matches!(owner, Owner::Ours(_)) || !panics_for_its_caller(function)
        })?;
    Some(Site {
        owner,
        function: plain(function),
        line: line.split(" (").next().unwrap_or(line).to_owned(),
        what: what.to_owned(),
    })
}

/// What other crates offer under the standard library's names: using it wrongly is the user's mistake.
fn panics_for_its_caller(function: &str) -> bool {
    let name = plain(function);
    let last = name.rsplit("::").next().unwrap_or_default();
    ["unwrap", "expect", "index", "index_mut", "copy_from_slice"].contains(&last)
}

/// `None`: the standard library.
fn owner_of(line: &str) -> Option<Owner> {
    if line.starts_with("/rustc/") {
        return None;
    }
    if let Some(rest) = line
        .strip_prefix("/cargo/")
        .or_else(|| line.strip_prefix("/rust/deps/"))
    {
        let folder = rest.split('/').next().unwrap_or(rest);
        let name = folder.rsplit_once('-').map_or(folder, |(name, _)| name);
        return Some(Owner::Other(name.to_owned()));
    }
    let folder: Vec<_> = line
        .trim_start_matches("/ironroot/")
        .split('/')
        .take(2)
        .collect();
    Some(Owner::Ours(folder.join("/")))
}

/// The handler, and what in the standard library exists only to call it.
fn is_panic_function(name: &str) -> bool {
    if name.contains("rust_begin_unwind") {
        return true;
    }
    let path = plain(name);
    let standard = path.starts_with("core::") || path.starts_with("alloc::");
    standard
        && path.split("::").any(|part| {
            part.contains("panic") || part.ends_with("_fail") || part.ends_with("_failed")
        })
}

/// Parts of the standard library that check themselves, not their caller: a panic in there would be
/// the library's own mistake.
fn is_standing_on_its_own(name: &str) -> bool {
    let path = plain(name);
    [
        "core::fmt::",
        "core::num::fmt",
        "core::num::flt2dec",
        "core::num::bignum",
        "core::unicode::",
    ]
    .iter()
    .any(|module| path.contains(module))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(function: &str, line: &str) -> Frame {
        (function.to_owned(), line.to_owned())
    }

    #[test]
    fn the_innermost_frame_outside_the_standard_library_owns_a_site() {
        let core = frame(
            "core::option::expect",
            "/rustc/1/library/core/src/option.rs:1",
        );
        let other = frame("limb::get", "/cargo/crypto-bigint-0.7.10/src/limb.rs:3");
        let own = frame(
            "verify",
            "/ironroot/logic/image/src/verify.rs:9 (discriminator 2)",
        );
        let site = owned(&[core.clone(), other.clone(), own.clone()], "x").unwrap();
        assert_eq!(site.owner, Owner::Other("crypto-bigint".to_owned()));
        let site = owned(&[core.clone(), own, other], "x").unwrap();
        assert_eq!(site.owner, Owner::Ours("logic/image".to_owned()));
        assert_eq!(site.line, "/ironroot/logic/image/src/verify.rs:9");
        assert_eq!(owned(&[core], "x"), None);
    }

    #[test]
    fn unwrapping_another_crates_type_in_our_code_is_ours() {
        let unwrap = frame(
            "subtle::CtOption<T>::unwrap",
            "/cargo/subtle-2.6.1/src/lib.rs:701",
        );
        let own = frame("key", "/ironroot/logic/crypto/src/ecdsa.rs:4");
        let site = owned(&[unwrap, own], "x").unwrap();
        assert_eq!(site.owner, Owner::Ours("logic/crypto".to_owned()));
    }

    #[test]
    fn code_without_debug_information_counts_as_ours() {
        assert!(matches!(owner_of("??:0"), Some(Owner::Ours(_))));
    }

    #[test]
    fn panic_functions_are_known_by_name() {
        for name in [
            "__rustc::rust_begin_unwind",
            "core::panicking::panic_fmt",
            "core::panicking::assert_failed::hf8d5ce2306a323da",
            "core::option::expect_failed",
            "core::slice::index::slice_index_fail",
            "core::slice::copy_from_slice_impl::len_mismatch_fail",
            "core::cell::panic_already_borrowed",
        ] {
            assert!(is_panic_function(name), "{name}");
        }
        for name in [
            "core::fmt::write",
            "ironroot_boot::on_panic",
            "wnaf::wnaf_form_fail",
        ] {
            assert!(!is_panic_function(name), "{name}");
        }
    }

    #[test]
    fn frames_are_read_in_pairs_after_their_address() {
        let frames = parse_frames("0x10\na\nf:1\nb\ng:2\n0x20\nc\nh:3\n");
        assert_eq!(frames[&0x10], [frame("a", "f:1"), frame("b", "g:2")]);
        assert_eq!(frames[&0x20], [frame("c", "h:3")]);
    }
}
