//! Addresses of gateways, and which paths the web view may ask for there.

use std::fmt;

use url::{Host, Position, Url};

use crate::error::Error;

/// Where a gateway is on a machine that runs Mission Control itself.
pub const LOCAL: &str = "http://127.0.0.1:8080";

/// Origin of a gateway: https, or http on this machine alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    url: Url,
    /// Without a slash at its end.
    text: String,
}

impl Address {
    /// Reads an origin such as `https://mc.example`; a slash at its end is fine.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let url = Url::parse(text.trim())
            .map_err(|_| Error::invalid("gateway", "must be an address such as https://mc.example"))?;
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" if url.host().is_some() => {}
            "http" if local => {}
            "http" => {
                let what =
                    "must begin with https://: http is for this computer alone, or the session could be read";
                return Err(Error::invalid("gateway", what));
            }
            _ => return Err(Error::invalid("gateway", "must begin with https://, as in https://mc.example")),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Error::invalid("gateway", "must not hold a name or a password"));
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(Error::invalid(
                "gateway",
                "must end after the host and port, as in https://mc.example",
            ));
        }
        let text = url[..Position::BeforePath].to_owned();
        Ok(Self { url, text })
    }

    /// The origin without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The address of a call that the web view asks for: a path under `/v1/` in its plain form, and neither a sign-in
    /// call (whose answers hold tokens) nor a stream (which has no end).
    pub fn call(&self, path: &str) -> Result<Url, Error> {
        let url = self.resolve(path)?;
        let first = url.path().split('/').nth(2).unwrap_or_default();
        if first.contains('%') || first == "auth" || first.starts_with("auth:") || first == "ws" {
            return Err(Error::invalid("path", "must not be one of /v1/auth or /v1/ws: those hold tokens"));
        }
        if url.path().ends_with(":watch") {
            return Err(Error::invalid("path", "must not be a stream: watch its topic instead"));
        }
        Ok(url)
    }

    /// The address of any path under `/v1/`, for calls of our own.
    pub fn resolve(&self, path: &str) -> Result<Url, Error> {
        let refused = || Error::invalid("path", "must be a plain path under /v1/ of the gateway");
        if !path.starts_with("/v1/") || path.contains('#') {
            return Err(refused());
        }
        let url = self.url.join(path).map_err(|_| refused())?;
        // Whatever reads differently once it is read by the rules of URLs (.., %2e, \, control characters) is refused.
        let plain = path.split('?').next().unwrap_or_default();
        if url.origin() != self.url.origin() || url.path() != plain {
            return Err(refused());
        }
        Ok(url)
    }

    /// True when the gateway is on this machine: no proxy stands between.
    pub fn is_local(&self) -> bool {
        self.url.scheme() == "http"
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_anywhere_and_http_on_this_machine_are_gateways() {
        for (text, address) in [
            (LOCAL, LOCAL),
            (" http://localhost:9/ ", "http://localhost:9"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("https://MC.example:443/", "https://mc.example"),
        ] {
            assert_eq!(Address::parse(text).expect(text).as_str(), address);
        }
    }

    #[test]
    fn other_addresses_are_refused_by_the_field() {
        for text in [
            "",
            "mc.example",
            "http://mc.example",
            "http://127.0.0.1.mc.example",
            "http://10.0.0.1:8080",
            "http://localhost.mc.example",
            "https://me:secret@mc.example",
            "https://mc.example/v1",
            "https://mc.example/?x",
            "https://mc.example/#x",
            "ftp://mc.example",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            let error = Address::parse(text).expect_err(text);
            assert_eq!(error.reason(), "INVALID_ARGUMENT", "{text}");
            assert!(error.to_string().starts_with("gateway "), "{error}");
        }
    }

    #[test]
    fn plain_paths_of_the_contract_are_called() {
        let gateway = Address::parse("https://mc.example").expect("address");
        for path in [
            "/v1/me",
            "/v1/workspaces/w/tasks?pageSize=50&filter=state%3DOPEN",
            "/v1/workspaces/w/tasks?filter=it's",
            "/v1/workspaces/w/tasks/t:start",
            "/v1/workspaces/a%2Fb",
        ] {
            let url = gateway.call(path).expect(path);
            assert!(url.as_str().starts_with("https://mc.example/v1/"), "{url}");
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        let gateway = Address::parse("https://mc.example").expect("address");
        for path in [
            "",
            "v1/me",
            "/",
            "/v2/me",
            "/v1",
            "//evil.example/v1/me",
            "https://evil.example/v1/me",
            "/v1/../admin",
            "/v1/%2e%2e/admin",
            "/v1/.%2E/admin",
            "/v1/..\\admin",
            "/v1/\\evil.example",
            "/v1/./me",
            "/v1/m\ne",
            "/v1/m\te",
            "/v1/me#x",
            "/v1/me?x#y",
            "/v1/a b",
        ] {
            assert!(gateway.resolve(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn calls_whose_answers_hold_tokens_are_not_for_the_web_view() {
        let gateway = Address::parse("https://mc.example").expect("address");
        for path in [
            "/v1/auth:signIn",
            "/v1/auth:refresh",
            "/v1/auth:exchange",
            "/v1/auth",
            "/v1/auth/x",
            "/v1/%61uth:signIn",
            "/v1/auth%3AsignIn",
            "/v1/ws",
            "/v1/ws?x",
            "/v1/workspaces/w/runs/r:watch?afterSeq=1",
        ] {
            assert!(gateway.call(path).is_err(), "{path}");
        }
    }
}
