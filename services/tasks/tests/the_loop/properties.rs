//! Random models, tools and crashes against the loop, and what must hold whatever they do.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use mc_tasks::domain::conversation::{FinishReason, Part, Role};
use mc_tasks::domain::decide::{Next, next};
use mc_tasks::domain::event::{EffectClass, Event, Record};
use mc_tasks::domain::fold::{RunFold, RunState, Totals};
use mc_tasks::domain::id::{CommandId, InboxItemId};
use mc_tasks::domain::key;
use mc_tasks::domain::order::{CommandKind, Decision, is_interruption};
use mc_tasks::domain::prompt::ModelRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use uuid::Uuid;

use crate::kit::START;
use crate::scenario::any_scenario;
use crate::world::World;

/// What every provider demands of a conversation.
pub(crate) fn check_request(request: &ModelRequest) {
    let messages = &request.messages;
    assert_eq!(messages[0].role, Role::User);
    for pair in messages.windows(2) {
        assert_ne!(pair[0].role, pair[1].role, "roles alternate");
    }
    for (place, message) in messages.iter().enumerate() {
        assert!(!message.is_blank());
        if message.role == Role::Tool {
            assert!(messages[place - 1].tool_calls().next().is_some(), "results without calls");
        }
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
fn check_journal(journal: &[Record], max_steps: u32, max_cost: Option<i64>) {
    let mut open_model = None;
    let mut answers = BTreeSet::new();
    let mut intents = BTreeSet::new();
    let mut results = BTreeSet::new();
    let mut items = BTreeMap::new();
    let mut decided = BTreeMap::new();
    let mut orders = BTreeSet::new();
    let mut paused = false;
    let mut timers = BTreeMap::new();
    let mut spent = Totals::default();
    // What people said and the agent has not read, in order.
    let mut unsaid: VecDeque<CommandId> = VecDeque::new();
    // Attempts at the present step that count: people's doing does not.
    let mut tries = 0;
    for (place, record) in journal.iter().enumerate() {
        assert_eq!(record.seq, place as i64 + 1);
        let works = matches!(
            record.event,
            Event::ModelCallStarted(_)
                | Event::ToolCallStarted(_)
                | Event::TimerSet(_)
                | Event::QuotaAwaited(_)
                | Event::EngineNote(_)
                | Event::Steered(_)
        );
        assert!(!(paused && works), "a paused run does nothing");
        match &record.event {
            Event::ModelCallStarted(call) => {
                assert_eq!(open_model.replace((call.step, call.attempt)), None, "two model calls at once");
                assert!(call.step <= max_steps);
                tries = if call.attempt == 1 { 1 } else { tries + 1 };
                assert!(tries <= 10);
                if let Some(most) = max_cost {
                    assert!(spent.cost_nano_usd < most && spent.unpriced_calls == 0, "it has no money left");
                }
            }
            Event::ModelCallCompleted(call) => {
                assert_eq!(open_model.take(), Some((call.step, call.attempt)));
                // What a provider withholds is no answer: the step is asked again if the run is.
                if call.finish_reason != FinishReason::ContentFilter {
                    assert!(answers.insert(call.step), "step {} was committed twice", call.step);
                }
                spent.cost_nano_usd += call.cost_nano_usd.unwrap();
            }
            Event::ModelCallFailed(call) => {
                assert_eq!(open_model.take(), Some((call.step, call.attempt)));
                tries -= u32::from(is_interruption(&call.error.reason));
                spent.cost_nano_usd += call.cost_nano_usd.unwrap_or_default();
                spent.unpriced_calls += u32::from(call.maybe_billed && call.cost_nano_usd.is_none());
            }
            Event::TimerSet(set) => {
                assert!(timers.insert((set.step, set.call_id.clone()), set.wake_at).is_none(), "set twice");
            }
            Event::ToolCallStarted(call) => {
                let intent = (call.step, call.call_id.clone(), call.attempt);
                let id = (call.step, call.call_id.clone());
                if call.attempt > 1 {
                    assert_eq!(decided.get(&id), Some(&"retry"), "nobody said so");
                }
                assert_ne!(decided.get(&id), Some(&"reject"), "a person said no");
                assert!(!timers.contains_key(&id), "a timer is no use of a tool");
                assert_ne!(decided.get(&id), Some(&"respond"), "a person answered in its place");
                assert!(intents.insert(intent), "two intents for one attempt");
            }
            Event::ToolCallCompleted(call) => {
                let id = (call.step, call.call_id.clone());
                if let Some(wake_at) = timers.get(&id) {
                    assert!(record.at >= *wake_at, "woken before its time");
                }
                let known = timers.contains_key(&id)
                    || intents.contains(&(call.step, call.call_id.clone(), 1))
                    || matches!(decided.get(&id), Some(&"reject" | &"respond" | &"answer"));
                assert!(known, "a result without an intent and without a person's word");
                assert!(results.insert(id), "two results for one call");
            }
            Event::ApprovedByRule(allowed) => {
                let id = (allowed.step, allowed.call_id.clone());
                assert!(decided.insert(id, "rule").is_none(), "decided on twice");
            }
            Event::ApprovalRequested(asked) => assert!(items.insert(asked.item, "approval").is_none()),
            Event::QuestionAsked(asked) => assert!(items.insert(asked.item, "question").is_none()),
            Event::OutcomeUnknown(asked) => assert!(items.insert(asked.item, "outcome").is_none()),
            Event::ItemDecided(item) => {
                let kind = items.remove(&item.item).expect("it was asked, and not decided before");
                let (expected, how) = match item.decision {
                    Decision::Approve { .. } => ("approval", "approve"),
                    Decision::Reject { .. } => ("approval", "reject"),
                    Decision::Respond { .. } => ("approval", "respond"),
                    Decision::Answer { .. } => ("question", "answer"),
                    Decision::MarkDone { .. } => ("outcome", "mark_done"),
                    Decision::Retry => ("outcome", "retry"),
                    Decision::Fail { .. } => ("outcome", "fail"),
                };
                assert_eq!(kind, expected);
                decided.insert((item.step, item.call_id.clone()), how);
            }
            Event::CommandDelivered(order) => {
                assert!(orders.insert(order.command), "told of twice");
                if order.kind == CommandKind::Steer {
                    unsaid.push_back(order.command);
                }
            }
            Event::Steered(said) => {
                assert_eq!(unsaid.pop_front(), Some(said.command), "in their order, each once");
                assert_eq!(open_model, None, "in the middle of a call");
                let open = intents.iter().filter(|(step, id, _)| !results.contains(&(*step, id.clone())));
                assert_eq!(open.count(), 0, "between a call and its result");
            }
            Event::Retried(retried) => {
                assert!(matches!(journal[place - 1].event, Event::Failed(_)), "it had not failed");
                assert!(orders.insert(retried.command), "told of twice");
                // All that was asked and ordered before was settled by the end.
                items.clear();
                unsaid.clear();
                paused = false;
                tries = u32::from(open_model.is_some());
            }
            Event::Paused(pause) => {
                assert!(orders.contains(&pause.command) && !paused);
                paused = true;
            }
            Event::Resumed(resumed) => {
                assert!(orders.contains(&resumed.command) && paused);
                paused = false;
            }
            Event::Succeeded(_) | Event::Cancelled(_) => {
                assert_eq!(place + 1, journal.len(), "nothing follows the end");
            }
            Event::Failed(_) => {
                let next = journal.get(place + 1);
                assert!(
                    next.is_none_or(|next| matches!(next.event, Event::Retried(_))),
                    "only a person's word"
                );
            }
            _ => {}
        }
    }
    assert!(matches!(
        journal.last().unwrap().event,
        Event::Succeeded(_) | Event::Failed(_) | Event::Cancelled(_)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_run_ends_within_its_limits_whatever_happens_and_repeats_nothing_dangerous(scenario in any_scenario()) {
        let (max_steps, max_cost) = (scenario.max_steps, scenario.max_cost);
        let mut world = World::new(scenario);
        world.run_to_the_end();
        check_journal(&world.run.journal, max_steps, max_cost);
        for (key, (used, times)) in &world.effects {
            let intents = world.run.journal.iter().filter(|record| {
                matches!(&record.event, Event::ToolCallStarted(call) if call.idempotency_key == *key)
            });
            if matches!(used.effect_class, EffectClass::AtMostOnce | EffectClass::Queryable) {
                prop_assert!(*times as usize <= intents.count(), "{:?} was repeated", used);
            }
        }
        let paid: i64 = world.run.journal.iter().map(|record| match &record.event {
            Event::ModelCallCompleted(_) => 15,
            Event::ModelCallFailed(call) if is_interruption(&call.error.reason) => 40,
            _ => 0,
        }).sum();
        prop_assert_eq!(world.run.fold.totals().tokens, paid);
    }

    #[test]
    fn what_people_say_is_in_the_very_next_request_word_for_word(scenario in any_scenario()) {
        let mut world = World::new(scenario);
        world.run_to_the_end();
        let mut said = Vec::new();
        for record in &world.run.journal {
            match &record.event {
                Event::Steered(steered) => said.push(steered.text.clone()),
                Event::ModelCallStarted(call) if call.compacts_through.is_none() => {
                    let key = key::model_call(world.run.fold.brief().run, call.step, call.attempt);
                    // A worker that died behind the intent may never have asked.
                    let Some(request) = world.requests.get(&key) else { continue };
                    let heard: Vec<String> = request.messages.iter().filter(|turn| turn.role == Role::User)
                        .flat_map(|turn| &turn.parts)
                        .filter_map(|part| match part {
                            Part::Text { text } if text.starts_with("Word ") => Some(text.clone()),
                            _ => None,
                        }).collect();
                    prop_assert_eq!(&heard, &said);
                }
                _ => {}
            }
        }
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
                Next::Ask(asks) => {
                    let item = |place: usize| InboxItemId::new(Uuid::from_u128(place as u128 + (1 << 64)));
                    asks.iter().enumerate().map(|(place, ask)| ask.event(item(place))).collect()
                }
                Next::Wait(reason) => {
                    prop_assert_eq!(fold.state(), RunState::Waiting(reason));
                    prop_assert!(!fold.open_items().is_empty() || fold.wake_at().is_some());
                    prop_assert_eq!(fold.deadline(), None, "waiting is not its own time");
                    vec![]
                }
                Next::Paused => {
                    prop_assert_eq!(fold.state(), RunState::Paused);
                    prop_assert_eq!(fold.deadline(), None);
                    vec![]
                }
                Next::Delegate(_) | Next::CancelChildren(_) => panic!("it has no teammates"),
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

    #[test]
    fn a_record_that_is_refused_leaves_no_trace(scenario in any_scenario(), places in vec(any::<[Index; 2]>(), 40)) {
        let mut world = World::new(scenario);
        world.run_to_the_end();
        for [at, of] in places {
            // An event of this very run, at some other time: as near to legal as an illegal one gets.
            let fold = at.get(&world.folds);
            let event = of.get(&world.run.journal).event.clone();
            let mut tried = fold.clone();
            if tried.apply(&Record { seq: fold.head_seq() + 1, at: START, event }).is_err() {
                prop_assert_eq!(&tried, fold);
            }
        }
    }
}

/// What must hold of compactions is held to nothing if there are none.
#[test]
fn scenarios_come_to_conversations_that_are_made_shorter() {
    let mut runner = TestRunner::deterministic();
    let (mut summed_up, mut refused) = (0, 0);
    for _ in 0..300 {
        let mut world = World::new(any_scenario().new_tree(&mut runner).unwrap().current());
        world.run_to_the_end();
        for record in &world.run.journal {
            match &record.event {
                Event::ContextCompacted(_) => summed_up += 1,
                Event::Failed(failed) if failed.error.reason == "CONTEXT_TOO_LONG" => refused += 1,
                _ => {}
            }
        }
    }
    assert!(summed_up >= 10 && refused >= 10, "{summed_up}, {refused}");
}
