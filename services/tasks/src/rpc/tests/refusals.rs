//! Who may not order and decide: each RPC of people, tried by everybody who has no business with it.

use mc_proto::tasks::v1::decision::Kind;
use mc_proto::tasks::v1::{
    AnswerDecision, CancelRunRequest, DecideInboxItemRequest, Decision, GetInboxItemRequest,
    ListInboxItemsRequest, ListRunCommandsRequest, PauseRunRequest, ResumeRunRequest, RetryRunRequest,
    SteerRunRequest,
};
use tonic::Code;
use tonic::metadata::MetadataMap;

use super::*;
use crate::domain::id::InboxItemId;
use crate::domain::order::CommandKind;
use crate::store::{inbox, mailbox};

const HERE: WorkspaceId = WorkspaceId::new(HOME);
const ELSEWHERE: Uuid = Uuid::from_u128(2);

/// The RPCs of people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rpc {
    Pause,
    Resume,
    Cancel,
    Steer,
    Retry,
    Commands,
    Items,
    Item,
    Decide,
}

const ALL: [Rpc; 9] = [
    Rpc::Pause,
    Rpc::Resume,
    Rpc::Cancel,
    Rpc::Steer,
    Rpc::Retry,
    Rpc::Commands,
    Rpc::Items,
    Rpc::Item,
    Rpc::Decide,
];

impl Rpc {
    fn writes(self) -> bool {
        !matches!(self, Self::Commands | Self::Items | Self::Item)
    }

    /// The name that it is called with.
    fn field(self) -> &'static str {
        if matches!(self, Self::Commands | Self::Items) { "parent" } else { "name" }
    }

    /// A name of the right kind in a workspace.
    fn name(self, workspace: Uuid, run: Uuid, item: Uuid) -> String {
        match self {
            Self::Items => format!("workspaces/{workspace}"),
            Self::Item | Self::Decide => format!("workspaces/{workspace}/inbox/{item}"),
            _ => format!("workspaces/{workspace}/runs/{run}"),
        }
    }
}

impl Service {
    /// Calls an RPC about `name` with metadata that says who calls.
    async fn call(
        &self,
        rpc: Rpc,
        name: &str,
        request_id: &str,
        metadata: MetadataMap,
    ) -> Result<(), Failure> {
        let (name, request_id) = (name.to_owned(), request_id.to_owned());
        let (mut runs, mut inbox) = (self.runs(), self.inbox());
        macro_rules! say {
            ($message:expr) => {
                Request::from_parts(metadata, tonic::Extensions::default(), $message)
            };
        }
        let said = match rpc {
            Rpc::Pause => {
                let message = PauseRunRequest { name, request_id, ..Default::default() };
                runs.pause_run(say!(message)).await.map(drop)
            }
            Rpc::Resume => {
                let message = ResumeRunRequest { name, request_id, ..Default::default() };
                runs.resume_run(say!(message)).await.map(drop)
            }
            Rpc::Cancel => {
                let message = CancelRunRequest { name, request_id, ..Default::default() };
                runs.cancel_run(say!(message)).await.map(drop)
            }
            Rpc::Steer => {
                let message =
                    SteerRunRequest { name, text: "Hello.".into(), request_id, ..Default::default() };
                runs.steer_run(say!(message)).await.map(drop)
            }
            Rpc::Retry => {
                let message = RetryRunRequest { name, request_id, ..Default::default() };
                runs.retry_run(say!(message)).await.map(drop)
            }
            Rpc::Commands => {
                let message = ListRunCommandsRequest { parent: name, ..Default::default() };
                runs.list_run_commands(say!(message)).await.map(drop)
            }
            Rpc::Items => {
                let message = ListInboxItemsRequest { parent: name, ..Default::default() };
                inbox.list_inbox_items(say!(message)).await.map(drop)
            }
            Rpc::Item => inbox.get_inbox_item(say!(GetInboxItemRequest { name })).await.map(drop),
            Rpc::Decide => {
                let kind = Some(Kind::Answer(AnswerDecision { text: "this".into() }));
                let message = DecideInboxItemRequest { name, decision: Some(Decision { kind }), request_id };
                inbox.decide_inbox_item(say!(message)).await.map(drop)
            }
        };
        said.map_err(|status| Failure::from_status(&status))
    }

    fn person(&self, workspace: Uuid, role: Role) -> MetadataMap {
        self.auth.request(USER, workspace, role, ()).into_parts().0
    }

    /// A run of this workspace that asks a question.
    async fn asking(&self) -> (RunId, InboxItemId) {
        let run = self.tables.run(HERE).await;
        let lease = self.tables.claim(self.tables.worker().await, 1).await.remove(0);
        (run, self.tables.ask(&lease, 1, &[]).await)
    }

    /// What people have said to the run so far: how many letters, and where its item stands.
    async fn heard(&self, run: RunId, item: InboxItemId) -> (usize, i16) {
        let mut tx = self.tables.api.read(HOME).await.expect("read");
        let item = inbox::get(&mut tx, item).await.expect("get").expect("there");
        let mut tx = self.tables.engine.read(HOME).await.expect("read");
        (mailbox::unread(&mut tx, run).await.expect("unread").len(), item.state)
    }
}

