//! What people say of a task's place on the board, parsed once: priority, labels, parent, blockers, due time, source.

use mc_chassis::Failure;
use mc_chassis::error::{Violation, Violations};
use mc_proto::tasks::v1 as proto;

use crate::domain::board::label::{self, MAX_LABELS};
use crate::domain::board::source::{self, Source};
use crate::domain::board::{MAX_BLOCKERS, priority};
use crate::domain::id::{TaskId, WorkspaceId};
use crate::rpc::{moment, names};
use crate::store::board::Board;

/// Reads a task's place; the failure names every field that is wrong.
pub(crate) fn parse(workspace: WorkspaceId, task: &proto::Task) -> Result<Board, Failure> {
    let mut wrong = Violations::default();
    let mut note = |failure: &Failure| {
        for Violation { field, description } in failure.violations() {
            wrong.add(field.clone(), description.clone());
        }
    };
    let priority = priority_of("task.priority", task.priority)
        .map(|priority| priority.unwrap_or(priority::NORMAL))
        .inspect_err(&mut note)
        .unwrap_or(priority::NORMAL);
    let labels = labels("task.labels", &task.labels).inspect_err(&mut note).unwrap_or_default();
    let parent = names::optional_task(workspace, "task.parent_task", &task.parent_task)
        .inspect_err(&mut note)
        .unwrap_or_default();
    let blocked_by = blockers(workspace, &task.blocked_by).inspect_err(&mut note).unwrap_or_default();
    let due_time = moment::parse("task.due_time", task.due_time).inspect_err(&mut note).unwrap_or_default();
    let source = task.source.as_ref().map(read_source).transpose().inspect_err(&mut note).unwrap_or_default();
    wrong.into_result().map_err(Failure::invalid_fields)?;
    Ok(Board { priority, labels, parent, blocked_by, due_time, source })
}

/// A `TaskPriority`; none when unspecified.
pub(super) fn priority_of(field: &str, number: i32) -> Result<Option<i16>, Failure> {
    match proto::TaskPriority::try_from(number) {
        Ok(proto::TaskPriority::Unspecified) => Ok(None),
        Ok(priority) => Ok(Some(priority as i16)),
        Err(_) => Err(Failure::invalid(field, "must be a TaskPriority")),
    }
}

/// Labels in their one spelling, each once.
pub(super) fn labels(field: &str, written: &[String]) -> Result<Vec<String>, Failure> {
    if written.len() > MAX_LABELS {
        return Err(Failure::invalid(field, format!("must be at most {MAX_LABELS}")));
    }
    let mut wrong = Violations::default();
    let mut labels = Vec::with_capacity(written.len());
    for (at, label) in written.iter().enumerate() {
        match label::normalise(label) {
            Some(label) => labels.push(label),
            None => wrong.add(
                format!("{field}[{at}]"),
                format!("must have 1 to {} characters, no comma and no control character", label::MAX_CHARS),
            ),
        }
    }
    wrong.into_result().map_err(Failure::invalid_fields)?;
    Ok(label::sorted(labels))
}

fn blockers(workspace: WorkspaceId, written: &[String]) -> Result<Vec<TaskId>, Failure> {
    const FIELD: &str = "task.blocked_by";
    if written.len() > MAX_BLOCKERS {
        return Err(Failure::invalid(FIELD, format!("must be at most {MAX_BLOCKERS}")));
    }
    let mut wrong = Violations::default();
    let mut blockers = Vec::with_capacity(written.len());
    for (at, name) in written.iter().enumerate() {
        let field = format!("{FIELD}[{at}]");
        match names::optional_task(workspace, &field, name) {
            Ok(Some(task)) if blockers.contains(&task) => wrong.add(field, "is there twice"),
            Ok(Some(task)) => blockers.push(task),
            Ok(None) => wrong.add(field, "must be the name of a task"),
            Err(failure) => failure.violations().iter().for_each(|it| wrong.add(&it.field, &it.description)),
        }
    }
    wrong.into_result().map_err(Failure::invalid_fields)?;
    Ok(blockers)
}

