//! Whose counter it is.

use std::net::{IpAddr, Ipv6Addr};

/// Whose counter of a limit it is. Without tenant and parts it is everybody's, who share one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The tenant, of all that belongs to callers: two tenants' callers of one name have a counter each.
    pub tenant: Option<&'a str>,
    /// What else tells it from the limit's other subjects, in the same order for all of them.
    pub parts: &'a [Part<'a>],
}

/// Something that a limit counts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// A caller, by its id.
    Principal(&'a str),
    /// A group that callers are in.
    Group(&'a str),
    /// A model.
    Model(&'a str),
    /// A listener.
    Listener(&'a str),
    /// Where a client is: see [`Part::address`].
    Address(IpAddr),
}

/// The part of an IPv6 address that is a client's own: whoever has a network of 64 bits has every address in it.
const NETWORK: u128 = !0 << 64;

impl Part<'_> {
    /// The part of a client's address that it cannot choose.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
            address => address,
        })
    }
}

impl Subject<'_> {
    /// Hands to `put`, piece by piece, the bytes that tell this subject from every other.
    pub fn spell(&self, mut put: impl FnMut(&[u8])) {
        if let Some(tenant) = self.tenant {
            text(b't', tenant, &mut put);
        }
        for part in self.parts {
            match part {
                Part::Principal(id) => text(b'p', id, &mut put),
                Part::Group(name) => text(b'g', name, &mut put),
                Part::Model(name) => text(b'm', name, &mut put),
                Part::Listener(name) => text(b'l', name, &mut put),
                Part::Address(IpAddr::V4(address)) => {
                    put(b"4");
                    put(&address.octets());
                }
                Part::Address(IpAddr::V6(address)) => {
                    put(b"6");
                    put(&address.octets());
                }
            }
        }
    }
}

/// With its length in front, so that no text ends in another place than it was meant to.
fn text(tag: u8, text: &str, put: &mut impl FnMut(&[u8])) {
    put(&[tag]);
    put(&text.len().to_le_bytes());
    put(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Part, Subject};

    fn spelt(tenant: Option<&str>, parts: &[Part<'_>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Subject { tenant, parts }.spell(|piece| bytes.extend_from_slice(piece));
        bytes
    }

    #[test]
    fn no_two_subjects_are_spelt_alike() {
        let [four, six] = ["192.0.2.1", "2001:db8::1"].map(|text| Part::address(text.parse().unwrap()));
        let all = [
            spelt(None, &[]),
            spelt(Some(""), &[]),
            spelt(Some("a"), &[]),
            spelt(None, &[Part::Principal("a")]),
            spelt(None, &[Part::Group("a")]),
            spelt(None, &[Part::Model("a")]),
            spelt(None, &[Part::Listener("a")]),
            spelt(Some("a"), &[Part::Principal("b")]),
            spelt(Some("ap"), &[Part::Principal("")]),
            spelt(None, &[Part::Principal("a"), Part::Model("b")]),
            spelt(None, &[Part::Principal("am"), Part::Model("")]),
            spelt(None, &[four]),
            spelt(None, &[six]),
            spelt(Some("a"), &[four]),
        ];
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
    }

    /// L-05.
    #[test]
    fn a_network_of_64_bits_is_one_client_and_a_mapped_address_the_one_it_maps() {
        let of = |text: &str| Part::address(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
