//! Runs a command with a whole Mission Control of its own, for tests that go through the front door.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::console::Console;
use crate::process::{GRACEFUL, Running};
use crate::state::Shape;
use crate::temporary::Temporary;

#[derive(Debug, Args)]
pub(crate) struct System {
    /// Every service its own process, with Redis.
    #[arg(long)]
    fleet: bool,
    /// The command, after `--`. It finds MC_E2E_URL and MC_E2E_TOKEN in its environment, and MC_DATA_DIR, so that
    /// `./mc status` and the like speak of this system.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Starts the system, runs the command, stops the system; the code is the command's. Logs of a failure are kept.
pub(crate) async fn run(args: System) -> anyhow::Result<ExitCode> {
    let shape = if args.fleet { Shape::Fleet } else { Shape::Single };
    let mut interrupted = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let system = Temporary::start(shape, None).await?;
    let mut command = Command::new(&args.command[0]);
    command
        .args(&args.command[1..])
        .env("MC_E2E_URL", system.url())
        .env("MC_E2E_TOKEN", system.token()?)
        .env("MC_DATA_DIR", system.folder());
    let mut running = Running::spawn("the command", command)?;
    let status = tokio::select! {
        status = running.wait() => status?,
        _ = interrupted.recv() => running.stop(GRACEFUL).await?,
        _ = terminated.recv() => running.stop(GRACEFUL).await?,
    };
    if status.success() {
        system.stop().await?;
    } else {
        system.keep(Console::stdout()).await?;
    }
    // A signal has no code of its own; shells report 128 and more.
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(130)).unwrap_or(1)))
}
