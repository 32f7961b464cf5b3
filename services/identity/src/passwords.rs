//! Passwords: argon2id, a few at a time, off the threads that serve.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use mc_chassis::ids::Ids;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// OWASP's first choice of 2025 for argon2id with one lane: 19 MiB and two passes
/// (<https://cheatsheetseries.owasp.org/cheatsheets/Password_Storage_Cheat_Sheet.html#argon2id>).
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
const SALT: usize = 16;

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(3);

/// What an unknown account is checked against, so that the time it takes tells nothing.
static NOBODY: LazyLock<String> = LazyLock::new(|| hash_now(b"nobody's password", &[0; SALT]));

/// Checks and hashes passwords.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
}

/// Why a password was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Too many sign-ins at once.
    #[error("too many passwords are being checked")]
    Busy,
    /// The stored hash cannot be read, or the check failed half-way.
    #[error("a password could not be checked")]
    Broken,
}

/// What came of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Wrong,
    Right,
    /// Right, and its hash was made with weaker parameters than today's.
    RightButWeak,
}

impl Passwords {
    /// Checks `at_once` passwords at the same time at most, each on a core of its own with 19 MiB.
    pub(crate) fn new(at_once: usize) -> Self {
        LazyLock::force(&NOBODY);
        Self { turns: Arc::new(Semaphore::new(at_once)) }
    }

    /// Checks a password against the hash of an account, or against nobody's, which takes as long and is never right.
    pub(crate) async fn check(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<Verdict, Error> {
        self.take_turn(move || {
            let known = hash.is_some();
            let hash = hash.unwrap_or_else(|| NOBODY.clone());
            let verdict = check_now(password.as_bytes(), &hash)?;
            Ok(if known { verdict } else { Verdict::Wrong })
        })
        .await
    }

    /// Hashes a new password, as a PHC string.
    pub(crate) async fn hash(&self, password: Zeroizing<String>, ids: &Ids) -> Result<String, Error> {
        let salt = ids.bytes::<SALT>();
        self.take_turn(move || Ok(hash_now(password.as_bytes(), &salt))).await
    }

    async fn take_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let turn = tokio::time::timeout(PATIENCE, self.turns.clone().acquire_owned()).await;
        let turn = turn.map_err(|_| Error::Busy)?.map_err(|_| Error::Broken)?;
        // The turn goes along: a caller that hangs up does not make room while its password is still being hashed.
        let done = tokio::task::spawn_blocking(move || {
            let outcome = work();
            drop(turn);
            outcome
        });
        done.await.map_err(|_| Error::Broken)?
    }
}

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash_now(password: &[u8], salt: &[u8; SALT]) -> String {
    argon2()
        .hash_password_with_salt(password, salt)
        .expect("any password and a salt of 16 bytes can be hashed")
        .to_string()
}

fn check_now(password: &[u8], hash: &str) -> Result<Verdict, Error> {
    let hash = PasswordHash::new(hash).map_err(|_| Error::Broken)?;
    match argon2().verify_password(password, &hash) {
        Ok(()) => {
            let params = Params::try_from(&hash).map_err(|_| Error::Broken)?;
            let weak = params.m_cost() < MEMORY_KIB || params.t_cost() < PASSES;
            Ok(if weak { Verdict::RightButWeak } else { Verdict::Right })
        }
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(_) => Err(Error::Broken),
    }
}

#[cfg(test)]
mod tests {
    use mc_chassis::Ambient;
    use time::macros::datetime;

    use super::*;

    fn text(password: &str) -> Zeroizing<String> {
        Zeroizing::new(password.to_owned())
    }

    fn ids() -> Ids {
        Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1).0.ids
    }

    #[tokio::test]
    async fn password_is_right_or_wrong_and_nobodys_is_wrong_always() {
        let passwords = Passwords::new(2);
        let hash = passwords.hash(text("correct horse"), &ids()).await.expect("hash");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_eq!(passwords.check(text("correct horse"), Some(hash.clone())).await, Ok(Verdict::Right));
        assert_eq!(passwords.check(text("correct hors"), Some(hash)).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.check(text("nobody's password"), None).await, Ok(Verdict::Wrong));
        assert_eq!(passwords.check(text("x"), Some("not a hash".into())).await, Err(Error::Broken));
    }

    #[tokio::test]
    async fn hash_of_weaker_parameters_is_noticed() {
        let weak = Argon2::new(
            Algorithm::Argon2id,
            Version::V0x13,
            Params::new(8 * 1_024, 1, 1, None).expect("params"),
        );
        let hash = weak.hash_password_with_salt(b"correct horse", &[7; SALT]).expect("hash").to_string();
        assert_eq!(
            Passwords::new(1).check(text("correct horse"), Some(hash)).await,
            Ok(Verdict::RightButWeak)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_too_long_is_turned_away() {
        let passwords = Passwords::new(1);
        let turn = passwords.turns.clone().acquire_owned().await.expect("free");
        assert_eq!(passwords.check(text("x"), None).await, Err(Error::Busy));
        drop(turn);
        assert_eq!(passwords.check(text("x"), None).await, Ok(Verdict::Wrong));
    }
}
