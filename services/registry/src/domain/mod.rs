//! What a team member is, apart from any wire or database: its draft, its versions, and the rules for both.

mod agent;
mod mask;
mod query;
mod spec;
mod team;
mod text;
mod tools;
mod version;

pub(crate) use agent::{Agent, AgentId, Profile};
pub(crate) use mask::Mask;
pub(crate) use spec::{Context, Limits, Parameters, Spec};
pub(crate) use team::Teammate;
pub(crate) use text::{is_etag, note};
pub(crate) use tools::{Effect, HTTP_REQUEST, Policy, ToolGrant};
pub(crate) use version::{Version, VersionRef};
