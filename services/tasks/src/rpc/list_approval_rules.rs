//! ListApprovalRules: which calls go without asking, newest first.

use mc_chassis::auth::Caller;
use mc_chassis::page::Page;
use mc_proto::tasks::v1::{ListApprovalRulesRequest, ListApprovalRulesResponse};
use tonic::Request;
use uuid::Uuid;

use crate::error::Error;
use crate::rpc::{Api, names, view_rules};
use crate::store::rule;

pub(super) async fn list_approval_rules(
    api: &Api,
    request: Request<ListApprovalRulesRequest>,
) -> Result<ListApprovalRulesResponse, Error> {
    let caller = Caller::of(&request)?;
    let request = request.into_inner();
    let workspace = names::parent(&caller, "parent", &request.parent)?;
    let page = Page::<Uuid>::parse(request.page_size, &request.page_token)?;
    let now = api.ambient.clock.now();
    let filter = rule::Filter {
        agent: names::optional_agent(workspace, "agent", &request.agent)?,
        in_force_at: (!request.show_ended).then_some(now),
    };
    let mut tx = api.database.read(workspace.uuid()).await?;
    let mut rules = rule::list(&mut tx, workspace, filter, page.after, page.fetch()).await?;
    let next_page_token = page.cut(&mut rules, |rule| rule.rule_id);
    Ok(ListApprovalRulesResponse {
        approval_rules: rules.iter().map(|rule| view_rules::approval_rule(rule, now)).collect(),
        next_page_token,
    })
}
