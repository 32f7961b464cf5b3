//! The inbox as people see it, and what they decide.

use mc_proto::tasks::v1::decision::Kind;
use mc_proto::tasks::v1::{
    AnswerDecision, ApproveDecision, DecideInboxItemRequest, Decision, EffectClass, FailDecision,
    GetInboxItemRequest, InboxItem, InboxItemKind, InboxItemState, ListInboxItemsRequest, MarkDoneDecision,
    RejectDecision, RespondDecision, RetryDecision,
};

use super::*;
use crate::domain::event::{ApprovalRequested, Doubt, EffectClass as Effect, OutcomeUnknown};
use crate::domain::id::InboxItemId;
use crate::domain::order::{Decision as Decided, LetterContent};
use crate::store::inbox::{Ask, NewItem};
use crate::store::lease::Lease;
use crate::store::mailbox;

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn name(item: InboxItemId) -> String {
    format!("workspaces/{HOME}/inbox/{item}")
}

fn approve(arguments: Option<&str>) -> Kind {
    Kind::Approve(ApproveDecision { arguments_json: arguments.map(String::from), always_allow: None })
}

fn reject(reason: &str) -> Kind {
    Kind::Reject(RejectDecision { reason: reason.into() })
}

fn answer(text: &str) -> Kind {
    Kind::Answer(AnswerDecision { text: text.into() })
}

impl Service {
    async fn decide(&self, item: InboxItemId, kind: Kind, request_id: &str) -> Result<InboxItem, Failure> {
        let request = DecideInboxItemRequest {
            name: name(item),
            decision: Some(Decision { kind: Some(kind) }),
            request_id: request_id.into(),
        };
        let reply = self.inbox().decide_inbox_item(self.ask(request)).await;
        reply.map(|it| it.into_inner().inbox_item.expect("an item")).map_err(|it| Failure::from_status(&it))
    }

