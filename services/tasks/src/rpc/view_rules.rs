//! Approval rules as the contract shows them.

use mc_proto::tasks::v1 as proto;
use proto::argument_condition::Match as Shown;
use time::OffsetDateTime;

use crate::domain::rule::{Condition, Match, Pattern};
use crate::rpc::view::timestamp;
use crate::rpc::view_people::{item_name, rule_name};
use crate::store::rule::StoredRule;

/// A rule, and whether it holds at this time. Conditions that this release cannot read are left out: they allow nothing here.
pub(super) fn approval_rule(rule: &StoredRule, now: OffsetDateTime) -> proto::ApprovalRule {
    let workspace = rule.workspace_id;
    let state = if rule.revoke_time.is_some() {
        proto::ApprovalRuleState::Revoked
    } else if rule.expire_time.is_some_and(|at| at <= now) {
        proto::ApprovalRuleState::Expired
    } else {
        proto::ApprovalRuleState::Active
    };
    let pattern: Option<Pattern> = serde_json::from_str(&rule.conditions_json).ok();
    proto::ApprovalRule {
        name: rule_name(workspace, rule.rule_id),
        agent: format!("workspaces/{workspace}/agents/{}", rule.agent_id),
        tool: rule.tool.clone(),
        conditions: pattern.iter().flat_map(Pattern::conditions).map(condition).collect(),
        note: rule.note.clone(),
        expire_time: rule.expire_time.map(timestamp),
        state: state as i32,
        creator: format!("users/{}", rule.creator),
        create_time: Some(timestamp(rule.create_time)),
        inbox_item: rule.item_id.map(|item| item_name(workspace, item)).unwrap_or_default(),
        use_count: rule.use_count,
        last_use_time: rule.last_use_time.map(timestamp),
        revoke_time: rule.revoke_time.map(timestamp),
        revoker: rule.revoker.map(|revoker| format!("users/{revoker}")).unwrap_or_default(),
    }
}

fn condition(condition: &Condition) -> proto::ArgumentCondition {
    let shown = match &condition.matching {
        Match::Equals { value } => Shown::EqualsJson(value.to_string()),
        Match::OneOf { values } => {
            Shown::OneOf(proto::JsonValues { values_json: values.iter().map(ToString::to_string).collect() })
        }
        Match::TextPrefix { prefix } => Shown::TextPrefix(prefix.clone()),
        Match::UrlPrefix { url } => Shown::UrlPrefix(url.clone()),
        Match::Any => Shown::Any(proto::AnyValue {}),
    };
    proto::ArgumentCondition { pointer: condition.pointer.clone(), r#match: Some(shown) }
}
