//! What people say of a task, parsed once: title, brief, assignee, acceptance checks.

use mc_chassis::Failure;
use mc_chassis::error::Violation;
use mc_proto::tasks::v1 as proto;

use crate::domain::id::WorkspaceId;
use crate::rpc::names;
use crate::store::task::Content;

/// Characters of a title at most.
pub(crate) const TITLE_CHARS: usize = 200;
/// Bytes of a brief at most.
pub(crate) const BRIEF_BYTES: usize = 64 * 1024;
/// Acceptance checks at most.
pub(crate) const CHECKS: usize = 20;
/// Characters of one at most.
pub(crate) const CHECK_CHARS: usize = 500;

/// Reads a task's content; the failure names every field that is wrong.
pub(crate) fn parse(workspace: WorkspaceId, task: &proto::Task) -> Result<Content, Failure> {
    let mut violations = Vec::new();
    let mut refuse = |field: String, description: String| violations.push(Violation { field, description });

    if task.title.trim().is_empty() || task.title.chars().count() > TITLE_CHARS {
        refuse("task.title".into(), format!("must have 1 to {TITLE_CHARS} characters, not blanks alone"));
    } else if task.title.chars().any(char::is_control) {
        refuse("task.title".into(), "must be one line without control characters".into());
    }
    if task.brief.len() > BRIEF_BYTES {
        refuse(
            "task.brief".into(),
            format!("must have at most {BRIEF_BYTES} bytes, not {}", task.brief.len()),
        );
    } else if task.brief.contains('\0') {
        refuse("task.brief".into(), "must not contain U+0000".into());
    }
    if task.acceptance_checks.len() > CHECKS {
        refuse("task.acceptance_checks".into(), format!("must be at most {CHECKS}"));
    }
    for (at, check) in task.acceptance_checks.iter().take(CHECKS).enumerate() {
        if check.trim().is_empty() || check.chars().count() > CHECK_CHARS || check.contains('\0') {
            refuse(
                format!("task.acceptance_checks[{at}]"),
                format!("must have 1 to {CHECK_CHARS} characters, not blanks alone and no U+0000"),
            );
        }
    }
    let assignee = match names::optional_agent(workspace, "task.assignee", &task.assignee) {
        Ok(assignee) => assignee,
        Err(failure) => {
            violations.extend(failure.violations().iter().cloned());
            None
        }
    };
    if !violations.is_empty() {
        return Err(Failure::invalid_fields(violations));
    }
    Ok(Content {
        title: task.title.clone(),
        brief: task.brief.clone(),
        assignee,
        acceptance_checks: task.acceptance_checks.clone(),
    })
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const WORKSPACE: WorkspaceId = WorkspaceId::new(Uuid::from_u128(7));

    fn good() -> proto::Task {
        proto::Task { title: "Write the report".into(), ..proto::Task::default() }
    }

    #[test]
    fn every_limit_holds_at_its_edge() {
        let accepted = [
            proto::Task { title: "é".repeat(TITLE_CHARS), ..good() },
            proto::Task { brief: "b".repeat(BRIEF_BYTES), ..good() },
            proto::Task { acceptance_checks: vec!["c".repeat(CHECK_CHARS); CHECKS], ..good() },
            proto::Task {
                assignee: format!("workspaces/{WORKSPACE}/agents/{}", Uuid::from_u128(9)),
                ..good()
            },
        ];
        for task in accepted {
            parse(WORKSPACE, &task).expect("within the limits");
        }
        let refused = [
            ("task.title", proto::Task { title: String::new(), ..good() }),
            ("task.title", proto::Task { title: "  ".into(), ..good() }),
            ("task.title", proto::Task { title: "é".repeat(TITLE_CHARS + 1), ..good() }),
            ("task.title", proto::Task { title: "two\nlines".into(), ..good() }),
            ("task.title", proto::Task { title: "nul\0".into(), ..good() }),
            ("task.brief", proto::Task { brief: "b".repeat(BRIEF_BYTES + 1), ..good() }),
            ("task.brief", proto::Task { brief: "nul\0".into(), ..good() }),
            (
                "task.acceptance_checks",
                proto::Task { acceptance_checks: vec!["c".into(); CHECKS + 1], ..good() },
            ),
            (
                "task.acceptance_checks[1]",
                proto::Task { acceptance_checks: vec!["c".into(), String::new()], ..good() },
            ),
            (
                "task.acceptance_checks[0]",
                proto::Task { acceptance_checks: vec!["c".repeat(CHECK_CHARS + 1)], ..good() },
            ),
            ("task.assignee", proto::Task { assignee: "agents/x".into(), ..good() }),
            (
                "task.assignee",
                proto::Task {
                    assignee: format!("workspaces/{}/agents/{}", Uuid::from_u128(8), Uuid::from_u128(9)),
                    ..good()
                },
            ),
        ];
        for (field, task) in refused {
            let failure = parse(WORKSPACE, &task).expect_err(field);
            assert_eq!(failure.violations()[0].field, field, "{failure}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_at_once() {
        let task = proto::Task { brief: "\0".into(), assignee: "x".into(), ..proto::Task::default() };
        let failure = parse(WORKSPACE, &task).expect_err("three are wrong");
        let fields: Vec<_> = failure.violations().iter().map(|violation| violation.field.as_str()).collect();
        assert_eq!(fields, ["task.title", "task.brief", "task.assignee"]);
    }
}
