//! Live text of the model calls that this worker makes: coalesced, in pieces that fit the bus, and kept whole for watchers
//! who come late. It is never the truth: the journal has the message when the call is over.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mc_chassis::bus::{Bus, PAYLOAD_MAX, Signal};

use crate::domain::id::RunId;
use crate::topics::{self, Delta, Live, SyncRequest, TextKind};

/// Bytes of text in one message, before JSON escapes them.
const PIECE: usize = 6_000;

/// The open model call of each run.
#[derive(Debug, Clone)]
pub(crate) struct LiveTexts {
    bus: Bus,
    calls: Arc<Mutex<HashMap<RunId, Call>>>,
}

#[derive(Debug)]
struct Call {
    step: u32,
    attempt: u32,
    said: Text,
    thought: Text,
}

#[derive(Debug, Default)]
struct Text {
    whole: String,
    published: usize,
}

impl LiveTexts {
    pub(crate) fn new(bus: Bus) -> Self {
        Self { bus, calls: Arc::default() }
    }

    /// Begins a call, or goes on with it where it was asked for again under the same key.
    pub(crate) fn open(&self, run: RunId, step: u32, attempt: u32) {
        let mut calls = lock(&self.calls);
        let same = calls.get(&run).is_some_and(|call| (call.step, call.attempt) == (step, attempt));
        if !same {
            let call = Call { step, attempt, said: Text::default(), thought: Text::default() };
            calls.insert(run, call);
        }
    }

    /// Takes text in. What is known already is passed over: a stream that joins a call begins with its beginning.
    pub(crate) fn push(&self, run: RunId, kind: TextKind, offset: i64, text: &str) {
        let mut calls = lock(&self.calls);
        let Some(call) = calls.get_mut(&run) else { return };
        let whole = &mut call.text(kind).whole;
        let known = usize::try_from(offset).ok().and_then(|offset| whole.len().checked_sub(offset));
        if let Some(new) = known.and_then(|known| text.get(known.min(text.len())..)) {
            whole.push_str(new);
        }
    }

    /// Publishes what has come since the last time.
    pub(crate) fn flush(&self, run: RunId) {
        let mut pieces = Vec::new();
        if let Some(call) = lock(&self.calls).get_mut(&run) {
            for kind in [TextKind::Thinking, TextKind::Text] {
                let from = call.text(kind).published;
                call.pieces(kind, from, &mut pieces);
                let text = call.text(kind);
                text.published = text.whole.len();
            }
        }
        self.publish(run, pieces);
    }

    /// The call is over, or this worker no longer makes it.
    pub(crate) fn close(&self, run: RunId) {
        lock(&self.calls).remove(&run);
    }

    /// Answers watchers who ask for the text so far, as long as the process lives.
    pub(crate) async fn answer_late_watchers(self) {
        let mut requests = self.bus.subscribe(topics::SYNC).await;
        loop {
            if let Signal::Message(text) = requests.next().await
                && let Ok(request) = serde_json::from_str::<SyncRequest>(&text)
            {
                self.answer(request.run);
            }
        }
    }

    fn answer(&self, run: RunId) {
        let mut pieces = Vec::new();
        if let Some(call) = lock(&self.calls).get_mut(&run) {
            call.pieces(TextKind::Thinking, 0, &mut pieces);
            call.pieces(TextKind::Text, 0, &mut pieces);
        }
        self.publish(run, pieces);
    }

    fn publish(&self, run: RunId, pieces: Vec<Delta>) {
        let topic = topics::run(run);
        for piece in pieces {
            topics::publish(&self.bus, &topic, &Live::Delta(piece));
        }
    }
}

impl Call {
    fn text(&mut self, kind: TextKind) -> &mut Text {
        match kind {
            TextKind::Text => &mut self.said,
            TextKind::Thinking => &mut self.thought,
        }
    }

    /// Cuts the text from a byte on into messages that fit the bus.
    fn pieces(&mut self, kind: TextKind, from: usize, pieces: &mut Vec<Delta>) {
        let (step, attempt) = (self.step, self.attempt);
        let whole = &self.text(kind).whole;
        let mut start = from;
        let mut size = PIECE;
        while start < whole.len() {
            let end = whole.ceil_char_boundary((start + size).min(whole.len()));
            let text = whole[start..end].to_owned();
            let piece = Delta { step, attempt, kind, offset: start as u64, text };
            // Escaped, a control character takes six bytes: such text goes in smaller pieces.
            let fits =
                serde_json::to_vec(&Live::Delta(piece.clone())).is_ok_and(|json| json.len() <= PAYLOAD_MAX);
            if fits || size == 1 {
                pieces.push(piece);
                start = end;
                size = PIECE;
            } else {
                size /= 2;
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const RUN: RunId = RunId::new(Uuid::from_u128(1));

    async fn published(texts: &LiveTexts, act: impl FnOnce(&LiveTexts)) -> Vec<Delta> {
        let mut subscription = texts.bus.subscribe(&topics::run(RUN)).await;
        act(texts);
        topics::publish(&texts.bus, &topics::run(RUN), &Live::Head { seq: 0 });
        let mut deltas = Vec::new();
        loop {
            match subscription.next().await {
                Signal::Message(text) => {
                    assert!(text.len() <= PAYLOAD_MAX);
                    match serde_json::from_str(&text).expect("live") {
                        Live::Delta(delta) => deltas.push(delta),
                        Live::Head { .. } => return deltas,
                    }
                }
                Signal::Gap => panic!("a local bus loses nothing"),
            }
        }
    }

    #[tokio::test]
    async fn text_goes_out_once_in_pieces_that_fit_and_whole_to_the_late() {
        for unit in ["plain text ", "\u{1}\u{2}", "Größe 😀 "] {
            let texts = LiveTexts::new(Bus::local());
            let text = unit.repeat(3_000);
            texts.open(RUN, 2, 1);
            let deltas = published(&texts, |texts| {
                texts.push(RUN, TextKind::Text, 0, &text);
                // The stream was joined again from its beginning.
                texts.push(RUN, TextKind::Text, 0, &text[..unit.len()]);
                texts.flush(RUN);
                texts.flush(RUN);
            })
            .await;
            assert_eq!(deltas.iter().map(|delta| delta.text.as_str()).collect::<String>(), text);
            let again = published(&texts, |texts| texts.answer(RUN)).await;
            assert_eq!(again, deltas);
            texts.close(RUN);
            assert!(published(&texts, |texts| texts.answer(RUN)).await.is_empty());
        }
    }

    #[tokio::test]
    async fn new_attempt_begins_anew_and_the_same_one_goes_on() {
        let texts = LiveTexts::new(Bus::local());
        texts.open(RUN, 1, 1);
        texts.push(RUN, TextKind::Text, 0, "one");
        texts.open(RUN, 1, 1);
        texts.push(RUN, TextKind::Text, 3, " two");
        let deltas = published(&texts, |texts| texts.flush(RUN)).await;
        assert_eq!(deltas[0].text, "one two");
        texts.open(RUN, 1, 2);
        texts.push(RUN, TextKind::Text, 0, "anew");
        let deltas = published(&texts, |texts| texts.flush(RUN)).await;
        assert_eq!((deltas[0].attempt, deltas[0].offset, deltas[0].text.as_str()), (2, 0, "anew"));
    }
}
