//! Networks, as `192.0.2.0/24` or `2001:db8::/32`; an address alone is a network of one.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use serde::Deserialize;

/// A network of IP addresses. An IPv4 address counts as the IPv6 address that it is mapped to, so that a proxy is known
/// whichever way it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network {
    first: u128,
    /// Bits that all of its addresses share, of 128.
    shared: u32,
}

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no network: write an address, or one with the number of its fixed bits, such as 192.0.2.0/24")]
pub struct NotANetwork(String);

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let differing = bits(address) ^ self.first;
        differing.leading_zeros() >= self.shared
    }
}

impl FromStr for Network {
    type Err = NotANetwork;
    fn from_str(text: &str) -> Result<Network, NotANetwork> {
        let refused = || NotANetwork(text.to_owned());
        let (address, shared) = match text.split_once('/') {
            Some((address, shared)) => (address, Some(shared.parse::<u32>().map_err(|_| refused())?)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let own_bits = if address.is_ipv4() { 32 } else { 128 };
        let shared = shared.unwrap_or(own_bits);
        if shared > own_bits {
            return Err(refused());
        }
        let shared = 128 - own_bits + shared;
        // What is beyond the prefix is taken as zero: 192.0.2.7/24 is 192.0.2.0/24.
        let mask = u128::MAX.checked_shl(128 - shared).unwrap_or(0);
        Ok(Network { first: bits(address) & mask, shared })
    }
}

impl TryFrom<String> for Network {
    type Error = NotANetwork;
    fn try_from(text: String) -> Result<Network, NotANetwork> {
        text.parse()
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = Ipv6Addr::from_bits(self.first);
        match address.to_ipv4_mapped().filter(|_| self.shared >= 96) {
            Some(address) => write!(f, "{address}/{}", self.shared - 96),
            None => write!(f, "{address}/{}", self.shared),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_share_its_first_bits() {
        for (network, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7/24", "192.0.2.0", "192.0.1.255"),
            ("10.0.0.0/8", "::ffff:10.9.8.7", "::10.9.8.7"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("0.0.0.0/0", "255.1.2.3", "2001:db8::1"),
            ("2001:db8::/33", "2001:db8:7fff::1", "2001:db8:8000::1"),
            ("::1", "::1", "::2"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(inside.parse().unwrap()), "{network} {inside}");
            assert!(!parsed.contains(outside.parse().unwrap()), "{network} {outside}");
            assert_eq!(parsed.to_string().parse::<Network>().unwrap(), parsed, "{network}");
        }
        assert!("::/0".parse::<Network>().unwrap().contains("1.2.3.4".parse().unwrap()));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "/", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/x", "10.0.0.0/-1", "proxy", "10.0.0.0/8/8"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
