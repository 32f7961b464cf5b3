//! Mission Control on one machine: every service, the workers, PostgreSQL and what a person needs to run and try them.

mod cli;
mod console;
mod data_dir;
mod dev;
mod doctor;
mod down;
mod first_start;
mod health;
mod keeper;
mod logs;
mod owner;
mod ports;
mod postgres;
mod process;
mod redis;
mod reset;
mod secrets;
mod state;
mod status;

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
