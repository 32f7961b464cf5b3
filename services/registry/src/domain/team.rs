//! Whom an agent may hand work to: other agents of its workspace, by names that its owner gives them.

use std::collections::HashSet;

use mc_chassis::error::Violations;
use mc_chassis::names;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text::quote;
use super::tools::ToolGrant;

/// The tool that hands work to others.
pub(crate) const DELEGATE: &str = "delegate";
/// Agents that one may hand work to.
pub(crate) const MAX_TEAMMATES: usize = 20;
/// Characters of a name.
pub(crate) const MAX_NAME: usize = 64;
/// Characters of a purpose.
pub(crate) const MAX_PURPOSE: usize = 300;

/// An agent that another one may hand work to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Teammate {
    /// What the agent that delegates calls it.
    pub(crate) name: String,
    /// `workspaces/{workspace}/agents/{agent}`.
    pub(crate) agent: String,
    /// What to give it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) purpose: String,
}

impl Teammate {
    /// The workspace and the agent that it names; none where that is no agent's name.
    pub(crate) fn named(&self) -> Option<(Uuid, Uuid)> {
        names::parse("agent", "workspaces/*/agents/*", &self.agent)
            .ok()
            .map(|[workspace, agent]| (workspace, agent))
    }
}

/// Holds the team of one grant to the rules.
pub(super) fn check(path: &str, grant: &ToolGrant, violations: &mut Violations) {
    let path = format!("{path}.teammates");
    let delegates = grant.tool == DELEGATE;
    if !delegates && !grant.teammates.is_empty() {
        violations.add(path.clone(), "only delegate takes teammates");
    }
    let least = usize::from(delegates);
    if !(least..=MAX_TEAMMATES).contains(&grant.teammates.len()) {
        violations.add(path, format!("must be 1 to {MAX_TEAMMATES} agents that delegate may hand work to"));
        return;
    }
    let mut taken = HashSet::new();
    for (index, teammate) in grant.teammates.iter().enumerate() {
        let path = format!("{path}[{index}]");
        if !is_name(&teammate.name) {
            violations.add(
                format!("{path}.name"),
                format!(
                    "must be a lower case letter, then up to {} of a-z, 0-9, _ and -, not {}",
                    MAX_NAME - 1,
                    quote(&teammate.name)
                ),
            );
        } else if !taken.insert(&teammate.name) {
            violations.add(format!("{path}.name"), format!("{} is taken by another teammate", teammate.name));
        }
        if teammate.named().is_none() {
            violations.add(
                format!("{path}.agent"),
                format!("must be workspaces/{{workspace}}/agents/{{agent}}, not {}", quote(&teammate.agent)),
            );
        }
        violations.line(&format!("{path}.purpose"), &teammate.purpose, MAX_PURPOSE, false);
    }
}

/// Holds teams to the workspace that they are made in.
pub(super) fn check_workspace(
    field: &str,
    grants: &[ToolGrant],
    workspace: Uuid,
    violations: &mut Violations,
) {
    for (at, grant) in grants.iter().enumerate() {
        for (index, teammate) in grant.teammates.iter().enumerate() {
            if teammate.named().is_some_and(|(named, _)| named != workspace) {
                let path = format!("{field}[{at}].teammates[{index}].agent");
                violations.add(path, format!("must be an agent of workspaces/{workspace}"));
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const HOME: Uuid = Uuid::from_u128(1);

    pub(crate) fn bob() -> Teammate {
        let agent = format!("workspaces/{HOME}/agents/{}", Uuid::from_u128(2));
        Teammate { name: "bob".into(), agent, purpose: "Finds things.".into() }
    }

    fn broken(tool: &str, teammates: Vec<Teammate>) -> Vec<String> {
        let mut violations = Violations::default();
        check(
            "tools[0]",
            &ToolGrant { tool: tool.into(), teammates, ..ToolGrant::default() },
            &mut violations,
        );
        violations.into_result().err().unwrap_or_default().into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn team_is_of_delegate_alone_and_is_bounded() {
        let many = |count: usize| {
            (0..count).map(|at| Teammate { name: format!("bob{at}"), ..bob() }).collect::<Vec<_>>()
        };
        for good in [1, MAX_TEAMMATES] {
            assert!(broken(DELEGATE, many(good)).is_empty(), "{good}");
        }
        for bad in [0, MAX_TEAMMATES + 1] {
            assert_eq!(broken(DELEGATE, many(bad)), ["tools[0].teammates"], "{bad}");
        }
        assert_eq!(broken("wait", many(1)), ["tools[0].teammates"]);
        let nameless = Teammate { name: String::new(), ..bob() };
        assert_eq!(broken("wait", vec![nameless]), ["tools[0].teammates", "tools[0].teammates[0].name"]);
        assert!(broken("wait", Vec::new()).is_empty());
    }

    #[test]
    fn each_field_of_a_teammate_is_held_to_its_rule() {
        let named = |name: &str| Teammate { name: name.into(), ..bob() };
        for good in ["b", "bob-2_x", &"b".repeat(MAX_NAME)] {
            assert!(broken(DELEGATE, vec![named(good)]).is_empty(), "{good}");
        }
        for bad in ["", "Bob", "2bob", "-b", "b b", "bö", &"b".repeat(MAX_NAME + 1)] {
            assert_eq!(broken(DELEGATE, vec![named(bad)]), ["tools[0].teammates[0].name"], "{bad}");
        }
        assert_eq!(broken(DELEGATE, vec![bob(), bob()]), ["tools[0].teammates[1].name"]);
        for bad in ["", "bob", "workspaces/x/agents/y", "agents/00000000-0000-0000-0000-000000000002"] {
            let teammate = Teammate { agent: bad.into(), ..bob() };
            assert_eq!(broken(DELEGATE, vec![teammate]), ["tools[0].teammates[0].agent"], "{bad}");
        }
        let purpose = |chars: usize| Teammate { purpose: "é".repeat(chars), ..bob() };
        assert!(broken(DELEGATE, vec![purpose(MAX_PURPOSE)]).is_empty());
        assert_eq!(broken(DELEGATE, vec![purpose(MAX_PURPOSE + 1)]), ["tools[0].teammates[0].purpose"]);
        let lines = Teammate { purpose: "a\nb".into(), ..bob() };
        assert_eq!(broken(DELEGATE, vec![lines]), ["tools[0].teammates[0].purpose"]);
    }

    #[test]
    fn team_is_of_one_workspace() {
        let grants = [ToolGrant { tool: DELEGATE.into(), teammates: vec![bob()], ..ToolGrant::default() }];
        let broken = |workspace| {
            let mut violations = Violations::default();
            check_workspace("agent.spec.tools", &grants, workspace, &mut violations);
            violations.into_result()
        };
        assert!(broken(HOME).is_ok());
        let refused = broken(Uuid::from_u128(9)).expect_err("another's");
        assert_eq!(refused[0].field, "agent.spec.tools[0].teammates[0].agent");
    }
}
