//! What a run is and what it does next, as pure functions of its journal: no I/O, no async, no clock of its own.

pub mod arguments;
pub mod board;
pub mod brief;
pub mod compaction;
pub mod conversation;
pub mod decide;
pub mod event;
pub mod family;
mod finish;
pub mod fold;
pub mod glance;
pub mod history;
pub mod id;
pub mod key;
pub mod mail;
pub mod notice;
pub mod order;
pub mod prompt;
pub mod reach;
mod repeats;
pub mod retry;
pub mod rule;
pub mod schedule;
pub mod tool;
