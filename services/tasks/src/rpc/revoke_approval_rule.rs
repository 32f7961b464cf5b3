//! RevokeApprovalRule: from now on people are asked again.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{RevokeApprovalRuleRequest, RevokeApprovalRuleResponse};
use tonic::Request;

use crate::domain::id::UserId;
use crate::error::Error;
use crate::rpc::{Api, names, view_rules};
use crate::store::rule;

pub(super) async fn revoke_approval_rule(
    api: &Api,
    request: Request<RevokeApprovalRuleRequest>,
) -> Result<RevokeApprovalRuleResponse, Error> {
    let caller = Caller::of(&request)?;
    let revoker = UserId::new(caller.user()?);
    let name = request.into_inner().name;
    let (workspace, id) = names::approval_rule(&caller, "name", &name)?;
    let now = api.ambient.clock.now();
    let mut tx = api.database.begin(workspace.uuid()).await?;
    rule::revoke(&mut tx, id, revoker, now).await?;
    let rule = rule::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    tx.commit().await?;
    Ok(RevokeApprovalRuleResponse { approval_rule: Some(view_rules::approval_rule(&rule, now)) })
}
