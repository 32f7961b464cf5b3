//! Whose own channel it is: identity says whether that person is still a member, and what the address of their account is.

use std::time::Duration;

use mc_chassis::{Failure, names, sized};
use mc_proto::identity::v1::auth_service_client::AuthServiceClient;
use mc_proto::identity::v1::{DelegateTokenRequest, GetMeRequest};
use tonic::{Code, Request};
use uuid::Uuid;

use super::Notifier;
use crate::store::dispatch::Turn;

/// What a person must be allowed in order to be told anything.
const PERMISSION: &str = "tasks.run.read";
/// How long identity has to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing can be sent over a channel now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Barred {
    /// Whose own it is may see nothing of the workspace any more.
    NotAMember,
    /// It may pass; in words for people.
    ForNow(String),
}

impl From<String> for Barred {
    fn from(why: String) -> Self {
        Self::ForNow(why)
    }
}

impl Notifier {
    /// Address of a member's account, or nothing where it is not wanted; barred if the person is no member.
    pub(super) async fn member(
        &self,
        turn: &Turn,
        person: Uuid,
        with_address: bool,
    ) -> Result<String, Barred> {
        let asked = async {
            let token = self.delegate(turn, person).await?;
            if with_address { self.address(&token).await } else { Ok(String::new()) }
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(address)) => Ok(address),
            Ok(Err(failure)) if matches!(failure.code(), Code::PermissionDenied | Code::NotFound) => {
                Err(Barred::NotAMember)
            }
            Ok(Err(failure)) => Err(Barred::ForNow(format!(
                "identity does not say whether its owner is a member: {}",
                failure.message()
            ))),
            Err(_) => Err("identity does not say in time whether its owner is a member".to_owned().into()),
        }
    }

    async fn delegate(&self, turn: &Turn, person: Uuid) -> Result<String, Failure> {
        let request = DelegateTokenRequest {
            user: names::user(person),
            permissions: vec![PERMISSION.to_owned()],
            purpose: format!("workspaces/{}/channels/{}", turn.workspace_id, turn.channel_id),
        };
        let reply = sized!(AuthServiceClient::new(self.identity.unary()))
            .delegate_token(self.service.request_in("identity", turn.workspace_id, request))
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().caller_token)
    }

    /// As the person themselves would ask.
    async fn address(&self, token: &str) -> Result<String, Failure> {
        let mut request = Request::new(GetMeRequest {});
        let bearer = format!("Bearer {token}").parse().map_err(|_| Failure::internal())?;
        request.metadata_mut().insert("authorization", bearer);
        let reply = sized!(AuthServiceClient::new(self.identity.unary()))
            .get_me(request)
            .await
            .map_err(|status| Failure::from_status(&status))?;
        Ok(reply.into_inner().user.unwrap_or_default().email)
    }
}
