//! What a gRPC server listens on and how much it takes.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::{Invalid, Validate, defaults, parse_duration};

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `127.0.0.1:7101`; port 0 takes a free one.
    Tcp(SocketAddr),
    /// `unix:/path`; only this user may connect.
    Unix(PathBuf),
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.starts_with('/') {
                Ok(Self::Unix(path.into()))
            } else {
                Err(format!("`{text}` must hold an absolute path, as in unix:/run/mc/tasks.sock"))
            };
        }
        text.parse()
            .map(Self::Tcp)
            .map_err(|_| format!("`{text}` must be address:port, as in 127.0.0.1:7101, or unix:/path"))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How a gRPC server listens, what it takes, and how it drains.
#[derive(Debug, Clone, clap::Args)]
pub struct ServerSettings {
    /// Where to listen: `address:port` or `unix:/path`, several with commas.
    #[arg(long, env = "MC_LISTEN", value_delimiter = ',')]
    pub listen: Vec<ListenAddress>,
    /// Port on all addresses, as Cloud Run says it; only where MC_LISTEN is not set.
    #[arg(long, env = "PORT")]
    pub port: Option<u16>,
    /// Streams (calls in progress) that one connection may have.
    #[arg(long, env = "MC_MAX_CONCURRENT_STREAMS", default_value_t = 200)]
    pub max_concurrent_streams: u32,
    /// Calls in progress, counted until the head of their reply; one more is refused with OVERLOADED.
    #[arg(long, env = "MC_MAX_CALLS", default_value_t = 1_024)]
    pub max_calls: usize,
    /// Streaming replies that are open; one more is refused with OVERLOADED.
    #[arg(long, env = "MC_MAX_OPEN_STREAMS", default_value_t = 10_000)]
    pub max_open_streams: usize,
    /// Deadline of a unary call whose caller sets none.
    #[arg(long, env = "MC_CALL_DEADLINE", default_value = "30s", value_parser = parse_duration)]
    pub call_deadline: Duration,
    /// A silent connection is pinged after this.
    #[arg(long, env = "MC_KEEPALIVE_INTERVAL", default_value = "20s", value_parser = parse_duration)]
    pub keepalive_interval: Duration,
    /// A ping without answer for this long ends the connection.
    #[arg(long, env = "MC_KEEPALIVE_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub keepalive_timeout: Duration,
    /// A connection is asked to move elsewhere after this, give or take a tenth.
    #[arg(long, env = "MC_MAX_CONNECTION_AGE", default_value = "30m", value_parser = parse_duration)]
    pub max_connection_age: Duration,
    /// What calls on a connection that was asked to move have left.
    #[arg(long, env = "MC_MAX_CONNECTION_AGE_GRACE", default_value = "1h", value_parser = parse_duration)]
    pub max_connection_age_grace: Duration,
    /// When stopping: how long to go on taking calls after health says NOT_SERVING, for balancers to notice.
    #[arg(long, env = "MC_DRAIN_DELAY", default_value = "0", value_parser = parse_duration)]
    pub drain_delay: Duration,
    /// When stopping: how long calls in progress have left.
    #[arg(long, env = "MC_DRAIN_GRACE", default_value = "25s", value_parser = parse_duration)]
    pub drain_grace: Duration,
}

impl ServerSettings {
    /// Where to listen: MC_LISTEN, else all addresses at PORT, else `default_port` on loopback alone.
    pub fn addresses(&self, default_port: u16) -> Vec<ListenAddress> {
        match self.port {
            _ if !self.listen.is_empty() => self.listen.clone(),
            Some(port) => vec![ListenAddress::Tcp(SocketAddr::from(([0, 0, 0, 0], port)))],
            None => vec![ListenAddress::Tcp(SocketAddr::from(([127, 0, 0, 1], default_port)))],
        }
    }
}

impl Default for ServerSettings {
    fn default() -> Self {
        defaults()
    }
}

impl Validate for ServerSettings {
    fn validate(&self) -> Result<(), Invalid> {
        let positive = [
            ("MC_MAX_CONCURRENT_STREAMS", self.max_concurrent_streams > 0),
            ("MC_MAX_CALLS", self.max_calls > 0),
            ("MC_MAX_OPEN_STREAMS", self.max_open_streams > 0),
            ("MC_CALL_DEADLINE", !self.call_deadline.is_zero()),
            ("MC_KEEPALIVE_INTERVAL", !self.keepalive_interval.is_zero()),
            ("MC_KEEPALIVE_TIMEOUT", !self.keepalive_timeout.is_zero()),
            ("MC_MAX_CONNECTION_AGE", !self.max_connection_age.is_zero()),
            ("MC_DRAIN_GRACE", !self.drain_grace.is_zero()),
        ];
        match positive.into_iter().find(|(_, ok)| !ok) {
            Some((setting, _)) => Err(Invalid::new(setting, "must be more than 0")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listen_wins_over_port_and_both_over_loopback() {
        let mut settings = ServerSettings::default();
        assert_eq!(settings.addresses(7101), ["127.0.0.1:7101".parse().expect("address")]);
        settings.port = Some(8080);
        assert_eq!(settings.addresses(7101), ["0.0.0.0:8080".parse().expect("address")]);
        settings.listen = vec!["unix:/run/mc.sock".parse().expect("address")];
        assert_eq!(settings.addresses(7101), [ListenAddress::Unix("/run/mc.sock".into())]);
        "unix:mc.sock".parse::<ListenAddress>().expect_err("relative");
        "localhost".parse::<ListenAddress>().expect_err("no port");
    }

    #[test]
    fn limit_of_zero_is_refused_by_name() {
        ServerSettings::default().validate().expect("defaults work");
        let settings = ServerSettings { max_calls: 0, ..ServerSettings::default() };
        assert_eq!(settings.validate().expect_err("refused").setting, "MC_MAX_CALLS");
    }
}
