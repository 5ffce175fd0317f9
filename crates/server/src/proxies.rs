//! Who stands before the gateway, and what is believed of what they say about a client: its address, and whether its
//! own connection is encrypted. It must not know what the address is used for.

use std::net::{IpAddr, SocketAddr};

use sluicegate_core::{Fields, Network};

/// Proxies in a row that are looked through; behind them the client is whoever the last one named.
const HOPS: usize = 32;

const FORWARDED: &str = "forwarded";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// Those before one listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// Whose `x-forwarded-for` and `forwarded` are believed.
    pub trusted: Vec<Network>,
    /// Who begins each connection with a PROXY protocol header.
    pub announcing: Vec<Network>,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) address: SocketAddr,
    /// A trusted proxy says that the client's connection to it is encrypted.
    pub(crate) secure: bool,
}

impl Proxies {
    /// Whether `peer` begins its connections with a PROXY protocol header.
    pub(crate) fn announces(&self, peer: SocketAddr) -> bool {
        is_in(&self.announcing, peer.ip())
    }

    /// Whether `peer` is a proxy, whose connections are those of many clients.
    pub(crate) fn is_one(&self, peer: SocketAddr) -> bool {
        self.announces(peer) || is_in(&self.trusted, peer.ip())
    }

    /// The client of a request that came from `peer`: the last address that is no trusted proxy's. What cannot be read
    /// ends the search, as does a proxy that is not trusted: whatever is before it, anybody may have written.
    pub(crate) fn client(&self, peer: SocketAddr, headers: &Fields) -> Client {
        let trusted = |address: SocketAddr| is_in(&self.trusted, address.ip());
        if !trusted(peer) {
            return Client { address: peer, secure: false };
        }
        let mut address = peer;
        let mut note = |text: &[u8]| match std::str::from_utf8(text).ok().and_then(|text| read(text.trim())) {
            Some(said) => {
                address = said;
                trusted(said)
            }
            None => false,
        };
        if headers.contains(FORWARDED_FOR) {
            let _ = backwards(headers, FORWARDED_FOR).take(HOPS).all(&mut note);
        } else {
            let _ = backwards(headers, FORWARDED).take(HOPS).all(|hop| parameter(hop, b"for").is_some_and(&mut note));
        }
        let proto = backwards(headers, FORWARDED_PROTO)
            .next()
            .map(<[u8]>::trim_ascii)
            .or_else(|| parameter(backwards(headers, FORWARDED).next()?, b"proto"));
        Client { address, secure: proto.is_some_and(|proto| proto.eq_ignore_ascii_case(b"https")) }
    }
}

fn is_in(networks: &[Network], address: IpAddr) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// The items of a field that is a list, the last one first.
fn backwards<'a>(headers: &'a Fields, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    headers.get_all(name).rev().flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','))
}

/// A parameter of a hop in `forwarded` (RFC 7239, section 4), without its quotes.
fn parameter<'a>(hop: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    hop.split(|byte| *byte == b';').find_map(|pair| {
        let place = pair.iter().position(|byte| *byte == b'=')?;
        let (key, value) = pair.split_at(place);
        let value = value.strip_prefix(b"=")?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        key.trim_ascii().eq_ignore_ascii_case(name).then_some(bare.unwrap_or(value))
    })
}

/// An address, with or without brackets and port. A port that is not there is zero.
fn read(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(canonical(address));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address.to_canonical(), 0))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, fields: &[(&'static str, &'static str)]) -> (String, bool) {
        let proxies =
            Proxies { trusted: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()], announcing: vec![] };
        let mut headers = Fields::new();
        for (name, value) in fields {
            headers.append(*name, http::HeaderValue::from_static(value));
        }
        let client = proxies.client(peer.parse().unwrap(), &headers);
        (client.address.to_string(), client.secure)
    }

    #[test]
    fn whoever_is_not_trusted_is_the_client() {
        let fields = [("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "https"), ("forwarded", "for=192.0.2.2")];
        assert_eq!(client("203.0.113.9:4711", &fields), ("203.0.113.9:4711".to_owned(), false));
    }

    #[test]
    fn the_last_address_that_is_no_proxys_is_the_client() {
        for (said, found) in [
            ("192.0.2.1", "192.0.2.1:0"),
            ("8.8.8.8, 192.0.2.1", "192.0.2.1:0"),
            ("8.8.8.8, 192.0.2.1, 10.1.1.1", "192.0.2.1:0"),
            ("192.0.2.1:99", "192.0.2.1:99"),
            ("[2001:db8::1]:99, fd00::1", "[2001:db8::1]:99"),
            ("2001:db8::1", "[2001:db8::1]:0"),
            ("::ffff:192.0.2.1", "192.0.2.1:0"),
            // All of them proxies: the first is as far as can be seen.
            ("10.2.2.2, 10.1.1.1", "10.2.2.2:0"),
            // What cannot be read ends it.
            ("8.8.8.8, unknown", "10.0.0.1:5"),
            ("8.8.8.8, unknown, 10.1.1.1", "10.1.1.1:0"),
            ("8.8.8.8, , 10.1.1.1", "10.1.1.1:0"),
            ("", "10.0.0.1:5"),
        ] {
            assert_eq!(client("10.0.0.1:5", &[("x-forwarded-for", said)]).0, found, "{said:?}");
        }
        let lines = [("x-forwarded-for", "8.8.8.8"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-for", "10.1.1.1")];
        assert_eq!(client("10.0.0.1:5", &lines).0, "192.0.2.1:0", "lines are one list");
    }

    #[test]
    fn forwarded_is_read_where_the_older_field_is_not_there() {
        for (said, found) in [
            ("for=192.0.2.1", ("192.0.2.1:0", false)),
            ("for=8.8.8.8, For=\"[2001:db8::1]:99\";proto=HTTPS;by=10.0.0.1", ("[2001:db8::1]:99", true)),
            ("for=8.8.8.8;proto=https, for=_hidden", ("10.0.0.1:5", false)),
            ("by=10.0.0.1", ("10.0.0.1:5", false)),
        ] {
            assert_eq!(client("10.0.0.1:5", &[("forwarded", said)]), (found.0.to_owned(), found.1), "{said}");
        }
        let both =
            [("forwarded", "for=8.8.8.8"), ("x-forwarded-for", "192.0.2.1"), ("x-forwarded-proto", "http, https")];
        assert_eq!(client("10.0.0.1:5", &both), ("192.0.2.1:0".to_owned(), true));
    }

    #[test]
    fn a_long_row_of_proxies_ends_somewhere() {
        let row: &'static str = Box::leak(format!("8.8.8.8{}", ", 10.1.1.1".repeat(100)).into_boxed_str());
        assert_eq!(client("10.0.0.1:5", &[("x-forwarded-for", row)]).0, "10.1.1.1:0");
    }
}
