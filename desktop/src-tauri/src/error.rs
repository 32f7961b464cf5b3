//! What can go wrong on this side of the gateway, as the web view is told: one table of reasons.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The gateway answered with a problem.
    #[error("{}", .0.detail)]
    Refused(Problem),
    /// The gateway could not be reached, or broke off.
    #[error(
        "the gateway at {address} does not answer ({cause}); check that Mission Control runs there (./mc status) and the network"
    )]
    Unreachable {
        /// Of the gateway.
        address: String,
        /// What the network says.
        cause: String,
    },
    /// The gateway answered with something that is no answer of a gateway.
    #[error(
        "the gateway at {address} does not answer like a Mission Control gateway ({cause}); check the address"
    )]
    NotAGateway {
        /// Of the gateway.
        address: String,
        /// What was odd.
        cause: String,
    },
    /// Nobody is signed in here, or the session is over.
    #[error("{0}")]
    SignedOut(&'static str),
    /// The system keeps no secrets for us.
    #[error("{0}")]
    Keychain(String),
    /// An argument of the web view is wrong.
    #[error("{field} {what}")]
    Invalid {
        /// Which.
        field: &'static str,
        /// What is wrong, as in "must be ...".
        what: String,
    },
    /// The system refused something else.
    #[error("{0}")]
    System(String),
}

/// An RFC 9457 problem as the gateway writes it; ours have status 0 and the same members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// The HTTP status; 0 when the gateway did not answer.
    pub status: u16,
    /// What happened, for programs.
    pub reason: String,
    /// What happened and what to do, for people.
    #[serde(default)]
    pub detail: String,
    /// Everything else that the gateway says: violations, metadata, the id of the request.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl Error {
    /// An argument that is wrong.
    pub fn invalid(field: &'static str, what: impl Into<String>) -> Self {
        Self::Invalid { field, what: what.into() }
    }

    /// What happened, for programs.
    pub fn reason(&self) -> &str {
        match self {
            Self::Refused(problem) => &problem.reason,
            Self::Unreachable { .. } => "GATEWAY_UNREACHABLE",
            Self::NotAGateway { .. } => "NOT_A_GATEWAY",
            Self::SignedOut(_) => "SIGNED_OUT",
            Self::Keychain(_) => "KEYCHAIN_UNAVAILABLE",
            Self::Invalid { .. } => "INVALID_ARGUMENT",
            Self::System(_) => "SYSTEM",
        }
    }

    /// As it is told to the web view.
    pub fn problem(&self) -> Problem {
        match self {
            Self::Refused(problem) => problem.clone(),
            other => Problem {
                status: if matches!(other, Self::SignedOut(_)) { 401 } else { 0 },
                reason: other.reason().to_owned(),
                detail: sentence(&other.to_string()),
                more: Map::new(),
            },
        }
    }
}

/// Begins with a capital and ends with a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    let stop = if text.ends_with('.') { "" } else { "." };
    first.to_uppercase().chain(letters).chain(stop.chars()).collect()
}

/// Commands answer with the problem; Tauri wants the error itself to be serialisable.
impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.problem().serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_errors_read_like_problems_of_the_gateway() {
        let error = Error::Unreachable { address: "http://127.0.0.1:8080".into(), cause: "refused".into() };
        let json = serde_json::to_value(&error).expect("json");
        assert_eq!(json["status"], 0);
        assert_eq!(json["reason"], "GATEWAY_UNREACHABLE");
        assert_eq!(
            json["detail"],
            "The gateway at http://127.0.0.1:8080 does not answer (refused); check that Mission Control runs there (./mc status) \
             and the network."
        );
    }

    #[test]
    fn problem_of_the_gateway_is_passed_on_as_it_is() {
        let text = r#"{"type":"urn:x","title":"Forbidden","status":403,"detail":"Ask.","reason":"NO","instance":"7"}"#;
        let problem: Problem = serde_json::from_str(text).expect("problem");
        let error = Error::Refused(problem.clone());
        assert_eq!((error.reason(), error.problem()), ("NO", problem));
        let sent: Value = serde_json::to_value(&error).expect("json");
        assert_eq!(sent, serde_json::from_str::<Value>(text).expect("json"));
    }
}
