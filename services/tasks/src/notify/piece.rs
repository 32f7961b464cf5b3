//! What one attempt is about: a delivery that goes alone, or a digest of several. Both are begun, put into words and settled here.

use mc_chassis::Failure;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::Notifier;
use super::send::Tried;
use crate::domain::event::Event;
use crate::domain::notice::message::{Notice, RunNamed};
use crate::domain::notice::parcel::{DOCUMENTS, Parcel};
use crate::domain::notice::quiet::{Patience, QuietHours};
use crate::domain::notice::{NoticeKind, retry, said};
use crate::domain::schedule::ticks::Zone;
use crate::store::digest::{self, Digest, Until};
use crate::store::dispatch::{self, Due, Line, Outcome, Settled, Turn};

/// Number of `InboxItemState` of what is still to be decided.
const OPEN: i16 = 1;
/// Why something is not sent any more.
const DECIDED: &str = "it was decided, or its run ended, before it was sent";
/// Why something is given up whose attempts are used up.
const CUT_SHORT: &str = "its last attempt was cut short";

/// What goes out at once.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    /// One delivery.
    One(Box<Due>),
    /// Several.
    Digest(Digest),
}

/// What an attempt sends.
#[derive(Debug)]
pub(super) struct Begun {
    /// The id under which it goes, now and ever.
    pub(super) id: Uuid,
    /// The first of what it tells.
    notices: Vec<Notice>,
    /// How much that is in all.
    total: usize,
}

impl Begun {
    pub(super) fn parcel(&self) -> Parcel<'_> {
        Parcel { notices: &self.notices, total: self.total }
    }
}

impl Notifier {
    /// What is to be sent over a channel now: what can wait is let wait, and what has waited is put together. What nobody needs
    /// to hear any more is settled.
    pub(super) async fn pieces(
        &self,
        turn: &Turn,
        line: &Line,
        now: OffsetDateTime,
    ) -> Result<Vec<Piece>, sqlx::Error> {
        let pool = self.engine.pool();
        if line.disabled {
            dispatch::skip_all(pool, turn, "the channel is disabled", now).await?;
        } else {
            let mut tx = self.engine.begin(turn.workspace_id).await?;
            digest::skip_decided(&mut tx, turn, DECIDED, now).await?;
            tx.commit().await?;
            self.gather(turn, line, now).await?;
        }
        let mut tx = self.engine.read(turn.workspace_id).await?;
        let due = dispatch::due(&mut tx, turn, None, now, line.include_content, dispatch::BATCH).await?;
        drop(tx);
        let mut pieces = Vec::new();
        for due in due {
            if self.is_wanted(line, &due, now).await? {
                pieces.push(Piece::One(Box::new(due)));
            }
        }
        if !line.disabled {
            for due in digest::due(pool, turn, now).await? {
                if due.attempts < retry::ATTEMPTS {
                    pieces.push(Piece::Digest(due));
                } else {
                    let outcome = Outcome { settled: Settled::Dead, status_code: 0, error: CUT_SHORT.into() };
                    digest::settle(pool, turn, (due.digest_id, due.attempts), &outcome, now).await?;
                }
            }
        }
        Ok(pieces)
    }

    /// Lets wait what can, and puts together what has waited.
    async fn gather(&self, turn: &Turn, line: &Line, now: OffsetDateTime) -> Result<(), sqlx::Error> {
        let pool = self.engine.pool();
        let patience = patience(line);
        let gathered = if patience.window.is_zero() { None } else { digest::gathered(pool, turn).await? };
        let until = Until { new: patience.of_new(now, gathered), old: patience.of_old(now) };
        if until != (Until { new: None, old: None }) {
            digest::hold(pool, turn, until, &line.urgent_kinds, now).await?;
        }
        digest::bundle(pool, turn, self.ambient.ids.uuid(), now).await
    }

    /// Whether a delivery is to be sent at all; settles it if it is not. What a person has replayed is.
    async fn is_wanted(&self, line: &Line, due: &Due, now: OffsetDateTime) -> Result<bool, sqlx::Error> {
        let kind = NoticeKind::of_number(due.kind);
        if line.disabled && kind != Some(NoticeKind::Test) && due.replays == 0 {
            return Ok(false);
        }
        let decided = kind.is_some_and(NoticeKind::asks) && due.item_state != Some(OPEN) && due.replays == 0;
        let (due, settled, error) = if decided {
            (due.clone(), Settled::Skipped, DECIDED)
        } else if due.attempts >= retry::ATTEMPTS {
            // Whoever was at the last attempt did not live to tell. The settling counts an attempt that was begun.
            (Due { attempts: due.attempts - 1, ..due.clone() }, Settled::Dead, CUT_SHORT)
        } else {
            return Ok(true);
        };
        let outcome = Outcome { settled, status_code: 0, error: error.into() };
        dispatch::settle(self.engine.pool(), &due, &outcome, now).await?;
        Ok(false)
    }

