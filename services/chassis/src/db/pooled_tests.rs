//! The database module through PgBouncer's transaction pooling, with one server connection for all clients.
//!
//! Runs where PgBouncer 1.21 or later is: `MC_TEST_PGBOUNCER=/path/to/pgbouncer`, or on the PATH.

use std::os::unix::fs::MetadataExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures::future::join_all;
use time::macros::datetime;
use url::Url;
use uuid::Uuid;

use super::tests::{WIDGETS, count, note};
use super::*;
use crate::testkit::{self, TestDatabase};
use crate::{Failure, idempotency, outbox};

struct Pooler {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Pooler {
    /// None where there is no PgBouncer, or one that is too old to keep prepared statements.
    async fn start(kit: &TestDatabase) -> Option<Self> {
        let binary = std::env::var("MC_TEST_PGBOUNCER").unwrap_or_else(|_| "pgbouncer".to_owned());
        let version = Command::new(&binary).arg("--version").output().ok()?.stdout;
        let version = String::from_utf8_lossy(&version).into_owned();
        let minor: u32 = version.strip_prefix("PgBouncer 1.")?.split('.').next()?.parse().ok()?;
        if minor < 21 {
            return None;
        }
        let server = Url::parse(&kit.url_for("widgets", "api")).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let (users, config) = (folder.path().join("users"), folder.path().join("pgbouncer.ini"));
        std::fs::write(&users, "\"mc_widgets_api\" \"mc-test\"\n").unwrap();
        let text = format!(
            "[databases]\n* = host={} port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = transaction\ndefault_pool_size = 1\n\
             max_prepared_statements = 50\n",
            server.host_str().unwrap(),
            server.port().unwrap_or(5432),
            users.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new(&binary);
        // PgBouncer does not run as root.
        if std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0) {
            for path in [folder.path(), &users, &config] {
                std::os::unix::fs::chown(path, Some(65_534), None).unwrap();
            }
            command.args(["-u", "nobody"]);
        }
        let process = command.arg(&config).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Some(Self { process, port, _folder: folder })
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn transactions_keep_to_their_workspace_on_a_shared_connection() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let Some(pooler) = Pooler::start(&kit).await else { return };
    let url = format!("postgres://mc_widgets_api@127.0.0.1:{}/{}", pooler.port, kit.name());
    let db =
        Database::connect(&Settings { max_connections: 8, ..Settings::new(url, "pooled") }).await.unwrap();

    let workspaces: Vec<Uuid> = (1..=8).map(Uuid::from_u128).collect();
    let work = workspaces.iter().map(|&workspace| {
        let db = &db;
        async move {
            for round in 0..20 {
                let mut tx = db.begin(workspace).await.unwrap();
                note(&mut tx, workspace, workspace.as_u128() << 64 | round, "pooled").await.unwrap();
                if round % 4 == 3 {
                    drop(tx);
                } else {
                    tx.commit().await.unwrap();
                }
                assert_eq!(count(&mut db.begin_open().await.unwrap()).await, 0);
            }
            count(&mut db.read(workspace).await.unwrap()).await
        }
    });
    assert_eq!(join_all(work).await, [15; 8]);

    let limits: Vec<String> =
        sqlx::query_scalar("SELECT current_setting('statement_timeout')").fetch_all(db.pool()).await.unwrap();
    assert_eq!(limits, ["30s"], "a role's limits hold without any session state");
    let servers: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND usename = 'mc_widgets_api'",
    )
    .bind(kit.name())
    .fetch_one(&kit.admin())
    .await
    .unwrap();
    assert_eq!(servers, 1, "all of it on one connection");
}

#[tokio::test]
async fn request_ids_and_the_outbox_pass_the_pooler() {
    let kit = testkit::database(&[&WIDGETS]).await;
    let Some(pooler) = Pooler::start(&kit).await else { return };
    let url = format!("postgres://mc_widgets_api@127.0.0.1:{}/{}", pooler.port, kit.name());
    let db = Database::connect(&Settings::new(url, "pooled")).await.unwrap();
    let (workspace, now) = (Uuid::from_u128(1), datetime!(2026-01-01 0:00 UTC));
    for _ in 0..3 {
        let mut tx = db.begin(workspace).await.unwrap();
        let key = idempotency::Key {
            schema: &WIDGETS,
            workspace: Some(workspace),
            actor: "users/1",
            operation: "CreateWidget",
            request_id: "r1",
        };
        let work = async |tx: &mut Tx| {
            outbox::append(tx, &WIDGETS, Some(workspace), "news", b"once", now).await.map_err(failure)?;
            Ok::<_, Failure>("reply".to_owned())
        };
        assert_eq!(idempotency::once(&mut tx, key, &"red".to_owned(), now, work).await.unwrap(), "reply");
        tx.commit().await.unwrap();
    }
    let (ambient, _) = crate::Ambient::fixed(now, 1);
    let relay = outbox::Relay::new(db, &WIDGETS, "news", ambient);
    let deliver = async |_| Ok(());
    assert_eq!(relay.once(&deliver).await.unwrap(), 1);
    assert_eq!(relay.once(&deliver).await.unwrap(), 0);
}
