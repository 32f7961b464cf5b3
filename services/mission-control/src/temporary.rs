//! A Mission Control of its own in a temporary folder, for a demo where none runs.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::TempDir;
use tokio::process::Command;
use tokio::time::Instant;

use crate::console::Console;
use crate::data_dir::DataDir;
use crate::process::{self, Farewell, Running};
use crate::state::{self, Shape};

/// How long it may take to start.
const PATIENCE: Duration = Duration::from_mins(3);
/// Everything in it has its own grace; together they take no longer than this.
const FAREWELL: Farewell = &[(rustix::process::Signal::TERM, Duration::from_mins(1))];

/// A system that is thrown away.
#[derive(Debug)]
pub(crate) struct Temporary {
    folder: TempDir,
    data: DataDir,
    running: Running,
    url: String,
}

impl Temporary {
    /// Starts `up` on a new folder and free ports. `allow` is a server that its providers may reach even if it is on
    /// this machine.
    pub(crate) async fn start(shape: Shape, allow: Option<&str>) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("mc-demo-")
            .permissions(std::fs::Permissions::from_mode(0o711))
            .tempdir()
            .context("make a temporary folder")?;
        let data = DataDir::locate(Some(folder.path().to_owned()))?;
        let mut up = Command::new(std::env::current_exe().context("find this program")?);
        up.arg("--data-dir").arg(folder.path()).args(["up", "--port", "0", "--temporary"]);
        up.env_remove("DATABASE_URL").env_remove("REDIS_URL");
        if shape == Shape::Fleet {
            up.arg("--fleet");
        }
        if let Some(host) = allow.and_then(|url| url::Url::parse(url).ok()?.host_str().map(str::to_owned)) {
            up.args(["--allow-host", &host]);
        }
        let log = folder.path().join("up.log");
        process::supervise(&mut up, &log)?;
        let mut running = Running::spawn("up", up)?;
        let deadline = Instant::now() + PATIENCE;
        let mut shown = 0;
        loop {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            let whole = text.rfind('\n').map_or(0, |end| end + 1);
            Console::stdout().write(&text[shown.min(whole)..whole]);
            shown = whole;
            if let Some(status) = running.ended()? {
                bail!("the system ended with {status} while it started");
            }
            match state::read(&data).ok().flatten() {
                Some(state) if state.ready => return Ok(Self { folder, data, running, url: state.url }),
                _ if Instant::now() > deadline => {
                    bail!("the system is not ready after {} s", PATIENCE.as_secs())
                }
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> &DataDir {
        &self.data
    }

    /// Where its edge is.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Its data directory.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its first account's API token.
    pub(crate) fn token(&self) -> anyhow::Result<String> {
        let token =
            std::fs::read_to_string(self.data.secrets().join("token")).context("read the API token")?;
        Ok(token.trim().to_owned())
    }

    /// Stops it and deletes its folder.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop(FAREWELL).await?;
        self.folder.close().context("delete the temporary folder")
    }

    /// Stops it and leaves its folder, to be looked at.
    pub(crate) async fn keep(self, console: Console) -> anyhow::Result<()> {
        self.running.stop(FAREWELL).await?;
        let folder = self.folder.keep();
        console.warn(format_args!("The logs are in {}", folder.join("logs").display()));
        for entry in std::fs::read_dir(folder.join("logs")).into_iter().flatten().flatten() {
            let tail = process::tail(&entry.path(), 15);
            console.line(format_args!("--- {}\n{tail}", entry.file_name().to_string_lossy()));
        }
        Ok(())
    }
}
