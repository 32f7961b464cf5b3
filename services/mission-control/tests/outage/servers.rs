//! PostgreSQL and Redis that belong to the test, to be killed and brought back on the same ports.

use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sqlx::PgPool;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

use crate::patience::until;

/// `nobody`, as which PostgreSQL runs where we are root: it refuses to run as root.
const NOBODY: u32 = 65_534;

/// A server that can be killed and started again.
pub(crate) struct Server {
    name: &'static str,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    port: u16,
    child: Option<Child>,
}

impl Server {
    /// Kills it: SIGKILL to the one process that was started, no word to anybody.
    pub(crate) async fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().await.expect("SIGKILL");
        until(&format!("{} is gone", self.name), Duration::from_secs(10), async || !self.answers().await)
            .await;
    }

    /// Starts it, again if need be: PostgreSQL does not, before the last process of the one before has gone.
    pub(crate) async fn start(&mut self) {
        until(&format!("{} answers", self.name), Duration::from_secs(20), async || {
            let ended =
                self.child.as_mut().is_none_or(|child| child.try_wait().is_ok_and(|end| end.is_some()));
            if ended {
                self.child = Some((self.command)().spawn().expect("start a server"));
            }
            !ended && self.answers().await
        })
        .await;
    }

    async fn answers(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).await.is_ok()
    }
}

/// PostgreSQL on a cluster of its own.
pub(crate) struct Postgres {
    pub(crate) server: Server,
    pub(crate) url: String,
    _folder: TempDir,
}

impl Postgres {
    /// On a new cluster.
    pub(crate) async fn start() -> Self {
        let folder = data_folder();
        let made = program(&binaries().await, "initdb")
            .arg("-D")
            .arg(folder.path().join("data"))
            .args(["-U", "postgres", "--auth=trust", "--no-sync"])
            .status();
        assert!(made.await.expect("run initdb").success(), "initdb failed in {}", folder.path().display());
        Self::start_in(folder).await
    }

    /// Another one that follows it, and from then on has each commit before it is acknowledged.
    pub(crate) async fn standby(&self) -> Self {
        let folder = data_folder();
        let copied = program(&binaries().await, "pg_basebackup")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", &self.url, "-D"])
            .arg(folder.path().join("data"))
            .status();
        assert!(copied.await.expect("run pg_basebackup").success(), "pg_basebackup failed");
        let standby = Self::start_in(folder).await;
        let admin = PgPool::connect(&self.url).await.expect("connect");
        for statement in ["ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"] {
            sqlx::raw_sql(statement).execute(&admin).await.expect(statement);
        }
        until("the standby has each commit", Duration::from_secs(20), async || {
            let follows = "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE sync_state = 'sync')";
            sqlx::query_scalar(follows).fetch_one(&admin).await.expect("look")
        })
        .await;
        standby
    }

    /// Makes a standby the one that is written to.
    pub(crate) async fn promote(&self) {
        let admin = PgPool::connect(&self.url).await.expect("connect");
        let promoted: bool =
            sqlx::query_scalar("SELECT pg_promote()").fetch_one(&admin).await.expect("promote");
        assert!(promoted, "not within a minute");
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.port
    }

    async fn start_in(folder: TempDir) -> Self {
        let (binaries, data, port) = (binaries().await, folder.path().join("data"), free_port());
        let command = Box::new(move || {
            let mut postgres = program(&binaries, "postgres");
            postgres.arg("-D").arg(&data).args([
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "unix_socket_directories=",
            ]);
            postgres.args(["-c", "max_connections=200", "-c", "fsync=off", "-c", &format!("port={port}")]);
            postgres
        });
        let mut server = Server { name: "PostgreSQL", command, port, child: None };
        server.start().await;
        Self { server, url: database_url(port), _folder: folder }
    }
}

/// The database of a server, or of what stands in front of one.
pub(crate) fn database_url(port: u16) -> String {
    format!("postgres://postgres@127.0.0.1:{port}/postgres")
}

/// A program of PostgreSQL's, as a user under whom it starts.
fn program(binaries: &Path, name: &str) -> Command {
    let mut command = Command::new(binaries.join(name));
    if rustix::process::geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command.current_dir("/").env("HOME", "/").stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(Stdio::null()).kill_on_drop(true);
    command
}

/// A folder with an empty `data` for a cluster.
fn data_folder() -> TempDir {
    let folder = open_folder();
    let data = folder.path().join("data");
    // A cluster that others may enter is refused.
    std::fs::DirBuilder::new().mode(0o700).create(&data).expect("a folder");
    if rustix::process::geteuid().is_root() {
        chown(&data, Some(NOBODY), Some(NOBODY)).expect("give the folder away");
    }
    folder
}

/// Redis, in memory.
pub(crate) fn redis() -> (Server, String) {
    let port = free_port();
    let command = Box::new(move || {
        let mut redis = Command::new("redis-server");
        redis.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
        redis.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        redis
    });
    (Server { name: "Redis", command, port, child: None }, format!("redis://127.0.0.1:{port}"))
}

/// A folder that another user may enter.
pub(crate) fn open_folder() -> TempDir {
    let open = std::fs::Permissions::from_mode(0o711);
    tempfile::Builder::new().prefix("mc-outage-").permissions(open).tempdir().expect("a folder")
}

/// A port that nobody listens on.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

/// Where `initdb` and `postgres` are: MC_POSTGRES_BIN, what pg_config says, or where Debian puts them.
async fn binaries() -> PathBuf {
    let mut places: Vec<PathBuf> =
        std::env::var_os("MC_POSTGRES_BIN").map(PathBuf::from).into_iter().collect();
    if let Ok(said) = Command::new("pg_config").arg("--bindir").output().await {
        places.push(PathBuf::from(String::from_utf8_lossy(&said.stdout).trim()));
    }
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        places.extend(versions.flatten().map(|version| version.path().join("bin")));
    }
    let is_whole =
        |place: &&PathBuf| Path::new(place).join("initdb").is_file() && place.join("postgres").is_file();
    places
        .iter()
        .find(is_whole)
        .cloned()
        .expect("PostgreSQL's server binaries; MC_POSTGRES_BIN names their folder")
}
