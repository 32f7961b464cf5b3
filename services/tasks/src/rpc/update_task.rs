//! UpdateTask: changes what people say of a task, and where it stands on the board.

use mc_chassis::auth::Caller;
use mc_chassis::error::both;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{self as proto, UpdateTaskRequest, UpdateTaskResponse};
use prost::Message;
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, placing, task_board, task_content, view};
use crate::store::task;

const FIELDS: [&str; 10] = [
    "title",
    "brief",
    "assignee",
    "acceptance_checks",
    "priority",
    "labels",
    "parent_task",
    "blocked_by",
    "due_time",
    "source",
];

/// Parts of the source that can be changed by themselves.
const PARTS: [&str; 2] = ["source.git_url", "source.git_ref"];

pub(super) async fn update_task(
    api: &Api,
    request: Request<UpdateTaskRequest>,
) -> Result<UpdateTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let mask = request.update_mask.as_ref().map(|mask| mask.paths.clone()).unwrap_or_default();
    let one = OneUpdate { task: request.task.clone(), mask, operation: "UpdateTask", request_id: "" };
    update(api, &caller, one, &request).await
}

/// A change of one task, as it was asked for.
pub(super) struct OneUpdate<'a> {
    pub(super) task: Option<proto::Task>,
    pub(super) mask: Vec<String>,
    /// The RPC, for the idempotency record.
    pub(super) operation: &'static str,
    pub(super) request_id: &'a str,
}

/// Changes one task, in a transaction of its own.
pub(super) async fn update<Q: Message>(
    api: &Api,
    caller: &Caller,
    asked: OneUpdate<'_>,
    request: &Q,
) -> Result<UpdateTaskResponse, Error> {
    let wanted = asked.task.ok_or_else(|| Failure::invalid("task", "is required"))?;
    let (workspace, id) = names::task(caller, "task.name", &wanted.name)?;
    let paths = mask(asked.mask)?;
    let now = api.ambient.clock.now();

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: asked.operation,
        request_id: asked.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, request, now, async |tx| {
        let stored = task::lock(tx, id).await?.ok_or_else(|| Error::NotFound(wanted.name.clone()))?;
        if !wanted.etag.is_empty() && wanted.etag != view::etag(stored.revision) {
            return Err(Error::EtagMismatch(wanted.name.clone()));
        }
        let merged = merge(view::task(&stored), &wanted, &paths);
        let (content, board) =
            both(task_content::parse(workspace, &merged), task_board::parse(workspace, &merged))?;
        placing::place(tx, workspace, &stored, &board).await?;
        let task = task::update(tx, workspace, id, &content, now).await?;
        Ok(UpdateTaskResponse { task: Some(view::task(&task)) })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}

/// The fields to change: those of the mask, or all when it is empty.
fn mask(paths: Vec<String>) -> Result<Vec<String>, Failure> {
    if paths.is_empty() {
        return Ok(FIELDS.map(String::from).to_vec());
    }
    let known = |path: &str| FIELDS.contains(&path) || PARTS.contains(&path);
    match paths.iter().find(|path| !known(path)) {
        Some(path) => Err(Failure::invalid(
            "update_mask",
            format!("may name {}, {}; {path:?} cannot be changed", FIELDS.join(", "), PARTS.join(", ")),
        )),
        None => Ok(paths),
    }
}

fn merge(mut task: proto::Task, wanted: &proto::Task, paths: &[String]) -> proto::Task {
    let source = wanted.source.clone().unwrap_or_default();
    for path in paths {
        match path.as_str() {
            "title" => task.title.clone_from(&wanted.title),
            "brief" => task.brief.clone_from(&wanted.brief),
            "assignee" => task.assignee.clone_from(&wanted.assignee),
            "acceptance_checks" => task.acceptance_checks.clone_from(&wanted.acceptance_checks),
            "priority" => task.priority = wanted.priority,
            "labels" => task.labels.clone_from(&wanted.labels),
            "parent_task" => task.parent_task.clone_from(&wanted.parent_task),
            "blocked_by" => task.blocked_by.clone_from(&wanted.blocked_by),
            "due_time" => task.due_time = wanted.due_time,
            "source" => task.source.clone_from(&wanted.source),
            "source.git_url" => task.source.get_or_insert_default().git_url.clone_from(&source.git_url),
            "source.git_ref" => task.source.get_or_insert_default().git_ref.clone_from(&source.git_ref),
            _ => {}
        }
    }
    task
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_names_what_can_be_changed_and_empty_means_all() {
        assert_eq!(mask(Vec::new()).expect("all").len(), FIELDS.len());
        assert_eq!(mask(vec!["brief".into()]).expect("one"), ["brief"]);
        for path in ["state", "name", "task.title", "open_blockers", "comment_count", "*", ""] {
            let failure = mask(vec!["title".into(), path.into()]).expect_err(path);
            assert_eq!(failure.violations()[0].field, "update_mask");
        }
    }

    #[test]
    fn merge_changes_what_the_mask_names_and_nothing_else() {
        let wanted = proto::Task {
            title: "t".into(),
            brief: "b".into(),
            assignee: "a".into(),
            acceptance_checks: vec!["c".into()],
            priority: 3,
            labels: vec!["l".into()],
            parent_task: "p".into(),
            blocked_by: vec!["k".into()],
            due_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            source: Some(proto::TaskSource::default()),
            ..proto::Task::default()
        };
        let mut by_one = proto::Task::default();
        for path in FIELDS {
            let merged = merge(proto::Task::default(), &wanted, &[path.to_owned()]);
            assert_ne!(merged, proto::Task::default(), "{path}");
            let before = by_one.clone();
            by_one = merge(by_one, &wanted, &[path.to_owned()]);
            assert_ne!(by_one, before, "{path} changes what the others do not");
        }
        assert_eq!(by_one, wanted, "the fields of the mask are all that can be changed");

        let source = |url: &str, name: &str| proto::TaskSource { git_url: url.into(), git_ref: name.into() };
        let task = |source| proto::Task { source: Some(source), ..proto::Task::default() };
        for (path, merged) in
            [("source.git_url", source("new", "old")), ("source.git_ref", source("old", "new"))]
        {
            let paths = mask(vec![path.into()]).expect(path);
            assert_eq!(merge(task(source("old", "old")), &task(source("new", "new")), &paths), task(merged));
        }
    }
}
