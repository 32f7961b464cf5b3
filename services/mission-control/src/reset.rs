//! `reset`: deletes the data directory, after asking.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;

use crate::console::Console;
use crate::data_dir::DataDir;

#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Deletes without asking (MC_YES=1 does the same).
    #[arg(short, long)]
    yes: bool,
}

/// Deletes everything that Mission Control keeps on this machine.
pub(crate) fn run(data: &DataDir, args: &Reset) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let root = data.root().display().to_string();
    if !data.exists() {
        console.line(format_args!("There is nothing at {root}."));
        return Ok(ExitCode::SUCCESS);
    }
    // A folder that only shares the name with ours is not ours to delete.
    if !data.secrets().is_dir() || !data.logs().is_dir() {
        bail!("{root} does not look like a data directory of Mission Control; delete it yourself if it is");
    }
    let _lock = data.lock()?;
    let agreed = args.yes || std::env::var_os("MC_YES").is_some_and(|yes| yes == "1");
    if !agreed && !ask(console, &root)? {
        console.line("Nothing was deleted.");
        return Ok(ExitCode::FAILURE);
    }
    std::fs::remove_dir_all(data.root()).with_context(|| format!("delete {root}"))?;
    console.line(format_args!("Deleted {root}."));
    Ok(ExitCode::SUCCESS)
}

fn ask(console: Console, root: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("nobody to ask: run `./mc reset --yes` to delete {root}");
    }
    console.write(format_args!(
        "This deletes {root}: agents, runs, artifacts, credentials and the database, for good.\nType `delete` to go on: "
    ));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context("read the answer")?;
    Ok(answer.trim() == "delete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_folder_is_not_deleted() {
        let folder = tempfile::tempdir().expect("folder");
        std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("write");
        let data = DataDir::locate(Some(folder.path().to_owned())).expect("locate");
        run(&data, &Reset { yes: true }).expect_err("refused");
        assert!(folder.path().join("thesis.txt").exists());
    }

    #[test]
    fn running_system_is_not_deleted() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().join("data"))).expect("locate");
        data.create().expect("create");
        let lock = data.lock().expect("lock");
        run(&data, &Reset { yes: true }).expect_err("refused while it runs");
        drop(lock);
        run(&data, &Reset { yes: true }).expect("deleted");
        assert!(!data.exists());
    }
}
