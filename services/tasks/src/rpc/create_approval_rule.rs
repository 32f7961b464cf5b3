//! CreateApprovalRule: a person lets certain calls of an agent go without asking.

use mc_chassis::auth::Caller;
use mc_chassis::{Failure, idempotency};
use mc_proto::tasks::v1::{CreateApprovalRuleRequest, CreateApprovalRuleResponse};
use tonic::Request;

use crate::domain::id::{ApprovalRuleId, UserId};
use crate::error::Error;
use crate::rpc::{Api, names, rule_content, view_rules};
use crate::store::rule::NewRule;

pub(super) async fn create_approval_rule(
    api: &Api,
    request: Request<CreateApprovalRuleRequest>,
) -> Result<CreateApprovalRuleResponse, Error> {
    let caller = Caller::of(&request)?;
    let creator = UserId::new(caller.user()?);
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let wanted =
        request.approval_rule.clone().ok_or_else(|| Failure::invalid("approval_rule", "is required"))?;
    let now = api.ambient.clock.now();
    let content = rule_content::parse(workspace, wanted, now)?;
    let new = NewRule {
        rule: ApprovalRuleId::new(api.ambient.ids.uuid()),
        agent: content.agent,
        tool: content.tool,
        pattern: content.pattern,
        note: content.note,
        creator,
        expire_time: content.expire_time,
        item: None,
    };

    let actor = caller.actor();
    let key = idempotency::Key {
        schema: &crate::SCHEMA,
        workspace: Some(workspace.uuid()),
        actor: &actor,
        operation: "CreateApprovalRule",
        request_id: &request.request_id,
    };
    let mut tx = api.database.begin(workspace.uuid()).await?;
    let reply = idempotency::once(&mut tx, key, &request, now, async |tx| {
        let made = rule_content::make(tx, workspace, &new, now).await?;
        let approval_rule = Some(view_rules::approval_rule(&made, now));
        Ok::<_, Error>(CreateApprovalRuleResponse { approval_rule })
    })
    .await?;
    tx.commit().await?;
    Ok(reply)
}
