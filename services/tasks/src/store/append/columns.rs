//! Appends as the statement takes them: one array a column, of runs and of their events.

use time::OffsetDateTime;
use uuid::Uuid;

use super::whole::{TooLarge, WholeEvent};
use super::{Append, Tally, step_key};
use crate::domain::event::bound::MAX_EVENT_BYTES;

/// One element a run.
#[derive(Default)]
pub(super) struct RunColumns {
    pub(super) run: Vec<Uuid>,
    pub(super) epoch: Vec<i64>,
    pub(super) events: Vec<i64>,
    pub(super) progress: Vec<bool>,
    pub(super) steps: Vec<i32>,
    pub(super) tokens: Vec<i64>,
    pub(super) cost_nano_usd: Vec<i64>,
    pub(super) estimated_cost_nano_usd: Vec<i64>,
    pub(super) unpriced_calls: Vec<i32>,
    /// When the run was begun, of an append that begins it.
    pub(super) start: Vec<Option<OffsetDateTime>>,
}

impl RunColumns {
    pub(super) fn push(&mut self, append: &Append) {
        let tally = Tally::of(&append.events);
        self.run.push(append.run.uuid());
        self.epoch.push(append.epoch);
        self.events.push(append.events.len() as i64);
        self.progress.push(tally.progress);
        self.steps.push(tally.steps);
        self.tokens.push(tally.totals.tokens);
        self.cost_nano_usd.push(tally.totals.cost_nano_usd);
        self.estimated_cost_nano_usd.push(tally.totals.estimated_cost_nano_usd);
        self.unpriced_calls.push(i32::try_from(tally.totals.unpriced_calls).unwrap_or(i32::MAX));
        self.start.push(tally.starts.then_some(append.at));
    }
}

/// One element an event.
#[derive(Default)]
pub(super) struct EventColumns {
    pub(super) run: Vec<Uuid>,
    pub(super) place: Vec<i64>,
    pub(super) kind: Vec<&'static str>,
    pub(super) step_key: Vec<String>,
    pub(super) attempt: Vec<i32>,
    pub(super) body: Vec<String>,
    pub(super) at: Vec<OffsetDateTime>,
}

impl EventColumns {
    /// Events of which `wholes` has the whole are written cut.
    pub(super) fn push(&mut self, append: &Append, wholes: &[WholeEvent]) -> Result<(), sqlx::Error> {
        for (place, event) in (1..).zip(&append.events) {
            let body = match wholes.iter().find(|whole| whole.place as i64 + 1 == place) {
                Some(whole) => whole.cut()?,
                None => event.to_json(),
            };
            if body.len() > MAX_EVENT_BYTES {
                return Err(sqlx::Error::Encode(TooLarge { kind: event.kind(), bytes: body.len() }.into()));
            }
            let (step_key, attempt) = step_key(event, append.epoch);
            self.run.push(append.run.uuid());
            self.place.push(place);
            self.kind.push(event.kind());
            self.step_key.push(step_key);
            self.attempt.push(attempt);
            self.body.push(body);
            self.at.push(append.at);
        }
        Ok(())
    }
}
