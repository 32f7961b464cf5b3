//! The service's tables: tasks, runs, journals, artifacts, and the scheduling of runs. Nothing above it writes SQL.
//!
//! The engine's half ([`lease`], [`append`], [`beat`]) and what people tell it ([`mailbox`], [`inbox`]) hold three rules. A run's row is updated `WHERE lease_epoch` in the
//! statement that commits anything of that run, so a worker that lost its lease commits nothing. And no transaction that
//! holds a run's row waits for a row of `ready` that is there already, so claims and releases cannot deadlock.
//! And rows of a run's letters and inbox items are locked after the run's own row. Of several runs, a child is locked before its
//! parent ([`children`]).

pub mod activity;
pub mod append;
pub mod artifact;
pub mod beat;
pub mod board;
pub mod channel;
pub mod children;
pub mod comment;
pub mod delivery;
pub mod digest;
pub mod dispatch;
pub mod fire;
pub mod inbox;
pub mod journal;
pub mod lease;
pub mod mailbox;
pub mod park;
pub mod partition;
pub mod retry;
pub mod rule;
pub mod run;
pub mod schedule;
pub mod snapshot;
pub mod task;
pub mod task_list;
pub mod tick;

#[cfg(test)]
pub(crate) mod tests;
