//! Which addresses are public, by the special-purpose registries of IANA (RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not public.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Loopback,
    Private,
    Shared,
    LinkLocal,
    Multicast,
    Embedding,
    Reserved,
}

impl Kind {
    pub(super) fn says(self) -> &'static str {
        match self {
            Self::Loopback => "a loopback address",
            Self::Private => "a private address",
            Self::Shared => "an address shared behind a provider's NAT",
            Self::LinkLocal => "a link-local address (cloud metadata lives there)",
            Self::Multicast => "a multicast or broadcast address",
            Self::Embedding => "an IPv6 address that embeds an IPv4 address",
            Self::Reserved => "a reserved address",
        }
    }

    /// Whether allowing a name allows this kind behind it. The rest has to be allowed as an address, since no service that a
    /// name stands for lives there.
    pub(super) fn may_be_named(self) -> bool {
        matches!(self, Self::Loopback | Self::Private | Self::Shared)
    }
}

/// Why the address is not public; none if it is.
pub(super) fn not_public(address: IpAddr) -> Option<Kind> {
    match address {
        IpAddr::V4(address) => v4(address),
        IpAddr::V6(address) => v6(address),
    }
}

fn v4(address: Ipv4Addr) -> Option<Kind> {
    match address.octets() {
        [127, ..] => Some(Kind::Loopback),
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some(Kind::Private),
        [100, 64..=127, ..] => Some(Kind::Shared),
        [169, 254, ..] => Some(Kind::LinkLocal),
        [224..=239, ..] | [255, 255, 255, 255] => Some(Kind::Multicast),
        // This network; IETF assignments; documentation; 6to4 relays; benchmarks; the former class E.
        [0 | 240..=255, ..]
        | [192, 0, 0 | 2, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Some(Kind::Reserved),
        _ => None,
    }
}

fn v6(address: Ipv6Addr) -> Option<Kind> {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Some(Kind::Loopback),
        // Unique local, and site-local, which some networks still use.
        [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(Kind::Private),
        [0xfe80..=0xfebf, ..] => Some(Kind::LinkLocal),
        [0xff00..=0xffff, ..] => Some(Kind::Multicast),
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(Kind::Reserved),
        // IPv4-compatible and -mapped (with the translated form), NAT64 with its local prefix, 6to4, Teredo.
        [0, 0, 0, 0, 0 | 0xffff, ..] | [0x0064, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => {
            Some(Kind::Embedding)
        }
        // IETF assignments (2001::/23) and documentation.
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x3fff, 0..=0x0fff, ..] => Some(Kind::Reserved),
        // Global unicast is 2000::/3 and nothing else.
        [0x2000..=0x3fff, ..] => None,
        _ => Some(Kind::Reserved),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn registries_are_followed_to_their_edges() {
        let refused = [
            ("0.0.0.0", Kind::Reserved),
            ("0.255.255.255", Kind::Reserved),
            ("10.0.0.0", Kind::Private),
            ("10.255.255.255", Kind::Private),
            ("100.64.0.0", Kind::Shared),
            ("100.127.255.255", Kind::Shared),
            ("127.0.0.1", Kind::Loopback),
            ("127.255.255.255", Kind::Loopback),
            ("169.254.0.0", Kind::LinkLocal),
            ("169.254.169.254", Kind::LinkLocal),
            ("172.16.0.0", Kind::Private),
            ("172.31.255.255", Kind::Private),
            ("192.0.0.1", Kind::Reserved),
            ("192.0.2.1", Kind::Reserved),
            ("192.88.99.1", Kind::Reserved),
            ("192.168.0.0", Kind::Private),
            ("192.168.255.255", Kind::Private),
            ("198.18.0.0", Kind::Reserved),
            ("198.19.255.255", Kind::Reserved),
            ("198.51.100.7", Kind::Reserved),
            ("203.0.113.7", Kind::Reserved),
            ("224.0.0.1", Kind::Multicast),
            ("239.255.255.255", Kind::Multicast),
            ("240.0.0.0", Kind::Reserved),
            ("255.255.255.254", Kind::Reserved),
            ("255.255.255.255", Kind::Multicast),
            ("::", Kind::Reserved),
            ("::1", Kind::Loopback),
            ("::127.0.0.1", Kind::Embedding),
            ("::ffff:127.0.0.1", Kind::Embedding),
            ("::ffff:8.8.8.8", Kind::Embedding),
            ("::ffff:0:8.8.8.8", Kind::Embedding),
            ("64:ff9b::7f00:1", Kind::Embedding),
            ("64:ff9b:1::1", Kind::Embedding),
            ("100::1", Kind::Reserved),
            ("2001::1", Kind::Embedding),
            ("2001:2::1", Kind::Reserved),
            ("2001:1ff:ffff::1", Kind::Reserved),
            ("2001:db8::1", Kind::Reserved),
            ("2002:7f00:1::", Kind::Embedding),
            ("3fff::1", Kind::Reserved),
            ("3fff:fff::1", Kind::Reserved),
            ("5f00::1", Kind::Reserved),
            ("fc00::1", Kind::Private),
            ("fd00:ec2::254", Kind::Private),
            ("fe80::1", Kind::LinkLocal),
            ("febf::1", Kind::LinkLocal),
            ("fec0::1", Kind::Private),
            ("ff02::1", Kind::Multicast),
        ];
        for (address, kind) in refused {
            assert_eq!(not_public(address.parse().unwrap()), Some(kind), "{address}");
        }
        let public = [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2001:200::1",
            "2001:4860:4860::8888",
            "2003::1",
            "2606:4700::1111",
            "2a00:1450::1",
            "3fff:1000::1",
        ];
        for address in public {
            assert_eq!(not_public(address.parse().unwrap()), None, "{address}");
        }
    }

    proptest! {
        /// The standard library's own judgement, as far as it is stable, is never stricter than ours.
        #[test]
        fn nothing_that_std_calls_special_is_public(v4: u32, v6: u128, prefix in 0..=16_u32) {
            let v4 = Ipv4Addr::from(v4);
            if v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()
                || v4.is_documentation() || v4.is_unspecified()
            {
                prop_assert!(not_public(v4.into()).is_some());
            }
            // Shifted, so that the prefixes of interest come up.
            let v6 = Ipv6Addr::from(v6 >> (prefix * 8).min(127));
            if v6.is_loopback() || v6.is_unicast_link_local() || v6.is_unique_local() || v6.is_multicast()
                || v6.is_unspecified() || v6.to_ipv4().is_some()
            {
                prop_assert!(not_public(v6.into()).is_some());
            }
        }

        /// However a private IPv4 address is dressed up as IPv6, it stays refused.
        #[test]
        fn embedded_addresses_are_refused(v4: u32) {
            let low = u128::from(v4);
            for address in [low, 0xffff_u128 << 32 | low, 0xffff_u128 << 48 | low, 0x0064_ff9b_u128 << 96 | low,
                0x2002_u128 << 112 | low << 80, 0x2001_0000_u128 << 96 | low]
            {
                prop_assert!(not_public(Ipv6Addr::from(address).into()).is_some());
            }
        }
    }
}
