//! The OpenAI-compatible provider over real HTTP, against wire bytes as real servers send them.

use std::time::Duration;

use mc_llm::Settings;
use mc_proto::llm::v1::part::Kind;
use mc_proto::llm::v1::{FinishReason, GenerateParameters, GenerationState, ToolDefinition};
use tonic::Code;

use crate::fleet::{Fleet, Instance, settings};
use crate::provider_server::{Act, ProviderServer, event, saying, stream_head, text};

async fn start() -> (Fleet, Instance, ProviderServer) {
    start_with(settings()).await
}

async fn start_with(settings: Settings) -> (Fleet, Instance, ProviderServer) {
    let fleet = Fleet::start().await;
    let llm = fleet.instance_with(settings).await;
    let server = ProviderServer::start(fleet.background()).await;
    llm.add_provider("local", &server.base_url(), "").await;
    (fleet, llm, server)
}

#[tokio::test]
async fn an_answer_is_asked_for_and_streamed() {
    let (fleet, llm, server) = start().await;
    server.then_stream(saying("Gr\u{fc}\u{df}e"));
    let mut request = llm.request("r/1/1", "local/org/model-1");
    request.system = "be kind".into();
    request.parameters =
        Some(GenerateParameters { max_output_tokens: Some(99), ..GenerateParameters::default() });
    request.tools = vec![ToolDefinition {
        name: "finish".into(),
        description: "Ends.".into(),
        parameters_json_schema: r#"{"type":"object"}"#.into(),
    }];
    let told = llm.listen(request).await.expect("a stream").told().await;
    assert_eq!(told.text, "Gr\u{fc}\u{df}e");
    let finished = told.finished();
    let usage = finished.usage.expect("usage");
    assert_eq!((usage.input_tokens, usage.output_tokens, usage.estimated), (12, 3, false));
    assert_eq!(
        (finished.cost_nano_usd, finished.provider_model.as_str()),
        (None, "real-1"),
        "no price is no cost"
    );
    assert_eq!(llm.total().await.unpriced_generations, 1);
    assert_eq!(fleet.count("SELECT (raw_usage->>'total_tokens')::bigint FROM llm.usage_entry").await, 15);

    let received = server.received().remove(0);
    assert_eq!(received.line, "POST /v1/chat/completions");
    assert!(!received.headers.contains("authorization"), "no credential, no header");
    assert_eq!(received.body["model"], "org/model-1");
    assert_eq!(received.body["messages"][0]["content"], "be kind");
    assert_eq!((&received.body["max_tokens"], &received.body["stream"]), (&99.into(), &true.into()));
    assert_eq!(received.body["stream_options"]["include_usage"], true);
    assert_eq!(received.body["tools"][0]["function"]["name"], "finish");
}

#[tokio::test]
async fn bytes_cut_anywhere_make_the_same_answer() {
    let (fleet, llm, server) = start().await;
    let stream = saying("\u{1f600} Gr\u{fc}\u{df}e \u{20ac}");
    for attempt in 0..12 {
        let mut acts = vec![stream_head()];
        let mut rest = stream.as_slice();
        while !rest.is_empty() {
            let size = 1 + (fleet.ambient.ids.unit() * 23.0) as usize;
            let (piece, tail) = rest.split_at(size.min(rest.len()));
            acts.push(Act::Body(piece.to_vec()));
            rest = tail;
        }
        acts.push(Act::End);
        server.then(acts);
        let told = llm.ask(&format!("r/{attempt}/1"), "local/m").await;
        assert_eq!(told.text, "\u{1f600} Gr\u{fc}\u{df}e \u{20ac}");
        assert_eq!(told.finished().finish_reason(), FinishReason::Stop);
    }
}