#[tokio::test]
async fn people_of_another_workspace_and_nobody_are_told_nothing() {
    let service = Service::new().await;
    let (run, item) = service.asking().await;
    for rpc in ALL {
        let name = rpc.name(HOME, run.uuid(), item.uuid());
        let nobody = service.call(rpc, &name, "", MetadataMap::new()).await.expect_err("nobody");
        assert_eq!(nobody.code(), Code::Unauthenticated, "{rpc:?}");
        let stranger = service.call(rpc, &name, "", service.person(ELSEWHERE, Role::Owner)).await;
        assert_eq!(stranger.expect_err("a stranger").code(), Code::NotFound, "{rpc:?}");
        if rpc != Rpc::Items {
            // Nor by the id, in a workspace that is theirs.
            let name = rpc.name(ELSEWHERE, run.uuid(), item.uuid());
            let guessed = service.call(rpc, &name, "", service.person(ELSEWHERE, Role::Owner)).await;
            assert_eq!(guessed.expect_err("guessed").reason(), "NOT_FOUND", "{rpc:?}");
        }
    }
    assert_eq!(service.heard(run, item).await, (0, inbox::state::OPEN));
}

#[tokio::test]
async fn viewers_see_and_do_not_order_and_neither_does_a_run_or_a_service() {
    let service = Service::new().await;
    let (run, item) = service.asking().await;
    let itself = TestAuth::run(HOME, run.uuid(), USER);
    for rpc in ALL {
        let name = rpc.name(HOME, run.uuid(), item.uuid());
        let viewer = service.call(rpc, &name, "", service.person(HOME, Role::Viewer)).await;
        assert_eq!(
            viewer.map_err(|it| it.code()),
            if rpc.writes() { Err(Code::PermissionDenied) } else { Ok(()) }
        );
        let worker = service.auth.service("tasks");
        let by_itself = worker.request_for_run("tasks", &itself, ()).into_parts().0;
        let other = service.auth.service("llm").request_in("tasks", HOME, ()).into_parts().0;
        for (who, metadata) in [("the run itself", by_itself), ("a service", other)] {
            let denied = service.call(rpc, &name, "", metadata).await.expect_err(who);
            assert_eq!(denied.code(), Code::PermissionDenied, "{rpc:?} by {who}");
        }
    }
    assert_eq!(service.heard(run, item).await, (0, inbox::state::OPEN));
}

#[tokio::test]
async fn name_that_is_none_is_named_and_one_of_nothing_is_not_found() {
    let service = Service::new().await;
    for rpc in ALL {
        for bad in ["", "x", "workspaces/x/runs/y", &format!("workspaces/{HOME}/agents/{AGENT}")] {
            let failure = service.call(rpc, bad, "", service.person(HOME, Role::Operator)).await;
            let failure = failure.expect_err("no name");
            assert_eq!(failure.violations()[0].field, rpc.field(), "{rpc:?} of {bad:?}");
        }
        if rpc != Rpc::Items {
            let name = rpc.name(HOME, USER, USER);
            let missing = service.call(rpc, &name, "", service.person(HOME, Role::Operator)).await;
            assert_eq!(missing.expect_err("nothing there").reason(), "NOT_FOUND", "{rpc:?}");
        }
    }
}

#[tokio::test]
async fn request_id_belongs_to_one_request_and_has_its_length() {
    let service = Service::new().await;
    let (first, item) = service.asking().await;
    let (second, other) = service.asking().await;
    for rpc in [Rpc::Pause, Rpc::Resume, Rpc::Cancel, Rpc::Steer, Rpc::Decide] {
        let name = rpc.name(HOME, first.uuid(), item.uuid());
        let id = format!("id of {rpc:?}").replace(' ', "-");
        let call = |name: String, id: String| {
            let metadata = service.person(HOME, Role::Operator);
            let service = &service;
            async move { service.call(rpc, &name, &id, metadata).await }
        };
        let long = call(name.clone(), "x".repeat(129)).await.expect_err("too long");
        assert_eq!(long.violations()[0].field, "request_id", "{rpc:?}");
        call(name.clone(), id.clone()).await.expect("first");
        let heard = service.heard(first, item).await;
        call(name, id.clone()).await.expect("repeated");
        assert_eq!(service.heard(first, item).await, heard, "{rpc:?} is heard once");
        let reused =
            call(rpc.name(HOME, second.uuid(), other.uuid()), id).await.expect_err("another request");
        assert_eq!(reused.reason(), "IDEMPOTENCY_KEY_REUSED", "{rpc:?}");
    }
    assert_eq!(service.heard(first, item).await, (5, inbox::state::DECIDED));
    assert_eq!(service.heard(second, other).await, (0, inbox::state::OPEN));
}

#[tokio::test]
async fn commands_are_paged_newest_first() {
    let service = Service::new().await;
    let run = service.tables.run(HERE).await;
    for kind in [CommandKind::Pause, CommandKind::Resume, CommandKind::Pause] {
        let order = service.tables.order(kind);
        service.tables.post(HERE, run, &order).await;
    }
    let parent = format!("workspaces/{HOME}/runs/{run}");
    let list = async |page_size, page_token: &str| {
        let page_token = page_token.to_owned();
        let request = ListRunCommandsRequest { parent: parent.clone(), page_size, page_token };
        let reply = service.runs().list_run_commands(service.ask(request)).await;
        reply.map(Response::into_inner).map_err(|status| Failure::from_status(&status))
    };
    let all = list(0, "").await.expect("list");
    assert_eq!((all.commands.len(), all.next_page_token.as_str()), (3, ""));
    let page = list(2, "").await.expect("list");
    assert_eq!(page.commands, all.commands[..2]);
    let rest = list(2, &page.next_page_token).await.expect("list");
    assert_eq!((&rest.commands[..], rest.next_page_token.as_str()), (&all.commands[2..], ""));
    for (page_size, page_token, field) in
        [(-1, "", "page_size"), (1_001, "", "page_size"), (0, "no-token", "page_token")]
    {
        let failure = list(page_size, page_token).await.expect_err(field);
        assert_eq!(failure.violations()[0].field, field);
    }
}
