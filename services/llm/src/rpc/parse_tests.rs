//! What a request for a generation may and may not say.

use mc_chassis::auth::testing::TestAuth;
use mc_chassis::auth::{Caller, Service};

use super::*;

const WORKSPACE: Uuid = Uuid::from_u128(1);

fn caller() -> Caller {
    Caller::Service(Service { name: "tasks".into(), workspace: Some(WORKSPACE) })
}

fn part(kind: WireKind) -> wire::Part {
    wire::Part { kind: Some(kind) }
}

fn turn(role: wire::MessageRole, parts: Vec<wire::Part>) -> wire::Message {
    wire::Message { role: role.into(), parts }
}

fn text(text: &str) -> wire::Part {
    part(WireKind::Text(text.into()))
}

fn call(id: &str, tool: &str) -> wire::Part {
    part(WireKind::ToolCall(wire::ToolCall { id: id.into(), tool: tool.into(), arguments_json: "{".into() }))
}

fn result(id: &str) -> wire::Part {
    part(WireKind::ToolResult(wire::ToolResult { call_id: id.into(), content: "c".into(), is_error: true }))
}

fn tool(name: &str, schema: &str) -> wire::ToolDefinition {
    wire::ToolDefinition { name: name.into(), description: "d".into(), parameters_json_schema: schema.into() }
}

fn request() -> wire::GenerateRequest {
    wire::GenerateRequest {
        parent: "workspaces/x".into(),
        idempotency_key: "r/1/1".into(),
        model: "simulator/demo".into(),
        messages: vec![
            turn(wire::MessageRole::User, vec![text("hi")]),
            turn(wire::MessageRole::Assistant, vec![call("c1", "read"), call("c2", "read")]),
            turn(wire::MessageRole::Tool, vec![result("c2"), result("c1")]),
            turn(wire::MessageRole::Assistant, vec![]),
            turn(wire::MessageRole::User, vec![text("go on")]),
        ],
        tools: vec![tool("read", "{\"type\":\"object\"}")],
        ..wire::GenerateRequest::default()
    }
}

#[test]
fn a_good_request_is_taken_as_it_is() {
    let ask = ask(&caller(), WORKSPACE, request()).expect("taken");
    assert_eq!((ask.messages.len(), ask.assistant_turns(), ask.tools.len()), (5, 2, 1));
    assert_eq!(ask.model.model(), "demo");
}

#[test]
fn bad_requests_are_refused_by_field() {
    type Change = fn(&mut wire::GenerateRequest);
    let changes: [(&str, Change); 29] = [
        ("idempotency_key", |r| r.idempotency_key.clear()),
        ("idempotency_key", |r| r.idempotency_key = "a b".into()),
        ("idempotency_key", |r| r.idempotency_key = "x".repeat(201)),
        ("model", |r| r.model = "demo".into()),
        ("model", |r| r.model.clear()),
        ("messages", |r| r.messages.clear()),
        ("messages[0].role", |r| r.messages[0].role = 0),
        ("messages[0].role", |r| r.messages[0].role = 9),
        ("messages[0].parts", |r| r.messages[0].parts.clear()),
        ("messages[2].parts", |r| r.messages[2].parts.clear()),
        ("messages[0].parts[0]", |r| r.messages[0].parts[0].kind = None),
        ("messages[0].parts[1]", |r| r.messages[0].parts.push(call("x", "read"))),
        ("messages[2].parts[2]", |r| r.messages[2].parts.push(text("x"))),
        ("messages[3].parts[0]", |r| r.messages[3].parts.push(result("c1"))),
        ("messages[1].parts[0].tool_call.id", |r| r.messages[1].parts[0] = call("", "read")),
        ("messages[1].parts[0].tool_call.tool", |r| r.messages[1].parts[0] = call("c1", "no spaces")),
        ("messages[2].parts[1].tool_result.call_id", |r| r.messages[2].parts[1] = result("c9")),
        ("tools[0].name", |r| r.tools[0].name = "x".repeat(65)),
        ("tools[1].name", |r| r.tools.push(r.tools[0].clone())),
        ("tools[0].parameters_json_schema", |r| r.tools[0] = tool("read", "[]")),
        ("tools[0].parameters_json_schema", |r| r.tools[0] = tool("read", "")),
        ("tools", |r| r.tools = (0..129).map(|n| tool(&format!("t{n}"), "{}")).collect()),
        ("parameters.temperature", |r| r.parameters.get_or_insert_default().temperature = Some(2.1)),
        ("parameters.temperature", |r| r.parameters.get_or_insert_default().temperature = Some(f64::NAN)),
        ("parameters.top_p", |r| r.parameters.get_or_insert_default().top_p = Some(-0.1)),
        ("parameters.max_output_tokens", |r| {
            r.parameters.get_or_insert_default().max_output_tokens = Some(0);
        }),
        ("attribution.run", |r| r.attribution.get_or_insert_default().run = "runs/1".into()),
        ("attribution.task", |r| {
            let elsewhere = Uuid::from_u128(2);
            r.attribution.get_or_insert_default().task = format!("workspaces/{elsewhere}/tasks/{elsewhere}");
        }),
        ("attribution.agent_version", |r| {
            r.attribution.get_or_insert_default().agent_version =
                format!("workspaces/{WORKSPACE}/agents/{WORKSPACE}/versions/x");
        }),
    ];
    for (field, change) in changes {
        let mut request = request();
        change(&mut request);
        let failure = ask(&caller(), WORKSPACE, request).expect_err(field);
        assert_eq!(failure.violations()[0].field, field);
    }
}

#[test]
fn edges_are_within() {
    let mut request = request();
    request.idempotency_key = "x".repeat(200);
    request.tools = (0..128).map(|n| tool(&format!("t{n}"), "{}")).collect();
    request.parameters = Some(wire::GenerateParameters {
        temperature: Some(2.0),
        top_p: Some(0.0),
        max_output_tokens: Some(1),
        seed: Some(-1),
    });
    ask(&caller(), WORKSPACE, request).expect("taken");
}

#[test]
fn a_run_books_to_itself_and_to_no_other() {
    let run = TestAuth::run(WORKSPACE, Uuid::from_u128(3), Uuid::from_u128(4));
    let caller = Caller::Run(run.clone());
    let own = ask(&caller, WORKSPACE, request()).expect("taken").attribution;
    assert_eq!(own.run, format!("workspaces/{WORKSPACE}/runs/{}", run.run));
    assert_eq!(own.agent_version, run.agent_version);

    let mut other = request();
    other.attribution.get_or_insert_default().run =
        format!("workspaces/{WORKSPACE}/runs/{}", Uuid::from_u128(9));
    assert_eq!(ask(&caller, WORKSPACE, other).expect_err("refused").violations()[0].field, "attribution.run");
    let mut other = request();
    other.attribution.get_or_insert_default().agent_version =
        format!("workspaces/{WORKSPACE}/agents/{WORKSPACE}/versions/2");
    let failure = ask(&caller, WORKSPACE, other).expect_err("refused");
    assert_eq!(failure.violations()[0].field, "attribution.agent_version");
}
