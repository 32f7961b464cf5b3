//! Arbitrary JSON at every public RPC: whatever comes, the answer is well-formed and none is the services' own failure.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::attempts::Plan;
use crate::contract::{Rpc, public_rpcs};
use crate::request::{Body, Request};
use crate::rows;
use crate::world::World;

/// Attempts at each RPC.
const CASES: usize = 24;

/// Text that has broken something somewhere before.
const TEXTS: [&str; 14] = [
    "",
    " ",
    "\0",
    "\u{202e}\u{feff}",
    "-",
    "*",
    "../..",
    "a/b/c",
    "workspaces/-/agents/-",
    "'; DROP TABLE tasks.run; --",
    "%00",
    "9223372036854775808",
    "2026-02-30T25:61:61Z",
    "-315576000001s",
];

/// JSON of every shape, at most four deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,64}".prop_map(Value::from),
        select(&TEXTS[..]).prop_map(Value::from),
        (1_usize..70_000).prop_map(|length| Value::from("x".repeat(length))),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            btree_map(".{0,12}", inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// A request with something arbitrary in one place: of its fields, or in place of the whole body.
fn broken(rpc: &Rpc, mut request: Request, at: Index, whole: bool, value: Value) -> Request {
    if let (Body::Json(body), true) = (&mut request.body, whole || rpc.fields.is_empty()) {
        *body = value;
        return request;
    }
    let Some(field) = (!rpc.fields.is_empty()).then(|| at.get(&rpc.fields)) else { return request };
    match &mut request.body {
        Body::Json(body) if field.in_body => {
            field.put(rpc, body, value);
            request
        }
        _ => {
            // A target that is too long never reaches the service.
            let text: String = value.to_string().chars().take(2_000).collect();
            request.query(&field.name(), text)
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arbitrary_json_is_answered_well_at_every_rpc() {
    let (rpcs, all_rows, world) = (public_rpcs(), rows::read(), World::new().await);
    // The same cases each time.
    let mut runner = TestRunner::deterministic();
    let cases = (any::<Index>(), any::<bool>(), value());
    let mut wrong = Vec::new();
    let mut refused = 0;
    for rpc in &rpcs {
        let Some(rows) = all_rows.get(&rpc.name) else { continue };
        // What one success would use up is made for this RPC alone.
        let good = Plan::new(&world, rpc, rows).consumable().await;
        for _ in 0..CASES {
            let (at, whole, value) = cases.new_tree(&mut runner).expect("a case").current();
            let request = broken(rpc, good.clone(), at, whole, value);
            let said = format!("{:.400}", format!("{request:?}"));
            match request.send(&world.http, &world.house.address).await {
                Ok(answer) if answer.status < 500 => refused += usize::from(answer.status >= 400),
                Ok(answer) => {
                    wrong.push(format!("{}: {} {}: {said}", rpc.name, answer.status, answer.reason));
                }
                Err(problem) => wrong.push(format!("{}: {problem}: {said}", rpc.name)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers:\n{}\n", wrong.len(), wrong.join("\n"));
    assert!(refused > rpcs.len() * CASES / 3, "most of it is refused, and only {refused} were");
}
