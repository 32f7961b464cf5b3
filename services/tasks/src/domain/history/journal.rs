//! What a journal promises by itself: no gap, no step twice, no event of a lost lease, and a story that the fold believes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Entry, Promise, RunHistory};
use crate::domain::conversation::FinishReason;
use crate::domain::event::Event;
use crate::domain::fold::RunFold;
use crate::domain::order::Decision;

pub(super) fn check(history: &RunHistory, say: &mut impl FnMut(Promise, String)) {
    let journal = &history.journal;
    for (entry, expected) in journal.iter().zip(1..) {
        if entry.seq != expected {
            say(Promise::Gapless, format!("seq {} where {expected} is next", entry.seq));
            break;
        }
    }
    for pair in journal.windows(2) {
        if pair[1].epoch < pair[0].epoch {
            let (seq, epoch, before) = (pair[1].seq, pair[1].epoch, pair[0].epoch);
            say(Promise::EpochsRise, format!("seq {seq} is of lease {epoch}, behind one of lease {before}"));
        }
    }
    steps(journal, say);
    if let Err(error) = RunFold::replay(&journal.iter().map(Entry::record).collect::<Vec<_>>()) {
        say(Promise::Foldable, error.to_string());
    }
}

/// Without the fold, which could be wrong itself.
fn steps(journal: &[Entry], say: &mut impl FnMut(Promise, String)) {
    let mut calls: BTreeMap<(u32, u32), (u32, u32)> = BTreeMap::new();
    let mut answered = BTreeSet::new();
    let mut intents = BTreeSet::new();
    let mut results = BTreeSet::new();
    // Calls of which a person's word, a timer or work for others stands for an intent.
    let mut settled = BTreeSet::new();
    let mut summaries = BTreeSet::new();
    let mut ended = None;
    let mut failed = false;
    for entry in journal {
        // A person may have a failed run go on; its end was none then.
        let retried = matches!(entry.event, Event::Retried(_)) && failed;
        if let Some(end) = ended.filter(|_| !retried) {
            say(Promise::StepOnce, format!("seq {} follows the end at {end}", entry.seq));
        }
        match &entry.event {
            Event::ModelCallStarted(call) => calls.entry((call.step, call.attempt)).or_default().0 += 1,
            Event::ModelCallCompleted(call) => {
                calls.entry((call.step, call.attempt)).or_default().1 += 1;
                // What a provider withholds is no answer: the step is asked again if the run is.
                if call.finish_reason != FinishReason::ContentFilter && !answered.insert(call.step) {
                    say(Promise::StepOnce, format!("step {} was answered twice", call.step));
                }
            }
            Event::ModelCallFailed(call) => calls.entry((call.step, call.attempt)).or_default().1 += 1,
            Event::ToolCallStarted(call) => {
                let id = (call.step, call.call_id.clone());
                if !intents.insert((id.clone(), call.attempt)) {
                    say(Promise::StepOnce, format!("attempt {} at call {id:?} began twice", call.attempt));
                }
                if results.contains(&id) {
                    say(Promise::StepOnce, format!("call {id:?} began behind its result"));
                }
            }
            Event::ToolCallCompleted(call) => {
                let id = (call.step, call.call_id.clone());
                if !intents.contains(&(id.clone(), 1)) && !settled.contains(&id) {
                    say(Promise::StepOnce, format!("call {id:?} has a result and no intent"));
                }
                if !results.insert(id.clone()) {
                    say(Promise::StepOnce, format!("call {id:?} has two results"));
                }
            }
            Event::ItemDecided(item) => {
                if matches!(
                    item.decision,
                    Decision::Reject { .. } | Decision::Respond { .. } | Decision::Answer { .. }
                ) {
                    settled.insert((item.step, item.call_id.clone()));
                }
            }
            Event::TimerSet(set) if !settled.insert((set.step, set.call_id.clone())) => {
                say(Promise::StepOnce, format!("the timer of call `{}` was set twice", set.call_id));
            }
            Event::ChildrenStarted(event) if !settled.insert((event.step, event.call_id.clone())) => {
                say(Promise::StepOnce, format!("call `{}` handed its work over twice", event.call_id));
            }
            Event::ContextCompacted(compacted) => {
                let Some(step) = compacted.step else { continue };
                if !answered.contains(&step) {
                    say(
                        Promise::StepOnce,
                        format!("step {step} is in the place of turns, and nothing came of it"),
                    );
                }
                if !summaries.insert(step) {
                    say(Promise::StepOnce, format!("the summary of step {step} took its place twice"));
                }
            }
            Event::Succeeded(_) | Event::Failed(_) | Event::Cancelled(_) => {
                (ended, failed) = (Some(entry.seq), matches!(entry.event, Event::Failed(_)));
            }
            Event::Retried(_) => ended = None,
            _ => {}
        }
    }
    let open_at_end = calls.iter().filter(|(_, (begun, over))| (*begun, *over) == (1, 0)).count();
    for (call, (begun, over)) in &calls {
        if *begun != 1 || *over > 1 {
            say(Promise::StepOnce, format!("model call {call:?} began {begun} times and ended {over} times"));
        }
    }
    // The model call that is under way is one; an end settles it first, unless the run was given up as poisonous.
    if open_at_end > 1 {
        say(Promise::StepOnce, format!("{open_at_end} model calls are under way at once"));
    }
}
