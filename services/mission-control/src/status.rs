//! `status`: a table of what runs, asked process by process.

use std::process::ExitCode;

use futures::future::join_all;

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::health;
use crate::state::{self, Process, Shape};

/// Prints the table; the code is 0 if everything serves, 1 if something does not, 3 if nothing runs.
pub(crate) async fn run(data: &DataDir) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let Some(state) = state::read(data)? else {
        console.line(format_args!("Nothing runs on {}.", data.root().display()));
        return Ok(ExitCode::from(3));
    };
    let shape = match state.shape {
        Shape::Single => "one process and its workers",
        Shape::Fleet => "a process per service",
    };
    let readiness = if state.ready { "" } else { ", still starting" };
    console.line(format_args!("{} ({shape}{readiness})", console.paint(Style::Bold, &state.url)));
    let asked = join_all(state.processes.iter().map(look)).await;
    console.line(format_args!(
        "{:<14} {:>8}  {:<9} {:<30} {:<10} {}",
        "SERVICE", "PID", "HEALTH", "ADDRESS", "VERSION", "RESTARTS"
    ));
    let mut all_well = true;
    for (process, health) in state.processes.iter().zip(&asked) {
        let (word, style, why) = match health {
            Ok(()) => ("ok", Style::Good, String::new()),
            Err(error) => {
                all_well = false;
                ("bad", Style::Bad, format!("  {error:#}"))
            }
        };
        let pid = process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let address = process.address.trim_start_matches("grpc:");
        let address = address.strip_prefix(&format!("unix:{}/", data.root().display())).unwrap_or(address);
        console.line(format_args!(
            "{:<14} {pid:>8}  {} {address:<30} {:<10} {}{why}",
            process.name,
            console.paint(style, format_args!("{word:<9}")),
            process.version,
            process.restarts
        ));
    }
    Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn look(process: &Process) -> anyhow::Result<()> {
    if process.pid.is_none() {
        anyhow::bail!("is down");
    }
    if process.address.is_empty() { Ok(()) } else { health::check(&process.address).await }
}
