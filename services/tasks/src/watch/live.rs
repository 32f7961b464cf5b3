//! Live text as one watch has sent it: merged by step, attempt, kind and offset, so that none is doubled or left out.

use std::collections::BTreeMap;

use crate::domain::event::Event;
use crate::topics::{Delta, TextKind};

/// A model call: its step and attempt.
type Call = (u32, u32);

/// What a watch has sent of the live text.
#[derive(Debug, Default)]
pub(super) struct LiveText {
    /// The newest model call whose intent was sent.
    announced: Call,
    /// Whether its outcome was sent too.
    closed: bool,
    /// Whether the run failed before there was one: it may go on with the call.
    failed: bool,
    /// Bytes of its text that were sent, by kind.
    sent: BTreeMap<TextKind, u64>,
}

/// What to do with a delta.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merge {
    /// Send this.
    Send(Delta),
    /// It is old, or was sent already.
    Drop,
    /// Its call's intent is in the journal and was not sent yet: read the journal, then merge it again.
    ReadFirst,
    /// Text before it is missing: ask for it.
    Missing,
}

impl LiveText {
    /// Takes note of an event that is sent.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::ModelCallStarted(call) => self.open((call.step, call.attempt)),
            Event::ModelCallCompleted(_)
            | Event::ModelCallFailed(_)
            | Event::Succeeded(_)
            | Event::Cancelled(_) => self.closed = true,
            Event::Failed(_) => self.failed = true,
            Event::Retried(_) => self.failed = false,
            _ => {}
        }
    }

    /// A model call is under way. Told by its intent, or by the journal to a watch that starts behind the intent.
    pub(super) fn open(&mut self, call: Call) {
        *self = Self { announced: call, ..Self::default() };
    }

    /// Whether a model call is under way, as far as was sent.
    pub(super) fn is_open(&self) -> bool {
        self.announced > (0, 0) && !self.closed && !self.failed
    }

    /// Merges a delta.
    pub(super) fn merge(&mut self, mut delta: Delta) -> Merge {
        let call = (delta.step, delta.attempt);
        if call > self.announced {
            return Merge::ReadFirst;
        }
        if call < self.announced || self.closed || self.failed {
            return Merge::Drop;
        }
        let sent = self.sent.entry(delta.kind).or_default();
        let end = delta.offset + delta.text.len() as u64;
        if end <= *sent {
            return Merge::Drop;
        }
        let Some(known) = sent.checked_sub(delta.offset) else { return Merge::Missing };
        let Some(new) = delta.text.get(known as usize..) else {
            // Not a character's edge: these are not bytes of the text that was sent. Leave the rest to the journal.
            return Merge::Drop;
        };
        delta.text = new.to_owned();
        delta.offset = *sent;
        *sent = end;
        Merge::Send(delta)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::event::{ModelCallFailed, ModelCallStarted, RunError};

    fn started(step: u32, attempt: u32) -> Event {
        Event::ModelCallStarted(ModelCallStarted {
            step,
            attempt,
            model: String::new(),
            message_count: 1,
            compacts_through: None,
        })
    }

    fn failed(step: u32, attempt: u32) -> Event {
        Event::ModelCallFailed(ModelCallFailed {
            step,
            attempt,
            error: RunError::new("PROVIDER_OVERLOADED", ""),
            retry_at: None,
            generation: String::new(),
            maybe_billed: false,
            cost_nano_usd: None,
            cost_estimated: false,
            total_tokens: 0,
        })
    }

    fn delta(call: Call, offset: u64, text: &str) -> Delta {
        Delta { step: call.0, attempt: call.1, kind: TextKind::Text, offset, text: text.into() }
    }

    #[test]
    fn delta_waits_for_its_intent_and_is_dropped_after_its_outcome() {
        let mut live = LiveText::default();
        assert_eq!(live.merge(delta((1, 1), 0, "a")), Merge::ReadFirst);
        live.observe(&started(1, 1));
        assert!(live.is_open());
        assert_eq!(live.merge(delta((1, 1), 0, "a")), Merge::Send(delta((1, 1), 0, "a")));
        live.observe(&failed(1, 1));
        assert!(!live.is_open());
        assert_eq!(live.merge(delta((1, 1), 1, "b")), Merge::Drop);
        live.observe(&started(1, 2));
        assert_eq!(live.merge(delta((1, 1), 1, "b")), Merge::Drop, "void since the new attempt");
        assert_eq!(live.merge(delta((1, 2), 0, "c")), Merge::Send(delta((1, 2), 0, "c")));
    }

    #[test]
    fn overlap_is_cut_and_a_hole_is_told() {
        let mut live = LiveText::default();
        live.open((1, 1));
        assert_eq!(live.merge(delta((1, 1), 3, "x")), Merge::Missing);
        assert_eq!(live.merge(delta((1, 1), 0, "über")), Merge::Send(delta((1, 1), 0, "über")));
        assert_eq!(live.merge(delta((1, 1), 2, "ber alles")), Merge::Send(delta((1, 1), 5, " alles")));
    }

    proptest! {
        /// Whatever arrives, how often and in whatever order: what is sent is a beginning of the text, each byte once.
        #[test]
        fn what_is_sent_is_always_a_beginning_of_the_text(
            cuts in proptest::collection::vec((0_usize..24, 0_usize..24), 1..60),
        ) {
            let text = "Grüße, 世界! αβγ done.";
            let edges: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let mut live = LiveText::default();
            live.open((2, 1));
            let mut sent = String::new();
            for (from, to) in cuts {
                let (from, to) = (edges[from % edges.len()], edges[to % edges.len()]);
                if from >= to {
                    continue;
                }
                if let Merge::Send(new) = live.merge(delta((2, 1), from as u64, &text[from..to])) {
                    prop_assert_eq!(new.offset as usize, sent.len());
                    sent.push_str(&new.text);
                }
            }
            prop_assert!(text.starts_with(&sent));
            // The text so far, as a worker answers a late joiner, fills every hole.
            if let Merge::Send(new) = live.merge(delta((2, 1), 0, text)) {
                sent.push_str(&new.text);
            }
            prop_assert_eq!(sent, text);
        }
    }
}
