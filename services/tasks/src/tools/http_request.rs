//! `http_request`: one request that changes something, only to hosts that the agent was granted, never repeated in the blind.
//!
//! A request that surely was not sent has failed. One whose answer did not come may have taken effect: what is done then
//! follows from what the server promises. An idempotent one is sent again with the same key; one that can be asked about is
//! asked about; of any other, a person has to say what became of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use mc_chassis::egress::Egress;
use reqwest::header::{ACCEPT, CONTENT_TYPE, LOCATION};
use url::Url;

use super::http::{Answer, check_host, line, read, told};
use super::{Outcome, ToolAnswer};
use crate::domain::arguments::{HttpRequest, Method, check_url};
use crate::domain::brief::ToolGrant;
use crate::domain::event::{Doubt, DoubtCause, EffectClass};

/// Time for one request with its answer.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
/// How often a request is sent at most before a person is asked, where it may be sent again at all.
pub const MAX_SENDS: u32 = 3;
/// Wait before a request is sent or asked about again.
const PAUSE: Duration = Duration::from_secs(1);
/// Names the request for ever, to whoever gets it twice.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Comes back when an effect may begin.
type Leave = Arc<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// Sends requests to the outside.
#[derive(Clone)]
pub struct HttpRequests {
    egress: Egress,
    time_limit: Duration,
    pause: Duration,
    leave: Leave,
}

impl fmt::Debug for HttpRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequests").field("egress", &self.egress).finish_non_exhaustive()
    }
}

/// How a request is to be carried out.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// What its owner says.
    pub grant: &'a ToolGrant,
    /// What may be done if the outcome gets lost.
    pub effect_class: EffectClass,
    /// Names the request.
    pub key: &'a str,
    /// True when it may have been sent before, and the server can be asked.
    pub query_first: bool,
    /// True when it may have been sent before: that this time it surely is not, says nothing of the time before.
    pub maybe_done: bool,
}

/// What came of sending.
enum Sent {
    Answered(ToolAnswer),
    /// Not a byte of it went out.
    Not(String),
    /// It may have taken effect.
    InDoubt(Doubt),
}

impl Sent {
    /// What is not known of this one, where one before it is in doubt.
    fn doubt(self) -> Result<ToolAnswer, Doubt> {
        match self {
            Self::Answered(answer) => Ok(answer),
            Self::Not(why) => Err(Doubt::new(DoubtCause::NotSentAgain, &why)),
            Self::InDoubt(doubt) => Err(doubt),
        }
    }
}

/// What a server says of a request that it may have had.
enum Found {
    Outcome(ToolAnswer),
    Nothing,
    Unclear(String),
}

impl HttpRequests {
    /// Sends only where the deployment's policy lets out; each agent's granted hosts narrow that further.
    pub fn new(egress: Egress) -> Self {
        Self {
            egress,
            time_limit: TIME_LIMIT,
            pause: PAUSE,
            leave: Arc::new(|| futures::future::ready(()).boxed()),
        }
    }

    /// The same, asking for leave at the last moment before each request goes out, the first as well as a repetition: a
    /// sender that may have been taken for dead meanwhile must not be heard of again.
    #[must_use]
    pub fn by_leave<F>(self, leave: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self { leave: Arc::new(move || leave().boxed()), ..self }
    }

    /// The same without its pauses.
    #[cfg(test)]
    pub(crate) fn impatient(self) -> Self {
        Self { pause: Duration::from_millis(1), ..self }
    }

    /// Carries a request out.
    pub async fn carry_out(&self, request: &HttpRequest, terms: Terms<'_>) -> Outcome {
        match terms.effect_class {
            EffectClass::Queryable => self.send_or_ask(request, terms).await,
            // Whatever a later release calls it, a request is not known to be free of effects.
            EffectClass::Pure | EffectClass::AtMostOnce => match self.send(request, terms).await {
                Sent::Not(why) if !terms.maybe_done => Outcome::Known(ToolAnswer::failed(why)),
                sent => sent.doubt().map_or_else(Outcome::Unknown, Outcome::Known),
            },
            EffectClass::Idempotent => self.send_until_answered(request, terms).await,
        }
    }

    async fn send_until_answered(&self, request: &HttpRequest, terms: Terms<'_>) -> Outcome {
        let mut maybe_done = terms.maybe_done;
        let mut sends = 0;
        loop {
            sends += 1;
            match self.send(request, terms).await {
                // No time before it can have taken effect.
                Sent::Not(why) if !maybe_done => return Outcome::Known(ToolAnswer::failed(why)),
                sent => match sent.doubt() {
                    Ok(answer) => return Outcome::Known(answer),
                    Err(doubt) if sends == MAX_SENDS => return Outcome::Unknown(doubt),
                    Err(_) => maybe_done = true,
                },
            }
            tokio::time::sleep(self.pause).await;
        }
    }

