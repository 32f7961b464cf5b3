//! Where a service is, and how its name becomes addresses.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use futures::future::BoxFuture;
use http::Uri;

use crate::server::MemoryLink;

/// Turns a service's name into the addresses of its replicas.
pub type Resolver = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// Where a service is.
#[derive(Clone)]
pub enum Target {
    /// `http://host:port` or `https://host:port`; a name is resolved again and again, and every address is used.
    Url(Uri),
    /// `http` to whatever addresses the resolver gives.
    Resolved(Resolver),
    /// A Unix socket.
    Unix(PathBuf),
    /// The same process.
    Memory(MemoryLink),
}

/// One replica, as far as a client can tell.
#[derive(Debug, Clone)]
pub enum Address {
    /// A socket address.
    Socket(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
    /// The same process.
    Memory(MemoryLink),
}

impl Target {
    /// The addresses behind it now.
    pub(super) async fn resolve(&self) -> io::Result<Vec<Address>> {
        match self {
            Self::Url(uri) => {
                let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
                let found = tokio::net::lookup_host((host, port(uri))).await?;
                Ok(found.map(Address::Socket).collect())
            }
            Self::Resolved(resolver) => Ok(resolver().await?.into_iter().map(Address::Socket).collect()),
            Self::Unix(path) => Ok(vec![Address::Unix(path.clone())]),
            Self::Memory(link) => Ok(vec![Address::Memory(link.clone())]),
        }
    }

    /// True if its addresses never change.
    pub(super) fn is_fixed(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Memory(_))
    }

    /// The host name that a TLS connection must prove; absent for plain connections.
    pub(super) fn tls_host(&self) -> Option<&str> {
        match self {
            Self::Url(uri) if uri.scheme() == Some(&http::uri::Scheme::HTTPS) => uri.host(),
            _ => None,
        }
    }

    /// Scheme and authority of requests.
    pub(super) fn origin(&self) -> (http::uri::Scheme, http::uri::Authority) {
        match self {
            Self::Url(uri) => (
                uri.scheme().cloned().unwrap_or(http::uri::Scheme::HTTP),
                uri.authority().cloned().unwrap_or_else(|| http::uri::Authority::from_static("localhost")),
            ),
            _ => (http::uri::Scheme::HTTP, http::uri::Authority::from_static("localhost")),
        }
    }
}

fn port(uri: &Uri) -> u16 {
    let default = if uri.scheme() == Some(&http::uri::Scheme::HTTPS) { 443 } else { 80 };
    uri.port_u16().unwrap_or(default)
}

/// Replicas that are listed instead of found behind one name: `http://host:port,http://host:port`.
fn several(text: &str) -> Result<Target, String> {
    let parts: Vec<Target> = text.split(',').map(str::parse).collect::<Result<_, _>>()?;
    if parts
        .iter()
        .any(|part| !matches!(part, Target::Url(uri) if uri.scheme() == Some(&http::uri::Scheme::HTTP)))
    {
        return Err(format!("`{text}` must list http:// URLs only: TLS proves one name"));
    }
    let parts = Arc::new(parts);
    Ok(Target::Resolved(Arc::new(move || {
        let parts = parts.clone();
        Box::pin(async move {
            let mut addresses = Vec::new();
            for part in parts.iter() {
                addresses.extend(part.resolve().await?.into_iter().filter_map(|address| match address {
                    Address::Socket(address) => Some(address),
                    Address::Unix(_) | Address::Memory(_) => None,
                }));
            }
            Ok(addresses)
        })
    })))
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(format!("`{text}` must name an absolute path: unix:///run/service.sock"))
            };
        }
        if text.contains(',') {
            return several(text);
        }
        let uri: Uri = text.parse().map_err(|error| format!("`{text}` is no URL: {error}"))?;
        let plain = matches!(uri.scheme_str(), Some("http" | "https"));
        let bare = uri.path_and_query().is_none_or(|rest| rest == "/")
            && uri.host().is_some_and(|host| !host.is_empty());
        if plain && bare {
            Ok(Self::Url(uri))
        } else {
            Err(format!("`{text}` must be http://host:port, https://host:port or unix:///path"))
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(uri) => write!(f, "{}", uri.to_string().trim_end_matches('/')),
            Self::Resolved(_) => f.write_str("resolver"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Socket(one), Self::Socket(other)) => one == other,
            (Self::Unix(one), Self::Unix(other)) => one == other,
            // A target has one link at most.
            (Self::Memory(_), Self::Memory(_)) => true,
            _ => false,
        }
    }
}

impl Eq for Address {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_targets_are_read_and_bad_ones_say_what_is_right() {
        for good in [
            "http://tasks:8080",
            "https://tasks-abc.a.run.app",
            "http://[::1]:80",
            "unix:///run/mc/tasks.sock",
        ] {
            assert_eq!(good.parse::<Target>().expect(good).to_string(), good);
        }
        for bad in
            ["", "tasks:8080", "ftp://tasks", "http://tasks/path", "http://", "unix:relative", "http://a b"]
        {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn listed_replicas_are_all_addresses() {
        let target: Target = "http://127.0.0.1:7101,http://127.0.0.1:7102".parse().expect("targets");
        let addresses = target.resolve().await.expect("resolve");
        let wanted =
            ["127.0.0.1:7101", "127.0.0.1:7102"].map(|text| Address::Socket(text.parse().expect("address")));
        assert_eq!(addresses, wanted);
        assert!("http://a:1,unix:///b".parse::<Target>().is_err());
    }

    #[tokio::test]
    async fn literal_addresses_need_no_name_server() {
        let target: Target = "http://[::1]:5000".parse().expect("target");
        let addresses = target.resolve().await.expect("resolve");
        assert_eq!(addresses, [Address::Socket("[::1]:5000".parse().expect("address"))]);
    }
}
