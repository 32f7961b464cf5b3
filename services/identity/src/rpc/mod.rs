//! The RPCs of missioncontrol.identity.v1, one operation per file.

pub(crate) mod api_tokens;
pub(crate) mod auth;
pub(crate) mod convert;
pub(crate) mod credentials;
pub(crate) mod workspaces;

use std::sync::Arc;

use mc_chassis::auth::{Caller, Person};
use mc_chassis::db::Database;
use mc_chassis::outbox::Wake;
use mc_chassis::{Ambient, Failure, names};
use uuid::Uuid;

use crate::domain::audit::Event;
use crate::error::Error;
use crate::passwords::Passwords;
use crate::signing::CallerKeys;
use crate::vault::KeyRing;

/// Serves accounts, workspaces, bearers and credentials. Clones are the same service.
#[derive(Debug, Clone)]
pub(crate) struct Identity(Arc<Parts>);

/// What the operations work with.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) database: Database,
    pub(crate) ring: KeyRing,
    pub(crate) signing: CallerKeys,
    pub(crate) passwords: Passwords,
    pub(crate) ambient: Ambient,
    /// Wakes the relay of the audit trail.
    pub(crate) audit: Wake,
}

impl Identity {
    pub(crate) fn new(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl std::ops::Deref for Identity {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Parts {
    /// An event of the audit trail: who did what to which resource, now.
    fn event(&self, caller: &Caller, action: &str, resource: String, detail: &str) -> Event {
        Event {
            id: self.ambient.ids.uuid(),
            actor: caller.actor(),
            action: action.to_owned(),
            resource,
            detail: detail.to_owned(),
            time: self.ambient.clock.now(),
        }
    }
}

/// The person who calls, by a session or an API token.
fn person(caller: &Caller) -> Result<&Person, Error> {
    match caller {
        Caller::Person(person) => Ok(person),
        Caller::Service(_) | Caller::Run(_) => Err(Error::PersonNeeded),
    }
}

/// The workspace that a parent means, if the caller's call is about it.
fn workspace_of(caller: &Caller, parent: &str) -> Result<Uuid, Failure> {
    let [workspace] = names::parse("parent", "workspaces/*", parent)?;
    caller.in_workspace(workspace)?;
    Ok(workspace)
}

/// The workspace and id that a name means, if the caller's call is about that workspace.
fn resource_of(caller: &Caller, pattern: &str, name: &str) -> Result<(Uuid, Uuid), Failure> {
    let [workspace, id] = names::parse("name", pattern, name)?;
    // The resource is named as missing, not its workspace: the reply is the same whether either exists.
    caller.in_workspace(workspace).map_err(|_| Failure::not_found(name))?;
    Ok((workspace, id))
}

/// Hands a request with its caller to its operation, and puts the outcome into gRPC's terms.
macro_rules! serve {
    ($self:ident, $request:ident, $operation:path) => {{
        let caller = ::mc_chassis::auth::Caller::of(&$request)?;
        let reply = $operation($self, &caller, $request.into_inner()).await?;
        Ok(::tonic::Response::new(reply))
    }};
}
use serve;
