//! Idempotency keys: one name for each effect of a run, the same whoever carries it out and however often it is tried.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::id::RunId;

/// Key of a model call: `{run}/{step}/{attempt}`, as the llm service books it.
pub fn model_call(run: RunId, step: u32, attempt: u32) -> String {
    format!("{run}/{step}/{attempt}")
}

/// Key of a tool call: SHA-256 of `{run}/{step}/{call}` in lower-case hexadecimal. It is hashed because the last
/// part is a provider's text of any length. Run and step hold no `/` beyond the two, so no two calls share a key.
pub fn tool_call(run: RunId, step: u32, call_id: &str) -> String {
    hex(&Sha256::digest(format!("{run}/{step}/{call_id}")))
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_are_stable() {
        let run = RunId::new(Uuid::nil());
        assert_eq!(model_call(run, 3, 2), "00000000-0000-0000-0000-000000000000/3/2");
        assert_eq!(
            tool_call(run, 3, "call_1"),
            "7ced414bcb2e65b414eb46bc4f7dc0c7464fac38b1ddc89b27d179f93ad2c2d0"
        );
        assert_ne!(tool_call(run, 1, "1/2"), tool_call(run, 11, "/2"));
    }
}
