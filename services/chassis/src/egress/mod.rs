//! The one guard on outbound HTTP to addresses that a user, a model or a web page has named (server-side request forgery).
//!
//! Every address is judged where it is resolved, and the connection goes to exactly the addresses that passed, so a name that
//! changes its mind between check and connect gains nothing. Addresses written in URLs, which no resolver sees, are judged
//! before each hop. Nothing is taken from the environment (no proxy), and redirects are followed by [`Egress::fetch`] alone.

mod address;
mod fetch;
mod policy;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

pub use fetch::{FetchError, Fetched, Limits, read_body, refusal};
pub use policy::{EgressPolicy, InvalidRule, Rule};

/// The setting under which a deployment lists what outbound requests may reach besides public addresses.
pub const SETTING: &str = "MC_EGRESS_ALLOW";
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where requests to refused URLs are sent: a proxy that the resolver refuses to know.
const NOWHERE: &str = "refused.invalid";

/// Outbound HTTP under a policy. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Egress {
    policy: Arc<EgressPolicy>,
    client: reqwest::Client,
}

/// Why a request is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Only http and https.
    #[error("{0}: URLs are refused: only http and https are allowed")]
    Scheme(String),
    /// `https://user:password@host/`.
    #[error("a URL with a user name or password is refused: send credentials in a header")]
    Userinfo,
    /// No host, or port 0.
    #[error("a URL without a host or with port 0 is refused")]
    Host,
    /// The host is, or resolves only to, addresses that are not public.
    #[error("{host} is refused: {address} is {kind}; the operator can allow it with {SETTING}={allow}")]
    Address {
        /// The host of the URL.
        host: String,
        /// An address of it.
        address: IpAddr,
        /// What is wrong with it: "a loopback address".
        kind: &'static str,
        /// What to put into the setting.
        allow: String,
    },
    /// The policy names the host, with other ports.
    #[error("{host} is refused on port {port}: {SETTING} allows it on other ports only; add {host}:{port}")]
    Port {
        /// The host of the URL.
        host: String,
        /// The port of the URL.
        port: u16,
    },
    /// Said by [`Egress::client`] of a URL that [`Egress::check`] refuses, which says why.
    #[error("the URL is refused by the egress policy")]
    Url,
    /// The name has no address.
    #[error("{0} cannot be resolved")]
    Unresolved(String),
}

impl Egress {
    /// A client that keeps to the policy. Needs [`crate::install_crypto`] to have been called.
    pub fn new(policy: EgressPolicy) -> Result<Self, reqwest::Error> {
        let policy = Arc::new(policy);
        let judge = policy.clone();
        let guard = reqwest::Proxy::custom(move |url| {
            examine(&judge, url).err().map(|_| format!("http://{NOWHERE}"))
        });
        let client = reqwest::Client::builder()
            // First without any, so that none comes from the environment; then the one that goes nowhere.
            .no_proxy()
            .proxy(guard)
            .dns_resolver(Arc::new(Resolver(policy.clone())))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .build()?;
        Ok(Self { policy, client })
    }

    /// A client that cannot reach what the policy refuses, whatever URL it is given. It follows no redirects and has no limit
    /// on time or size: set a timeout, and read bodies with [`read_body`]. [`Egress::check`] first, for an error that says why.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// Judges a URL as a request to it would be: what it says, and the addresses that its host has now.
    pub async fn check(&self, url: &Url) -> Result<(), Refused> {
        examine(&self.policy, url)?;
        match url.host() {
            Some(Host::Domain(name)) => resolve(&self.policy, name).await.map(drop),
            _ => Ok(()),
        }
    }
}

/// Judges what a URL says by itself: scheme, credentials, port, and the address if it holds one.
fn examine(policy: &EgressPolicy, url: &Url) -> Result<(), Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme(url.scheme().to_owned()));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Userinfo);
    }
    let (Some(host), Some(port @ 1..)) = (url.host(), url.port_or_known_default()) else {
        return Err(Refused::Host);
    };
    let address: IpAddr = match host {
        Host::Domain(name) if policy.names_on_other_ports(name, port) => {
            return Err(Refused::Port { host: policy::plain(name), port });
        }
        Host::Domain(_) => return Ok(()),
        Host::Ipv4(address) => address.into(),
        Host::Ipv6(address) => address.into(),
    };
    match address::not_public(address) {
        Some(kind) if !policy.allows_address(address, Some(port)) => {
            let allow = SocketAddr::new(address, port).to_string();
            Err(Refused::Address { host: address.to_string(), address, kind: kind.says(), allow })
        }
        _ => Ok(()),
    }
}

/// The addresses of a name that the policy lets through.
async fn resolve(policy: &EgressPolicy, name: &str) -> Result<Vec<SocketAddr>, Refused> {
    if name == NOWHERE {
        return Err(Refused::Url);
    }
    let unresolved = || Refused::Unresolved(name.to_owned());
    let lookup = tokio::time::timeout(RESOLVE_TIMEOUT, tokio::net::lookup_host((name, 0)));
    let found: Vec<SocketAddr> = lookup.await.map_err(|_| unresolved())?.map_err(|_| unresolved())?.collect();
    let mut passed = Vec::with_capacity(found.len());
    let mut refused = unresolved();
    for address in found {
        match address::not_public(address.ip()) {
            Some(kind) if !policy.allows_resolved(name, address.ip(), kind) => {
                refused = Refused::Address {
                    host: name.to_owned(),
                    address: address.ip(),
                    kind: kind.says(),
                    allow: if kind.may_be_named() { policy::plain(name) } else { address.ip().to_string() },
                };
            }
            _ => passed.push(address),
        }
    }
    if passed.is_empty() { Err(refused) } else { Ok(passed) }
}

/// The resolver of the guarded client: what it does not return is not connected to.
struct Resolver(Arc<EgressPolicy>);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let policy = self.0.clone();
        Box::pin(async move {
            let passed = resolve(&policy, name.as_str()).await?;
            Ok(Box::new(passed.into_iter()) as Addrs)
        })
    }
}
