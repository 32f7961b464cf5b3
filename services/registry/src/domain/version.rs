//! Published versions: numbered from 1, never changed.

use time::OffsetDateTime;
use uuid::Uuid;

use super::agent::{AgentId, agent_name};
use super::spec::Spec;

/// A published version of an agent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Version {
    pub(crate) workspace: Uuid,
    pub(crate) agent: AgentId,
    pub(crate) number: i32,
    /// The agent's name when it was published.
    pub(crate) display_name: String,
    pub(crate) spec: Spec,
    /// Who published it.
    pub(crate) publisher: Uuid,
    pub(crate) note: String,
    pub(crate) create_time: OffsetDateTime,
}

impl Version {
    /// `workspaces/{workspace}/agents/{agent}/versions/{version}`.
    pub(crate) fn name(&self) -> String {
        format!("{}/versions/{}", agent_name(self.workspace, self.agent), self.number)
    }
}

/// Which version a name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionRef {
    /// The newest.
    Latest,
    /// The one with this number.
    Number(i32),
}

impl VersionRef {
    /// Reads the last segment of a version's name. A number has one spelling: no sign, no leading zero.
    pub(crate) fn parse(segment: &str) -> Option<Self> {
        if segment == "latest" {
            return Some(Self::Latest);
        }
        let number: i32 = segment.parse().ok()?;
        (number >= 1 && number.to_string() == segment).then_some(Self::Number(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_latest_or_a_number_in_its_one_spelling() {
        assert_eq!(VersionRef::parse("latest"), Some(VersionRef::Latest));
        assert_eq!(VersionRef::parse("1"), Some(VersionRef::Number(1)));
        assert_eq!(VersionRef::parse("2147483647"), Some(VersionRef::Number(i32::MAX)));
        for bad in ["", "0", "-1", "+1", "01", "1.0", "Latest", "2147483648", "1 "] {
            assert_eq!(VersionRef::parse(bad), None, "{bad}");
        }
    }
}
