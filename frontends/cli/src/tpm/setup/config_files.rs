//! `swtpm_setup --create-config-files`: an authority and its configuration for one user.

use crate::tpm::places::user_folder;
use crate::tpm::report::Report;
use anyhow::{Context, Result, bail};
use rustix::process::getuid;
use rustix::system::uname;
use std::fs;
use std::path::{Path, PathBuf};

/// What to do about files that are there, from words such as `overwrite,root`.
#[derive(Default)]
struct Flags {
    overwrite: bool,
    root: bool,
    skip: bool,
}

impl Flags {
    fn new(text: &str) -> Self {
        let has = |word: &str| text.split(',').any(|part| part == word);
        Self {
            overwrite: has("overwrite"),
            root: has("root"),
            skip: has("skip-if-exist"),
        }
    }
}

/// Writes the three files into the user's folder.
pub(super) fn create(flags: &str, report: &mut Report) -> Result<()> {
    let flags = Flags::new(flags);
    if flags.overwrite && flags.skip {
        bail!("Error: overwrite and skip-if-exist cannot both be used");
    }
    if getuid().is_root() && !flags.root {
        bail!("Requiring the 'root' flag since the configuration files will shadow those in /etc.");
    }
    let folder = user_folder().context("neither XDG_CONFIG_HOME nor HOME is set")?;
    let files = files(&folder);
    if !flags.overwrite
        && let Some((path, _)) = files.iter().find(|(path, _)| path.exists())
    {
        if flags.skip {
            return Ok(());
        }
        bail!(
            "File {} already exists. Refusing to overwrite.",
            path.display()
        );
    }
    let state = authority(&folder);
    fs::create_dir_all(&state).with_context(|| format!("Could not create {}", state.display()))?;
    for (path, text) in files {
        report.say(&format!("Writing {}.", path.display()));
        fs::write(&path, text).with_context(|| format!("Could not write to {}", path.display()))?;
    }
    Ok(())
}

fn authority(folder: &Path) -> PathBuf {
    folder.join("var/lib/swtpm-localca")
}

fn files(folder: &Path) -> [(PathBuf, String); 3] {
    let setup = folder.join("swtpm_setup.conf");
    let localca = folder.join("swtpm-localca.conf");
    let options = folder.join("swtpm-localca.options");
    let state = authority(folder);
    let state = state.display();
    // Words in that file end at spaces.
    let word = |text: &std::ffi::CStr| text.to_string_lossy().replace(char::is_whitespace, "_");
    let system = uname();
    let setup_text = format!(
        "create_certs_tool = {}\ncreate_certs_tool_config = {}\ncreate_certs_tool_options = {}\n\
         # Banks to activate, commas between them\nactive_pcr_banks = sha256\n",
        tool(),
        localca.display(),
        options.display()
    );
    let localca_text = format!(
        "statedir = {state}\nsigningkey = {state}/signkey.pem\n\
         issuercert = {state}/issuercert.pem\ncertserial = {state}/certserial\n"
    );
    let options_text = format!(
        "--platform-manufacturer {}\n--platform-version {}\n--platform-model {}\n",
        word(system.sysname()),
        word(system.version()),
        word(system.sysname())
    );
    [
        (setup, setup_text),
        (localca, localca_text),
        (options, options_text),
    ]
}

/// `swtpm_localca` beside the name that this program was called by, or else on the path.
fn tool() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let beside = called
        .and_then(|called| called.parent().map(|folder| folder.join("swtpm_localca")))
        .filter(|path| path.is_file())
        .and_then(|path| std::path::absolute(path).ok());
    beside.map_or_else(
        || "swtpm_localca".to_owned(),
        |path| path.display().to_string(),
    )
}
