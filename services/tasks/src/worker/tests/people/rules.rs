//! Standing rules: a call that one allows troubles nobody, the journal names the rule, and a rule that is revoked is used no more.

use mc_proto::tasks::v1::approval_rule_service_client::ApprovalRuleServiceClient;
use mc_proto::tasks::v1::argument_condition::Match;
use mc_proto::tasks::v1::{
    AlwaysAllow, AnyValue, ApprovalRule, ApprovalRuleState, ArgumentCondition, CreateApprovalRuleRequest,
    GetApprovalRuleRequest, RevokeApprovalRuleRequest,
};

use super::*;
use crate::domain::brief::AgentSnapshot;
use crate::domain::id::AgentId;
use crate::store::tests::writer;

fn condition(pointer: &str, matching: Match) -> ArgumentCondition {
    ArgumentCondition { pointer: pointer.into(), r#match: Some(matching) }
}

impl World {
    fn rules(&self) -> ApprovalRuleServiceClient<mc_chassis::client::Channel> {
        ApprovalRuleServiceClient::new(self.upstream.unary())
    }

    /// Lets the usual agent order whatever it wants at or below a path of the site.
    async fn rule_for(&self, path: &str) -> ApprovalRule {
        let rule = ApprovalRule {
            agent: format!("workspaces/{HOME}/agents/{}", writer().agent),
            tool: "http_request".into(),
            conditions: vec![
                condition("/method", Match::EqualsJson(r#""POST""#.into())),
                condition("/url", Match::UrlPrefix(self.site.url(path))),
                condition("/body", Match::Any(AnyValue {})),
            ],
            ..ApprovalRule::default()
        };
        let request = CreateApprovalRuleRequest {
            parent: format!("workspaces/{HOME}"),
            approval_rule: Some(rule),
            ..Default::default()
        };
        let reply = self.rules().create_approval_rule(self.ask_as_admin(request)).await.expect("create");
        reply.into_inner().approval_rule.expect("a rule")
    }

    async fn rule(&self, name: &str) -> ApprovalRule {
        let request = GetApprovalRuleRequest { name: name.into() };
        let reply = self.rules().get_approval_rule(self.ask(request)).await.expect("get");
        reply.into_inner().approval_rule.expect("a rule")
    }

    async fn revoke(&self, name: &str) -> ApprovalRule {
        let request = RevokeApprovalRuleRequest { name: name.into() };
        let reply = self.rules().revoke_approval_rule(self.ask_as_admin(request)).await.expect("revoke");
        reply.into_inner().approval_rule.expect("a rule")
    }

    /// A run that orders something for which leave is needed, carried on until it rests or ends.
    async fn ordered(&self, body: &str) -> RunId {
        let tools = vec![self.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
        let run = self.queued(tools, vec![self.order(body)]).await;
        self.attempt().await;
        run
    }

    async fn state(&self, run: RunId) -> i32 {
        i32::from(self.run(run).await.status)
    }
}

const WAITING: i32 = RunState::Waiting as i32;
const SUCCEEDED: i32 = RunState::Succeeded as i32;

#[tokio::test]
async fn call_that_a_rule_allows_asks_nobody_and_history_names_the_rule() {
    let world = World::new().await;
    let rule = world.rule_for("/orders").await;
    let run = world.ordered("one").await;
    assert_eq!(world.state(run).await, SUCCEEDED);
    assert!(world.items(run).await.is_empty());
    assert_eq!(world.site.seen().len(), 1);
    let kinds = world.kinds(run).await;
    let at = kinds.iter().position(|kind| *kind == "approved_by_rule").expect("history says why");
    assert_eq!(kinds[at + 1..at + 3], ["tool_call_started", "tool_call_completed"], "before the intent");
    let allowed = world.events(run).await.into_iter().find_map(|event| match event {
        Event::ApprovedByRule(allowed) => Some(allowed),
        _ => None,
    });
    let allowed = allowed.expect("the event");
    assert_eq!(format!("workspaces/{HOME}/approvalRules/{}", allowed.rule), rule.name);
    assert_eq!((allowed.creator.uuid(), allowed.arguments_json), (USER, world.order("one").1));
    let used = world.rule(&rule.name).await;
    assert_eq!((used.use_count, used.last_use_time.is_some()), (1, true));
    assert_eq!((rule.use_count, rule.last_use_time), (0, None));
}

#[tokio::test]
async fn revoked_or_expired_rule_allows_the_next_call_no_more() {
    let world = World::new().await;
    let rule = world.rule_for("/").await;
    assert_eq!(world.state(world.ordered("one").await).await, SUCCEEDED);
    let revoked = world.revoke(&rule.name).await;
    assert_eq!(
        (revoked.state(), revoked.revoker.as_str()),
        (ApprovalRuleState::Revoked, format!("users/{USER}").as_str())
    );
    assert_eq!(world.revoke(&rule.name).await, revoked, "once is enough");
    let run = world.ordered("two").await;
    assert_eq!((world.state(run).await, world.open(run).await.len()), (WAITING, 1));
    assert_eq!(world.site.seen().len(), 1);
    assert_eq!(world.rule(&rule.name).await.use_count, 1);

    let other = world.rule_for("/").await;
    sqlx::query("UPDATE tasks.approval_rule SET expire_time = $1 WHERE rule_id::text = right($2, 36)")
        .bind(crate::store::tests::NOW)
        .bind(&other.name)
        .execute(&world.fleet.tables.kit.admin())
        .await
        .expect("expire");
    assert_eq!(world.rule(&other.name).await.state(), ApprovalRuleState::Expired);
    assert_eq!(world.state(world.ordered("three").await).await, WAITING);
}

/// The worker has read the rules; what counts is what holds when it commits.
#[tokio::test]
async fn rule_that_is_revoked_while_a_worker_is_about_to_use_it_is_not_used() {
    let world = World::new().await;
    let rule = world.rule_for("/").await;
    let tools = vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)];
    let run = world.queued(tools, vec![world.order("one")]).await;
    // Somebody is revoking it, and has not committed: the worker sees the rule and waits for its row.
    let admin = world.fleet.tables.kit.admin();
    let mut revoking = admin.begin().await.expect("begin");
    sqlx::query("UPDATE tasks.approval_rule SET revoke_time = now(), revoker = rule_id WHERE rule_id::text = right($1, 36)")
        .bind(&rule.name)
        .execute(&mut *revoking)
        .await
        .expect("revoke");
    let commit = async {
        loop {
            let waits: bool = sqlx::query_scalar(
                "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                     AND query LIKE 'UPDATE tasks.approval_rule%')",
            )
            .fetch_one(&admin)
            .await
            .expect("look");
            if waits {
                return revoking.commit().await.expect("commit");
            }
            tokio::task::yield_now().await;
        }
    };
    futures::join!(world.attempt(), commit);
    assert_eq!((world.state(run).await, world.open(run).await.len()), (WAITING, 1), "people are asked");
    assert!(!world.kinds(run).await.contains(&"approved_by_rule"));
    assert!(world.site.seen().is_empty());
    assert_eq!(world.rule(&rule.name).await.use_count, 0);
}

#[tokio::test]
async fn approval_can_stand_for_good_and_then_covers_just_that_call() {
    let world = World::new().await;
    let run = world.ordered("one").await;
    let item = world.open(run).await.remove(0);
    let always = |expire_time| {
        Kind::Approve(ApproveDecision {
            arguments_json: None,
            always_allow: Some(AlwaysAllow { expire_time }),
        })
    };
    let decide = |item: &InboxItem, kind| DecideInboxItemRequest {
        name: item.name.clone(),
        decision: Some(Decision { kind: Some(kind) }),
        ..Default::default()
    };
    let mut inbox = InboxServiceClient::new(world.upstream.unary());
    let operator =
        inbox.decide_inbox_item(world.ask(decide(&item, always(None)))).await.expect_err("an operator");
    assert_eq!(operator.code(), tonic::Code::PermissionDenied);
    let past = Some(prost_types::Timestamp { seconds: 1, nanos: 0 });
    let refused =
        inbox.decide_inbox_item(world.ask_as_admin(decide(&item, always(past)))).await.expect_err("past");
    assert_eq!(
        Failure::from_status(&refused).violations()[0].field,
        "decision.approve.always_allow.expire_time"
    );
    assert_eq!(world.open(run).await.len(), 1);

    let decided =
        inbox.decide_inbox_item(world.ask_as_admin(decide(&item, always(None)))).await.expect("decide");
    let decided = decided.into_inner().inbox_item.expect("an item");
    let rule = world.rule(&decided.approval_rule).await;
    assert_eq!((rule.inbox_item.as_str(), rule.tool.as_str()), (item.name.as_str(), "http_request"));
    assert_eq!((rule.conditions.len(), rule.conditions[0].pointer.as_str()), (1, ""));
    world.attempt().await;
    assert_eq!(world.state(run).await, SUCCEEDED);

    let again = world.ordered("one").await;
    assert_eq!(world.state(again).await, SUCCEEDED, "the same call asks no more");
    let other = world.ordered("two").await;
    assert_eq!(world.state(other).await, WAITING, "any other does");
    // Approved once more in the same words, it is the same rule.
    world.revoke(&rule.name).await;
    let mut rules = Vec::new();
    for _ in 0..2 {
        let run = world
            .fleet
            .queued_with(HOME, vec![world.may_request(ToolPolicy::Ask, RequestEffect::AtMostOnce)])
            .await;
        world
            .fleet
            .script
            .begin(run, Reply::Answer("Let me see.", vec![world.order("one"), world.order("one")]));
        world.attempt().await;
        for item in world.open(run).await {
            let reply = inbox
                .decide_inbox_item(world.ask_as_admin(decide(&item, always(None))))
                .await
                .expect("decide");
            rules.push(reply.into_inner().inbox_item.expect("an item").approval_rule);
        }
        if world.state(run).await != SUCCEEDED {
            world.attempt().await;
        }
        assert_eq!(world.state(run).await, SUCCEEDED);
    }
    assert_eq!((rules.len(), &rules[0]), (2, &rules[1]), "the second run asks nothing");
    assert_eq!(world.rule(&rules[0]).await.use_count, 2, "each call counts");
}

#[tokio::test]
async fn rule_is_of_one_agent_and_of_one_workspace_and_stays_within_the_grant() {
    let world = World::new().await;
    world.rule_for("/").await;
    let tools = |policy| vec![world.may_request(policy, RequestEffect::AtMostOnce)];
    let other = AgentSnapshot {
        agent: AgentId::new(Uuid::from_u128(0xb)),
        tools: tools(ToolPolicy::Ask),
        ..writer()
    };
    let run = world.fleet.queued_by(HOME, other).await;
    world.fleet.script.begin(run, Reply::Answer("Let me see.", vec![world.order("one")]));
    world.attempt().await;
    assert_eq!((world.state(run).await, world.open(run).await.len()), (WAITING, 1), "another agent asks");

    let elsewhere = workspace(2);
    let run = world.fleet.queued_with(elsewhere, tools(ToolPolicy::Ask)).await;
    world.fleet.script.begin(run, Reply::Answer("Let me see.", vec![world.order("one")]));
    world.attempt().await;
    assert_eq!(i32::from(world.fleet.run(elsewhere, run).await.status), WAITING, "another workspace asks");

    let run = world.queued(tools(ToolPolicy::Deny), vec![world.order("one")]).await;
    world.attempt().await;
    assert!(world.items(run).await.is_empty() && world.site.seen().is_empty());
    let (told, is_error) = world.fleet.script.results().pop().expect("a result");
    assert!(told.contains("does not let you use") && is_error, "{told}");
}
