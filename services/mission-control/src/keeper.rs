//! Keeps a child process alive: starts it again when it dies, later each time, and gives up in a crash loop.

use std::time::Duration;

use futures::future::BoxFuture;
use mc_chassis::lifecycle::Lifecycle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::console::Console;
use crate::process::{Farewell, Running};
use crate::state::{Label, Ledger};

/// How patient a keeper is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// Pause before the first restart; doubles with each one.
    pub(crate) first_pause: Duration,
    /// The longest pause.
    pub(crate) longest_pause: Duration,
    /// A child that lived this long starts with a clean slate.
    pub(crate) healthy_after: Duration,
    /// Deaths in a row, each before `healthy_after`, after which it is given up.
    pub(crate) deaths: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first_pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(10),
            healthy_after: Duration::from_secs(20),
            deaths: 6,
        }
    }
}

/// Starts a child and waits until it can be used.
pub(crate) type Start = Box<dyn Fn() -> BoxFuture<'static, anyhow::Result<Running>> + Send + Sync>;

/// A child to keep.
pub(crate) struct Unit {
    /// What it is known by.
    pub(crate) label: Label,
    /// How it is started.
    pub(crate) start: Start,
    /// How it is stopped.
    pub(crate) farewell: Farewell,
}

/// What keepers share.
#[derive(Debug, Clone)]
pub(crate) struct Keepers {
    pub(crate) console: Console,
    pub(crate) ledger: Ledger,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) patience: Patience,
    /// Hears why a child was given up.
    pub(crate) fatal: mpsc::Sender<anyhow::Error>,
}

/// A child that is kept.
#[derive(Debug)]
pub(crate) struct Kept {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Kept {
    /// Stops the child and waits until it is gone.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        // A panic of the keeper has been logged where it happened, and it took the child with it.
        let _ = self.task.await;
    }
}

impl Keepers {
    /// Starts a child; an error here is the caller's to handle. From then on it is kept.
    pub(crate) async fn keep(&self, unit: Unit) -> anyhow::Result<Kept> {
        let running = (unit.start)().await?;
        self.ledger.note(&unit.label, Some(running.pid()))?;
        let stop = CancellationToken::new();
        let (keepers, token) = (self.clone(), stop.clone());
        let task = self.lifecycle.spawn("keeper", async move { keepers.watch(unit, running, token).await });
        Ok(Kept { stop, task })
    }

    async fn watch(self, unit: Unit, mut running: Running, stop: CancellationToken) {
        let mut deaths = 0;
        loop {
            let born = Instant::now();
            let end = tokio::select! {
                end = running.wait() => end,
                () = stop.cancelled() => return self.part(&unit, running).await,
            };
            let how = match end {
                Ok(status) => status.to_string(),
                Err(error) => format!("{error:#}"),
            };
            self.note(&unit, None);
            deaths = if born.elapsed() >= self.patience.healthy_after { 1 } else { deaths + 1 };
            running = loop {
                if deaths >= self.patience.deaths {
                    let error = anyhow::anyhow!("{} died {deaths} times in a row ({how})", unit.label.name);
                    // Nobody listens any more when everything is already being stopped.
                    let _ = self.fatal.send(error).await;
                    return;
                }
                let pause = self.pause(deaths);
                let name = &unit.label.name;
                self.console.warn(format_args!(
                    "{name} ended ({how}); starting it again in {:.1} s",
                    pause.as_secs_f64()
                ));
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = stop.cancelled() => return,
                }
                match (unit.start)().await {
                    Ok(running) => break running,
                    Err(error) => {
                        self.console.bad(format_args!("{name} does not start: {error:#}"));
                        deaths += 1;
                    }
                }
            };
            self.note(&unit, Some(running.pid()));
            self.console.warn(format_args!("{} runs again (pid {})", unit.label.name, running.pid()));
        }
    }

    async fn part(&self, unit: &Unit, running: Running) {
        match running.stop(unit.farewell).await {
            Ok(_) => {}
            Err(error) => {
                self.console.bad(format_args!("{} could not be stopped: {error:#}", unit.label.name));
            }
        }
        self.note(unit, None);
    }

    fn pause(&self, deaths: u32) -> Duration {
        self.patience
            .longest_pause
            .min(self.patience.first_pause * 2_u32.pow(deaths.saturating_sub(1).min(16)))
    }

    fn note(&self, unit: &Unit, pid: Option<i32>) {
        if let Err(error) = self.ledger.note(&unit.label, pid) {
            self.console.bad(format_args!("{error:#}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data_dir::DataDir;
    use crate::process::GRACEFUL;
    use crate::state::{self, Shape};
    use tokio::process::Command;

    fn keepers(data: &DataDir, deaths: u32) -> (Keepers, mpsc::Receiver<anyhow::Error>) {
        data.create().expect("create");
        let (fatal, told) = mpsc::channel(1);
        let quick = Duration::from_millis(5);
        let patience = Patience {
            first_pause: quick,
            longest_pause: quick,
            healthy_after: Duration::from_mins(1),
            deaths,
        };
        let ledger = Ledger::begin(data, Shape::Single).expect("begin");
        (Keepers { console: Console::stdout(), ledger, lifecycle: Lifecycle::new(), patience, fatal }, told)
    }

    fn unit(script: &'static str) -> Unit {
        let start: Start = Box::new(move || {
            Box::pin(async move {
                let mut command = Command::new("sh");
                command.arg("-c").arg(script).stdin(std::process::Stdio::null());
                Running::spawn("child", command)
            })
        });
        Unit { label: Label { name: "child".into(), ..Label::default() }, start, farewell: GRACEFUL }
    }

    #[tokio::test]
    async fn crash_loop_is_given_up_and_said_so() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().to_owned())).expect("locate");
        let (keepers, mut told) = keepers(&data, 3);
        let kept = keepers.keep(unit("exit 7")).await.expect("start");
        let error = told.recv().await.expect("given up").to_string();
        assert!(error.contains("child died 3 times in a row (exit status: 7)"), "{error}");
        kept.stop().await;
    }

    #[tokio::test]
    async fn killed_child_comes_back_and_stops_for_good_when_asked() {
        let folder = tempfile::tempdir().expect("folder");
        let data = DataDir::locate(Some(folder.path().to_owned())).expect("locate");
        let _lock = data.lock().expect("lock");
        let (keepers, _told) = keepers(&data, 100);
        let kept = keepers.keep(unit("exec sleep 60")).await.expect("start");
        let pid = || state::read(&data).expect("read").expect("runs").processes[0].pid;
        let first = pid().expect("runs");
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(first).expect("pid"),
            rustix::process::Signal::KILL,
        )
        .expect("kill");
        let second = loop {
            match pid() {
                Some(pid) if pid != first => break pid,
                _ => tokio::task::yield_now().await,
            }
        };
        kept.stop().await;
        assert_eq!(pid(), None);
        let gone = rustix::process::Pid::from_raw(second).expect("pid");
        assert!(rustix::process::test_kill_process(gone).is_err(), "still there");
    }
}
