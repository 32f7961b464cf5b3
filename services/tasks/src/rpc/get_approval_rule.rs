//! GetApprovalRule: reads an approval rule.

use mc_chassis::auth::Caller;
use mc_proto::tasks::v1::{GetApprovalRuleRequest, GetApprovalRuleResponse};
use tonic::Request;

use crate::error::Error;
use crate::rpc::{Api, names, view_rules};
use crate::store::rule;

pub(super) async fn get_approval_rule(
    api: &Api,
    request: Request<GetApprovalRuleRequest>,
) -> Result<GetApprovalRuleResponse, Error> {
    let caller = Caller::of(&request)?;
    let name = request.into_inner().name;
    let (workspace, id) = names::approval_rule(&caller, "name", &name)?;
    let mut tx = api.database.read(workspace.uuid()).await?;
    let rule = rule::get(&mut tx, id).await?.ok_or(Error::NotFound(name))?;
    let approval_rule = view_rules::approval_rule(&rule, api.ambient.clock.now());
    Ok(GetApprovalRuleResponse { approval_rule: Some(approval_rule) })
}
