//! One turn at a channel: what is due goes out, one after the other, until one fails.

use mc_chassis::Failure;
use time::OffsetDateTime;
use tokio::time::{Duration, Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Notifier;
use super::send::{Tried, Way};
use crate::domain::event::Event;
use crate::domain::notice::message::{Notice, RunNamed};
use crate::domain::notice::signature::SigningSecrets;
use crate::domain::notice::{NoticeKind, retry, said};
use crate::store::channel::format;
use crate::store::dispatch::{self, Due, Line, Outcome, Settled, Turn};
use crate::vault;

/// No further delivery is begun after this.
const PATIENCE: Duration = Duration::from_secs(45);
/// Number of `InboxItemState` of what is still to be decided.
const OPEN: i16 = 1;

/// How a turn ended.
#[derive(Debug, Clone, Copy)]
struct Rest {
    /// When the next may begin.
    next: OffsetDateTime,
    /// Failures in a row.
    failures: i32,
}

impl Notifier {
    /// Sends what is due over a channel, until there is nothing more, one fails, or it is time to stop.
    pub(super) async fn take_turn(&self, turn: Turn, stop: impl Fn() -> bool) {
        let ended = match self.send_due(&turn, stop).await {
            Ok(rest) => dispatch::end(self.engine.pool(), &turn, rest.next, rest.failures).await,
            // The turn ends by time.
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, channel = %turn.channel_id, "send notifications over a channel");
        }
    }

    async fn send_due(&self, turn: &Turn, stop: impl Fn() -> bool) -> Result<Rest, sqlx::Error> {
        let pool = self.engine.pool();
        let begun = Instant::now();
        let now = self.ambient.clock.now();
        let mut failures = dispatch::failures(pool, turn).await?;
        let mut tx = self.engine.read(turn.workspace_id).await?;
        let Some(line) = dispatch::line(&mut tx, turn).await? else {
            drop(tx);
            dispatch::forget_channel(pool, turn).await?;
            return Ok(Rest { next: now, failures });
        };
        let due = dispatch::due(&mut tx, turn, now, line.include_content).await?;
        drop(tx);
        if line.disabled {
            dispatch::skip_all(pool, turn, "the channel is disabled", now).await?;
        }
        let mut wanted = Vec::new();
        for due in due {
            if self.is_wanted(&line, &due, now).await? {
                wanted.push(due);
            }
        }
        if wanted.is_empty() {
            return Ok(Rest { next: now, failures });
        }
        let way = self.way(turn, &line, now).await;
        for due in wanted {
            if stop() || begun.elapsed() >= PATIENCE {
                break;
            }
            if !dispatch::begin(pool, &due).await? {
                continue;
            }
            let tried = match &way {
                Ok(way) => self.send(way, due.delivery_id, &notice(turn, &due)).await,
                Err(why) => Tried::failed(why.clone()),
            };
            let now = self.ambient.clock.now();
            let outcome = self.outcome(&due, &tried, now);
            dispatch::settle(pool, &due, &outcome, now).await?;
            match tried {
                Tried::Delivered { .. } => failures = 0,
                Tried::Gone { .. } => {
                    dispatch::disable(pool, turn, "GONE", now).await?;
                    dispatch::skip_all(pool, turn, "the channel is disabled: its receiver is gone", now)
                        .await?;
                    return Ok(Rest { next: now, failures: 0 });
                }
                // The receiver does not want this one; that says nothing of the others.
                Tried::Failed { of_this_one: true, .. } => {}
                Tried::Failed { asked, .. } => {
                    failures = failures.saturating_add(1);
                    let pause =
                        retry::pause(failures).max(asked.unwrap_or_default().min(retry::pause(i32::MAX)));
                    return Ok(Rest { next: now + pause, failures });
                }
            }
        }
        Ok(Rest { next: self.ambient.clock.now(), failures })
    }

    /// Whether a delivery is to be sent at all; settles it if it is not. What a person has replayed is.
    async fn is_wanted(&self, line: &Line, due: &Due, now: OffsetDateTime) -> Result<bool, sqlx::Error> {
        let kind = NoticeKind::of_number(due.kind);
        if line.disabled && kind != Some(NoticeKind::Test) && due.replays == 0 {
            return Ok(false);
        }
        let decided = kind.is_some_and(NoticeKind::asks) && due.item_state != Some(OPEN) && due.replays == 0;
        let (settled, error) = if decided {
            (Settled::Skipped, "it was decided, or its run ended, before it was sent")
        } else if due.attempts >= retry::ATTEMPTS {
            // Whoever was at the last attempt did not live to tell. The settling counts an attempt that was begun.
            let error = "its last attempt was cut short";
            let last = Due { attempts: due.attempts - 1, ..due.clone() };
            let outcome = Outcome { settled: Settled::Dead, status_code: 0, error: error.into() };
            dispatch::settle(self.engine.pool(), &last, &outcome, now).await?;
            return Ok(false);
        } else {
            return Ok(true);
        };
        let outcome = Outcome { settled, status_code: 0, error: error.into() };
        dispatch::settle(self.engine.pool(), due, &outcome, now).await?;
        Ok(false)
    }

    fn outcome(&self, due: &Due, tried: &Tried, now: OffsetDateTime) -> Outcome {
        match tried {
            Tried::Delivered { status } => {
                Outcome { settled: Settled::Delivered, status_code: *status, error: String::new() }
            }
            Tried::Gone { status } => {
                let error = "the receiver says that it is gone (HTTP 410)".to_owned();
                Outcome { settled: Settled::Dead, status_code: *status, error }
            }
            Tried::Failed { status, error, asked, .. } => {
                let wait = retry::wait(due.attempts + 1, self.ambient.ids.unit(), *asked);
                let settled = wait.map_or(Settled::Dead, |wait| Settled::Again(now + wait));
                Outcome { settled, status_code: *status, error: error.clone() }
            }
        }
    }

    /// Where a channel leads, with its secrets fresh from the vault; an error is for people.
    async fn way(&self, turn: &Turn, line: &Line, now: OffsetDateTime) -> Result<Way, String> {
        let secret = self.secret(turn, line.credential_id).await?;
        if line.format == format::SLACK {
            let url = secret.parse().map_err(|_| "its address in the vault is none".to_owned())?;
            return Ok(Way::Slack { url });
        }
        let url = line.url.parse().map_err(|_| "its address is none".to_owned())?;
        let old = match line.old_credential_id.zip(line.old_secret_expire_time) {
            Some((old, until)) if now < until => Some(self.secret(turn, old).await?),
            _ => None,
        };
        let secrets = std::iter::once(&secret).chain(&old).map(|secret| secret.as_str());
        let secrets = SigningSecrets::parse(secrets).ok_or("its secret in the vault is none")?;
        Ok(Way::Webhook { url, secrets })
    }

    async fn secret(&self, turn: &Turn, credential: Uuid) -> Result<Zeroizing<String>, String> {
        let purpose = format!("send notifications over channels/{}", turn.channel_id);
        let opened = vault::open(&self.identity, &self.service, turn.workspace_id, credential, purpose).await;
        opened.map_err(|failure: Failure| {
            format!("its secret cannot be had from the vault: {}", failure.message())
        })
    }
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
