//! What the web view may ask: each command reads its arguments, asks the part that knows, and answers.

pub mod credentials;
pub mod gateway;
pub mod notify;
pub mod windows;
