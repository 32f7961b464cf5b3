//! Whose network address a request comes from: the connection's, or what the proxies in front say of it.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The other end of the connection that a request came over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer(pub(super) IpAddr);

/// The client's address when `hops` proxies of ours stand in front, each of which adds whom it heard to `X-Forwarded-For`.
/// What stands before that was written by strangers and is not looked at.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, hops: u8) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let told: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
    let Some(back) = usize::from(hops).checked_sub(1) else { return peer.to_canonical() };
    // A request that came past some of the proxies was told of by fewer: the first one it met knew it.
    let at = told.len().checked_sub(1).map(|last| last.saturating_sub(back));
    at.and_then(|at| parse(told[at])).unwrap_or(peer).to_canonical()
}

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:80`, `[2001:db8::7]:80`.
fn parse(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn client(lines: &[&'static str], hops: u8) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        address("10.0.0.1".parse().expect("address"), &headers, hops).to_string()
    }

    #[test]
    fn what_strangers_write_is_not_believed() {
        assert_eq!(client(&["203.0.113.9"], 0), "10.0.0.1");
        assert_eq!(client(&["203.0.113.9, 192.0.2.7"], 1), "192.0.2.7", "the proxy adds at the end");
        assert_eq!(client(&["203.0.113.9", "192.0.2.7, 10.0.0.2"], 2), "192.0.2.7", "over lines too");
    }

    #[test]
    fn fewer_or_stranger_words_than_expected_end_at_the_connection_or_the_first_word() {
        assert_eq!(client(&[], 1), "10.0.0.1");
        assert_eq!(client(&["192.0.2.7"], 3), "192.0.2.7");
        for odd in ["", "unknown", "_hidden", "192.0.2.7.1"] {
            assert_eq!(client(&[odd], 1), "10.0.0.1", "{odd}");
        }
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        assert_eq!(client(&["192.0.2.7:4711"], 1), "192.0.2.7");
        assert_eq!(client(&["[2001:db8::7]:4711"], 1), "2001:db8::7");
        assert_eq!(client(&["[2001:db8::7]"], 1), "2001:db8::7");
        assert_eq!(client(&["::ffff:192.0.2.7"], 1), "192.0.2.7", "one client, one spelling");
    }
}
