//! Questions of agents: free text, a choice, and both at once.

use mc_proto::tasks::v1::{AnswerDecision, InboxItemKind, WaitReason};

use super::*;

fn answer(text: &str) -> Kind {
    Kind::Answer(AnswerDecision { text: text.into() })
}

#[tokio::test]
async fn answers_are_what_the_model_reads_each_to_its_own_question() {
    let world = World::new().await;
    let calls = vec![
        ("ask_human", r#"{"question":"Which colour?","choices":["red","blue"]}"#.to_owned()),
        ("ask_human", r#"{"question":"For whom?"}"#.to_owned()),
    ];
    let run = world.queued(vec![ToolGrant::of("ask_human")], calls).await;
    world.attempt().await;
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.wait_reason), waits.open_items), (WaitReason::Input as i32, 2));
    let items = world.open(run).await;
    let asked: Vec<_> = items.iter().map(|item| (item.kind(), item.question.as_str())).collect();
    assert_eq!(asked, [(InboxItemKind::Question, "Which colour?"), (InboxItemKind::Question, "For whom?")]);
    assert_eq!(items[0].choices, ["red", "blue"]);

    let refused = world.decide(&items[0], answer("green")).await.expect_err("no choice");
    assert_eq!(refused.violations()[0].field, "decision.answer.text");
    world.decide(&items[1], answer("For\nmy mother.")).await.expect("free text");
    world.attempt().await;
    let waits = world.run(run).await;
    assert_eq!((i32::from(waits.status), waits.open_items), (RunState::Waiting as i32, 1), "for the other");
    world.decide(&items[0], answer("blue")).await.expect("a choice");
    world.attempt().await;

    assert_eq!(i32::from(world.run(run).await.status), RunState::Succeeded as i32);
    let results = world.fleet.script.results();
    assert_eq!(results, [("blue".to_owned(), false), ("For\nmy mother.".to_owned(), false)]);
    assert_eq!(world.run(run).await.steps, 2, "asking is no step of its own");
}
