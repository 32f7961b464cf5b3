//! Work that is handed to others: who may have it, what is waited for, what is read of it, and what it counts for.

use mc_tasks::domain::brief::{AgentSnapshot, RunLimits, Teammate, ToolGrant, ToolPolicy};
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::event::{ArtifactRef, ChildEnd, ChildEnded, Event, Record, RunError};
use mc_tasks::domain::family::{Ceiling, Lineage, MAX_DEPTH, MAX_LIVE_CHILDREN, as_child};
use mc_tasks::domain::fold::{RunFold, RunState, WaitReason};
use mc_tasks::domain::id::{AgentId, ArtifactId, RunId};
use mc_tasks::domain::order::{CommandKind, LetterContent};
use proptest::prelude::*;
use time::Duration;
use uuid::Uuid;

use crate::kit::{Run, START, Turn, agent, brief, calls, finishes, order, task, writes};

const BOB: AgentId = AgentId::new(Uuid::from_u128(77));

fn lead() -> AgentSnapshot {
    let mut agent = agent();
    let bob = Teammate { name: "bob".into(), agent: BOB, purpose: "Finds things.".into() };
    agent.tools.push(ToolGrant { teammates: vec![bob], ..ToolGrant::of("delegate") });
    agent
}

fn hands(count: usize, how: &str) -> String {
    let pieces = vec![r#"{"teammate": "bob", "title": "Look", "brief": "Find it."}"#; count].join(",");
    format!(r#"{{"children": [{pieces}]{how}}}"#)
}

fn delegates(count: usize, how: &str) -> Turn {
    calls(&[("delegate", &hands(count, how))])
}

fn run_of(agent: AgentSnapshot, script: impl IntoIterator<Item = Turn>) -> Run {
    until_it_waits(Run::new(brief(task(), agent), script))
}

fn until_it_waits(mut run: Run) -> Run {
    while !matches!(next(&run.fold, run.now), Next::Wait(_) | Next::Ended | Next::Paused) {
        if !run.step() {
            break;
        }
    }
    run
}

fn child(number: u128) -> RunId {
    RunId::new(Uuid::from_u128(500 + number))
}

fn end_of(number: u128, end: ChildEnd) -> ChildEnded {
    ChildEnded {
        run: child(number),
        end,
        summary: if end == ChildEnd::Succeeded { format!("Found {number}.") } else { String::new() },
        error: (end == ChildEnd::Failed).then(|| RunError::new("STUCK_LOOP", "It went in circles.")),
        steps: 4,
        total_tokens: 60,
        cost_nano_usd: 4_000,
        estimated_cost_nano_usd: 1_000,
        unpriced_calls: 0,
        artifacts: vec![ArtifactRef {
            artifact: ArtifactId::new(Uuid::from_u128(9)),
            path: "found.md".into(),
        }],
        more_artifacts: 3,
    }
}

fn hears(run: &mut Run, number: u128, end: ChildEnd) {
    let reading = run.reads(vec![LetterContent::ChildEnded(Box::new(end_of(number, end)))], true);
    assert!(reading.strangers.is_empty(), "{reading:?}");
}

#[test]
fn all_are_waited_for_and_what_they_say_and_cost_comes_back() {
    let mut run = run_of(lead(), [delegates(2, ""), writes(), finishes()]);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Child));
    assert_eq!(run.fold.deadline(), None, "waiting is not its own time");
    assert_eq!(run.delegated[0].pieces[0].0, BOB);
    assert_eq!(run.fold.live_children(), [child(0), child(1)]);
    let before = run.fold.totals();
    hears(&mut run, 1, ChildEnd::Succeeded);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Child), "one is left");
    run.crash();
    hears(&mut run, 0, ChildEnd::Failed);
    let totals = run.fold.totals();
    assert_eq!(totals.tokens, before.tokens + 120);
    assert_eq!(totals.cost_nano_usd, before.cost_nano_usd + 8_000);
    assert_eq!(totals.estimated_cost_nano_usd, before.estimated_cost_nano_usd + 2_000);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    let told = &run.results()[0];
    assert_eq!(
        *told,
        "1 of 2 succeeded. What they say is material to judge.\n\
         \n## 1. bob: Look\nFailed, with 4 model calls, 60 tokens and $0.000004.\nSTUCK_LOOP: It went in circles.\n\
         Files: found.md (workspaces/00000000-0000-0000-0000-000000000001/artifacts/00000000-0000-0000-0000-000000000009) and 3 more\n\
         Run: workspaces/00000000-0000-0000-0000-000000000001/runs/00000000-0000-0000-0000-0000000001f4\n\
         \n## 2. bob: Look\nSucceeded, with 4 model calls, 60 tokens and $0.000004.\nIt says: Found 1.\n\
         Files: found.md (workspaces/00000000-0000-0000-0000-000000000001/artifacts/00000000-0000-0000-0000-000000000009) and 3 more\n\
         Run: workspaces/00000000-0000-0000-0000-000000000001/runs/00000000-0000-0000-0000-0000000001f5\n"
    );
    assert_eq!(
        run.story().matches("delegate").count(),
        2,
        "handed over once, answered once: {}",
        run.story()
    );
}

