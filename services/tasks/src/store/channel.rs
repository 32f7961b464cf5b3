//! Channels as people see and change them.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{ChannelId, UserId, WorkspaceId};
use crate::domain::notice::NoticeKind;

/// Channels of a workspace at most.
pub const LIMIT: i64 = 100;

/// Numbers of `ChannelFormat`.
pub mod format {
    /// A Standard Webhook.
    pub const WEBHOOK: i16 = 1;
    /// Slack's incoming webhook.
    pub const SLACK: i16 = 2;
}

/// A channel as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Channel {
    /// Its id.
    pub channel_id: Uuid,
    /// Its workspace.
    pub workspace_id: Uuid,
    /// One of [`mod@format`].
    pub format: i16,
    /// Numbers of what it is told of.
    pub kinds: Vec<i16>,
    /// Whose runs; all if empty.
    pub agents: Vec<Uuid>,
    /// Seconds that what is asked has to stay undecided.
    pub delay_s: i32,
    /// Whether words of people and agents go along.
    pub include_content: bool,
    /// Whether it is told of nothing.
    pub disabled: bool,
    /// Why, unless by people.
    pub disable_reason: String,
    /// Who made it.
    pub creator: Uuid,
    /// When.
    pub create_time: OffsetDateTime,
    /// When it was last changed.
    pub update_time: OffsetDateTime,
    /// Counts changes.
    pub revision: i64,
    /// Its name.
    pub display_name: String,
    /// Where it leads; of a Slack channel the host alone.
    pub url: String,
    /// What is secret of it, in identity's vault.
    pub credential_id: Uuid,
    /// The signing secret before the last rotation.
    pub old_credential_id: Option<Uuid>,
    /// Until when it signs along.
    pub old_secret_expire_time: Option<OffsetDateTime>,
}

/// What people say of a channel, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Its name, 1 to 80 characters.
    pub display_name: String,
    /// What may be shown of where it leads.
    pub url: String,
    /// What it is told of; at least one kind, and no test.
    pub kinds: Vec<NoticeKind>,
    /// Whose runs; all if empty.
    pub agents: Vec<Uuid>,
    /// Seconds that what is asked has to stay undecided.
    pub delay_s: i32,
    /// Whether words of people and agents go along.
    pub include_content: bool,
    /// Whether it is told of nothing.
    pub disabled: bool,
}

impl Settings {
    fn kinds(&self) -> Vec<i16> {
        self.kinds.iter().map(|kind| kind.number()).collect()
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.channel_id, s.workspace_id, s.format, s.kinds, s.agents, s.delay_s, s.include_content, s.disabled, ",
            "s.disable_reason, s.creator, s.create_time, s.update_time, s.revision, c.display_name, c.url, c.credential_id, ",
            "c.old_credential_id, c.old_secret_expire_time FROM tasks.channel s JOIN tasks.channel_content c USING (channel_id) ",
            $rest
        )
    };
}

/// A channel of the transaction's workspace.
pub async fn get(connection: &mut PgConnection, channel: ChannelId) -> Result<Option<Channel>, sqlx::Error> {
    sqlx::query_as(select!("WHERE s.channel_id = $1")).bind(channel.uuid()).fetch_optional(connection).await
}

/// A channel of the transaction's workspace, which nobody changes until the transaction ends.
pub async fn lock(connection: &mut PgConnection, channel: ChannelId) -> Result<Option<Channel>, sqlx::Error> {
    sqlx::query_as(select!("WHERE s.channel_id = $1 FOR UPDATE OF s"))
        .bind(channel.uuid())
        .fetch_optional(connection)
        .await
}

/// Channels of the transaction's workspace, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Channel>, sqlx::Error> {
    sqlx::query_as(select!(
        "WHERE s.workspace_id = $1 AND ($2::uuid IS NULL OR s.channel_id < $2) ORDER BY s.channel_id DESC LIMIT $3"
    ))
    .bind(workspace.uuid())
    .bind(after)
    .bind(limit)
    .fetch_all(connection)
    .await
}

