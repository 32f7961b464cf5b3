//! Lists of tasks: filters, words, orders, and where a page goes on.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::board::order::{By, Order};
use crate::domain::id::{AgentId, TaskId, WorkspaceId};
use crate::store::task::{Task, columns};

/// Which tasks are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only in this state.
    pub state: Option<i16>,
    /// Only of this agent.
    pub assignee: Option<AgentId>,
    /// Only with all of these.
    pub labels: Vec<String>,
    /// Only parts of this one, or of none.
    pub parent: Option<Parent>,
    /// Only of this priority.
    pub priority: Option<i16>,
    /// Only due then or later.
    pub due_after: Option<OffsetDateTime>,
    /// Only due before.
    pub due_before: Option<OffsetDateTime>,
    /// Only with blockers that are not done, or only without.
    pub blocked: Option<bool>,
    /// Only with these words, as `websearch_to_tsquery` reads them.
    pub words: Option<String>,
}

/// What a listed task is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parent {
    /// Nothing.
    None,
    /// This task.
    Task(TaskId),
}

/// Where a page ends: what the last task has that the order goes by, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// A time, or none where it has none.
    pub time: Option<OffsetDateTime>,
    /// A priority; 0 where the order goes by something else.
    pub priority: i16,
    /// Its id.
    pub task: Uuid,
}

impl Place {
    /// Where a task stands in an order.
    pub fn of(task: &Task, by: By) -> Self {
        let time = match by {
            By::CreateTime | By::Priority => None,
            By::UpdateTime => Some(task.update_time),
            By::DueTime => task.due_time,
        };
        let priority = if by == By::Priority { task.priority } else { 0 };
        Self { time, priority, task: task.task_id }
    }
}

/// True if there is a word in `text` to look for: it is not made of words alone that are too frequent to be kept.
pub async fn has_words(connection: &mut PgConnection, text: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT numnode(websearch_to_tsquery('pg_catalog.english', $1)) > 0")
        .bind(text)
        .fetch_one(connection)
        .await
}

/// Tasks of the transaction's workspace in this order, behind `after`.
pub async fn list(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    order: Order,
    after: Option<Place>,
    limit: i64,
) -> Result<Vec<Task>, sqlx::Error> {
    let mut query = QueryBuilder::new("");
    state(&mut query, workspace, filter, order, after, limit);
    query.build_query_as().fetch_all(connection).await
}

/// The statement of [`list`] and its plan.
#[cfg(test)]
pub(crate) async fn explain(
    connection: &mut PgConnection,
    workspace: WorkspaceId,
    filter: &Filter,
    order: Order,
    after: Option<Place>,
    limit: i64,
) -> Result<(String, String), sqlx::Error> {
    let mut query = QueryBuilder::new("EXPLAIN ");
    state(&mut query, workspace, filter, order, after, limit);
    let sql = String::from(query.sql().as_str());
    let plan: Vec<String> = query.build_query_scalar().fetch_all(connection).await?;
    Ok((sql, plan.join("\n")))
}

fn state(
    query: &mut QueryBuilder<Postgres>,
    workspace: WorkspaceId,
    filter: &Filter,
    order: Order,
    after: Option<Place>,
    limit: i64,
) {
    query.push(columns!("SELECT", "FROM tasks.task WHERE workspace_id = ")).push_bind(workspace.uuid());
    narrow(query, filter);
    let column = match order.by {
        // Ids are UUIDv7.
        By::CreateTime => None,
        By::UpdateTime => Some("update_time"),
        By::DueTime => Some("due_order"),
        By::Priority => Some("priority"),
    };
    let (direction, beyond) = if order.descending { (" DESC", "<") } else { ("", ">") };
    if let Some(after) = after {
        let columns = column.map_or_else(String::new, |column| format!("{column}, "));
        query.push(format!(" AND ({columns}task_id) {beyond} ("));
        match (order.by, after.time) {
            (By::CreateTime, _) => {}
            (By::Priority, _) => {
                query.push_bind(after.priority).push(", ");
            }
            (By::UpdateTime | By::DueTime, Some(time)) => {
                query.push_bind(time).push(", ");
            }
            (By::UpdateTime | By::DueTime, None) => {
                query.push("'infinity'::timestamptz, ");
            }
        }
        query.push_bind(after.task).push(")");
    }
    let columns = column.map_or_else(String::new, |column| format!("{column}{direction}, "));
    query.push(format!(" ORDER BY {columns}task_id{direction} LIMIT ")).push_bind(limit);
}

fn narrow(query: &mut QueryBuilder<Postgres>, filter: &Filter) {
    if let Some(words) = &filter.words {
        query.push(" AND task_id IN (SELECT * FROM tasks.search_tasks(").push_bind(words.clone()).push("))");
    }
    if let Some(state) = filter.state {
        query.push(" AND state = ").push_bind(state);
    }
    if let Some(assignee) = filter.assignee {
        query.push(" AND assignee = ").push_bind(assignee.uuid());
    }
    if let Some(priority) = filter.priority {
        query.push(" AND priority = ").push_bind(priority);
    }
    if !filter.labels.is_empty() {
        query.push(" AND labels @> ").push_bind(filter.labels.clone());
    }
    match filter.parent {
        None => {}
        Some(Parent::None) => {
            query.push(" AND parent_task IS NULL");
        }
        Some(Parent::Task(parent)) => {
            query.push(" AND parent_task = ").push_bind(parent.uuid());
        }
    }
    if let Some(time) = filter.due_after {
        query.push(" AND due_order < 'infinity' AND due_order >= ").push_bind(time);
    }
    if let Some(time) = filter.due_before {
        query.push(" AND due_order < ").push_bind(time);
    }
    if let Some(blocked) = filter.blocked {
        query.push(if blocked { " AND EXISTS" } else { " AND NOT EXISTS" }).push(
            " (SELECT FROM tasks.task_dependency d JOIN tasks.task b ON b.task_id = d.blocker_id
               WHERE d.task_id = task.task_id AND b.state <> 3)",
        );
    }
}
