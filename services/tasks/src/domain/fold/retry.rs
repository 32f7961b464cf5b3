//! How a failed run goes on when a person says so: from where it stood, with the counts of the failed step begun anew.

use time::OffsetDateTime;

use super::calls::{Call, CallState, Subject};
use super::clock::WorkingTime;
use super::{Phase, RunFold};
use crate::domain::compaction::By;
use crate::domain::conversation::{FinishReason, Message};
use crate::domain::event::Retried;

impl RunFold {
    pub(super) fn retry(&mut self, retried: &Retried, at: OffsetDateTime) -> Result<(), String> {
        let Phase::Failed { error, before } = &self.phase else {
            return Err("the run did not fail".into());
        };
        let answered = matches!(&**before, Phase::Answered(answer) if answer.settled());
        if !retried.note.is_empty() && !answered {
            return Err("the agent is told of a failure that was none of its doing".into());
        }
        let (error, before) = (error.clone(), (**before).clone());
        self.orders.begin_anew(retried.command)?;
        self.phase = match before {
            Phase::CallFailed { attempt, error, compacts, .. } => {
                self.forgiven = attempt;
                Phase::CallFailed { attempt, error, retry_at: Some(at), compacts }
            }
            // The worker went before it could say what became of the call: whoever asks under its key joins it.
            Phase::Calling { attempt, since, compacts } => {
                self.forgiven = attempt - 1;
                Phase::Calling { attempt, since, compacts }
            }
            // What the provider withheld is no part of the conversation: the step is asked again.
            Phase::Answered(answer) if answer.finish_reason == FinishReason::ContentFilter => {
                if !answer.blank {
                    self.conversation.pop_answer();
                }
                self.forgiven = answer.attempt;
                Phase::CallFailed { attempt: answer.attempt, error, retry_at: Some(at), compacts: None }
            }
            Phase::Answered(mut answer) => {
                answer.calls.iter_mut().for_each(Call::ask_anew);
                // What the agent reads of the retry stands for what the engine had to say of the answer.
                answer.noted |= !retried.note.is_empty();
                Phase::Answered(answer)
            }
            before => before,
        };
        if !retried.note.is_empty() {
            // A person's words are in it.
            self.say(By::Person, Message::user(retried.note.as_str()));
        }
        self.quota_until = None;
        self.idle_answers = 0;
        self.overflows = 0;
        self.repeats.forgive();
        self.working = WorkingTime::default();
        self.ended_at = None;
        Ok(())
    }

    /// Attempts at the present step that count: the present one included, those that people interrupted and those before a
    /// retry not.
    pub(in crate::domain) fn tries(&self, attempt: u32) -> u32 {
        attempt.saturating_sub(self.forgiven)
    }
}

impl Call {
    /// The inbox item that it waited for is void: people are to be asked once more.
    fn ask_anew(&mut self) {
        if let CallState::Awaiting { subject, .. } = &self.state {
            self.state = match subject {
                Subject::Approval | Subject::Question => CallState::Asked,
                Subject::Outcome(intent) => CallState::Open(intent.clone()),
            };
        }
    }
}
