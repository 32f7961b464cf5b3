//! A team member: who it is to people, and the draft that the next publish freezes.

use mc_chassis::error::Violation;
use time::OffsetDateTime;
use uuid::Uuid;

use super::spec::Spec;
use super::team;
use mc_chassis::error::Violations;

mc_chassis::id_type!(
    /// A team member.
    AgentId
);

/// Characters of a name.
pub(crate) const MAX_NAME: usize = 80;
/// Characters of a role.
pub(crate) const MAX_ROLE: usize = 120;
/// Characters of an avatar.
pub(crate) const MAX_AVATAR: usize = 500;
/// Characters of an emoji: the longest joined ones have ten.
const MAX_EMOJI: usize = 16;

/// What people write about a team member.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Profile {
    pub(crate) display_name: String,
    pub(crate) role: String,
    pub(crate) avatar: String,
    pub(crate) spec: Spec,
}

impl Profile {
    /// Holds every field to its rule; each broken one is named under `agent.`.
    pub(crate) fn check(&self) -> Result<(), Vec<Violation>> {
        let mut violations = Violations::default();
        violations.line("agent.display_name", &self.display_name, MAX_NAME, true);
        violations.line("agent.role", &self.role, MAX_ROLE, false);
        if !is_avatar(&self.avatar) {
            violations.add(
                "agent.avatar",
                format!("must be an emoji or an https URL of at most {MAX_AVATAR} characters"),
            );
        }
        self.spec.check("agent.spec", &mut violations);
        violations.into_result()
    }

    /// Holds it to the workspace that it is in: nobody hands work to another workspace's agents.
    pub(crate) fn check_workspace(&self, workspace: Uuid) -> Result<(), Vec<Violation>> {
        let mut violations = Violations::default();
        team::check_workspace("agent.spec.tools", &self.spec.tools, workspace, &mut violations);
        violations.into_result()
    }
}

fn is_avatar(avatar: &str) -> bool {
    let unprintable = |it: char| it.is_control() || it.is_whitespace();
    if avatar.is_empty() {
        return true;
    }
    if avatar.contains(unprintable) {
        return false;
    }
    match avatar.strip_prefix("https://") {
        Some(rest) => {
            avatar.chars().count() <= MAX_AVATAR && rest.starts_with(|it: char| it.is_alphanumeric())
        }
        None => {
            avatar.chars().count() <= MAX_EMOJI
                && !avatar.is_ascii()
                && !avatar.chars().any(|it| it.is_alphabetic() && !('\u{1f100}'..='\u{1f1ff}').contains(&it))
        }
    }
}

/// A team member as it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Agent {
    pub(crate) workspace: Uuid,
    pub(crate) id: AgentId,
    pub(crate) profile: Profile,
    /// Number of the newest version; 0 while none is published.
    pub(crate) latest_version: i32,
    /// Rises with every change.
    pub(crate) revision: i64,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

impl Agent {
    /// `workspaces/{workspace}/agents/{agent}`.
    pub(crate) fn name(&self) -> String {
        agent_name(self.workspace, self.id)
    }

    /// Changes with every update.
    pub(crate) fn etag(&self) -> String {
        format!("r{}", self.revision)
    }
}

/// `workspaces/{workspace}/agents/{agent}`.
pub(crate) fn agent_name(workspace: Uuid, id: AgentId) -> String {
    format!("workspaces/{workspace}/agents/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile() -> Profile {
        Profile {
            display_name: "Ada".into(),
            spec: Spec {
                instructions: "Be brief.".into(),
                model: "simulator/demo".into(),
                ..Spec::default()
            },
            ..Profile::default()
        }
    }

    fn broken(profile: &Profile) -> Vec<String> {
        profile.check().err().unwrap_or_default().into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn name_and_role_are_held_at_their_edges() {
        let name = |it: String| broken(&Profile { display_name: it, ..profile() });
        let role = |it: String| broken(&Profile { role: it, ..profile() });
        assert!(
            name("é".repeat(MAX_NAME)).is_empty()
                && role(String::new()).is_empty()
                && role("é".repeat(MAX_ROLE)).is_empty()
        );
        assert_eq!(name("é".repeat(MAX_NAME + 1)), ["agent.display_name"]);
        assert_eq!(name(String::new()), ["agent.display_name"]);
        assert_eq!(role("é".repeat(MAX_ROLE + 1)), ["agent.role"]);
    }

    #[test]
    fn avatar_is_an_emoji_or_an_https_url() {
        let avatar = |it: &str| broken(&Profile { avatar: it.into(), ..profile() });
        let url = |length: usize| format!("https://{}", "a".repeat(length - 8));
        for good in ["", "🚀", "👩🏽‍🚀", "1️⃣", "🇦🇹", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "https://a.example/x.png", &url(MAX_AVATAR)]
        {
            assert!(avatar(good).is_empty(), "{good}");
        }
        for bad in [
            "http://a.example",
            "javascript:x",
            "A",
            "Ä",
            "1",
            "🚀 🚀",
            "https://",
            "https://a b",
            &url(MAX_AVATAR + 1),
        ] {
            assert_eq!(avatar(bad), ["agent.avatar"], "{bad}");
        }
        assert_eq!(avatar(&"🚀".repeat(MAX_EMOJI + 1)), ["agent.avatar"]);
    }

    #[test]
    fn empty_profile_names_all_that_is_missing() {
        assert_eq!(
            broken(&Profile::default()),
            ["agent.display_name", "agent.spec.instructions", "agent.spec.model"]
        );
    }
}
