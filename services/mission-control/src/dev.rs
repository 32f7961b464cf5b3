//! Verbs for work on Mission Control itself.

mod servers;
mod system;

use std::process::ExitCode;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Dev {
    /// Runs a command with a private PostgreSQL (and Redis) that are thrown away afterwards.
    Servers(servers::Servers),
    /// Runs a command with a Mission Control of its own that is thrown away afterwards.
    System(system::System),
}

/// Carries out the verb.
pub(crate) async fn run(dev: Dev) -> anyhow::Result<ExitCode> {
    match dev {
        Dev::Servers(servers) => servers::run(servers).await,
        Dev::System(system) => system::run(system).await,
    }
}
