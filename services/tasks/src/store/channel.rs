//! Channels as people see and change them.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::id::{ChannelId, UserId, WorkspaceId};
use crate::domain::notice::NoticeKind;

/// Channels of a workspace at most, but for its members' own.
pub const LIMIT: i64 = 100;
/// A member's own channels in one workspace at most.
pub const OWN_LIMIT: i64 = 5;

/// Numbers of `ChannelFormat`.
pub mod format {
    /// A Standard Webhook.
    pub const WEBHOOK: i16 = 1;
    /// Slack's incoming webhook.
    pub const SLACK: i16 = 2;
    /// Mail.
    pub const MAIL: i16 = 3;
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
    /// Whose own it is; the workspace's if none.
    pub owner: Option<Uuid>,
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
    /// What is secret of it, in identity's vault; none of mail.
    pub credential_id: Option<Uuid>,
    /// The signing secret before the last rotation.
    pub old_credential_id: Option<Uuid>,
    /// Until when it signs along.
    pub old_secret_expire_time: Option<OffsetDateTime>,
    /// Zone of its quiet hours; with the next three all or none.
    pub quiet_zone: Option<String>,
    /// From when it is quiet, in minutes of the day.
    pub quiet_start_min: Option<i16>,
    /// Until when.
    pub quiet_end_min: Option<i16>,
    /// On which days that begins: 1 Monday to 7 Sunday.
    pub quiet_days: Option<Vec<i16>>,
    /// Numbers of what cannot wait.
    pub urgent_kinds: Vec<i16>,
    /// Seconds for which what happens is gathered.
    pub digest_s: i32,
}

/// When a channel is quiet, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quiet {
    /// A zone of the IANA database.
    pub zone: String,
    /// When it begins, in minutes of the day.
    pub start_min: i16,
    /// When it ends.
    pub end_min: i16,
    /// On which days it begins: 1 Monday to 7 Sunday; one at least.
    pub days: Vec<i16>,
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
    /// When it is quiet; never if none.
    pub quiet: Option<Quiet>,
    /// What cannot wait.
    pub urgent: Vec<NoticeKind>,
    /// Seconds for which what happens is gathered.
    pub digest_s: i32,
}

fn numbers(kinds: &[NoticeKind]) -> Vec<i16> {
    kinds.iter().map(|kind| kind.number()).collect()
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT s.channel_id, s.workspace_id, s.format, s.kinds, s.agents, s.delay_s, s.include_content, s.disabled, ",
            "s.disable_reason, s.creator, s.create_time, s.update_time, s.revision, c.display_name, c.url, c.credential_id, ",
            "c.old_credential_id, c.old_secret_expire_time, s.owner, s.quiet_zone, s.quiet_start_min, s.quiet_end_min, ",
            "s.quiet_days, s.urgent_kinds, s.digest_s FROM tasks.channel s JOIN tasks.channel_content c USING (channel_id) ",
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

/// Channels of the transaction's workspace and the person's own, newest first, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    person: UserId,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Channel>, sqlx::Error> {
    sqlx::query_as(select!(
        "WHERE s.workspace_id = $1 AND ($2::uuid IS NULL OR s.channel_id < $2) AND (s.owner IS NULL OR s.owner = $4)
         ORDER BY s.channel_id DESC LIMIT $3"
    ))
    .bind(workspace.uuid())
    .bind(after)
    .bind(limit)
    .bind(person.uuid())
    .fetch_all(connection)
    .await
}

/// How many channels the transaction's workspace has, or somebody of their own there. Nobody adds one until the transaction ends.
pub async fn count(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    owner: Option<UserId>,
) -> Result<i64, sqlx::Error> {
    let (_, low) = workspace.uuid().as_u64_pair();
    // Of the transaction, so that it passes a pool; two workspaces with one key wait for each other and no more.
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(low as i64).execute(&mut *connection).await?;
    sqlx::query_scalar(
        "SELECT count(*) FROM tasks.channel WHERE workspace_id = $1 AND owner IS NOT DISTINCT FROM $2",
    )
    .bind(workspace.uuid())
    .bind(owner.map(UserId::uuid))
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
    /// What is secret of it; none of mail.
    pub credential: Option<Uuid>,
    /// Who makes it.
    pub creator: UserId,
    /// Whose own it is; the workspace's if none.
    pub owner: Option<UserId>,
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
             creator, create_time, update_time, owner, urgent_kinds, digest_s, quiet_zone, quiet_start_min, quiet_end_min,
             quiet_days)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13, $14, $15, $16, $17)",
    )
    .bind(new.channel.uuid())
    .bind(workspace.uuid())
    .bind(new.format)
    .bind(numbers(&settings.kinds))
    .bind(&settings.agents)
    .bind(settings.delay_s)
    .bind(settings.include_content)
    .bind(settings.disabled)
    .bind(new.creator.uuid())
    .bind(now)
    .bind(new.owner.map(UserId::uuid))
    .bind(numbers(&settings.urgent))
    .bind(settings.digest_s)
    .bind(settings.quiet.as_ref().map(|quiet| &quiet.zone))
    .bind(settings.quiet.as_ref().map(|quiet| quiet.start_min))
    .bind(settings.quiet.as_ref().map(|quiet| quiet.end_min))
    .bind(settings.quiet.as_ref().map(|quiet| &quiet.days))
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

/// Replaces what people say of a channel that the transaction has locked. Whoever enables it has dealt with why it was not. What
/// waits for its quiet hours to end or for others is due, so that it is looked at by what holds now.
pub async fn update(
    connection: &mut PgConnection,
    channel: ChannelId,
    settings: &Settings,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE tasks.channel
         SET kinds = $2, agents = $3, delay_s = $4, include_content = $5, disabled = $6, update_time = $7,
             revision = revision + 1, disable_reason = CASE WHEN $6 THEN disable_reason ELSE '' END,
             urgent_kinds = $8, digest_s = $9, quiet_zone = $10, quiet_start_min = $11, quiet_end_min = $12, quiet_days = $13
         WHERE channel_id = $1",
    )
    .bind(channel.uuid())
    .bind(numbers(&settings.kinds))
    .bind(&settings.agents)
    .bind(settings.delay_s)
    .bind(settings.include_content)
    .bind(settings.disabled)
    .bind(now)
    .bind(numbers(&settings.urgent))
    .bind(settings.digest_s)
    .bind(settings.quiet.as_ref().map(|quiet| &quiet.zone))
    .bind(settings.quiet.as_ref().map(|quiet| quiet.start_min))
    .bind(settings.quiet.as_ref().map(|quiet| quiet.end_min))
    .bind(settings.quiet.as_ref().map(|quiet| &quiet.days))
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE tasks.delivery SET due_time = $2
         WHERE channel_id = $1 AND state = 1 AND held AND attempts = 0 AND due_time > $2",
    )
    .bind(channel.uuid())
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
