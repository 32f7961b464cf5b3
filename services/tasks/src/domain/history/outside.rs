//! What happened outside, against what journals say: effects at most once for each intent, generations paid once.

use std::collections::{BTreeMap, BTreeSet};

use super::{Outside, Promise, RunHistory, Violation};
use crate::domain::event::{EffectClass, Event};
use crate::domain::key;
use crate::domain::order::Decision;

/// Keys that journals speak of.
#[derive(Debug, Default)]
pub(super) struct Known {
    effects: BTreeSet<String>,
    calls: BTreeSet<String>,
}

pub(super) fn check(
    history: &RunHistory,
    outside: &Outside,
    known: &mut Known,
    say: &mut impl FnMut(Promise, String),
) {
    effects(history, outside, known, say);
    charges(history, outside, known, say);
}

/// What a journal says of the effect of one call.
#[derive(Debug, Default)]
struct Effect {
    key: String,
    intents: u32,
    may_repeat: bool,
    by_word: bool,
    done: bool,
}

fn effects(
    history: &RunHistory,
    outside: &Outside,
    known: &mut Known,
    say: &mut impl FnMut(Promise, String),
) {
    let mut calls: BTreeMap<(u32, String), Effect> = BTreeMap::new();
    for entry in &history.journal {
        match &entry.event {
            Event::ToolCallStarted(call) => {
                let effect = calls.entry((call.step, call.call_id.clone())).or_default();
                effect.key.clone_from(&call.idempotency_key);
                effect.intents += 1;
                effect.may_repeat |= matches!(call.effect_class, EffectClass::Idempotent);
                // A call that was refused has the intent of one without an effect.
                effect.by_word |= call.effect_class == EffectClass::Pure;
            }
            Event::ItemDecided(item) => {
                let word = matches!(item.decision, Decision::MarkDone { .. } | Decision::Fail { .. });
                calls.entry((item.step, item.call_id.clone())).or_default().by_word |= word;
            }
            Event::ToolCallCompleted(call) if outside.counted_tools.contains(&call.tool) => {
                calls.entry((call.step, call.call_id.clone())).or_default().done = !call.is_error;
            }
            _ => {}
        }
    }
    for (call, effect) in calls {
        let times = outside.effects.get(&effect.key).copied().unwrap_or_default();
        if !effect.may_repeat && times > effect.intents {
            let intents = effect.intents;
            say(
                Promise::EffectOnce,
                format!("call {call:?} took effect {times} times for {intents} intents"),
            );
        }
        if effect.done && !effect.by_word && effect.intents > 0 && times == 0 {
            say(Promise::EffectDone, format!("call {call:?} has a result and never took effect"));
        }
        known.effects.insert(effect.key);
    }
}

fn charges(
    history: &RunHistory,
    outside: &Outside,
    known: &mut Known,
    say: &mut impl FnMut(Promise, String),
) {
    for entry in &history.journal {
        match &entry.event {
            Event::ModelCallStarted(call) => {
                let key = key::model_call(history.run, call.step, call.attempt);
                let times = outside.charges.get(&key).copied().unwrap_or_default();
                if times > 1 {
                    say(Promise::PaidOnce, format!("model call {key} was paid {times} times"));
                }
                known.calls.insert(key);
            }
            Event::ModelCallCompleted(call) => {
                let key = key::model_call(history.run, call.step, call.attempt);
                if !outside.charges.contains_key(&key) {
                    say(Promise::PaidOnce, format!("model call {key} was answered and never paid"));
                }
            }
            _ => {}
        }
    }
}

/// What happened and is in no journal.
pub(super) fn check_rest(outside: &Outside, known: &Known, found: &mut Vec<Violation>) {
    let mut nobodys = |promise, what: String| found.push(Violation { promise, run: None, what });
    for key in outside.effects.keys().filter(|key| !known.effects.contains(*key)) {
        nobodys(Promise::EffectOnce, format!("the effect {key} has no intent in any journal"));
    }
    for key in outside.charges.keys().filter(|key| !known.calls.contains(*key)) {
        nobodys(Promise::PaidOnce, format!("{key} was paid and is in no journal"));
    }
}
