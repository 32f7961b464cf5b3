//! Workspaces and who belongs to them.

use mc_chassis::auth::Role;
use time::OffsetDateTime;
use uuid::Uuid;

/// A tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workspace {
    pub(crate) id: Uuid,
    pub(crate) display_name: String,
    /// Rises with every change.
    pub(crate) revision: i64,
    pub(crate) create_time: OffsetDateTime,
    pub(crate) update_time: OffsetDateTime,
}

impl Workspace {
    /// Changes with every update.
    pub(crate) fn etag(&self) -> String {
        format!("r{}", self.revision)
    }
}

/// One person's place in one workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) workspace: Uuid,
    pub(crate) workspace_display_name: String,
    pub(crate) role: Role,
}

/// A role as it is stored.
pub(crate) const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Viewer => "viewer",
        Role::Operator => "operator",
        Role::Admin => "admin",
        Role::Owner => "owner",
    }
}

/// Reads a stored role.
pub(crate) fn role(text: &str) -> Option<Role> {
    [Role::Viewer, Role::Operator, Role::Admin, Role::Owner].into_iter().find(|role| role_text(*role) == text)
}
