//! The command line: one verb, one module.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};
use mc_chassis::Ambient;

use crate::console::Console;
use crate::data_dir::DataDir;
use crate::{core, demo, dev, doctor, down, link, logs, operate, reset, status, up, worker};

/// Mission Control on this machine.
#[derive(Debug, Parser)]
#[command(name = "mission-control", version, about, propagate_version = true)]
pub(crate) struct Cli {
    /// Where the data is; the usual place when left out.
    #[arg(long, env = "MC_DATA_DIR", global = true, value_parser = folder)]
    data_dir: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Starts Mission Control on this machine and keeps it running.
    Up(up::Up),
    /// Has an agent carry out a task and shows it as it happens.
    Demo(demo::Demo),
    /// Stops what `up` started.
    Down,
    /// Shows each service: pid, address, health, version. Code 3 if nothing runs.
    Status,
    /// Prints the logs of all services, or of one.
    Logs(logs::Logs),
    /// Prints a link that signs a browser in, once.
    Link(link::Link),
    /// Prints the API token of the first account.
    Token,
    /// Checks this machine and says what to do.
    Doctor,
    /// Deletes the data directory, after asking.
    Reset(reset::Reset),
    /// Makes the keys and passwords that a compose file or a cluster needs, once.
    Secrets(operate::Secrets),
    /// Brings a database up to date and makes the first account, for a compose file or a cluster.
    Prepare(operate::Prepare),
    /// All services and the edge in one process; started by `up`.
    #[command(hide = true)]
    Core(core::Core),
    /// Carries runs out; started by `up`.
    #[command(hide = true)]
    Worker(worker::Worker),
    /// For work on Mission Control itself.
    #[command(subcommand, hide = true)]
    Dev(dev::Dev),
}

fn folder(text: &str) -> Result<PathBuf, String> {
    if text.is_empty() {
        Err("must name a folder (unset MC_DATA_DIR for the usual one)".into())
    } else {
        Ok(text.into())
    }
}

/// Carries out the verb; the code is the process's.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let data = DataDir::locate(cli.data_dir)?;
    match cli.verb {
        Verb::Up(args) => up::run(&data, args, &Ambient::system()).await,
        Verb::Demo(args) => demo::run(&data, args, &Ambient::system().ids).await,
        Verb::Secrets(args) => operate::secrets(&args, &Ambient::system()),
        Verb::Prepare(args) => operate::prepare(&args, &Ambient::system()).await,
        Verb::Core(args) => core::run(&data, args).await.map(|()| ExitCode::SUCCESS),
        Verb::Worker(args) => worker::run(args).await.map(|()| ExitCode::SUCCESS),
        Verb::Down => down::run(&data).await,
        Verb::Status => status::run(&data).await,
        Verb::Logs(args) => logs::run(&data, args).await,
        Verb::Link(args) => link::run(&data, &args, &Ambient::system().ids).await,
        Verb::Token => token(&data),
        Verb::Doctor => doctor::run(&data).await,
        Verb::Reset(args) => reset::run(&data, &args),
        Verb::Dev(dev) => dev::run(dev).await,
    }
}

fn token(data: &DataDir) -> anyhow::Result<ExitCode> {
    let path = data.secrets().join("token");
    let token = std::fs::read_to_string(&path)
        .with_context(|| format!("read {}; it is made by the first `./mc up`", path.display()))?;
    Console::stdout().line(token.trim());
    Ok(ExitCode::SUCCESS)
}
