//! One watch, as a stream that does nothing while nobody polls it: a slow client slows down nobody else.

use std::collections::VecDeque;

use futures::stream::BoxStream;
use mc_chassis::bus::{Signal, Subscription};
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{CaughtUp, LiveDelta, LiveKind, WatchRunResponse};
use tokio::sync::watch as latest;
use tokio::time::{Instant, Interval};
use tokio_util::sync::CancellationToken;

use crate::domain::event::{Event, Record};
use crate::error::Error;
use crate::rpc::view;
use crate::store::{journal, run};
use crate::topics::{self, Delta, Live, SyncRequest, TextKind};
use crate::watch::live::{LiveText, Merge};
use crate::watch::poll::Watched;
use crate::watch::{Request, Watcher, draining, every};

/// Events that are read at once.
const PAGE: i64 = 200;

struct Watch {
    watcher: Watcher,
    request: Request,
    subscription: Subscription,
    /// The head as the poll sees it.
    polled: latest::Receiver<i64>,
    /// `seq` of the last event that was queued.
    cursor: i64,
    live: LiveText,
    outbox: VecDeque<WatchRunResponse>,
    /// Whether the first reading is over.
    at_seam: bool,
    /// Whether the journal may hold more than was read.
    behind: bool,
    ended: bool,
    caught_up: Interval,
    access: Interval,
    last_sync: Option<Instant>,
    draining: CancellationToken,
}

/// Subscribes, then streams.
pub(super) async fn watch(
    watcher: &Watcher,
    request: Request,
) -> BoxStream<'static, Result<WatchRunResponse, Error>> {
    let subscription = watcher.bus.subscribe(&topics::run(request.run)).await;
    let watch = Watch {
        subscription,
        polled: watcher.poll.watch(request.workspace, Watched::Run(request.run)),
        cursor: request.after_seq,
        live: LiveText::default(),
        outbox: VecDeque::new(),
        at_seam: false,
        behind: true,
        ended: false,
        caught_up: every(watcher.cadence.caught_up),
        access: every(watcher.cadence.access),
        last_sync: None,
        draining: watcher.lifecycle.draining(),
        watcher: watcher.clone(),
        request,
    };
    Box::pin(futures::stream::unfold(Some(watch), |watch| async {
        let mut watch = watch?;
        match watch.next().await {
            Ok(Some(update)) => Some((Ok(update), Some(watch))),
            Ok(None) => None,
            Err(error) => Some((Err(error), None)),
        }
    }))
}

impl Watch {
    /// The next update; none after the run's last event.
    async fn next(&mut self) -> Result<Option<WatchRunResponse>, Error> {
        loop {
            if let Some(update) = self.outbox.pop_front() {
                return Ok(Some(update));
            }
            if self.ended {
                return Ok(None);
            }
            if self.behind {
                self.read().await?;
            } else {
                self.wait().await?;
            }
        }
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self) -> Result<(), Error> {
        tokio::select! {
            signal = self.subscription.next() => self.hear(signal).await?,
            // An error means that the poll is gone, as it is when the process ends.
            changed = self.polled.changed() => {
                changed.map_err(|_| draining())?;
                self.behind |= *self.polled.borrow_and_update() > self.cursor;
            }
            _ = self.caught_up.tick() => self.say_caught_up(),
            _ = self.access.tick() => (self.request.access)().await?,
            () = self.draining.cancelled() => return Err(draining().into()),
        }
        Ok(())
    }

    /// Reads one page behind the cursor.
    async fn read(&mut self) -> Result<(), Error> {
        let id = self.request.run;
        let mut tx = self.watcher.database.read(self.request.workspace.uuid()).await?;
        // A watch that starts behind the intent of the open model call must know of that call to pass on its text.
        if !self.at_seam
            && self.cursor > 0
            && self.cursor == self.request.after_seq
            && let Some(call) = journal::open_model_call(&mut tx, id, self.cursor).await?
        {
            self.live.open(call);
        }
        let records = journal::page(&mut tx, id, self.cursor, PAGE).await?;
        // A page may be short because its events are large, so only an empty one means that there are no more.
        self.behind = !records.is_empty();
        // Who has seen the last event already and watches again is told so, and is not left waiting.
        let is_over = !self.behind && run::has_ended_by(&mut tx, id, self.cursor).await?;
        drop(tx);
        for record in records {
            self.queue(record);
        }
        if !self.behind && !self.at_seam {
            self.at_seam = true;
            self.say_caught_up();
            self.ask_for_text();
        }
        self.ended |= is_over;
        Ok(())
    }

    fn queue(&mut self, record: Record) {
        self.cursor = record.seq;
        self.live.observe(&record.event);
        self.ended = matches!(record.event, Event::Succeeded(_) | Event::Failed(_) | Event::Cancelled(_));
        self.send(Update::Event(view::record(self.request.workspace, self.request.run, record)));
    }

    async fn hear(&mut self, signal: Signal) -> Result<(), Error> {
        match signal {
            Signal::Gap => {
                self.behind = true;
                self.ask_for_text();
            }
            Signal::Message(text) => match serde_json::from_str(&text) {
                Ok(Live::Head { seq }) => self.behind |= seq > self.cursor,
                Ok(Live::Delta(delta)) if !self.request.events_only => self.take(delta).await?,
                Ok(Live::Delta(_)) => {}
                // A newer release may say more; what it says is not the truth anyway.
                Err(error) => tracing::debug!(%error, "unknown message on a run's topic"),
            },
        }
        Ok(())
    }

    async fn take(&mut self, delta: Delta) -> Result<(), Error> {
        let mut merged = self.live.merge(delta.clone());
        if merged == Merge::ReadFirst {
            // Its intent was committed before its first word.
            self.read().await?;
            merged = self.live.merge(delta);
        }
        match merged {
            Merge::Send(delta) => self.send(Update::Delta(live_delta(delta))),
            Merge::Missing => self.ask_for_text(),
            Merge::Drop | Merge::ReadFirst => {}
        }
        Ok(())
    }

    /// Asks the run's worker for the text so far, if there is any to be had and none was asked for a moment ago.
    fn ask_for_text(&mut self) {
        let now = Instant::now();
        let recently = self.last_sync.is_some_and(|at| now - at < self.watcher.cadence.sync);
        if self.request.events_only || !self.live.is_open() || recently {
            return;
        }
        self.last_sync = Some(now);
        topics::publish(&self.watcher.bus, topics::SYNC, &SyncRequest { run: self.request.run });
    }

    fn say_caught_up(&mut self) {
        self.send(Update::CaughtUp(CaughtUp { seq: self.cursor }));
    }

    fn send(&mut self, update: Update) {
        self.caught_up.reset();
        self.outbox.push_back(WatchRunResponse { update: Some(update) });
    }
}

fn live_delta(delta: Delta) -> LiveDelta {
    let kind = match delta.kind {
        TextKind::Text => LiveKind::Text,
        TextKind::Thinking => LiveKind::Thinking,
    };
    LiveDelta {
        step: delta.step as i32,
        attempt: delta.attempt as i32,
        kind: kind as i32,
        offset: delta.offset as i64,
        text: delta.text,
    }
}
