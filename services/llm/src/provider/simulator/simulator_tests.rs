//! Facts about what the simulator plays.

use std::sync::Arc;

use super::*;
use crate::domain::accumulate::{Accumulator, Answer};
use crate::domain::ask::tests::ask;
use crate::domain::conversation::{Message, Part, Role, ToolCall, ToolResult};

const AT_ONCE: Simulator = Simulator { pace_percent: 0 };

fn call(model: &str, turns: usize, attempt: u32) -> Call {
    let mut ask = ask(&format!("simulator/{model}"), "# Task: Count the apples\n\nAll of them.\n");
    for _ in 0..turns {
        ask.messages.push(Message { role: Role::Assistant, parts: Vec::new() });
        let result = ToolResult { call_id: "c".into(), content: "wrote report.md".into(), is_error: false };
        ask.messages.push(Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] });
    }
    Call { ask: Arc::new(ask), attempt }
}

async fn answer(call: &Call) -> Result<Answer, Fault> {
    let mut chunks = AT_ONCE.open(call, None).await?;
    let mut accumulator = Accumulator::new("simulator", call.ask.model.model(), "g", 1 << 20);
    while let Some(chunk) = chunks.next().await {
        accumulator.push(chunk?).expect("scripts are legal");
    }
    accumulator.close().map_err(|error| Fault::new(Kind::Interrupted, error.to_string()))
}

fn only_call(answer: &Answer) -> &ToolCall {
    let calls: Vec<&ToolCall> = answer
        .message
        .parts
        .iter()
        .filter_map(|part| if let Part::ToolCall(call) = part { Some(call) } else { None })
        .collect();
    assert_eq!(calls.len(), 1);
    calls[0]
}

#[tokio::test]
async fn the_demonstration_writes_reads_and_finishes() {
    for (turns, tool) in [(0, "write_artifact"), (1, "read_artifact"), (2, "finish"), (9, "finish")] {
        let answer = answer(&call("demo", turns, 1)).await.expect("an answer");
        let made = only_call(&answer);
        let arguments: serde_json::Value = serde_json::from_str(&made.arguments).expect("JSON");
        assert_eq!((made.tool.as_str(), arguments.is_object()), (tool, true));
        assert_eq!(answer.finish_reason, FinishReason::ToolCalls);
        let usage = answer.usage.expect("usage");
        assert!(usage.output > usage.reasoning && usage.reasoning > 0 && !usage.estimated);
        if tool == "write_artifact" {
            let content = arguments["content"].as_str().expect("text");
            assert!(content.contains("# Count the apples") && content.contains("All of them."), "{content}");
            assert!(content.contains("no model has read"), "it says what it is");
        }
    }
    assert!(answer(&call("demo", 0, 1)).await.expect("an answer").provider_model.contains("no model"));
}

#[tokio::test]
async fn the_same_conversation_gets_the_same_answer() {
    for (name, _) in scenario::all() {
        for turns in 0..4 {
            assert_eq!(answer(&call(name, turns, 1)).await, answer(&call(name, turns, 1)).await, "{name}");
        }
    }
}

#[tokio::test]
async fn adversaries_do_what_they_say() {
    let broken = answer(&call("malformed-arguments", 0, 1)).await.expect("an answer");
    assert!(serde_json::from_str::<serde_json::Value>(&only_call(&broken).arguments).is_err());
    let truncated = answer(&call("truncated", 0, 1)).await.expect("an answer");
    assert_eq!(truncated.finish_reason, FinishReason::Length);
    let empty = answer(&call("empty", 3, 1)).await.expect("an answer");
    assert_eq!((empty.message.parts.len(), empty.finish_reason), (0, FinishReason::Stop));
    let (first, later) = (answer(&call("repeats", 0, 1)).await, answer(&call("repeats", 5, 1)).await);
    let arguments = |answer: Result<Answer, Fault>| only_call(&answer.expect("an answer")).arguments.clone();
    assert_eq!(arguments(first), arguments(later));
    let claims = answer(&call("claims-done", 0, 1)).await.expect("an answer");
    assert_eq!(claims.finish_reason, FinishReason::Stop);
    let echo = answer(&call("echo", 0, 1)).await.expect("an answer");
    assert!(matches!(&echo.message.parts[0], Part::Text(text) if text.contains("All of them.")));
}

#[tokio::test]
async fn failures_come_on_the_first_attempt_and_not_on_the_second() {
    for (name, kind) in [
        ("error-first", Kind::Unavailable),
        ("rate-limited", Kind::RateLimited),
        ("cut", Kind::Unavailable),
        ("cut-silently", Kind::Interrupted),
    ] {
        assert_eq!(answer(&call(name, 0, 1)).await.expect_err(name).kind, kind, "{name}");
        let second = answer(&call(name, 0, 2)).await.expect(name);
        assert_eq!(only_call(&second).tool, "finish", "{name}");
    }
    let limited = AT_ONCE.open(&call("rate-limited", 0, 1), None).await.err().expect("limited");
    assert_eq!(limited.retry_after, Some(Duration::from_millis(1500)));
}

#[tokio::test]
async fn cut_answers_begin_before_they_break() {
    for name in ["cut", "cut-silently"] {
        let mut chunks = AT_ONCE.open(&call(name, 0, 1), None).await.expect("it begins");
        let mut semantic = 0;
        while let Some(Ok(chunk)) = chunks.next().await {
            assert_ne!(chunk, Chunk::Done);
            semantic += usize::from(chunk.is_semantic());
        }
        assert!(semantic > 3, "{name}");
    }
}

#[tokio::test]
async fn an_unknown_script_is_refused_with_the_known_ones() {
    let fault = AT_ONCE.open(&call("gpt-5", 0, 1), None).await.err().expect("refused");
    assert_eq!(fault.kind, Kind::Refused);
    assert!(fault.message.contains("demo, errand, asks, echo"), "{}", fault.message);
}

#[tokio::test(start_paused = true)]
async fn tokens_come_at_the_pace_of_the_script() {
    let started = tokio::time::Instant::now();
    let simulator = Simulator { pace_percent: 100 };
    let chunks: Vec<_> = simulator.open(&call("slow", 1, 1), None).await.expect("it begins").collect().await;
    let tokens = chunks.iter().filter(|chunk| chunk.as_ref().is_ok_and(is_token)).count() as u64;
    assert_eq!(started.elapsed(), Duration::from_millis(2_000 + 200 * tokens));
}
