//! Certificates from the program that the configuration names: any program with `swtpm_localca`'s options.

use super::options::Plan;
use super::server::Info;
use crate::tpm::configuration;
use crate::tpm::report::Report;
use anyhow::{Context, Result, bail};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// Asks for one certificate, and reads what the program wrote.
pub(super) fn request(
    plan: &Plan,
    kind: &str,
    key: &str,
    info: &Info,
    folder: &Path,
    report: &mut Report,
) -> Result<Vec<u8>> {
    let tool = Tool::configured(plan)?;
    let mut arguments: Vec<String> = Vec::new();
    let mut push = |name: &str, value: &str| {
        arguments.extend([format!("--{name}"), value.to_owned()]);
    };
    push("type", kind);
    push("ek", key);
    push("dir", &folder.to_string_lossy());
    if let Some(log) = &plan.log {
        push("logfile", log);
    }
    if let Some(vmid) = &plan.vmid {
        push("vmid", vmid);
    }
    push("tpm-spec-family", &info.family);
    push("tpm-spec-level", &info.level.to_string());
    push("tpm-spec-revision", &info.revision.to_string());
    push("tpm-manufacturer", &info.manufacturer);
    push("tpm-model", &info.model);
    push("tpm-version", &info.version);
    arguments.push("--tpm2".to_owned());
    for (given, name) in [
        (plan.allow_signing, "allow-signing"),
        (plan.decryption, "decryption"),
    ] {
        if given {
            arguments.push(format!("--{name}"));
        }
    }
    for (value, name) in [(&tool.config, "configfile"), (&tool.options, "optsfile")] {
        if let Some(value) = value {
            arguments.extend([format!("--{name}"), value.clone()]);
        }
    }
    report.say(&format!("  Invoking {} {}", tool.path, arguments.join(" ")));
    tool.run(&arguments, report)?;
    let file = folder.join(format!("{kind}.cert"));
    std::fs::read(&file).with_context(|| format!("{} made no {}", tool.path, file.display()))
}

/// The program and its files.
struct Tool {
    path: String,
    own: bool,
    config: Option<String>,
    options: Option<String>,
}

impl Tool {
    fn configured(plan: &Plan) -> Result<Self> {
        let Some(text) = &plan.config_text else {
            return Ok(Self {
                path: "swtpm_localca".to_owned(),
                own: true,
                config: None,
                options: None,
            });
        };
        let get = |name: &str| configuration::value(text, name);
        let path = get("create_certs_tool").with_context(|| {
            format!("{} names no create_certs_tool", plan.config.path.display())
        })?;
        let on_path = |name: &str| {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            std::env::split_paths(&folders).any(|folder| folder.join(name).is_file())
        };
        let own = path == "swtpm_localca" && !on_path(&path);
        if !own && !path.contains('/') && !on_path(&path) {
            bail!("Could not find {path} in PATH.");
        }
        Ok(Self {
            own,
            path,
            config: get("create_certs_tool_config"),
            options: get("create_certs_tool_options"),
        })
    }

    fn run(&self, arguments: &[String], report: &mut Report) -> Result<()> {
        let mut command = match self.own {
            true => {
                let mut command = Command::new(std::env::current_exe()?);
                command.arg0("swtpm_localca");
                command
            }
            false => Command::new(&self.path),
        };
        let answer = command
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("An error occurred running {}", self.path))?;
        let name = Path::new(&self.path).file_name().unwrap_or_default();
        for line in String::from_utf8_lossy(&answer.stdout).lines() {
            report.say(&format!("{}: {line}", name.to_string_lossy()));
        }
        if !answer.status.success() {
            let code = answer.status.code().unwrap_or(-1);
            let said = String::from_utf8_lossy(&answer.stderr);
            bail!(
                "{} exit with status {code}: {}",
                name.to_string_lossy(),
                said.trim()
            );
        }
        Ok(())
    }
}
