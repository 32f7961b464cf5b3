//! Rows of `identity.workspace` and `identity.membership`.

use mc_chassis::auth::Role;
use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::workspace::{Membership, Workspace, role, role_text};
use crate::error::Error;

#[derive(sqlx::FromRow)]
struct Row {
    workspace_id: Uuid,
    display_name: String,
    revision: i64,
    create_time: OffsetDateTime,
    update_time: OffsetDateTime,
}

impl From<Row> for Workspace {
    fn from(row: Row) -> Self {
        Self {
            id: row.workspace_id,
            display_name: row.display_name,
            revision: row.revision,
            create_time: row.create_time,
            update_time: row.update_time,
        }
    }
}

/// Adds a workspace. The transaction is about it.
pub(crate) async fn insert(
    tx: &mut PgConnection,
    id: Uuid,
    display_name: &str,
    now: OffsetDateTime,
) -> Result<Workspace, sqlx::Error> {
    let row: Row = sqlx::query_as(
        "INSERT INTO identity.workspace (workspace_id, display_name, create_time, update_time)
         VALUES ($1, $2, $3, $3) RETURNING *",
    )
    .bind(id)
    .bind(display_name)
    .bind(now)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Adds a member. The transaction is about the workspace.
pub(crate) async fn insert_member(
    tx: &mut PgConnection,
    workspace: Uuid,
    user: Uuid,
    role: Role,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO identity.membership (workspace_id, user_id, role, create_time) VALUES ($1, $2, $3, $4)",
    )
    .bind(workspace)
    .bind(user)
    .bind(role_text(role))
    .bind(now)
    .execute(tx)
    .await
    .map(drop)
}

/// Reads a workspace.
pub(crate) async fn read(tx: &mut PgConnection, id: Uuid) -> Result<Option<Workspace>, sqlx::Error> {
    let row: Option<Row> = sqlx::query_as("SELECT * FROM identity.workspace WHERE workspace_id = $1")
        .bind(id)
        .fetch_optional(tx)
        .await?;
    Ok(row.map(Workspace::from))
}

/// Reads it and keeps others from changing it until the transaction ends.
pub(crate) async fn lock(tx: &mut PgConnection, id: Uuid) -> Result<Option<Workspace>, sqlx::Error> {
    let row: Option<Row> =
        sqlx::query_as("SELECT * FROM identity.workspace WHERE workspace_id = $1 FOR NO KEY UPDATE")
            .bind(id)
            .fetch_optional(tx)
            .await?;
    Ok(row.map(Workspace::from))
}

/// Gives a workspace another name.
pub(crate) async fn rename(
    tx: &mut PgConnection,
    id: Uuid,
    display_name: &str,
    now: OffsetDateTime,
) -> Result<Workspace, sqlx::Error> {
    let row: Row = sqlx::query_as(
        "UPDATE identity.workspace SET display_name = $2, update_time = $3, revision = revision + 1
         WHERE workspace_id = $1 RETURNING *",
    )
    .bind(id)
    .bind(display_name)
    .bind(now)
    .fetch_one(tx)
    .await?;
    Ok(row.into())
}

/// Lists the workspaces of a person (only `only`, if given) behind `after`, oldest first.
pub(crate) async fn list(
    tx: &mut PgConnection,
    user: Uuid,
    only: Option<Uuid>,
    after: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Workspace>, sqlx::Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT w.* FROM identity.workspace w JOIN identity.membership m USING (workspace_id)
         WHERE m.user_id = $1
           AND ($2::uuid IS NULL OR w.workspace_id = $2)
           AND ($3::uuid IS NULL OR w.workspace_id > $3)
         ORDER BY w.workspace_id LIMIT $4",
    )
    .bind(user)
    .bind(only)
    .bind(after)
    .bind(limit)
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().map(Workspace::from).collect())
}

/// Memberships of a person (only in `only`, if given), oldest first.
pub(crate) async fn memberships(
    tx: &mut PgConnection,
    user: Uuid,
    only: Option<Uuid>,
) -> Result<Vec<Membership>, Error> {
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(
        "SELECT m.workspace_id, w.display_name, m.role
         FROM identity.membership m JOIN identity.workspace w USING (workspace_id)
         WHERE m.user_id = $1 AND ($2::uuid IS NULL OR m.workspace_id = $2)
         ORDER BY m.create_time, m.workspace_id",
    )
    .bind(user)
    .bind(only)
    .fetch_all(tx)
    .await?;
    rows.into_iter()
        .map(|(workspace, workspace_display_name, text)| {
            let role = role(&text).ok_or(Error::Stored("role"))?;
            Ok(Membership { workspace, workspace_display_name, role })
        })
        .collect()
}

/// A person's role in a workspace.
pub(crate) async fn role_in(
    tx: &mut PgConnection,
    workspace: Uuid,
    user: Uuid,
) -> Result<Option<Role>, Error> {
    let text: Option<String> =
        sqlx::query_scalar("SELECT role FROM identity.membership WHERE workspace_id = $1 AND user_id = $2")
            .bind(workspace)
            .bind(user)
            .fetch_optional(tx)
            .await?;
    text.map(|text| role(&text).ok_or(Error::Stored("role"))).transpose()
}
