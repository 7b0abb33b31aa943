//! Which network address a request comes from, for the brakes.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use crate::App;
use crate::config::Network;
use crate::limits::FORWARDED_HOPS_MAX;

/// The network address that a request comes from. An IPv6 client has a /64 of addresses: they count as one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub String);

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Address {
        Address(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => {
                let [a, b, c, d, ..] = ip.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}")
            }
        })
    }
}

impl FromRequestParts<App> for Address {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Address, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Ok(peer.map_or_else(
            || Address("unknown".to_owned()),
            |ConnectInfo(peer)| Address::from(client(peer.ip(), &parts.headers, &app.config.trusted_proxies)),
        ))
    }
}

/// Whom a request comes from: the peer, unless it is a trusted proxy; then whoever the nearest proxy that is not trusted, or
/// the client, is said to be. What stands further left in the headers anyone may have written.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|network| network.contains(ip));
    if !is_trusted(peer) {
        return peer;
    }
    let nearest = |hops: Hops| {
        let mut nearest = peer;
        for hop in hops.into_iter().rev().take(FORWARDED_HOPS_MAX) {
            // A hop that cannot be read ends what can be believed.
            let Some(ip) = hop else { break };
            nearest = ip;
            if !is_trusted(ip) {
                break;
            }
        }
        nearest
    };
    match (x_forwarded_for(headers), forwarded(headers)) {
        (None, None) => peer,
        (Some(hops), None) | (None, Some(hops)) => nearest(hops),
        // A proxy writes one and passes the other on as it came. When they differ, one is a visitor's own: neither is
        // believed, and whoever sends both shares the brakes of the proxy.
        (Some(one), Some(other)) => {
            let (one, other) = (nearest(one), nearest(other));
            if one == other { one } else { peer }
        }
    }
}

/// The hops that a header names, the client first; `None` for one that is no IP address.
type Hops = Vec<Option<IpAddr>>;

/// The elements of a list header, over all of its lines; `None` when there is no such header.
fn elements(headers: &HeaderMap, name: &str) -> Option<Vec<String>> {
    let lines = headers.get_all(name).iter().map(|line| line.to_str().unwrap_or("?"));
    let elements: Vec<String> = lines.flat_map(|line| split(line, ',')).collect();
    (!elements.is_empty()).then_some(elements)
}

/// `X-Forwarded-For: client, proxy, proxy`.
fn x_forwarded_for(headers: &HeaderMap) -> Option<Hops> {
    let elements = elements(headers, "x-forwarded-for")?;
    Some(elements.iter().map(|element| node(element.trim())).collect())
}

/// `Forwarded: for=client;proto=https, for="[2001:db8::1]:4711"` (RFC 7239, "Forwarded HTTP Extension").
fn forwarded(headers: &HeaderMap) -> Option<Hops> {
    let elements = elements(headers, "forwarded")?;
    let hop = |element: &String| {
        let pairs = split(element, ';');
        let named = pairs.iter().filter_map(|pair| pair.trim().split_once('='));
        let value = named.filter(|(name, _)| name.eq_ignore_ascii_case("for")).map(|(_, value)| value).next()?;
        node(value.trim_matches('"'))
    };
    Some(elements.iter().map(hop).collect())
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn node(text: &str) -> Option<IpAddr> {
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    text.parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
        .or_else(bare)
        .map(|ip| ip.to_canonical())
}

/// Parts between separators that stand in no quotes.
fn split(text: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        quoted ^= c == '"';
        if c == separator && !quoted {
            parts.push(String::new());
        } else if let Some(part) = parts.last_mut() {
            part.push(c);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn addresses_of_one_network_count_as_one() {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(address("2001:db8:1:2::1"), address("2001:db8:1:2:ffff::9"));
        assert_ne!(address("2001:db8:1:2::1"), address("2001:db8:1:3::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
    }

    /// Whom a request from 10.0.0.1 with these headers comes from, where 10.0.0.0/8 is trusted.
    fn seen(headers: &[(&'static str, &str)]) -> String {
        seen_from("10.0.0.1", headers)
    }

    fn seen_from(peer: &str, headers: &[(&'static str, &str)]) -> String {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).unwrap());
        }
        client(peer.parse().unwrap(), &map, &["10.0.0.0/8".parse().unwrap()]).to_string()
    }

    #[test]
    fn behind_a_trusted_proxy_the_client_is_the_rightmost_that_is_not_trusted() {
        let x = "x-forwarded-for";
        assert_eq!(seen(&[]), "10.0.0.1");
        assert_eq!(seen(&[(x, "192.0.2.1")]), "192.0.2.1");
        assert_eq!(seen(&[(x, "6.6.6.6, 192.0.2.1")]), "192.0.2.1", "what stands left of it is the client's own");
        assert_eq!(seen(&[(x, "6.6.6.6, 192.0.2.1 , 10.1.1.1,10.2.2.2")]), "192.0.2.1");
        assert_eq!(seen(&[(x, "6.6.6.6"), (x, "192.0.2.1, 10.1.1.1")]), "192.0.2.1", "the lines are one list");
        assert_eq!(seen(&[(x, "10.3.3.3, 10.1.1.1")]), "10.3.3.3", "a client inside");
        assert_eq!(seen(&[(x, "192.0.2.1:4711")]), "192.0.2.1");
        assert_eq!(seen(&[(x, "::ffff:192.0.2.1")]), "192.0.2.1");
        assert_eq!(seen(&[(x, "[2001:db8::1]:80")]), "2001:db8::1");
    }

    #[test]
    fn the_standard_header_is_read_too() {
        let f = "forwarded";
        assert_eq!(seen(&[(f, "for=192.0.2.1")]), "192.0.2.1");
        assert_eq!(seen(&[(f, "for=6.6.6.6, For=\"[2001:db8::7]:99\";proto=https;by=10.0.0.1")]), "2001:db8::7");
        assert_eq!(seen(&[(f, "host=\"a,for=6.6.6.6\";for=192.0.2.1")]), "192.0.2.1", "quotes hold a comma");
        assert_eq!(seen(&[(f, "for=6.6.6.6, proto=https")]), "10.0.0.1", "the nearest hop says nothing");
    }

    #[test]
    fn nobody_else_can_say_who_they_are() {
        assert_eq!(seen_from("192.0.2.9", &[("x-forwarded-for", "6.6.6.6")]), "192.0.2.9");
        assert_eq!(seen(&[("x-forwarded-for", "192.0.2.1, unknown")]), "10.0.0.1");
        assert_eq!(seen(&[("x-forwarded-for", "")]), "10.0.0.1");
        assert_eq!(seen(&[("forwarded", "for=_hidden")]), "10.0.0.1");
        let both = |one: &str, other: &str| seen(&[("x-forwarded-for", one), ("forwarded", other)]);
        assert_eq!(both("192.0.2.1", "for=6.6.6.6"), "10.0.0.1");
        assert_eq!(both("192.0.2.1", "for=192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn w6_so_many_hops_are_looked_at() {
        let list = format!("192.0.2.1{}", ", 10.0.0.2".repeat(FORWARDED_HOPS_MAX));
        assert_eq!(seen(&[("x-forwarded-for", &list)]), "10.0.0.2");
    }
}
