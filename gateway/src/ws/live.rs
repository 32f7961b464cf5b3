//! Live text on its way to one subscriber: never doubled, never out of place, whatever the stream behind it does.

use mc_proto::tasks::v1::{LiveDelta, LiveKind};

use super::frame::{LiveText, ServerFrame, TextKind};

/// What a subscriber has been sent of the model call that is under way.
#[derive(Debug)]
pub(super) struct Live {
    topic: String,
    step: i32,
    attempt: i32,
    /// Where the text goes on, per kind; absent while none was sent.
    text: Option<i64>,
    thinking: Option<i64>,
}

impl Live {
    pub(super) fn new(topic: &str) -> Self {
        Self { topic: topic.to_owned(), step: 0, attempt: 0, text: None, thinking: None }
    }

    /// The journal has the step's message: live text of it that still comes is late.
    pub(super) fn settle(&mut self, step: i32) {
        if step >= self.step {
            (self.step, self.attempt, self.text, self.thinking) = (step, i32::MAX, None, None);
        }
    }

    /// The frames that a delta comes to.
    pub(super) fn take(&mut self, delta: LiveDelta) -> Vec<ServerFrame> {
        let mut frames = Vec::new();
        let kind = match delta.kind() {
            LiveKind::Text => TextKind::Text,
            LiveKind::Thinking => TextKind::Thinking,
            LiveKind::Unspecified => return frames,
        };
        let at = (delta.step, delta.attempt);
        if at < (self.step, self.attempt) || delta.text.is_empty() {
            return frames;
        }
        if at > (self.step, self.attempt) {
            if delta.step == self.step && (self.text.is_some() || self.thinking.is_some()) {
                let topic = self.topic.clone();
                frames.push(ServerFrame::Reset { topic, step: delta.step, attempt: delta.attempt });
            }
            (self.step, self.attempt, self.text, self.thinking) = (delta.step, delta.attempt, None, None);
        }
        let next = match kind {
            TextKind::Text => &mut self.text,
            TextKind::Thinking => &mut self.thinking,
        };
        let end = delta.offset + delta.text.len() as i64;
        let text = |offset, text: &str| LiveText {
            topic: self.topic.clone(),
            step: delta.step,
            attempt: delta.attempt,
            kind,
            offset,
            text: text.to_owned(),
        };
        match *next {
            Some(sent) if end <= sent => return frames,
            Some(sent) if delta.offset <= sent => {
                let fresh = delta.text.get((sent - delta.offset) as usize..);
                frames.push(match fresh {
                    Some(fresh) => ServerFrame::Delta(text(sent, fresh)),
                    // The overlap ends inside a character: another text than before.
                    None => ServerFrame::Partial(text(delta.offset, &delta.text)),
                });
            }
            _ => frames.push(ServerFrame::Partial(text(delta.offset, &delta.text))),
        }
        *next = Some(end);
        frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delta(step: i32, attempt: i32, offset: i64, text: &str) -> LiveDelta {
        LiveDelta { step, attempt, kind: LiveKind::Text as i32, offset, text: text.to_owned() }
    }

    /// What a client that follows the manual ends up with.
    fn applied(frames: &[ServerFrame]) -> String {
        let mut shown = String::new();
        for frame in frames {
            match frame {
                ServerFrame::Reset { .. } => shown.clear(),
                ServerFrame::Partial(live) => {
                    shown.truncate(live.offset as usize);
                    shown.push_str(&live.text);
                }
                ServerFrame::Delta(live) => {
                    assert_eq!(live.offset as usize, shown.len(), "a delta fits behind what is shown");
                    shown.push_str(&live.text);
                }
                other => panic!("no live frame: {other:?}"),
            }
        }
        shown
    }

    fn taken(live: &mut Live, deltas: Vec<LiveDelta>) -> Vec<ServerFrame> {
        deltas.into_iter().flat_map(|delta| live.take(delta)).collect()
    }

    #[test]
    fn first_text_is_partial_and_then_come_deltas() {
        let mut live = Live::new("t");
        let frames = taken(&mut live, vec![delta(1, 1, 0, "so far "), delta(1, 1, 7, "and on")]);
        assert!(matches!(frames[..], [ServerFrame::Partial(_), ServerFrame::Delta(_)]), "{frames:?}");
        assert_eq!(applied(&frames), "so far and on");
    }

    #[test]
    fn new_attempt_resets_and_new_step_does_not() {
        let mut live = Live::new("t");
        let deltas = vec![delta(1, 1, 0, "wrong"), delta(1, 2, 0, "right"), delta(1, 1, 5, "late")];
        let frames = taken(&mut live, deltas);
        assert_eq!(applied(&frames), "right");
        assert!(frames.iter().any(|frame| matches!(frame, ServerFrame::Reset { step: 1, attempt: 2, .. })));
        assert!(matches!(live.take(delta(2, 1, 0, "next"))[..], [ServerFrame::Partial(_)]));
    }

    #[test]
    fn settled_step_takes_no_more_text() {
        let mut live = Live::new("t");
        live.take(delta(1, 1, 0, "x"));
        live.settle(1);
        assert!(live.take(delta(1, 1, 1, "late")).is_empty());
        assert!(!live.take(delta(2, 1, 0, "next")).is_empty());
    }

    #[test]
    fn gap_is_a_partial_that_says_where_it_starts() {
        let mut live = Live::new("t");
        live.take(delta(1, 1, 0, "abc"));
        let frames = live.take(delta(1, 1, 10, "later"));
        assert!(matches!(&frames[..], [ServerFrame::Partial(text)] if text.offset == 10), "{frames:?}");
    }

    proptest! {
        /// However the stream breaks and starts again, from wherever, the text comes out whole and once.
        #[test]
        fn overlapping_restarts_never_double_text(
            text in "\\PC{1,60}",
            cuts in proptest::collection::vec((0usize..60, 0usize..60), 1..12),
        ) {
            let boundary =
                |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            let mut live = Live::new("t");
            let mut frames = Vec::new();
            let mut reached = 0;
            for (from, length) in cuts {
                let from = boundary(from.min(reached));
                let to = boundary(from + length);
                frames.extend(live.take(delta(1, 1, from as i64, &text[from..to])));
                reached = reached.max(to);
            }
            frames.extend(live.take(delta(1, 1, 0, &text)));
            prop_assert_eq!(applied(&frames), text);
        }
    }
}
