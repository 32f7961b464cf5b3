//! One table of requests per source, over the real contract.

use mc_proto::registry::v1::{DeleteAgentRequest, UpdateAgentRequest};
use mc_proto::tasks::v1::{CreateTaskRequest, ListRunsRequest, StartTaskRequest, WatchRunRequest};

use super::*;
use crate::contract::binding;

fn bound(rpc: &str) -> Binding {
    let bindings = binding::read(mc_proto::descriptors()).expect("the contract is sound");
    bindings.into_iter().find(|binding| binding.rpc.name() == rpc).expect("bound")
}

fn path<'a>(field: &'a str, value: &str) -> [(&'a str, String); 1] {
    [(field, value.to_owned())]
}

fn assembled<M: prost::Message + Default>(rpc: &str, parts: Parts<'_>) -> Result<M, Failure> {
    assemble(&bound(rpc), parts).map(|message| message.transcode_to().expect("same type"))
}

fn refused(rpc: &str, parts: Parts<'_>) -> String {
    let failure = assemble(&bound(rpc), parts).expect_err("refused");
    failure.violations()[0].field.clone()
}

#[test]
fn path_body_query_and_header_meet() {
    let request: CreateTaskRequest = assembled(
        "CreateTask",
        Parts {
            path: &path("parent", "workspaces/w"),
            body: br#"{"title": "T"}"#,
            idempotency_key: Some("\"k 1\"".replace(' ', "-").as_str()),
            ..Parts::default()
        },
    )
    .expect("assembled");
    assert_eq!((request.parent.as_str(), request.request_id.as_str()), ("workspaces/w", "k-1"));
    assert_eq!(request.task.expect("set").title, "T");

    let request: ListRunsRequest = assembled(
        "ListRuns",
        Parts { path: &path("parent", "workspaces/w"), query: "pageSize=2", ..Parts::default() },
    )
    .expect("assembled");
    assert_eq!((request.parent.as_str(), request.page_size), ("workspaces/w", 2));
}

#[test]
fn absent_body_is_an_empty_one() {
    let request: StartTaskRequest =
        assembled("StartTask", Parts { path: &path("name", "workspaces/w/tasks/t"), ..Parts::default() })
            .expect("assembled");
    assert_eq!(request.name, "workspaces/w/tasks/t");
}

#[test]
fn a_field_said_twice_is_refused_by_name_unless_both_say_the_same() {
    let at = path("name", "workspaces/w/tasks/t");
    let same = Parts { path: &at, body: br#"{"name": "workspaces/w/tasks/t"}"#, ..Parts::default() };
    assembled::<StartTaskRequest>("StartTask", same).expect("the same twice");
    assert_eq!(
        refused("StartTask", Parts { path: &at, body: br#"{"name": "other"}"#, ..Parts::default() }),
        "name"
    );
    assert_eq!(
        refused("StartTask", Parts { path: &at, query: "agentVersion=v", ..Parts::default() }),
        "agent_version"
    );
    let both =
        Parts { path: &at, body: br#"{"requestId": "a"}"#, idempotency_key: Some("b"), ..Parts::default() };
    assert_eq!(refused("StartTask", both), "request_id");

    let parent = path("parent", "workspaces/w");
    assert_eq!(
        refused("ListRuns", Parts { path: &parent, query: "parent=workspaces/v", ..Parts::default() }),
        "parent"
    );
    assert_eq!(
        refused("CreateTask", Parts { path: &parent, query: "task.title=x", ..Parts::default() }),
        "task.title"
    );
    assert_eq!(refused("ListRuns", Parts { path: &parent, body: b"{}", ..Parts::default() }), "body");
}

#[test]
fn etag_goes_where_the_call_has_it() {
    let at = path("name", "workspaces/w/agents/a");
    for header in ["\"e1\"", "e1"] {
        let request: DeleteAgentRequest =
            assembled("DeleteAgent", Parts { path: &at, if_match: Some(header), ..Parts::default() })
                .expect("assembled");
        assert_eq!(request.etag, "e1");
    }
    let update = |body: &'static [u8], if_match| {
        let at = path("agent.name", "workspaces/w/agents/a");
        assembled::<UpdateAgentRequest>(
            "UpdateAgent",
            Parts { path: &at, body, if_match, ..Parts::default() },
        )
    };
    let agent = update(br#"{"role": "x"}"#, Some("\"e1\"")).expect("assembled").agent.expect("set");
    assert_eq!((agent.name.as_str(), agent.etag.as_str()), ("workspaces/w/agents/a", "e1"));
    assert!(update(br#"{"role": "x", "etag": "e1"}"#, Some("e1")).is_ok());
    assert!(update(br#"{"role": "x", "etag": "e2"}"#, Some("e1")).is_err());
    assert_eq!(update(br#"{"role": "x"}"#, Some("*")).expect("any").agent.expect("set").etag, "");
    for header in ["W/\"e1\"", "\"a\", \"b\"", "\"\""] {
        assert_eq!(
            refused("DeleteAgent", Parts { path: &at, if_match: Some(header), ..Parts::default() }),
            "If-Match"
        );
    }
    let runs = Parts { path: &path("name", "workspaces/w/runs/r"), if_match: Some("e"), ..Parts::default() };
    assert_eq!(refused("GetRun", runs), "If-Match");
}

#[test]
fn absent_mask_follows_from_the_body() {
    let at = path("agent.name", "workspaces/w/agents/a");
    let mask = |body: &'static [u8], query| {
        let request: UpdateAgentRequest =
            assembled("UpdateAgent", Parts { path: &at, body, query, ..Parts::default() })?;
        Ok::<_, Failure>(request.update_mask.expect("set").paths)
    };
    assert_eq!(
        mask(br#"{"displayName": "A", "spec": {"model": "m"}}"#, "").expect("inferred"),
        ["display_name", "spec.model"]
    );
    assert_eq!(mask(br#"{"displayName": "A"}"#, "updateMask=role").expect("given"), ["role"]);
    assert_eq!(mask(br#"{"displayName": "A"}"#, "updateMask=*").expect("given"), ["*"]);
    for nothing in [
        &b""[..],
        b"{}",
        br#"{"name": "workspaces/w/agents/a", "etag": "e", "updateTime": "2026-01-01T00:00:00Z"}"#,
    ] {
        assert_eq!(
            refused("UpdateAgent", Parts { path: &at, body: nothing, ..Parts::default() }),
            "update_mask"
        );
    }
}

#[test]
fn last_event_id_wins_over_the_query() {
    let at = path("name", "workspaces/w/runs/r");
    let parts = Parts {
        path: &at,
        query: "afterSeq=3&eventsOnly=true",
        last_event_id: Some("9"),
        ..Parts::default()
    };
    let request: WatchRunRequest = assembled("WatchRun", parts).expect("assembled");
    assert_eq!((request.after_seq, request.events_only), (9, true));
    assert_eq!(
        refused("WatchRun", Parts { path: &at, last_event_id: Some("x"), ..Parts::default() }),
        "Last-Event-ID"
    );
}

#[test]
fn idempotency_key_is_checked_and_ignored_where_there_is_nothing_to_repeat() {
    let at = path("name", "workspaces/w/runs/r");
    assert!(
        assemble(&bound("GetRun"), Parts { path: &at, idempotency_key: Some("k"), ..Parts::default() })
            .is_ok()
    );
    for key in ["", "\"\"", "a b", "é", &"k".repeat(129)] {
        assert_eq!(
            refused("GetRun", Parts { path: &at, idempotency_key: Some(key), ..Parts::default() }),
            "Idempotency-Key"
        );
    }
    let longest = "k".repeat(128);
    assert!(
        assemble(&bound("GetRun"), Parts { path: &at, idempotency_key: Some(&longest), ..Parts::default() })
            .is_ok()
    );
}