#[tokio::test]
async fn parallel_tool_calls_and_thinking_come_through() {
    let (_fleet, llm, server) = start().await;
    let mut stream = event(r#"{"choices":[{"delta":{"role":"assistant","reasoning_content":"hm"}}]}"#);
    stream.extend(event(
        r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"read","arguments":""}},{"index":1,"id":"b","function":{"name":"read","arguments":"{\"p"}}]}}]}"#,
    ));
    stream.extend(b": ping\n\n");
    stream.extend(event(
        r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"function":{"arguments":"\":1}"}},{"index":0,"function":{"arguments":"{}"}}]}}]}"#,
    ));
    stream.extend(event(r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#));
    stream.extend(b"data: [DONE]\n\n");
    server.then_stream(stream);
    let told = llm.ask("r/1/1", "local/m").await;
    let call = |id: &str, arguments: &str| (id.to_owned(), "read".to_owned(), arguments.to_owned());
    assert_eq!(told.calls, [call("a", "{}"), call("b", "{\"p\":1}")]);
    assert_eq!(told.thinking, "hm");
    let finished = told.finished();
    assert_eq!(finished.finish_reason(), FinishReason::ToolCalls);
    assert!(finished.usage.expect("an estimate").estimated, "the provider sent none");
}

#[tokio::test]
async fn whatever_cuts_an_answer_makes_it_interrupted_and_it_is_not_tried_again() {
    let (_fleet, llm, server) = start().await;
    let error = event(r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#);
    let garbage = b"data: <html>\n\n".to_vec();
    for (name, acts) in [
        ("ended", vec![Act::End]),
        ("cut", vec![Act::Cut]),
        ("error", vec![Act::Body(error), Act::End]),
        ("garbage", vec![Act::Body(garbage), Act::End]),
        ("half a frame", vec![Act::Body(b"data: {\"choices\":[{\"del".to_vec()), Act::Cut]),
    ] {
        let before = server.received().len();
        server.then([vec![stream_head(), Act::Body(text("half an ans"))], acts].concat());
        let told = llm.ask(name.replace(' ', "-").as_str(), "local/m").await;
        assert_eq!((told.text.as_str(), told.reason()), ("half an ans", "GENERATION_INTERRUPTED"), "{name}");
        assert_eq!(server.received().len(), before + 1, "{name}: asked once");
        let stored = llm.generation(&told.generation).await;
        assert_eq!(stored.state(), GenerationState::Interrupted);
        let parts = stored.message.expect("as far as it came").parts;
        assert_eq!(parts[0].kind, Some(Kind::Text("half an ans".into())), "{name}");
        let usage = stored.usage.expect("an estimate");
        assert!(usage.estimated && usage.input_tokens > 0 && usage.output_tokens > 0, "{name}");
    }
}

#[tokio::test]
async fn a_link_that_breaks_behind_the_end_takes_nothing() {
    let (_fleet, llm, server) = start().await;
    let end = event(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#);
    server.then(vec![stream_head(), Act::Body(text("whole")), Act::Body(end), Act::Cut]);
    let finished = llm.ask("r/1/1", "local/m").await.finished();
    assert!(finished.usage.expect("an estimate").estimated);
}

#[tokio::test]
async fn statuses_become_reasons_and_the_providers_wait_is_kept() {
    let (_fleet, llm, server) = start().await;
    let none = "";
    for (status, headers, body, code, reason, wait_s) in [
        (429, "retry-after: 20\r\n", "{}", Code::ResourceExhausted, "PROVIDER_RATE_LIMITED", Some(20)),
        (
            429,
            "retry-after: Fri, 31 Dec 2049 23:59:59 GMT\r\n",
            "{}",
            Code::ResourceExhausted,
            "PROVIDER_RATE_LIMITED",
            Some(3600),
        ),
        (
            401,
            none,
            r#"{"error":{"message":"no key"}}"#,
            Code::FailedPrecondition,
            "PROVIDER_AUTH_FAILED",
            None,
        ),
        (400, none, r#"{"error":{"message":"bad"}}"#, Code::FailedPrecondition, "PROVIDER_REFUSED", None),
        (404, none, r#"{"error":"model not found"}"#, Code::FailedPrecondition, "PROVIDER_REFUSED", None),
        (
            400,
            none,
            r#"{"error":{"code":"context_length_exceeded"}}"#,
            Code::FailedPrecondition,
            "CONTEXT_TOO_LONG",
            None,
        ),
        (503, "retry-after: 9\r\n", "{}", Code::Unavailable, "PROVIDER_UNAVAILABLE", Some(9)),
        (529, "retry-after: 9\r\n", "{}", Code::Unavailable, "PROVIDER_OVERLOADED", Some(9)),
        (302, "location: http://127.0.0.1:1/\r\n", "", Code::Unavailable, "PROVIDER_UNAVAILABLE", Some(1)),
    ] {
        for _ in 0..3 {
            server.then_json(status, headers, body);
        }
        let before = server.received().len();
        let told = llm.ask(&format!("r/{before}/1"), "local/m").await;
        let failure = told.end.as_ref().expect_err(reason);
        assert_eq!((failure.code(), failure.reason()), (code, reason), "{status}");
        assert_eq!(failure.retry_delay().map(|wait| wait.as_secs()), wait_s, "{status}");
        assert_eq!(llm.generation(&told.generation).await.state(), GenerationState::Failed);
        // What was not asked for is not played.
        for _ in server.received().len()..before + 3 {
            server.forget_one();
        }
    }
    assert_eq!(llm.total().await.generations, 0, "nothing was answered, nothing is booked");
}

#[tokio::test]
async fn passing_failures_before_the_first_word_are_tried_again() {
    let (_fleet, llm, server) = start().await;
    let error = event(r#"{"error":{"message":"Overloaded","type":"overloaded_error"}}"#);
    let role = event(r#"{"choices":[{"delta":{"role":"assistant","content":""}}]}"#);
    server.then_json(500, "", "oops").then_stream([role, error].concat()).then_stream(saying("at last"));
    let told = llm.ask("r/1/1", "local/m").await;
    assert_eq!((told.text.as_str(), server.received().len()), ("at last", 3));
    told.finished();
    for _ in 0..3 {
        server.then_json(500, "", "oops");
    }
    assert_eq!(llm.ask("r/2/1", "local/m").await.reason(), "PROVIDER_UNAVAILABLE");
    assert_eq!(server.received().len(), 6, "three tries, no more");
}

#[tokio::test]
async fn silence_has_deadlines() {
    let quick = Settings {
        first_byte: Duration::from_millis(150),
        idle: Duration::from_millis(150),
        total: Duration::from_millis(900),
        tries: 1,
        ..settings()
    };
    let (_fleet, llm, server) = start_with(quick).await;
    server.then(vec![Act::Hang]);
    assert_eq!(llm.ask("first-byte", "local/m").await.reason(), "PROVIDER_UNAVAILABLE");
    server.hung_up(1).await;
    server.then(vec![stream_head(), Act::Body(text("a")), Act::Hang]);
    let told = llm.ask("idle", "local/m").await;
    assert_eq!((told.text.as_str(), told.reason()), ("a", "GENERATION_INTERRUPTED"));
    server.hung_up(2).await;
    // Comments keep it from being idle, and nothing keeps it from its total.
    let mut acts = vec![stream_head(), Act::Body(text("b"))];
    for _ in 0..40 {
        acts.extend([Act::Wait(Duration::from_millis(50)), Act::Body(b": ping\n\n".to_vec())]);
    }
    server.then(acts);
    let told = llm.ask("total", "local/m").await;
    assert_eq!(told.reason(), "GENERATION_INTERRUPTED");
    assert!(told.end.expect_err("cut").message().contains("longer than"), "total");
    server.hung_up(3).await;
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable() {
    let fleet = Fleet::start().await;
    let llm = fleet.instance().await;
    let port =
        tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("it").port();
    llm.add_provider("gone", &format!("http://127.0.0.1:{port}/v1"), "").await;
    let told = llm.ask("r/1/1", "gone/m").await;
    assert_eq!(told.reason(), "PROVIDER_UNAVAILABLE");
}

#[tokio::test]
async fn a_server_that_does_not_stream_is_understood() {
    let (_fleet, llm, server) = start().await;
    let body = r#"{"model":"m","choices":[{"message":{"content":"all at once"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    server.then_json(200, "content-type: application/json\r\n", body);
    let told = llm.ask("r/1/1", "local/m").await;
    assert_eq!(told.text, "all at once");
    assert_eq!(told.finished().usage.expect("usage").output_tokens, 2);
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_cut_and_its_connection_closed() {
    let (_fleet, llm, server) = start_with(Settings { max_answer_bytes: 1000, ..settings() }).await;
    server.then(vec![
        stream_head(),
        Act::Body(text(&"x".repeat(900))),
        Act::Body(text(&"y".repeat(101))),
        Act::Hang,
    ]);
    let told = llm.ask("r/1/1", "local/m").await;
    assert_eq!(told.reason(), "GENERATION_INTERRUPTED");
    assert!(told.end.expect_err("cut").message().contains("1000 bytes"));
    server.hung_up(1).await;
}

#[tokio::test]
async fn provider_state_is_stored_byte_for_byte_and_goes_back() {
    let (_fleet, llm, server) = start().await;
    let detail = r#"{"type":"reasoning.encrypted",  "data":"\u00e9+/=","n":1.0}"#;
    let mut stream = event(&format!(r#"{{"choices":[{{"delta":{{"reasoning_details":[{detail}]}}}}]}}"#));
    stream.extend(saying("hi"));
    server.then_stream(stream).then_stream(saying("again"));
    let message = llm.ask("r/1/1", "local/m").await.finished().message.expect("a message");
    let mut next = llm.request("r/2/1", "local/m");
    next.messages.push(message);
    next.messages.push(crate::fleet::user("and now?"));
    llm.listen(next).await.expect("a stream").told().await.finished();
    let sent = &server.received()[1].body["messages"][1];
    assert_eq!(
        sent["reasoning_details"][0],
        serde_json::from_str::<serde_json::Value>(detail).expect("JSON")
    );
}
