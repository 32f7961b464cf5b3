//! One turn at a channel: what is due goes out, one after the other, until one fails.

use time::OffsetDateTime;
use tokio::time::{Duration, Instant};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Notifier;
use super::owner::Barred;
use super::piece::no_secret;
use super::send::{Tried, Way};
use crate::domain::notice::retry;
use crate::domain::notice::signature::SigningSecrets;
use crate::store::channel::format;
use crate::store::dispatch::{self, Line, Turn};
use crate::vault;

/// No further delivery is begun after this.
const PATIENCE: Duration = Duration::from_secs(45);

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
        let line = dispatch::line(&mut tx, turn).await?;
        drop(tx);
        let Some(line) = line else {
            dispatch::forget_channel(pool, turn).await?;
            return Ok(Rest { next: now, failures });
        };
        let pieces = self.pieces(turn, &line, now).await?;
        if pieces.is_empty() {
            return Ok(Rest { next: now, failures });
        }
        let way = match self.way(turn, &line, now).await {
            Ok(way) => Ok(way),
            Err(Barred::ForNow(why)) => Err(why),
            Err(Barred::NotAMember) => {
                dispatch::disable(pool, turn, "NOT_A_MEMBER", now).await?;
                dispatch::drop_all(pool, turn, "whose own channel it is, is no member any more", now).await?;
                return Ok(Rest { next: now, failures: 0 });
            }
        };
        for piece in pieces {
            if stop() || begun.elapsed() >= PATIENCE {
                break;
            }
            let Some(words) = self.begin(turn, &line, &piece, now).await? else { continue };
            let tried = match &way {
                Ok(way) => self.send(way, words.id, words.parcel()).await,
                Err(why) => Tried::failed(why.clone()),
            };
            let now = self.ambient.clock.now();
            self.settle(turn, &piece, &tried, now).await?;
            match tried {
                Tried::Delivered { .. } => failures = 0,
                Tried::Gone { .. } => {
                    dispatch::disable(pool, turn, "GONE", now).await?;
                    dispatch::skip_all(pool, turn, "the channel is disabled: its receiver is gone", now)
                        .await?;
                    return Ok(Rest { next: now, failures: 0 });
                }
                // The receiver does not want this one; that says nothing of the others.
                Tried::Refused { .. } | Tried::Failed { of_this_one: true, .. } => {}
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

    /// Where a channel leads, with its secrets fresh from the vault, and with the leave of whose own it is.
    async fn way(&self, turn: &Turn, line: &Line, now: OffsetDateTime) -> Result<Way, Barred> {
        let by_mail = line.format == format::MAIL;
        let to = match line.owner {
            Some(owner) => self.member(turn, owner, by_mail).await?,
            None => String::new(),
        };
        if by_mail {
            return Ok(Way::Mail { to });
        }
        let credential = line.credential_id.ok_or_else(|| "it has no secret".to_owned())?;
        let secret = self.secret(turn, credential).await?;
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
        let secrets =
            SigningSecrets::parse(secrets).ok_or_else(|| "its secret in the vault is none".to_owned())?;
        Ok(Way::Webhook { url, secrets })
    }

    async fn secret(&self, turn: &Turn, credential: Uuid) -> Result<Zeroizing<String>, String> {
        let purpose = format!("send notifications over channels/{}", turn.channel_id);
        vault::open(&self.identity, &self.service, turn.workspace_id, credential, purpose)
            .await
            .map_err(|failure| no_secret(&failure))
    }
}
