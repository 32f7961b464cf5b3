//! Names of topics: the resource name of what is followed.

use mc_chassis::Failure;

/// A topic that can be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Topic {
    /// The name of the resource, which is also the topic's.
    pub(super) name: String,
    /// `workspaces/{workspace}`.
    pub(super) workspace: String,
    /// What is told of it.
    pub(super) kind: Kind,
}

/// What a topic tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of `workspaces/{workspace}/runs/{run}`: its journal and live text.
    Run,
    /// Of `workspaces/{workspace}`: its activity.
    Activity,
}

/// Reads a topic.
pub(super) fn parse(topic: &str) -> Result<Topic, Failure> {
    let segments: Vec<&str> = topic.split('/').collect();
    let (workspace, kind) = match segments[..] {
        ["workspaces", workspace, "runs", run] if !run.is_empty() => (workspace, Kind::Run),
        ["workspaces", workspace] => (workspace, Kind::Activity),
        _ => return Err(unknown()),
    };
    if workspace.is_empty() {
        return Err(unknown());
    }
    Ok(Topic { name: topic.to_owned(), workspace: format!("workspaces/{workspace}"), kind })
}

fn unknown() -> Failure {
    Failure::invalid("topic", "must be workspaces/{workspace} or workspaces/{workspace}/runs/{run}")
}

/// Reads a cursor: the seq that the events of a topic carry. None where there is no cursor.
pub(super) fn parse_cursor(cursor: Option<&str>) -> Result<Option<i64>, Failure> {
    let Some(text) = cursor.filter(|text| !text.is_empty()) else { return Ok(None) };
    let seq = text.parse().ok().filter(|seq| *seq >= 0);
    seq.map(Some).ok_or_else(|| Failure::invalid("cursor", "must be the cursor of an event of this topic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_read_and_told_apart() {
        let topic = parse("workspaces/w/runs/r").expect("a run");
        assert_eq!((topic.name.as_str(), topic.workspace.as_str()), ("workspaces/w/runs/r", "workspaces/w"));
        assert_eq!(topic.kind, Kind::Run);
        let topic = parse("workspaces/w").expect("a workspace");
        assert_eq!((topic.name.as_str(), topic.workspace.as_str()), ("workspaces/w", "workspaces/w"));
        assert_eq!(topic.kind, Kind::Activity);
        for bad in [
            "",
            "runs/r",
            "workspaces",
            "workspaces/",
            "workspaces/w/",
            "workspaces//runs/r",
            "workspaces/w/runs",
            "workspaces/w/runs/",
            "workspaces/w/runs/r/x",
            "workspaces/w/tasks/t",
        ] {
            assert_eq!(parse(bad).expect_err(bad).violations()[0].field, "topic");
        }
    }

    #[test]
    fn cursor_is_a_seq_or_absent() {
        for (cursor, seq) in [(None, None), (Some(""), None), (Some("0"), Some(0)), (Some("17"), Some(17))] {
            assert_eq!(parse_cursor(cursor).expect("read"), seq);
        }
        for bad in ["-1", "x", "1.5", "99999999999999999999"] {
            assert!(parse_cursor(Some(bad)).is_err(), "{bad}");
        }
    }
}
