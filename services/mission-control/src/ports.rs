//! Free TCP ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};

/// A port that nobody listened on a moment ago. Somebody may take it before it is used, so whoever uses it says clearly
/// when it is gone.
pub(crate) fn free() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port on 127.0.0.1")?;
    Ok(listener.local_addr().context("read the free port")?.port())
}

/// The first free port from `first` on, within a hundred.
pub(crate) fn next_free(first: u16) -> anyhow::Result<u16> {
    let found = (first..first.saturating_add(100)).find(|port| is_free(*port));
    found.with_context(|| format!("every port from {first} to {} is taken: name one with --port", first + 99))
}

/// A port that somebody asked for, or why it cannot be had.
pub(crate) fn must_be_free(port: u16) -> anyhow::Result<u16> {
    if is_free(port) {
        return Ok(port);
    }
    bail!("port {port} of 127.0.0.1 is taken: stop what listens there, or name another with --port")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_port_is_passed_over_or_refused() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind");
        let port = taken.local_addr().expect("address").port();
        assert_ne!(next_free(port).expect("another port"), port);
        assert!(must_be_free(port).expect_err("taken").to_string().contains("--port"));
    }
}
