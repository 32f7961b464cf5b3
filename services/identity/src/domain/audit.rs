//! The audit trail of a workspace: each event's hash covers the one before it, so that no event can be changed or
//! left out unseen.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use uuid::Uuid;

/// Something that somebody did, as its writer noted it in its own transaction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// Made by the writer: an event that arrives twice is kept once.
    pub(crate) id: Uuid,
    /// `users/{user}`, `services/{service}` or `runs/{run}`.
    pub(crate) actor: String,
    /// `credential.resolve`.
    pub(crate) action: String,
    /// Name of what it was done to.
    pub(crate) resource: String,
    /// More, for people; never a secret.
    pub(crate) detail: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) time: OffsetDateTime,
}

/// The hash before a workspace's first event.
pub(crate) const GENESIS: [u8; 32] = [0; 32];

/// The hash of event number `seq`: SHA-256 over the hash before it, the workspace, the number (8 bytes, big-endian) and
/// the event's JSON, byte for byte as stored.
pub(crate) fn chain(previous: &[u8], workspace: Uuid, seq: i64, body: &str) -> [u8; 32] {
    Sha256::new()
        .chain_update(previous)
        .chain_update(workspace.as_bytes())
        .chain_update(seq.to_be_bytes())
        .chain_update(body)
        .finalize()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_moves_the_hash() {
        let workspace = Uuid::from_u128(1);
        let hash = chain(&GENESIS, workspace, 1, "{}");
        assert_eq!(hash, chain(&GENESIS, workspace, 1, "{}"));
        assert_ne!(hash, chain(&[1; 32], workspace, 1, "{}"));
        assert_ne!(hash, chain(&GENESIS, Uuid::from_u128(2), 1, "{}"));
        assert_ne!(hash, chain(&GENESIS, workspace, 2, "{}"));
        assert_ne!(hash, chain(&GENESIS, workspace, 1, "{ }"));
    }
}
