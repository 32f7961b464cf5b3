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

/// How to connect. The password has no character that a URL would escape.
pub(crate) fn url(port: u16, password: &str) -> String {
    format!("redis://:{password}@127.0.0.1:{port}")
}

/// Stops a Redis that outlived the process that started it: nobody else knows the password in its configuration.
async fn stop_leftover(config: &Path) {
    let Ok(text) = std::fs::read_to_string(config) else { return };
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let (Some(port), Some(password)) =
        (value("port").and_then(|port| port.parse().ok()), value("requirepass"))
    else {
        return;
    };
    let port: u16 = port;
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let goodbye = format!("AUTH {password}\r\nSHUTDOWN NOSAVE\r\n");
    // It ends by closing the connection; whatever else answers here has refused the password.
    if stream.write_all(goodbye.as_bytes()).await.is_ok() {
        let mut rest = Vec::new();
        let _ = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut rest)).await;
    }
}

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
        stop_leftover(&config).await;
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

    /// The process, to be kept by somebody else.
    pub(crate) fn into_running(self) -> Running {
        self.running
    }

    /// Stops it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.running.stop(GRACEFUL).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn leftover_of_a_killed_start_is_stopped_by_the_next() {
        let folder = tempfile::tempdir().expect("folder");
        let log = folder.path().join("redis.log");
        let first =
            Redis::start(folder.path(), crate::ports::free().expect("port"), "first".into(), &log).await;
        let mut left = first.expect("first").into_running();
        let second =
            Redis::start(folder.path(), crate::ports::free().expect("port"), "second".into(), &log).await;
        let second = second.expect("second");
        let status = tokio::time::timeout(Duration::from_secs(10), left.wait())
            .await
            .expect("it ended")
            .expect("status");
        assert!(status.success(), "{status}");
        second.stop().await.expect("stop");
    }
}
