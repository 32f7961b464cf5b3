//! One attempt: a mail, or a POST within bounds, which follows no redirect and reads nothing of the answer but its head.

use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderMap, LOCATION, RETRY_AFTER, USER_AGENT};
use url::Url;
use uuid::Uuid;

use super::Notifier;
use crate::domain::notice::parcel::Parcel;
use crate::domain::notice::signature::SigningSecrets;
use crate::tools::told;

/// Time for one attempt, from the connection to the head of the answer.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(15);

/// Where a notice goes, and how.
pub(super) enum Way {
    /// A signed document.
    Webhook { url: Url, secrets: SigningSecrets },
    /// A message for Slack, whose address is a secret.
    Slack { url: Url },
    /// Mail to this address.
    Mail { to: String },
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Webhook { .. } => "Webhook",
            Self::Slack { .. } => "Slack",
            Self::Mail { .. } => "Mail",
        })
    }
}

/// What an attempt came to.
#[derive(Debug)]
pub(super) enum Tried {
    /// The receiver has it.
    Delivered { status: i16 },
    /// The receiver wants nothing any more.
    Gone { status: i16 },
    /// It never takes this one; to try again is to be refused again.
    Refused {
        /// Reply code of a mail server; 0 for none.
        status: i16,
        /// Why, without a word of the receiver's.
        error: String,
    },
    /// It has it not, or nobody knows.
    Failed {
        /// HTTP status; 0 for none.
        status: i16,
        /// What went wrong, without a word of the receiver's.
        error: String,
        /// How long the receiver wants to be left in peace.
        asked: Option<time::Duration>,
        /// It is this document that the receiver does not want.
        of_this_one: bool,
    },
}

impl Tried {
    /// Before anything was answered.
    pub(super) fn failed(error: String) -> Self {
        Self::Failed { status: 0, error, asked: None, of_this_one: false }
    }
}

impl Notifier {
    /// Sends a parcel under the id of its delivery or digest.
    pub(super) async fn send(&self, way: &Way, id: Uuid, parcel: Parcel<'_>) -> Tried {
        let id = format!("msg_{}", id.simple());
        let url = match way {
            Way::Webhook { url, .. } | Way::Slack { url } => url,
            Way::Mail { to } => {
                let Some(mailer) = &self.mailer else {
                    return Tried::failed(
                        "no mail server is set any more; the operator sets MC_SMTP_HOST".to_owned(),
                    );
                };
                let (mail, now) = (parcel.mail(&self.links), self.ambient.clock.now());
                return mailer.send(to, &id, mail, now).await;
            }
        };
        // The client would refuse it too; this says why.
        if let Err(refused) = self.egress.check(url).await {
            return Tried::failed(refused.to_string());
        }
        let post = self
            .egress
            .client()
            .post(url.clone())
            .timeout(TIME_LIMIT)
            .header(USER_AGENT, concat!("MissionControl/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json");
        let post = match way {
            Way::Webhook { secrets, .. } => {
                let body = parcel.document(&self.links).to_string();
                let timestamp_s = self.ambient.clock.now().unix_timestamp();
                post.header("webhook-id", &id)
                    .header("webhook-timestamp", timestamp_s)
                    .header("webhook-signature", secrets.sign(&id, timestamp_s, &body))
                    .body(body)
            }
            Way::Slack { .. } | Way::Mail { .. } => post.body(parcel.slack(&self.links).to_string()),
        };
        match post.send().await {
            Ok(answer) => judge(answer.status().as_u16(), answer.headers()),
            Err(error) if error.is_timeout() => {
                Tried::failed(format!("no answer within {} s", TIME_LIMIT.as_secs()))
            }
            // The address may be a secret.
            Err(error) => Tried::failed(format!("the request failed: {}", told(&error.without_url()))),
        }
    }
}

fn judge(code: u16, headers: &HeaderMap) -> Tried {
    let status = i16::try_from(code).unwrap_or(0);
    let failed =
        |error: String, of_this_one| Tried::Failed { status, error, asked: asked(headers), of_this_one };
    match code {
        200..=299 => Tried::Delivered { status },
        410 => Tried::Gone { status },
        300..=399 if headers.contains_key(LOCATION) => failed(
            format!("HTTP {code}: the receiver redirects, which is not followed; set its new address"),
            false,
        ),
        400 | 413 | 415 | 422 => failed(format!("HTTP {code}: the receiver does not take this"), true),
        401 | 403 => {
            failed(format!("HTTP {code}: the receiver refuses us; does it have the current secret?"), false)
        }
        _ => failed(format!("HTTP {code}"), false),
    }
}

/// `Retry-After` in seconds; a date is not looked at.
fn asked(headers: &HeaderMap) -> Option<time::Duration> {
    let seconds: u32 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(time::Duration::seconds(i64::from(seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().expect("a value"))])
    }

    #[test]
    fn two_hundreds_are_success_410_is_the_end_and_the_rest_is_tried_again() {
        let none = HeaderMap::new();
        for code in [200, 202, 204, 299] {
            assert!(matches!(judge(code, &none), Tried::Delivered { .. }), "{code}");
        }
        assert!(matches!(judge(410, &none), Tried::Gone { status: 410 }));
        for code in [199, 300, 304, 401, 403, 404, 408, 425, 429, 500, 502, 503, 599] {
            assert!(matches!(judge(code, &none), Tried::Failed { of_this_one: false, .. }), "{code}");
        }
        for code in [400, 413, 415, 422] {
            assert!(matches!(judge(code, &none), Tried::Failed { of_this_one: true, .. }), "{code}");
        }
        let Tried::Failed { error, .. } = judge(307, &headers(LOCATION, "https://elsewhere.example")) else {
            panic!("a redirect is no delivery");
        };
        assert!(error.contains("redirects") && !error.contains("elsewhere"), "{error}");
    }

    #[test]
    fn retry_after_is_read_in_seconds() {
        let asked = |value: &str| asked(&headers(RETRY_AFTER, value));
        assert_eq!(asked("120"), Some(time::Duration::minutes(2)));
        for value in ["-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "99999999999"] {
            assert_eq!(asked(value), None, "{value}");
        }
        assert_eq!(super::asked(&HeaderMap::new()), None);
    }
}
