//! A fold as bytes: what the journal comes to up to an event, for whoever reads on from there.

use super::{FOLD_VERSION, RunFold};

/// Version of the form that a fold is kept in. It rises whenever a field of the fold comes, goes or means something else; what
/// another version wrote is not read.
const FORM: u32 = 1;

/// Version of snapshots: of the fold and of the form that it is kept in.
pub const SNAPSHOT_VERSION: u32 = FOLD_VERSION * 1_000 + FORM;

impl RunFold {
    /// The fold as bytes, for this version alone.
    pub fn to_snapshot(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a fold has keys that are text or numbers, so JSON can hold it")
    }

    /// The fold that [`RunFold::to_snapshot`] of this version wrote.
    ///
    /// # Errors
    /// It is none.
    pub fn from_snapshot(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes)
    }
}
