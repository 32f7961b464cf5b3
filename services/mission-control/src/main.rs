//! Mission Control on one machine: every service, the workers, PostgreSQL and what a person needs to run and try them.

mod bootstrap;
mod cli;
mod console;
mod core;
mod data_dir;
mod demo;
mod detached;
mod dev;
mod doctor;
mod down;
mod first_start;
mod foundation;
mod health;
mod keeper;
mod layout;
mod link;
mod logs;
mod operate;
mod owner;
mod ports;
mod postgres;
mod process;
mod redis;
mod reset;
mod secrets;
mod state;
mod status;
mod temporary;
mod up;
mod worker;

use std::process::ExitCode;

use clap::Parser;

#[tokio::main]
async fn main() -> ExitCode {
    mc_chassis::install_crypto();
    match cli::run(cli::Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            use std::io::Write;
            // Nobody is left to tell if stderr is gone.
            let _ = writeln!(std::io::stderr(), "mission-control: {error:#}");
            ExitCode::FAILURE
        }
    }
}
