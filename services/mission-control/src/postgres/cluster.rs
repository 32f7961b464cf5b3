//! A private PostgreSQL cluster: made once, started as our child, stopped with us, cleaned up after a crash of ours.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use sqlx::{ConnectOptions, Connection, postgres::PgConnectOptions};
use tokio::process::Command;
use tokio::time::Instant;

use super::Binaries;
use crate::owner::Owner;
use crate::process::{self, Farewell, Running};
use crate::secrets;

/// SIGINT disconnects clients and shuts down cleanly; SIGQUIT leaves recovery to the next start.
pub(crate) const FAREWELL: Farewell =
    &[(Signal::INT, Duration::from_secs(20)), (Signal::QUIT, Duration::from_secs(5))];
const START_PATIENCE: Duration = Duration::from_mins(1);

/// Whether a committed transaction must survive the machine losing power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Yes: data that somebody keeps.
    Full,
    /// No: a cluster that is thrown away.
    None,
}

/// Where a cluster lives and who owns it.
#[derive(Debug)]
pub(crate) struct Cluster {
    binaries: Binaries,
    owner: Option<Owner>,
    folder: PathBuf,
    password: String,
    durability: Durability,
}

/// A running cluster.
#[derive(Debug)]
pub(crate) struct Server {
    running: Running,
    options: PgConnectOptions,
    port: u16,
    log: PathBuf,
}

impl Cluster {
    /// Describes the cluster in `folder`; `password` is its superuser's.
    pub(crate) fn new(
        binaries: Binaries,
        folder: &Path,
        password: String,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let owner = Owner::for_servers()?;
        if let Some(owner) = &owner {
            owner.reaches(folder)?;
            owner.reaches(&binaries.folder().join("postgres"))?;
        }
        Ok(Self { binaries, owner, folder: folder.to_owned(), password, durability })
    }

    /// Makes the cluster if it is not there yet; true if it was made now.
    pub(crate) async fn create(&self) -> anyhow::Result<bool> {
        if self.data().join("PG_VERSION").is_file() {
            self.check_version()?;
            return Ok(false);
        }
        // An initdb that was cut short leaves a folder that it then refuses to fill.
        if self.data().exists() {
            fs::remove_dir_all(self.data()).context("remove a half-made cluster")?;
        }
        fs::create_dir_all(&self.folder).with_context(|| format!("make {}", self.folder.display()))?;
        fs::set_permissions(&self.folder, fs::Permissions::from_mode(0o700))
            .context("close the cluster's folder")?;
        let secret = self.folder.join("superuser");
        secrets::write(&secret, &self.password)?;
        if let Some(owner) = &self.owner {
            owner.give(&self.folder)?;
            owner.give(&secret)?;
        }
        let mut initdb = self.binaries.program("initdb");
        initdb.arg("-D").arg(self.data()).arg("--pwfile").arg(&secret);
        initdb.args([
            "-U",
            "postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
            "--no-instructions",
        ]);
        if self.durability == Durability::None {
            initdb.arg("--no-sync");
        }
        let output = self.as_owner(initdb).stdin(Stdio::null()).output().await.context("run initdb")?;
        fs::remove_file(&secret).context("remove the superuser's password file")?;
        if !output.status.success() {
            bail!("initdb failed: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(true)
    }

    /// Starts the cluster on `port` of 127.0.0.1 and waits until it answers.
    pub(crate) async fn start(&self, port: u16, log: &Path) -> anyhow::Result<Server> {
        self.stop_leftover().await?;
        let mut postgres = self.binaries.program("postgres");
        postgres.arg("-D").arg(self.data());
        let mut settings = vec![
            format!("port={port}"),
            "listen_addresses=127.0.0.1".to_owned(),
            // Clients come over TCP: a socket in /tmp would only be one more door.
            "unix_socket_directories=".to_owned(),
            "max_connections=300".to_owned(),
            "shared_buffers=128MB".to_owned(),
        ];
        if self.durability == Durability::None {
            settings
                .extend(["fsync=off", "synchronous_commit=off", "full_page_writes=off"].map(str::to_owned));
        }
        for setting in &settings {
            postgres.arg("-c").arg(setting);
        }
        self.as_owner(&mut postgres);
        process::log_to(&mut postgres, log)?;
        let options = PgConnectOptions::new()
            .host("127.0.0.1")
            .port(port)
            .username("postgres")
            .password(&self.password)
            .database("postgres");
        let mut server =
            Server { running: Running::spawn("PostgreSQL", postgres)?, options, port, log: log.to_owned() };
        server.wait_until_ready().await?;
        Ok(server)
    }

    /// How to connect as the superuser. Its password has no character that a URL would escape.
    pub(crate) fn url(&self, port: u16, database: &str) -> String {
        format!("postgres://postgres:{}@127.0.0.1:{port}/{database}", self.password)
    }

    /// As `postgres --version` puts it.
    pub(crate) fn version(&self) -> &str {
        self.binaries.version()
    }

    /// Stops a server that outlived the process that started it.
    async fn stop_leftover(&self) -> anyhow::Result<()> {
        if !self.data().join("postmaster.pid").exists() {
            return Ok(());
        }
        // pg_ctl tells a live server of this folder from a stale file, whoever has the pid by now.
        let mut stop = self.binaries.program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "fast", "-w", "-t", "60", "status"]);
        if !self
            .as_owner(&mut stop)
            .stdin(Stdio::null())
            .output()
            .await
            .context("run pg_ctl status")?
            .status
            .success()
        {
            return Ok(());
        }
        let mut stop = self.binaries.program("pg_ctl");
        stop.arg("-D").arg(self.data()).args(["-m", "fast", "-w", "-t", "60", "stop"]);
        let output =
            self.as_owner(&mut stop).stdin(Stdio::null()).output().await.context("run pg_ctl stop")?;
        if !output.status.success() {
            bail!(
                "stop the PostgreSQL that an earlier start left behind: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok(())
    }

    fn check_version(&self) -> anyhow::Result<()> {
        let made_by =
            fs::read_to_string(self.data().join("PG_VERSION")).context("read the cluster's version")?;
        let made_by = made_by.trim();
        if self.binaries.version().split('.').next() != Some(made_by) {
            bail!(
                "the data in {} was made by PostgreSQL {made_by}, and {} has {}: install PostgreSQL {made_by}, or point MC_POSTGRES_BIN at it",
                self.folder.display(),
                self.binaries.folder().display(),
                self.binaries.version()
            );
        }
        Ok(())
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn as_owner<C: std::borrow::BorrowMut<Command>>(&self, mut command: C) -> C {
        if let Some(owner) = &self.owner {
            owner.run(command.borrow_mut());
        }
        command
    }
}

impl Server {
    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_PATIENCE;
        loop {
            let refused = match self.options.connect().await {
                Ok(connection) => {
                    return connection.close().await.context("close a connection to PostgreSQL");
                }
                Err(error) => error,
            };
            if let Some(status) = self.running.ended()? {
                bail!("PostgreSQL ended with {status} while it started:\n{}", process::tail(&self.log, 8));
            }
            if Instant::now() > deadline {
                bail!(
                    "PostgreSQL does not answer on port {}: {refused}\n{}",
                    self.port,
                    process::tail(&self.log, 8)
                );
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    }

    /// The process, to be kept by somebody else.
    pub(crate) fn into_running(self) -> Running {
        self.running
    }

    /// Shuts it down cleanly.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop(FAREWELL).await.map(drop)
    }
}
