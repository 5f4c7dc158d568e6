//! A running machine: its console lines and its end.
//!
//! Semihosting and the UART come out of different streams of QEMU; both are read by a thread each into
//! one channel, so no full pipe can stop the machine and the lines are in order of arrival.

use std::fmt;
use std::io::{self, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// QEMU ended by itself: the image's own exit code, or QEMU's.
    Exit(i32),
    /// QEMU was ended by a signal it did not expect.
    Signal,
    /// It was still running at the deadline and was stopped.
    Deadline,
    /// [`Session::stop`] stopped it.
    Stopped,
}

/// What a finished run said.
#[derive(Debug, Clone)]
pub struct Run {
    /// Console lines without their line ends.
    pub lines: Vec<String>,
    /// How it ended.
    pub end: End,
    /// Host time it took.
    pub elapsed: Duration,
}

impl Run {
    /// Whether a line contains `text`.
    #[must_use]
    pub fn has(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }

    /// The rest of the first line that starts with `prefix`.
    #[must_use]
    pub fn after(&self, prefix: &str) -> Option<&str> {
        self.lines.iter().find_map(|line| line.strip_prefix(prefix))
    }

    /// Ended by itself with code 0.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.end == End::Exit(0)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(out, "{line}")?;
        }
        write!(
            out,
            "[{:?} after {:.1} s]",
            self.end,
            self.elapsed.as_secs_f32()
        )
    }
}

/// A machine that runs.
#[derive(Debug)]
pub struct Session {
    child: Child,
    incoming: Receiver<String>,
    lines: Vec<String>,
    started: Instant,
    deadline: Instant,
    echo: bool,
}

impl Session {
    pub(crate) fn start(mut command: Command, limit: Duration, echo: bool) -> io::Result<Self> {
        // No standard input: QEMU would take a terminal's keys, and wait for them.
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (sender, incoming) = channel();
        if let Some(stream) = child.stdout.take() {
            read_lines(stream, sender.clone());
        }
        if let Some(stream) = child.stderr.take() {
            read_lines(stream, sender);
        }
        let started = Instant::now();
        Ok(Self {
            child,
            incoming,
            lines: Vec::new(),
            started,
            deadline: started + limit,
            echo,
        })
    }

    /// Waits until a line contains `text` and returns it; `None` if the run ended or the deadline came.
    pub fn wait_for(&mut self, text: &str) -> Option<String> {
        loop {
            let line = self.next_line().ok()?;
            if line.contains(text) {
                return Some(line);
            }
        }
    }

    /// The lines until now.
    #[must_use]
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Pulls the plug, at once.
    #[must_use]
    pub fn stop(mut self) -> Run {
        let _ = self.child.kill();
        while self.next_line().is_ok() {}
        self.close(End::Stopped)
    }

    /// Waits for the end or the deadline.
    #[must_use]
    pub fn finish(mut self) -> Run {
        loop {
            match self.next_line() {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.close(End::Deadline),
                Err(RecvTimeoutError::Timeout) => {
                    let _ = self.child.kill();
                    while let Ok(line) = self.incoming.recv() {
                        self.keep(&line);
                    }
                    let _ = self.child.wait();
                    return self.close(End::Deadline);
                }
            }
        }
    }

    fn next_line(&mut self) -> Result<String, RecvTimeoutError> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let line = self.incoming.recv_timeout(left)?;
        self.keep(&line);
        Ok(line)
    }

    fn keep(&mut self, line: &str) {
        if self.echo {
            println!("{line}");
        }
        self.lines.push(line.to_owned());
    }

    /// Both streams are closed: QEMU is gone or going. A code of its own wins over `otherwise`.
    fn close(mut self, otherwise: End) -> Run {
        let end = match self.child.wait().map(|status| status.code()) {
            Ok(Some(code)) => End::Exit(code),
            Ok(None) if Instant::now() < self.deadline && otherwise == End::Deadline => End::Signal,
            Ok(None) | Err(_) => otherwise,
        };
        Run {
            lines: std::mem::take(&mut self.lines),
            end,
            elapsed: self.started.elapsed(),
        }
    }
}

/// A test that fails must not leave a machine behind.
impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn read_lines(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        let mut reader = io::BufReader::new(stream);
        let mut bytes = Vec::new();
        // Bytes, not strings: a broken image may print anything.
        while io::BufRead::read_until(&mut reader, b'\n', &mut bytes).is_ok_and(|count| count > 0) {
            let line = String::from_utf8_lossy(&bytes)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            bytes.clear();
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, limit: Duration) -> Session {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        Session::start(command, limit, false).unwrap()
    }

    #[test]
    fn lines_of_both_streams_and_the_exit_code_arrive() {
        let run = shell("echo one; echo two >&2; exit 7", Duration::from_secs(10)).finish();
        assert_eq!(run.end, End::Exit(7));
        assert!(run.has("one") && run.has("two"));
        assert!(!run.succeeded());
    }

    #[test]
    fn a_machine_that_hangs_is_stopped_at_its_deadline() {
        let run = shell("echo alive; exec sleep 60", Duration::from_millis(300)).finish();
        assert_eq!(run.end, End::Deadline);
        assert_eq!(run.lines, ["alive"]);
        assert!(run.elapsed < Duration::from_secs(10));
    }

    #[test]
    fn the_plug_can_be_pulled_when_a_line_was_seen() {
        let mut session = shell("echo ready; exec sleep 60", Duration::from_secs(10));
        assert_eq!(session.wait_for("ready").as_deref(), Some("ready"));
        assert_eq!(session.stop().end, End::Stopped);
    }

    #[test]
    fn waiting_for_a_line_that_never_comes_ends_with_the_machine() {
        assert_eq!(
            shell("echo other", Duration::from_secs(10)).wait_for("ready"),
            None
        );
    }

    #[test]
    fn bytes_that_are_no_text_do_not_stop_the_reader() {
        let run = shell(r"printf 'a\377b\nend\n'", Duration::from_secs(10)).finish();
        assert_eq!(run.lines.len(), 2);
        assert_eq!(run.lines[1], "end");
    }
}
