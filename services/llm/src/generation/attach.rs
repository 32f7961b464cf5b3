//! Following a generation: live in this process, stored, or running in another one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use tokio::time::sleep;

use super::live::{Live, Reader};
use super::{Events, Generations};
use crate::domain::follow::Follower;
use crate::domain::generation::{Event, State, Stored};
use crate::error::Error;
use crate::store::generation::By;

impl Generations {
    /// Follows a generation that exists already, if the request is the one it was made for.
    pub(super) fn join(&self, stored: Stored, request_hash: [u8; 32]) -> Result<Events, Error> {
        if stored.request_hash != request_hash {
            return Err(Error::KeyReused(stored.idempotency_key));
        }
        let live = self.live().get(&stored.id).cloned();
        if let Some(live) = live {
            return Ok(follow(&live, true));
        }
        let started = stream::iter([Ok(Event::Started { id: stored.id, attached: true })]);
        if stored.state != State::Running {
            return Ok(started.chain(self.replay(stored)).boxed());
        }
        let generations = self.clone();
        let rest = stream::once(async move {
            match generations.wait_for_end(stored).await {
                Ok(ended) => generations.replay(ended),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        });
        Ok(started.chain(rest.flatten()).boxed())
    }

    /// Looks at the row until it ends; takes it away when its owner has gone silent. It ends in any case: an owner that
    /// lives ends its generations in bounded time, and one that does not goes silent.
    async fn wait_for_end(&self, mut stored: Stored) -> Result<Stored, Error> {
        loop {
            if stored.stale {
                stored = self.abandon(stored).await?;
            }
            if stored.state != State::Running {
                return Ok(stored);
            }
            sleep(self.0.terms.poll).await;
            let again = self.find(stored.workspace, By::Id(stored.id)).await?;
            stored = again.ok_or_else(|| Error::NotFound(stored.name()))?;
        }
    }

    /// A stored answer as the events that it once was, cut as large as they may be.
    fn replay(&self, stored: Stored) -> Events {
        let now = self.0.ambient.clock.now();
        let mut events = Vec::new();
        if let Some(message) = &stored.message {
            let deltas = Follower::default().catch_up(&message.parts);
            events.extend(deltas.into_iter().map(|delta| Ok(Event::Delta(delta))));
        }
        match stored.outcome(now) {
            Some(Ok(finished)) => events.push(Ok(Event::Finished(Box::new(finished)))),
            Some(Err(fault)) => events.push(Err(fault.into())),
            None => {}
        }
        stream::iter(events).boxed()
    }
}

struct Following {
    reader: Reader,
    events: VecDeque<Result<Event, Error>>,
    ended: bool,
}

/// Follows an answer that is coming in this process, from its beginning.
pub(super) fn follow(live: &Arc<Live>, attached: bool) -> Events {
    let started = Event::Started { id: live.owned.id, attached };
    let following = Following { reader: live.reader(), events: VecDeque::from([Ok(started)]), ended: false };
    stream::unfold(following, |mut following| async {
        loop {
            if let Some(event) = following.events.pop_front() {
                return Some((event, following));
            }
            if following.ended {
                return None;
            }
            let (deltas, outcome) = following.reader.next().await;
            following.events.extend(deltas.into_iter().map(|delta| Ok(Event::Delta(delta))));
            if let Some(outcome) = outcome {
                following.ended = true;
                following.events.push_back(outcome.map(Event::Finished).map_err(Error::from));
            }
        }
    })
    .boxed()
}
