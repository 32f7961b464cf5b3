//! What a run is and what it does next, as pure functions of its journal: no I/O, no async, no clock of its own.

pub mod brief;
pub mod conversation;
pub mod event;
pub mod fold;
pub mod id;
pub mod key;
mod repeats;
