// SPDX-License-Identifier: Apache-2.0
//! Which addresses this server may connect to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// IPv4 ranges that are not the public Internet (IANA special-purpose registry), as address and
/// prefix length.
const REFUSED_V4: &[([u8; 4], u8)] = &[
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    // Link-local, with the metadata services of clouds.
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 31, 196, 0], 24),
    ([192, 52, 193, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([192, 175, 48, 0], 24),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved, broadcast.
    ([224, 0, 0, 0], 3),
];

/// The only IPv6 range that is handed out for the public Internet.
const PUBLIC_V6: ([u16; 8], u8) = ([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

/// What inside [`PUBLIC_V6`] is not public, or leads to IPv4 in disguise.
const REFUSED_V6: &[([u16; 8], u8)] = &[
    // IETF assignments: Teredo, ORCHID, benchmarking.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // 6to4.
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Decides about addresses: public ones, and those the operator allows.
#[derive(Debug, Clone, Default)]
pub struct AddressGuard {
    allowed: Vec<IpNet>,
}

impl AddressGuard {
    /// A guard that lets everything through, for what the operator's own configuration names.
    pub(super) fn open() -> Self {
        let everything = [
            IpNet::from(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
            IpNet::from(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
        ];
        Self { allowed: everything.to_vec() }
    }

    /// A guard that lets through public addresses and those in `networks` (CIDR, or one address).
    pub fn new(networks: &[String]) -> Result<Self, String> {
        let parse = |text: &String| {
            let network = text.parse::<IpNet>().ok();
            network
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
                .ok_or_else(|| format!("outbound.allowed_networks: `{text}` is not a network"))
        };
        Ok(Self { allowed: networks.iter().map(parse).collect::<Result<_, _>>()? })
    }

    /// Whether a connection to `address` may be made. An IPv4 address written as IPv6 is judged as
    /// the IPv4 address that it is.
    pub fn allows(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.allowed.iter().any(|network| network.contains(&address)) || is_public(address)
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !REFUSED_V4.iter().any(|(start, prefix)| {
            Ipv4Net::new(Ipv4Addr::from(*start), *prefix).is_ok_and(|net| net.contains(&address))
        }),
        IpAddr::V6(address) => {
            let within = |(start, prefix): &([u16; 8], u8)| {
                Ipv6Net::new(Ipv6Addr::from(*start), *prefix)
                    .is_ok_and(|net| net.contains(&address))
            };
            within(&PUBLIC_V6) && !REFUSED_V6.iter().any(within)
        }
    }
}