fn read_source(written: &proto::TaskSource) -> Result<Source, Failure> {
    let mut wrong = Violations::default();
    if let Err(why) = source::check_url(&written.git_url) {
        wrong.add("task.source.git_url", why);
    }
    if let Err(why) = source::check_ref(&written.git_ref) {
        wrong.add("task.source.git_ref", why);
    }
    wrong.into_result().map_err(Failure::invalid_fields)?;
    Ok(Source { git_url: written.git_url.clone(), git_ref: written.git_ref.clone() })
}

#[cfg(test)]
mod tests {
    use prost_types::Timestamp;
    use uuid::Uuid;

    use super::*;

    const HERE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(7));

    fn name(number: u128) -> String {
        format!("workspaces/{HERE}/tasks/{}", Uuid::from_u128(number))
    }

    #[test]
    fn nothing_said_is_a_normal_task_by_itself() {
        assert_eq!(parse(HERE, &proto::Task::default()).expect("nothing"), Board::default());
    }

    #[test]
    fn every_limit_holds_at_its_edge_and_every_wrong_field_is_named() {
        let labels: Vec<String> = (0..MAX_LABELS).map(|n| format!("L{n}")).collect();
        let full = proto::Task {
            priority: 4,
            labels: labels.clone(),
            parent_task: name(1),
            blocked_by: (1..=MAX_BLOCKERS as u128).map(name).collect(),
            due_time: Some(Timestamp { seconds: 1, nanos: 0 }),
            source: Some(proto::TaskSource { git_url: "https://a.example/b".into(), git_ref: "main".into() }),
            ..Default::default()
        };
        let board = parse(HERE, &full).expect("full");
        assert_eq!(
            (board.labels.len(), board.blocked_by.len(), board.priority),
            (MAX_LABELS, MAX_BLOCKERS, 4)
        );
        assert!(board.labels.iter().all(|label| label.starts_with('l')));

        let of = |change: &dyn Fn(&mut proto::Task)| {
            let mut task = proto::Task::default();
            change(&mut task);
            parse(HERE, &task).expect_err("wrong").violations()[0].field.clone()
        };
        assert_eq!(of(&|task| task.priority = 5), "task.priority");
        assert_eq!(of(&|task| task.labels = vec!["l".into(); MAX_LABELS + 1]), "task.labels");
        assert_eq!(of(&|task| task.labels = vec!["fine".into(), "a,b".into()]), "task.labels[1]");
        assert_eq!(of(&|task| task.parent_task = "x".into()), "task.parent_task");
        assert_eq!(
            of(&|task| task.blocked_by = (0..=MAX_BLOCKERS as u128).map(name).collect()),
            "task.blocked_by"
        );
        assert_eq!(of(&|task| task.blocked_by = vec![name(1), name(1)]), "task.blocked_by[1]");
        assert_eq!(of(&|task| task.blocked_by = vec![String::new()]), "task.blocked_by[0]");
        assert_eq!(of(&|task| task.due_time = Some(Timestamp { seconds: -1, nanos: 0 })), "task.due_time");
        assert_eq!(of(&|task| task.source = Some(proto::TaskSource::default())), "task.source.git_url");
        let elsewhere = format!("workspaces/{}/tasks/{}", Uuid::from_u128(8), Uuid::from_u128(1));
        assert_eq!(of(&|task| task.parent_task = elsewhere.clone()), "task.parent_task");
        assert_eq!(of(&|task| task.blocked_by = vec![elsewhere.clone()]), "task.blocked_by[0]");

        let all = proto::Task {
            priority: 9,
            parent_task: "x".into(),
            labels: vec![String::new()],
            ..Default::default()
        };
        let failure = parse(HERE, &all).expect_err("three");
        let fields: Vec<_> = failure.violations().iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["task.priority", "task.labels[0]", "task.parent_task"]);
    }
}
