//! A real llama.cpp server, where `MC_TEST_LLAMA_URL` names one (services/llm/tests/llama/serve.py starts it).

#![expect(clippy::print_stderr, reason = "a test that was skipped says so")]

use mc_llm::Settings;
use mc_proto::llm::v1::part::Kind;
use mc_proto::llm::v1::{
    FinishReason, GenerateParameters, GenerateRequest, ListModelsRequest, Message, MessageRole, Part,
    ToolCall, ToolDefinition, ToolResult,
};

use crate::fleet::{Fleet, Instance, Told, settings, user};

/// Words that the model is asked for.
const WORDS: i32 = 24;

/// A fleet with the real server as provider `llama`; `None` where there is none.
async fn start() -> Option<(Fleet, Instance)> {
    let Ok(url) = std::env::var("MC_TEST_LLAMA_URL") else {
        eprintln!("skipped: MC_TEST_LLAMA_URL names no llama.cpp server");
        return None;
    };
    let fleet = Fleet::start().await;
    let llm = fleet.instance_with(Settings { tries: 1, ..settings() }).await;
    llm.add_provider("llama", &url, "").await;
    Some((fleet, llm))
}

fn request(llm: &Instance, key: &str) -> GenerateRequest {
    GenerateRequest {
        system: "You count apples.".into(),
        parameters: Some(GenerateParameters {
            temperature: Some(0.8),
            max_output_tokens: Some(WORDS),
            seed: Some(7),
            ..GenerateParameters::default()
        }),
        ..llm.request(key, "llama/nonsense")
    }
}

async fn ask(llm: &Instance, request: GenerateRequest) -> Told {
    llm.listen(request).await.expect("a stream").told().await
}

#[tokio::test]
async fn llama_lists_its_models() {
    let Some((fleet, llm)) = start().await else { return };
    let reply = llm
        .models()
        .list_models(llm.admin(ListModelsRequest { parent: fleet.parent(), ..Default::default() }))
        .await;
    let reply = reply.expect("a list").into_inner();
    assert_eq!(reply.unreachable, []);
    let model = reply.models.iter().find(|model| model.id == "llama/nonsense").expect("listed");
    assert!(!model.simulated && model.input_nano_usd_per_million_tokens.is_none());
}

#[tokio::test]
async fn llama_streams_an_answer_with_its_usage() {
    let Some((_fleet, llm)) = start().await else { return };
    let told = ask(&llm, request(&llm, "r/1/1")).await;
    eprintln!("llama.cpp said in {} deltas: {}", told.deltas, told.text);
    assert!(told.text.split_whitespace().count() > 10, "words: {}", told.text);
    let (text, again) = (told.text.clone(), ask(&llm, request(&llm, "r/2/1")).await);
    let finished = told.finished();
    let usage = finished.usage.expect("usage");
    eprintln!("usage {usage:?}, cost {:?}, model {}", finished.cost_nano_usd, finished.provider_model);
    assert_eq!(finished.finish_reason(), FinishReason::Length);
    assert_eq!((usage.output_tokens, usage.estimated), (i64::from(WORDS), false));
    assert!(usage.input_tokens + usage.cache_read_tokens > 20);
    assert_eq!((finished.cost_nano_usd, finished.provider_model.as_str()), (None, "nonsense"));

    assert_eq!(again.text, text, "the seed is taken");
    let cached = again.finished().usage.expect("usage");
    assert!(cached.cache_read_tokens > 0, "the prompt was cached: {cached:?}");
    let read = |usage: mc_proto::llm::v1::Usage| usage.input_tokens + usage.cache_read_tokens;
    assert_eq!(read(cached), read(usage), "no token is in two buckets");
}

#[tokio::test]
async fn llama_takes_tools_and_their_results() {
    let Some((_fleet, llm)) = start().await else { return };
    let mut asked = request(&llm, "r/1/1");
    asked.tools = vec![ToolDefinition {
        name: "pick".into(),
        description: "Picks a fruit.".into(),
        parameters_json_schema:
            r#"{"type":"object","properties":{"fruit":{"type":"string"}},"required":["fruit"]}"#.into(),
    }];
    let turn =
        |role: MessageRole, kind: Kind| Message { role: role.into(), parts: vec![Part { kind: Some(kind) }] };
    // Arguments as a model may have broken them: a server that parses them must not choke on the next turn.
    for (id, arguments) in [("c1", "{\"fruit\":\"apple\"}"), ("c2", "{\"fruit\": \"app"), ("c3", "")] {
        let call = ToolCall { id: id.into(), tool: "pick".into(), arguments_json: arguments.into() };
        asked.messages.push(turn(MessageRole::Assistant, Kind::ToolCall(call)));
        let result = ToolResult { call_id: id.into(), content: "picked".into(), is_error: false };
        asked.messages.push(turn(MessageRole::Tool, Kind::ToolResult(result)));
    }
    asked.messages.push(Message { role: MessageRole::Assistant.into(), parts: Vec::new() });
    asked.messages.push(user("go on"));
    let told = ask(&llm, asked).await;
    assert!(!told.text.is_empty());
    told.finished();
}

#[tokio::test]
async fn llama_refuses_what_does_not_fit() {
    let Some((_fleet, llm)) = start().await else { return };
    let mut long = request(&llm, "r/1/1");
    long.messages = vec![user(&"apple ".repeat(5_000))];
    let told = ask(&llm, long).await;
    eprintln!("too long: {}", told.end.as_ref().expect_err("refused"));
    assert_eq!(told.reason(), "CONTEXT_TOO_LONG");
}
