//! Other people's programs use our TPM: each script of `tests/tpm` is a test, on a fresh TPM of its own.
//!
//! tpm2-tools run directly and through the resource manager tpm2-abrmd; the other clients each in the way that is
//! theirs; a Linux guest in QEMU finds `/dev/tpm0`. What a machine cannot have (no apt, no such package) is skipped,
//! which the closing line of the run counts. `IRONROOT_TPM_PEER=swtpm` runs the same scripts on swtpm through
//! tpm2-abrmd: what fails there, too, says nothing of us.

use ironroot_tests::outside::{finish, free_ports, is_there, kernel, name_of, scripts};
use libtest_mimic::{Arguments, Failed, Trial};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Scripts that speak of things a resource manager keeps for itself.
const NOT_BEHIND_ABRMD: [&str; 2] = ["session", "start"];

/// How a script reaches the TPM.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Simulator,
    Swtpm,
    Abrmd,
    Guest(&'static str),
}

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tpm");
    let mut trials = Vec::new();
    for script in scripts(&folder.join("tools"), "sh") {
        let name = name_of(&script);
        if !on_peer() {
            let way = if name == "random" {
                Way::Simulator
            } else {
                Way::Swtpm
            };
            trials.push(trial(
                &format!("tpm2_tools::{name}"),
                &script,
                way,
                "tpm2_getcap",
            ));
        }
        if !NOT_BEHIND_ABRMD.contains(&&*name) {
            trials.push(trial(
                &format!("tpm2_abrmd::{name}"),
                &script,
                Way::Abrmd,
                "tpm2-abrmd",
            ));
        }
    }
    for (name, program, way) in [
        ("clevis.sh", "clevis-encrypt-tpm2", Way::Swtpm),
        ("cryptenroll.sh", "systemd-cryptenroll", Way::Swtpm),
        ("openssl.sh", "openssl", Way::Swtpm),
        ("ibmtss.sh", "tssgetrandom", Way::Simulator),
        (
            "pytss.py",
            "/usr/lib/python3/dist-packages/tpm2_pytss",
            Way::Swtpm,
        ),
        ("kernel_session.py", "bash", Way::Swtpm),
    ] {
        let script = folder.join("clients").join(name);
        if !on_peer() {
            trials.push(trial(
                &format!("clients::{}", name_of(&script)),
                &script,
                way,
                program,
            ));
        }
    }
    let guest = folder.join("clients/guest.sh");
    for interface in ["tpm-tis", "tpm-crb"] {
        if !on_peer() {
            let way = Way::Guest(interface);
            trials.push(trial(
                &format!("guest::{interface}"),
                &guest,
                way,
                "qemu-system-x86_64",
            ));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Ignored, and so counted as skipped, if the program it is about is not there.
fn trial(name: &str, script: &Path, way: Way, needs: &str) -> Trial {
    let present = is_there(needs)
        && is_there("tpm2_getcap")
        && (!matches!(way, Way::Guest(_)) || kernel().is_some());
    if !present {
        eprintln!(
            "skipped: {name}: {needs} is not here; `cargo xtask setup` installs it where apt can reach it"
        );
    }
    let script = script.to_path_buf();
    Trial::test(name, move || run(&script, way)).with_ignored_flag(!present)
}

fn run(script: &Path, way: Way) -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let work = folder.path().join("work");
    std::fs::create_dir(&work)?;
    let control = folder.path().join("control");
    let server = Server::start(folder.path(), way, &control)?;
    let mut command = shell(script, way, &server);
    command.current_dir(&work);
    command.env(
        "LIB",
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tpm/tools/lib.sh"),
    );
    command.env("CTRL", &control);
    command.env("TCTI", server.tcti(Way::Swtpm));
    command.env("COMMAND_PORT", server.port.to_string());
    command.env("PLATFORM_PORT", (server.port + 1).to_string());
    command.env("BUSYBOX", "/bin/busybox");
    if let Some(kernel) = kernel() {
        command.env("KERNEL", kernel);
    }
    if let Way::Guest(interface) = way {
        command.env("INTERFACE", interface);
    }
    if on_peer() {
        command.env("AES192", "none");
    }
    Ok(finish(command, &folder.path().join("output"))?)
}

/// The command line of a script; behind tpm2-abrmd it gets a message bus of its own.
fn shell(script: &Path, way: Way, server: &Server) -> Command {
    // tpm2-pytss is Debian's; what needs the package cryptography has it from the private environment.
    let private = std::env::var("IRONROOT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let runner = match (
        script.extension().is_some_and(|end| end == "py"),
        name_of(script) == "pytss",
    ) {
        (true, true) => "/usr/bin/python3",
        (true, false) => &private,
        (false, _) => "bash",
    };
    if way != Way::Abrmd {
        let mut command = Command::new(runner);
        if runner == "bash" {
            command.arg("-x");
        }
        command.arg(script).env("TPM2TOOLS_TCTI", server.tcti(way));
        return command;
    }
    let mut command = Command::new("dbus-run-session");
    command
        .args(["--", "bash", "-c", BEHIND_ABRMD])
        .arg("bash")
        .arg(script);
    command.env("ABRMD_TCTI", server.tcti(Way::Swtpm));
    command.env("TPM2TOOLS_TCTI", "tabrmd:bus_type=session");
    command
}

/// Starts the resource manager, waits until it answers, runs the script, ends both.
const BEHIND_ABRMD: &str = r#"
PATH=$PATH:/usr/sbin
root=
[ "$(id -u)" = 0 ] && root=--allow-root
tpm2-abrmd --session $root --tcti="$ABRMD_TCTI" --max-transients=32 >abrmd.log 2>&1 &
manager=$!
for _ in $(seq 100); do
    tpm2_getrandom --hex 4 >/dev/null 2>&1 && break
    sleep 0.1
done
bash -x "$1"
code=$?
kill $manager
wait $manager 2>/dev/null
exit $code
"#;

/// A TPM process with a fresh state.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    /// Starts it at a port that is free. Between the question and the start another may have taken it: then at another.
    fn start(folder: &Path, way: Way, control: &Path) -> Result<Self, Failed> {
        for _ in 0..8 {
            match Self::try_start(folder, way, control) {
                Err(failed) if failed.message().is_some_and(|said| said.contains("in use")) => {}
                started => return started,
            }
        }
        Err("every free port was taken by another".into())
    }

    fn try_start(folder: &Path, way: Way, control: &Path) -> Result<Self, Failed> {
        let state = folder.join("state");
        let port = free_ports()?;
        let mut command = match on_peer() {
            true => {
                std::fs::create_dir_all(&state)?;
                let mut command = Command::new("swtpm");
                command.args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"]);
                command
                    .arg("--tpmstate")
                    .arg(format!("dir={}", state.display()));
                command
                    .arg("--server")
                    .arg(format!("type=tcp,port={port},bindaddr=127.0.0.1"));
                command
                    .arg("--ctrl")
                    .arg(format!("type=tcp,port={},bindaddr=127.0.0.1", port + 1));
                command
            }
            false => {
                let program = std::env::var_os("IRONROOT_CLI")
                    .ok_or("`cargo xtask test` sets IRONROOT_CLI")?;
                let mut command = Command::new(program);
                command
                    .args(["tpm", "serve", "--durability", "none", "--state"])
                    .arg(&state);
                match way {
                    Way::Guest(_) => command
                        .arg("--ctrl")
                        .arg(format!("unix:{}", control.display())),
                    _ => command.arg("--tcp").arg(format!("127.0.0.1:{port}")),
                };
                command
            }
        };
        let process = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut server = Self { process, port };
        match on_peer() {
            true => std::thread::sleep(Duration::from_millis(300)),
            false => server.wait_until_ready()?,
        }
        Ok(server)
    }

    /// The daemon says one line when it can be used.
    fn wait_until_ready(&mut self) -> Result<(), Failed> {
        let stdout = self.process.stdout.take().ok_or("no standard output")?;
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut lines = BufReader::new(stdout).lines();
            let _ = sender.send(lines.next());
            lines.for_each(drop);
        });
        match receiver.recv_timeout(Duration::from_secs(20)) {
            Ok(Some(Ok(_))) => Ok(()),
            _ => {
                let _ = self.process.kill();
                let mut said = String::new();
                if let Some(mut stderr) = self.process.stderr.take() {
                    let _ = stderr.read_to_string(&mut said);
                }
                Err(format!("the daemon did not come up: {said}").into())
            }
        }
    }

    fn tcti(&self, way: Way) -> String {
        let name = if way == Way::Simulator {
            "mssim"
        } else {
            "swtpm"
        };
        format!("{name}:host=127.0.0.1,port={}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn on_peer() -> bool {
    std::env::var("IRONROOT_TPM_PEER").is_ok_and(|peer| peer == "swtpm")
}
