//! Following a generation: live in this process, stored, or running in another one.

use std::collections::VecDeque;
use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use time::OffsetDateTime;
use tokio::time::sleep;

use super::live::{Live, Outcome, Reader};
use super::{Events, Generations};
use crate::domain::follow::Follower;
use crate::domain::generation::{Event, State, Stored, name};
use crate::error::Error;
use crate::store::generation::By;

impl Generations {
    /// Follows a generation that exists already, if the request is the one it was made for.
    pub(super) fn join(&self, stored: Stored, request_hash: [u8; 32]) -> Result<Events, Error> {
        match &stored.request_hash {
            // The key was cancelled before it was used.
            None => return Err(unanswered(&stored, self.0.ambient.clock.now())),
            Some(hash) if *hash != request_hash => return Err(Error::KeyReused(stored.idempotency_key)),
            Some(_) => {}
        }
        let live = self.live().get(&stored.id).cloned();
        if let Some(live) = live {
            return Ok(self.follow(&live, true));
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
    /// lives ends its generations in bounded time, and one that does not goes silent. A process that stops sends its
    /// callers elsewhere meanwhile; they lose nothing.
    pub(super) async fn wait_for_end(&self, mut stored: Stored) -> Result<Stored, Error> {
        let draining = self.0.lifecycle.draining();
        loop {
            if stored.stale {
                stored = self.abandon(stored).await?;
            }
            if stored.state != State::Running {
                return Ok(stored);
            }
            tokio::select! {
                () = sleep(self.0.terms.poll) => {}
                () = draining.cancelled() => return Err(Error::Draining),
            }
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
            Some(Err(unanswered)) => events.push(Err(Box::new(unanswered).into())),
            None => {}
        }
        stream::iter(events).boxed()
    }

    /// Follows an answer that is coming in this process, from its beginning.
    pub(super) fn follow(&self, live: &Arc<Live>, attached: bool) -> Events {
        let started = Event::Started { id: live.owned.id, attached };
        let events = VecDeque::from([Ok(started)]);
        let following = Following { generations: self.clone(), reader: live.reader(), events, ended: false };
        stream::unfold(following, |mut following| async {
            loop {
                if let Some(event) = following.events.pop_front() {
                    return Some((event, following));
                }
                if following.ended {
                    return None;
                }
                following.read().await;
            }
        })
        .boxed()
    }
}

struct Following {
    generations: Generations,
    reader: Reader,
    events: VecDeque<Result<Event, Error>>,
    ended: bool,
}

impl Following {
    /// Waits for what is new.
    async fn read(&mut self) {
        let (deltas, outcome) = self.reader.next().await;
        self.events.extend(deltas.into_iter().map(|delta| Ok(Event::Delta(delta))));
        let Some(outcome) = outcome else { return };
        self.ended = true;
        self.events.push_back(match outcome {
            Outcome::Finished(finished) => Ok(Event::Finished(finished)),
            Outcome::Unanswered(unanswered) => Err(unanswered.into()),
            Outcome::Elsewhere => self.end_elsewhere().await,
        });
    }

    /// How a generation ended that this process lost, as its row says.
    async fn end_elsewhere(&self) -> Result<Event, Error> {
        let generations = &self.generations;
        let (workspace, id) = self.reader.generation();
        let stored = generations.find(workspace, By::Id(id)).await?;
        let stored = stored.ok_or_else(|| Error::NotFound(name(workspace, id)))?;
        let ended = generations.wait_for_end(stored).await?;
        match ended.outcome(generations.0.ambient.clock.now()) {
            Some(Ok(finished)) => Ok(Event::Finished(Box::new(finished))),
            Some(Err(unanswered)) => Err(Box::new(unanswered).into()),
            None => Err(Error::Draining),
        }
    }
}

fn unanswered(stored: &Stored, now: OffsetDateTime) -> Error {
    match stored.outcome(now) {
        Some(Err(unanswered)) => Box::new(unanswered).into(),
        _ => Error::NotFound(stored.name()),
    }
}
