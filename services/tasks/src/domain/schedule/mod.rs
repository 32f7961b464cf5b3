//! Schedules: when they are due, which of the times that were missed still fire, and what a fire does beside a live run.

pub mod cron;
pub mod overlap;
pub mod plan;
pub mod ticks;

use std::fmt;

use cron::Cron;
use ticks::Zone;

/// Open fires of one schedule at most: due or waiting.
pub const OPEN_FIRES: usize = 100;
/// Times that are missed and still fire, at most, where each of them is to.
pub const CATCH_UP: usize = 100;
/// Characters of an expression at most.
pub const CRON_CHARS: usize = 200;

/// When a schedule is due.
#[derive(Debug, Clone)]
pub struct Timetable {
    /// Which local times.
    pub cron: Cron,
    /// Whose local times.
    pub zone: Zone,
}

/// What becomes of a fire while a run of the same schedule has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OverlapPolicy {
    /// It is skipped.
    Skip,
    /// It waits.
    Queue,
    /// That run is cancelled for it.
    Replace,
}

/// What becomes of times that nobody saw to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissedPolicy {
    /// They are counted.
    Skip,
    /// One fire stands for all.
    Once,
    /// Each fires, the newest [`CATCH_UP`] at most.
    All,
}

/// Why a fire starts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// A run of the schedule has not ended.
    Overlap,
    /// [`OPEN_FIRES`] wait already.
    QueueFull,
    /// A later fire took its place.
    Replaced,
    /// The schedule was paused.
    Paused,
    /// Nobody saw to it in time.
    Missed,
}

impl SkipReason {
    /// For programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Overlap => "OVERLAP",
            Self::QueueFull => "QUEUE_FULL",
            Self::Replaced => "REPLACED",
            Self::Paused => "SCHEDULE_PAUSED",
            Self::Missed => "MISSED",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Overlap => "a run of this schedule had not ended",
            Self::QueueFull => "as many fires as may wait were waiting already",
            Self::Replaced => "a later fire took its place",
            Self::Paused => "the schedule was paused before it started",
            Self::Missed => "no scheduler was at work when it was due",
        })
    }
}
