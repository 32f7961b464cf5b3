//! How a service calls another.

use std::time::Duration;

use super::{Invalid, Validate, defaults, parse_duration};

/// How connections to another service are made, shared and renewed.
#[derive(Debug, Clone, clap::Args)]
pub struct ClientSettings {
    /// How long one attempt to connect may take.
    #[arg(long, env = "MC_CONNECT_TIMEOUT", default_value = "2s", value_parser = parse_duration)]
    pub connect_timeout: Duration,
    /// How long a call waits for a connection while the other service cannot be reached, before it fails.
    #[arg(long, env = "MC_CONNECT_PATIENCE", default_value = "5s", value_parser = parse_duration)]
    pub connect_patience: Duration,
    /// How often names are resolved again, give or take a fifth.
    #[arg(long, env = "MC_RESOLVE_INTERVAL", default_value = "5s", value_parser = parse_duration)]
    pub resolve_interval: Duration,
    /// A connection is replaced after this, give or take a fifth; calls on it end in peace.
    #[arg(long = "client-connection-age", env = "MC_CLIENT_CONNECTION_AGE", default_value = "5m", value_parser = parse_duration)]
    pub connection_age: Duration,
    /// A second connection to an address is closed after having been idle for this long.
    #[arg(long = "client-idle", env = "MC_CLIENT_IDLE", default_value = "60s", value_parser = parse_duration)]
    pub idle: Duration,
    /// Calls on one connection before another is opened; the server's own limit counts where it is lower.
    #[arg(long = "client-streams", env = "MC_CLIENT_STREAMS", default_value_t = 100)]
    pub streams_per_connection: usize,
    /// Connections to one address, for each of unary calls and streams.
    #[arg(long = "client-connections", env = "MC_CLIENT_CONNECTIONS", default_value_t = 64)]
    pub connections_per_address: usize,
    /// Deadline of a unary call that sets none.
    #[arg(id = "client_deadline", long = "client-deadline", env = "MC_CLIENT_DEADLINE", default_value = "30s", value_parser = parse_duration)]
    pub call_deadline: Duration,
    /// A connection is pinged after this long without a frame.
    #[arg(id = "client_keepalive_interval", long = "client-keepalive-interval", env = "MC_CLIENT_KEEPALIVE_INTERVAL", default_value = "20s", value_parser = parse_duration)]
    pub keepalive_interval: Duration,
    /// A ping without answer for this long ends the connection.
    #[arg(id = "client_keepalive_timeout", long = "client-keepalive-timeout", env = "MC_CLIENT_KEEPALIVE_TIMEOUT", default_value = "10s", value_parser = parse_duration)]
    pub keepalive_timeout: Duration,
}

impl Default for ClientSettings {
    fn default() -> Self {
        defaults()
    }
}

impl Validate for ClientSettings {
    fn validate(&self) -> Result<(), Invalid> {
        let positive = [
            ("MC_CONNECT_TIMEOUT", !self.connect_timeout.is_zero()),
            ("MC_RESOLVE_INTERVAL", !self.resolve_interval.is_zero()),
            ("MC_CLIENT_CONNECTION_AGE", !self.connection_age.is_zero()),
            ("MC_CLIENT_STREAMS", self.streams_per_connection > 0),
            ("MC_CLIENT_CONNECTIONS", self.connections_per_address > 0),
            ("MC_CLIENT_DEADLINE", !self.call_deadline.is_zero()),
            ("MC_CLIENT_KEEPALIVE_INTERVAL", !self.keepalive_interval.is_zero()),
            ("MC_CLIENT_KEEPALIVE_TIMEOUT", !self.keepalive_timeout.is_zero()),
        ];
        match positive.into_iter().find(|(_, ok)| !ok) {
            Some((setting, _)) => Err(Invalid::new(setting, "must be more than 0")),
            None => Ok(()),
        }
    }
}