    /// A run that asks about a call of `write_artifact`: for approval, or what became of it.
    async fn asked(&self, lease: &Lease, approval: bool) -> InboxItemId {
        let item = InboxItemId::new(self.tables.id());
        let arguments_json = String::from(r#"{"path":"a.md","content":"A"}"#);
        let (call_id, tool) = (format!("call-{item}"), String::from("write_artifact"));
        let (event, ask) = if approval {
            let event = ApprovalRequested {
                item,
                step: 1,
                call_id: call_id.clone(),
                tool: tool.clone(),
                arguments_json: arguments_json.clone(),
            };
            let parameters_json_schema = String::from(r#"{"type":"object"}"#);
            let effect_class = Effect::Idempotent;
            (
                Event::ApprovalRequested(event),
                Ask::Approval {
                    tool,
                    arguments_json,
                    parameters_json_schema,
                    effect_class,
                    expiry_s: Some(60),
                },
            )
        } else {
            let event = OutcomeUnknown {
                item,
                step: 1,
                call_id: call_id.clone(),
                tool: tool.clone(),
                arguments_json: arguments_json.clone(),
                attempt: 2,
                doubt: Some(Doubt::worker_lost()),
            };
            let (effect_class, doubt, since) = (Effect::AtMostOnce, Doubt::worker_lost(), Some(NOW));
            let ask = Ask::Outcome { tool, arguments_json, effect_class, attempt: 2, doubt, since };
            (Event::OutcomeUnknown(event), ask)
        };
        let items = vec![NewItem {
            item,
            step: 1,
            call_id,
            ask,
            context: "é".repeat(2_001),
            turns: vec![],
            hosts: vec![],
        }];
        let append = Append { events: vec![event], ..intent(lease, 1) };
        let besides = Besides { items, ..Besides::default() };
        append_with(&self.tables.engine, HERE, &append, &besides).await.expect("ask");
        item
    }

    async fn a_lease(&self) -> Lease {
        self.tables.run(HERE).await;
        let worker = self.tables.worker().await;
        self.tables.claim(worker, 1).await.remove(0)
    }
}

#[tokio::test]
async fn first_decision_holds_and_the_second_is_told_who_decided_what_and_when() {
    let service = Service::new().await;
    let lease = service.a_lease().await;
    let item = service.asked(&lease, true).await;
    let shown = service.inbox().get_inbox_item(service.ask(GetInboxItemRequest { name: name(item) })).await;
    let shown = shown.expect("get").into_inner().inbox_item.expect("an item");
    assert_eq!((shown.kind(), shown.state()), (InboxItemKind::Approval, InboxItemState::Open));
    assert_eq!((shown.effect_class(), shown.context.chars().count()), (EffectClass::Idempotent, 2_000));
    assert_eq!(
        (shown.run.as_str(), shown.close_time),
        (format!("workspaces/{HOME}/runs/{}", lease.run).as_str(), None)
    );

    let edited = r#"{"path":"b.md","content":"B"}"#;
    let decided = service.decide(item, approve(Some(edited)), "d1").await.expect("decide");
    assert_eq!(
        (decided.state(), decided.decider.as_str()),
        (InboxItemState::Decided, format!("users/{USER}").as_str())
    );
    assert_eq!(decided.decision, Some(Decision { kind: Some(approve(Some(edited))) }));
    assert_eq!(service.decide(item, approve(Some(edited)), "d1").await.expect("repeated"), decided);
    let second = service.decide(item, reject("No."), "d2").await.expect_err("decided");
    assert_eq!((second.code(), second.reason()), (tonic::Code::FailedPrecondition, "ALREADY_DECIDED"));
    let told = |key: &str| second.metadata()[key].clone();
    assert_eq!((told("decider"), told("decision")), (format!("users/{USER}"), "approve".into()));
    assert_eq!((told("detail"), told("inbox_item")), ("with other arguments".into(), name(item)));
    assert_eq!(told("decide_time"), "2026-11-23T08:00:00Z");

    let mut tx = service.tables.engine.read(HOME).await.expect("read");
    let letters = mailbox::unread(&mut tx, lease.run).await.expect("unread");
    assert_eq!(letters.len(), 1);
    let decision = Decided::Approve { arguments_json: Some(edited.into()) };
    assert_eq!(letters[0].content, LetterContent::Decision { item, decision });
}

#[tokio::test]
async fn decision_fits_the_kind_of_the_item() {
    let service = Service::new().await;
    let lease = service.a_lease().await;
    let (approval, outcome) = (service.asked(&lease, true).await, service.asked(&lease, false).await);
    let question = service.tables.ask(&lease, 2, &["red", "blue"]).await;
    let free = service.tables.ask(&lease, 3, &[]).await;
    let done = || Kind::MarkDone(MarkDoneDecision { result: "It is there.".into() });
    let fail = || Kind::Fail(FailDecision { reason: "It is not there.".into() });
    let retry = || Kind::Retry(RetryDecision {});
    let wrong = [
        (approval, answer("red"), "decision.answer"),
        (approval, done(), "decision.mark_done"),
        (approval, retry(), "decision.retry"),
        (approval, fail(), "decision.fail"),
        (approval, approve(Some("[]")), "decision.approve.arguments_json"),
        (approval, approve(Some("")), "decision.approve.arguments_json"),
        (
            approval,
            approve(Some(r#"{"path":"/etc/passwd","content":"x"}"#)),
            "decision.approve.arguments_json",
        ),
        (
            approval,
            approve(Some(r#"{"path":"a.md","content":"x","mode":7}"#)),
            "decision.approve.arguments_json",
        ),
        (approval, Kind::Respond(RespondDecision { text: " ".into() }), "decision.respond.text"),
        (question, Kind::Respond(RespondDecision { text: "Yes.".into() }), "decision.respond"),
        (approval, reject("  "), "decision.reject.reason"),
        (approval, reject(&"é".repeat(2_001)), "decision.reject.reason"),
        (approval, reject("nul\0"), "decision.reject.reason"),
        (question, approve(None), "decision.approve"),
        (question, answer("green"), "decision.answer.text"),
        (free, answer(&"é".repeat(8_001)), "decision.answer.text"),
        (free, answer("escape\u{1b}"), "decision.answer.text"),
        (free, answer(""), "decision.answer.text"),
        (outcome, reject("No."), "decision.reject"),
        (outcome, Kind::MarkDone(MarkDoneDecision { result: String::new() }), "decision.mark_done.result"),
        (outcome, Kind::Fail(FailDecision { reason: "é".repeat(2_001) }), "decision.fail.reason"),
    ];
    for (item, kind, field) in wrong {
        let failure = service.decide(item, kind.clone(), "").await.expect_err(field);
        assert_eq!(failure.violations()[0].field, field, "{kind:?}");
    }
    let none = DecideInboxItemRequest { name: name(free), ..Default::default() };
    let empty = DecideInboxItemRequest { decision: Some(Decision::default()), ..none.clone() };
    for request in [none, empty] {
        let refused =
            service.inbox().decide_inbox_item(service.ask(request)).await.expect_err("nothing said");
        assert_eq!(Failure::from_status(&refused).violations()[0].field, "decision");
    }
    let list = ListInboxItemsRequest { parent: format!("workspaces/{HOME}"), ..Default::default() };
    let open = service.inbox().list_inbox_items(service.ask(list.clone())).await.expect("list").into_inner();
    assert_eq!((open.inbox_items.len(), open.open_count), (4, 4), "what is refused decides nothing");

    let right = [
        (approval, reject(&"é".repeat(2_000))),
        (question, answer("blue")),
        (free, answer(&"é".repeat(8_000))),
        (outcome, retry()),
    ];
    for (item, kind) in right {
        service.decide(item, kind, "").await.expect("fits");
    }
    for kind in [done(), fail()] {
        service.decide(service.asked(&lease, false).await, kind, "").await.expect("fits");
    }
    let listed = service.inbox().list_inbox_items(service.ask(list)).await.expect("list").into_inner();
    assert_eq!((listed.inbox_items.len(), listed.open_count), (6, 0));
}

#[tokio::test]
async fn of_decisions_at_the_same_moment_one_holds_and_the_others_are_told_of_it() {
    let service = Service::new().await;
    let lease = service.a_lease().await;
    let item = service.asked(&lease, true).await;
    let reasons: Vec<String> = (0..12).map(|n| format!("No, says {n}.")).collect();
    let decided = reasons.iter().map(|reason| service.decide(item, reject(reason), ""));
    let decided = futures::future::join_all(decided).await;
    let (held, refused): (Vec<_>, Vec<_>) = decided.into_iter().partition(Result::is_ok);
    assert_eq!((held.len(), refused.len()), (1, 11));
    let held =
        held.into_iter().next().and_then(Result::ok).and_then(|item| item.decision).and_then(|it| it.kind);
    let Some(Kind::Reject(held)) = held else { panic!("{held:?}") };
    for failure in refused.into_iter().filter_map(Result::err) {
        assert_eq!(
            (failure.reason(), failure.metadata()["detail"].as_str()),
            ("ALREADY_DECIDED", held.reason.as_str())
        );
    }
    let mut tx = service.tables.engine.read(HOME).await.expect("read");
    assert_eq!(mailbox::unread(&mut tx, lease.run).await.expect("unread").len(), 1, "the run hears of one");
}

#[tokio::test]
async fn item_of_an_ended_run_is_void() {
    let service = Service::new().await;
    let lease = service.a_lease().await;
    let item = service.asked(&lease, true).await;
    let end = Event::Failed(Failed { error: RunError::new("STUCK_LOOP", "The end.") });
    let end = Append { events: vec![end], ..intent(&lease, 2) };
    append_with(&service.tables.engine, HERE, &end, &Besides::default()).await.expect("end");
    let failure = service.decide(item, approve(None), "").await.expect_err("void");
    assert_eq!((failure.code(), failure.reason()), (tonic::Code::FailedPrecondition, "ITEM_VOID"));
}

#[tokio::test]
async fn inbox_is_paged_filtered_and_shut_to_strangers() {
    let service = Service::new().await;
    let (lease, other) = (service.a_lease().await, service.a_lease().await);
    let mut names = Vec::new();
    for lease in [&lease, &lease, &other] {
        names.push(name(service.asked(lease, true).await));
    }
    let base = ListInboxItemsRequest { parent: format!("workspaces/{HOME}"), ..Default::default() };
    let list = async |request: ListInboxItemsRequest| {
        let reply = service.inbox().list_inbox_items(service.ask(request)).await.map(Response::into_inner);
        reply.map_err(|status| Failure::from_status(&status))
    };
    let first = list(ListInboxItemsRequest { page_size: 2, ..base.clone() }).await.expect("list");
    assert_eq!((first.inbox_items.len(), first.open_count), (2, 3));
    let rest = ListInboxItemsRequest { page_size: 2, page_token: first.next_page_token, ..base.clone() };
    let rest = list(rest).await.expect("list");
    assert_eq!((rest.inbox_items[0].name.as_str(), rest.next_page_token.as_str()), (names[0].as_str(), ""));
    let of_run = format!("workspaces/{HOME}/runs/{}", other.run);
    let of_run = list(ListInboxItemsRequest { run: of_run, ..base.clone() }).await.expect("list");
    assert_eq!(of_run.inbox_items.iter().map(|it| &it.name).collect::<Vec<_>>(), [&names[2]]);
    let of_agent = |agent: Uuid| ListInboxItemsRequest {
        agent: format!("workspaces/{HOME}/agents/{agent}"),
        ..base.clone()
    };
    assert_eq!(list(of_agent(AGENT)).await.expect("list").inbox_items.len(), 3);
    assert!(list(of_agent(USER)).await.expect("list").inbox_items.is_empty());
    let question = name(service.tables.ask(&lease, 2, &[]).await);
    let kind = |kind: InboxItemKind| ListInboxItemsRequest { kind: kind as i32, ..base.clone() };
    assert_eq!(list(kind(InboxItemKind::Question)).await.expect("list").inbox_items[0].name, question);
    assert_eq!(list(kind(InboxItemKind::Approval)).await.expect("list").inbox_items.len(), 3);
    assert!(list(kind(InboxItemKind::Outcome)).await.expect("list").inbox_items.is_empty());
    let void = ListInboxItemsRequest { state: InboxItemState::Void as i32, ..base.clone() };
    assert!(list(void).await.expect("list").inbox_items.is_empty());
    for (request, field) in [
        (ListInboxItemsRequest { state: 9, ..base.clone() }, "state"),
        (ListInboxItemsRequest { kind: 9, ..base.clone() }, "kind"),
        (ListInboxItemsRequest { agent: "agents/x".into(), ..base.clone() }, "agent"),
        (ListInboxItemsRequest { run: "runs/x".into(), ..base.clone() }, "run"),
        (ListInboxItemsRequest { page_size: 1_001, ..base.clone() }, "page_size"),
        (ListInboxItemsRequest { page_token: "x".into(), ..base.clone() }, "page_token"),
        (ListInboxItemsRequest { parent: "x".into(), ..base }, "parent"),
    ] {
        assert_eq!(list(request).await.expect_err(field).violations()[0].field, field);
    }

    let get = GetInboxItemRequest { name: names[0].clone() };
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, get);
    let denied = service.inbox().get_inbox_item(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
    let decide = DecideInboxItemRequest {
        name: names[0].clone(),
        decision: Some(Decision { kind: Some(approve(None)) }),
        ..Default::default()
    };
    let viewer = service.auth.request(USER, HOME, Role::Viewer, decide);
    let denied = service.inbox().decide_inbox_item(viewer).await.expect_err("a viewer");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
}
