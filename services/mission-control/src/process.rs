//! A program that we started, watch and stop by its pid: never by its name.

use std::fs::OpenOptions;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, ChildStdin, Command};

/// How a program is asked to end: each signal, and how long it may take before the next one. SIGKILL comes last.
pub(crate) type Farewell = &'static [(Signal, Duration)];

/// For programs that drain on SIGTERM.
pub(crate) const GRACEFUL: Farewell = &[(Signal::TERM, Duration::from_secs(20))];

/// A started program. Dropping it kills it, so that an error on the way leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    pid: Pid,
    /// The other end of a supervised child's standard input: it stops when this closes, however we end.
    _leash: Option<ChildStdin>,
}

impl Running {
    /// Starts a program in a process group of its own: a Ctrl-C at the terminal reaches us alone, and we stop it in order.
    pub(crate) fn spawn(name: &str, mut command: Command) -> anyhow::Result<Self> {
        let mut child = command.process_group(0).kill_on_drop(true).spawn().with_context(|| {
            format!("start {name} ({})", command.as_std().get_program().to_string_lossy())
        })?;
        let pid = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .context("a started program has a pid")?;
        // Waiting for a child closes its standard input, unless it is held elsewhere.
        let leash = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, pid, _leash: leash })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits until it ends by itself.
    pub(crate) async fn wait(&mut self) -> anyhow::Result<ExitStatus> {
        self.child.wait().await.with_context(|| format!("wait for {}", self.name))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("look at {}", self.name))
    }

    /// Asks it to end, then insists.
    pub(crate) async fn stop(mut self, farewell: Farewell) -> anyhow::Result<ExitStatus> {
        for (signal, patience) in farewell {
            if self.ended()?.is_none() {
                // It may end between the look and the signal: then there is nobody to signal, which is what we want.
                let _ = kill_process(self.pid, *signal);
            }
            if let Ok(status) = tokio::time::timeout(*patience, self.child.wait()).await {
                return status.with_context(|| format!("wait for {}", self.name));
            }
        }
        self.child.kill().await.with_context(|| format!("kill {}", self.name))?;
        self.wait().await
    }
}

/// Sends a program's output to the end of a file, with no input.
pub(crate) fn log_to(command: &mut Command, log: &Path) -> anyhow::Result<()> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("open {}", log.display()))?;
    let copy = file.try_clone().with_context(|| format!("open {}", log.display()))?;
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    Ok(())
}

/// Sends the output of one of our own programs to the end of a file, and has it stop when we are gone.
pub(crate) fn supervise(command: &mut Command, log: &Path) -> anyhow::Result<()> {
    log_to(command, log)?;
    command.stdin(Stdio::piped()).env("MC_STOP_WITH_STDIN", "1");
    Ok(())
}

/// The last lines of a log, to show when its program failed.
pub(crate) fn tail(log: &Path, lines: usize) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;

    const BRIEF: Farewell = &[(Signal::TERM, Duration::from_millis(200))];

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    #[tokio::test]
    async fn program_that_obeys_is_not_killed() {
        let running = Running::spawn("sleeper", shell("exec sleep 60")).expect("start");
        let status = running.stop(GRACEFUL).await.expect("stop");
        assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    }

    #[tokio::test]
    async fn program_that_ignores_the_signal_is_killed() {
        let mut command = shell("trap '' TERM; echo ready; while :; do sleep 0.05; done");
        command.stdout(Stdio::piped());
        let mut running = Running::spawn("deaf", command).expect("start");
        let mut ready = [0; 6];
        let mut stdout = running.child.stdout.take().expect("piped");
        tokio::io::AsyncReadExt::read_exact(&mut stdout, &mut ready).await.expect("ready");
        let status = running.stop(BRIEF).await.expect("stop");
        assert_eq!(status.signal(), Some(Signal::KILL.as_raw()));
    }

    #[tokio::test]
    async fn program_that_is_not_there_is_named() {
        let error = Running::spawn("ghost", Command::new("/nonexistent/ghost")).expect_err("no such program");
        assert!(format!("{error:#}").contains("/nonexistent/ghost"), "{error:#}");
    }
}
