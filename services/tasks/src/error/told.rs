//! Refusals that name tasks: by title in the message, by id in the metadata, and no more of them than a reply has room for.

use mc_chassis::Failure;
use tonic::Code;

use super::{TASK_BLOCKED, TASK_CYCLE};
use crate::domain::id::TaskId;

/// Tasks that are named at most: eight ids fit into what a reply has for one fact.
const NAMED: usize = 8;
/// Characters of a title at most.
const TITLE_CHARS: usize = 40;

/// A task as people are told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTask {
    /// Its id.
    pub task: TaskId,
    /// Its title.
    pub title: String,
}

/// How tasks hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tie {
    /// One must be done before the other.
    BlockedBy,
    /// One is a part of the other.
    PartOf,
}

pub(super) fn blocked(name: &str, blockers: &[NamedTask]) -> Failure {
    let named: Vec<String> = blockers.iter().take(NAMED).map(title).collect();
    let (count, more) = (blockers.len(), if blockers.len() > NAMED { " and others" } else { "" });
    let message = format!(
        "{name} waits for {count} that are not done; finish them, or take them out of its blocked_by: {}{more}",
        named.join(", ")
    );
    Failure::new(Code::FailedPrecondition, TASK_BLOCKED, message)
        .with("blockers", ids(blockers.iter().take(NAMED)))
        .with("blocker_count", blockers.len().to_string())
}

/// `tasks` goes from a task around to itself.
pub(super) fn cycle(tie: Tie, tasks: &[NamedTask]) -> Failure {
    let (field, first, then) = match tie {
        Tie::BlockedBy => ("task.blocked_by", " would be blocked by ", ", which is blocked by "),
        Tie::PartOf => ("task.parent_task", " would be a part of ", ", which is a part of "),
    };
    // Of a long way around, its beginning and its end.
    let (head, tail) = if tasks.len() <= NAMED {
        (tasks, &[][..])
    } else {
        (&tasks[..NAMED - 1], &tasks[tasks.len() - 1..])
    };
    let hidden = tasks.len() - head.len() - tail.len();
    let mut message = String::new();
    for (place, task) in head.iter().enumerate() {
        message.push_str(["", first, then][place.min(2)]);
        message.push_str(&title(task));
    }
    for task in tail {
        message += &[", and ", &hidden.to_string(), " more between that and ", &title(task)].concat();
    }
    Failure::new(Code::FailedPrecondition, TASK_CYCLE, message)
        .with("field", field)
        .with("cycle", ids(head.iter().chain(tail)))
        .with("cycle_length", tasks.len().saturating_sub(1).to_string())
}

/// A title in quotation marks, cut.
fn title(task: &NamedTask) -> String {
    let cut: String = task.title.chars().take(TITLE_CHARS).collect();
    let dots = if cut.len() < task.title.len() { "..." } else { "" };
    format!("\"{cut}{dots}\"")
}

fn ids<'a>(tasks: impl Iterator<Item = &'a NamedTask>) -> String {
    tasks.map(|task| task.task.to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn tasks(numbers: impl IntoIterator<Item = u128>) -> Vec<NamedTask> {
        let named =
            |number| NamedTask { task: TaskId::new(Uuid::from_u128(number)), title: format!("T{number}") };
        numbers.into_iter().map(named).collect()
    }

    #[test]
    fn cycle_is_told_by_title_in_order_and_by_id() {
        let failure = cycle(Tie::BlockedBy, &tasks([1, 2, 3, 1]));
        assert_eq!(
            failure.message(),
            "\"T1\" would be blocked by \"T2\", which is blocked by \"T3\", which is blocked by \"T1\""
        );
        let ids = [1, 2, 3, 1].map(|number| Uuid::from_u128(number).to_string());
        assert_eq!((failure.reason(), &failure.metadata()["cycle"]), ("TASK_CYCLE", &ids.join(",")));
        assert_eq!(failure.metadata()["cycle_length"], "3");
        let itself = cycle(Tie::PartOf, &tasks([1, 1]));
        assert_eq!(itself.message(), "\"T1\" would be a part of \"T1\"");
        assert_eq!(itself.metadata()["field"], "task.parent_task");
    }

    #[test]
    fn long_way_around_keeps_its_beginning_and_its_end() {
        let failure = cycle(Tie::BlockedBy, &tasks((1..=40).chain([1])));
        assert!(
            failure.message().ends_with("\"T7\", and 33 more between that and \"T1\""),
            "{}",
            failure.message()
        );
        assert_eq!(failure.metadata()["cycle"].split(',').count(), NAMED);
        assert_eq!(failure.metadata()["cycle_length"], "40");
        let long = NamedTask { title: "é".repeat(200), ..tasks([1]).remove(0) };
        let blocked = blocked("t", &vec![long; 20]);
        assert!(blocked.message().starts_with("t waits for 20 that are not done; "), "{}", blocked.message());
        assert!(blocked.message().ends_with("...\" and others"), "{}", blocked.message());
    }
}
