//! Where things are: the checkout, cargo's target directory, and what xtask keeps under it.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Directories, found once at start.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The checkout.
    pub(crate) root: PathBuf,
    /// Cargo's target directory.
    pub(crate) target: PathBuf,
    /// The compiler's installation, where its libraries and LLVM tools are.
    pub(crate) sysroot: PathBuf,
}

impl Place {
    /// Finds all of them.
    pub(crate) fn find() -> Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask has no parent directory")?
            .to_path_buf();
        if !root.join("ARCHITECTURE.md").exists() {
            bail!(
                "{} is not an Ironroot checkout any more; build xtask again",
                root.display()
            );
        }
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(directory) => std::path::absolute(directory)?,
            None => root.join("target"),
        };
        let output = Command::new("rustc")
            .args(["--print", "sysroot"])
            .current_dir(&root)
            .output()
            .context("cannot run rustc")?;
        let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        Ok(Self {
            root,
            target,
            sysroot,
        })
    }

    /// Everything xtask makes: `target/ironroot`.
    pub(crate) fn work(&self) -> PathBuf {
        self.target.join("ironroot")
    }

    /// The built images of one configuration.
    pub(crate) fn images(&self, configuration: &str) -> PathBuf {
        self.work().join("an521").join(configuration)
    }

    /// One of the LLVM tools of the compiler's `llvm-tools` component.
    pub(crate) fn llvm(&self, name: &str) -> Result<PathBuf> {
        let libraries = self.sysroot.join("lib/rustlib");
        for host in std::fs::read_dir(&libraries)?.flatten() {
            let tool = host.path().join("bin").join(name);
            if tool.exists() {
                return Ok(tool);
            }
        }
        bail!("{name} is missing: rustup component add llvm-tools")
    }

    /// The private Python environment's copy of a tool.
    pub(crate) fn venv(&self, tool: &str) -> PathBuf {
        self.root.join(".venv/bin").join(tool)
    }
}

/// The first directory of the search path with this program.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}
