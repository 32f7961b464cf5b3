//! Every task of a program, and how the program ends: stop taking work, drain within a grace, then let go.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use tokio::task::{AbortHandle, JoinHandle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long tasks have to heed the hard token before they are aborted.
const AFTER_HARD: Duration = Duration::from_secs(1);

/// The tasks of a program and the two tokens that end them. Clones are the same lifecycle.
///
/// The soft token asks: take no more work, finish what you hold. The hard token tells: let go now. A task that ignores
/// both is aborted.
#[derive(Debug, Clone, Default)]
pub struct Lifecycle {
    soft: CancellationToken,
    hard: CancellationToken,
    /// Work: a shutdown waits for it.
    work: TaskTracker,
    /// What work stands on (connections, resolvers): a shutdown stops it once the work is done.
    background: TaskTracker,
    running: Arc<Mutex<Running>>,
}

#[derive(Debug, Default)]
struct Running {
    next: u64,
    tasks: HashMap<u64, (&'static str, Option<AbortHandle>)>,
}

/// How a shutdown went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shutdown {
    /// Names of the tasks that had not finished their work within the grace, sorted.
    pub unfinished: Vec<&'static str>,
}

impl Shutdown {
    /// True if all work was finished within the grace.
    pub fn is_clean(&self) -> bool {
        self.unfinished.is_empty()
    }
}

impl Lifecycle {
    /// A lifecycle without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// Starts a task that a shutdown waits for. It should end soon after [`Lifecycle::draining`].
    ///
    /// A panic in it is logged under its name, and comes out of the handle.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.spawn_on(&self.work, name, task)
    }

    /// Starts a task that serves others until there is nothing left to serve. A shutdown does not wait for it: it is
    /// dropped at the hard token, after the work is done. The output is absent if that happened.
    pub fn spawn_background<F>(&self, name: &'static str, task: F) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let hard = self.hard.clone();
        self.spawn_on(&self.background, name, async move { hard.run_until_cancelled(task).await })
    }

    fn spawn_on<F>(&self, tracker: &TaskTracker, name: &'static str, task: F) -> JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let entry = Entry::new(&self.running, name);
        let id = entry.id;
        let handle = tracker.spawn(async move {
            let _entry = entry;
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(output) => output,
                Err(panic) => {
                    tracing::error!(task = name, panic = panic_text(&*panic), "a task has panicked");
                    std::panic::resume_unwind(panic)
                }
            }
        });
        if let Some(task) = lock(&self.running).tasks.get_mut(&id) {
            task.1 = Some(handle.abort_handle());
        }
        handle
    }

    /// The soft token: cancelled when the program should take no more work.
    pub fn draining(&self) -> CancellationToken {
        self.soft.clone()
    }

    /// The hard token: cancelled when the grace is over.
    pub fn killed(&self) -> CancellationToken {
        self.hard.clone()
    }

    /// Cancels the soft token. Whoever runs the program then calls [`Lifecycle::shutdown`].
    pub fn stop(&self) {
        self.soft.cancel();
    }

    /// Stops on SIGTERM and SIGINT; a second signal cancels the hard token, so that an impatient person is heard.
    ///
    /// With MC_STOP_WITH_STDIN set it also stops when standard input ends: a supervisor holds the other end of that
    /// pipe, so that its children do not outlive it even if it is killed.
    ///
    /// # Errors
    /// The handlers could not be installed.
    pub fn stop_on_signals(&self) -> std::io::Result<()> {
        use tokio::signal::unix::{SignalKind, signal};
        if std::env::var_os("MC_STOP_WITH_STDIN").is_some() {
            self.stop_at_end_of(std::io::stdin());
        }
        let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let (soft, hard) = (self.soft.clone(), self.hard.clone());
        self.spawn_background("signals", async move {
            for token in [soft, hard] {
                let signal = tokio::select! {
                    _ = term.recv() => "SIGTERM",
                    _ = int.recv() => "SIGINT",
                };
                tracing::info!(signal, "stopping");
                token.cancel();
            }
        });
        Ok(())
    }

    /// Cancels the soft token when there is nothing more to read. What is read is thrown away.
    fn stop_at_end_of(&self, mut input: impl std::io::Read + Send + 'static) {
        let soft = self.soft.clone();
        // A thread of its own: a runtime would wait at its end for a read that cannot be interrupted.
        std::thread::spawn(move || {
            let _ = std::io::copy(&mut input, &mut std::io::sink());
            soft.cancel();
        });
    }

    /// Ends everything: cancels the soft token, waits up to `grace` for the work, cancels the hard token, and waits a
    /// moment before it aborts what is left.
    pub async fn shutdown(&self, grace: Duration) -> Shutdown {
        self.soft.cancel();
        self.work.close();
        self.background.close();
        let finished = tokio::select! {
            () = self.work.wait() => true,
            () = tokio::time::sleep(grace) => false,
            () = self.hard.cancelled() => self.work.is_empty(),
        };
        let unfinished = if finished { Vec::new() } else { self.running_work() };
        if !unfinished.is_empty() {
            tracing::warn!(tasks = ?unfinished, grace = ?grace, "work was not finished within the grace");
        }
        self.hard.cancel();
        let all = async {
            self.work.wait().await;
            self.background.wait().await;
        };
        if tokio::time::timeout(AFTER_HARD, all).await.is_err() {
            for (name, handle) in lock(&self.running).tasks.values() {
                tracing::warn!(task = name, "aborting a task that heeds no token");
                if let Some(handle) = handle {
                    handle.abort();
                }
            }
        }
        Shutdown { unfinished }
    }

    /// Runs the tasks of HTTP/2 connections (one per call) so that a shutdown waits for them.
    pub(crate) fn work_executor(&self) -> Executor {
        Executor { tracker: self.work.clone(), until: self.hard.clone() }
    }

    /// Runs the tasks of HTTP/2 connections that serve others.
    pub(crate) fn background_executor(&self) -> Executor {
        Executor { tracker: self.background.clone(), until: self.hard.clone() }
    }

    fn running_work(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = lock(&self.running).tasks.values().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without text")
}

