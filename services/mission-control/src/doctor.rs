//! `doctor`: looks at what Mission Control needs on this machine and says what to do about what is missing.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use tokio::process::Command;

use crate::console::{Console, Style};
use crate::data_dir::DataDir;
use crate::health;
use crate::owner::Owner;
use crate::postgres::Binaries;
use crate::state;

/// Less free disk than this (bytes) and PostgreSQL may stop in the middle of work.
const LITTLE_DISK: u64 = 2 << 30;

/// What a check found.
enum Finding {
    /// As it should be.
    Good(String),
    /// It works without.
    Note(String),
    /// It does not work like this; what to do.
    Bad(String),
}

/// Runs every check; the code is 1 if one is bad.
pub(crate) async fn run(data: &DataDir) -> anyhow::Result<ExitCode> {
    let console = Console::stdout();
    let findings = [
        ("Data directory", folder(data)),
        ("Disk", disk(data)),
        ("PostgreSQL", postgres(data).await),
        ("Redis", redis().await),
        ("Ollama", ollama().await),
        ("Running", running(data).await),
    ];
    let mut code = ExitCode::SUCCESS;
    for (what, finding) in findings {
        let (mark, style, text) = match finding {
            Finding::Good(text) => ("✓", Style::Good, text),
            Finding::Note(text) => ("·", Style::Dim, text),
            Finding::Bad(text) => {
                code = ExitCode::FAILURE;
                ("✗", Style::Bad, text)
            }
        };
        console.line(format_args!("  {} {what:<15} {text}", console.paint(style, mark)));
    }
    Ok(code)
}

fn folder(data: &DataDir) -> Finding {
    let root = data.root();
    let reached =
        Owner::for_servers().and_then(|owner| owner.map_or(Ok(()), |owner| owner.reaches(&data.postgres())));
    if let Err(error) = reached {
        return Finding::Bad(format!("{error:#}"));
    }
    // Until the first start the nearest folder that exists decides whether it can be made.
    let Some(nearest) = root.ancestors().find(|folder| folder.is_dir()) else {
        return Finding::Bad(format!("{} cannot be made: set MC_DATA_DIR", root.display()));
    };
    match tempfile::tempfile_in(nearest) {
        Ok(_) => Finding::Good(format!(
            "{}{}",
            root.display(),
            if data.exists() { "" } else { " (made by the first start)" }
        )),
        Err(error) => {
            Finding::Bad(format!("{} cannot be written ({error}): set MC_DATA_DIR", nearest.display()))
        }
    }
}

fn disk(data: &DataDir) -> Finding {
    let nearest = data.root().ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match rustix::fs::statvfs(nearest) {
        Ok(found) => {
            let free = found.f_bavail * found.f_frsize;
            let text = format!("{:.1} GB free", free as f64 / 1e9);
            if free < LITTLE_DISK {
                Finding::Bad(format!("{text}: make room, 2 GB at least"))
            } else {
                Finding::Good(text)
            }
        }
        Err(error) => Finding::Bad(format!("cannot look at the disk: {error}")),
    }
}

async fn postgres(data: &DataDir) -> Finding {
    if let Some(url) = std::env::var_os("DATABASE_URL") {
        let connected = sqlx::PgPool::connect(&url.to_string_lossy()).await;
        return match connected {
            Ok(_) => Finding::Good("DATABASE_URL answers".into()),
            // The URL may hold a password, so it is not repeated.
            Err(error) => Finding::Bad(format!("DATABASE_URL does not answer: {error}")),
        };
    }
    match Binaries::find().await {
        Some(found) => Finding::Good(format!("{} in {}", found.version(), found.folder().display())),
        None if data.downloads().exists() => {
            Finding::Good(format!("downloaded to {}", data.downloads().display()))
        }
        None => Finding::Note("none found: `./mc up` installs or downloads it".into()),
    }
}

async fn redis() -> Finding {
    if std::env::var_os("REDIS_URL").is_some() {
        return Finding::Good("REDIS_URL is set".into());
    }
    let mut command = Command::new("redis-server");
    match command.arg("--version").stdin(Stdio::null()).output().await {
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let version = text
                .split_whitespace()
                .find_map(|word| word.strip_prefix("v="))
                .unwrap_or("found")
                .to_owned();
            Finding::Good(version)
        }
        Err(_) => Finding::Note("not installed: needed for --fleet only".into()),
    }
}

async fn ollama() -> Finding {
    let asked = reqwest::Client::new()
        .get("http://127.0.0.1:11434/api/version")
        .timeout(Duration::from_secs(1))
        .send();
    match asked.await {
        Ok(_) => Finding::Good(
            "answers at http://127.0.0.1:11434/v1: add it as an openai_compatible provider".into(),
        ),
        Err(_) => Finding::Note("not running: the simulator needs no model".into()),
    }
}

async fn running(data: &DataDir) -> Finding {
    match state::read(data) {
        Ok(Some(state)) => match health::check(&state.url).await {
            Ok(()) => Finding::Good(format!("{} (pid {})", state.url, state.pid)),
            Err(error) => Finding::Bad(format!(
                "{} does not serve: {error:#}; see `./mc status` and `./mc logs`",
                state.url
            )),
        },
        Ok(None) => Finding::Note("no: `./mc up` starts it".into()),
        Err(error) => Finding::Bad(format!("{error:#}")),
    }
}
