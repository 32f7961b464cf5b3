//! What can go wrong between us and a provider, in the few kinds that callers act on.

use std::time::Duration;

/// Longest text of a provider that is passed on, in characters.
const MAX_MESSAGE_CHARS: usize = 500;

/// Why a provider gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Too many requests or tokens for now.
    RateLimited,
    /// The key is missing, wrong or may not do this.
    AuthFailed,
    /// The request will never be taken as it is.
    Refused,
    /// The conversation does not fit the model.
    ContextTooLong,
    /// No connection, a server error, or no answer in time.
    Unavailable,
    /// The provider is there and has no capacity.
    Overloaded,
    /// The answer was cut after some of it had come.
    Interrupted,
    /// It was stopped on order.
    Cancelled,
}

impl Kind {
    /// The reason that callers switch on.
    pub fn reason(self) -> &'static str {
        match self {
            Self::RateLimited => "PROVIDER_RATE_LIMITED",
            Self::AuthFailed => "PROVIDER_AUTH_FAILED",
            Self::Refused => "PROVIDER_REFUSED",
            Self::ContextTooLong => "CONTEXT_TOO_LONG",
            Self::Unavailable => "PROVIDER_UNAVAILABLE",
            Self::Overloaded => "PROVIDER_OVERLOADED",
            Self::Interrupted => "GENERATION_INTERRUPTED",
            Self::Cancelled => "GENERATION_CANCELLED",
        }
    }

    /// The kind that [`Self::reason`] names.
    pub fn from_reason(reason: &str) -> Option<Self> {
        let all = [
            Self::RateLimited,
            Self::AuthFailed,
            Self::Refused,
            Self::ContextTooLong,
            Self::Unavailable,
            Self::Overloaded,
            Self::Interrupted,
            Self::Cancelled,
        ];
        all.into_iter().find(|kind| kind.reason() == reason)
    }

    /// Whether the same request may succeed in a moment, given that nothing of an answer was seen.
    pub fn is_passing(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable | Self::Overloaded)
    }

    /// Whether we ended the answer, and not its provider.
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Interrupted | Self::Cancelled)
    }
}

/// One failure of a provider.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", kind.reason())]
pub struct Fault {
    /// What kind.
    pub kind: Kind,
    /// What happened, for people; may quote the provider, never holds a secret.
    pub message: String,
    /// How long the provider asks us to wait.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A failure; a long message is cut.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let mut message: String = message.into();
        if let Some((at, _)) = message.char_indices().nth(MAX_MESSAGE_CHARS) {
            message.truncate(at);
            message.push('\u{2026}');
        }
        Self { kind, message, retry_after: None }
    }

    /// Adds how long to wait.
    #[must_use]
    pub fn after(mut self, wait: Option<Duration>) -> Self {
        self.retry_after = wait;
        self
    }

    /// The same failure as it looks once a part of the answer was shown: what came before cannot be unsaid.
    #[must_use]
    pub fn in_mid_answer(self) -> Self {
        if self.kind.is_ours() {
            return self;
        }
        Self::new(Kind::Interrupted, format!("the answer was cut: {}", self.message))
    }

    /// Takes a secret out of the message, should the provider have quoted it.
    #[must_use]
    pub fn without(mut self, secret: &str) -> Self {
        if !secret.is_empty() && self.message.contains(secret) {
            self.message = self.message.replace(secret, "[redacted]");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_and_secrets_taken_out() {
        let fault = Fault::new(Kind::Refused, "\u{e9}".repeat(MAX_MESSAGE_CHARS + 1));
        assert_eq!(fault.message.chars().count(), MAX_MESSAGE_CHARS + 1);
        assert!(fault.message.ends_with('\u{2026}'));
        let quoted = Fault::new(Kind::AuthFailed, "wrong key sk-secret").without("sk-secret");
        assert_eq!(quoted.message, "wrong key [redacted]");
    }

    #[test]
    fn after_the_first_token_every_failure_is_an_interruption() {
        let fault =
            Fault::new(Kind::RateLimited, "slow down").after(Some(Duration::from_secs(1))).in_mid_answer();
        assert_eq!((fault.kind, fault.retry_after), (Kind::Interrupted, None));
        assert_eq!(fault.clone().in_mid_answer(), fault);
    }
}
