//! A private Redis on this machine: in memory only, behind a password, started as our child.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::Instant;

use crate::process::{self, GRACEFUL, Running};

const START_PATIENCE: Duration = Duration::from_secs(15);

/// A running Redis.
#[derive(Debug)]
pub(crate) struct Redis {
    running: Running,
    port: u16,
    password: String,
    log: PathBuf,
}

impl Redis {
    /// Starts `redis-server` on `port` of 127.0.0.1, with its configuration in `folder`, and waits until it answers.
    pub(crate) async fn start(
        folder: &Path,
        port: u16,
        password: String,
        log: &Path,
    ) -> anyhow::Result<Self> {
        let config = folder.join("redis.conf");
        // The password stays out of the argument list, which everybody on the machine can read.
        let text = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass {password}\nsave \"\"\nappendonly no\ndir {}\nmaxmemory 256mb\nmaxmemory-policy noeviction\n",
            folder.display()
        );
        crate::secrets::write(&config, &text)?;
        let mut command = Command::new("redis-server");
        command.arg(&config);
        process::log_to(&mut command, log)?;
        let running =
            Running::spawn("Redis", command).context("is redis-server installed? (or set REDIS_URL)")?;
        let mut redis = Self { running, port, password, log: log.to_owned() };
        redis.wait_until_ready().await?;
        Ok(redis)
    }

    async fn wait_until_ready(&mut self) -> anyhow::Result<()> {
        let deadline = Instant::now() + START_PATIENCE;
        while !self.answers().await {
            if let Some(status) = self.running.ended()? {
                bail!("Redis ended with {status} while it started:\n{}", process::tail(&self.log, 8));
            }
            if Instant::now() > deadline {
                bail!("Redis does not answer on port {}:\n{}", self.port, process::tail(&self.log, 8));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let hello = format!("AUTH {}\r\nPING\r\n", self.password);
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)).await else { return false };
        let mut reply = [0; 12];
        stream.write_all(hello.as_bytes()).await.is_ok()
            && stream.read_exact(&mut reply).await.is_ok()
            && &reply == b"+OK\r\n+PONG\r\n"
    }

    /// How to connect.
    pub(crate) fn url(&self) -> String {
        format!("redis://:{}@127.0.0.1:{}", self.password, self.port)
    }

    /// The process of the server.
    pub(crate) fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop(GRACEFUL).await.map(drop)
    }
}
