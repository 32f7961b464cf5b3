//! Which hosts a call reaches, and whether its agent may reach them.

use url::Url;

use super::arguments::Arguments;
use super::brief::AgentSnapshot;
use super::tool::Tool;

/// Hosts that a call reaches, each with its port where that is not the scheme's own.
pub fn hosts(arguments: &Arguments) -> Vec<String> {
    let named = |url: &Url| {
        let host = url.host_str()?;
        Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
    };
    address(arguments).and_then(named).into_iter().collect()
}

/// Whether an agent's grant lets a call reach its host. The error says which hosts it may reach.
pub fn check(agent: &AgentSnapshot, tool: Tool, arguments: &Arguments) -> Result<(), String> {
    let (Some(url), Some(grant)) = (address(arguments), agent.grant(tool)) else { return Ok(()) };
    let host = url.host_str().unwrap_or_default();
    if grant.allows_host(host) {
        return Ok(());
    }
    let hosts = grant.allowed_hosts.join(", ");
    Err(format!("url: you may not reach `{host}`. You may reach: {hosts}"))
}

fn address(arguments: &Arguments) -> Option<&Url> {
    match arguments {
        Arguments::HttpFetch { url } => Some(url),
        Arguments::HttpRequest(request) => Some(&request.url),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::arguments::HttpRequest;

    #[test]
    fn hosts_are_named_as_they_are_parsed_and_with_a_port_of_their_own() {
        for (url, host) in [
            ("https://API.example.com:443/a", "api.example.com"),
            ("http://api.example.com:443/a", "api.example.com:443"),
            ("http://127.1:8080/", "127.0.0.1:8080"),
            ("https://[::1]:9/", "[::1]:9"),
        ] {
            let json = serde_json::json!({"method": "POST", "url": url}).to_string();
            let arguments = Arguments::parse(Tool::HttpRequest, &json).expect(url);
            assert!(matches!(&arguments, Arguments::HttpRequest(HttpRequest { .. })));
            assert_eq!(hosts(&arguments), [host], "{url}");
        }
        let none = Arguments::parse(Tool::ReadArtifact, r#"{"path":"a"}"#).expect("arguments");
        assert!(hosts(&none).is_empty());
    }
}
