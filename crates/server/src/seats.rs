//! How many connections a client address has open on one listener. It must not know what is done over them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use parking_lot::Mutex;

/// The part of an IPv6 address that is a client's own: whoever has a network of 64 bits has every address in it.
const NETWORK: u128 = !0 << 64;

/// The addresses that have connections, and how many. There are never more entries than connections.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seats(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A connection's place among those of its address; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Seats,
    address: IpAddr,
}

impl Seats {
    /// A place for a connection from `address`, unless that has `most` already.
    pub(crate) fn take(&self, address: IpAddr, most: usize) -> Option<Seat> {
        let address = own_part(address);
        let mut taken = self.0.lock();
        let count = taken.get(&address).copied().unwrap_or(0);
        if count >= most {
            return None;
        }
        taken.insert(address, count + 1);
        Some(Seat { seats: self.clone(), address })
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.seats.0.lock();
        match taken.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(taken.remove(&self.address)),
        }
    }
}

fn own_part(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & NETWORK).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seats_of(addresses: &[&str], most: usize) -> (Seats, Vec<Option<Seat>>) {
        let seats = Seats::default();
        let taken = addresses.iter().map(|address| seats.take(address.parse().unwrap(), most)).collect();
        (seats, taken)
    }

    #[test]
    fn each_address_has_its_own_places() {
        let (seats, mut taken) = seats_of(&["192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"], 2);
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, true, false]);
        drop(taken.remove(0));
        assert!(seats.take("192.0.2.1".parse().unwrap(), 2).is_some(), "a place given back is free again");
    }

    #[test]
    fn a_network_of_64_bits_is_one_client_and_a_mapped_address_the_one_it_maps() {
        let (_, taken) = seats_of(&["2001:db8::1", "2001:db8::ffff:2", "2001:db8:0:1::1"], 1);
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
        let (_, taken) = seats_of(&["::ffff:192.0.2.1", "192.0.2.1", "::ffff:192.0.2.2"], 1);
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
    }

    #[test]
    fn what_is_given_back_leaves_nothing_behind() {
        let (seats, taken) = seats_of(&["192.0.2.1", "192.0.2.1", "2001:db8::1"], 9);
        assert_eq!(seats.0.lock().len(), 2);
        drop(taken);
        assert!(seats.0.lock().is_empty());
    }
}
