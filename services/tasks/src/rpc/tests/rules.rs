//! Approval rules as people make, list and revoke them.

use mc_proto::tasks::v1::approval_rule_service_client::ApprovalRuleServiceClient;
use mc_proto::tasks::v1::argument_condition::Match;
use mc_proto::tasks::v1::{
    AnyValue, ApprovalRule, ApprovalRuleState, ArgumentCondition, CreateApprovalRuleRequest,
    GetApprovalRuleRequest, JsonValues, ListApprovalRulesRequest, RevokeApprovalRuleRequest,
};
use prost_types::Timestamp;

use super::*;
use crate::store::rule::MAX_RULES;

fn agent(id: u128) -> String {
    format!("workspaces/{HOME}/agents/{}", Uuid::from_u128(id))
}

fn condition(pointer: &str, matching: Match) -> ArgumentCondition {
    ArgumentCondition { pointer: pointer.into(), r#match: Some(matching) }
}

fn one_of(values: Vec<String>) -> Match {
    Match::OneOf(JsonValues { values_json: values })
}

fn rule() -> ApprovalRule {
    ApprovalRule {
        agent: agent(0xa),
        tool: "http_request".into(),
        conditions: vec![
            condition("/method", one_of(vec![r#""POST""#.into(), r#""PUT""#.into()])),
            condition("/url", Match::UrlPrefix("https://api.example.com/v1".into())),
            condition("/body", Match::Any(AnyValue {})),
        ],
        note: "Orders are harmless.".into(),
        ..ApprovalRule::default()
    }
}

impl Service {
    fn rules(&self) -> ApprovalRuleServiceClient<Channel> {
        ApprovalRuleServiceClient::new(self.upstream.unary())
    }

    fn admin<M>(&self, message: M) -> Request<M> {
        self.auth.request(USER, HOME, Role::Admin, message)
    }

    async fn make(&self, rule: ApprovalRule, request_id: &str) -> Result<ApprovalRule, Failure> {
        let request = CreateApprovalRuleRequest {
            parent: format!("workspaces/{HOME}"),
            approval_rule: Some(rule),
            request_id: request_id.into(),
        };
        let reply = self.rules().create_approval_rule(self.admin(request)).await;
        reply.map(|it| it.into_inner().approval_rule.expect("a rule")).map_err(|it| Failure::from_status(&it))
    }

    async fn listed(&self, request: ListApprovalRulesRequest) -> Vec<String> {
        let reply = self.rules().list_approval_rules(self.ask(request)).await.expect("list");
        reply.into_inner().approval_rules.into_iter().map(|rule| rule.name).collect()
    }
}

#[tokio::test]
async fn rule_is_made_once_read_listed_and_revoked() {
    let service = Service::new().await;
    let made = service.make(rule(), "r1").await.expect("create");
    assert_eq!(service.make(rule(), "r1").await.expect("repeated"), made);
    assert_eq!(
        (made.state(), made.creator.as_str()),
        (ApprovalRuleState::Active, format!("users/{USER}").as_str())
    );
    assert_eq!(
        (made.conditions.as_slice(), made.note.as_str()),
        (rule().conditions.as_slice(), "Orders are harmless.")
    );
    let until = Timestamp { seconds: NOW.unix_timestamp() + 1, nanos: 5_000 };
    let other = ApprovalRule { agent: agent(0xb), expire_time: Some(until), ..rule() };
    let other = service.make(other, "").await.expect("of another agent");
    assert_eq!(other.expire_time, Some(until));

    let all = ListApprovalRulesRequest { parent: format!("workspaces/{HOME}"), ..Default::default() };
    assert_eq!(service.listed(all.clone()).await, [other.name.clone(), made.name.clone()]);
    let of_agent = ListApprovalRulesRequest { agent: agent(0xa), ..all.clone() };
    assert_eq!(service.listed(of_agent).await, std::slice::from_ref(&made.name));
    let first = ListApprovalRulesRequest { page_size: 1, ..all.clone() };
    let page =
        service.rules().list_approval_rules(service.ask(first.clone())).await.expect("list").into_inner();
    let rest = ListApprovalRulesRequest { page_token: page.next_page_token, ..first };
    assert_eq!(service.listed(rest).await, std::slice::from_ref(&made.name));

    let revoke = RevokeApprovalRuleRequest { name: made.name.clone() };
    let viewer = service.auth.request(USER, HOME, Role::Operator, revoke.clone());
    let denied = service.rules().revoke_approval_rule(viewer).await.expect_err("an operator");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let revoked =
        service.rules().revoke_approval_rule(service.admin(revoke)).await.expect("revoke").into_inner();
    assert_eq!(revoked.approval_rule.expect("a rule").state(), ApprovalRuleState::Revoked);
    assert_eq!(service.listed(all.clone()).await, std::slice::from_ref(&other.name));
    let ended = ListApprovalRulesRequest { show_ended: true, ..all };
    assert_eq!(service.listed(ended).await, [other.name, made.name.clone()]);

    let get = GetApprovalRuleRequest { name: made.name };
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, get);
    let denied = service.rules().get_approval_rule(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
    let missing = RevokeApprovalRuleRequest { name: format!("workspaces/{HOME}/approvalRules/{USER}") };
    let missing = service.rules().revoke_approval_rule(service.admin(missing)).await.expect_err("missing");
    assert_eq!(Failure::from_status(&missing).reason(), "NOT_FOUND");
}

#[tokio::test]
async fn what_is_wrong_with_a_rule_is_named_by_its_place() {
    let service = Service::new().await;
    let with = |conditions: Vec<ArgumentCondition>| ApprovalRule { conditions, ..rule() };
    let equals = |json: &str| Match::EqualsJson(json.into());
    let any = || Match::Any(AnyValue {});
    let at = |seconds: i64, nanos: i32| Some(Timestamp { seconds, nanos });
    let wrong = [
        (ApprovalRule { agent: String::new(), ..rule() }, "approval_rule.agent"),
        (ApprovalRule { agent: "agents/x".into(), ..rule() }, "approval_rule.agent"),
        (
            ApprovalRule { agent: format!("workspaces/{}/agents/{USER}", Uuid::from_u128(2)), ..rule() },
            "approval_rule.agent",
        ),
        (ApprovalRule { tool: String::new(), ..rule() }, "approval_rule.tool"),
        (ApprovalRule { tool: "shell".into(), ..rule() }, "approval_rule.tool"),
        (ApprovalRule { tool: "finish".into(), ..rule() }, "approval_rule.tool"),
        (ApprovalRule { tool: "ask_human".into(), ..rule() }, "approval_rule.tool"),
        (ApprovalRule { note: "é".repeat(501), ..rule() }, "approval_rule.note"),
        (ApprovalRule { note: "\u{1b}".into(), ..rule() }, "approval_rule.note"),
        (ApprovalRule { expire_time: at(NOW.unix_timestamp(), 0), ..rule() }, "approval_rule.expire_time"),
        (ApprovalRule { expire_time: at(i64::MAX, 0), ..rule() }, "approval_rule.expire_time"),
        (
            ApprovalRule { expire_time: at(NOW.unix_timestamp() + 9, -1), ..rule() },
            "approval_rule.expire_time",
        ),
        (with((0..17).map(|n| condition(&format!("/{n}"), any())).collect()), "approval_rule.conditions"),
        (with(vec![ArgumentCondition::default()]), "approval_rule.conditions[0]"),
        (with(vec![condition("/a", any()), condition("b", any())]), "approval_rule.conditions[1].pointer"),
        (with(vec![condition("/a", any()), condition("/a", any())]), "approval_rule.conditions[1].pointer"),
        (with(vec![condition("/a", equals("POST"))]), "approval_rule.conditions[0].equals_json"),
        (with(vec![condition("/a", one_of(vec![]))]), "approval_rule.conditions[0].one_of"),
        (with(vec![condition("/a", one_of(vec!["1".into(); 51]))]), "approval_rule.conditions[0].one_of"),
        (
            with(vec![condition("/a", one_of(vec!["1".into(), "x".into()]))]),
            "approval_rule.conditions[0].one_of.values_json[1]",
        ),
        (
            with(vec![condition("/a", Match::TextPrefix(String::new()))]),
            "approval_rule.conditions[0].text_prefix",
        ),
        (
            with(vec![condition("/a", Match::UrlPrefix("https://a.example/?q".into()))]),
            "approval_rule.conditions[0].url_prefix",
        ),
    ];
    for (rule, field) in wrong {
        let failure = service.make(rule.clone(), "").await.expect_err(field);
        assert_eq!(failure.violations()[0].field, field, "{rule:?}");
    }
    let many = ApprovalRule {
        agent: String::new(),
        tool: String::new(),
        ..with(vec![ArgumentCondition::default()])
    };
    assert_eq!(
        service.make(many, "").await.expect_err("three").violations().len(),
        3,
        "all are named at once"
    );
    let none = CreateApprovalRuleRequest { parent: format!("workspaces/{HOME}"), ..Default::default() };
    let none = service.rules().create_approval_rule(service.admin(none)).await.expect_err("no rule");
    assert_eq!(Failure::from_status(&none).violations()[0].field, "approval_rule");
    let right = [
        ApprovalRule { note: "é".repeat(500), ..rule() },
        with((0..16).map(|n| condition(&format!("/{n}"), any())).collect()),
        with(vec![]),
    ];
    for rule in right {
        service.make(rule, "").await.expect("at the edge");
    }
}

#[tokio::test]
async fn agent_has_so_many_rules_that_hold_and_no_more_however_many_are_made_at_once() {
    let service = Service::new().await;
    for n in 1..MAX_RULES - 1 {
        service.make(ApprovalRule { note: n.to_string(), ..rule() }, "").await.expect("room");
    }
    let made = futures::future::join_all((0..6).map(|_| service.make(rule(), ""))).await;
    let (made, refused): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!((made.len(), refused.len()), (2, 4));
    let refused = refused.into_iter().next().and_then(Result::err).expect("refused");
    assert_eq!((refused.reason(), refused.metadata()["limit"].as_str()), ("RULE_LIMIT_REACHED", "200"));
    service.make(ApprovalRule { agent: agent(0xb), ..rule() }, "").await.expect("another agent has its own");
    let name = made.into_iter().next().and_then(Result::ok).expect("made").name;
    service
        .rules()
        .revoke_approval_rule(service.admin(RevokeApprovalRuleRequest { name }))
        .await
        .expect("revoke");
    service.make(rule(), "").await.expect("what is revoked leaves room");
}