    async fn send_or_ask(&self, request: &HttpRequest, terms: Terms<'_>) -> Outcome {
        let mut in_doubt = terms.query_first;
        // Nobody has asked what became of it before.
        let mut unasked = terms.maybe_done;
        for _ in 0..MAX_SENDS {
            if in_doubt {
                match self.query(terms).await {
                    Found::Outcome(answer) => return Outcome::Known(answer),
                    Found::Nothing => unasked = false,
                    Found::Unclear(why) => return unclear(&why),
                }
            }
            match self.send(request, terms).await {
                Sent::Answered(answer) => return Outcome::Known(answer),
                Sent::Not(why) if unasked => {
                    return Outcome::Unknown(Doubt::new(DoubtCause::NotSentAgain, &why));
                }
                // The server said of every time before that it had no effect.
                Sent::Not(why) => return Outcome::Known(ToolAnswer::failed(why)),
                Sent::InDoubt(_) => in_doubt = true,
            }
            // What was under way when the connection broke gets a moment to arrive.
            tokio::time::sleep(self.pause).await;
        }
        match self.query(terms).await {
            Found::Outcome(answer) => Outcome::Known(answer),
            Found::Nothing => {
                let why = format!("sent {MAX_SENDS} times without an answer");
                Outcome::Unknown(Doubt::new(DoubtCause::AnswerLost, &why))
            }
            Found::Unclear(why) => unclear(&why),
        }
    }

    async fn send(&self, request: &HttpRequest, terms: Terms<'_>) -> Sent {
        if let Err(why) = check_host(&request.url, terms.grant) {
            return Sent::Not(why);
        }
        if let Err(refused) = self.egress.check(&request.url).await {
            return Sent::Not(format!("{refused}."));
        }
        let method = match request.method {
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut sending = self
            .egress
            .client()
            .request(method, request.url.clone())
            .header(ACCEPT, "application/json, text/*;q=0.9, */*;q=0.1")
            .header(IDEMPOTENCY_KEY, terms.key);
        if let Some(content_type) = &request.content_type {
            sending = sending.header(CONTENT_TYPE, content_type);
        }
        if let Some(body) = &request.body {
            sending = sending.body(body.clone());
        }
        (self.leave)().await;
        let answered = async {
            let response = sending.send().await?;
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let location = location.map(str::to_owned);
            Ok::<_, reqwest::Error>((read(response).await?, location))
        };
        match tokio::time::timeout(self.time_limit, answered).await {
            Ok(Ok((answer, location))) => Sent::Answered(told_of(request, &answer, location)),
            Ok(Err(error)) if error.is_connect() || error.is_builder() => {
                Sent::Not(format!("The request was not sent: {}.", told(&error)))
            }
            Ok(Err(error)) => Sent::InDoubt(Doubt::new(DoubtCause::AnswerLost, &told(&error))),
            Err(_) => {
                let why = format!("no whole answer within {} s", self.time_limit.as_secs());
                Sent::InDoubt(Doubt::new(DoubtCause::TimedOut, &why))
            }
        }
    }

    /// Asks what became of a request.
    async fn query(&self, terms: Terms<'_>) -> Found {
        let url = match check_url(&terms.grant.query_url.replace("{key}", terms.key)) {
            Ok(url) => url,
            Err(why) => return Found::Unclear(format!("query_{why}")),
        };
        match tokio::time::timeout(self.time_limit, self.ask(&url, terms.grant)).await {
            Ok(Ok(answer)) if answer.status.is_success() => Found::Outcome(told_of_outcome(&url, &answer)),
            Ok(Ok(answer)) if answer.status == reqwest::StatusCode::NOT_FOUND => Found::Nothing,
            Ok(Ok(answer)) => Found::Unclear(format!("{url} answers {}", line(answer.status))),
            Ok(Err(why)) => Found::Unclear(why),
            Err(_) => Found::Unclear(format!("{url} does not answer")),
        }
    }

    async fn ask(&self, url: &Url, grant: &ToolGrant) -> Result<Answer, String> {
        check_host(url, grant)?;
        self.egress.check(url).await.map_err(|refused| refused.to_string())?;
        let response = self.egress.client().get(url.clone()).send().await.map_err(|error| told(&error))?;
        read(response).await.map_err(|error| told(&error))
    }
}

fn unclear(why: &str) -> Outcome {
    Outcome::Unknown(Doubt::new(DoubtCause::QueryUnclear, why))
}

/// The answer as the model reads it. A redirect is an answer like any other: it is not followed.
fn told_of(request: &HttpRequest, answer: &Answer, location: Option<String>) -> ToolAnswer {
    let location = location.map(|location| format!("\nlocation: {location}")).unwrap_or_default();
    let head =
        format!("{}, {}, {} {}", line(answer.status), answer.kind, request.method.as_str(), request.url);
    let content = match &answer.text {
        Some(text) => format!("{head}{location}\n\n{text}"),
        None => format!("{head}{location}\n\n[the body is no text, so it was not read]"),
    };
    let is_error = answer.status.is_client_error() || answer.status.is_server_error();
    if is_error { ToolAnswer::failed(content) } else { ToolAnswer::said(content) }
}

fn told_of_outcome(url: &Url, answer: &Answer) -> ToolAnswer {
    let text = answer.text.as_deref().unwrap_or("[no text, so it was not read]");
    ToolAnswer::said(format!(
        "The answer to the request got lost. {url} says that it was carried out, {}, {}:\n\n{text}",
        line(answer.status),
        answer.kind
    ))
}

#[cfg(test)]
#[path = "http_request_tests.rs"]
mod tests;
