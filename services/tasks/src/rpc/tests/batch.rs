//! Several decisions at once: each by itself, in the order asked, and once.

use mc_proto::tasks::v1::decision::Kind;
use mc_proto::tasks::v1::{
    AnswerDecision, BatchDecideInboxItemsRequest, Decision, InboxItemState, ItemDecision, ItemDecisionResult,
    RejectDecision,
};

use super::*;
use crate::domain::id::InboxItemId;

const HERE: WorkspaceId = WorkspaceId::new(HOME);

fn answer(item: InboxItemId, text: &str) -> ItemDecision {
    named(format!("workspaces/{HOME}/inbox/{item}"), text)
}

fn named(name: String, text: &str) -> ItemDecision {
    let kind = Kind::Answer(AnswerDecision { text: text.into() });
    ItemDecision { name, decision: Some(Decision { kind: Some(kind) }) }
}

impl Service {
    async fn batch(
        &self,
        decisions: Vec<ItemDecision>,
        request_id: &str,
    ) -> Result<Vec<ItemDecisionResult>, Failure> {
        let request = BatchDecideInboxItemsRequest {
            parent: format!("workspaces/{HOME}"),
            decisions,
            request_id: request_id.into(),
        };
        let reply = self.inbox().batch_decide_inbox_items(self.ask(request)).await;
        reply.map(|it| it.into_inner().results).map_err(|it| Failure::from_status(&it))
    }

    /// Questions of one run.
    async fn questions(&self, count: u32) -> Vec<InboxItemId> {
        self.tables.run(HERE).await;
        let lease = self.tables.claim(self.tables.worker().await, 1).await.remove(0);
        let mut items = Vec::new();
        for step in 1..=count {
            items.push(self.tables.ask(&lease, step, &["red", "blue"]).await);
        }
        items
    }
}

fn fates(results: &[ItemDecisionResult]) -> Vec<String> {
    let fate = |result: &ItemDecisionResult| match (&result.inbox_item, &result.refusal) {
        (Some(item), None) => format!("{:?}", item.state()),
        (None, Some(refusal)) => refusal.reason.clone(),
        both => panic!("{both:?}"),
    };
    results.iter().map(fate).collect()
}

#[tokio::test]
async fn each_decision_is_taken_or_refused_on_its_own_in_the_order_asked() {
    let service = Service::new().await;
    let (one, two) = (service.questions(2).await, service.questions(2).await);
    service.batch(vec![answer(one[1], "red")], "").await.expect("the first");
    let no = Kind::Reject(RejectDecision { reason: "No.".into() });
    let reject = ItemDecision { decision: Some(Decision { kind: Some(no) }), ..answer(two[1], "") };
    let none = ItemDecision { decision: None, ..answer(InboxItemId::new(USER), "") };
    let asked = vec![
        answer(two[0], "green"),
        answer(one[1], "blue"),
        answer(one[0], "blue"),
        reject,
        named(format!("workspaces/{HOME}/inbox/{}", Uuid::from_u128(77)), "red"),
        named(format!("workspaces/{}/inbox/{}", Uuid::from_u128(2), two[0]), "red"),
        named("inbox/x".into(), "red"),
        none,
    ];
    let results = service.batch(asked.clone(), "").await.expect("a batch");
    assert_eq!(
        fates(&results),
        [
            "INVALID_FIELD",
            "ALREADY_DECIDED",
            "Decided",
            "INVALID_FIELD",
            "NOT_FOUND",
            "NOT_FOUND",
            "INVALID_FIELD",
            "INVALID_FIELD"
        ]
    );
    assert!(results.iter().zip(&asked).all(|(result, asked)| result.name == asked.name));
    let refusal = |at: usize| results[at].refusal.clone().expect("a refusal");
    assert_eq!(refusal(0).violations[0].field, "decision.answer.text");
    assert_eq!(refusal(1).metadata["decider"], format!("users/{USER}"));
    assert_eq!((refusal(1).metadata["detail"].as_str(), refusal(1).code), ("red", 9));
    assert_eq!(refusal(3).violations[0].field, "decision.answer".replace("answer", "reject"));
    assert_eq!(
        (refusal(6).violations[0].field.as_str(), refusal(7).violations[0].field.as_str()),
        ("name", "decision")
    );
    let left = service.batch(vec![answer(two[0], "red"), answer(two[1], "red")], "").await.expect("the rest");
    assert_eq!(fates(&left), ["Decided", "Decided"], "what was refused was left alone");
}

#[tokio::test]
async fn repeated_batch_answers_as_before_and_ends_what_was_cut_short() {
    let service = Service::new().await;
    let items = service.questions(3).await;
    let asked: Vec<_> = items.iter().map(|item| answer(*item, "red")).collect();
    let first = service.batch(asked.clone(), "b1").await.expect("a batch");
    assert_eq!(service.batch(asked.clone(), "b1").await.expect("repeated"), first);
    let other = service.batch(vec![asked[0].clone()], "b1").await.expect_err("other decisions");
    assert_eq!(other.reason(), "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(fates(&service.batch(asked, "b2").await.expect("another")), ["ALREADY_DECIDED"; 3]);

    // The answer to the first try got lost behind the first item: the id is kept, and one decision.
    let items = service.questions(2).await;
    let asked: Vec<_> = items.iter().map(|item| answer(*item, "blue")).collect();
    let cut = service.batch(asked.clone(), "b3").await.expect("a batch");
    let request_id = crate::rpc::batch::entry_request_id("b3", &asked[1].name);
    service.tables.undo_decision(items[1], &request_id).await;
    let again = service.batch(asked, "b3").await.expect("repeated");
    assert_eq!(again[0], cut[0], "what was decided is answered as before");
    let state = again[1].inbox_item.as_ref().expect("decided").state();
    assert_eq!(state, InboxItemState::Decided, "and the rest is decided");
}

#[tokio::test]
async fn batch_is_held_at_its_edges() {
    let service = Service::new().await;
    let named = |count: u128| -> Vec<_> {
        (0..count).map(|n| answer(InboxItemId::new(Uuid::from_u128(n)), "red")).collect()
    };
    assert_eq!(fates(&service.batch(named(100), "").await.expect("a hundred")), ["NOT_FOUND"; 100]);
    for (decisions, field) in [
        (named(101), "decisions"),
        (vec![], "decisions"),
        ([named(2), named(1)].concat(), "decisions[2].name"),
    ] {
        assert_eq!(service.batch(decisions, "").await.expect_err(field).violations()[0].field, field);
    }
    assert_eq!(service.batch(named(1), "a b").await.expect_err("an id").violations()[0].field, "request_id");
    let request = BatchDecideInboxItemsRequest {
        parent: format!("workspaces/{HOME}"),
        decisions: named(1),
        request_id: String::new(),
    };
    let viewer = service.auth.request(USER, HOME, Role::Viewer, request.clone());
    let denied = service.inbox().batch_decide_inbox_items(viewer).await.expect_err("a viewer");
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    let stranger = service.auth.request(USER, Uuid::from_u128(2), Role::Owner, request);
    let denied = service.inbox().batch_decide_inbox_items(stranger).await.expect_err("another workspace");
    assert_eq!(Failure::from_status(&denied).reason(), "NOT_FOUND");
}
