//! `down`: asks the process that started everything to stop it, and waits.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::console::Console;
use crate::data_dir::DataDir;

/// Longer than everything together may take to drain.
const PATIENCE: Duration = Duration::from_secs(90);

/// Stops what runs on the data directory. Stopping what is stopped succeeds.
pub(crate) async fn run(data: &DataDir) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let Some(holder) = data.holder()? else {
        console.line(format_args!("Nothing runs on {}.", data.root().display()));
        return Ok(ExitCode::SUCCESS);
    };
    let started = Instant::now();
    // The lock is held, so the pid in it is the holder's and nobody else's.
    let pid = Pid::from_raw(holder).context("the lock names a process")?;
    kill_process(pid, Signal::TERM).with_context(|| format!("stop the process {holder}"))?;
    while data.holder()?.is_some() {
        if started.elapsed() > PATIENCE {
            bail!("process {holder} does not stop; `./mc logs` may say why");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    console.done("stopped", started.elapsed());
    Ok(ExitCode::SUCCESS)
}
