//! What runs below runs promise: exactly one for each piece of work, heard of once, and none left behind.

use std::collections::{BTreeMap, BTreeSet};

use super::{Promise, RunHistory, Violation, replay};
use crate::domain::event::Event;
use crate::domain::fold::{RunState, WaitReason};
use crate::domain::id::RunId;

pub(super) fn check(histories: &[RunHistory], found: &mut Vec<Violation>) {
    let by_run: BTreeMap<RunId, &RunHistory> = histories.iter().map(|it| (it.run, it)).collect();
    let mut named: BTreeMap<RunId, RunId> = BTreeMap::new();
    for history in histories {
        let parent = history.run;
        let mut say = |promise, what: String| found.push(Violation { promise, run: Some(parent), what });
        let (mut started, mut heard, mut ordered) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for entry in &history.journal {
            match &entry.event {
                Event::ChildrenStarted(event) => {
                    for child in &event.children {
                        if named.insert(child.run, parent).is_some() {
                            say(Promise::ChildOnce, format!("child {} was started twice", child.run));
                        }
                        started.insert(child.run);
                    }
                }
                Event::ChildEnded(event) if !heard.insert(event.run) => {
                    say(Promise::ChildOnce, format!("the end of child {} was heard of twice", event.run));
                }
                Event::ChildrenCancelled(event) => ordered.extend(event.children.iter().map(|it| it.run)),
                _ => {}
            }
        }
        for child in &started {
            let Some(its) = by_run.get(child) else {
                say(Promise::ChildOnce, format!("child {child} was started and is not there"));
                continue;
            };
            let ended = its.row.state.is_terminal();
            let told = history.letters.iter().any(|letter| letter.tells && letter.id == child.uuid());
            if heard.contains(child) && !ended && !was_retried(its) {
                say(Promise::ChildOnce, format!("child {child} is said to have ended and lives"));
            }
            if history.row.state == RunState::Waiting(WaitReason::Child) && ended && !told {
                say(Promise::NoLostWake, format!("it waits, and child {child} has ended without a word"));
            }
            let badly = matches!(history.row.state, RunState::Cancelled | RunState::Failed);
            if badly && !was_poisoned(history) && !told && !ordered.contains(child) {
                say(Promise::ChildOnce, format!("it ended, and child {child} was not told to end"));
            }
        }
    }
    for history in histories {
        let lineage = history.journal.first().and_then(|entry| match &entry.event {
            Event::Queued(queued) => queued.brief.lineage,
            _ => None,
        });
        if named.get(&history.run).copied() != lineage.map(|lineage| lineage.parent) {
            let (by, of) = (named.get(&history.run), lineage.map(|lineage| lineage.parent));
            let what = format!("its parent is {of:?}, and the journal that started it is that of {by:?}");
            found.push(Violation { promise: Promise::ChildOnce, run: Some(history.run), what });
        }
    }
}

fn was_retried(history: &RunHistory) -> bool {
    history.journal.iter().any(|entry| matches!(entry.event, Event::Retried(_)))
}

/// Of such an end its journal could not say more.
fn was_poisoned(history: &RunHistory) -> bool {
    replay(&history.journal).is_none_or(|fold| fold.error().is_some_and(|error| error.reason == "POISON_RUN"))
}
