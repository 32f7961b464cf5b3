//! Notices: what people outside the app are told of a run and when, when it is tried again, and how a receiver knows that it is
//! from us.

pub mod message;
pub mod parcel;
pub mod quiet;
pub mod retry;
pub mod signature;

use crate::domain::event::{Event, RunError};

/// What a notice is about. Numbers are those of `NotificationKind` of the contract, and of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeKind {
    /// A run wants leave for a call.
    Approval,
    /// A run asks a question.
    Question,
    /// Nobody knows whether a call took effect.
    Outcome,
    /// A run was ended by a limit of its own.
    Limit,
    /// A run failed of anything else.
    Failure,
    /// A run succeeded.
    Success,
    /// A run was cancelled.
    Cancellation,
    /// Nobody decided on an approval in time.
    Overdue,
    /// Somebody tests the channel.
    Test,
}

/// What a channel is told of that does not say what it wants: whatever needs somebody.
pub const DEFAULT_KINDS: [NoticeKind; 6] = [
    NoticeKind::Approval,
    NoticeKind::Question,
    NoticeKind::Outcome,
    NoticeKind::Limit,
    NoticeKind::Failure,
    NoticeKind::Overdue,
];

impl NoticeKind {
    /// Every kind, by its number from 1.
    pub const ALL: [Self; 9] = [
        Self::Approval,
        Self::Question,
        Self::Outcome,
        Self::Limit,
        Self::Failure,
        Self::Success,
        Self::Cancellation,
        Self::Overdue,
        Self::Test,
    ];

    /// Its number.
    pub const fn number(self) -> i16 {
        self as i16 + 1
    }

    /// The kind of this number.
    pub fn of_number(number: i16) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Whether it asks for a decision: once that is made, nobody needs to be told any more.
    pub const fn asks(self) -> bool {
        matches!(self, Self::Approval | Self::Question | Self::Outcome | Self::Overdue)
    }

    /// The `type` of a webhook's document.
    pub const fn topic(self) -> &'static str {
        match self {
            Self::Approval => "run.approval_requested",
            Self::Question => "run.question_asked",
            Self::Outcome => "run.outcome_unknown",
            Self::Limit => "run.limit_reached",
            Self::Failure => "run.failed",
            Self::Success => "run.succeeded",
            Self::Cancellation => "run.cancelled",
            Self::Overdue => "run.approval_overdue",
            Self::Test => "channel.test",
        }
    }

    /// What is told of an event that ends a run; none of any other.
    pub fn of_end(event: &Event) -> Option<Self> {
        match event {
            Event::Succeeded(_) => Some(Self::Success),
            Event::Cancelled(_) => Some(Self::Cancellation),
            Event::Failed(failed) => Some(Self::of_error(&failed.error)),
            _ => None,
        }
    }

    fn of_error(error: &RunError) -> Self {
        match error.reason.as_str() {
            "STEP_LIMIT_REACHED"
            | "TOKEN_LIMIT_REACHED"
            | "COST_LIMIT_REACHED"
            | "COST_UNKNOWN"
            | "DURATION_LIMIT_REACHED" => Self::Limit,
            _ => Self::Failure,
        }
    }
}

/// Characters of [`said`] at most.
pub const SAID_CHARS: usize = 500;

/// What an event says in words of people or agents, cut; never the arguments of a call. None where it says nothing.
pub fn said(event: &Event) -> Option<String> {
    let text = match event {
        Event::ApprovalRequested(asked) => format!("Tool: {}", asked.tool),
        Event::OutcomeUnknown(asked) => format!("Tool: {}", asked.tool),
        Event::QuestionAsked(asked) if asked.choices.is_empty() => asked.question.clone(),
        Event::QuestionAsked(asked) => format!("{}\n({})", asked.question, asked.choices.join(" / ")),
        Event::Failed(failed) => format!("{}: {}", failed.error.reason, failed.error.message),
        Event::Succeeded(succeeded) => succeeded.summary.clone(),
        _ => return None,
    };
    let text = text.trim();
    (!text.is_empty()).then(|| cut(text, SAID_CHARS))
}

/// The text in at most so many characters, an ellipsis included if it was longer.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{ApprovalRequested, Cancelled, Failed, QuestionAsked, Succeeded};
    use crate::domain::id::{CommandId, InboxItemId, UserId};
    use uuid::Uuid;

    const ITEM: InboxItemId = InboxItemId::new(Uuid::from_u128(1));

    #[test]
    fn an_end_is_told_as_what_it_was() {
        let failed = |reason| Event::Failed(Failed { error: RunError::new(reason, "The end.") });
        for reason in ["STEP_LIMIT_REACHED", "TOKEN_LIMIT_REACHED", "COST_LIMIT_REACHED", "COST_UNKNOWN"] {
            assert_eq!(NoticeKind::of_end(&failed(reason)), Some(NoticeKind::Limit), "{reason}");
        }
        assert_eq!(NoticeKind::of_end(&failed("STUCK_LOOP")), Some(NoticeKind::Failure));
        let done = Event::Succeeded(Succeeded { summary: String::new(), evidence: Vec::new() });
        assert_eq!((NoticeKind::of_end(&done), said(&done)), (Some(NoticeKind::Success), None));
        let cancelled = Event::Cancelled(Cancelled {
            command: CommandId::new(Uuid::nil()),
            requester: UserId::new(Uuid::nil()),
            reason: "Enough.".into(),
            survivors: Vec::new(),
        });
        assert_eq!(NoticeKind::of_end(&cancelled), Some(NoticeKind::Cancellation));
    }

    #[test]
    fn what_is_said_holds_no_argument_and_500_characters_at_most() {
        let approval = Event::ApprovalRequested(ApprovalRequested {
            item: ITEM,
            step: 1,
            call_id: "c".into(),
            tool: "http_request".into(),
            arguments_json: r#"{"body":"s3cret"}"#.into(),
        });
        assert_eq!(said(&approval).as_deref(), Some("Tool: http_request"));
        let asked = |question: String| {
            let (call_id, choices) = (String::from("c"), vec!["A".into(), "B".into()]);
            said(&Event::QuestionAsked(QuestionAsked { item: ITEM, step: 1, call_id, question, choices }))
        };
        assert_eq!(asked("Which?".into()).as_deref(), Some("Which?\n(A / B)"));
        let whole = "é".repeat(SAID_CHARS - 8);
        assert_eq!(asked(whole.clone()).expect("said"), format!("{whole}\n(A / B)"));
        let cut = asked("é".repeat(SAID_CHARS)).expect("said");
        assert_eq!((cut.chars().count(), cut.chars().last()), (SAID_CHARS, Some('…')));
    }
}
