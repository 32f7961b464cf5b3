//! The command line: one verb, one module.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::dev;

/// Mission Control on this machine.
#[derive(Debug, Parser)]
#[command(name = "mission-control", version, about, propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// For work on Mission Control itself.
    #[command(subcommand, hide = true)]
    Dev(dev::Dev),
}

/// Carries out the verb; the code is the process's.
pub(crate) async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.verb {
        Verb::Dev(dev) => dev::run(dev).await,
    }
}
