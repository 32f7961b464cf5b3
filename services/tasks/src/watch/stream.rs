//! One watch, as a stream that does nothing while nobody polls it: a slow client slows down nobody else.

use std::collections::VecDeque;

use futures::stream::BoxStream;
use mc_chassis::bus::Signal;
use mc_proto::tasks::v1::watch_run_response::Update;
use mc_proto::tasks::v1::{CaughtUp, LiveDelta, LiveKind, WatchRunResponse};
use tokio::time::Instant;

use crate::domain::event::Event;
use crate::error::Error;
use crate::rpc::view;
use crate::store::journal::{self, Shown};
use crate::store::run;
use crate::topics::{self, Delta, Live, SyncRequest, TextKind};
use crate::watch::live::{LiveText, Merge};
use crate::watch::lookout::{Lookout, Woken};
use crate::watch::poll::Watched;
use crate::watch::{Request, Watcher};

/// Events that are read at once.
const PAGE: i64 = 200;

struct Watch {
    watcher: Watcher,
    request: Request,
    lookout: Lookout,
    /// `seq` of the last event that was queued.
    cursor: i64,
    live: LiveText,
    outbox: VecDeque<WatchRunResponse>,
    /// Whether the first reading is over.
    at_seam: bool,
    /// Whether the journal may hold more than was read.
    behind: bool,
    ended: bool,
    last_sync: Option<Instant>,
}

/// Subscribes, then streams.
pub(super) async fn watch(
    watcher: &Watcher,
    request: Request,
) -> BoxStream<'static, Result<WatchRunResponse, Error>> {
    let (topic, watched) = (topics::run(request.run), Watched::Run(request.run));
    let watch = Watch {
        lookout: Lookout::new(watcher, request.workspace, watched, &topic, request.access.clone()).await,
        cursor: request.after_seq,
        live: LiveText::default(),
        outbox: VecDeque::new(),
        at_seam: false,
        behind: true,
        ended: false,
        last_sync: None,
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

    async fn wait(&mut self) -> Result<(), Error> {
        match self.lookout.wait().await? {
            Woken::Heard(signal) => self.hear(signal).await?,
            Woken::Grown(head) => self.behind |= head > self.cursor,
            Woken::Quiet => self.say_caught_up(),
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
        let records = journal::shown_page(&mut tx, id, self.cursor, PAGE).await?;
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

    fn queue(&mut self, shown: Shown) {
        let record = &shown.record;
        self.cursor = record.seq;
        self.live.observe(&record.event);
        // A failure is the end only if nobody has the run go on: its row says so, once there is nothing more to read.
        self.ended = matches!(record.event, Event::Succeeded(_) | Event::Cancelled(_));
        self.send(Update::Event(view::shown(self.request.workspace, self.request.run, shown)));
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
        self.lookout.has_sent();
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
