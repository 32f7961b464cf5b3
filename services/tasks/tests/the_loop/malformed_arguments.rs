//! A model that calls tools wrongly is told what is wrong, and nothing is carried out.

use mc_tasks::domain::brief::ToolPolicy;
use mc_tasks::domain::conversation::{FinishReason, Message, Part, Role, ToolCall};

use crate::kit::{Run, Turn, agent, assistant, brief, calls, finishes, task, writes};

#[test]
fn broken_json_is_named_and_nothing_runs() {
    let run = Run::usual([
        calls(&[("write_artifact", r#"{"path": "report.md", "content": "Dra"#)]),
        writes(),
        finishes(),
    ])
    .played();
    assert!(run.succeeded(), "{}", run.story());
    assert_eq!(run.carried_out.len(), 1);
    assert_eq!(
        run.results()[0],
        "! Not carried out: the arguments are not valid JSON (EOF while parsing a string at line 1 column 37); they \
         begin with `{\"path\": \"report.md\", \"content\": \"Dra`."
    );
}

#[test]
fn broken_json_goes_back_as_an_empty_object_so_that_providers_take_the_conversation() {
    let run = Run::usual([calls(&[("read_artifact", "{oops")])]).played();
    let sent = &run.requests[1].request.messages[1];
    assert_eq!(sent.tool_calls().next().unwrap().arguments_json, "{}");
    assert!(run.journal[3].event.to_json().contains("{oops"), "the journal keeps what was written");
}

#[test]
fn each_kind_of_wrong_call_is_answered_by_name() {
    for (tool, arguments, answer) in [
        ("read_artifact", "[1]", "! Not carried out: the arguments must be one JSON object, not a list."),
        ("read_artifact", "{}", "! Not carried out: path: is missing."),
        ("read_artifact", r#"{"path": 3}"#, "! Not carried out: path: must be a string, not a number."),
        (
            "read_artifact",
            r#"{"path": "../../etc/passwd"}"#,
            "! Not carried out: path: must not hold an empty name, `.` or `..`.",
        ),
        (
            "http_fetch",
            r#"{"url": "http://169.254.169.254/"}"#,
            "! Not carried out: url: you may not reach `169.254.169.254`. You may reach: example.com, *.example.org.",
        ),
        (
            "shell",
            r#"{"cmd": "rm -rf /"}"#,
            "! There is no tool `shell` for you. You have: write_artifact, read_artifact, http_fetch, finish.",
        ),
    ] {
        let run = Run::usual([calls(&[(tool, arguments)]), writes(), finishes()]).played();
        assert_eq!(run.results()[0], answer);
        assert!(run.succeeded(), "{}", run.story());
        assert_eq!(run.carried_out.len(), 1, "{tool}");
    }
}

#[test]
fn a_tool_that_was_not_granted_is_refused() {
    let mut agent = agent();
    agent.tools.retain(|grant| grant.tool == "read_artifact");
    let run = Run::new(brief(task(), agent), [writes()]).played();
    assert_eq!(
        run.results(),
        ["! There is no tool `write_artifact` for you. You have: read_artifact, finish."]
    );
    assert!(run.carried_out.is_empty());
    assert_eq!(
        run.requests[0].request.tools.iter().map(|tool| tool.name.as_str()).collect::<Vec<_>>(),
        ["read_artifact", "finish"]
    );
}

#[test]
fn a_tool_that_is_denied_is_not_offered_and_refused_in_clear_words() {
    let mut agent = agent();
    for grant in agent.tools.iter_mut().filter(|grant| grant.tool == "http_fetch") {
        grant.policy = ToolPolicy::Deny;
    }
    let fetch = ("http_fetch", r#"{"url": "https://example.com/"}"#);
    let run = Run::new(brief(task(), agent), [calls(&[fetch])]).played();
    let request = &run.requests[0].request;
    assert!(request.tools.iter().all(|tool| tool.name != "http_fetch"));
    assert!(!request.system.contains("http_fetch"), "{}", request.system);
    assert_eq!(
        run.results(),
        [
            "! Not carried out: your owner does not let you use `http_fetch`. You have: write_artifact, read_artifact, finish."
        ]
    );
    assert!(run.carried_out.is_empty() && run.asked.is_empty());
}

#[test]
fn a_wrong_call_does_not_keep_the_right_ones_beside_it_from_running() {
    let run = Run::usual([calls(&[
        ("read_artifact", "{"),
        ("http_fetch", r#"{"url": "https://example.com/a"}"#),
        ("nonsense", "{}"),
        ("http_fetch", r#"{"url": "https://a.example.org/b"}"#),
    ])])
    .played();
    let last = run.requests.last().unwrap().request.messages.last().unwrap().clone();
    let answers: Vec<(&str, bool)> = last
        .parts
        .iter()
        .map(|part| match part {
            Part::ToolResult(result) => (result.call_id.as_str(), result.is_error),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answers, [("call_a", true), ("call_b", false), ("call_c", true), ("call_d", false)]);
}

#[test]
fn calls_with_empty_or_repeated_ids_are_told_apart() {
    let call = |id: &str, path: &str| {
        Part::ToolCall(ToolCall {
            id: id.into(),
            tool: "write_artifact".into(),
            arguments_json: format!(r#"{{"path": "{path}", "content": ""}}"#),
        })
    };
    let message = Message {
        role: Role::Assistant,
        parts: vec![call("", "a"), call("x", "b"), call("x", "c"), call("", "d"), call("call_1_0", "e")],
    };
    let run = Run::usual([Turn::Answers(message, FinishReason::ToolCalls), finishes()]).played();
    let ids: Vec<&str> = run.carried_out.iter().map(|used| used.call_id.as_str()).collect();
    assert_eq!(ids, ["call_1_0", "x", "call_1_2", "call_1_3", "call_1_4"]);
    let sent: Vec<&str> =
        run.requests[1].request.messages[1].tool_calls().map(|call| call.id.as_str()).collect();
    assert_eq!(sent, ids);
    let mut keys: Vec<&str> = run.carried_out.iter().map(|used| used.idempotency_key.as_str()).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 5);
}

#[test]
fn the_65th_call_of_an_answer_is_refused() {
    let fetch = ("http_fetch", r#"{"url": "https://example.com/"}"#);
    let answer = |count: usize| {
        let mut message = assistant("", &vec![fetch; count]);
        for (place, part) in message.parts.iter_mut().enumerate() {
            if let Part::ToolCall(call) = part {
                call.id = place.to_string();
            }
        }
        Run::usual([Turn::Answers(message, FinishReason::ToolCalls)]).played()
    };
    assert_eq!(answer(64).carried_out.len(), 64);
    let run = answer(65);
    assert_eq!(run.carried_out.len(), 64);
    let refused: Vec<String> = run.results().into_iter().filter(|result| result.starts_with('!')).collect();
    assert_eq!(refused, ["! Not carried out: 64 calls in one answer are the most."]);
}
