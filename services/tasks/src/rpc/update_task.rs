//! UpdateTask: changes what people say of a task.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{self as proto, UpdateTaskRequest, UpdateTaskResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, task_content, view};
use crate::store::task;

const FIELDS: [&str; 4] = ["title", "brief", "assignee", "acceptance_checks"];

pub(super) async fn update_task(
    api: &Api,
    request: Request<UpdateTaskRequest>,
) -> Result<UpdateTaskResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let wanted = request.task.ok_or_else(|| Failure::invalid("task", "is required"))?;
    let (workspace, id) = names::task(&caller, "task.name", &wanted.name)?;
    let paths = mask(request.update_mask.map(|mask| mask.paths).unwrap_or_default())?;

    let mut tx = api.database.begin(workspace.uuid()).await?;
    let stored = task::lock(&mut tx, id).await?.ok_or_else(|| Error::NotFound(wanted.name.clone()))?;
    if !wanted.etag.is_empty() && wanted.etag != view::etag(stored.revision) {
        return Err(Error::EtagMismatch(wanted.name));
    }
    let merged = merge(view::task(&stored), wanted, &paths);
    let content = task_content::parse(workspace, &merged)?;
    let task = task::update(&mut tx, workspace, id, &content, api.ambient.clock.now()).await?;
    tx.commit().await?;
    Ok(UpdateTaskResponse { task: Some(view::task(&task)) })
}

/// The fields to change: those of the mask, or all when it is empty.
fn mask(paths: Vec<String>) -> Result<Vec<String>, Failure> {
    if paths.is_empty() {
        return Ok(FIELDS.map(String::from).to_vec());
    }
    match paths.iter().find(|path| !FIELDS.contains(&path.as_str())) {
        Some(path) => Err(Failure::invalid(
            "update_mask",
            format!("may name {}; {path:?} cannot be changed", FIELDS.join(", ")),
        )),
        None => Ok(paths),
    }
}

fn merge(mut task: proto::Task, wanted: proto::Task, paths: &[String]) -> proto::Task {
    for path in paths {
        match path.as_str() {
            "title" => task.title.clone_from(&wanted.title),
            "brief" => task.brief.clone_from(&wanted.brief),
            "assignee" => task.assignee.clone_from(&wanted.assignee),
            "acceptance_checks" => task.acceptance_checks.clone_from(&wanted.acceptance_checks),
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
        for path in ["state", "name", "task.title", "*", ""] {
            let failure = mask(vec!["title".into(), path.into()]).expect_err(path);
            assert_eq!(failure.violations()[0].field, "update_mask");
        }
    }

    #[test]
    fn merge_changes_what_the_mask_names_and_nothing_else() {
        let stored = proto::Task { title: "old".into(), brief: "old".into(), ..proto::Task::default() };
        let wanted = proto::Task { title: "new".into(), brief: "new".into(), ..proto::Task::default() };
        let merged = merge(stored, wanted, &["brief".to_owned()]);
        assert_eq!((merged.title.as_str(), merged.brief.as_str()), ("old", "new"));
    }
}
