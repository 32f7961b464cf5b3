//! `http_fetch`: one GET of a text resource, only to hosts that the agent was granted, redirects included.

use std::time::Duration;

use mc_chassis::egress::Egress;
use reqwest::Response;
use reqwest::header::{ACCEPT, LOCATION};
use url::Url;

use super::ToolAnswer;
use super::http::{check_host, line, read, told};
use crate::domain::arguments::check_url;
use crate::domain::brief::ToolGrant;

/// Time for the whole of a fetch, redirects included.
pub const TIME_LIMIT: Duration = Duration::from_secs(30);
/// Redirects that are followed.
pub const MAX_REDIRECTS: usize = 5;

/// Fetches text from the outside.
#[derive(Debug, Clone)]
pub struct HttpFetch {
    egress: Egress,
    time_limit: Duration,
}

impl HttpFetch {
    /// Fetches only what the deployment's policy lets out; each agent's granted hosts narrow that further.
    pub fn new(egress: Egress) -> Self {
        Self { egress, time_limit: TIME_LIMIT }
    }

    /// Fetches a page; whatever goes wrong on the way is an answer too.
    pub async fn fetch(&self, url: &Url, grant: &ToolGrant) -> ToolAnswer {
        match tokio::time::timeout(self.time_limit, self.follow(url, grant)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(why)) => ToolAnswer::failed(why),
            Err(_) => ToolAnswer::failed(format!("No whole answer within {} s.", self.time_limit.as_secs())),
        }
    }

    async fn follow(&self, url: &Url, grant: &ToolGrant) -> Result<ToolAnswer, String> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            check_host(&url, grant)?;
            self.egress.check(&url).await.map_err(|refused| format!("{refused}."))?;
            let request = self
                .egress
                .client()
                .get(url.clone())
                .header(ACCEPT, "text/*, application/json;q=0.9, */*;q=0.1");
            let response = request.send().await.map_err(|error| failed(&error))?;
            match redirect(&response)? {
                Some(target) => url = target,
                None => return read_page(url, response).await,
            }
        }
        Err(format!("Redirected more than {MAX_REDIRECTS} times; the last address was {url}."))
    }
}

/// Where a redirect leads; none if it is no redirect.
fn redirect(response: &Response) -> Result<Option<Url>, String> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let target = location
        .to_str()
        .ok()
        .and_then(|location| response.url().join(location).ok())
        .ok_or("The server redirects to something that is no address.")?;
    if response.url().scheme() == "https" && target.scheme() == "http" {
        return Err(format!("The server redirects from https to {target}, which is not followed."));
    }
    check_url(target.as_str())
        .map(Some)
        .map_err(|why| format!("The server redirects to a bad address: {why}."))
}

async fn read_page(url: Url, response: Response) -> Result<ToolAnswer, String> {
    let answer = read(response).await.map_err(|error| failed(&error))?;
    let (line, kind) = (line(answer.status), answer.kind);
    let Some(text) = answer.text else {
        return Err(format!("{line}, {kind}, {url}: this is no text, so it was not read."));
    };
    let content = format!("{line}, {kind}, {url}\n\n{text}");
    Ok(if answer.status.is_success() { ToolAnswer::said(content) } else { ToolAnswer::failed(content) })
}

fn failed(error: &reqwest::Error) -> String {
    format!("The fetch failed: {}.", told(error))
}

#[cfg(test)]
#[path = "http_fetch_tests.rs"]
mod tests;
