//! Who may do what with a channel: one of the workspace is for its admins to change, and of a member's own nobody else learns.

use mc_chassis::Failure;
use mc_chassis::auth::Caller;
use uuid::Uuid;

use crate::domain::id::UserId;
use crate::error::Error;

/// What it takes to change a channel of the workspace, besides what the RPC takes.
const WORKSPACE: &str = "tasks.channel.write";

/// Who the caller is; services have no channels.
pub(super) fn person(caller: &Caller) -> Result<UserId, Failure> {
    caller.user().map(UserId::new)
}

/// NOT_FOUND unless the channel that is named is the workspace's or the caller's own.
pub(super) fn may_see(caller: &Caller, owner: Option<Uuid>, name: &str) -> Result<(), Error> {
    match owner {
        Some(owner) if owner != caller.user()? => Err(Error::NotFound(name.to_owned())),
        _ => Ok(()),
    }
}

/// As [`may_see`], and PERMISSION_DENIED where the caller may not change channels of the workspace.
pub(super) fn may_change(caller: &Caller, owner: Option<Uuid>, name: &str) -> Result<(), Error> {
    may_see(caller, owner, name)?;
    if owner.is_none() && !caller.may(WORKSPACE) {
        return Err(Failure::permission_denied(WORKSPACE).into());
    }
    Ok(())
}
