//! A TPM daemon of our own as a process, and ways to talk to it: bare frames, the simulator's frames,
//! over TCP and Unix sockets. The commands are `ironroot-tpm-client`'s.

use ironroot_tpm_client::Client;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// `ironroot tpm serve`, running.
#[derive(Debug)]
pub struct TpmDaemon {
    process: Child,
    /// What it said when it was ready: where it can be reached.
    pub ready: String,
}

impl TpmDaemon {
    /// Starts it with these arguments behind `tpm serve` and waits until it is ready.
    ///
    /// # Errors
    /// What it said instead.
    ///
    /// # Panics
    /// When the command cannot be started.
    pub fn start(arguments: &[&str]) -> Result<Self, String> {
        Self::start_command(serve(arguments))
    }

    /// The same with a command that becomes the daemon.
    ///
    /// # Errors
    /// What it said instead.
    ///
    /// # Panics
    /// When the command cannot be started.
    pub fn start_command(mut command: Command) -> Result<Self, String> {
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the ironroot command starts");
        let mut ready = String::new();
        if let Some(stdout) = process.stdout.take() {
            // A daemon that ends closes it.
            let _ = BufReader::new(stdout).read_line(&mut ready);
        }
        match ready.strip_prefix("ready: ") {
            Some(addresses) => Ok(Self {
                process,
                ready: addresses.trim_end().to_owned(),
            }),
            None => {
                let output = process.wait_with_output().expect("it ended");
                Err(String::from_utf8_lossy(&output.stderr).into_owned())
            }
        }
    }

    /// The daemon's process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// SIGTERM, and how it ended.
    ///
    /// # Panics
    /// When it does not end.
    #[must_use]
    pub fn terminate(mut self) -> ExitStatus {
        signal(self.id(), "TERM");
        self.wait()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub fn wait(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if let Some(status) = self.process.try_wait().expect("a child can be waited for") {
                return status;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        panic!("the daemon does not end");
    }

    /// SIGKILL, at once.
    ///
    /// # Panics
    /// When it ended by another way before.
    pub fn kill(mut self) {
        self.process.kill().expect("it can be killed");
        let status = self.process.wait().expect("it is our child");
        assert_eq!(status.signal(), Some(9), "it ended before it was killed");
    }
}

impl Drop for TpmDaemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Sends a signal by name.
///
/// # Panics
/// When there is no such process.
pub fn signal(process: u32, name: &str) {
    let status = Command::new("kill")
        .args([format!("-{name}"), process.to_string()])
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// `ironroot tpm serve …`, not started yet.
#[must_use]
pub fn serve(arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(["tpm", "serve"]).args(arguments);
    command
}

/// Runs `ironroot tpm …` to its end.
///
/// # Panics
/// When it cannot be started.
#[must_use]
pub fn ironroot_tpm(arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.arg("tpm").args(arguments);
    command.output().expect("the ironroot command runs")
}

/// The command that `cargo xtask test` names, or the one built beside this test.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("IRONROOT_CLI") {
        return program.into();
    }
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.parent().and_then(Path::parent);
    let program = folder.expect("it lies in target/…/deps").join("ironroot");
    assert!(
        program.exists(),
        "`cargo build -p ironroot-cli`, or set IRONROOT_CLI"
    );
    program
}

/// A client of a Unix socket, bare frames.
///
/// # Panics
/// When nobody listens there.
#[must_use]
pub fn over_unix(path: &Path) -> Client {
    Client::new(unix(path))
}

/// The same, in the simulator's frames, at locality 0.
///
/// # Panics
/// When nobody listens there.
#[must_use]
pub fn over_simulator_frames(path: &Path) -> Client {
    Client::new(SimulatorFrames::new(unix(path)))
}

/// A connected Unix socket that does not wait for ever.
///
/// # Panics
/// When nobody listens there.
#[must_use]
pub fn unix(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).expect("the daemon listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// A client of the simulator's two TCP ports: power on, NV on, then commands.
///
/// # Errors
/// The connection's.
pub fn over_simulator(port: u16) -> io::Result<Client> {
    let mut platform = TcpStream::connect(("127.0.0.1", port + 1))?;
    for power_or_nv in [1, 11] {
        platform.write_all(&[0, 0, 0, power_or_nv])?;
        let mut answer = [0xff; 4];
        platform.read_exact(&mut answer)?;
        if answer != [0; 4] {
            return Err(io::Error::other("the platform port refused"));
        }
    }
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    Ok(Client::new(SimulatorFrames::new(stream)))
}

/// Puts each command written into the simulator's frame, and takes the answer out of its frame.
struct SimulatorFrames<S> {
    stream: S,
    answer: io::Cursor<Vec<u8>>,
}

impl<S> SimulatorFrames<S> {
    fn new(stream: S) -> Self {
        Self {
            stream,
            answer: io::Cursor::default(),
        }
    }
}

impl<S: Read + Write> Write for SimulatorFrames<S> {
    fn write(&mut self, command: &[u8]) -> io::Result<usize> {
        let len = u32::try_from(command.len()).map_err(io::Error::other)?;
        let framed = [&[0, 0, 0, 8, 0][..], &len.to_be_bytes(), command].concat();
        self.stream.write_all(&framed)?;
        let mut len = [0; 4];
        self.stream.read_exact(&mut len)?;
        let mut answer = Vec::new();
        let whole = u64::from(u32::from_be_bytes(len));
        (&mut self.stream).take(whole).read_to_end(&mut answer)?;
        let mut end = [0xff; 4];
        self.stream.read_exact(&mut end)?;
        if end != [0; 4] {
            return Err(io::Error::other("the frame does not end in zeros"));
        }
        self.answer = io::Cursor::new(answer);
        Ok(command.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl<S: Read> Read for SimulatorFrames<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.answer.read(out)
    }
}
