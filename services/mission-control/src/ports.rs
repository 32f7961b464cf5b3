//! Free TCP ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context;

/// A port that nobody listened on a moment ago: `preferred` if it is free, else one that the system picks.
///
/// Somebody may take it before it is used, so whoever uses it says clearly when it is gone.
pub(crate) fn free(preferred: Option<u16>) -> anyhow::Result<u16> {
    if let Some(port) = preferred
        && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
    {
        return Ok(port);
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("read the free port")?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_not_handed_out() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let port = taken.local_addr().expect("address").port();
        assert_ne!(free(Some(port)).expect("another port"), port);
    }
}
