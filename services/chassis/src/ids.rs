//! Ids and randomness as arguments: UUIDv7 (RFC 9562) that rise within a process, bearer secrets, jitter.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::clock::{FixedClock, SharedClock, SystemClock};

/// The clock and the source of ids and randomness that a program runs on.
#[derive(Debug, Clone)]
pub struct Ambient {
    /// Tells the time.
    pub clock: SharedClock,
    /// Makes ids, secrets and jitter.
    pub ids: Ids,
}

impl Ambient {
    /// The machine's time and randomness.
    pub fn system() -> Self {
        let clock: SharedClock = Arc::new(SystemClock);
        Self { ids: Ids::random(clock.clone()), clock }
    }

    /// Time that stands at `now` and ids that follow from `seed`, for tests. The clock comes back to be moved.
    pub fn fixed(now: time::OffsetDateTime, seed: u64) -> (Self, Arc<FixedClock>) {
        let fixed = FixedClock::at(now);
        let clock: SharedClock = fixed.clone();
        (Self { ids: Ids::seeded(clock.clone(), seed), clock }, fixed)
    }
}

/// A source of ids, secrets and jitter.
#[derive(Clone)]
pub struct Ids(Arc<Source>);

struct Source {
    clock: SharedClock,
    state: Mutex<State>,
}

struct State {
    rng: StdRng,
    /// Milliseconds since 1970 of the last id.
    last_ms: u64,
    /// The 12 bits behind the milliseconds of the last id: ids of one millisecond rise.
    counter: u16,
}

const COUNTER_MAX: u16 = 0x0fff;
const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

impl Ids {
    /// Ids that nobody can guess, seeded by the machine's randomness.
    pub fn random(clock: SharedClock) -> Self {
        Self::from_rng(clock, rand::make_rng())
    }

    /// Ids that follow from a seed, for tests.
    pub fn seeded(clock: SharedClock, seed: u64) -> Self {
        Self::from_rng(clock, StdRng::seed_from_u64(seed))
    }

    fn from_rng(clock: SharedClock, rng: StdRng) -> Self {
        Self(Arc::new(Source { clock, state: Mutex::new(State { rng, last_ms: 0, counter: 0 }) }))
    }

    /// A UUIDv7; each one is greater than all that this source made before, even when the clock steps back.
    pub fn uuid(&self) -> Uuid {
        let now_ms = (self.0.clock.now().unix_timestamp_nanos() / 1_000_000).max(0) as u64;
        self.with(|state| {
            if now_ms > state.last_ms {
                state.last_ms = now_ms;
                // Half the room is left for counting up.
                state.counter = (state.rng.next_u32() as u16) & (COUNTER_MAX >> 1);
            } else if state.counter == COUNTER_MAX {
                state.last_ms += 1;
                state.counter = 0;
            } else {
                state.counter += 1;
            }
            let mut tail = [0; 10];
            state.rng.fill_bytes(&mut tail);
            [tail[0], tail[1]] = state.counter.to_be_bytes();
            uuid::Builder::from_unix_timestamp_millis(state.last_ms, &tail).into_uuid()
        })
    }

    /// A bearer secret: `prefix` and 43 base62 characters, 256 bits.
    pub fn secret(&self, prefix: &str) -> String {
        let mut secret = String::with_capacity(prefix.len() + 43);
        secret.push_str(prefix);
        self.with(|state| {
            while secret.len() < prefix.len() + 43 {
                // Six bits at a time; the two values past 62 are drawn again, so that no character is likelier.
                if let Some(&character) = BASE62.get((state.rng.next_u32() >> 26) as usize) {
                    secret.push(char::from(character));
                }
            }
        });
        secret
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.with(|state| state.rng.fill_bytes(&mut bytes));
        bytes
    }

    /// A number in [0, 1), for jitter.
    pub fn unit(&self) -> f64 {
        const STEPS: f64 = (1u64 << 53) as f64;
        self.with(|state| (state.rng.next_u64() >> 11) as f64 / STEPS)
    }

    fn with<T>(&self, draw: impl FnOnce(&mut State) -> T) -> T {
        draw(&mut self.0.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

/// Declares newtype ids over a UUID: `id_type!(/// A run. RunId);`.
#[macro_export]
macro_rules! id_type {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(::uuid::Uuid);

        impl $name {
            /// Takes a UUID as this kind of id.
            pub const fn new(id: ::uuid::Uuid) -> Self {
                Self(id)
            }

            /// The UUID.
            pub const fn uuid(self) -> ::uuid::Uuid {
                self.0
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_rise_within_a_millisecond_and_when_the_clock_steps_back() {
        let (ambient, clock) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        let mut last = ambient.ids.uuid();
        for round in 0..10_000 {
            if round == 5_000 {
                clock.advance(time::Duration::seconds(-60));
            }
            let next = ambient.ids.uuid();
            assert!(next > last, "{next} after {last} in round {round}");
            assert_eq!(next.get_version_num(), 7);
            last = next;
        }
    }

    #[test]
    fn secret_has_its_prefix_and_43_base62_characters() {
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        let secret = ambient.ids.secret("mc_pat_");
        let rest = secret.strip_prefix("mc_pat_").expect("prefix");
        assert_eq!(rest.len(), 43);
        assert!(rest.bytes().all(|byte| BASE62.contains(&byte)));
        assert_ne!(secret, ambient.ids.secret("mc_pat_"));
    }

    #[test]
    fn jitter_stays_in_its_unit() {
        let (ambient, _) = Ambient::fixed(datetime!(2026-01-01 0:00 UTC), 1);
        assert!((0..1_000).map(|_| ambient.ids.unit()).all(|unit| (0.0..1.0).contains(&unit)));
    }
}