    /// Begins an attempt; none if somebody replayed, settled or deleted it all meanwhile.
    pub(super) async fn begin(
        &self,
        turn: &Turn,
        line: &Line,
        piece: &Piece,
        now: OffsetDateTime,
    ) -> Result<Option<Begun>, sqlx::Error> {
        let pool = self.engine.pool();
        match piece {
            Piece::One(due) => {
                let begun = dispatch::begin(pool, due).await?;
                let notices = vec![notice(turn, due)];
                Ok(begun.then_some(Begun { id: due.delivery_id, notices, total: 1 }))
            }
            Piece::Digest(digest) => {
                let total = digest::begin(pool, turn, digest).await?;
                let mut tx = self.engine.read(turn.workspace_id).await?;
                let first = dispatch::due(
                    &mut tx,
                    turn,
                    Some(digest.digest_id),
                    now,
                    line.include_content,
                    DOCUMENTS as i64,
                );
                let notices: Vec<_> = first.await?.iter().map(|due| notice(turn, due)).collect();
                let total = usize::try_from(total).unwrap_or(usize::MAX);
                Ok((!notices.is_empty()).then_some(Begun { id: digest.digest_id, notices, total }))
            }
        }
    }

    /// Notes what an attempt came to.
    pub(super) async fn settle(
        &self,
        turn: &Turn,
        piece: &Piece,
        tried: &Tried,
        now: OffsetDateTime,
    ) -> Result<(), sqlx::Error> {
        let pool = self.engine.pool();
        match piece {
            Piece::One(due) => {
                dispatch::settle(pool, due, &self.outcome(due.attempts + 1, tried, now), now).await
            }
            Piece::Digest(digest) => {
                let attempts = digest.attempts + 1;
                let outcome = self.outcome(attempts, tried, now);
                digest::settle(pool, turn, (digest.digest_id, attempts), &outcome, now).await
            }
        }
    }

    fn outcome(&self, attempts: i16, tried: &Tried, now: OffsetDateTime) -> Outcome {
        match tried {
            Tried::Delivered { status } => {
                Outcome { settled: Settled::Delivered, status_code: *status, error: String::new() }
            }
            Tried::Gone { status } => {
                let error = "the receiver says that it is gone (HTTP 410)".to_owned();
                Outcome { settled: Settled::Dead, status_code: *status, error }
            }
            Tried::Refused { status, error } => {
                Outcome { settled: Settled::Dead, status_code: *status, error: error.clone() }
            }
            Tried::Failed { status, error, asked, .. } => {
                let wait = retry::wait(attempts, self.ambient.ids.unit(), *asked);
                let settled = wait.map_or(Settled::Dead, |wait| Settled::Again(now + wait));
                Outcome { settled, status_code: *status, error: error.clone() }
            }
        }
    }
}

/// How long a channel lets wait what can. Of hours that this release does not understand nothing waits: better told at night than
/// never.
fn patience(line: &Line) -> Patience {
    let quiet = || {
        let zone = Zone::named(line.quiet_zone.as_deref()?)?;
        let minute = |minute: Option<i16>| u16::try_from(minute?).ok();
        let days: Option<Vec<_>> =
            line.quiet_days.as_ref()?.iter().map(|day| u8::try_from(*day).ok()).collect();
        QuietHours::new(&zone, minute(line.quiet_start_min)?, minute(line.quiet_end_min)?, &days?)
    };
    Patience { quiet: quiet(), window: Duration::seconds(i64::from(line.digest_s)) }
}

/// What a delivery tells.
fn notice(turn: &Turn, due: &Due) -> Notice {
    let run = due.run_id.map(|run| RunNamed {
        run,
        task: due.task.clone().unwrap_or_default(),
        title: due.title.clone().unwrap_or_default(),
        agent: due.agent_id.unwrap_or_default(),
        agent_name: due.agent_name.clone().unwrap_or_default(),
    });
    Notice {
        kind: NoticeKind::of_number(due.kind).unwrap_or(NoticeKind::Test),
        at: due.create_time,
        workspace: turn.workspace_id,
        run,
        item: due.item_id,
        // What a newer release wrote, this one does not quote.
        said: due.said.as_deref().and_then(|body| said(&Event::from_json(body).ok()?)),
    }
}

/// In words for people, why a secret cannot be had.
pub(super) fn no_secret(failure: &Failure) -> String {
    format!("its secret cannot be had from the vault: {}", failure.message())
}