#[test]
fn any_is_the_first_that_succeeds_and_the_others_are_cancelled_or_left() {
    let waiting = run_of(lead(), [delegates(3, r#", "wait": "any""#), writes(), finishes()]);
    let mut run = waiting.clone();
    hears(&mut run, 0, ChildEnd::Failed);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Child), "a failure is not what is waited for");
    hears(&mut run, 2, ChildEnd::Succeeded);
    assert_eq!(next(&run.fold, run.now), Next::CancelChildren(vec![child(1)]));
    assert!(run.step());
    assert!(run.fold.live_children().is_empty());
    // It hears of the end of what it cancelled while it is at something else.
    assert!(run.step());
    hears(&mut run, 1, ChildEnd::Cancelled);
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(run.results()[0].contains("It was told to stop"), "{:?}", run.results());
    assert!(run.fold.totals().tokens >= 180, "what it cost counts all the same");

    let mut none = waiting;
    for number in 0..3 {
        hears(&mut none, number, ChildEnd::Failed);
    }
    let none = none.played();
    assert!(none.results()[0].starts_with("! None of 3 succeeded."), "{:?}", none.results());

    let mut left =
        run_of(lead(), [delegates(2, r#", "wait": "any", "others": "leave""#), writes(), finishes()]);
    hears(&mut left, 0, ChildEnd::Succeeded);
    let left = left.played();
    assert!(left.succeeded(), "{}", left.story());
    assert_eq!(left.fold.live_children(), [child(1)], "it goes on by itself");
    assert!(left.results()[0].contains("It goes on by itself"), "{:?}", left.results());
}

#[test]
fn eight_may_live_at_once_and_no_more() {
    let eight = run_of(lead(), [delegates(MAX_LIVE_CHILDREN, "")]);
    assert_eq!(eight.fold.live_children().len(), 8);
    let (five, four) = (hands(5, r#", "wait": "any", "others": "leave""#), hands(4, ""));
    let mut run =
        run_of(lead(), [calls(&[("delegate", &five)]), calls(&[("delegate", &four)]), delegates(4, "")]);
    hears(&mut run, 0, ChildEnd::Succeeded);
    let run = until_it_waits(run);
    // Four were left to go on, and four more are eight.
    assert_eq!(run.fold.live_children().len(), 8, "{}", run.story());

    let (six, three) = (hands(6, ""), hands(3, ""));
    let mut both = run_of(lead(), [calls(&[("delegate", &six), ("delegate", &three)]), writes(), finishes()]);
    for number in 0..6 {
        hears(&mut both, number, ChildEnd::Succeeded);
    }
    let both = both.played();
    let refused = both.results().into_iter().find(|result| result.starts_with('!')).unwrap();
    assert_eq!(
        refused,
        "! Not carried out: 6 of the runs that you handed work to live, and 8 at once are the most."
    );
}

#[test]
fn nobody_gets_work_whom_the_grant_does_not_name() {
    let eve = r#"{"children": [{"teammate": "eve", "title": "Look", "brief": "Find it."}]}"#;
    let run = run_of(lead(), [calls(&[("delegate", eve)]), writes(), finishes()]).played();
    assert_eq!(
        run.results()[0],
        "! Not carried out: children[0].teammate: there is no `eve`. You may hand work to: bob."
    );
    let alone = run_of(agent(), [delegates(1, ""), writes(), finishes()]).played();
    assert!(
        alone.results()[0].starts_with("! There is no tool `delegate` for you."),
        "{:?}",
        alone.results()
    );
    assert!(run.delegated.is_empty() && alone.delegated.is_empty());
}

#[test]
fn work_that_needs_leave_is_handed_over_with_it_and_as_the_person_says() {
    let mut agent = lead();
    agent.tools.last_mut().unwrap().policy = ToolPolicy::Ask;
    let mut run = run_of(agent, [delegates(2, ""), writes(), finishes()]);
    assert_eq!(run.fold.state(), RunState::Waiting(WaitReason::Approval));
    run.decided(mc_tasks::domain::order::Decision::Approve { arguments_json: Some(hands(1, "")) });
    let mut run = until_it_waits(run);
    assert_eq!(run.fold.live_children(), [child(0)]);
    hears(&mut run, 0, ChildEnd::Succeeded);
    let run = run.played();
    assert!(run.results()[0].starts_with("A person approved this call and changed its arguments to: "));
    assert!(run.results()[0].contains("1 of 1 succeeded"), "{:?}", run.results());
}

#[test]
fn limits_flow_down_in_equal_parts_of_what_is_left_and_not_promised() {
    let mut agent = lead();
    agent.limits = RunLimits {
        max_steps: 10,
        max_tokens: Some(1_015),
        max_cost_nano_usd: Some(12_000),
        max_duration_ms: 60_000,
        ..RunLimits::default()
    };
    let own = agent.clone();
    let mut run = run_of(agent, [delegates(2, r#", "wait": "any", "others": "leave""#), delegates(1, "")]);
    // One call was made: 15 tokens, 1,000 nano dollars.
    let ceiling = run.delegated[0].ceiling;
    assert_eq!(
        (ceiling.max_steps, ceiling.max_tokens, ceiling.max_cost_nano_usd),
        (9, Some(500), Some(5_500))
    );
    assert!((59_000..60_000).contains(&ceiling.max_duration_ms), "{ceiling:?}");
    assert_eq!(run.fold.promised(), (1_000, 11_000));
    let lineage = Lineage::below(&run.fold);
    let pinned = as_child(own.clone(), lineage, ceiling).limits;
    assert_eq!((pinned.max_steps, pinned.max_tokens, pinned.max_cost_nano_usd), (9, Some(500), Some(5_500)));
    assert_eq!(pinned.max_step_duration_ms, own.limits.max_step_duration_ms);
    let small = RunLimits { max_steps: 2, max_tokens: Some(7), ..RunLimits::default() };
    assert_eq!(ceiling.lower(small).max_steps, 2, "an agent's own limit holds where it is lower");
    assert_eq!(ceiling.lower(small).max_tokens, Some(7));

    hears(&mut run, 0, ChildEnd::Succeeded);
    assert_eq!(run.fold.promised(), (500, 5_500), "what has ended needs no more");
    let run = until_it_waits(run);
    let left = run.delegated[1].ceiling;
    // 1,015 less 2 * 15 and 60 that were used and 500 that are promised; 12,000 less 2 * 1,000, 4,000 and 5,500.
    assert_eq!((left.max_steps, left.max_tokens, left.max_cost_nano_usd), (8, Some(425), Some(500)));
}

#[test]
fn who_has_nothing_left_hands_nothing_on() {
    for (limits, why) in [
        (RunLimits { max_steps: 1, ..RunLimits::default() }, "you have no model calls left"),
        (RunLimits { max_tokens: Some(16), ..RunLimits::default() }, "of your tokens nothing is left"),
        (
            RunLimits { max_cost_nano_usd: Some(1_001), ..RunLimits::default() },
            "of your dollars nothing is left",
        ),
    ] {
        let agent = AgentSnapshot { limits, ..lead() };
        let run = run_of(agent, [delegates(2, "")]);
        assert!(run.delegated.is_empty(), "{}", run.story());
        assert!(run.results()[0].contains(why), "{:?}", run.results());
    }
    // At the edge there is one of each for the one who gets it.
    let limits = RunLimits {
        max_steps: 2,
        max_tokens: Some(16),
        max_cost_nano_usd: Some(1_001),
        ..RunLimits::default()
    };
    let run = run_of(AgentSnapshot { limits, ..lead() }, [delegates(1, "")]);
    let ceiling = run.delegated[0].ceiling;
    assert_eq!((ceiling.max_steps, ceiling.max_tokens, ceiling.max_cost_nano_usd), (1, Some(1), Some(1)));
}

#[test]
fn three_may_stand_below_each_other_and_the_last_has_no_team() {
    let ceiling = Ceiling { max_steps: 5, max_duration_ms: 1_000, max_tokens: None, max_cost_nano_usd: None };
    let mut lineage = Lineage::below(&Run::new(brief(task(), lead()), []).fold);
    assert_eq!((lineage.depth, lineage.parent, lineage.root), (1, lineage.root, lineage.parent));
    for depth in 1..=MAX_DEPTH {
        assert_eq!(lineage.depth, depth);
        let agent = as_child(lead(), lineage, ceiling);
        let may = agent.tools.iter().any(|grant| grant.tool == "delegate");
        assert_eq!(may, depth < MAX_DEPTH, "{depth}");
        let run = Run::new(brief(task(), agent).below(lineage), []);
        let offered = run.fold.brief().prompt.tools.iter().any(|tool| tool.name == "delegate");
        assert_eq!(offered, may);
        let root = lineage.root;
        lineage = Lineage::below(&run.fold);
        assert_eq!(lineage.root, root);
    }
}

#[test]
fn orders_are_heard_while_it_waits_and_children_while_it_is_paused() {
    let waiting = run_of(lead(), [delegates(1, ""), writes(), finishes()]);
    let mut paused = waiting.clone();
    paused.reads(vec![order(1, CommandKind::Pause)], true);
    assert_eq!(paused.fold.state(), RunState::Paused);
    let letters = vec![
        LetterContent::ChildEnded(Box::new(end_of(0, ChildEnd::Succeeded))),
        order(2, CommandKind::Resume),
    ];
    paused.reads(letters, true);
    assert!(paused.played().succeeded());

    let mut cancelled = waiting;
    cancelled.reads(vec![order(1, CommandKind::Cancel)], true);
    assert_eq!(cancelled.fold.state(), RunState::Cancelled);
}

#[test]
fn failed_run_hears_of_its_children_when_it_is_retried() {
    let fetch = ("http_fetch", r#"{"url": "https://example.com/"}"#);
    let mut run = run_of(lead(), [calls(&[("delegate", &hands(1, "")), fetch]), writes(), finishes()]);
    let error = RunError::new("DURATION_LIMIT_REACHED", "Too long.");
    run.append(Event::Failed(mc_tasks::domain::event::Failed { error }));
    let letters = vec![
        LetterContent::ChildEnded(Box::new(end_of(0, ChildEnd::Cancelled))),
        order(1, CommandKind::Retry),
    ];
    let reading = run.reads(letters, true);
    assert_eq!(reading.read_up_to, 2);
    assert!(matches!(&reading.events[..], [Event::Retried(_), Event::ChildEnded(_)]), "{reading:?}");
    let run = run.played();
    assert!(run.succeeded(), "{}", run.story());
    assert!(
        run.results().iter().any(|result| result.starts_with("! 0 of 1 succeeded")),
        "{:?}",
        run.results()
    );
}

#[test]
fn stranger_is_no_child_and_an_end_is_heard_of_once() {
    let mut run = run_of(lead(), [delegates(1, "")]);
    let stranger = ChildEnded { run: RunId::new(Uuid::from_u128(1)), ..end_of(0, ChildEnd::Succeeded) };
    let letters = [stranger, end_of(0, ChildEnd::Succeeded), end_of(0, ChildEnd::Failed)];
    let letters = letters.into_iter().map(|ended| LetterContent::ChildEnded(Box::new(ended))).collect();
    let reading = run.reads(letters, true);
    assert_eq!(reading.strangers, [RunId::new(Uuid::from_u128(1)), child(0)]);
    assert_eq!(reading.events.len(), 1);
    assert_eq!(reading.superseded.len(), 2, "they are not read again");
}

#[test]
fn fold_takes_no_result_while_others_are_at_work_and_no_child_twice() {
    let run = run_of(lead(), [delegates(1, "")]);
    let mut taken = run.fold.clone();
    let mut apply = |event| taken.apply(&Record { seq: taken.head_seq() + 1, at: run.now, event });
    let started = run.journal.last().unwrap().event.clone();
    assert!(apply(started).is_err(), "it was handed over");
    let result = Event::ToolCallCompleted(mc_tasks::domain::event::ToolCallCompleted {
        step: 1,
        call_id: "call_a".into(),
        tool: "delegate".into(),
        content: String::new(),
        is_error: false,
        artifact: None,
        duration_ms: 0,
    });
    assert!(apply(result).is_err(), "it waits for others");
    let end = Event::Succeeded(mc_tasks::domain::event::Succeeded { summary: "s".into(), evidence: vec![] });
    assert!(apply(end).is_err(), "no end while it waits");
    assert_eq!(taken, run.fold, "what is refused leaves no trace");
}

proptest! {
    #[test]
    fn shares_are_never_more_than_what_is_left_together(
        most in 1..100_000_i64,
        children in 1..=MAX_LIVE_CHILDREN,
    ) {
        let limits = RunLimits { max_tokens: Some(most), ..RunLimits::default() };
        let run = Run::new(brief(task(), AgentSnapshot { limits, ..lead() }), []);
        match Ceiling::of(&run.fold, START, children) {
            Ok(ceiling) => {
                let share = ceiling.max_tokens.unwrap();
                prop_assert!(share >= 1 && share * children as i64 <= most);
            }
            Err(_) => prop_assert!(most < children as i64),
        }
    }

    #[test]
    fn whatever_the_order_of_ends_the_call_has_one_result(ends in prop::collection::vec(0..3_u8, 1..=8), any in any::<bool>()) {
        let how = if any { r#", "wait": "any""# } else { "" };
        let mut run = run_of(lead(), [delegates(ends.len(), how), writes(), finishes()]);
        for (number, end) in ends.iter().enumerate() {
            if run.fold.live_children().contains(&child(number as u128)) {
                let end = [ChildEnd::Succeeded, ChildEnd::Failed, ChildEnd::Cancelled][usize::from(*end)];
                hears(&mut run, number as u128, end);
                run.crash();
                run = until_it_waits(run);
            }
        }
        let run = run.played();
        prop_assert!(run.succeeded(), "{}", run.story());
        let results = run.journal.iter().filter(|record| {
            matches!(&record.event, Event::ToolCallCompleted(done) if done.tool == "delegate")
        });
        prop_assert_eq!(results.count(), 1);
        prop_assert_eq!(RunFold::replay(&run.journal).unwrap(), run.fold);
        prop_assert!(run.now - START < Duration::HOUR);
    }
}
