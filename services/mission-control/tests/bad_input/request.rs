//! A request that an attempt consists of, and the answer to it, held to what every refusal must be.

use mc_gateway::problem::Problem;
use serde_json::Value;

/// An HTTP request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: http::Method,
    /// Encoded, without query.
    pub(crate) path: String,
    /// Names and values, not encoded.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Body,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    None,
    Json(Value),
    /// Bytes that are sent as JSON, whatever they are.
    Raw(Vec<u8>),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Empty for a success.
    pub(crate) reason: String,
    /// Fields that the problem names.
    pub(crate) fields: Vec<String>,
}

impl Request {
    /// With a bearer in place of the one it has.
    pub(crate) fn bearer(mut self, bearer: Option<&str>) -> Self {
        self.headers.retain(|(name, _)| *name != "authorization");
        self.headers.extend(bearer.map(|bearer| ("authorization", format!("Bearer {bearer}"))));
        self
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// With another body.
    pub(crate) fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }

    /// With a query parameter in place of the one it may have.
    pub(crate) fn query(mut self, name: &str, value: impl Into<String>) -> Self {
        self.query.retain(|(known, _)| known != name);
        self.query.push((name.to_owned(), value.into()));
        self
    }

    /// Sends it and holds the answer to the form that every answer has; the error says what is wrong with the form.
    pub(crate) async fn send(self, http: &reqwest::Client, address: &str) -> Result<Answer, String> {
        let mut url = url::Url::parse(&format!("http://{address}")).expect("an address");
        // Taken as it is: a path that is encoded badly is one of the attempts.
        let target = format!("http://{address}{}", self.path);
        url.set_query(None);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut request = http.request(self.method, format!("{target}{query}"));
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let bytes = match self.body {
            Body::None => None,
            Body::Json(json) => Some(json.to_string().into_bytes()),
            Body::Raw(bytes) => Some(bytes),
        };
        if let Some(bytes) = bytes {
            if !self.headers.iter().any(|(name, _)| *name == "content-type") {
                request = request.header("content-type", "application/json");
            }
            request = request.body(bytes);
        }
        let response = request.send().await.map_err(|error| format!("no answer: {error:?}"))?;
        read(response).await
    }
}

async fn read(response: reqwest::Response) -> Result<Answer, String> {
    let status = response.status().as_u16();
    if status < 400 {
        // A stream would go on: its head is the answer.
        return Ok(Answer { status, reason: String::new(), fields: Vec::new() });
    }
    let headers = response.headers().clone();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = response.text().await.map_err(|error| format!("{status}, then {error}"))?;
    let problem: Problem = serde_json::from_str(&text)
        .map_err(|error| format!("{status} is no problem ({error}): {text:.300}"))?;
    let said = || format!("{status}: {text:.600}");
    let rules = [
        ("has the type of problems", header("content-type") == "application/problem+json"),
        ("says its status", problem.status == status),
        ("is named by its reason", problem.kind == format!("urn:missioncontrol:problem:{}", problem.reason)),
        ("has a reason of capitals", is_reason(&problem.reason)),
        ("says what happened", problem.detail.chars().count() > 3),
        ("is short", text.len() <= 16 * 1024),
        (
            "carries the request's id",
            problem.instance == header("x-request-id") && !problem.instance.is_empty(),
        ),
        ("names the field", problem.reason != "INVALID_FIELD" || !problem.violations.is_empty()),
        (
            "describes every field",
            problem.violations.iter().all(|it| !it.field.is_empty() && it.description.len() > 3),
        ),
        ("is kept by no cache", header("cache-control") == "no-store"),
        ("challenges", (status == 401) == headers.contains_key("www-authenticate")),
        ("says when to come back", status != 503 || headers.contains_key("retry-after")),
        ("says what is allowed", status != 405 || headers.contains_key("allow")),
        ("tells nothing of the inside", !tells_of_the_inside(&text)),
    ];
    if let Some((rule, _)) = rules.into_iter().find(|(_, holds)| !holds) {
        return Err(format!("an answer that {rule} was expected, not {}", said()));
    }
    let fields = problem.violations.into_iter().map(|violation| violation.field).collect();
    Ok(Answer { status, reason: problem.reason, fields })
}

fn is_reason(text: &str) -> bool {
    text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// Words of code, of the database and of the machine that no client should read.
fn tells_of_the_inside(text: &str) -> bool {
    ["sqlx", "postgres", "SELECT ", "panicked", "src/", ".rs:", "tonic", "prost"]
        .iter()
        .any(|word| text.contains(word))
}
