//! What to do about a conversation: nothing, put short references in the place of old long answers, or have it summed up.

use std::sync::Arc;

use super::conversation::{By, Conversation};
use super::{Gauge, Window, estimate, transcript, words};
use crate::domain::conversation::{Message, Part};
use crate::domain::event::ShortenedResult;

/// An answer of a tool that is estimated shorter than this stays.
pub const LONG_RESULT: i64 = 500;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing: it fits, or nothing would be gained.
    Leave,
    /// References in the place of these answers suffice.
    Shorten(Vec<ShortenedResult>),
    /// All turns up to the record at `through_seq` are to be summed up.
    Summarise {
        /// `seq` of the last of them.
        through_seq: i64,
    },
}

/// What is to be done about a conversation before its model is called.
pub fn plan(conversation: &Conversation, gauge: &Gauge, window: Window) -> Plan {
    let before = gauge.measure(conversation.tokens());
    if before <= window.threshold() {
        return Plan::Leave;
    }
    let tail = tail(conversation, gauge, window);
    let long = long_results(conversation, tail);
    let saved = |results: &[ShortenedResult]| {
        let mut shorter = conversation.clone();
        for it in results {
            // They were read from this very conversation.
            shorter.shorten(it.seq, &it.call_id, &it.text).unwrap_or_default();
        }
        before - gauge.measure(shorter.tokens())
    };
    let after = before - saved(&long);
    if !long.is_empty() && after <= window.target() {
        return Plan::Shorten(long);
    }
    if let Some(through_seq) = summed_up(conversation, gauge, window, tail) {
        return Plan::Summarise { through_seq };
    }
    if !long.is_empty() && after <= window.threshold() { Plan::Shorten(long) } else { Plan::Leave }
}

/// Long answers of tools in turns that a summary up to `through_seq` would leave: those that are pinned.
pub fn left_by_summary(conversation: &Conversation, through_seq: i64) -> Vec<ShortenedResult> {
    let end = conversation.marks().iter().take_while(|mark| mark.seq <= through_seq).count();
    let pinned = |seq: i64| conversation.marks().iter().any(|mark| mark.seq == seq && mark.pinned);
    long_results(conversation, end).into_iter().filter(|result| pinned(result.seq)).collect()
}

/// The turn that asks for a summary up to `through_seq`, within what the window leaves for it.
pub fn summary_request(
    conversation: &Conversation,
    gauge: &Gauge,
    window: Window,
    through_seq: i64,
) -> Message {
    let end = conversation.marks().iter().take_while(|mark| mark.seq <= through_seq).count();
    let beginning = estimate::text(words::SUMMARY_SYSTEM);
    // Of what there is room for, a tenth is left: the estimate is one.
    let room = gauge.unscale((window.tokens() - window.summary()) * 9 / 10) - beginning;
    transcript::request(conversation, end, room)
}

/// Where the newest turns begin that stay as they are: the last exchange at least, and as much as there is room for.
fn tail(conversation: &Conversation, gauge: &Gauge, window: Window) -> usize {
    let marks = conversation.marks();
    let newest = marks.iter().rposition(|mark| mark.by == By::Agent).unwrap_or(marks.len());
    let mut start = marks.len();
    let mut tokens = 0;
    while start > 0 {
        tokens += gauge.scale(marks[start - 1].tokens);
        if start <= newest && tokens > window.tail() {
            break;
        }
        start -= 1;
    }
    // Answers stay with the calls that they answer.
    if marks.get(start).is_some_and(|mark| mark.by == By::Tools) { start.saturating_sub(1) } else { start }
}

fn long_results(conversation: &Conversation, end: usize) -> Vec<ShortenedResult> {
    let turns: Vec<(usize, &Arc<Message>)> = conversation.messages().iter().enumerate().take(end).collect();
    let results = turns.into_iter().flat_map(|(place, message)| {
        message.parts.iter().filter_map(move |part| match part {
            Part::ToolResult(result) => Some((place, result)),
            _ => None,
        })
    });
    results
        .filter(|(_, result)| estimate::text(&result.content) >= LONG_RESULT)
        .map(|(place, result)| {
            let seq = conversation.marks()[place].seq;
            let tool = conversation.call_of(place, result).map_or("", |call| call.tool.as_str());
            let text = words::reference(tool, &result.content, result.is_error, seq);
            ShortenedResult { seq, call_id: result.call_id.clone(), text }
        })
        .collect()
}

/// The last record that a summary would stand for, if one is worth it: there is something new to sum up, enough of it, and
/// what stays fits then.
fn summed_up(conversation: &Conversation, gauge: &Gauge, window: Window, tail: usize) -> Option<i64> {
    let gone = || conversation.marks()[..tail].iter().filter(|mark| !mark.pinned);
    let last = gone().next_back()?;
    let tokens = gauge.scale(gone().map(|mark| mark.tokens).sum());
    let after = gauge.measure(conversation.tokens()) - tokens + window.summary();
    let is_new = gone().any(|mark| mark.by != By::Summary);
    (is_new && tokens >= window.least() && after <= window.room()).then_some(last.seq)
}
