//! A run's conversation as the model is to read it, with where each turn comes from; and the two ways to make it shorter.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::estimate;
use crate::domain::conversation::{Message, Part, ToolCall, ToolResult};
use crate::domain::tool::Tool;

/// Who brought a turn in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum By {
    /// The task, as the run was queued with it.
    Task,
    /// A person, while it ran.
    Person,
    /// The agent.
    Agent,
    /// The tools that the turn before called.
    Tools,
    /// The engine.
    Engine,
    /// The agent, who summed up what was there before.
    Summary,
}

/// Where a turn comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// `seq` of the record with which it begins: of a summary, the first that it stands for.
    pub first_seq: i64,
    /// `seq` of the record that made it whole: of a summary, the last that it stands for.
    pub seq: i64,
    /// Who brought it in.
    pub by: By,
    /// True when it stays word for word, whatever becomes of the rest: what people said, and what the agent asked them.
    pub pinned: bool,
    /// Our estimate of it.
    pub tokens: i64,
}

/// The conversation, whole turns only.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Conversation {
    messages: Vec<Arc<Message>>,
    marks: Vec<Mark>,
}

impl Conversation {
    /// Takes in a turn that the record at `seq` makes whole.
    pub fn push(&mut self, seq: i64, by: By, message: Arc<Message>) {
        let pinned = match by {
            By::Task | By::Person => true,
            By::Agent => message.tool_calls().any(|call| call.tool == Tool::AskHuman.name()),
            By::Tools => self.marks.last().is_some_and(|last| last.by == By::Agent && last.pinned),
            By::Engine | By::Summary => false,
        };
        let tokens = estimate::message(&message);
        self.marks.push(Mark { first_seq: seq, seq, by, pinned, tokens });
        self.messages.push(message);
    }

    /// Takes back the agent's turn, if it is the last.
    pub fn pop_answer(&mut self) {
        if self.marks.last().is_some_and(|last| last.by == By::Agent) {
            self.marks.pop();
            self.messages.pop();
        }
    }

    /// The turns, the oldest first.
    pub fn messages(&self) -> &[Arc<Message>] {
        &self.messages
    }

    /// Where each of them comes from.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Our estimate of all of them.
    pub fn tokens(&self) -> i64 {
        self.marks.iter().map(|mark| mark.tokens).sum()
    }

    /// The call that a result answers: it is in the turn before.
    pub fn call_of(&self, place: usize, result: &ToolResult) -> Option<&ToolCall> {
        let before = self.messages.get(place.checked_sub(1)?)?;
        before.tool_calls().find(|call| call.id == result.call_id)
    }

    /// Turns up to the record at `through`. An error if no turn ends there, or one whose calls are answered behind it.
    pub fn up_to(&self, through: i64) -> Result<usize, String> {
        let end = self.marks.iter().position(|mark| mark.seq > through).unwrap_or(self.marks.len());
        let last = end.checked_sub(1).filter(|last| self.marks[*last].seq == through);
        let Some(last) = last else { return Err(format!("no turn ends at seq {through}")) };
        if self.messages[last].tool_calls().next().is_some() {
            return Err(format!("seq {through} parts calls from their results"));
        }
        Ok(end)
    }

    /// Puts a text in the place of all turns up to the record at `through`, but for those that are pinned. An error, and
    /// nothing has changed, if that would part a call from its result, or if `first_seq` is not where these turns begin.
    pub fn replace(&mut self, first_seq: i64, through: i64, text: &str) -> Result<(), String> {
        let end = self.up_to(through)?;
        let begins = self.marks[..end].iter().find(|mark| !mark.pinned).map(|mark| mark.first_seq);
        if begins != Some(first_seq) {
            return Err(format!("what is to be replaced does not begin at seq {first_seq}"));
        }
        let message = Arc::new(Message::user(text));
        let tokens = estimate::message(&message);
        let summary = Mark { first_seq, seq: through, by: By::Summary, pinned: false, tokens };
        let (mut messages, mut marks) = (Vec::new(), Vec::new());
        for place in (0..end).filter(|place| self.marks[*place].pinned) {
            messages.push(self.messages[place].clone());
            marks.push(self.marks[place]);
        }
        messages.push(message);
        marks.push(summary);
        messages.extend_from_slice(&self.messages[end..]);
        marks.extend_from_slice(&self.marks[end..]);
        (self.messages, self.marks) = (messages, marks);
        Ok(())
    }

    /// Puts a text in the place of what a tool answered, in the turn that the record at `seq` made whole. An error, and
    /// nothing has changed, if there is no such answer.
    pub fn shorten(&mut self, seq: i64, call_id: &str, text: &str) -> Result<(), String> {
        let absent = || format!("seq {seq} holds no result of call `{call_id}`");
        let place = self.marks.iter().position(|mark| mark.seq == seq && mark.by == By::Tools);
        let place = place.ok_or_else(absent)?;
        let is_it = |part: &Part| matches!(part, Part::ToolResult(result) if result.call_id == call_id);
        let part = self.messages[place].parts.iter().position(is_it).ok_or_else(absent)?;
        let message = Arc::make_mut(&mut self.messages[place]);
        if let Part::ToolResult(result) = &mut message.parts[part] {
            text.clone_into(&mut result.content);
        }
        self.marks[place].tokens = estimate::message(message);
        Ok(())
    }
}
