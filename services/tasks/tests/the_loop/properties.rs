//! Random models, tools and crashes against the loop, and what must hold whatever they do.

use std::collections::BTreeSet;

use mc_tasks::domain::conversation::{Part, Role};
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::event::{Event, Record};
use mc_tasks::domain::fold::RunFold;
use mc_tasks::domain::prompt::ModelRequest;
use proptest::prelude::*;

use crate::kit::START;
use crate::world::{World, any_scenario};

/// What every provider demands of a conversation.
pub(crate) fn check_request(request: &ModelRequest) {
    let messages = &request.messages;
    assert_eq!(messages[0].role, Role::User);
    for pair in messages.windows(2) {
        assert_ne!(pair[0].role, pair[1].role, "roles alternate");
    }
    for (place, message) in messages.iter().enumerate() {
        assert!(!message.is_blank());
        let calls: Vec<&str> = message.tool_calls().map(|call| call.id.as_str()).collect();
        let distinct: BTreeSet<&&str> = calls.iter().collect();
        assert_eq!(distinct.len(), calls.len(), "ids differ within an answer");
        if calls.is_empty() {
            continue;
        }
        let results: Vec<&str> = messages[place + 1]
            .parts
            .iter()
            .map(|part| match part {
                Part::ToolResult(result) => result.call_id.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(results, calls, "results answer the calls in their order");
        for call in message.tool_calls() {
            assert!(
                serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&call.arguments_json)
                    .is_ok()
            );
        }
    }
}

/// Reads the journal without the fold.
fn check_journal(journal: &[Record], max_steps: u32) {
    let mut open_model = None;
    let mut answers = BTreeSet::new();
    let mut intents = BTreeSet::new();
    let mut results = BTreeSet::new();
    for (place, record) in journal.iter().enumerate() {
        assert_eq!(record.seq, place as i64 + 1);
        match &record.event {
            Event::ModelCallStarted(call) => {
                assert_eq!(open_model.replace((call.step, call.attempt)), None, "two model calls at once");
                assert!(call.step <= max_steps);
                assert!(call.attempt <= 10);
            }
            Event::ModelCallCompleted(call) => {
                assert_eq!(open_model.take(), Some((call.step, call.attempt)));
                assert!(answers.insert(call.step), "step {} was committed twice", call.step);
            }
            Event::ModelCallFailed(call) => assert_eq!(open_model.take(), Some((call.step, call.attempt))),
            Event::ToolCallStarted(call) => {
                assert!(intents.insert((call.step, call.call_id.clone())), "two intents for one call");
            }
            Event::ToolCallCompleted(call) => {
                let id = (call.step, call.call_id.clone());
                assert!(intents.contains(&id), "a result without an intent");
                assert!(results.insert(id), "two results for one call");
            }
            Event::Succeeded(_) | Event::Failed(_) => {
                assert_eq!(place + 1, journal.len(), "nothing follows the end");
            }
            _ => {}
        }
    }
    assert!(matches!(journal.last().unwrap().event, Event::Succeeded(_) | Event::Failed(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_run_ends_within_its_limits_whatever_happens_and_repeats_nothing_dangerous(scenario in any_scenario()) {
        let (max_steps, dangerous) = (scenario.max_steps, scenario.dangerous);
        let mut world = World::new(scenario);
        world.run_to_the_end();
        check_journal(&world.run.journal, max_steps);
        for (used, times) in world.effects.values() {
            if dangerous && used.tool.name() == "http_fetch" {
                prop_assert_eq!(*times, 1, "{:?} was repeated", used);
            }
        }
        let spent = world.run.fold.totals();
        prop_assert_eq!(spent.tokens, 15 * world.run.journal.iter()
            .filter(|record| matches!(record.event, Event::ModelCallCompleted(_))).count() as i64);
    }

    #[test]
    fn folding_any_beginning_anew_gives_what_was_held_in_memory(scenario in any_scenario()) {
        let mut world = World::new(scenario);
        world.run_to_the_end();
        let journal = &world.run.journal;
        prop_assert_eq!(journal.len(), world.folds.len());
        for (place, held) in world.folds.iter().enumerate() {
            let anew = RunFold::replay(&journal[..=place]).unwrap();
            prop_assert_eq!(&anew, held);
        }
    }

    #[test]
    fn from_any_beginning_there_is_a_legal_next_thing(scenario in any_scenario()) {
        let mut world = World::new(scenario);
        world.run_to_the_end();
        for fold in &world.folds {
            let mut taken = fold.clone();
            let events = match next(fold, world.run.now) {
                Next::Append(events) => events,
                Next::CallModel(call) => call.intent.into_iter().collect(),
                Next::UseTools(uses) => uses.into_iter().filter_map(|used| used.intent).collect(),
                Next::RetryAt(_) => vec![],
                Next::Ended => {
                    prop_assert!(fold.state().is_terminal());
                    vec![]
                }
            };
            for event in events {
                let record = Record { seq: taken.head_seq() + 1, at: START, event };
                prop_assert_eq!(taken.apply(&record), Ok(()));
            }
        }
    }
}
