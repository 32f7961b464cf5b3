//! The relay of one topic: takes due messages on a lease, delivers them, deletes what arrived and delays what did not.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use sqlx::AssertSqlSafe;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::clock::SharedClock;
use crate::db::{Database, Schema};
use crate::ids::Ambient;
use crate::lifecycle::Lifecycle;

/// One message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Rises with time; the same at every delivery, so a receiver may use it to see a repetition.
    pub id: i64,
    /// The workspace that it is about.
    pub workspace: Option<Uuid>,
    /// What was appended.
    pub body: Vec<u8>,
    /// Which delivery this is, from 1.
    pub attempt: i32,
}

/// Why a message did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum Undelivered {
    /// The receiver cannot be reached or is busy: try again later.
    #[error("the receiver did not take it: {0}")]
    Later(String),
    /// The receiver will never take it. It is kept, not delivered again, and logged as an error.
    #[error("the receiver refuses it: {0}")]
    Never(String),
}

/// How a relay works.
#[derive(Debug, Clone)]
pub struct Pace {
    /// Messages taken at a time.
    pub batch: i64,
    /// Deliveries at the same time.
    pub at_once: usize,
    /// How long one delivery may take; twice this is the lease under which messages are taken.
    pub delivery_timeout: Duration,
    /// How often it looks without being woken.
    pub poll: Duration,
    /// The delay after a first failure; it doubles up to `backoff_max`.
    pub backoff_min: Duration,
    /// The longest delay.
    pub backoff_max: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            batch: 64,
            at_once: 8,
            delivery_timeout: Duration::from_secs(15),
            poll: Duration::from_secs(1),
            backoff_min: Duration::from_millis(500),
            backoff_max: Duration::from_mins(5),
        }
    }
}

/// Wakes a relay of this process: after a commit, to spare the message the wait for the next poll.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Wakes the relay, now or when it next goes to sleep.
    pub fn wake(&self) {
        self.0.notify_one();
    }
}

/// Delivers one topic of one schema's outbox. Several may run, in as many processes.
#[derive(Debug)]
pub struct Relay {
    db: Database,
    schema: &'static Schema,
    topic: &'static str,
    ambient: Ambient,
    pace: Pace,
    wake: Wake,
}

impl Relay {
    /// A relay at the default pace.
    pub fn new(db: Database, schema: &'static Schema, topic: &'static str, ambient: Ambient) -> Self {
        Self { db, schema, topic, ambient, pace: Pace::default(), wake: Wake::default() }
    }

    /// Sets the pace.
    #[must_use]
    pub fn paced(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// What wakes this relay.
    pub fn waker(&self) -> Wake {
        self.wake.clone()
    }

    /// Delivers until the lifecycle's soft token; messages in delivery then are finished first.
    pub async fn run<D>(self, lifecycle: Lifecycle, deliver: D)
    where
        D: AsyncFn(Message) -> Result<(), Undelivered>,
    {
        let draining = lifecycle.draining();
        let mut failures = 0;
        while !draining.is_cancelled() {
            let pause = match self.once(&deliver).await {
                Ok(taken) => {
                    if failures > 0 {
                        tracing::info!(topic = self.topic, "the outbox is readable again");
                    }
                    failures = 0;
                    if taken == self.pace.batch as usize {
                        continue;
                    }
                    self.pace.poll
                }
                Err(error) => {
                    if failures == 0 {
                        let error = &error as &dyn std::error::Error;
                        tracing::warn!(topic = self.topic, error, "the outbox cannot be read; trying again");
                    }
                    failures += 1;
                    self.delay(failures)
                }
            };
            tokio::select! {
                () = draining.cancelled() => {}
                () = self.wake.0.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Takes one batch of due messages and delivers it. Returns how many were taken.
    pub async fn once<D>(&self, deliver: &D) -> Result<usize, sqlx::Error>
    where
        D: AsyncFn(Message) -> Result<(), Undelivered>,
    {
        let messages = self.take().await?;
        let taken = messages.len();
        let mut delivered = Vec::new();
        let mut outcomes = futures::stream::iter(messages)
            .map(async |message| {
                let (id, attempt) = (message.id, message.attempt);
                let outcome = tokio::time::timeout(self.pace.delivery_timeout, deliver(message)).await;
                let timed_out = |_| Err(Undelivered::Later("no answer within the time limit".to_owned()));
                (id, attempt, outcome.unwrap_or_else(timed_out))
            })
            .buffer_unordered(self.pace.at_once);
        while let Some((id, attempt, outcome)) = outcomes.next().await {
            match outcome {
                Ok(()) => delivered.push(id),
                Err(undelivered) => self.put_off(id, attempt, &undelivered).await?,
            }
        }
        if !delivered.is_empty() {
            let delete = format!("DELETE FROM {}.outbox WHERE id = ANY ($1)", self.schema.name());
            sqlx::query(AssertSqlSafe(delete)).bind(delivered).execute(self.db.pool()).await?;
        }
        Ok(taken)
    }

    /// Takes due messages by moving their next delivery behind the lease.
    async fn take(&self) -> Result<Vec<Message>, sqlx::Error> {
        let now = self.now();
        let lease = now + self.lease();
        let take = include_str!("queries/take.sql").replace("{schema}", self.schema.name());
        let mut rows: Vec<(i64, Option<Uuid>, Vec<u8>, i32)> = sqlx::query_as(AssertSqlSafe(take))
            .bind(self.topic)
            .bind(now)
            .bind(self.pace.batch)
            .bind(lease)
            .fetch_all(self.db.pool())
            .await?;
        rows.sort_unstable_by_key(|row| row.0);
        let message = |(id, workspace, body, attempt)| Message { id, workspace, body, attempt };
        Ok(rows.into_iter().map(message).collect())
    }

    /// A batch is delivered `at_once` at a time, so the last of it may start late: the lease covers all of it.
    fn lease(&self) -> Duration {
        let rounds = (self.pace.batch as usize).div_ceil(self.pace.at_once) as u32;
        self.pace.delivery_timeout * (rounds + 1)
    }

    async fn put_off(&self, id: i64, attempt: i32, undelivered: &Undelivered) -> Result<(), sqlx::Error> {
        let due = match undelivered {
            Undelivered::Later(_) => {
                tracing::warn!(topic = self.topic, id, attempt, error = %undelivered, "message not delivered");
                Some(self.now() + self.delay(attempt.unsigned_abs()))
            }
            Undelivered::Never(_) => {
                tracing::error!(topic = self.topic, id, attempt, error = %undelivered, "message set aside");
                None
            }
        };
        // Only if no other relay has taken it since: a lease that ran out is no longer ours to change.
        let update = format!(
            "UPDATE {}.outbox SET due_at = coalesce($3, 'infinity') WHERE id = $1 AND attempts = $2",
            self.schema.name()
        );
        sqlx::query(AssertSqlSafe(update))
            .bind(id)
            .bind(attempt)
            .bind(due)
            .execute(self.db.pool())
            .await
            .map(drop)
    }

    /// Doubles with every failure, and is drawn from the upper half so that relays do not march in step.
    fn delay(&self, failures: u32) -> Duration {
        let doubled = self.pace.backoff_min.saturating_mul(1 << failures.saturating_sub(1).min(20));
        doubled.min(self.pace.backoff_max).mul_f64(0.5 + self.ambient.ids.unit() / 2.0)
    }

    fn now(&self) -> time::OffsetDateTime {
        let clock: &SharedClock = &self.ambient.clock;
        clock.now()
    }
}

#[cfg(test)]
mod tests;
