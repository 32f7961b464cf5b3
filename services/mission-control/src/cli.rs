//! The command line: one verb, one module.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Parser, Subcommand};

use crate::console::Console;
use crate::data_dir::DataDir;
use crate::{dev, doctor, down, logs, reset, status};

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
    /// Stops what `up` started.
    Down,
    /// Shows each service: pid, address, health, version. Code 3 if nothing runs.
    Status,
    /// Prints the logs of all services, or of one.
    Logs(logs::Logs),
    /// Prints the API token of the first account.
    Token,
    /// Checks this machine and says what to do.
    Doctor,
    /// Deletes the data directory, after asking.
    Reset(reset::Reset),
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
        Verb::Down => down::run(&data).await,
        Verb::Status => status::run(&data).await,
        Verb::Logs(args) => logs::run(&data, args).await,
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
