//! The PROXY protocol, version 2: with which a balancer that forwards bytes says, before the first of them, whose they are
//! (https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt). It must not know what comes behind.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::Buf;
use tokio::io::{AsyncRead, AsyncReadExt};

/// What each header begins with.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family, length.
const FIXED: usize = 16;

/// Bytes behind the fixed part: an address of a Unix socket (216), and room for what balancers add.
const LONGEST: usize = 4096;

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// The connection is of this client.
    Client(SocketAddr),
    /// The connection is the balancer's own (such as a health check), or of a client without an address.
    Peer,
}

/// It is no header, or one that is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// Reads a header and not a byte more. `None`: there is none, or not a whole one.
pub(crate) async fn read<Io: AsyncRead + Unpin>(io: &mut Io) -> Option<Announced> {
    let mut fixed = [0; FIXED];
    io.read_exact(&mut fixed).await.ok()?;
    let length = length(&fixed).ok()?;
    let mut rest = vec![0; length];
    io.read_exact(&mut rest).await.ok()?;
    parse(&fixed, &rest).ok()
}

/// Reads a whole header.
///
/// # Errors
/// It is none, or something stands behind it.
pub fn announced(header: &[u8]) -> Result<Announced, Malformed> {
    let (fixed, rest) = header.split_first_chunk::<FIXED>().ok_or(Malformed)?;
    if length(fixed)? != rest.len() {
        return Err(Malformed);
    }
    parse(fixed, rest)
}

/// How many bytes follow the fixed part.
fn length(fixed: &[u8; FIXED]) -> Result<usize, Malformed> {
    let [.., version, _, high, low] = *fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if !fixed.starts_with(&SIGNATURE) || version >> 4 != 2 || length > LONGEST { Err(Malformed) } else { Ok(length) }
}

fn parse(fixed: &[u8; FIXED], rest: &[u8]) -> Result<Announced, Malformed> {
    let [.., command, family, _, _] = *fixed;
    match command & 0xf {
        // LOCAL: what follows is to be skipped.
        0 => return Ok(Announced::Peer),
        1 => {}
        _ => return Err(Malformed),
    }
    let (client, extensions) = match family {
        // TCP over IPv4
        0x11 => {
            let (addresses, extensions) = rest.split_first_chunk::<12>().ok_or(Malformed)?;
            let mut addresses = &addresses[..];
            let ip = Ipv4Addr::from_bits(addresses.get_u32());
            addresses.advance(4);
            (Announced::Client(SocketAddr::new(ip.into(), addresses.get_u16())), extensions)
        }
        // TCP over IPv6
        0x21 => {
            let (addresses, extensions) = rest.split_first_chunk::<36>().ok_or(Malformed)?;
            let mut addresses = &addresses[..];
            let ip = Ipv6Addr::from_bits(addresses.get_u128());
            addresses.advance(16);
            (Announced::Client(SocketAddr::new(ip.to_canonical(), addresses.get_u16())), extensions)
        }
        // Unspecified, datagrams, Unix sockets: a client, but none with an address that means something here.
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => return Ok(Announced::Peer),
        _ => return Err(Malformed),
    };
    check_extensions(extensions)?;
    Ok(client)
}

/// Each has a type, two bytes of length, and so many bytes. None of them is needed here, but they must be whole.
fn check_extensions(mut rest: &[u8]) -> Result<(), Malformed> {
    while let Some(([_, high, low], behind)) = rest.split_first_chunk::<3>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = behind.get(length..).ok_or(Malformed)?;
    }
    if rest.is_empty() { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests;
