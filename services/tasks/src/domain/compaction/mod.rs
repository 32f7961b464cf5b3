//! Keeping a conversation within what its model reads: how long it is, when it is too long, and what takes the place of what.
//! See `docs/adr/0027-a-conversation-is-shortened-by-a-step-of-the-run.md`.

pub mod conversation;
pub mod estimate;
pub mod gauge;
pub mod plan;
mod transcript;
pub mod window;
pub mod words;

pub use conversation::{By, Conversation};
pub use gauge::Gauge;
pub use plan::{Plan, plan};
pub use window::Window;