/// How many channels the transaction's workspace has. Nobody adds one until the transaction ends.
pub async fn count(connection: &mut PgConnection, workspace: WorkspaceId) -> Result<i64, sqlx::Error> {
    let (_, low) = workspace.uuid().as_u64_pair();
    // Of the transaction, so that it passes a pool; two workspaces with one key wait for each other and no more.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(low as i64).execute(&mut *connection).await?;
    sqlx::query_scalar("SELECT count(*) FROM tasks.channel WHERE workspace_id = $1")
        .bind(workspace.uuid())
        .fetch_one(connection)
        .await
}

/// A channel to be made.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// Its id.
    pub channel: ChannelId,
    /// One of [`mod@format`].
    pub format: i16,
    /// What people say of it.
    pub settings: Settings,
    /// What is secret of it.
    pub credential: Uuid,
    /// Who makes it.
    pub creator: UserId,
}

/// Makes a channel.
pub async fn insert(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    new: &NewChannel,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let settings = &new.settings;
    sqlx::query(
        "INSERT INTO tasks.channel (channel_id, workspace_id, format, kinds, agents, delay_s, include_content, disabled,
             creator, create_time, update_time)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)",
    )
    .bind(new.channel.uuid())
    .bind(workspace.uuid())
    .bind(new.format)
    .bind(settings.kinds())
    .bind(&settings.agents)
    .bind(settings.delay_s)
    .bind(settings.include_content)
    .bind(settings.disabled)
    .bind(new.creator.uuid())
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO tasks.channel_content (channel_id, workspace_id, display_name, url, credential_id)
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(new.channel.uuid())
    .bind(workspace.uuid())
    .bind(&settings.display_name)
    .bind(&settings.url)
    .bind(new.credential)
    .execute(connection)
    .await
    .map(drop)
}

/// Replaces what people say of a channel that the transaction has locked. Whoever enables it has dealt with why it was not.
pub async fn update(
    connection: &mut PgConnection,
    channel: ChannelId,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.channel
         SET kinds = $2, agents = $3, delay_s = $4, include_content = $5, disabled = $6, update_time = $7,
             revision = revision + 1, disable_reason = CASE WHEN $6 THEN disable_reason ELSE '' END
         WHERE channel_id = $1",
    )
    .bind(channel.uuid())
    .bind(settings.kinds())
    .bind(&settings.agents)
    .bind(settings.delay_s)
    .bind(settings.include_content)
    .bind(settings.disabled)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE tasks.channel_content SET display_name = $2, url = $3 WHERE channel_id = $1")
        .bind(channel.uuid())
        .bind(&settings.display_name)
        .bind(&settings.url)
        .execute(connection)
        .await
        .map(drop)
}

/// What a rotation puts into a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// What may be shown of where it leads.
    pub url: String,
    /// What is secret of it from now on.
    pub credential: Uuid,
    /// The signing secret before, and until when it signs along.
    pub old: Option<(Uuid, OffsetDateTime)>,
}

/// Replaces the secret of a channel that the transaction has locked.
pub async fn rotate(
    connection: &mut PgConnection,
    channel: ChannelId,
    rotated: &Rotated,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE tasks.channel SET update_time = $2, revision = revision + 1 WHERE channel_id = $1")
        .bind(channel.uuid())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    let (old, until) = rotated.old.unzip();
    sqlx::query(
        "UPDATE tasks.channel_content
         SET url = $2, credential_id = $3, old_credential_id = $4, old_secret_expire_time = $5 WHERE channel_id = $1",
    )
    .bind(channel.uuid())
    .bind(&rotated.url)
    .bind(rotated.credential)
    .bind(old)
    .bind(until)
    .execute(connection)
    .await
    .map(drop)
}

/// Deletes a channel that the transaction has locked, with its deliveries.
pub async fn delete(connection: &mut PgConnection, channel: ChannelId) -> Result<(), sqlx::Error> {
    for statement in [
        "DELETE FROM tasks.delivery WHERE channel_id = $1",
        "DELETE FROM tasks.channel_turn WHERE channel_id = $1",
        "DELETE FROM tasks.channel_content WHERE channel_id = $1",
        "DELETE FROM tasks.channel WHERE channel_id = $1",
    ] {
        sqlx::query(statement).bind(channel.uuid()).execute(&mut *connection).await?;
    }
    Ok(())
}
