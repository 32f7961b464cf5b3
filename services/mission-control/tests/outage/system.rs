//! A whole Mission Control in processes of its own, spoken to as its clients do.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::patience::until;
use crate::servers::open_folder;

/// How a system is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Every service in one process, the workers beside it.
    Single,
    /// Every service its own process.
    Fleet,
}

/// A running system.
pub(crate) struct System {
    pub(crate) url: String,
    pub(crate) token: String,
    /// `workspaces/{workspace}`.
    pub(crate) workspace: String,
    http: reqwest::Client,
    folder: TempDir,
    up: Child,
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The media type.
    pub(crate) kind: String,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: Value,
}

impl System {
    /// Starts it on servers of somebody else's, and waits until it is ready.
    pub(crate) async fn start(shape: Shape, database_url: &str, redis_url: &str) -> Self {
        Self::start_as(shape, database_url, redis_url, |_| {}).await
    }

    /// The same, told something besides.
    pub(crate) async fn start_as(
        shape: Shape,
        database_url: &str,
        redis_url: &str,
        tell: impl FnOnce(&mut Command),
    ) -> Self {
        mc_chassis::install_crypto();
        let folder = open_folder();
        let mut up = Command::new(env!("CARGO_BIN_EXE_mission-control"));
        up.arg("--data-dir").arg(folder.path()).args(["up", "--port", "0", "--temporary"]);
        if shape == Shape::Fleet {
            up.arg("--fleet");
        }
        let log = std::fs::File::create(folder.path().join("up.log")).expect("a log");
        up.env("DATABASE_URL", database_url).env("REDIS_URL", redis_url).env_remove("MC_WEB_DIR");
        up.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
        tell(&mut up);
        let up = up.spawn().expect("start the system");
        let mut system = Self {
            url: String::new(),
            token: String::new(),
            workspace: String::new(),
            http: reqwest::Client::builder().timeout(Duration::from_secs(40)).build().expect("a client"),
            folder,
            up,
        };
        until("the system is ready", Duration::from_mins(1), async || {
            let ended = system.up.try_wait().expect("look").is_some();
            assert!(!ended, "the system ended:\n{}", system.log());
            system.state()["ready"] == true
        })
        .await;
        let state = system.state();
        let text = |name: &str| state[name].as_str().expect("text").to_owned();
        (system.url, system.workspace) = (text("url"), text("workspace"));
        let token = std::fs::read_to_string(system.folder.path().join("secrets/token")).expect("the token");
        token.trim().clone_into(&mut system.token);
        system
    }

    fn state(&self) -> Value {
        let text = std::fs::read(self.folder.path().join("state.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Each process by name, with its pid: the same ones as long as nothing was started again.
    pub(crate) fn processes(&self) -> BTreeMap<String, i64> {
        let state = self.state();
        let processes = state["processes"].as_array().expect("processes");
        let pid = |process: &Value| (process["name"].as_str()?.to_owned(), process["pid"].as_i64()?).into();
        processes.iter().filter_map(pid).collect()
    }

    /// What it says of itself, for a test that fails.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("up.log")).unwrap_or_default()
    }

    /// What its processes say of themselves.
    pub(crate) fn logs(&self) -> String {
        let files = std::fs::read_dir(self.folder.path().join("logs")).expect("a folder of logs");
        files.map(|file| std::fs::read_to_string(file.expect("a file").path()).expect("a log")).collect()
    }

    /// One call; the path is behind `/v1/`.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = self
            .http
            .request(method.parse().expect("a method"), format!("{}/v1/{path}", self.url))
            .bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Self::answer(request).await
    }

    /// A call below the workspace that has to succeed.
    pub(crate) async fn made(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let answer = self.call(method, &format!("{}/{path}", self.workspace), body).await;
        assert!(answer.status < 300, "{method} {path}: {answer:?}");
        answer.body
    }

    /// `/healthz` or `/readyz`.
    pub(crate) async fn health(&self, path: &str) -> Answer {
        Self::answer(self.http.get(format!("{}{path}", self.url))).await
    }

    async fn answer(request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.expect("the edge always answers");
        let status = response.status().as_u16();
        let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
        let (kind, retry_after) = (header("content-type").unwrap_or_default(), header("retry-after"));
        let text = response.text().await.expect("a body");
        Answer { status, kind, retry_after, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
    }

    /// An agent of a script of the simulator; answers with its name.
    pub(crate) async fn agent(&self, script: &str) -> String {
        let tools = json!([{"tool": "write_artifact"}]);
        let spec = json!({"instructions": "Work.", "model": format!("simulator/{script}"), "tools": tools});
        let agent = self.made("POST", "agents", Some(json!({"displayName": script, "spec": spec}))).await;
        let name = agent["agent"]["name"].as_str().expect("a name").to_owned();
        let published = self.call("POST", &format!("{name}:publish"), Some(json!({}))).await;
        assert_eq!(published.status, 200, "{published:?}");
        name
    }

    /// Starts a run of a new task; answers with its name.
    pub(crate) async fn run(&self, agent: &str) -> String {
        let task = self.made("POST", "tasks", Some(json!({"title": "Work", "assignee": agent}))).await;
        let task = task["task"]["name"].as_str().expect("a name");
        let started = self.call("POST", &format!("{task}:start"), Some(json!({}))).await;
        started.body["run"]["name"].as_str().unwrap_or_else(|| panic!("no run: {started:?}")).to_owned()
    }

    /// Where a run stands.
    pub(crate) async fn run_state(&self, run: &str) -> String {
        let answer = self.call("GET", run, None).await;
        answer.body["run"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// A run's journal.
    pub(crate) async fn journal(&self, run: &str) -> Vec<Value> {
        let answer = self.call("GET", &format!("{run}/events?pageSize=1000"), None).await;
        answer.body["events"].as_array().unwrap_or_else(|| panic!("no events: {answer:?}")).clone()
    }

    /// Stops it in good order.
    pub(crate) async fn stop(mut self) {
        self.terminate();
        let ended = tokio::time::timeout(Duration::from_secs(40), self.up.wait()).await;
        assert!(ended.is_ok_and(|status| status.is_ok_and(|status| status.success())), "{}", self.log());
    }

    fn terminate(&self) {
        if let Some(pid) = self.up.id().and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for System {
    /// A test that fails leaves nothing running, and its logs to be read.
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            eprintln!("The logs are in {}", self.folder.path().join("logs").display());
        }
        self.terminate();
        for _ in 0..400 {
            if !matches!(self.up.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.up.start_kill();
    }
}
