//! Refusing work that there is no room for, at once, so that what was taken is done well.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::method::{Kind, Method};
use crate::Failure;
use crate::error::reason;

/// How much a server takes at a time.
pub(super) struct Limits {
    calls: Arc<Semaphore>,
    streams: Arc<Semaphore>,
}

/// A call's room. Dropping it gives the room back.
#[derive(Debug)]
pub(super) struct Slots {
    _call: Option<OwnedSemaphorePermit>,
    stream: Option<OwnedSemaphorePermit>,
}

impl Limits {
    pub(super) fn new(calls: usize, streams: usize) -> Self {
        let room = |limit: usize| Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { calls: room(calls), streams: room(streams) }
    }

    /// Room for a call, or OVERLOADED.
    pub(super) fn admit(&self, method: &Method) -> Result<Slots, Failure> {
        if method.is_health() {
            return Ok(Slots { _call: None, stream: None });
        }
        let take = |room: &Arc<Semaphore>| room.clone().try_acquire_owned().map_err(|_| overloaded());
        let call = take(&self.calls)?;
        let stream = match method.kind {
            Kind::Unary => None,
            Kind::Stream | Kind::Watch => Some(take(&self.streams)?),
        };
        Ok(Slots { _call: Some(call), stream })
    }
}

impl Slots {
    /// Gives back the room of a call whose reply has begun; what is left belongs to its open stream.
    pub(super) fn after_head(self) -> Option<Self> {
        self.stream.map(|stream| Self { _call: None, stream: Some(stream) })
    }
}

fn overloaded() -> Failure {
    Failure::unavailable(
        reason::OVERLOADED,
        "the service has as many calls in progress as it takes; try again in a moment",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_streams_use_up_their_own_limit_alone() {
        let limits = Limits::new(1, 2);
        let watch = Method::of("/missioncontrol.tasks.v1.RunService/WatchRun");
        let get = Method::of("/missioncontrol.tasks.v1.RunService/GetRun");

        let opening = limits.admit(&watch).expect("room");
        let refusal = limits.admit(&get).expect_err("the stream's head is not out yet");
        assert_eq!(refusal.reason(), reason::OVERLOADED);
        assert!(refusal.retry_delay().is_some());
        let first = opening.after_head();
        let second = limits.admit(&watch).expect("room").after_head();
        limits.admit(&watch).expect_err("two streams are open");
        let unary = limits.admit(&get).expect("streams do not count as calls");
        limits.admit(&get).expect_err("one call is in progress");
        limits.admit(&Method::of("/grpc.health.v1.Health/Check")).expect("health always");

        drop((first, unary));
        limits.admit(&watch).expect("room again");
        drop(second);
    }
}
