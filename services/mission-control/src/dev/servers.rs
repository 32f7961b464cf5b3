//! Runs a command with database servers of its own, so that tests need nothing that is already running.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use mc_chassis::Ambient;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

use crate::ports;
use crate::postgres::{Binaries, Cluster, Durability};
use crate::process::{GRACEFUL, Running};
use crate::redis::{self, Redis};

#[derive(Debug, Args)]
pub(crate) struct Servers {
    /// Folder with PostgreSQL's binaries; found on the machine when left out.
    #[arg(long)]
    postgres_bin: Option<PathBuf>,
    /// Has commits reach the disk, as measurements need it.
    #[arg(long)]
    durable: bool,
    /// Starts Redis as well.
    #[arg(long)]
    redis: bool,
    /// The command, after `--`. It finds MC_TEST_DATABASE_URL and MC_TEST_REDIS_URL in its environment.
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Starts the servers, runs the command, stops the servers; the code is the command's.
pub(crate) async fn run(args: Servers) -> anyhow::Result<ExitCode> {
    let binaries = match &args.postgres_bin {
        Some(folder) => Binaries::at(folder).await?,
        None => Binaries::find().await.context(
            "find PostgreSQL's server binaries (initdb, postgres); name their folder with --postgres-bin",
        )?,
    };
    let ids = Ambient::system().ids;
    let folder = tempfile::Builder::new()
        .prefix("mc-servers-")
        .permissions(std::fs::Permissions::from_mode(0o711))
        .tempdir()
        .context("make a temporary folder")?;
    let durability = if args.durable { Durability::Full } else { Durability::None };
    let cluster = Cluster::new(binaries, &folder.path().join("postgres"), ids.secret(""), durability)?;
    cluster.create().await?;
    let port = ports::free()?;
    let server = cluster.start(port, &folder.path().join("postgres.log")).await?;

    let mut command = Command::new(&args.command[0]);
    command.args(&args.command[1..]).env("MC_TEST_DATABASE_URL", cluster.url(port, "postgres"));
    let redis = if args.redis {
        let (port, password) = (ports::free()?, ids.secret(""));
        command.env("MC_TEST_REDIS_URL", redis::url(port, &password));
        Some(Redis::start(folder.path(), port, password, &folder.path().join("redis.log")).await?)
    } else {
        None
    };

    let mut interrupted = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    let mut terminated = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut running = Running::spawn("the command", command)?;
    let status = tokio::select! {
        status = running.wait() => status?,
        _ = interrupted.recv() => running.stop(GRACEFUL).await?,
        _ = terminated.recv() => running.stop(GRACEFUL).await?,
    };
    if let Some(redis) = redis {
        redis.stop().await?;
    }
    server.stop().await?;
    // A signal has no code of its own; shells report 128 and more.
    Ok(ExitCode::from(u8::try_from(status.code().unwrap_or(130)).unwrap_or(1)))
}
