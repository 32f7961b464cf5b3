//! Passwords as PostgreSQL stores them (SCRAM-SHA-256, RFC 5802 and 7677), so that no statement carries one in clear: statements
//! end up in logs and statistics.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// PostgreSQL's own number (`scram_iterations`).
const ITERATIONS: u32 = 4096;

/// What `ALTER ROLE … PASSWORD` takes for this password; none where it would have to be normalised first (SASLprep), which is
/// left to the server.
pub(super) fn verifier(password: &str, salt: &[u8; 16]) -> Option<String> {
    if !password.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return None;
    }
    let mut round = hmac(password.as_bytes(), &[&salt[..], &1_u32.to_be_bytes()].concat());
    let mut salted = round;
    for _ in 1..ITERATIONS {
        round = hmac(password.as_bytes(), &round);
        salted.iter_mut().zip(round).for_each(|(sum, byte)| *sum ^= byte);
    }
    let stored = Sha256::digest(hmac(&salted, b"Client Key"));
    let server = hmac(&salted, b"Server Key");
    let [salt, stored, server] = [&salt[..], &stored[..], &server[..]].map(|bytes| STANDARD.encode(bytes));
    Some(format!("SCRAM-SHA-256${ITERATIONS}:{salt}${stored}:{server}"))
}

fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_needs_no_normalising_is_hashed_here() {
        assert!(verifier("with space and 'quotes'", &[0; 16]).is_some());
        assert!(verifier("pässword", &[0; 16]).is_none());
        assert!(verifier("tab\t", &[0; 16]).is_none());
    }
}
