//! What goes over the wire to real providers and comes back: bytes in, chunks out. No sockets here.

pub mod openai;
pub mod sse;