/// Tracks what hyper spawns, and drops it at the hard token.
#[derive(Debug, Clone)]
pub(crate) struct Executor {
    tracker: TaskTracker,
    until: CancellationToken,
}

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future<Output: Send> + Send + 'static,
{
    fn execute(&self, task: F) {
        let until = self.until.clone();
        self.tracker.spawn(async move { until.run_until_cancelled_owned(task).await });
    }
}

/// A task's line among those that run; it goes when the task does, in whatever way.
struct Entry {
    running: Arc<Mutex<Running>>,
    id: u64,
}

impl Entry {
    fn new(running: &Arc<Mutex<Running>>, name: &'static str) -> Self {
        let mut table = lock(running);
        let id = table.next;
        table.next += 1;
        table.tasks.insert(id, (name, None));
        Self { running: running.clone(), id }
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        lock(&self.running).tasks.remove(&self.id);
    }
}

fn lock(running: &Mutex<Running>) -> std::sync::MutexGuard<'_, Running> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn end_of_the_supervisors_pipe_asks_to_stop() {
        let lifecycle = Lifecycle::new();
        let (reader, writer) = std::io::pipe().expect("pipe");
        lifecycle.stop_at_end_of(reader);
        assert!(!lifecycle.draining().is_cancelled());
        drop(writer);
        lifecycle.draining().cancelled().await;
    }

    #[tokio::test(start_paused = true)]
    async fn work_is_finished_before_what_it_stands_on_is_dropped() {
        let lifecycle = Lifecycle::new();
        let background = lifecycle.spawn_background("connection", std::future::pending::<()>());
        let (soft, hard) = (lifecycle.draining(), lifecycle.killed());
        let work = lifecycle.spawn("claim loop", async move {
            soft.cancelled().await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            hard.is_cancelled()
        });
        let shutdown = lifecycle.shutdown(Duration::from_secs(6)).await;
        assert!(shutdown.is_clean());
        assert!(!work.await.expect("no panic"), "the hard token came before the work was done");
        assert_eq!(background.await.expect("no panic"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_outlives_the_grace_is_named_and_ended() {
        let lifecycle = Lifecycle::new();
        let hard = lifecycle.killed();
        let heeding = lifecycle.spawn("heeding", async move { hard.cancelled().await });
        let deaf = lifecycle.spawn("deaf", std::future::pending::<()>());
        let begun = tokio::time::Instant::now();
        let shutdown = lifecycle.shutdown(Duration::from_secs(6)).await;
        assert_eq!(shutdown.unfinished, ["deaf", "heeding"]);
        assert_eq!(begun.elapsed(), Duration::from_secs(6) + AFTER_HARD);
        heeding.await.expect("ended by itself");
        assert!(deaf.await.expect_err("aborted").is_cancelled());
    }

    #[tokio::test]
    async fn panic_comes_out_of_the_handle_and_leaves_the_others_alone() {
        let lifecycle = Lifecycle::new();
        let panicking = lifecycle.spawn("panicking", async { panic!("on purpose") });
        let other = lifecycle.spawn("other", async { 7 });
        assert!(panicking.await.expect_err("panicked").is_panic());
        assert_eq!(other.await.expect("alive"), 7);
        assert!(lifecycle.shutdown(Duration::from_secs(1)).await.is_clean());
    }
}
