//! Bad input at every public RPC, through the real edge into the real services: a table of attempts and answers that cannot rot.
//!
//! Most attempts follow from the descriptors (`attempts.rs`); what only people know stands in `rows/*.json`. A new public RPC
//! without rows, and a new field that no row breaks, fail the test. The table is rendered to `gateway/BAD_INPUT.md`.

mod arbitrary;
mod attempts;
mod contract;
mod house;
mod request;
mod rows;
mod table;
mod world;

use std::collections::{BTreeMap, BTreeSet};

use attempts::{Attempt, Plan};
use contract::{Rpc, public_rpcs};
use prost_reflect::Kind;
use request::Answer;
use rows::Rows;
use table::Line;
use world::World;

/// Fields that every RPC which has them is tried at without rows of its own.
const TRIED_EVERYWHERE: [&str; 5] = ["page_size", "page_token", "update_mask", "request_id", "etag"];

#[test]
fn every_public_rpc_and_every_field_of_one_has_its_rows() {
    let (rpcs, rows) = (public_rpcs(), rows::read());
    let mut missing = Vec::new();
    for rpc in &rpcs {
        match rows.get(&rpc.name) {
            None => missing.push(format!("{}: has no rows", rpc.name)),
            Some(rows) => missing.extend(gaps(rpc, rows)),
        }
    }
    let known: BTreeSet<&str> = rpcs.iter().map(|rpc| rpc.name.as_str()).collect();
    missing.extend(
        rows.keys()
            .filter(|name| !known.contains(name.as_str()))
            .map(|name| format!("{name}: is no public RPC")),
    );
    assert!(missing.is_empty(), "write them into tests/bad_input/rows/*.json:\n{}\n", missing.join("\n"));
}

/// What the rows of an RPC leave out.
fn gaps(rpc: &Rpc, rows: &Rows) -> Vec<String> {
    let broken: BTreeSet<String> =
        rows.own.iter().filter_map(|row| row.expected.field.as_deref()).map(without_index).collect();
    let mut gaps = Vec::new();
    for field in &rpc.fields {
        let name = field.name();
        let is_group =
            field.last().kind().as_message().is_some_and(|inner| inner.package_name() != "google.protobuf");
        let tried = TRIED_EVERYWHERE.contains(&field.last().name()) || broken.contains(&without_index(&name));
        // A truth value has no wrong value of the right type.
        let any_is_right = matches!(field.last().kind(), Kind::Bool);
        if !is_group && !tried && !any_is_right && !rows.free.contains_key(&name) {
            gaps.push(format!("{}: no row breaks {name}, and `free` does not say why none could", rpc.name));
        }
    }
    for name in rows.free.keys().filter(|name| rpc.field(name).is_none()) {
        gaps.push(format!("{}: `free` names {name}, which is no field", rpc.name));
    }
    if rpc.field("request_id").is_some() && rows.other.is_none() {
        gaps.push(format!("{}: takes a request id and needs `other`", rpc.name));
    }
    gaps
}

fn without_index(field: &str) -> String {
    field.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_attempt_is_answered_as_the_table_says() {
    let (rpcs, all_rows, world) = (public_rpcs(), rows::read(), World::new().await);
    let mut lines = Vec::new();
    let mut wrong = Vec::new();
    for rpc in &rpcs {
        let Some(rows) = all_rows.get(&rpc.name) else { continue };
        for attempt in Plan::new(&world, rpc, rows).make().await {
            match attempt.request.clone().send(&world.http, &world.house.address).await {
                Ok(answer) => {
                    if let Some(difference) = difference(&attempt, &answer) {
                        wrong.push(format!("{}: {}", rpc.name, difference));
                    }
                    lines.push(Line { rpc: rpc.name.clone(), attempt, answer });
                }
                Err(problem) => {
                    wrong.push(format!("{}: {} {:?}: {problem}", rpc.name, attempt.name, attempt.at));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {} attempts:\n{}\n", wrong.len(), lines.len(), wrong.join("\n"));
    let text = table::render(&lines);
    if std::env::var_os("MC_BLESS").is_some() {
        std::fs::write(table::PATH, text).expect("write the table");
    } else {
        let committed = std::fs::read_to_string(table::PATH).unwrap_or_default();
        assert!(committed == text, "gateway/BAD_INPUT.md is stale; its head says how to write it anew");
    }
}

/// How an answer is not the one that was expected.
fn difference(attempt: &Attempt, answer: &Answer) -> Option<String> {
    let expected = &attempt.expected;
    let success = expected.status == 200;
    let same_status = if success { answer.status < 300 } else { answer.status == expected.status };
    let same_field = match &expected.field {
        Some(field) => answer.fields.iter().any(|named| without_index(named) == without_index(field)),
        None => answer.fields.is_empty() || expected.reason != "INVALID_FIELD",
    };
    let same_reason = success || answer.reason == expected.reason;
    let at = attempt.at.as_deref().unwrap_or_default();
    (!same_status || !same_reason || !(success || same_field)).then(|| {
        format!(
            "{} {at}: {} {} {:?} was expected, not {} {} {:?}",
            attempt.name,
            expected.status,
            expected.reason,
            expected.field,
            answer.status,
            answer.reason,
            answer.fields
        )
    })
}

#[test]
fn a_field_without_its_row_and_a_row_without_its_field_are_found() {
    let rpcs = public_rpcs();
    let rpc = rpcs.iter().find(|rpc| rpc.name == "TaskService/CreateTask").expect("it is public");
    let found =
        gaps(rpc, &Rows { free: BTreeMap::from([("task.nope".into(), "why".into())]), ..Rows::default() });
    for name in ["task.title", "task.acceptance_checks", "task.nope", "request id"] {
        assert!(found.iter().any(|gap| gap.contains(name)), "{name} is not in {found:?}");
    }
    assert!(!found.iter().any(|gap| gap.contains("create_time")), "{found:?}");
}
