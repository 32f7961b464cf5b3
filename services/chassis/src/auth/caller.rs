//! The caller of an RPC, as the service that is called knows it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::auth::roles;
use crate::{Failure, names};

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// A person, through a session or an API token.
    Person(Person),
    /// A service on its own account.
    Service(Service),
    /// A service that works for a run.
    Run(RunAssertion),
}

/// A person in at most one workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// The account.
    pub user: Uuid,
    /// The workspace that the call is about; absent for calls about none.
    pub workspace: Option<Uuid>,
    /// The person's role there; present if and only if `workspace` is.
    pub role: Option<Role>,
    /// Permissions that the bearer is narrowed to (`tasks.run.read` or `tasks.*`); not narrowed when empty.
    pub scopes: Vec<String>,
    /// The session or API token that stands behind the call.
    pub session: Uuid,
}

/// A service, in one workspace if it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// `gateway`, `identity`, `registry`, `tasks` or `llm`.
    pub name: String,
    /// The workspace that the call is about.
    pub workspace: Option<Uuid>,
}

/// What a worker asserts about the run it works for. Permission was checked when the run started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunAssertion {
    /// The service that asserts it.
    pub service: String,
    /// The run's workspace.
    pub workspace: Uuid,
    /// The run.
    pub run: Uuid,
    /// `workspaces/{workspace}/agents/{agent}/versions/{version}` that it is pinned to.
    pub agent_version: String,
    /// The person who started it.
    pub started_by: Uuid,
}

/// What a member may do; each role holds all that the ones before it hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees everything but secrets.
    Viewer,
    /// Starts and steers work.
    Operator,
    /// Changes agents, providers, credentials and members.
    Admin,
    /// May also hand over or delete the workspace.
    Owner,
}

impl Caller {
    /// The caller that the auth layer found. Absent only on RPCs that are public, and there it is UNAUTHENTICATED.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<Self, Failure> {
        request
            .extensions()
            .get::<Self>()
            .cloned()
            .ok_or_else(|| Failure::unauthenticated("this call needs a signed-in caller"))
    }

    /// Whether the caller holds a permission.
    pub fn may(&self, permission: &str) -> bool {
        match self {
            Self::Person(person) => {
                person.role.is_some_and(|role| roles::role_grants(role, permission))
                    && in_scope(&person.scopes, permission)
            }
            Self::Service(service) => roles::service_grants(&service.name, permission),
            Self::Run(run) => roles::service_grants(&run.service, permission),
        }
    }

    /// The workspace that the call is about.
    pub fn workspace(&self) -> Option<Uuid> {
        match self {
            Self::Person(person) => person.workspace,
            Self::Service(service) => service.workspace,
            Self::Run(run) => Some(run.workspace),
        }
    }

    /// NOT_FOUND unless the call is about this workspace: of another one the caller learns nothing.
    pub fn in_workspace(&self, workspace: Uuid) -> Result<(), Failure> {
        if self.workspace() == Some(workspace) {
            Ok(())
        } else {
            Err(Failure::not_found(names::workspace(workspace)))
        }
    }

    /// The person behind the call: the caller, or who started the run. PERMISSION_DENIED for a service on its own.
    pub fn user(&self) -> Result<Uuid, Failure> {
        match self {
            Self::Person(person) => Ok(person.user),
            Self::Run(run) => Ok(run.started_by),
            Self::Service(_) => Err(Failure::new(
                tonic::Code::PermissionDenied,
                crate::error::reason::PERMISSION_DENIED,
                "only a person may do this",
            )),
        }
    }

    /// Who acts, for records: `users/{user}`, `services/{service}` or `runs/{run}`.
    pub fn actor(&self) -> String {
        match self {
            Self::Person(person) => names::user(person.user),
            Self::Service(service) => format!("services/{}", service.name),
            Self::Run(run) => format!("runs/{}", run.run),
        }
    }
}

/// Whether `permission` is inside `scopes`; no scopes at all narrow nothing.
fn in_scope(scopes: &[String], permission: &str) -> bool {
    let covers = |scope: &String| match scope.strip_suffix('*') {
        Some(prefix) => permission.starts_with(prefix),
        None => permission == scope,
    };
    scopes.is_empty() || scopes.iter().any(covers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(role: Role, scopes: &[&str]) -> Caller {
        Caller::Person(Person {
            user: Uuid::from_u128(1),
            workspace: Some(Uuid::from_u128(2)),
            role: Some(role),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            session: Uuid::from_u128(3),
        })
    }

    #[test]
    fn roles_hold_what_lower_ones_hold_and_no_more() {
        assert!(person(Role::Viewer, &[]).may("tasks.run.read"));
        assert!(!person(Role::Viewer, &[]).may("tasks.task.start"));
        assert!(person(Role::Operator, &[]).may("tasks.task.start"));
        assert!(!person(Role::Operator, &[]).may("registry.agent.write"));
        assert!(person(Role::Owner, &[]).may("registry.agent.write"));
        assert!(
            !person(Role::Owner, &[]).may("identity.credential.resolve"),
            "secrets are for services alone"
        );
    }

    #[test]
    fn scopes_narrow_and_never_widen() {
        assert!(person(Role::Operator, &["tasks.*"]).may("tasks.task.start"));
        assert!(!person(Role::Operator, &["tasks.*"]).may("llm.usage.read"));
        assert!(!person(Role::Operator, &["tasks.run.read"]).may("tasks.task.start"));
        assert!(!person(Role::Viewer, &["*"]).may("tasks.task.start"));
    }

    #[test]
    fn another_workspace_is_not_found() {
        let caller = person(Role::Owner, &[]);
        assert!(caller.in_workspace(Uuid::from_u128(2)).is_ok());
        let failure = caller.in_workspace(Uuid::from_u128(9)).expect_err("another workspace");
        assert_eq!(failure.code(), tonic::Code::NotFound);
    }
}
