//! From the domain to the contract's messages. Nothing fails here.

use mc_chassis::auth::Role;
use mc_chassis::names;
use mc_proto::identity::v1 as pb;
use prost_types::Timestamp;
use time::OffsetDateTime;

use crate::domain::account::Account;
use crate::domain::api_token::ApiToken;
use crate::domain::credential::Credential;
use crate::domain::session::Issued;
use crate::domain::workspace::{Membership, Workspace};

pub(crate) fn timestamp(time: OffsetDateTime) -> Timestamp {
    Timestamp { seconds: time.unix_timestamp(), nanos: time.nanosecond() as i32 }
}

/// A time that a caller wrote; `None` if it is none that can be stored.
pub(crate) fn time(timestamp: Timestamp) -> Option<OffsetDateTime> {
    let nanos = u32::try_from(timestamp.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    OffsetDateTime::from_unix_timestamp(timestamp.seconds).ok()?.replace_nanosecond(nanos).ok()
}

pub(crate) fn user(account: Account) -> pb::User {
    pb::User {
        name: names::user(account.user),
        email: account.email.as_str().to_owned(),
        display_name: account.display_name,
        create_time: Some(timestamp(account.create_time)),
    }
}

pub(crate) fn session(issued: &Issued) -> pb::Session {
    pb::Session {
        session_token: issued.session_token.reveal().to_owned(),
        expire_time: Some(timestamp(issued.expire_time)),
        refresh_token: issued.refresh_token.reveal().to_owned(),
        refresh_expire_time: Some(timestamp(issued.refresh_expire_time)),
    }
}

pub(crate) fn membership(membership: Membership) -> pb::Membership {
    pb::Membership {
        workspace: names::workspace(membership.workspace),
        workspace_display_name: membership.workspace_display_name,
        role: role(membership.role).into(),
    }
}

fn role(role: Role) -> pb::Role {
    match role {
        Role::Viewer => pb::Role::Viewer,
        Role::Operator => pb::Role::Operator,
        Role::Admin => pb::Role::Admin,
        Role::Owner => pb::Role::Owner,
    }
}

pub(crate) fn workspace(workspace: Workspace) -> pb::Workspace {
    pb::Workspace {
        name: names::workspace(workspace.id),
        etag: workspace.etag(),
        display_name: workspace.display_name,
        create_time: Some(timestamp(workspace.create_time)),
        update_time: Some(timestamp(workspace.update_time)),
    }
}

pub(crate) fn api_token(token: ApiToken) -> pb::ApiToken {
    pb::ApiToken {
        name: token.name(),
        display_name: token.display_name,
        scopes: token.scopes,
        expire_time: Some(timestamp(token.expire_time)),
        create_time: Some(timestamp(token.create_time)),
        revoke_time: token.revoke_time.map(timestamp),
        user: names::user(token.user),
        hint: token.hint,
    }
}

pub(crate) fn credential(credential: Credential) -> pb::Credential {
    pb::Credential {
        name: credential.name(),
        display_name: credential.display_name,
        create_time: Some(timestamp(credential.create_time)),
        rotate_time: Some(timestamp(credential.rotate_time)),
        use_time: credential.use_time.map(timestamp),
        hint: credential.hint,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_cannot_be_is_none() {
        let at = |seconds, nanos| time(Timestamp { seconds, nanos });
        assert_eq!(at(1_767_225_600, 5).map(timestamp), Some(Timestamp { seconds: 1_767_225_600, nanos: 5 }));
        for (seconds, nanos) in [(0, -1), (0, 1_000_000_000), (i64::MAX, 0), (i64::MIN, 0)] {
            assert_eq!(at(seconds, nanos), None);
        }
    }
}
