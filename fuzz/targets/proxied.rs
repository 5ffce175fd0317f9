//! Headers of the PROXY protocol: refused, or the same client after the header is written anew; nothing shorter and nothing
//! longer is the same header.
//!
//! A corpus file is a header.

use std::net::{IpAddr, SocketAddr};

use sluicegate_server::{Announced, announced};

/// Reads one header and checks what must hold of it.
pub fn run(data: &[u8]) {
    let read = announced(data);
    if read.is_err() {
        return;
    }
    // The length is part of it: cut anywhere, or with a byte behind it, it is none.
    assert!((0..data.len()).step_by(data.len() / 64 + 1).all(|length| announced(&data[..length]).is_err()));
    assert!(announced(&[data, b"x"].concat()).is_err());
    assert!(data.len() <= 16 + 4096 && data.starts_with(b"\r\n\r\n\0\r\nQUIT\n"));
    if let Ok(Announced::Client(client)) = read {
        assert_eq!(client.ip(), client.ip().to_canonical());
        assert_eq!(announced(&header(client)), read);
    }
}

fn header(client: SocketAddr) -> Vec<u8> {
    let (family, mut addresses) = match client.ip() {
        IpAddr::V4(v4) => (0x11, [v4.octets(), [0; 4]].concat()),
        IpAddr::V6(v6) => (0x21, [v6.octets(), [0; 16]].concat()),
    };
    addresses.extend(client.port().to_be_bytes());
    addresses.extend([0, 80]);
    let length = u16::try_from(addresses.len()).unwrap_or_default().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n\x21"[..], &[family], &length, &addresses].concat()
}
