//! What the servers behind `http_request` promise, and the address at which they can be asked what became of a request.

use url::Url;

use super::tools::{Effect, HTTP_REQUEST, ToolGrant};
use mc_chassis::error::Violations;

/// Characters of an address.
pub(crate) const MAX_URL: usize = 2_048;
/// Where the idempotency key goes.
const KEY: &str = "{key}";

/// Holds a grant's `effect` and `query_url` to their rules, under `path`.
pub(super) fn check(path: &str, grant: &ToolGrant, violations: &mut Violations) {
    let (effect, query_url) = (format!("{path}.effect"), format!("{path}.query_url"));
    if grant.effect.is_some() && grant.tool != HTTP_REQUEST {
        violations.add(effect, format!("only {HTTP_REQUEST} takes one; other tools have theirs"));
    } else if grant.effect == Some(Effect::Unknown) {
        violations.add(
            effect,
            "must be REQUEST_EFFECT_AT_MOST_ONCE, REQUEST_EFFECT_IDEMPOTENT or REQUEST_EFFECT_QUERYABLE",
        );
    }
    let is_queryable = grant.tool == HTTP_REQUEST && grant.effect == Some(Effect::Queryable);
    match (is_queryable, grant.query_url.is_empty()) {
        (false, true) => {}
        (false, false) => {
            violations.add(query_url, format!("only {HTTP_REQUEST} with REQUEST_EFFECT_QUERYABLE takes one"));
        }
        (true, true) => violations.add(query_url, "is required with REQUEST_EFFECT_QUERYABLE"),
        (true, false) => {
            if let Err(why) = check_url(&grant.query_url, &grant.allowed_hosts) {
                violations.add(query_url, why);
            }
        }
    }
}

fn check_url(text: &str, allowed_hosts: &[String]) -> Result<(), String> {
    let form = "must be an http or https address such as https://api.example.com/orders/{key}";
    if text.chars().count() > MAX_URL {
        return Err(format!("must be at most {MAX_URL} characters"));
    }
    if text.chars().any(|it| it.is_control() || it.is_whitespace()) {
        return Err(format!("{form}, without blanks or control characters"));
    }
    if text.matches(KEY).count() != 1 {
        return Err(format!("must hold {KEY} once, where the idempotency key goes"));
    }
    let url = Url::parse(text).map_err(|why| format!("{form}: {why}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(form.to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user name or a password".to_owned());
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment: it is never sent".to_owned());
    }
    let host = url.host_str().unwrap_or_default();
    if host.contains(KEY) {
        return Err(format!("must hold {KEY} in its path or query, not in its host"));
    }
    if allowed_hosts.iter().any(|pattern| allows(pattern, host)) {
        return Ok(());
    }
    Err(format!("must be on one of allowed_hosts; {host} is not"))
}

/// Whether a host is the one of a pattern, or below its domain.
fn allows(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match pattern.strip_prefix("*.") {
        Some(domain) => {
            host.strip_suffix(domain).is_some_and(|below| below.len() > 1 && below.ends_with('.'))
        }
        None => host == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(effect: Option<Effect>, query_url: &str) -> ToolGrant {
        ToolGrant {
            tool: HTTP_REQUEST.into(),
            allowed_hosts: vec!["api.example.com".into(), "*.example.org".into(), "127.0.0.1".into()],
            effect,
            query_url: query_url.into(),
            ..ToolGrant::default()
        }
    }

    fn broken(grant: &ToolGrant) -> Vec<String> {
        let mut violations = Violations::default();
        check("tools[0]", grant, &mut violations);
        violations.into_result().err().unwrap_or_default().into_iter().map(|it| it.field).collect()
    }

    #[test]
    fn effect_is_for_http_request_alone() {
        for effect in [None, Some(Effect::AtMostOnce), Some(Effect::Idempotent)] {
            assert!(broken(&grant(effect, "")).is_empty(), "{effect:?}");
        }
        assert_eq!(broken(&grant(Some(Effect::Unknown), "")), ["tools[0].effect"]);
        for effect in [Effect::AtMostOnce, Effect::Idempotent, Effect::Queryable, Effect::Unknown] {
            let fetch = ToolGrant { tool: "http_fetch".into(), ..grant(Some(effect), "") };
            assert_eq!(broken(&fetch), ["tools[0].effect"], "{effect:?}");
        }
    }

    #[test]
    fn query_url_goes_with_queryable_and_with_nothing_else() {
        let url = "https://api.example.com/orders/{key}";
        assert!(broken(&grant(Some(Effect::Queryable), url)).is_empty());
        assert_eq!(broken(&grant(Some(Effect::Queryable), "")), ["tools[0].query_url"]);
        for effect in [None, Some(Effect::AtMostOnce), Some(Effect::Idempotent)] {
            assert_eq!(broken(&grant(effect, url)), ["tools[0].query_url"], "{effect:?}");
        }
        let both = ToolGrant { tool: "ask_human".into(), ..grant(Some(Effect::Queryable), url) };
        assert_eq!(broken(&both), ["tools[0].effect", "tools[0].query_url"]);
    }

    #[test]
    fn query_url_is_an_address_on_an_allowed_host_with_one_key() {
        let longest = format!("https://api.example.com/{{key}}/{}", "a".repeat(MAX_URL - 30));
        assert_eq!(longest.len(), MAX_URL);
        for good in [
            "https://api.example.com/orders/{key}",
            "https://API.example.com/orders?key={key}&full=1",
            "http://127.0.0.1:8080/{key}",
            "https://a.b.example.org/key/{key}",
            &longest,
        ] {
            assert!(broken(&grant(Some(Effect::Queryable), good)).is_empty(), "{good}");
        }
        for bad in [
            "orders/{key}",
            "ftp://api.example.com/{key}",
            "https://api.example.com/orders",
            "https://api.example.com/{key}/{key}",
            "https://api.example.com/orders#{key}",
            "https://{key}.example.org/orders",
            "https://user@api.example.com/{key}",
            "https://user:password@api.example.com/{key}",
            "https://example.org/{key}",
            "https://api.example.com.evil.net/{key}",
            "https://evil.net/{key}?api.example.com",
            "https://api.example.com/ {key}",
            "https://api.example.com/{key}\0",
            &format!("{longest}a"),
        ] {
            assert_eq!(broken(&grant(Some(Effect::Queryable), bad)), ["tools[0].query_url"], "{bad}");
        }
    }
}
