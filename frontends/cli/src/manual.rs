//! `ironroot man`: the manual pages, from what `--help` says.

use anyhow::{Context as _, Result};
use clap::CommandFactory;
use clap_mangen::Man;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `ironroot man`.
#[derive(clap::Args)]
pub(crate) struct Manual {
    /// Where the pages go; made if it is not there
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

impl Manual {
    pub(crate) fn run<C: CommandFactory>(&self) -> Result<ExitCode> {
        let directory = &self.directory;
        std::fs::create_dir_all(directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        let mut command = C::command().disable_help_subcommand(true);
        command.build();
        let name = command.get_name().to_owned();
        let count = pages(&command, &name, directory)?;
        println!("{count} manual pages in {}", directory.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the page of a command and those of its subcommands; how many.
fn pages(command: &clap::Command, name: &str, directory: &Path) -> Result<u32> {
    // A page is about `ironroot-tpm-serve`, and shows how `ironroot tpm serve` is called.
    let page = command.clone().name(name.to_owned());
    let path = directory.join(format!("{name}.1"));
    let mut text = Vec::new();
    Man::new(page).section("1").render(&mut text)?;
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut count = 1;
    for subcommand in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        let name = format!("{name}-{}", subcommand.get_name());
        count += pages(subcommand, &name, directory)?;
    }
    Ok(count)
}
