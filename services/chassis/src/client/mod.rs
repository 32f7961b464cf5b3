//! Clients of other services: channels that balance, re-resolve, age their connections, and keep streams apart.
//!
//! A call picks the address with the fewest open calls, and there a connection with room; where all are full another is
//! opened. A call's place is given back when its response body is dropped, so an hours-long watch counts as long as it
//! lives. Streams and unary calls have pools of their own: no number of watches makes a unary call wait.
//!
//! tonic's own balanced channel keeps one connection per address, picks blindly (its load is always 0) and lets calls
//! wait behind a server's stream limit; tests/wire/starvation.rs shows what that does. So the pool is ours, on hyper's
//! connections.

mod body;
mod channel;
mod connect;
mod connection;
mod pool;
mod state;
mod target;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use channel::Channel;
pub use target::{Address, Resolver, Target};

use crate::config::ClientSettings;
use crate::lifecycle::Lifecycle;
use pool::Pool;

/// What the calls of a pool are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Replies are read at once and to their end.
    Unary,
    /// Replies are read as slowly as somebody likes, for as long as somebody likes.
    Streams,
}

/// Another service, wherever its replicas are. Cheap to clone; connects when first used.
#[derive(Debug, Clone)]
pub struct Upstream {
    name: &'static str,
    unary: Channel,
    streams: Channel,
}

impl Upstream {
    /// A client of the service `name` at `target`.
    pub fn new(name: &'static str, target: Target, settings: &ClientSettings, lifecycle: &Lifecycle) -> Self {
        let target = Arc::new(target);
        let pool = |usage| Pool::start(name, usage, target.clone(), settings.clone(), lifecycle);
        let deadline = Some(settings.call_deadline);
        Self {
            name,
            unary: Channel::new(pool(Use::Unary), deadline),
            streams: Channel::new(pool(Use::Streams), None),
        }
    }

    /// The service's name, which is also the audience of tokens for it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// For unary calls. A call that sets no deadline gets the one of the settings, or what is left of its own caller's.
    pub fn unary(&self) -> Channel {
        self.unary.clone()
    }

    /// How many connections there are, those that are being opened included: for unary calls, for streams.
    pub fn connections(&self) -> (usize, usize) {
        (self.unary.connections(), self.streams.connections())
    }

    /// For streams, which have no deadline unless the call sets one.
    pub fn streams(&self) -> Channel {
        self.streams.clone()
    }
}
