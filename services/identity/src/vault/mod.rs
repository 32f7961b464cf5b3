//! Encryption at rest: an envelope around every secret, under keys that are read from a file.

mod envelope;
mod key_ring;

pub(crate) use envelope::{OpenError, Place, Sealed};
pub use key_ring::{KeyFileError, KeyRing};
