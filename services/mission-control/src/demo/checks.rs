//! What the demo proves about the run that it watched.

use std::collections::BTreeMap;

use mc_proto::llm::v1::part;
use mc_proto::tasks::v1::{RunEvent, run_event::Kind};

use super::follow::{LiveText, TextKind};

/// Everything that was seen while watching.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Journal events in the order they came.
    pub(super) events: Vec<RunEvent>,
    /// Live text by step and attempt.
    live: BTreeMap<(i32, i32), String>,
    /// Live text that did not start where the text before it ended.
    broken: Vec<String>,
}

/// One statement and whether it held.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Check {
    pub(super) what: String,
    pub(super) problem: Option<String>,
}

/// A check of two values that should be equal.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: impl Into<String>, found: &T, wanted: &T) -> Check {
    let problem = (found != wanted).then(|| format!("found {found:?}, wanted {wanted:?}"));
    Check { what: what.into(), problem }
}

/// A check of a condition.
pub(super) fn holds(what: impl Into<String>, condition: bool, problem: impl Into<String>) -> Check {
    Check { what: what.into(), problem: (!condition).then(|| problem.into()) }
}

impl Seen {
    /// Notes live text that goes on behind what came before.
    pub(super) fn delta(&mut self, delta: &LiveText) {
        if delta.kind == TextKind::Thinking {
            return;
        }
        let text = self.live.entry((delta.step, delta.attempt)).or_default();
        if delta.offset != text.len() {
            let place = format!("step {} attempt {}", delta.step, delta.attempt);
            self.broken.push(format!("{place}: text at {} after {} bytes", delta.offset, text.len()));
        }
        text.push_str(&delta.text);
    }

    /// Notes live text that replaces what was held from its offset on; gives back what is new to print.
    pub(super) fn partial(&mut self, partial: &LiveText) -> String {
        if partial.kind == TextKind::Thinking {
            return partial.text.clone();
        }
        let text = self.live.entry((partial.step, partial.attempt)).or_default();
        let before = std::mem::take(text);
        text.push_str(before.get(..partial.offset).unwrap_or(&before));
        text.push_str(&partial.text);
        text.strip_prefix(&before).unwrap_or(text).to_owned()
    }

    /// Bytes of live text in all.
    pub(super) fn live_bytes(&self) -> usize {
        self.live.values().map(String::len).sum()
    }

    /// Checks the timeline itself.
    pub(super) fn checks(&self) -> Vec<Check> {
        let seqs: Vec<i64> = self.events.iter().map(|event| event.seq).collect();
        let last = seqs.len() as i64;
        let ended = self.events.last().is_some_and(|event| matches!(event.kind, Some(Kind::Succeeded(_))));
        vec![
            equal(
                format!("the timeline has every event from 1 to {last}, in order"),
                &seqs,
                &(1..=last).collect(),
            ),
            holds("its last event says that the run succeeded", ended, "it says something else"),
            holds(
                format!("live text flowed ({} bytes), without gap or overlap", self.live_bytes()),
                self.live_bytes() > 0 && self.broken.is_empty(),
                if self.broken.is_empty() { "none came".to_owned() } else { self.broken.join("; ") },
            ),
            self.live_is_what_was_written(),
        ]
    }

    /// What flowed live is how the journal's message begins; live tokens may be lost, never wrong.
    fn live_is_what_was_written(&self) -> Check {
        let mut problem = None;
        for event in &self.events {
            let Some(Kind::ModelCallCompleted(call)) = &event.kind else { continue };
            let written: String = call
                .message
                .iter()
                .flat_map(|message| &message.parts)
                .filter_map(|part| match &part.kind {
                    Some(part::Kind::Text(text)) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            let live = self.live.get(&(call.step, call.attempt)).map_or("", String::as_str);
            if !written.starts_with(live) {
                problem = Some(format!("step {}: live {live:?}, written {written:?}", call.step));
            }
        }
        Check { what: "live text is what the journal has".into(), problem }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mc_proto::tasks::v1::{RunQueued, RunSucceeded};

    fn seen(seqs: &[i64]) -> Seen {
        let mut events: Vec<RunEvent> = seqs
            .iter()
            .map(|seq| RunEvent {
                seq: *seq,
                kind: Some(Kind::Queued(RunQueued::default())),
                ..RunEvent::default()
            })
            .collect();
        events.last_mut().expect("one").kind = Some(Kind::Succeeded(RunSucceeded::default()));
        let mut seen = Seen { events, ..Seen::default() };
        seen.delta(&delta(0, "hello"));
        seen
    }

    fn delta(offset: usize, text: &str) -> LiveText {
        LiveText { step: 1, attempt: 1, kind: TextKind::Text, offset, text: text.into() }
    }

    fn problems(seen: &Seen) -> usize {
        seen.checks().iter().filter(|check| check.problem.is_some()).count()
    }

    #[test]
    fn whole_timeline_passes() {
        assert_eq!(problems(&seen(&[1, 2, 3])), 0);
    }

    #[test]
    fn gap_and_repetition_are_found() {
        assert_eq!(problems(&seen(&[1, 3])), 1);
        assert_eq!(problems(&seen(&[1, 1, 2])), 1);
    }

    #[test]
    fn doubled_live_text_is_found() {
        let mut seen = seen(&[1, 2]);
        seen.delta(&delta(3, "lo"));
        assert_eq!(problems(&seen), 1);
    }

    #[test]
    fn text_from_the_start_again_is_not_taken_twice() {
        let mut seen = seen(&[1, 2]);
        assert_eq!(seen.partial(&delta(0, "hello world")), " world");
        seen.delta(&delta(11, "!"));
        assert_eq!(problems(&seen), 0);
    }
}
