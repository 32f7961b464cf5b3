//! One thread, its own clock, and processes that can be killed or stopped: tasks are polled in a seeded order, and time moves
//! on when nothing can be done.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::LocalBoxFuture;

use crate::random::Random;

/// Microseconds.
pub(crate) type Micros = u64;

pub(crate) const MS: Micros = 1_000;
pub(crate) const SECOND: Micros = 1_000_000;

/// A process, or the network and whoever else cannot die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Process(pub(crate) u64);

impl Process {
    /// Nobody's: what is on its way goes on whoever dies.
    pub(crate) const NETWORK: Self = Self(0);
}

#[derive(Default)]
struct State {
    stopped: bool,
    /// Tasks that were woken while it was stopped.
    pending: Vec<u64>,
}

struct Task {
    process: Process,
    future: LocalBoxFuture<'static, ()>,
}

struct Inner {
    now: Cell<Micros>,
    next: Cell<u64>,
    random: RefCell<Random>,
    tasks: RefCell<BTreeMap<u64, Option<Task>>>,
    processes: RefCell<BTreeMap<Process, State>>,
    woken: Arc<Mutex<Vec<u64>>>,
    timers: RefCell<BTreeMap<(Micros, u64), Waker>>,
}

/// The world's clock and scheduler.
#[derive(Clone)]
pub(crate) struct Sim(Rc<Inner>);

struct TaskWaker {
    task: u64,
    woken: Arc<Mutex<Vec<u64>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.woken.lock().unwrap().push(self.task);
    }
}

impl Sim {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rc::new(Inner {
            now: Cell::new(0),
            next: Cell::new(1),
            random: RefCell::new(Random::new(seed)),
            tasks: RefCell::default(),
            processes: RefCell::default(),
            woken: Arc::default(),
            timers: RefCell::default(),
        }))
    }

    pub(crate) fn now(&self) -> Micros {
        self.0.now.get()
    }

    pub(crate) fn below(&self, below: u64) -> u64 {
        self.0.random.borrow_mut().below(below)
    }

    pub(crate) fn happens(&self, in_a_million: u32) -> bool {
        self.0.random.borrow_mut().happens(in_a_million)
    }

    /// A number that nobody else gets.
    pub(crate) fn unique(&self) -> u64 {
        let unique = self.0.next.get();
        self.0.next.set(unique + 1);
        unique
    }

    pub(crate) fn spawn(&self, process: Process, future: impl Future<Output = ()> + 'static) {
        let task = self.unique();
        self.0.tasks.borrow_mut().insert(task, Some(Task { process, future: Box::pin(future) }));
        self.0.processes.borrow_mut().entry(process).or_default();
        self.0.woken.lock().unwrap().push(task);
    }

    /// SIGKILL: nothing of it is polled again. What it has sent is on its way.
    pub(crate) fn kill(&self, process: Process) {
        let dead: Vec<u64> = {
            let tasks = self.0.tasks.borrow();
            let of = |task: &Option<Task>| task.as_ref().is_some_and(|task| task.process == process);
            tasks.iter().filter(|(_, task)| of(task)).map(|(id, _)| *id).collect()
        };
        for task in dead {
            let task = self.0.tasks.borrow_mut().remove(&task);
            drop(task);
        }
        self.0.processes.borrow_mut().remove(&process);
    }

    /// SIGSTOP, or SIGCONT: what was due meanwhile is due at once, in any order.
    pub(crate) fn stop(&self, process: Process, stopped: bool) {
        let mut processes = self.0.processes.borrow_mut();
        let Some(state) = processes.get_mut(&process) else { return };
        state.stopped = stopped;
        if !stopped {
            self.0.woken.lock().unwrap().append(&mut state.pending);
        }
    }

    pub(crate) fn sleep(&self, span: Micros) -> Sleep {
        Sleep { sim: self.clone(), at: self.now() + span, key: None }
    }

    /// Runs until `deadline`, or until nothing is left to happen.
    pub(crate) fn run_until(&self, deadline: Micros) {
        let mut ready: Vec<u64> = Vec::new();
        loop {
            ready.append(&mut self.0.woken.lock().unwrap());
            if !ready.is_empty() {
                let at = self.below(ready.len() as u64) as usize;
                let task = ready.swap_remove(at);
                self.poll(task);
                continue;
            }
            let Some(((at, _), waker)) = self.due(deadline) else { break };
            self.0.now.set(at.max(self.now()));
            waker.wake();
        }
        self.0.now.set(deadline);
    }

    fn due(&self, deadline: Micros) -> Option<((Micros, u64), Waker)> {
        let mut timers = self.0.timers.borrow_mut();
        timers.first_key_value().is_some_and(|((at, _), _)| *at <= deadline).then(|| timers.pop_first())?
    }

    fn poll(&self, id: u64) {
        let mut task = {
            let mut tasks = self.0.tasks.borrow_mut();
            let Some(slot) = tasks.get_mut(&id) else { return };
            let process = slot.as_ref().map(|task| task.process);
            let mut processes = self.0.processes.borrow_mut();
            if let Some(state) = process.and_then(|process| processes.get_mut(&process))
                && state.stopped
            {
                state.pending.push(id);
                return;
            }
            let Some(task) = slot.take() else { return };
            task
        };
        let waker = Waker::from(Arc::new(TaskWaker { task: id, woken: self.0.woken.clone() }));
        let polled = task.future.as_mut().poll(&mut Context::from_waker(&waker));
        let over = {
            let mut tasks = self.0.tasks.borrow_mut();
            match (polled, tasks.get_mut(&id)) {
                (Poll::Pending, Some(slot)) => {
                    *slot = Some(task);
                    None
                }
                // Killed meanwhile, by itself or by a task that it woke.
                (Poll::Pending, None) => Some(task),
                (Poll::Ready(()), _) => {
                    tasks.remove(&id);
                    Some(task)
                }
            }
        };
        // Outside of the borrow: what is dropped may wake or cancel others.
        drop(over);
    }
}

/// A wait.
pub(crate) struct Sleep {
    sim: Sim,
    at: Micros,
    key: Option<(Micros, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.sim.now() >= self.at {
            return Poll::Ready(());
        }
        let key = if let Some(key) = self.key { key } else { (self.at, self.sim.unique()) };
        self.key = Some(key);
        self.sim.0.timers.borrow_mut().insert(key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.sim.0.timers.borrow_mut().remove(&key);
        }
    }
}
