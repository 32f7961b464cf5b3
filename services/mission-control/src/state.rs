//! What runs right now, written down for `status`, `logs`, `demo` and `down`, which are other processes.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::data_dir::DataDir;
use crate::secrets;

/// How the services are put into processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    /// All services in one process, the workers beside it.
    Single,
    /// Every service its own process.
    Fleet,
}

/// One Mission Control that runs, or that starts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct State {
    /// The process that started the others.
    pub(crate) pid: i32,
    /// How it is laid out.
    pub(crate) shape: Shape,
    /// True once everything answers.
    pub(crate) ready: bool,
    /// Address of the edge: `http://127.0.0.1:8080`.
    pub(crate) url: String,
    /// `workspaces/{workspace}` made on first start; empty until then.
    pub(crate) workspace: String,
    /// Everything that was started, in order.
    pub(crate) processes: Vec<Process>,
}

/// One service, server or worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Process {
    /// `gateway`, `worker-1`, `postgres`.
    pub(crate) name: String,
    /// Its process; absent while it is down.
    pub(crate) pid: Option<i32>,
    /// Where it listens (`127.0.0.1:7101`, `unix:/path`, `http://127.0.0.1:8080`); empty if it does not.
    pub(crate) address: String,
    /// What it is a version of.
    pub(crate) version: String,
    /// How often it was started again.
    pub(crate) restarts: u32,
}

/// What a process is known by, however often it is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Label {
    /// `worker-1`.
    pub(crate) name: String,
    /// Where it listens; empty if it does not.
    pub(crate) address: String,
    /// What it is a version of.
    pub(crate) version: String,
}

/// The state as its owner keeps it: each change is on disk before the call returns.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

impl Ledger {
    /// Begins a new state for this process.
    pub(crate) fn begin(data: &DataDir, shape: Shape) -> anyhow::Result<Self> {
        let pid = std::process::id().cast_signed();
        let state = State {
            pid,
            shape,
            ready: false,
            url: String::new(),
            workspace: String::new(),
            processes: Vec::new(),
        };
        let ledger = Self { path: data.state(), state: Arc::new(Mutex::new(state)) };
        ledger.change(|_| {})?;
        Ok(ledger)
    }

    /// Changes the state.
    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) -> anyhow::Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        let text = serde_json::to_string_pretty(&*state).context("write the state")?;
        secrets::write(&self.path, &text)
    }

    /// Notes a process that was started, or started again.
    pub(crate) fn note(&self, label: &Label, pid: Option<i32>) -> anyhow::Result<()> {
        self.change(|state| {
            if let Some(known) = state.processes.iter_mut().find(|process| process.name == label.name) {
                known.restarts += u32::from(pid.is_some());
                known.pid = pid;
            } else {
                let Label { name, address, version } = label.clone();
                state.processes.push(Process { name, address, version, pid, restarts: 0 });
            }
        })
    }

    /// Forgets the state: nothing runs any more.
    pub(crate) fn end(&self) -> anyhow::Result<()> {
        std::fs::remove_file(&self.path).context("remove the state")
    }
}

/// What runs on this data directory; `None` if nothing does.
pub(crate) fn read(data: &DataDir) -> anyhow::Result<Option<State>> {
    let Some(holder) = data.holder()? else { return Ok(None) };
    // Between taking the lock and writing the state there is none yet.
    let Ok(text) = std::fs::read_to_string(data.state()) else { return Ok(None) };
    let state: State =
        serde_json::from_str(&text).with_context(|| format!("read {}", data.state().display()))?;
    Ok((state.pid == holder).then_some(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_that_nobody_holds_is_not_believed() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().to_owned())).expect("locate");
        data.create().expect("create");
        let lock = data.lock().expect("lock");
        let ledger = Ledger::begin(&data, Shape::Single).expect("begin");
        let worker = Label { name: "worker-1".into(), ..Label::default() };
        ledger.note(&worker, Some(41)).expect("start");
        ledger.note(&worker, None).expect("crash");
        ledger.note(&worker, Some(42)).expect("start again");
        let state = read(&data).expect("read").expect("runs");
        assert_eq!((state.processes[0].pid, state.processes[0].restarts), (Some(42), 1));
        drop(lock);
        assert!(read(&data).expect("read").is_none(), "left behind by a crash");
    }
}
