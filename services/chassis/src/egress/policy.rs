//! What outbound requests may reach besides public addresses: names, addresses and networks that the operator lists.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::address::Kind;

/// The operator's list. Empty: public addresses only.
///
/// Written as rules with commas between: `localhost:11434, *.svc.cluster.local, 10.0.0.0/8`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EgressPolicy {
    /// What is allowed besides public addresses.
    pub allow_private: Vec<Rule>,
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// `ollama.internal`, `localhost:11434`, `*.svc.cluster.local`: the loopback, private and shared addresses of this name, on
    /// this port. A name that is listed with ports is allowed on those only.
    Name {
        /// In lower case; for `*.x` the part with the dot, `.x`.
        name: String,
        /// All ports, if none.
        port: Option<u16>,
    },
    /// `10.0.0.0/8`, `fd00::/8`, `127.0.0.1`: whatever resolves into this network.
    Network {
        /// Any address of it.
        address: IpAddr,
        /// Leading bits that count.
        prefix: u8,
    },
    /// `127.0.0.1:11434`, `[::1]:8080`: this address written in a URL, on this port.
    Socket {
        /// The address.
        address: IpAddr,
        /// The port.
        port: u16,
    },
}

/// Why an entry is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no egress rule: write a name (ollama.internal, localhost:11434, *.svc.cluster.local), \
     an address (127.0.0.1, 127.0.0.1:11434, [::1]:8080) or a network (10.0.0.0/8)"
)]
pub struct InvalidRule(String);

impl EgressPolicy {
    /// Whether an address written in a URL is allowed.
    pub(super) fn allows_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        self.allow_private.iter().any(|rule| match rule {
            Rule::Network { .. } => rule.contains(address),
            Rule::Socket { address: allowed, port: on } => *allowed == address && Some(*on) == port,
            Rule::Name { .. } => false,
        })
    }

    /// Whether an address that a name resolved to is allowed. The port has been judged with the URL.
    pub(super) fn allows_resolved(&self, name: &str, address: IpAddr, kind: Kind) -> bool {
        self.allows_address(address, None)
            || kind.may_be_named() && self.allow_private.iter().any(|rule| rule.matches(name))
    }

    /// Whether rules name this host, and none of them with this port or with all.
    pub(super) fn names_on_other_ports(&self, name: &str, port: u16) -> bool {
        let mut rules = self.allow_private.iter().filter(|rule| rule.matches(name)).peekable();
        rules.peek().is_some()
            && rules.all(|rule| matches!(rule, Rule::Name { port: Some(other), .. } if *other != port))
    }
}

impl Rule {
    fn matches(&self, host: &str) -> bool {
        let Self::Name { name, .. } = self else { return false };
        let host = plain(host);
        match name.strip_prefix('.') {
            Some(_) => host.len() > name.len() && host.ends_with(name.as_str()),
            None => host == *name,
        }
    }

    fn contains(&self, address: IpAddr) -> bool {
        let Self::Network { address: network, prefix } = self else { return false };
        match (network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(*prefix)
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).leading_zeros() >= u32::from(*prefix)
            }
            _ => false,
        }
    }
}

/// A host name as rules have it: lower case, without the dot that ends a complete name.
pub(super) fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl FromStr for EgressPolicy {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rules = text.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        Ok(Self { allow_private: rules.map(str::parse).collect::<Result<_, _>>()? })
    }
}

impl FromStr for Rule {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidRule(text.to_owned());
        if let Ok(address) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(Self::Network { address, prefix: bits(address) });
        }
        if let Ok(socket) = text.parse::<std::net::SocketAddr>() {
            return Ok(Self::Socket { address: socket.ip(), port: socket.port() });
        }
        if let Some((address, prefix)) = text.split_once('/') {
            let address: IpAddr = address.parse().map_err(|_| invalid())?;
            let prefix = prefix.parse().ok().filter(|prefix| *prefix <= bits(address)).ok_or_else(invalid)?;
            return Ok(Self::Network { address, prefix });
        }
        let (name, port) = match text.split_once(':') {
            Some((name, port)) => {
                (name, Some(port.parse().ok().filter(|port| *port > 0).ok_or_else(invalid)?))
            }
            None => (text, None),
        };
        let name = plain(name);
        let name = name.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(&name).to_owned();
        let label = |label: &str| {
            !label.is_empty()
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        // What could be an address in another spelling (0x7f.1) is no name: its last label starts with a digit.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_name = name.strip_prefix('.').unwrap_or(&name).split('.').all(label);
        if !is_name || last.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(invalid());
        }
        Ok(Self::Name { name, port })
    }
}

fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { name, port } => {
                let star = if name.starts_with('.') { "*" } else { "" };
                write!(f, "{star}{name}")?;
                port.map_or(Ok(()), |port| write!(f, ":{port}"))
            }
            Self::Network { address, prefix } if *prefix == bits(*address) => write!(f, "{address}"),
            Self::Network { address, prefix } => write!(f, "{address}/{prefix}"),
            Self::Socket { address, port } => std::net::SocketAddr::new(*address, *port).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_and_printed() {
        for rule in [
            "localhost:11434",
            "ollama",
            "*.svc.cluster.local",
            "10.0.0.0/8",
            "fd00::/8",
            "127.0.0.1",
            "127.0.0.1:11434",
            "[::1]:8080",
            "::1",
        ] {
            assert_eq!(rule.parse::<Rule>().unwrap().to_string(), rule);
        }
        let policy: EgressPolicy = " Localhost.:80 ,, 10.0.0.0/8,".parse().unwrap();
        assert_eq!(
            policy.allow_private.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["localhost:80", "10.0.0.0/8"]
        );
        for wrong in [
            "*",
            "*x.y",
            "a..b",
            "10.0.0.0/33",
            "10.0.0.0/8:443",
            "host:0",
            "host:70000",
            "http://host",
            "0x7f.1",
            "127.1",
            "2130706433",
            "a/b",
            "u@h",
        ] {
            assert_eq!(wrong.parse::<Rule>(), Err(InvalidRule(wrong.to_owned())), "{wrong}");
        }
    }

    #[test]
    fn star_covers_what_is_under_a_name_and_not_the_name() {
        let rule: Rule = "*.internal".parse().unwrap();
        assert!(rule.matches("a.internal") && rule.matches("a.b.INTERNAL."));
        assert!(
            !rule.matches("internal") && !rule.matches("evilinternal") && !rule.matches("a.internal.evil")
        );
    }

    #[test]
    fn networks_end_where_their_prefix_says() {
        let rule: Rule = "10.1.0.0/16".parse().unwrap();
        assert!(
            rule.contains("10.1.255.255".parse().unwrap()) && !rule.contains("10.2.0.0".parse().unwrap())
        );
        let everything: Rule = "0.0.0.0/0".parse().unwrap();
        assert!(
            everything.contains("255.1.2.3".parse().unwrap()) && !everything.contains("::1".parse().unwrap())
        );
    }
}
