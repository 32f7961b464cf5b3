//! What the services stand on: PostgreSQL with everybody's schema, and Redis where there is one.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, bail};
use sqlx::{Connection, PgConnection};
use url::Url;

use crate::console::Console;
use crate::data_dir::DataDir;
use crate::first_start::Secrets;
use crate::keeper::{Keepers, Kept, Unit};
use crate::ports;
use crate::postgres::{self, Binaries, Cluster, Durability};
use crate::process::GRACEFUL;
use crate::redis::{self, Redis};
use crate::state::Label;

/// The database of a private cluster.
const DATABASE: &str = "mission_control";

/// Servers that the services use; ours are kept, others are left alone.
#[derive(Debug)]
pub(crate) struct Foundation {
    /// PostgreSQL as a role that may migrate.
    pub(crate) admin_url: String,
    /// Redis, if the live bus is to use it.
    pub(crate) redis_url: Option<String>,
    kept: Vec<Kept>,
}

/// How Redis comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redises {
    /// REDIS_URL if set; else PostgreSQL carries the live bus.
    IfNamed,
    /// REDIS_URL if set; else a private one.
    Always,
}

impl Foundation {
    /// Starts what is not given by DATABASE_URL and REDIS_URL.
    pub(crate) async fn lay(
        data: &DataDir,
        secrets: &Secrets,
        keepers: &Keepers,
        redises: Redises,
        ids: &mc_chassis::ids::Ids,
    ) -> anyhow::Result<Self> {
        let mut foundation =
            Self { admin_url: String::new(), redis_url: named("REDIS_URL"), kept: Vec::new() };
        foundation.admin_url = match named("DATABASE_URL") {
            Some(url) => {
                keepers.console.line("  · PostgreSQL from DATABASE_URL");
                url
            }
            None => foundation.start_postgres(data, secrets, keepers).await?,
        };
        if foundation.redis_url.is_none() && redises == Redises::Always {
            let url = foundation.start_redis(data, keepers, ids.secret("")).await?;
            foundation.redis_url = Some(url);
        }
        Ok(foundation)
    }

    async fn start_postgres(
        &mut self,
        data: &DataDir,
        secrets: &Secrets,
        keepers: &Keepers,
    ) -> anyhow::Result<String> {
        let started = Instant::now();
        let binaries = binaries(data, keepers.console).await?;
        let password = secrets.superuser().to_owned();
        let cluster = Arc::new(Cluster::new(binaries, &data.postgres(), password, Durability::Full)?);
        let made = cluster.create().await?;
        let port = ports::free()?;
        let version = cluster.version().to_owned();
        let label =
            Label { name: "postgres".into(), address: format!("127.0.0.1:{port}"), version: version.clone() };
        let (kept_cluster, log) = (cluster.clone(), data.log("postgres"));
        let start = Box::new(move || {
            let (cluster, log) = (kept_cluster.clone(), log.clone());
            Box::pin(async move { Ok(cluster.start(port, &log).await?.into_running()) }) as _
        });
        self.kept.push(keepers.keep(Unit { label, start, farewell: postgres::FAREWELL }).await?);
        create_database(&cluster.url(port, "postgres")).await?;
        let what = if made { "made and started" } else { "started" };
        keepers.console.done(format_args!("PostgreSQL {version} {what}"), started.elapsed());
        Ok(cluster.url(port, DATABASE))
    }

    async fn start_redis(
        &mut self,
        data: &DataDir,
        keepers: &Keepers,
        password: String,
    ) -> anyhow::Result<String> {
        let started = Instant::now();
        let port = ports::free()?;
        let url = redis::url(port, &password);
        let label =
            Label { name: "redis".into(), address: format!("127.0.0.1:{port}"), version: String::new() };
        let (folder, log) = (data.sockets(), data.log("redis"));
        let start = Box::new(move || {
            let (folder, log, password) = (folder.clone(), log.clone(), password.clone());
            Box::pin(async move { Ok(Redis::start(&folder, port, password, &log).await?.into_running()) })
                as _
        });
        self.kept.push(keepers.keep(Unit { label, start, farewell: GRACEFUL }).await?);
        keepers.console.done("Redis started", started.elapsed());
        Ok(url)
    }

    /// How a service's login connects.
    pub(crate) fn login_url(&self, secrets: &Secrets, schema: &str, login: &str) -> anyhow::Result<String> {
        login_url(&self.admin_url, secrets, schema, login)
    }

    /// Stops the servers that are ours, last started first.
    pub(crate) async fn stop(mut self) {
        while let Some(kept) = self.kept.pop() {
            kept.stop().await;
        }
    }
}

/// How a service's login connects to the database of `admin_url`.
pub(crate) fn login_url(
    admin_url: &str,
    secrets: &Secrets,
    schema: &str,
    login: &str,
) -> anyhow::Result<String> {
    as_login(admin_url, &format!("mc_{schema}_{login}"), secrets.password(schema, login)?)
}

fn named(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

async fn binaries(data: &DataDir, console: Console) -> anyhow::Result<Binaries> {
    if let Some(found) = Binaries::find().await {
        return Ok(found);
    }
    if std::env::var_os("MC_POSTGRES_BIN").is_some() {
        bail!(
            "MC_POSTGRES_BIN must name a folder with initdb, postgres and pg_ctl of PostgreSQL 15 or newer"
        );
    }
    if !data.downloads().join("bin").exists() {
        console.line("  · No PostgreSQL 15 or newer on this machine: downloading one (about 15 MB)");
    }
    Binaries::download(&data.downloads()).await
}

async fn create_database(url: &str) -> anyhow::Result<()> {
    let mut connection = PgConnection::connect(url).await.context("connect to PostgreSQL")?;
    let exists: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)")
        .bind(DATABASE)
        .fetch_one(&mut connection)
        .await
        .context("look for the database")?;
    if !exists {
        sqlx::query("CREATE DATABASE mission_control")
            .execute(&mut connection)
            .await
            .context("make the database")?;
    }
    connection.close().await.context("close a connection to PostgreSQL")
}

/// The same database as another role.
fn as_login(admin_url: &str, role: &str, password: &str) -> anyhow::Result<String> {
    let mut url = Url::parse(admin_url)
        .map_err(|_| anyhow::anyhow!("DATABASE_URL must be postgres://user:password@host/database"))?;
    if url.set_username(role).is_err() || url.set_password(Some(password)).is_err() {
        bail!("DATABASE_URL must name a host, as in postgres://user:password@host/database");
    }
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn login_keeps_host_database_and_options() {
        let url = as_login("postgres://admin:a%2Fb@db.example:5433/mc?sslmode=require", "mc_llm_api", "pw")
            .expect("url");
        assert_eq!(url, "postgres://mc_llm_api:pw@db.example:5433/mc?sslmode=require");
    }

    #[test]
    fn database_url_that_is_none_is_not_repeated() {
        let error = as_login("hunter2", "mc_llm_api", "pw").expect_err("no URL").to_string();
        assert!(!error.contains("hunter2") && error.contains("postgres://"), "{error}");
    }
}
