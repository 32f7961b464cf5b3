//! The way to one gateway: its address, the session there, calls, and the live connection. Knows nothing of Tauri.

pub mod address;
pub mod backoff;
pub mod http;
pub mod link;
pub mod resume;
pub mod session;
#[cfg(test)]
mod session_tests;
#[cfg(test)]
pub(crate) mod testing;
pub mod ws;
#[cfg(test)]
mod ws_tests;

pub use address::Address;
pub use session::Session;
