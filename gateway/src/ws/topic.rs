//! Names of topics: the resource name of what is followed.

use mc_chassis::Failure;
use tonic::Code;

/// Reason: the topic is planned and not offered yet.
const TOPIC_NOT_OFFERED: &str = "TOPIC_NOT_OFFERED";

/// A topic that can be subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunTopic {
    /// `workspaces/{workspace}/runs/{run}`, which is also the run's name.
    pub(super) name: String,
    /// `workspaces/{workspace}`.
    pub(super) workspace: String,
}

/// Reads a topic.
pub(super) fn parse(topic: &str) -> Result<RunTopic, Failure> {
    let segments: Vec<&str> = topic.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return Err(unknown());
    }
    match segments[..] {
        ["workspaces", workspace, "runs", _] => {
            Ok(RunTopic { name: topic.to_owned(), workspace: format!("workspaces/{workspace}") })
        }
        ["workspaces", _] => Err(Failure::new(
            Code::Unimplemented,
            TOPIC_NOT_OFFERED,
            "events of a whole workspace are not offered yet; subscribe to its runs: workspaces/{workspace}/runs/{run}",
        )),
        _ => Err(unknown()),
    }
}

fn unknown() -> Failure {
    Failure::invalid("topic", "must be workspaces/{workspace}/runs/{run}")
}

/// Reads a cursor of a run: the seq that its events carry.
pub(super) fn parse_cursor(cursor: Option<&str>) -> Result<i64, Failure> {
    let Some(text) = cursor.filter(|text| !text.is_empty()) else { return Ok(0) };
    let seq = text.parse().ok().filter(|seq| *seq >= 0);
    seq.ok_or_else(|| Failure::invalid("cursor", "must be the cursor of an event of this topic"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_topics_are_read_and_others_are_told_apart() {
        let topic = parse("workspaces/w/runs/r").expect("a run");
        assert_eq!((topic.name.as_str(), topic.workspace.as_str()), ("workspaces/w/runs/r", "workspaces/w"));
        assert_eq!(parse("workspaces/w").expect_err("not offered").reason(), TOPIC_NOT_OFFERED);
        for bad in [
            "",
            "runs/r",
            "workspaces//runs/r",
            "workspaces/w/runs/",
            "workspaces/w/runs/r/x",
            "workspaces/w/tasks/t",
        ] {
            assert_eq!(parse(bad).expect_err(bad).violations()[0].field, "topic");
        }
    }

    #[test]
    fn cursor_is_a_seq_or_absent() {
        for (cursor, seq) in [(None, 0), (Some(""), 0), (Some("0"), 0), (Some("17"), 17)] {
            assert_eq!(parse_cursor(cursor).expect("read"), seq);
        }
        for bad in ["-1", "x", "1.5", "99999999999999999999"] {
            assert!(parse_cursor(Some(bad)).is_err(), "{bad}");
        }
    }
}
